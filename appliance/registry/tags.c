/*
 * end-8: {"name":"team/app","tags":[...]} in bytewise order, from after `last`. A hosted repository's is read off the
 * store; that of a proxy or a group is what the namespaces behind it list, merged.
 */
#include "handlers.h"
#include "source.h"
#include <cove/base/codec.h>
#include <cove/base/json.h>
#include <stdlib.h>

#define TAGS_PAGE_MAX 10000
#define FIRST_PAGE "n=1000" /* more is refused by some */
#define UPSTREAM_PAGES_MAX 20
#define UPSTREAM_BYTES_MAX (4u * 1024 * 1024)
#define SLOTS_MORE 1024

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
		return fail(&x->err, E_BUSY, "the list is too long: request fewer entries with n=");
	return reply_bytes(x, 200, "application/json", buf_str(l->out));
}

/* ---- of several namespaces ---- */

/*
 * The list is read in rounds. The first reads what every namespace has, of a proxy the first page that its upstream
 * gives; each further round reads one more page of one upstream. Within a round tags are in order, and `last` counts;
 * where a round or the answer's bounds end, the Link says where the next request goes on, so that nothing is left out
 * whatever an upstream knows of `last` and of order.
 */
struct cursor {
	uint64_t leaf;    /* 0: the first round; else the namespace whose page comes next, counted from 1, */
	struct str query; /* and that page; empty: the second one of the first proxy from there on that has one */
};

struct slot {
	uint8_t n;
	char text[TAG_MAX];
};

struct merge {
	struct exchange *x;
	struct page page;
	struct cursor at, rest; /* of this round, and of the next */
	bool has_rest;
	struct str after;   /* in this round only tags behind it */
	struct slot *slots; /* in the arena: `kept` of the rounds before, then this round's */
	size_t kept, count, room;
	unsigned pages; /* of upstreams, asked for in this request beside the first ones */
	size_t bytes;
	uint64_t leaves; /* walked in this round */
};

static struct str slot_text(const struct slot *s)
{
	return (struct str){s->text, s->n};
}

static int compare(const void *a, const void *b)
{
	return str_cmp(slot_text(a), slot_text(b));
}

/* Sorts what is there from `from` on, each once. */
static void sort(struct merge *m, size_t from)
{
	size_t to = from;

	qsort(m->slots + from, m->count - from, sizeof(*m->slots), compare);
	for (size_t i = from; i < m->count; i++)
		if (to == from || compare(&m->slots[i], &m->slots[to - 1]))
			m->slots[to++] = m->slots[i];
	m->count = to;
}

/* How many more the answer may have. */
static size_t wanted(const struct merge *m)
{
	return (size_t)m->page.n - m->kept;
}

/* Of this round the first that are wanted stay, and one that tells that there are more. */
static void let_go(struct merge *m)
{
	sort(m, m->kept);
	if (m->count > m->kept + wanted(m) + 1)
		m->count = m->kept + wanted(m) + 1;
}

static enum rc merge_add(void *ctx, struct str tag, struct err *err)
{
	struct merge *m = ctx;
	struct slot *s;

	(void)err;
	if (tag.n > TAG_MAX || str_cmp(tag, m->after) <= 0)
		return OK;
	if (m->count == m->room)
		let_go(m);
	s = &m->slots[m->count++];
	s->n = (uint8_t)tag.n;
	memcpy(s->text, tag.p, tag.n);
	return OK;
}

static enum rc merge_stored(struct merge *m, const struct place *leaf)
{
	bool more;

	return tag_list(m->x->site->store, place_name(leaf), m->after, wanted(m) + 1, merge_add, m, &more, &m->x->err);
}

/* One page of the upstream's; `take`: its tags. *sorted: they are in order. */
static enum rc read_page(
    struct merge *m, const struct place *leaf, struct str query, bool take, bool *sorted, struct str *next)
{
	struct exchange *x = m->x;
	struct str document, before = STR_NONE;
	struct json *doc;
	struct err why;
	struct tag tag;
	enum rc rc;

