/*
 * crew: the threads, what wakes them, and who owns a connection.
 *
 * A connection is owned by at most one thread. The claim word says so: RUNNING (a thread has it, or it lies in the
 * ready queue), WAITING (in epoll for the peer) or PARKED (in epoll for the peer's end only; somebody will wake it).
 * Each change of hands raises the ticket, and an event carries the ticket it was armed with: an event that comes late
 * finds another ticket and is dropped. So nothing has to be taken out of epoll, and a slot can be used again at once.
 */
#include "inside.h"
#include <cove/base/clock.h>
#include <cove/base/log.h>
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#define CLAIM_RUNNING 0u
#define CLAIM_WAITING 1u
#define CLAIM_PARKED 2u
#define CLAIM_PARKING 3u /* still owned */
#define CLAIM_STATE 3u
#define CLAIM_WOKEN 4u /* a wake-up came while it was not parked */
#define CLAIM_GONE 8u  /* the peer's end was seen while parking */
#define TICKET_SHIFT 8

static uint32_t ticket_of(uint64_t claim)
{
	return (uint32_t)(claim >> TICKET_SHIFT);
}

static uint64_t next_claim(uint64_t claim, unsigned bits)
{
	return ((uint64_t)(ticket_of(claim) + 1) << TICKET_SHIFT) | bits;
}

/* ---- the ready queue: those who can go on without an event ---- */

void crew_nudge(struct net *n)
{
	uint64_t one = 1;
	ssize_t ignored = write(n->wake_fd, &one, sizeof(one));

	(void)ignored; /* full: the event is pending anyway */
}

static void nudge_if_idle(struct net *n)
{
	if (atomic_load(&n->idle_workers) > 0)
		crew_nudge(n);
}

static void ready_push(struct conn *c)
{
	struct net *n = c->net;

	c->ready_next = NULL;
	pthread_mutex_lock(&n->ready_mutex);
	if (n->ready_last)
		n->ready_last->ready_next = c;
	else
		n->ready_first = c;
	n->ready_last = c;
	pthread_mutex_unlock(&n->ready_mutex);
}

static bool ready_is_empty(struct net *n)
{
	pthread_mutex_lock(&n->ready_mutex);
	bool empty = !n->ready_first;
	pthread_mutex_unlock(&n->ready_mutex);
	return empty;
}

static struct conn *ready_pop(struct net *n)
{
	pthread_mutex_lock(&n->ready_mutex);
	struct conn *c = n->ready_first;
	bool more = false;
	if (c) {
		n->ready_first = c->ready_next;
		if (!n->ready_first)
			n->ready_last = NULL;
		more = n->ready_first != NULL;
	}
	pthread_mutex_unlock(&n->ready_mutex);
	if (more)
		nudge_if_idle(n);
	return c;
}

/* ---- claims ---- */

void crew_wake(struct conn *c)
{
	uint64_t seen = atomic_load(&c->claim), next;
	bool mine;

	do {
		mine = (seen & CLAIM_STATE) == CLAIM_PARKED;
		next = mine ? next_claim(seen, CLAIM_RUNNING) : seen | CLAIM_WOKEN;
	} while (!atomic_compare_exchange_weak(&c->claim, &seen, next));
	if (!mine)
		return;
	ready_push(c);
	nudge_if_idle(c->net);
}

/* An event for this ticket: is the connection ours now? *parked: it waited for nothing but the peer's end. */
static bool claim_event(struct conn *c, uint32_t ticket, bool *parked)
{
	uint64_t seen = atomic_load(&c->claim), next;
	unsigned state;

	do {
		state = (unsigned)(seen & CLAIM_STATE);
		if (ticket_of(seen) != ticket || state == CLAIM_RUNNING)
			return false;
		if (state == CLAIM_PARKING)
			next = seen | CLAIM_GONE;
		else
			next = next_claim(seen, CLAIM_RUNNING | (unsigned)(seen & CLAIM_WOKEN));
	} while (!atomic_compare_exchange_weak(&c->claim, &seen, next));
	*parked = state == CLAIM_PARKED;
	return state != CLAIM_PARKING;
}

/* False: the kernel has no memory for one more watch (only the first time it is asked). */
static bool epoll_arm(struct conn *c, uint32_t ticket, uint32_t events)
{
	struct epoll_event e = {.events = events | EPOLLONESHOT, .data.u64 = (uint64_t)ticket << 32 | c->slot};
	int how = c->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	c->watched = true; /* not after the call: then another thread may have it */
	return epoll_ctl(c->net->epoll_fd, how, c->fd, &e) == 0;
}

