/* What the handlers share: locations and pages. */
#include "handlers.h"
#include <cove/base/codec.h>
#include <cove/upstream/upstream.h>

void reply_location(struct exchange *x, const char *kind, const struct digest *d)
{
	char text[DIGEST_TEXT_MAX];

	digest_text(text, d);
	/* relative: an absolute one breaks behind NAT and port mappings (docs/clients.md, Pushes) */
	reply_field(x, "Location", "/v2/%.*s/%s/%s", STR_ARG(x->asked), kind, text);
	reply_field(x, "Docker-Content-Digest", "%s", text);
}

enum rc asks_before_push(struct exchange *x, bool *yes)
{
	*yes = false;
	if (x->head->method != METHOD_HEAD || x->place.ns->kind != NAMESPACE_GROUP || !x->place.ns->writable)
		return OK;
	return exchange_may(x, x->name, MAY_PUSH, yes);
}

static bool is_number(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_is_digit(s.p[i]))
			return false;
	return s.n;
}

enum rc page_parse(struct exchange *x, uint64_t page_max, struct page *out)
{
	struct str n;

	*out = (struct page){.n = page_max};
	if (query_get(x, "n", &n) && n.n && !str_u64(n, &out->n)) { /* an empty n is none */
		if (!is_number(n))
			return fail_rc(&x->err, E_PAGE_INVALID);
		out->n = page_max; /* more than 64 bits */
	}
	if (out->n > page_max)
		out->n = page_max;
	if (!query_get(x, "last", &out->last))
		out->last = STR_NONE;
	return OK;
}

enum rc reply_next(struct exchange *x, struct str path, const struct buf *query)
{
	struct buf link = BUF_INIT(LINK_MAX);
	bool fits;

	buf_addf(&link, "</v2/%.*s%s%.*s?%.*s", STR_ARG(x->asked), x->asked.n ? "/" : "", STR_ARG(path),
	    STR_ARG(buf_str(query)));
	if (x->place.by_ns) { /* the name alone would lead elsewhere */
		buf_addz(&link, "&ns=");
		percent_encode(&link, x->approach.ns);
	}
	buf_addz(&link, ">; rel=\"next\"");
	fits = buf_ok(query) && buf_ok(&link);
	if (fits)
		reply_field(x, "Link", "%.*s", STR_ARG(buf_str(&link)));
	buf_release(&link);
	return fits ? OK : fail(&x->err, E_HTTP_URI_TOO_LONG, "the link to the next page is too long");
}

enum rc reply_next_page(struct exchange *x, struct str path, uint64_t n, struct str last)
{
	struct buf query = BUF_INIT(LINK_MAX);
	enum rc rc;

	buf_addf(&query, "n=%llu&last=", (unsigned long long)n);
	percent_encode(&query, last);
	rc = reply_next(x, path, &query);
	buf_release(&query);
	return rc;
}

/* base64url: percent signs of an upstream's own would be escaped three times over. */
void put_page_query(struct buf *query, struct str page)
{
	if (!page.n)
		return;
	buf_addz(query, "&page=");
	base64url_encode(query, page.p, page.n);
}

bool get_page_query(struct exchange *x, struct str *page)
{
	struct str text;
	ptrdiff_t n;
	char *bytes;

	*page = STR_NONE;
	if (!query_get(x, "page", &text) || !text.n)
		return true;
	bytes = arena_alloc(x->arena, UPSTREAM_QUERY_MAX);
	n = bytes ? base64url_decode(bytes, UPSTREAM_QUERY_MAX, text) : -1;
	if (n > 0)
		*page = (struct str){bytes, (size_t)n};
	return n > 0 && upstream_is_query(*page);
}
