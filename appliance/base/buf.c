/* buf: growing, the maximum and the sticky failure. */
#include <cove/base/buf.h>
#include <cove/base/err.h>
#include <stdio.h>
#include <stdlib.h>

enum { BUF_FIRST = 64 };

void buf_init(struct buf *b, size_t max_bytes)
{
	*b = BUF_INIT(max_bytes);
}

void buf_release(struct buf *b)
{
	free(b->p);
	*b = BUF_INIT(b->max);
}

void buf_reset(struct buf *b)
{
	b->n = 0;
	b->failed = false;
	if (b->p)
		b->p[0] = '\0';
}

char *buf_room(struct buf *b, size_t n)
{
	size_t need, cap;
	char *p;

	if (b->failed || n > b->max - b->n) {
		b->failed = true;
		return NULL;
	}
	need = b->n + n + 1;
	if (need <= b->cap)
		return b->p + b->n;
	cap = b->cap ? b->cap : BUF_FIRST;
	while (cap < need)
		cap = cap > SIZE_MAX / 2 ? need : cap * 2;
	if (cap - 1 > b->max)
		cap = b->max + 1;
	p = realloc(b->p, cap);
	if (!p) {
		b->failed = true;
		return NULL;
	}
	b->p = p;
	b->cap = cap;
	b->p[b->n] = '\0';
	return b->p + b->n;
}

void buf_grown(struct buf *b, size_t n)
{
	if (n == 0)
		return;
	if (b->cap <= b->n || n > b->cap - b->n - 1)
		bug("buf_grown: %zu bytes were never given out", n);
	b->n += n;
	b->p[b->n] = '\0';
}

void buf_add(struct buf *b, struct str s)
{
	char *room = buf_room(b, s.n);

	if (!room)
		return;
	if (s.n)
		memcpy(room, s.p, s.n);
	buf_grown(b, s.n);
}

void buf_addc(struct buf *b, char c)
{
	buf_add(b, (struct str){&c, 1});
}

void buf_addz(struct buf *b, const char *z)
{
	buf_add(b, str_of(z));
}

void buf_addf(struct buf *b, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	buf_vaddf(b, format, ap);
	va_end(ap);
}

void buf_vaddf(struct buf *b, const char *format, va_list ap)
{
	va_list again;
	char *room;
	int n;

	if (b->failed)
		return;
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (n < 0) {
		b->failed = true;
		return;
	}
	room = buf_room(b, (size_t)n);
	if (!room)
		return;
	vsnprintf(room, (size_t)n + 1, format, ap);
	buf_grown(b, (size_t)n);
}

void buf_cut(struct buf *b, size_t n)
{
	if (n > b->n)
		bug("buf_cut: %zu of %zu bytes", n, b->n);
	b->n = n;
	if (b->p)
		b->p[n] = '\0';
}

void buf_drop(struct buf *b, size_t n)
{
	if (n > b->n)
		bug("buf_drop: %zu of %zu bytes", n, b->n);
	if (n == 0)
		return;
	memmove(b->p, b->p + n, b->n - n + 1);
	b->n -= n;
}
