/*
 * lane: how many may do the same costly thing at once. A place lasts until the turn ends, so whoever needs many turns
 * queues again and all move on alike. Who finds no place is queued without a thread, and woken with its place taken.
 */
#include "inside.h"
#include <unistd.h>

void lanes_init(struct net *n, unsigned threads)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
	bool four_gib = (int64_t)pages * page_bytes > 7 * (INT64_C(1) << 29); /* 4 GiB less what the firmware keeps */

	n->lanes[LANE_BULK].limit = threads > 1 ? threads / 2 : 1;
	n->lanes[LANE_PASSWORD].limit = four_gib ? 2 : 1;
	n->lanes[LANE_HANDSHAKE].limit = cores > 0 ? (unsigned)cores : 1;
}

static void append(struct lane_queue *l, struct conn *c)
{
	c->lane_next = NULL;
	c->lane_prev = l->last;
	*(l->last ? &l->last->lane_next : &l->first) = c;
	l->last = c;
	l->queued++;
}

static void drop(struct lane_queue *l, struct conn *c)
{
	*(c->lane_prev ? &c->lane_prev->lane_next : &l->first) = c->lane_next;
	*(c->lane_next ? &c->lane_next->lane_prev : &l->last) = c->lane_prev;
	c->lane_prev = c->lane_next = NULL;
	l->queued--;
}

/* Lanes' mutex held. */
static enum lane_answer enter(struct lane_queue *l, struct conn *c)
{
	if (l->in < l->limit && !l->first) {
		l->in++;
		atomic_store(&c->place, PLACE_IN);
		return LANE_IN;
	}
	if (l->queued >= LANE_QUEUE_MAX)
		return LANE_FULL;
	append(l, c);
	atomic_store(&c->place, PLACE_QUEUED);
	return LANE_WAIT;
}

enum lane_answer conn_lane_enter(struct conn *c, enum lane lane)
{
	struct net *n = c->net;
	enum lane_place place = atomic_load(&c->place);
	enum lane_answer answer;

	if (place != PLACE_NONE && c->lane != lane) {
		conn_lane_leave(c);
		place = PLACE_NONE;
	}
	if (place == PLACE_NONE) {
		pthread_mutex_lock(&n->lane_mutex);
		c->lane = lane;
		answer = enter(&n->lanes[lane], c);
		pthread_mutex_unlock(&n->lane_mutex);
	} else {
		answer = place == PLACE_IN ? LANE_IN : LANE_WAIT;
	}
	c->queued_in_turn = answer == LANE_WAIT;
	return answer;
}

void conn_lane_leave(struct conn *c)
{
	struct net *n = c->net;
	struct lane_queue *l = &n->lanes[c->lane];

	if (atomic_load(&c->place) == PLACE_NONE)
		return;
	pthread_mutex_lock(&n->lane_mutex);
	if (atomic_exchange(&c->place, PLACE_NONE) == PLACE_QUEUED) {
		drop(l, c);
	} else if (l->first) { /* the place goes on to the next */
		struct conn *next = l->first;
		drop(l, next);
		atomic_store(&next->place, PLACE_IN);
		crew_wake(next); /* under the mutex: it cannot end and begin anew in between */
	} else {
		l->in--;
	}
	pthread_mutex_unlock(&n->lane_mutex);
}