void crew_arm(struct conn *c, uint32_t events)
{
	uint64_t seen = atomic_load(&c->claim), next;

	atomic_store_explicit(&c->waits_to_write, (events & EPOLLOUT) != 0, memory_order_relaxed);
	if (c->pace == PACE_BODY)
		atomic_store_explicit(&c->waits_since, clock_mono_ms(), memory_order_relaxed);
	/* From the store on an event may take it over; only epoll can, and only after epoll_ctl. */
	do
		next = next_claim(seen, CLAIM_WAITING | (unsigned)(seen & CLAIM_WOKEN));
	while (!atomic_compare_exchange_weak(&c->claim, &seen, next));
	if (epoll_arm(c, ticket_of(next), events))
		return;
	atomic_store(&c->claim, next_claim(next, CLAIM_RUNNING));
	turn_end(c);
}

/*
 * Waits for crew_wake(), watching for the peer's end. While it is PARKING it is still ours, so that epoll_ctl cannot
 * hit a connection that another thread runs by now; what happens meanwhile is noted in the claim.
 */
static void crew_park(struct conn *c)
{
	uint64_t seen = atomic_load(&c->claim), next;

	do {
		next = next_claim(seen, CLAIM_PARKING | (unsigned)(seen & CLAIM_WOKEN));
	} while (!atomic_compare_exchange_weak(&c->claim, &seen, next));
	if (!(next & CLAIM_WOKEN)) {
		atomic_store_explicit(&c->waits_to_write, false, memory_order_relaxed);
		seen = next;
		if (epoll_arm(c, ticket_of(next), EPOLLRDHUP) &&
		    atomic_compare_exchange_strong(&c->claim, &seen, next - CLAIM_PARKING + CLAIM_PARKED))
			return;
	} else {
		seen = next;
	}
	while (!atomic_compare_exchange_weak(&c->claim, &seen, next_claim(seen, CLAIM_RUNNING)))
		;
	if (seen & CLAIM_GONE) {
		turn_end(c);
		return;
	}
	ready_push(c);
}

/* ---- the threads ---- */

static void run(struct worker *w, struct conn *c)
{
	if (c->pace == PACE_BODY) {
		int64_t since = atomic_exchange_explicit(&c->waits_since, 0, memory_order_relaxed);
		if (since)
			atomic_fetch_add_explicit(&c->waited_ms, clock_mono_ms() - since, memory_order_relaxed);
	}
	c->worker = w;
	switch (turn_run(c)) {
	case WANT_READ:
		crew_arm(c, EPOLLIN);
		return;
	case WANT_WRITE:
		crew_arm(c, EPOLLOUT);
		return;
	case WANT_WAKE:
		crew_park(c);
		return;
	case WANT_AGAIN:
		ready_push(c);
		return;
	case WANT_CLOSE:
		turn_end(c);
		return;
	}
	bug("a step wants nothing known");
}

static void tick(struct net *n)
{
	uint64_t expired;
	ssize_t ignored = read(n->timer_fd, &expired, sizeof(expired));

	(void)ignored; /* another thread took this tick: one more look does no harm */
	listener_wake_resting(n);
	pthread_mutex_lock(&n->mutex);
	deadline_tick(n);
	pthread_mutex_unlock(&n->mutex);
}

static void handle(struct worker *w, uint64_t data)
{
	uint32_t which = (uint32_t)data;
	bool parked;

	if (which == EVENT_WAKE)
		return;
	if (which == EVENT_TICK) {
		tick(w->net);
		return;
	}
	if (which >= EVENT_LISTENER) {
		listener_accept(w->net, which - EVENT_LISTENER);
		return;
	}
	struct conn *c = slots_at(w->net, which);
	if (!claim_event(c, (uint32_t)(data >> 32), &parked))
		return;
	/* A peer that hangs up while its request waits for a place is gone, as for any server that reads ahead; a
	 * half-closed one is served everywhere else. */
	if (parked)
		turn_end(c);
	else
		run(w, c);
}

/* One event, then one of the ready: neither starves the other. */
void *crew_main(void *worker)
{
	struct worker *w = worker;
	struct net *n = w->net;
	struct epoll_event e;

	while (!atomic_load(&n->ended)) {
		atomic_fetch_add(&n->idle_workers, 1);
		bool ready = !ready_is_empty(n);
		if (ready)
			atomic_fetch_sub(&n->idle_workers, 1);
		int got = epoll_wait(n->epoll_fd, &e, 1, ready ? 0 : -1);
		if (!ready)
			atomic_fetch_sub(&n->idle_workers, 1);
		if (got < 0 && errno != EINTR)
			bug("epoll_wait: %s", strerror(errno));
		if (got == 1) {
			if (ready)
				nudge_if_idle(n);
			handle(w, e.data.u64);
		}
		struct conn *c = ready_pop(n);
		if (c)
			run(w, c);
	}
	crew_nudge(n); /* the next one may sleep */
	return NULL;
}

enum rc crew_watch(struct net *n, int fd, uint32_t which, uint32_t events, bool again, struct err *err)
{
	struct epoll_event e = {.events = events, .data.u64 = which};

	if (epoll_ctl(n->epoll_fd, again ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &e) != 0)
		return fail_errno(err, E_IO, "cannot watch a descriptor");
	return OK;
}
