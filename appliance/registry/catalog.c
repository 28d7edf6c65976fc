/* Docker's catalog: the repositories that the requester may pull, a bounded page at a time. */
#include "handlers.h"
#include <cove/auth/rights.h>
#include <cove/base/json.h>

#define CATALOG_PAGE_MAX 1000
#define CATALOG_LOOKS_MAX 2000
#define CATALOG_WORK_MAX (8u << 20) /* bytes of grants' patterns, over all looks of a request */

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
		return fail(&x->err, E_BUSY, "the list is too long: request fewer entries with n=");
	return reply_bytes(x, 200, content_type, buf_str(&x->reply.content));
}

/*
 * Only what the requester may pull is listed (docs/clients.md, Tokens 16). Where the grants cannot match is skipped,
 * and one request looks at so many names at most: after them the page ends, maybe with no entry, and its link goes on
 * from there. The link gives the id of the last repository looked at, since its name may be none of the requester's
 * business.
 */
struct catalog {
	struct listing listing;
	struct str prefix; /* of the namespace whose listener or host this is, with the slash; names are without it */
	struct str leaves[LEAVES_MAX];                  /* prefixes in the store: of a group several, else that one */
	const struct namespace *namespaces[LEAVES_MAX]; /* theirs, where there is a prefix */
	size_t leaf_count;
	bool is_group;
	struct rights *rights; /* the requester's */
	struct name_at at;     /* where to look next: a full name as the client's token would have it */
	struct repository looked_at;
	uint64_t room;
	bool full; /* something comes after the page's last entry */
};

/* Of the one that a listener or host is bound to. */
static void add_leaves(struct exchange *x, const struct namespace *bound, struct catalog *c)
{
	c->leaf_count = namespace_behind(bound, c->namespaces);
	c->is_group = bound->kind == NAMESPACE_GROUP;
	for (size_t i = 0; i < c->leaf_count; i++)
		c->leaves[i] = c->namespaces[i]->name.n
				   ? arena_printf(x->arena, "%.*s/", STR_ARG(c->namespaces[i]->name))
				   : STR("");
}

/* What lies in another namespace within a member is not the group's. */
static bool is_of_leaf(const struct catalog *c, size_t leaf, struct str full)
{
	return !c->is_group || namespace_of_name(c->namespaces[leaf]->set, full) == c->namespaces[leaf];
}

/* The name that the client knows a repository of the store by; false when it is of none of the leaves. */
static bool visible_name(
    const struct catalog *c, const struct repository *r, char out[static PATTERN_MAX + 1], size_t *n)
{
	struct str name = {r->name, r->n};

	for (size_t i = 0; i < c->leaf_count; i++) {
		if (!str_starts(name, c->leaves[i]) || c->prefix.n + name.n - c->leaves[i].n > PATTERN_MAX)
			continue;
		name = str_from(name, c->leaves[i].n);
		memcpy(out, c->prefix.p, c->prefix.n);
		memcpy(out + c->prefix.n, name.p, name.n);
		*n = c->prefix.n + name.n;
		return true;
	}
	return false;
}

/* Behind that name. */
static void set_at(struct catalog *c, const char *name, size_t n)
{
	memmove(c->at.p, name, n);
	c->at.p[n] = '\0';
	c->at.n = n ? n + 1 : 0;
}

static enum rc catalog_start(struct exchange *x, struct str last, struct catalog *c)
{
	const struct namespace *bound;
	struct str text;
	uint64_t id;
	bool found;

	TRY(exchange_namespaces(x));
	bound = namespace_bound(x->namespaces, &x->approach);
	c->prefix = bound ? arena_printf(x->arena, "%.*s/", STR_ARG(bound->name)) : STR("");
	if (bound)
		add_leaves(x, bound, c);
	else
		c->leaves[c->leaf_count++] = STR("");
	if (query_get(x, "after", &text)) {
		char name[PATTERN_MAX + 1];
		size_t n = 0;

		if (!str_u64(text, &id) || id > INT64_MAX)
			return fail(&x->err, E_PAGE_INVALID,
			    "this position in the list is not valid: read the list from its start");
		TRY(repository_by_id(x->site->store, (int64_t)id, &found, &c->looked_at, &x->err));
		if (!found || !visible_name(c, &c->looked_at, name, &n))
			return fail(&x->err, E_PAGE_INVALID, "the list has changed: read it from its start");
		set_at(c, name, n);
		return OK;
	}
	last = arena_printf(x->arena, "%.*s%.*s", STR_ARG(c->prefix), STR_ARG(last));
	/* no name is longer than the room for it: what is cut off changes no comparison */
	last = str_first(last, sizeof(c->at.p) - 1);
	set_at(c, last.p, last.n);
	return OK;
}

