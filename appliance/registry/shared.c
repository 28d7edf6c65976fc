/* What the handlers share: locations and pages. */
#include "handlers.h"
#include <cove/codec.h>

void reply_location(struct exchange *x, const char *kind, const struct digest *d)
{
	char text[DIGEST_TEXT_MAX];

	digest_text(text, d);
	/* relative: an absolute one breaks behind NAT and port mappings (clients.md 2.2.1) */
	reply_field(x, "Location", "/v2/%.*s/%s/%s", STR_ARG(x->asked), kind, text);
	reply_field(x, "Docker-Content-Digest", "%s", text);
}

enum rc page_parse(struct exchange *x, uint64_t page_max, struct page *out)
{
	struct str n;

	*out = (struct page){.n = page_max};
	if (query_get(x, "n", &n) && (!str_u64(n, &out->n)))
		return fail_rc(&x->err, E_PAGE_INVALID);
	if (out->n > page_max)
		out->n = page_max;
	if (!query_get(x, "last", &out->last))
		out->last = STR_NONE;
	return OK;
}

void reply_next_page(struct exchange *x, const char *path, struct str name, uint64_t n, struct str last)
{
	struct buf escaped = BUF_INIT(1024);

	percent_encode(&escaped, last);
	reply_field(x, "Link", "</v2/%.*s%s%s?n=%llu&last=%.*s>; rel=\"next\"", STR_ARG(name), name.n ? "/" : "", path,
	    (unsigned long long)n, STR_ARG(buf_str(&escaped)));
	buf_release(&escaped);
}
