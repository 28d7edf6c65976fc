/*
 * end-8: {"name":"team/app","tags":[...]} in bytewise order, from after `last`. A hosted repository's is read off the
 * store; that of a proxy or a group is one page of each namespace behind it, merged.
 */
#include "handlers.h"
#include "source.h"
#include <cove/base/codec.h>
#include <cove/base/json.h>
#include <stdlib.h>

#define TAGS_PAGE_MAX 10000
#define UPSTREAM_PAGE 1000 /* more is refused by some */
#define UPSTREAM_PAGES_MAX 20

struct listing {
	struct exchange *x;
	struct buf *out;
	char last[TAG_MAX + 1];
	size_t last_n;
};

static enum rc put_tag(void *ctx, struct str tag, struct err *err)
{
	struct listing *l = ctx;

	if (tag.n > TAG_MAX)
		return fail(err, E_INTERNAL, "a tag in the database is too long");
	json_put_comma(l->out);
	json_put_str(l->out, tag);
	memcpy(l->last, tag.p, tag.n);
	l->last_n = tag.n;
	return OK;
}

static void begin(struct listing *l)
{
	buf_init(l->out, TAGS_PAGE_MAX * (TAG_MAX + 3) + 1024);
	buf_addz(l->out, "{");
	json_put_member_str(l->out, "name", l->x->asked);
	json_put_name(l->out, "tags");
	buf_addz(l->out, "[");
}

static enum rc end(struct listing *l, uint64_t n, bool more)
{
	struct exchange *x = l->x;

	buf_addz(l->out, "]}");
	if (more && n)
		TRY(reply_next_page(x, STR("tags/list"), n, (struct str){l->last, l->last_n}));
	if (!buf_ok(l->out))
		return fail(&x->err, E_BUSY, "the list is too long: ask for fewer entries with n=");
	return reply_bytes(x, 200, "application/json", buf_str(l->out));
}

/* ---- of several namespaces ---- */

struct merge {
	const struct page *page;
	struct str *tags; /* in the arena */
	size_t count, room;
	bool more; /* a namespace has some behind what it gave */
};

static enum rc merge_add(void *ctx, struct str tag, struct err *err)
{
	struct merge *m = ctx;

	if (m->count == m->room)
		return fail(err, E_BUSY, "the list is too long: ask for fewer entries with n=");
	m->tags[m->count++] = tag;
	return OK;
}

struct copying {
	struct exchange *x;
	struct merge *m;
};

static enum rc copy_tag(void *ctx, struct str tag, struct err *err)
{
	const struct copying *c = ctx;
	struct str copy = arena_str(c->x->arena, tag);

	return copy.p ? merge_add(c->m, copy, err) : fail_rc(err, E_BUSY);
}

static enum rc merge_stored(struct exchange *x, const struct place *leaf, struct merge *m)
{
	struct copying c = {x, m};
	bool more;

	TRY(tag_list(x->site->store, place_name(leaf), m->page->last, m->page->n, copy_tag, &c, &more, &x->err));
	m->more = m->more || more;
	return OK;
}

/* What the upstream lists. Whoever asks it to go on after `last` gets what is behind, but not all of them know that.
 * *sorted becomes false where they are not. */
static enum rc merge_document(struct exchange *x, struct str document, struct merge *m, bool *sorted)
{
	struct copying c = {x, m};
	struct json *doc;
	struct tag tag;
	struct str before = STR_NONE;
	enum rc rc;

	rc = json_parse(document, &doc, &x->err);
	if (rc)
		return fail(&x->err, E_UPSTREAM_ANSWER, "the upstream's list of tags is not valid JSON");
	for (const struct json *v = json_first(json_member(doc, "tags")); v && !rc; v = json_next(v)) {
		struct str text = json_string(v);

		*sorted = *sorted && str_cmp(before, text) <= 0;
		before = text;
		if (tag_parse(text, &tag, NULL) == OK && str_cmp(text, m->page->last) > 0)
			rc = copy_tag(&c, text, &x->err);
	}
	json_free(doc);
	return rc;
}

