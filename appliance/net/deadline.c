/*
 * deadline: how long a peer may take. Every pace has one duration, so a list per pace, appended to, is always in the
 * order of its deadlines: setting and dropping cost O(1), a tick looks at the heads only. The reaper never closes: it
 * shuts the socket down under the mutex that the owner takes before close(2), so it cannot hit a reused descriptor.
 */
#include "inside.h"
#include <cove/base/clock.h>
#include <cove/base/log.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#define BODY_BYTES_PER_S 1024u

static const int32_t durations_ms[TIMING_COUNT] = {
    [TIMING_OPENING] = 10000, /* Go's clients give up a handshake after 10 s as well */
    [TIMING_HEAD] = 15000,
    [TIMING_BODY] = 0, /* net->stall_ms */
    [TIMING_IDLE_PLAIN] = 60000,
    [TIMING_IDLE_TLS] = 60000,
    [TIMING_LINGER] = 5000,
    [TIMING_CUT] = 5000,
};

static int64_t duration_ms(const struct net *n, enum timing timing)
{
	return timing == TIMING_BODY ? n->stall_ms : durations_ms[timing];
}

static const enum standing standings[TIMING_COUNT] = {
    [TIMING_NONE] = STANDING_BUSY,
    [TIMING_OPENING] = STANDING_OPENING,
    [TIMING_HEAD] = STANDING_OPENING,
    [TIMING_BODY] = STANDING_BUSY,
    [TIMING_IDLE_PLAIN] = STANDING_IDLE,
    [TIMING_IDLE_TLS] = STANDING_IDLE,
    [TIMING_LINGER] = STANDING_IDLE,
    [TIMING_CUT] = STANDING_BUSY,
};

static void unlink_conn(struct conn *c)
{
	struct list *l = &c->net->timings[c->timing];

	if (c->timing == TIMING_NONE)
		return;
	*(c->prev ? &c->prev->next : &l->first) = c->next;
	*(c->next ? &c->next->prev : &l->last) = c->prev;
	c->prev = c->next = NULL;
	c->timing = TIMING_NONE;
}

/* The timer runs only while there is something to look at: an idle machine sleeps. */
void deadline_start_ticking(struct net *n)
{
	struct itimerspec every = {.it_interval.tv_nsec = TICK_MS * 1000000, .it_value.tv_nsec = TICK_MS * 1000000};

	if (n->ticking)
		return;
	n->ticking = true;
	timerfd_settime(n->timer_fd, 0, &every, NULL);
}

static void stop_ticking(struct net *n)
{
	struct itimerspec never = {0};

	n->ticking = false;
	timerfd_settime(n->timer_fd, 0, &never, NULL);
}

/* What went either way: of what we send, what the peer has taken. The kernel takes much more, and then nothing for
 * long.
 */
static uint64_t moved_bytes(const struct conn *c)
{
	uint64_t moved = atomic_load_explicit(&c->moved, memory_order_relaxed);
	int left = 0;

	if (ioctl(c->fd, SIOCOUTQ, &left))
		left = 0;
	return moved > (uint64_t)left ? moved - (uint64_t)left : 0;
}

void deadline_set(struct conn *c, enum timing timing)
{
	struct net *n = c->net;
	struct list *l = &n->timings[timing];

	unlink_conn(c);
	room_stand(c, standings[timing]);
	if (timing == TIMING_NONE)
		return;
	c->timing = timing;
	c->due_at_ms = clock_mono_ms() + duration_ms(n, timing);
	if (timing == TIMING_BODY) {
		c->window_moved = moved_bytes(c);
		c->window_waited_ms = atomic_load_explicit(&c->waited_ms, memory_order_relaxed);
	}
	c->prev = l->last;
	*(l->last ? &l->last->next : &l->first) = c;
	l->last = c;
	deadline_start_ticking(n);
}

void deadline_cut(struct conn *c, bool at_once)
{
	/* A peer that does not take what we send will not take a farewell either. */
	bool both = at_once || c->timing == TIMING_OPENING || c->timing == TIMING_LINGER || c->timing == TIMING_CUT ||
		    atomic_load_explicit(&c->waits_to_write, memory_order_relaxed);

	atomic_store(&c->cut, true);
	shutdown(c->fd, both ? SHUT_RDWR : SHUT_RD);
	deadline_set(c, both ? TIMING_NONE : TIMING_CUT);
}

/* Only the time that we waited for the peer counts: it is not to blame for our disk or for the queue of a lane. */
static bool is_too_slow(struct conn *c, int64_t now)
{
	int64_t since = atomic_load_explicit(&c->waits_since, memory_order_relaxed);
	int64_t waited = atomic_load_explicit(&c->waited_ms, memory_order_relaxed) - c->window_waited_ms;
	uint64_t moved = moved_bytes(c) - c->window_moved;

	if (since && now > since)
		waited += now - since;
	if (waited < c->net->stall_ms / 2)
		return false;
	return moved * 1000 < (uint64_t)waited * BODY_BYTES_PER_S;
}

static void expire(struct conn *c, int64_t now)
{
	if (c->timing == TIMING_BODY && !is_too_slow(c, now)) {
		deadline_set(c, TIMING_BODY);
		return;
	}
	log_debug("net.slow", "peer=%s", c->peer);
	atomic_store(&c->timed_out, true);
	deadline_cut(c, false);
}

void deadline_tick(struct net *n)
{
	int64_t now = clock_mono_ms();
	bool any = false;

	for (enum timing t = TIMING_OPENING; t < TIMING_COUNT; t++) {
		struct list *l = &n->timings[t];
		/* What comes back to its list does so with a later deadline: this ends. */
		while (l->first && l->first->due_at_ms <= now)
			expire(l->first, now);
		any |= l->first != NULL;
	}
	if (!any && !atomic_load(&n->resting))
		stop_ticking(n);
}