/* The first name of all leaves from `at` on, into looked_at. *ours: it can be asked for by that name. */
static enum rc catalog_next(struct exchange *x, struct catalog *c, struct str *rest, bool *found, bool *ours)
{
	struct str at = str_from((struct str){c->at.p, c->at.n}, c->prefix.n);
	struct repository r;

	*found = *ours = false;
	for (size_t i = 0; i < c->leaf_count; i++) {
		struct str from = arena_printf(x->arena, "%.*s%.*s", STR_ARG(c->leaves[i]), STR_ARG(at)), name;
		bool here;

		if (str_has(at, '\0')) /* printf has stopped there */
			from = (struct str){from.p, from.n + 1};
		if (!from.p)
			return fail_rc(&x->err, E_BUSY);
		TRY(repository_seek(x->site->store, from, &here, &r, &x->err));
		if (!here || !str_starts((struct str){r.name, r.n}, c->leaves[i]))
			continue;
		name = str_from((struct str){r.name, r.n}, c->leaves[i].n);
		here = is_of_leaf(c, i, (struct str){r.name, r.n});
		if (*found && str_cmp(name, *rest) >= 0) {
			*ours = *ours || (here && str_eq(name, *rest));
			continue;
		}
		*ours = here;
		*found = true;
		c->looked_at = r;
		*rest = str_from((struct str){c->looked_at.name, c->looked_at.n}, c->leaves[i].n);
	}
	return OK;
}

/* On to where the grants may match. *more false: nowhere, or behind all names of this listener's namespace. */
static bool catalog_leap(struct catalog *c)
{
	return rights_seek(c->rights, &c->at) && str_starts((struct str){c->at.p, c->at.n}, c->prefix);
}

/* Looks at one repository. *end: there is none. */
static enum rc catalog_look(struct exchange *x, struct catalog *c, bool *end)
{
	struct arena_mark mark = arena_mark(x->arena);
	struct str rest, name;
	bool found, ours;

	TRY(catalog_next(x, c, &rest, &found, &ours));
	arena_rewind(x->arena, mark);
	*end = !found;
	if (!found)
		return OK;
	if (c->prefix.n + rest.n > PATTERN_MAX) /* too long a name in the group: nobody could ask for it */
		rest = str_first(rest, PATTERN_MAX - c->prefix.n);
	memcpy(c->at.p, c->prefix.p, c->prefix.n);
	memcpy(c->at.p + c->prefix.n, rest.p, rest.n);
	c->at.n = c->prefix.n + rest.n + 1;
	c->at.p[c->at.n - 1] = '\0';
	name = (struct str){c->at.p, c->at.n - 1};
	if (!ours)
		return OK;
	if (!(rights_on(c->rights, name) & MAY_PULL)) {
		*end = !catalog_leap(c);
		return OK;
	}
	*end = c->full = c->room == 0;
	if (c->full)
		return OK;
	c->room--;
	return put_entry(&c->listing, rest, &x->err);
}

/* As many looks as the work of one request may be, but always one, or it would not move on. */
static enum rc catalog_page(struct exchange *x, struct catalog *c, bool *more)
{
	*more = catalog_leap(c) && c->room;
	for (unsigned looks = 0; *more; looks++) {
		bool end;

		if (looks && (looks == CATALOG_LOOKS_MAX || rights_spent(c->rights) > CATALOG_WORK_MAX))
			return OK;
		TRY(catalog_look(x, c, &end));
		*more = !end;
	}
	return OK;
}

enum rc catalog_get(struct exchange *x)
{
	struct buf *out = &x->reply.content;
	struct catalog c = {.listing = {.x = x, .out = out}};
	struct page page;
	bool more = false;
	enum rc rc;

	TRY(exchange_list_lane(x));
	TRY(page_parse(x, CATALOG_PAGE_MAX, &page));
	TRY(catalog_start(x, page.last, &c));
	buf_init(out, CATALOG_PAGE_MAX * (REPO_NAME_MAX + 3) + 1024);
	buf_addz(out, "{");
	json_put_name(out, "repositories");
	buf_addz(out, "[");
	c.room = page.n;
	TRY(rights_take(x->site->auth, &x->who, &c.rights, &x->err));
	rc = catalog_page(x, &c, &more);
	rights_free(c.rights);
	TRY(rc);
	buf_addz(out, "]}");
	if (c.full)
		TRY(reply_next_page(x, STR("_catalog"), page.n, c.listing.last));
	else if (more)
		reply_field(x, "Link", "</v2/_catalog?n=%llu&after=%lld>; rel=\"next\"", (unsigned long long)page.n,
		    (long long)c.looked_at.id);
	return finish(x, "application/json");
}
