/*
 * buf: the one growing buffer. It is created with its maximum size. An append that would exceed it, or that finds no
 * memory, sets `failed` and changes nothing; later appends do nothing. So callers append many times and check buf_ok()
 * once. The bytes always end in a NUL that is not counted. Not for secrets (growing leaves copies). One thread at a
 * time.
 */
#pragma once
#include <cove/base/str.h>
#include <stdarg.h>

struct buf {
	char *p;     /* owned; NULL until the first append */
	size_t n;    /* bytes in use */
	size_t cap;  /* bytes allocated */
	size_t max;  /* never more bytes than this */
	bool failed; /* something did not fit */
};

#define BUF_INIT(max_bytes) ((struct buf){.max = (max_bytes)})

void buf_init(struct buf *b, size_t max_bytes);
void buf_release(struct buf *b);
/* Clears the content and the failure, and keeps the memory. */
void buf_reset(struct buf *b);

void buf_add(struct buf *b, struct str s);
void buf_addc(struct buf *b, char c);
void buf_addz(struct buf *b, const char *z);
void buf_addf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vaddf(struct buf *b, const char *format, va_list ap) __attribute__((format(printf, 2, 0)));
/* Returns room for n more bytes at p + this->n, to read into directly; NULL (and failed) when over the maximum.
 * buf_grown() then adds the bytes that were read. */
char *buf_room(struct buf *b, size_t n);
void buf_grown(struct buf *b, size_t n);
/* Keeps the first n bytes. */
void buf_cut(struct buf *b, size_t n);
/* Drops the first n bytes. */
void buf_drop(struct buf *b, size_t n);

static inline bool buf_ok(const struct buf *b)
{
	return !b->failed;
}

/* Borrowed until the next change of the buffer. */
static inline struct str buf_str(const struct buf *b)
{
	return (struct str){b->n ? b->p : "", b->n};
}