	*sorted = true;
	TRY(upstream_list(x->site->upstream, x, leaf, STR("tags/list"), query, &document, next, &x->err));
	if (str_eq(*next, query))
		return fail(
		    &x->err, E_UPSTREAM_ANSWER, "the upstream's list of tags links from a page to the same page");
	m->bytes += document.n;
	if (!take)
		return OK;
	rc = json_parse(document, &doc, &why);
	if (rc)
		return fail(&x->err, rc == E_BUSY ? rc : E_UPSTREAM_ANSWER,
		    "the upstream's list of tags cannot be read: %s", why.text);
	for (const struct json *v = json_first(json_member(doc, "tags")); v && !rc; v = json_next(v)) {
		struct str text = json_string(v);

		*sorted = *sorted && str_cmp(before, text) <= 0;
		before = text;
		if (tag_parse(text, &tag, NULL) == OK)
			rc = merge_add(m, text, &x->err);
	}
	json_free(doc);
	return rc;
}

static bool has_read_enough(const struct merge *m)
{
	return m->pages >= UPSTREAM_PAGES_MAX || m->bytes >= UPSTREAM_BYTES_MAX;
}

/*
 * In the first round. Tags "MUST be in lexical order", but some (ghcr.io) give them as they were pushed: what their
 * first page shows not to be in order is read as a whole, within bounds, and is sorted here. Of several namespaces this
 * is done for the first.
 */
static enum rc read_first(struct merge *m, const struct place *leaf, bool take)
{
	struct str next, query = STR(FIRST_PAGE);
	bool sorted, ignored;

	TRY(read_page(m, leaf, query, take, &sorted, &next));
	while (take && next.n && !sorted && !m->has_rest && !has_read_enough(m)) {
		m->pages++;
		query = next;
		TRY(read_page(m, leaf, query, take, &ignored, &next));
	}
	if (next.n && !m->has_rest) {
		m->rest = (struct cursor){m->leaves, next};
		m->has_rest = true;
	}
	return OK;
}

/* In a further round: the page that it is for, else the first page of a proxy, to see where its second one is. */
static enum rc read_further(struct merge *m, const struct place *leaf)
{
	bool is_it = m->leaves == m->at.leaf && m->at.query.n, sorted;
	struct str next;

	if (m->leaves < m->at.leaf || m->has_rest || !is_proxy(leaf))
		return E_NAME_UNKNOWN; /* in another round */
	if (!is_it && has_read_enough(m)) {
		m->rest = (struct cursor){m->leaves, STR_NONE};
		m->has_rest = true;
		return OK;
	}
	m->pages++;
	if (!is_it)
		return read_first(m, leaf, false);
	TRY(read_page(m, leaf, m->at.query, true, &sorted, &next));
	m->rest = (struct cursor){m->leaves, next};
	m->has_rest = next.n;
	return OK;
}

/* After a failure that x->err tells: what is kept here of the proxy's. */
static enum rc list_kept(struct merge *m, const struct place *leaf, enum rc failed)
{
	struct err why = m->x->err;
	enum rc rc = merge_stored(m, leaf);

	if (!rc)
		reply_warning(m->x, STR("the upstream cannot be asked: the list shows only cached content"));
	else if (m->x->place.ns != leaf->ns)
		reply_warning(m->x, arena_printf(m->x->arena, "tags are missing: %s", why.text));
	m->x->err = why;
	return rc ? failed : OK;
}

static enum rc ask_tags(struct exchange *x, const struct place *leaf, void *ctx)
{
	struct merge *m = ctx;
	enum rc rc;

	(void)x;
	m->leaves++;
	if (m->at.leaf)
		return read_further(m, leaf);
	if (!is_proxy(leaf))
		return merge_stored(m, leaf);
	rc = read_first(m, leaf, true);
	return rc && rc != E_WANT_WAKE && rc != E_NAME_UNKNOWN ? list_kept(m, leaf, rc) : rc;
}