static enum rc query_behind(struct exchange *x, struct str last, struct str *out)
{
	struct buf query = BUF_INIT(LINK_MAX);
	bool fits;

	buf_addf(&query, "n=%d&last=", UPSTREAM_PAGE);
	percent_encode(&query, last);
	*out = arena_str(x->arena, buf_str(&query));
	fits = buf_ok(&query);
	buf_release(&query);
	return fits ? OK : fail(&x->err, E_PAGE_INVALID, "no tag is as long as this last");
}

/*
 * Tags "MUST be in lexical order", but some (ghcr.io) give them as they were pushed: what they have behind `last` says
 * nothing. That shows on a large page from the start, on which most have all. What is sorted is read from `last` on;
 * the rest is read as a whole, within bounds, and sorted here.
 */
static enum rc ask_upstream(struct exchange *x, const struct place *leaf, struct merge *m)
{
	struct str document, next, query = arena_printf(x->arena, "n=%d", UPSTREAM_PAGE);
	size_t count = m->count;
	bool sorted = true;

	for (int page = 0; page < UPSTREAM_PAGES_MAX; page++) {
		TRY(upstream_list(x->site->upstream, x, leaf, STR("tags/list"), query, &document, &next, &x->err));
		TRY(merge_document(x, document, m, &sorted));
		if (!next.n)
			return OK;
		if (sorted && m->count - count > m->page->n) {
			m->more = true;
			return OK;
		}
		query = next;
		if (!page && sorted && m->count == count && m->page->last.n)
			TRY(query_behind(x, m->page->last, &query));
	}
	reply_warning(x, STR("the upstream has more tags than are read at once: not all are listed"));
	return OK;
}

static enum rc ask_tags(struct exchange *x, const struct place *leaf, void *ctx)
{
	struct merge *m = ctx;
	enum rc rc;

	if (!is_proxy(leaf))
		return merge_stored(x, leaf, m);
	rc = ask_upstream(x, leaf, m);
	if (!rc || rc == E_WANT_WAKE || rc == E_NAME_UNKNOWN || merge_stored(x, leaf, m))
		return rc;
	reply_warning(x, STR("the upstream cannot be asked: only what is kept here is listed"));
	return OK;
}

static int compare(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static enum rc tags_merged(struct exchange *x, const struct page *page)
{
	struct listing l = {.x = x, .out = &x->reply.content};
	struct merge m = {.page = page, .room = 2 * TAGS_PAGE_MAX};
	uint64_t listed = 0;
	size_t answered;

	m.tags = arena_alloc(x->arena, m.room * sizeof(*m.tags));
	if (!m.tags)
		return fail_rc(&x->err, E_BUSY);
	TRY(source_each(x, ask_tags, &m, &answered));
	if (!answered)
		return fail_rc(&x->err, E_NAME_UNKNOWN);
	qsort(m.tags, m.count, sizeof(*m.tags), compare);
	begin(&l);
	for (size_t i = 0; i < m.count; i++) {
		if (i && str_eq(m.tags[i], m.tags[i - 1]))
			continue;
		m.more = m.more || listed == page->n;
		if (listed == page->n)
			break;
		TRY(put_tag(&l, m.tags[i], &x->err));
		listed++;
	}
	return end(&l, listed ? page->n : 0, m.more);
}

enum rc tags_get(struct exchange *x)
{
	struct listing l = {.x = x, .out = &x->reply.content};
	struct page page;
	bool more = false;

	TRY(page_parse(x, TAGS_PAGE_MAX, &page));
	if (x->place.ns->kind != NAMESPACE_HOSTED)
		return tags_merged(x, &page);
	begin(&l);
	TRY(tag_list(x->site->store, x->name, page.last, page.n, put_tag, &l, &more, &x->err));
	return end(&l, page.n, more);
}
