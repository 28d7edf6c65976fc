/* room: who gives way to whom, and that the counts stay right. The connections alone: nobody runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "inside.h"
#include <cove/base/clock.h>
#include <cmocka.h>
#include <sys/socket.h>

enum { MAX = 80, CONNS = 200, SHARE = 10 /* an eighth */ };

struct fixture {
	struct net net;
	struct conn conns[CONNS];
	bool used[CONNS];
	int64_t now_ms;
};

static void later_ms(struct fixture *f, int64_t ms)
{
	f->now_ms += ms;
	clock_pin(1000000, f->now_ms);
}

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->net.ticking = true; /* there is no timer */
	f->net.room[POOL_CONNECTIONS].max = MAX;
	f->net.room[POOL_TLS].max = MAX / 2;
	room_init(&f->net);
	later_ms(f, 1000);
	*state = f;
	return 0;
}

static void leave(struct fixture *f, struct conn *c)
{
	deadline_set(c, TIMING_NONE);
	room_leave(c);
	atomic_store(&c->cut, false);
	f->used[c - f->conns] = false;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < CONNS; i++)
		if (f->used[i])
			leave(f, &f->conns[i]);
	for (enum pool p = 0; p < POOL_COUNT; p++) {
		assert_int_equal(f->net.room[p].open, 0);
		assert_int_equal(f->net.room[p].leaving, 0);
		assert_int_equal(f->net.room[p].largest, 0);
	}
	assert_null(f->net.crowds);
	room_free(&f->net);
	clock_pin(-1, -1);
	free(f);
	return 0;
}

/* NULL: no room. */
static struct conn *come(struct fixture *f, const char *peer, enum timing timing)
{
	struct network network = network_of(str_of(peer));
	struct conn *c = f->conns;
	bool sent;

	if (!room_make(&f->net, POOL_CONNECTIONS, &network, &sent))
		return NULL;
	while (f->used[c - f->conns])
		c++;
	f->used[c - f->conns] = true;
	c->net = &f->net;
	c->fd = -1;
	c->network = network;
	assert_true(room_enter(c, POOL_CONNECTIONS, &network));
	deadline_set(c, TIMING_OPENING);
	if (timing != TIMING_OPENING)
		deadline_set(c, timing);
	return c;
}

static bool come_by_tls(struct fixture *f, struct conn *c)
{
	bool sent;

	return room_make(&f->net, POOL_TLS, &c->network, &sent) && room_enter(c, POOL_TLS, &c->network);
}

static void fill(struct fixture *f, const char *peer, enum timing timing, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		assert_non_null(come(f, peer, timing));
}

static void a_crowd_makes_room_first(void **state)
{
	struct fixture *f = *state;
	struct conn *idle, *busy, *oldest;

	idle = come(f, "a", TIMING_IDLE_PLAIN);
	busy = come(f, "a", TIMING_BODY);
	oldest = come(f, "crowd", TIMING_OPENING);
	fill(f, "crowd", TIMING_OPENING, MAX - 3);
	later_ms(f, 60000);
	assert_non_null(come(f, "b", TIMING_OPENING));
	assert_true(oldest->seat.leaving);
	/* and for its own, too */
	fill(f, "crowd", TIMING_OPENING, 30);
	assert_false(idle->seat.leaving || busy->seat.leaving);
	assert_int_equal(f->net.room[POOL_CONNECTIONS].leaving, 31);
}

static void transfers_of_a_crowd_end_for_others_only(void **state)
{
	struct fixture *f = *state;

	fill(f, "crowd", TIMING_BODY, MAX);
	assert_null(come(f, "crowd", TIMING_OPENING));
	for (unsigned i = 0; i < 20; i++)
		assert_non_null(come(f, "a", TIMING_BODY));
	assert_int_equal(f->net.room[POOL_CONNECTIONS].largest, MAX - 20);
	assert_true(f->conns[0].seat.leaving);
	assert_false(f->conns[20].seat.leaving);
}

/* Two crowds of the same size do not end each other's transfers. */
static void equals_leave_each_other_alone(void **state)
{
	struct fixture *f = *state;

	fill(f, "one", TIMING_BODY, MAX / 2);
	fill(f, "two", TIMING_BODY, MAX / 2);
	assert_null(come(f, "one", TIMING_OPENING));
	assert_null(come(f, "two", TIMING_OPENING));
	assert_non_null(come(f, "three", TIMING_OPENING));
}

static void within_their_shares_no_transfer_ends(void **state)
{
	struct fixture *f = *state;
	char peer[16];

	for (int i = 0; i < MAX / SHARE; i++) {
		snprintf(peer, sizeof(peer), "p%d", i);
		fill(f, peer, TIMING_BODY, SHARE);
	}
	assert_null(come(f, "a", TIMING_OPENING));
	leave(f, &f->conns[0]);
	assert_non_null(come(f, "a", TIMING_OPENING)); /* the only one that is no transfer */
	assert_non_null(come(f, "b", TIMING_OPENING));
}

