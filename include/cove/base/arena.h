/*
 * arena: memory that lives exactly as long as one exchange. It allocates by bumping a pointer in a chain of blocks, up
 * to a hard maximum. An allocation beyond the maximum returns NULL and sets `failed`, and the exchange answers 503.
 * Nothing in an arena owns an fd, a lock or a statement. One thread at a time.
 */
#pragma once
#include <cove/base/str.h>
#include <stdarg.h>

struct arena_block;

struct arena {
	struct arena_block *blocks; /* newest first */
	size_t used;                /* bytes over all blocks */
	size_t max;
	bool failed;
};

void arena_init(struct arena *a, size_t max_bytes);
void arena_release(struct arena *a);
/* Keeps one block for the next exchange, zeroes nothing. */
void arena_reset(struct arena *a);

/* Remembers the state of the arena and restores it: this frees everything that was allocated since. `failed` stays
 * set. */
struct arena_mark {
	struct arena_block *block;
	size_t used;
};
struct arena_mark arena_mark(const struct arena *a);
void arena_rewind(struct arena *a, struct arena_mark mark);

/* Aligned for any object, zeroed; NULL when the maximum is reached. */
void *arena_alloc(struct arena *a, size_t size);
/* A NUL-terminated copy; an empty str on failure. */
struct str arena_str(struct arena *a, struct str s);
struct str arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct str arena_vprintf(struct arena *a, const char *format, va_list ap) __attribute__((format(printf, 2, 0)));
