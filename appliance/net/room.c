/* room: see room.h. Networks are found in a tree (tsearch(3)): nothing in it can be aimed at, as in a hash table. */
#include "inside.h"
#include <cove/base/clock.h>
#include <search.h>

/* What a client needs to greet us, or to begin its request: who is no longer there gives way last. */
#define SPARED_MS 500
/* A network's share of a pool: an eighth of it, but no more than a few machines at work behind one address need. */
#define SHARE_MAX 64u

enum { OWN, ALL };

static unsigned share(const struct pool_room *room)
{
	unsigned eighth = room->max / 8;

	return eighth < 1 ? 1 : eighth > SHARE_MAX ? SHARE_MAX : eighth;
}

void room_init(struct net *n)
{
	for (enum pool p = 0; p < POOL_COUNT; p++)
		n->room[p].by_count = xcalloc(n->room[p].max + 1, sizeof(*n->room[p].by_count));
}

void room_free(struct net *n)
{
	for (enum pool p = 0; p < POOL_COUNT; p++)
		free(n->room[p].by_count);
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct network)); /* the first member of struct crowd */
}

static struct crowd *find(struct net *n, const struct network *network)
{
	struct crowd *const *found = tfind(network, &n->crowds, compare);

	return found ? *found : NULL;
}

static struct crowd *find_or_make(struct net *n, const struct network *network)
{
	struct crowd *c = find(n, network);

	if (c)
		return c;
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->network = *network;
	if (tsearch(c, &n->crowds, compare))
		return c;
	free(c);
	return NULL;
}

/* ---- how many each network has ---- */

static void recount(struct net *n, enum pool pool, struct crowd *c, bool more)
{
	struct pool_room *room = &n->room[pool];
	unsigned was = c->in[pool].count, now = more ? was + 1 : was - 1;

	if (was) {
		*(c->in[pool].prev ? &c->in[pool].prev->in[pool].next : &room->by_count[was]) = c->in[pool].next;
		if (c->in[pool].next)
			c->in[pool].next->in[pool].prev = c->in[pool].prev;
	}
	c->in[pool].count = now;
	c->in[pool].prev = c->in[pool].next = NULL;
	if (now) {
		c->in[pool].next = room->by_count[now];
		if (room->by_count[now])
			room->by_count[now]->in[pool].prev = c;
		room->by_count[now] = c;
	}
	if (now > room->largest)
		room->largest = now;
	while (room->largest && !room->by_count[room->largest])
		room->largest--;
}

/* ---- what each of them does ---- */

static struct room_list *list_of(struct conn *c, int which)
{
	struct crowd *crowd = which == OWN ? c->seat.crowd : &c->net->everybody;

	return &crowd->of[c->seat.in[POOL_TLS] ? POOL_TLS : POOL_CONNECTIONS][c->seat.standing];
}

static void unlist(struct conn *c)
{
	struct seat *s = &c->seat;

	for (int which = OWN; s->listed && which <= ALL; which++) {
		struct room_list *l = list_of(c, which);

		*(s->prev[which] ? &s->prev[which]->seat.next[which] : &l->first) = s->next[which];
		*(s->next[which] ? &s->next[which]->seat.prev[which] : &l->last) = s->prev[which];
		s->prev[which] = s->next[which] = NULL;
	}
	s->listed = false;
}

static void list(struct conn *c)
{
	struct seat *s = &c->seat;

	for (int which = OWN; which <= ALL; which++) {
		struct room_list *l = list_of(c, which);

		s->prev[which] = l->last;
		*(l->last ? &l->last->seat.next[which] : &l->first) = c;
		l->last = c;
	}
	s->listed = true;
}

void room_stand(struct conn *c, enum standing standing)
{
	if (!c->seat.listed || c->seat.standing == standing)
		return;
	unlist(c);
	c->seat.standing = standing;
	c->seat.since_ms = clock_mono_ms();
	list(c);
}

/* ---- coming and going ---- */

bool room_enter(struct conn *c, enum pool pool, const struct network *network)
{
	struct crowd *crowd = c->seat.crowd ? c->seat.crowd : find_or_make(c->net, network);

	if (!crowd || c->seat.leaving)
		return false;
	unlist(c);
	if (!c->seat.crowd) {
		c->seat.crowd = crowd;
		c->seat.standing = STANDING_OPENING;
		c->seat.since_ms = clock_mono_ms();
		crowd->members++;
	}
	c->seat.in[pool] = true;
	c->net->room[pool].open++;
	recount(c->net, pool, crowd, true);
	list(c);
	return true;
}

/* It is told to end: others count its place as free. */
static void give_way(struct conn *c)
{
	struct net *n = c->net;

	unlist(c);
	c->seat.leaving = true;
	for (enum pool p = 0; p < POOL_COUNT; p++)
		if (c->seat.in[p]) {
			n->room[p].leaving++;
			recount(n, p, c->seat.crowd, false);
		}
	deadline_cut(c, c->seat.standing != STANDING_IDLE);
}

void room_leave(struct conn *c)
{
	struct net *n = c->net;
	struct crowd *crowd = c->seat.crowd;

	unlist(c);
	for (enum pool p = 0; p < POOL_COUNT; p++) {
		if (!c->seat.in[p])
			continue;
		n->room[p].open--;
		if (c->seat.leaving)
			n->room[p].leaving--;
		else
			recount(n, p, crowd, false);
	}
	c->seat = (struct seat){0};
	if (crowd && --crowd->members == 0) {
		tdelete(crowd, &n->crowds, compare);
		free(crowd);
	}
}

/* ---- who gives way ---- */

static struct conn *longest(const struct crowd *of, enum pool pool, enum standing standing)
{
	struct conn *tls = of->of[POOL_TLS][standing].first;
	struct conn *plain = pool == POOL_TLS ? NULL : of->of[POOL_CONNECTIONS][standing].first;

	return !plain || (tls && tls->seat.since_ms < plain->seat.since_ms) ? tls : plain;
}

static struct conn *who_gives_way(const struct crowd *of, enum pool pool, bool busy_too)
{
	struct conn *opening = longest(of, pool, STANDING_OPENING), *idle = longest(of, pool, STANDING_IDLE);
	int64_t spared = clock_mono_ms() - SPARED_MS;

	if (opening && opening->seat.since_ms < spared)
		return opening;
	if (idle && idle->seat.since_ms < spared)
		return idle;
	if (opening && idle)
		return opening->seat.since_ms < idle->seat.since_ms ? opening : idle;
	if (opening || idle)
		return opening ? opening : idle;
	return busy_too ? longest(of, pool, STANDING_BUSY) : NULL;
}

bool room_make(struct net *n, enum pool pool, const struct network *network, bool *sent)
{
	struct pool_room *room = &n->room[pool];
	const struct crowd *own = find(n, network), *of = &n->everybody;
	bool others = !own || own->in[pool].count < room->largest;
	struct conn *c;

	*sent = false;
	if (room->open - room->leaving < room->max)
		return true;
	if (room->largest > share(room))
		of = others ? room->by_count[room->largest] : own;
	c = who_gives_way(of, pool, of != own && of != &n->everybody);
	if (!c)
		return false;
	give_way(c);
	*sent = true;
	return true;
}
