/* Docker's catalog: the repositories that the requester may pull, a bounded page at a time. */
#include "handlers.h"
#include <cove/json.h>

#define CATALOG_PAGE_MAX 1000
#define CATALOG_LOOKS_MAX 2000

/* A JSON array of strings under way, and the last entry, for the next page's link. */
struct listing {
	struct exchange *x;
	struct buf *out;
	struct str last; /* in the arena */
	char last_text[REPO_NAME_MAX + 1];
};

static enum rc put_entry(void *ctx, struct str entry, struct err *err)
{
	struct listing *l = ctx;

	json_put_comma(l->out);
	json_put_str(l->out, entry);
	if (entry.n >= sizeof(l->last_text))
		return fail(err, E_INTERNAL, "an entry of a list is too long");
	memcpy(l->last_text, entry.p, entry.n);
	l->last = (struct str){l->last_text, entry.n};
	return OK;
}

static enum rc finish(struct exchange *x, const char *content_type)
{
	if (!buf_ok(&x->reply.content))
		return fail(&x->err, E_BUSY, "the list is too long: ask for fewer entries with n=");
	return reply_bytes(x, 200, content_type, buf_str(&x->reply.content));
}

/*
 * Only what the requester may pull is listed (clients.md 2.1.3 rule 16). Where the grants cannot match is skipped, and
 * one request looks at so many names at most: after them the page ends, maybe with no entry, and its link goes on from
 * there. The link gives the id of the last repository looked at, since its name may be none of the requester's
 * business.
 */
struct catalog {
	struct listing listing;
	struct str prefix; /* of the namespace whose listener or host this is, with the slash; names are without it */
	struct name_at at; /* where to look next */
	struct repository looked_at;
	uint64_t room;
	bool full; /* something comes after the page's last entry */
};

static enum rc catalog_start(struct exchange *x, struct str last, struct catalog *c)
{
	const struct namespace *bound;
	uint64_t id;
	bool found;
	struct str text;

	TRY(exchange_namespaces(x));
	bound = namespace_bound(x->namespaces, &x->approach);
	if (bound)
		c->prefix = arena_printf(x->arena, "%.*s/", STR_ARG(bound->name));
	last = arena_printf(x->arena, "%.*s%.*s", STR_ARG(c->prefix), STR_ARG(last));
	/* no name is longer than the room for it: what is cut off changes no comparison */
	last = str_first(last, sizeof(c->at.p) - 1);
	if (query_get(x, "after", &text)) {
		if (!str_u64(text, &id) || id > INT64_MAX)
			return fail_rc(&x->err, E_PAGE_INVALID);
		TRY(repository_by_id(x->site->store, (int64_t)id, &found, &c->looked_at, &x->err));
		if (!found)
			return fail(&x->err, E_PAGE_INVALID, "the list has changed: read it from its start");
		last = (struct str){c->looked_at.name, c->looked_at.n};
	}
	if (!last.n)
		return OK;
	memcpy(c->at.p, last.p, last.n);
	c->at.p[last.n] = '\0';
	c->at.n = last.n + 1;
	return OK;
}

/* Looks at one repository. *end: there is none. */
static enum rc catalog_look(struct exchange *x, struct catalog *c, bool *end)
{
	struct str name;
	unsigned actions;
	bool found;

	*end = true;
	TRY(repository_seek(x->site->store, (struct str){c->at.p, c->at.n}, &found, &c->looked_at, &x->err));
	if (!found)
		return OK;
	name = (struct str){c->looked_at.name, c->looked_at.n};
	if (!str_starts(name, c->prefix))
		return OK;
	c->at.n = name.n + 1;
	memcpy(c->at.p, c->looked_at.name, c->at.n);
	TRY(auth_actions(x->site->auth, &x->who, name, &actions, &x->err));
	if (!(actions & MAY_PULL)) {
		TRY(auth_seek(x->site->auth, &x->who, &c->at, &found, &x->err));
		*end = !found;
		return OK;
	}
	*end = c->full = c->room == 0;
	if (c->full)
		return OK;
	c->room--;
	return put_entry(&c->listing, str_from(name, c->prefix.n), &x->err);
}

enum rc catalog_get(struct exchange *x)
{
	struct buf *out = &x->reply.content;
	struct catalog c = {.listing = {.x = x, .out = out}};
	struct page page;
	bool more;

	TRY(page_parse(x, CATALOG_PAGE_MAX, &page));
	TRY(catalog_start(x, page.last, &c));
	TRY(auth_seek(x->site->auth, &x->who, &c.at, &more, &x->err));
	buf_init(out, CATALOG_PAGE_MAX * (REPO_NAME_MAX + 3) + 1024);
	buf_addz(out, "{");
	json_put_name(out, "repositories");
	buf_addz(out, "[");
	c.room = page.n;
	more = more && page.n;
	for (unsigned looks = 0; more && looks < CATALOG_LOOKS_MAX; looks++) {
		bool end;

		TRY(catalog_look(x, &c, &end));
		more = !end;
	}
	buf_addz(out, "]}");
	if (c.full)
		reply_next_page(x, "_catalog", STR_NONE, page.n, c.listing.last);
	else if (more)
		reply_field(x, "Link", "</v2/_catalog?n=%llu&after=%lld>; rel=\"next\"", (unsigned long long)page.n,
		    (long long)c.looked_at.id);
	return finish(x, "application/json");
}
