/* arena: bump allocation in blocks. The maximum counts whole blocks, so it bounds what malloc gave. */
#include <cove/base/arena.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>

enum { BLOCK_FIRST = 4096, BLOCK_LARGEST = 65536 };

struct arena_block {
	struct arena_block *older;
	size_t size; /* of the whole block */
	size_t used; /* bytes given out, this header included */
};

static size_t align_up(size_t n)
{
	return (n + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
}

void arena_init(struct arena *a, size_t max_bytes)
{
	*a = (struct arena){.max = max_bytes};
}

static void free_blocks(struct arena_block *b)
{
	while (b) {
		struct arena_block *older = b->older;

		free(b);
		b = older;
	}
}

void arena_release(struct arena *a)
{
	free_blocks(a->blocks);
	arena_init(a, a->max);
}

/* Only a block of the first size is kept: an idle connection must not hold what one large request needed. */
void arena_reset(struct arena *a)
{
	struct arena_block *kept = a->blocks;

	if (kept && kept->size <= BLOCK_FIRST) {
		free_blocks(kept->older);
	} else {
		free_blocks(kept);
		kept = NULL;
	}
	arena_init(a, a->max);
	if (kept) {
		kept->older = NULL;
		kept->used = align_up(sizeof *kept);
		a->blocks = kept;
		a->used = kept->size;
	}
}

struct arena_mark arena_mark(const struct arena *a)
{
	return (struct arena_mark){a->blocks, a->blocks ? a->blocks->used : 0};
}

void arena_rewind(struct arena *a, struct arena_mark mark)
{
	while (a->blocks != mark.block) {
		struct arena_block *older = a->blocks->older;

		a->used -= a->blocks->size;
		free(a->blocks);
		a->blocks = older;
	}
	if (a->blocks)
		a->blocks->used = mark.used;
}

static struct arena_block *block_add(struct arena *a, size_t need)
{
	size_t size = BLOCK_FIRST;
	size_t left = a->max - a->used;
	struct arena_block *b;

	if (a->blocks && a->blocks->size < BLOCK_LARGEST)
		size = a->blocks->size * 2;
	need += align_up(sizeof *b);
	if (size < need)
		size = need;
	if (size > left)
		size = left;
	if (size < need)
		return NULL;
	b = malloc(size);
	if (!b)
		return NULL;
	*b = (struct arena_block){.older = a->blocks, .size = size, .used = align_up(sizeof *b)};
	a->blocks = b;
	a->used += size;
	return b;
}

void *arena_alloc(struct arena *a, size_t size)
{
	struct arena_block *b = a->blocks;
	size_t need;
	char *p;

	if (a->failed || size > a->max) {
		a->failed = true;
		return NULL;
	}
	need = align_up(size ? size : 1);
	if (!b || need > b->size - b->used)
		b = block_add(a, need);
	if (!b) {
		a->failed = true;
		return NULL;
	}
	p = (char *)b + b->used;
	b->used += need;
	return memset(p, 0, need);
}

struct str arena_str(struct arena *a, struct str s)
{
	char *p = s.n < SIZE_MAX ? arena_alloc(a, s.n + 1) : NULL;

	if (!p)
		return STR_NONE;
	if (s.n)
		memcpy(p, s.p, s.n);
	return (struct str){p, s.n};
}

struct str arena_printf(struct arena *a, const char *format, ...)
{
	struct str s;
	va_list ap;

	va_start(ap, format);
	s = arena_vprintf(a, format, ap);
	va_end(ap);
	return s;
}

struct str arena_vprintf(struct arena *a, const char *format, va_list ap)
{
	va_list again;
	char *p;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (n < 0) {
		a->failed = true;
		return STR_NONE;
	}
	p = arena_alloc(a, (size_t)n + 1);
	if (!p)
		return STR_NONE;
	vsnprintf(p, (size_t)n + 1, format, ap);
	return (struct str){p, (size_t)n};
}