/* *more: the round has more than fit. */
static enum rc read_round(struct merge *m, bool *more)
{
	size_t answered;

	m->kept = m->count;
	m->leaves = 0;
	m->has_rest = false;
	TRY(source_each(m->x, ask_tags, m, &answered));
	if (!answered && !m->at.leaf)
		return fail_rc(&m->x->err, E_NAME_UNKNOWN);
	let_go(m);
	*more = m->count > m->kept + wanted(m);
	if (*more)
		m->count = m->kept + wanted(m);
	return OK;
}

/* What goes on where. A `last` without a leaf is one that the client made: it counts in every round of its request. */
static enum rc link_cursor(const struct merge *m, const struct cursor *at, struct str last)
{
	struct buf query = BUF_INIT(LINK_MAX);
	enum rc rc;

	buf_addf(&query, "n=%llu", (unsigned long long)m->page.n);
	if (last.n) {
		buf_addz(&query, "&last=");
		percent_encode(&query, last);
	}
	if (at->leaf || m->has_rest)
		buf_addf(&query, "&leaf=%llu", (unsigned long long)at->leaf);
	put_page_query(&query, at->query);
	rc = reply_next(m->x, STR("tags/list"), &query);
	buf_release(&query);
	return rc;
}

static enum rc read_rounds(struct merge *m, bool is_linked)
{
	struct str own_last = is_linked ? STR_NONE : m->page.last;
	struct exchange *x = m->x;
	bool more, is_first = true;
	enum rc rc;

	m->after = m->page.last;
	for (;; is_first = false) {
		rc = read_round(m, &more);
		if (rc == E_WANT_WAKE || (rc && is_first))
			return rc;
		if (!m->page.n)
			return OK;
		if (rc) { /* what was read is answered; who goes on is told why */
			m->count = m->kept;
			return link_cursor(m, &m->at, STR_NONE);
		}
		if (more) {
			struct str last = arena_str(x->arena, slot_text(&m->slots[m->count - 1]));

			return last.p ? link_cursor(m, &m->at, last) : fail_rc(&x->err, E_BUSY);
		}
		if (!m->has_rest)
			return OK;
		m->at = m->rest;
		m->after = own_last;
		if (m->count == m->page.n || has_read_enough(m))
			return link_cursor(m, &m->at, STR_NONE);
	}
}

static enum rc tags_merged(struct exchange *x, const struct page *page)
{
	struct listing l = {.x = x, .out = &x->reply.content};
	struct merge m = {.x = x, .page = *page, .room = 2 * (size_t)page->n + SLOTS_MORE};
	struct str leaf;
	bool is_linked = query_get(x, "leaf", &leaf);

	if ((is_linked && !str_u64(leaf, &m.at.leaf)) || !get_page_query(x, &m.at.query))
		return fail(
		    &x->err, E_PAGE_INVALID, "this position in the list is not valid: read the list from its start");
	m.slots = arena_alloc(x->arena, m.room * sizeof(*m.slots));
	if (!m.slots)
		return fail_rc(&x->err, E_BUSY);
	TRY(read_rounds(&m, is_linked));
	sort(&m, 0);
	begin(&l);
	for (size_t i = 0; i < m.count; i++)
		TRY(put_tag(&l, slot_text(&m.slots[i]), &x->err));
	return end(&l, 0, false);
}

enum rc tags_get(struct exchange *x)
{
	struct listing l = {.x = x, .out = &x->reply.content};
	struct page page;
	bool more = false;

	TRY(exchange_list_lane(x));
	TRY(page_parse(x, TAGS_PAGE_MAX, &page));
	if (x->place.ns->kind != NAMESPACE_HOSTED)
		return tags_merged(x, &page);
	begin(&l);
	TRY(tag_list(x->site->store, x->name, page.last, page.n, put_tag, &l, &more, &x->err));
	return end(&l, page.n, more);
}
