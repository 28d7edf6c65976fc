/* range: the Range field of requests (RFC 9110 §14) and the Content-Range of upload chunks (OCI spec). Pure functions.
 */
#pragma once
#include <cove/base/str.h>

struct range {
	uint64_t first, last; /* inclusive: first <= last */
};

enum range_kind {
	RANGE_NONE,          /* not in bytes: the caller ignores it (RFC 9110 §14.2) */
	RANGE_SOME,          /* those in out[] are within the content; the others of the list are left out */
	RANGE_UNSATISFIABLE, /* 416: none is within the content: they start at or after the end, or end before their
				start (docs/clients.md, Blobs) */
	RANGE_TOO_MANY,      /* more ranges than out[] has room for */
	RANGE_INVALID,       /* invalid syntax; may be ignored */
};

/* Parses the field for content of `size` bytes into at most *count entries of out[], in the order of the field; *count
 * becomes their number. The caller handles If-Range. */
enum range_kind range_parse(struct str value, uint64_t size, struct range *out, size_t *count);

/* `a-b` as the OCI spec has it, and RFC 9110's `bytes a-b/n`, with n or an asterisk, which clients send too. False:
 * invalid syntax, a > b, b >= n, or a number above INT64_MAX. */
bool content_range_parse(struct str value, struct range *out);
