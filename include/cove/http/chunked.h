/*
 * chunked: decodes the chunked transfer coding (RFC 9112 §7.1) as bytes arrive, without copying them. It checks, limits
 * and drops extensions and trailers; the caller limits the sum of the chunks. No memory, no I/O; one thread at a time.
 */
#pragma once
#include <cove/base/err.h>
#include <cove/base/str.h>

enum {
	CHUNKED_DIGITS_MAX = 16,
	CHUNKED_EXTENSION_MAX_BYTES = 256,
	CHUNKED_TRAILER_MAX_BYTES = 8192,
};

struct chunked {
	int state;     /* 0: before the first size; see chunked.c */
	uint64_t left; /* bytes of the current chunk that are still to come */
	size_t count;  /* digits, extension or trailer bytes so far */
};

#define CHUNKED_INIT ((struct chunked){0})

/* Takes *consumed bytes from the start of `in`; *data is the next piece of body among them, empty when there is none.
 * Call again with the rest until all is consumed or chunked_done(). Bytes after the end are not consumed: they belong
 * to the next request. The only error is E_HTTP_BAD; the decoder must not be used after it. */
CHECKED enum rc chunked_feed(struct chunked *c, struct str in, size_t *consumed, struct str *data, struct err *err);
/* The last chunk and the trailers are complete. */
bool chunked_done(const struct chunked *c);

/* The state of the encoder, for a reply whose length is not known yet (send.c). */
struct chunks {
	bool is_on;     /* the end of the reply is known only after the last chunk */
	bool has_one;   /* is under way: */
	uint64_t at;    /* its place in the file, or that of the next */
	size_t n, sent; /* its bytes (0: the last chunk); of its frame */
};