static void opening_ones_then_idle_ones(void **state)
{
	struct fixture *f = *state;
	struct conn *idle = come(f, "idle", TIMING_IDLE_PLAIN), *opening;
	char peer[16];

	later_ms(f, 10000);
	opening = come(f, "opening", TIMING_OPENING);
	for (int i = 0; i < MAX - 2; i++) {
		snprintf(peer, sizeof(peer), "p%d", i);
		assert_non_null(come(f, peer, TIMING_BODY));
	}
	assert_non_null(come(f, "a", TIMING_BODY)); /* who is just greeting us is spared */
	assert_true(idle->seat.leaving && !opening->seat.leaving);
	later_ms(f, 1000);
	assert_non_null(come(f, "b", TIMING_BODY));
	assert_true(opening->seat.leaving);
	assert_null(come(f, "c", TIMING_BODY));
}

static void sessions_have_a_count_of_their_own(void **state)
{
	struct fixture *f = *state;
	struct conn *c, *plain = come(f, "crowd", TIMING_OPENING);

	for (int i = 0; i < MAX / 2; i++)
		assert_true(come_by_tls(f, come(f, "crowd", TIMING_OPENING)));
	later_ms(f, 60000);
	c = come(f, "a", TIMING_OPENING);
	assert_true(come_by_tls(f, c));
	assert_false(plain->seat.leaving); /* has no session to give */
	assert_true(f->conns[1].seat.leaving);
	assert_int_equal(f->net.room[POOL_TLS].leaving, 1);
	assert_int_equal(f->net.room[POOL_CONNECTIONS].leaving, 1);
	leave(f, &f->conns[1]);
	assert_int_equal(f->net.room[POOL_TLS].open, MAX / 2);
	/* who was told to end takes nothing more */
	assert_true(come_by_tls(f, come(f, "b", TIMING_OPENING)));
	assert_true(f->conns[2].seat.leaving);
	assert_false(room_enter(&f->conns[2], POOL_TLS, &f->conns[2].network));
}

static void a_network_counts_as_one(void **state)
{
	struct fixture *f = *state;
	char peer[40];

	for (int i = 0; i < MAX; i++) {
		snprintf(peer, sizeof(peer), "2001:db8:1:1::%x", i);
		assert_non_null(come(f, peer, TIMING_BODY));
	}
	assert_int_equal(f->net.room[POOL_CONNECTIONS].largest, MAX);
	assert_null(come(f, "2001:db8:1:1:ffff::", TIMING_OPENING));
	assert_non_null(come(f, "2001:db8:1:2::1", TIMING_OPENING));
}

/* Anything in any order: the counts are those of a plain count. */
static void counts_stay_right(void **state)
{
	static const enum timing timings[] = {TIMING_NONE, TIMING_OPENING, TIMING_HEAD, TIMING_BODY, TIMING_IDLE_PLAIN,
	    TIMING_IDLE_TLS, TIMING_LINGER, TIMING_CUT};
	struct fixture *f = *state;
	unsigned seed = 1, counts[7];
	char peer[16];

	for (int i = 0; i < 20000; i++) {
		struct conn *c = &f->conns[(unsigned)rand_r(&seed) % CONNS];

		later_ms(f, rand_r(&seed) % 100);
		snprintf(peer, sizeof(peer), "p%d", rand_r(&seed) % 7);
		if (!f->used[c - f->conns])
			(void)come(f, peer, timings[(unsigned)rand_r(&seed) % 8]);
		else if (rand_r(&seed) % 4 == 0 || c->seat.leaving)
			leave(f, c);
		else if (rand_r(&seed) % 2 || c->seat.in[POOL_TLS])
			deadline_set(c, timings[(unsigned)rand_r(&seed) % 8]);
		else
			(void)come_by_tls(f, c);
		unsigned largest = 0;
		memset(counts, 0, sizeof(counts));
		for (size_t j = 0; j < CONNS; j++)
			if (f->used[j] && !f->conns[j].seat.leaving) {
				unsigned now = ++counts[f->conns[j].network.bytes[1] - '0'];
				largest = now > largest ? now : largest;
			}
		assert_int_equal(f->net.room[POOL_CONNECTIONS].largest, largest);
		assert_true(f->net.room[POOL_CONNECTIONS].open - f->net.room[POOL_CONNECTIONS].leaving <= MAX);
		assert_true(f->net.room[POOL_TLS].open - f->net.room[POOL_TLS].leaving <= MAX / 2);
	}
}

#define fixture_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    fixture_test(a_crowd_makes_room_first),
	    fixture_test(transfers_of_a_crowd_end_for_others_only),
	    fixture_test(equals_leave_each_other_alone),
	    fixture_test(within_their_shares_no_transfer_ends),
	    fixture_test(opening_ones_then_idle_ones),
	    fixture_test(sessions_have_a_count_of_their_own),
	    fixture_test(a_network_counts_as_one),
	    fixture_test(counts_stay_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
