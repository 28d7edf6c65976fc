/* handlers: what the route table names, and what the handlers share. */
#pragma once
#include <cove/registry/registry.h>

handler base_check;                                       /* end-1 */
handler blob_get, blob_remove;                            /* end-2, end-10 */
handler upload_post_before, upload_post;                  /* end-4a, 4b, 11 */
handler upload_bytes_before, upload_patch, upload_put;    /* end-5, end-6 */
handler upload_put_before, upload_status, upload_abandon; /* end-13, end-14 */
handler manifest_get, manifest_upload, manifest_remove;   /* end-3, end-7, end-9 */
handler tags_get, catalog_get;                            /* end-8 */
handler referrers_get;                                    /* end-12 */

/* Location and Docker-Content-Digest of stored content; kind is "blobs" or "manifests". */
void reply_location(struct exchange *x, const char *kind, const struct digest *d);

/* HEAD at a group by a client that may push there: it asks whether it need not upload the blob or manifest. */
CHECKED enum rc asks_before_push(struct exchange *x, bool *yes);

/* n and last of a listing. n is at most page_max, which is also the default; E_PAGE_INVALID. */
struct page {
	uint64_t n;
	struct str last;
};
CHECKED enum rc page_parse(struct exchange *x, uint64_t page_max, struct page *out);
/* `Link: </v2/[<name>/]path?query>; rel="next"` (RFC 8288), after a page that is not the last one; it leads the same
 * way as the request, by ?ns= too. E_HTTP_URI_TOO_LONG. */
#define LINK_MAX 7168
CHECKED enum rc reply_next(struct exchange *x, struct str path, const struct buf *query);
/* With n=N&last=LAST. */
CHECKED enum rc reply_next_page(struct exchange *x, struct str path, uint64_t n, struct str last);
/* `&page=`: the query of an upstream's page, where a list goes on. Reading it: empty without; false when it is none. */
void put_page_query(struct buf *query, struct str page);
bool get_page_query(struct exchange *x, struct str *page);

/* Is the tag where clients look that do not know the referrers API (spec "Referrers Tag Schema": the algorithm, a dash,
 * at most 64 digits)? What is cut off of a longer digest is zero in *subject. */
#define REFERRERS_TAG_MAX (7 + 64)
bool referrers_tag_parse(struct tag tag, struct digest *subject);
/*
 * Answers a pull of that tag from what refers to the subject, unless what is stored under the tag (NULL: nothing) says
 * the same already, or is something else: an index that names other content of this repository. Else *done is false.
 */
CHECKED enum rc referrers_tag_get(
    struct exchange *x, struct digest *subject, const struct manifest_info *stored, bool *done);
