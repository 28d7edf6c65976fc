/* multipart: several ranges of a file as one body, multipart/byteranges (RFC 9110 §14.6). */
#pragma once
#include <cove/http/range.h>

enum { MULTIPART_TEXT_MAX = 256 };

/* A body of several ranges: for each a delimiter with its fields, then its bytes; a last delimiter. */
struct multipart {
	const struct range *ranges; /* in the arena; count 0: no such body */
	size_t count;
	uint64_t size;        /* of the file */
	struct str type;      /* of its content */
	const char *boundary; /* random: content does not hold it */
	size_t part;          /* what multipart_seek() came to, */
	uint64_t part_at;     /* and where in the body it begins */
};
/* A piece of it: text, or bytes of the file. */
struct run {
	struct str text; /* n bytes; p NULL: of the file */
	uint64_t file_from, n;
};

uint64_t multipart_size(const struct multipart *m);
/* To the part in which the body's byte `at` lies; only ever forward. */
void multipart_seek(struct multipart *m, uint64_t at);
/* What the body has from `at` on, which lies in that part. */
void multipart_run(const struct multipart *m, uint64_t at, char out[static MULTIPART_TEXT_MAX], struct run *run);
