/*
 * lane: how many may do the same costly thing at once. A place lasts until the turn ends, so whoever needs many turns
 * queues again and all move on alike. Who finds no place is queued without a thread, and woken with its place taken.
 */
#include "inside.h"
#include <cove/base/clock.h>
#include <cove/base/memory.h>
#include <unistd.h>

#define LANE_QUEUE_MAX 1024u /* then only who has few of them there is queued */
#define LANE_QUEUE_SHARE 64u
/* Who would wait longer for the password lane is refused (docs/clients.md, Tokens 7), by what a place took of late. */
#define PASSWORD_WAIT_MAX_MS (10 * 1000)
#define PASSWORD_FIRST_MS 300 /* before it is known */
#define PASSWORD_LEAST_MS 50  /* many at once with the same password need Argon2 once: that says nothing of others */

void lanes_init(struct net *n, unsigned threads)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	bool four_gib = memory_limit_bytes() > 7 * (UINT64_C(1) << 29); /* 4 GiB less what the firmware keeps */

	n->lanes[LANE_BULK].limit = threads > 1 ? threads / 2 : 1;
	n->lanes[LANE_LIST] = (struct lane_queue){.limit = threads > 4 ? threads / 4 : 1, .is_fair = true};
	n->lanes[LANE_HEAVY] = (struct lane_queue){.limit = cores > 3 ? (unsigned)cores / 2 : 1, .is_fair = true};
	n->lanes[LANE_PASSWORD] = (struct lane_queue){.limit = four_gib && cores > 1 ? 2 : 1,
	    .is_fair = true,
	    .wait_max_ms = PASSWORD_WAIT_MAX_MS,
	    .mean_ms = PASSWORD_FIRST_MS};
	n->lanes[LANE_KNOWN] = (struct lane_queue){.is_fair = true, .wait_max_ms = PASSWORD_WAIT_MAX_MS};
	n->lanes[LANE_HANDSHAKE].limit = cores > 0 ? (unsigned)cores : 1;
	for (int i = 0; i < LANE_COUNT; i++)
		n->lanes[i].places = &n->lanes[i];
	n->lanes[LANE_KNOWN].places = &n->lanes[LANE_PASSWORD];
	n->lanes[LANE_KNOWN].other = &n->lanes[LANE_PASSWORD];
	n->lanes[LANE_PASSWORD].other = &n->lanes[LANE_KNOWN];
}

/* Before that one; NULL: at the end. */
static void insert(struct lane_queue *l, struct conn *c, struct conn *before)
{
	c->lane_next = before;
	c->lane_prev = before ? before->lane_prev : l->last;
	*(c->lane_prev ? &c->lane_prev->lane_next : &l->first) = c;
	*(before ? &before->lane_prev : &l->last) = c;
	l->queued++;
}

/*
 * Before whom it is queued. The networks around (a /24, a /48) take turns, and in each of them its networks (an
 * address, a /64): so a crowd waits behind itself, whether it has one address or a whole prefix, and who is a neighbour
 * of one waits behind one of it. *ahead: how many remain before it.
 */
static struct conn *fair_place(const struct lane_queue *l, struct conn *c, unsigned *ahead)
{
	struct network around = network_around(&c->network), other;
	unsigned beside = 0;
	struct conn *at;

	*ahead = 0;
	c->lane_turn = c->lane_rank = 0;
	for (at = l->first; at; at = at->lane_next)
		if (network_eq(&at->network, &c->network)) {
			c->lane_turn = at->lane_turn + 1;
			c->lane_rank = at->lane_rank + 1; /* never past its own */
		}
	for (at = l->first; at; at = at->lane_next) {
		other = network_around(&at->network);
		beside += at->lane_turn <= c->lane_turn && network_eq(&other, &around);
	}
	if (c->lane_rank < beside)
		c->lane_rank = beside;
	for (at = l->first; at && at->lane_rank <= c->lane_rank; at = at->lane_next)
		++*ahead;
	return at;
}

static bool has_its_share(const struct lane_queue *l, const struct conn *c)
{
	unsigned own = 0;

	for (const struct conn *at = l->first; at && own < LANE_QUEUE_SHARE; at = at->lane_next)
		own += network_eq(&at->network, &c->network);
	return own == LANE_QUEUE_SHARE;
}

static void begin(struct conn *c)
{
	c->lane_since_ms = clock_mono_ms();
	atomic_store(&c->place, PLACE_IN);
}

static void measure(struct lane_queue *l, const struct conn *c)
{
	int64_t held_ms = clock_mono_ms() - c->lane_since_ms;

	l->mean_ms += (held_ms - l->mean_ms) / 8;
	if (l->mean_ms < PASSWORD_LEAST_MS)
		l->mean_ms = PASSWORD_LEAST_MS;
}

static void drop(struct lane_queue *l, struct conn *c)
{
	*(c->lane_prev ? &c->lane_prev->lane_next : &l->first) = c->lane_next;
	*(c->lane_next ? &c->lane_next->lane_prev : &l->last) = c->lane_prev;
	c->lane_prev = c->lane_next = NULL;
	l->queued--;
}

/* The other queue has every second turn, as long as it lasts. */
static int64_t turns_until(const struct lane_queue *l, unsigned ahead)
{
	unsigned others = l->other ? l->other->queued : 0;

	return ahead + 1 + (others < ahead + 1 ? others : ahead + 1);
}

/* Which of the two queues for these places is next. */
static struct lane_queue *next_queue(struct lane_queue *places)
{
	if (!places->other || !places->other->first)
		return places;
	if (!places->first)
		return places->other;
	places->others_turn = !places->others_turn;
	return places->others_turn ? places->other : places;
}

/* Lanes' mutex held. */
static enum lane_answer enter(struct lane_queue *l, struct conn *c)
{
	struct lane_queue *places = l->places;
	struct conn *before = NULL;
	unsigned ahead = 0;

	if (places->in < places->limit && !l->first) {
		places->in++;
		begin(c);
		return LANE_IN;
	}
	if (l->queued >= LANE_QUEUE_MAX && has_its_share(l, c))
		return LANE_FULL;
	if (l->is_fair)
		before = fair_place(l, c, &ahead);
	if (l->wait_max_ms && turns_until(l, ahead) * places->mean_ms / places->limit > l->wait_max_ms)
		return LANE_FULL;
	insert(l, c, before);
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
	struct lane_queue *l = &n->lanes[c->lane], *places = l->places, *from;

	if (atomic_load(&c->place) == PLACE_NONE)
		return;
	pthread_mutex_lock(&n->lane_mutex);
	if (atomic_exchange(&c->place, PLACE_NONE) == PLACE_QUEUED) {
		drop(l, c);
		pthread_mutex_unlock(&n->lane_mutex);
		return;
	}
	if (l->wait_max_ms)
		measure(places, c);
	from = next_queue(places);
	if (from->first) { /* the place goes on to the next */
		struct conn *next = from->first;
		drop(from, next);
		begin(next);
		crew_wake(next); /* under the mutex: it cannot end and begin anew in between */
	} else {
		places->in--;
	}
	pthread_mutex_unlock(&n->lane_mutex);
}
