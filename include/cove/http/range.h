/* range: the Range field of requests (RFC 9110 §14) and the Content-Range of upload chunks (OCI spec). Pure functions.
 */
#pragma once
#include <cove/base/str.h>

struct range {
	uint64_t first, last; /* inclusive: first <= last */
};

enum range_kind {
	RANGE_NONE,          /* not in bytes: to be ignored (RFC 9110 §14.2) */
	RANGE_SOME,          /* those of out[] lie within the content; others of the list do not and are left out */
	RANGE_UNSATISFIABLE, /* 416: none does: they start at or after the end, or end before their start
				(docs/clients.md, Blobs) */
	RANGE_TOO_MANY,      /* more than there is room for */
	RANGE_INVALID,       /* not the grammar; may be ignored */
};

/* value against content of size bytes, into at most *count of out[], in the order of the field; *count becomes how
 * many. If-Range is for the caller. */
enum range_kind range_parse(struct str value, uint64_t size, struct range *out, size_t *count);

/* `a-b` as the OCI spec has it, and RFC 9110's `bytes a-b/n`, with n or an asterisk, which clients send too. False:
 * neither, a > b, b >= n, or beyond INT64_MAX. */
bool content_range_parse(struct str value, struct range *out);
