/*
 * memory: the sum of what exchanges hold beyond LARGE_BYTES each (manifests, long lists), so that many slow peers
 * together cannot fill the machine: past the budget, large routes answer 503 to those networks that hold more than an
 * eighth of it, and past twice the budget to all. What one handler takes while it runs is
 * bounded by its arena and by the number of threads, and is counted when it has run; the tree of a manifest's JSON,
 * which may be larger than all of that, has its bound for the whole process in json.h.
 */
#include "session.h"
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#define SHARES 64u
#define SHARE_PART 8u /* of the budget, which a network may always hold */

static _Atomic uint64_t in_use;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
/* By network, those who hold something; the last one is of all for whom there is no other. */
static struct share {
	struct network network;
	uint64_t bytes;
} shares[SHARES];

/* The mutex is held. */
static struct share *share_of(const struct network *network)
{
	struct share *unused = NULL;

	for (size_t i = 0; i < SHARES - 1; i++) {
		if (shares[i].bytes && network_eq(&shares[i].network, network))
			return &shares[i];
		if (!shares[i].bytes && !unused)
			unused = &shares[i];
	}
	if (!unused)
		return &shares[SHARES - 1];
	unused->network = *network;
	return unused;
}

static void set_held(struct work *w, uint64_t now)
{
	uint64_t more = now - w->memory_held; /* modulo 2^64: also takes off */

	if (!more)
		return;
	atomic_fetch_add(&in_use, more);
	pthread_mutex_lock(&mutex);
	if (!w->memory_held)
		w->memory_share = share_of(&w->network);
	w->memory_share->bytes += more;
	pthread_mutex_unlock(&mutex);
	w->memory_held = now;
}

void memory_count(struct work *w)
{
	uint64_t now = w->arena.used + w->body.cap + w->x.reply.content.cap;

	set_held(w, now <= LARGE_BYTES ? 0 : now);
}

void memory_forget(struct work *w)
{
	set_held(w, 0);
}

/* An eighth of the machine, at least 48 MiB: eight of the largest requests. */
static uint64_t budget(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
	uint64_t eighth = pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size / 8 : 0;
	uint64_t least = 48u * 1024 * 1024;

	return eighth > least ? eighth : least;
}

bool memory_is_short(const struct work *w)
{
	static _Atomic uint64_t known;
	uint64_t max = atomic_load(&known), used = atomic_load(&in_use), own;

	if (!max) {
		max = budget();
		atomic_store(&known, max);
	}
	if (used <= max || used > 2 * max)
		return used > max;
	pthread_mutex_lock(&mutex);
	own = share_of(&w->network)->bytes;
	pthread_mutex_unlock(&mutex);
	return own > max / SHARE_PART;
}
