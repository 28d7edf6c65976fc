/*
 * memory: the sum of what exchanges hold beyond LARGE_BYTES each (manifests, long lists), so that many slow peers
 * together cannot fill the machine: past the budget, large routes answer 503. What one handler takes while it runs is
 * bounded by its arena and by the number of threads, and is counted when it has run; the tree of a manifest's JSON,
 * which may be larger than all of that, has its bound for the whole process in json.h.
 */
#include "session.h"
#include <stdatomic.h>
#include <unistd.h>

static _Atomic uint64_t in_use;

void memory_count(struct work *w)
{
	uint64_t now = w->arena.used + w->body.cap + w->x.reply.content.cap;

	if (now <= LARGE_BYTES)
		now = 0;
	atomic_fetch_add(&in_use, now - w->memory_held); /* modulo 2^64: also takes off */
	w->memory_held = now;
}

void memory_forget(struct work *w)
{
	atomic_fetch_sub(&in_use, w->memory_held);
	w->memory_held = 0;
}

/* An eighth of the machine, at least 48 MiB: eight of the largest requests. */
static uint64_t budget(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
	uint64_t eighth = pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size / 8 : 0;
	uint64_t least = 48u * 1024 * 1024;

	return eighth > least ? eighth : least;
}

bool memory_is_short(void)
{
	static _Atomic uint64_t max;

	if (!atomic_load(&max))
		atomic_store(&max, budget());
	return atomic_load(&in_use) > atomic_load(&max);
}
