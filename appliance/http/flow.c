/* flow: one growing file, its writer's progress, and the connections that wait for more of it. */
#include <cove/http/flow.h>
#include <cove/base/io.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct flow {
	atomic_uint references;
	int fd;
	pthread_mutex_t mutex; /* guards all below */
	uint64_t size, have;
	enum flow_state state;
	struct conn_ref *waiting; /* at most one entry for each look without news */
	size_t waiting_count, waiting_room;
};

struct flow *flow_new(int fd, uint64_t size)
{
	struct flow *f = xcalloc(1, sizeof(*f));

	atomic_init(&f->references, 1);
	f->fd = fd;
	f->size = size;
	pthread_mutex_init(&f->mutex, NULL);
	return f;
}

struct flow *flow_ref(struct flow *f)
{
	atomic_fetch_add(&f->references, 1);
	return f;
}

void flow_unref(struct flow *f)
{
	if (atomic_fetch_sub(&f->references, 1) > 1)
		return;
	io_close(&f->fd);
	pthread_mutex_destroy(&f->mutex);
	free(f->waiting);
	free(f);
}

uint64_t flow_size(struct flow *f)
{
	uint64_t size;

	pthread_mutex_lock(&f->mutex);
	size = f->size;
	pthread_mutex_unlock(&f->mutex);
	return size;
}

int flow_fd(const struct flow *f)
{
	return f->fd;
}

/* The mutex is held, and is free afterwards: waking takes net's. */
static void wake_all(struct flow *f)
{
	struct conn_ref *waiting = f->waiting;
	size_t count = f->waiting_count;

	f->waiting = NULL;
	f->waiting_count = f->waiting_room = 0;
	pthread_mutex_unlock(&f->mutex);
	for (size_t i = 0; i < count; i++)
		conn_wake(waiting[i]);
	free(waiting);
}

void flow_grow(struct flow *f, uint64_t have)
{
	pthread_mutex_lock(&f->mutex);
	if (have < f->have || have > f->size)
		bug("a flow of %llu bytes goes from %llu to %llu", (unsigned long long)f->size,
		    (unsigned long long)f->have, (unsigned long long)have);
	f->have = have;
	wake_all(f);
}

void flow_end(struct flow *f, bool ok)
{
	pthread_mutex_lock(&f->mutex);
	if (ok && f->size == FLOW_SIZE_UNKNOWN)
		f->size = f->have;
	if (ok && f->have != f->size)
		bug("a flow is complete with %llu of %llu bytes", (unsigned long long)f->have,
		    (unsigned long long)f->size);
	f->state = ok ? FLOW_COMPLETE : FLOW_FAILED;
	wake_all(f);
}

static void wait_for_news(struct flow *f, struct conn_ref who)
{
	struct conn_ref *more;

	if (f->waiting_count == f->waiting_room) {
		f->waiting_room = f->waiting_room ? 2 * f->waiting_room : 8;
		more = realloc(f->waiting, f->waiting_room * sizeof(*more));
		if (!more)
			bug("no memory for a list of waiting connections");
		f->waiting = more;
	}
	f->waiting[f->waiting_count++] = who;
}

enum flow_state flow_look(struct flow *f, uint64_t seen, struct conn_ref who, uint64_t *have)
{
	enum flow_state state;

	pthread_mutex_lock(&f->mutex);
	/* the last byte waits for the proof: a peer that has all bytes would take them for whole (RFC 9112 §8); each
	 * may be the last as long as their number is not known */
	*have = f->state == FLOW_RUNS && f->have && (f->have == f->size || f->size == FLOW_SIZE_UNKNOWN) ? f->have - 1
													 : f->have;
	state = f->state;
	if (state == FLOW_RUNS && *have <= seen)
		wait_for_news(f, who);
	pthread_mutex_unlock(&f->mutex);
	return state;
}
