/*
 * "Content Discovery" of the distribution spec: tags (end-8), Docker's catalog, referrers (end-12). Pages are bounded:
 * where there is more, `Link: rel="next"` (RFC 8288) leads on.
 */
#include "handlers.h"
#include <cove/codec.h>
#include <cove/json.h>

#define TAGS_PAGE_MAX 10000
#define CATALOG_PAGE_MAX 1000
#define CATALOG_LOOKS_MAX 2000
#define REFERRERS_PAGE_MAX 100
#define REFERRERS_BYTES_MAX (4u * 1024 * 1024) /* "the response SHOULD NOT exceed 4 MiB" of a manifest */

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

/* end-8: {"name":"team/app","tags":[...]} in bytewise order, from after `last`. */
enum rc tags_get(struct exchange *x)
{
	struct buf *out = &x->reply.content;
	struct listing l = {.x = x, .out = out};
	struct page page;
	bool more = false;

	TRY(page_parse(x, TAGS_PAGE_MAX, &page));
	buf_init(out, TAGS_PAGE_MAX * (TAG_MAX + 3) + 1024);
	buf_addz(out, "{");
	json_put_member_str(out, "name", x->asked);
	json_put_name(out, "tags");
	buf_addz(out, "[");
	TRY(tag_list(x->site->store, x->name, page.last, page.n, put_entry, &l, &more, &x->err));
	buf_addz(out, "]}");
	if (more && page.n)
		reply_next_page(x, "tags/list", x->asked, page.n, l.last);
	return finish(x, "application/json");
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

struct referrers {
	struct buf *out;
	int64_t last_id;
	bool full;
};

static enum rc put_referrer(void *ctx, const struct referrer *r, struct err *err)
{
	struct referrers *list = ctx;
	struct buf *out = list->out;
	char text[DIGEST_TEXT_MAX];
	size_t need = r->annotations.n + r->artifact_type.n + MEDIA_TYPE_MAX + 512;

	(void)err;
	/* one descriptor at least, whatever its size: else its page would never end */
	if (list->full || (list->last_id && out->n + need > REFERRERS_BYTES_MAX)) {
		list->full = true;
		return OK;
	}
	digest_text(text, &r->manifest.digest);
	json_put_comma(out);
	buf_addz(out, "{");
	json_put_member_str(out, "mediaType", str_of(r->manifest.media_type));
	json_put_member_str(out, "digest", str_of(text));
	json_put_member_u64(out, "size", r->manifest.size);
	if (r->artifact_type.n)
		json_put_member_str(out, "artifactType", r->artifact_type);
	if (r->annotations.n) {
		json_put_name(out, "annotations");
		buf_add(out, r->annotations);
	}
	buf_addz(out, "}");
	list->last_id = r->manifest.id;
	return OK;
}

/* end-12: an image index of the manifests whose subject is <digest>; unknown ones have none ("MUST NOT return 404"). */
enum rc referrers_get(struct exchange *x)
{
	struct referrers list = {.out = &x->reply.content};
	struct str type, text;
	uint64_t after = 0;
	bool more = false;
	bool filtered = query_get(x, "artifactType", &type) && type.n;
	char digest[DIGEST_TEXT_MAX];
	struct buf link = BUF_INIT(2048);

	if (query_get(x, "after", &text) && (!str_u64(text, &after) || after > INT64_MAX))
		return fail_rc(&x->err, E_PAGE_INVALID);
	buf_init(list.out, REFERRERS_BYTES_MAX + MANIFEST_MAX + 4096);
	buf_addz(list.out, "{");
	json_put_member_u64(list.out, "schemaVersion", 2);
	json_put_member_str(list.out, "mediaType", STR("application/vnd.oci.image.index.v1+json"));
	json_put_name(list.out, "manifests");
	buf_addz(list.out, "[");
	TRY(referrer_list(x->site->store, x->name, &x->digest, filtered ? type : STR_NONE, (int64_t)after,
	    REFERRERS_PAGE_MAX, put_referrer, &list, &more, &x->err));
	buf_addz(list.out, "]}");
	if (filtered)
		reply_field(x, "OCI-Filters-Applied", "artifactType");
	if (more || list.full) {
		digest_text(digest, &x->digest);
		buf_addf(
		    &link, "</v2/%.*s/referrers/%s?after=%lld", STR_ARG(x->name.s), digest, (long long)list.last_id);
		if (filtered) {
			buf_addz(&link, "&artifactType=");
			percent_encode(&link, type);
		}
		buf_addz(&link, ">; rel=\"next\"");
		if (buf_ok(&link))
			reply_field(x, "Link", "%.*s", STR_ARG(buf_str(&link)));
		buf_release(&link);
	}
	return finish(x, "application/vnd.oci.image.index.v1+json");
}
