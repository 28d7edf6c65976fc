/* lane: who waits for how long, and who is refused. The queue alone: nobody runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "inside.h"
#include <cmocka.h>

enum { CONNS = 200 };

struct fixture {
	struct net net;
	struct conn conns[CONNS];
	size_t used;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	pthread_mutex_init(&f->net.lane_mutex, NULL);
	lanes_init(&f->net, 8);
	f->net.lanes[LANE_PASSWORD].limit = 1;
	f->net.lanes[LANE_PASSWORD].mean_ms = 1000;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	pthread_mutex_destroy(&f->net.lane_mutex);
	free(f);
	return 0;
}

static enum lane_answer enter(struct fixture *f, const char *peer, enum lane lane)
{
	struct conn *c = &f->conns[f->used++];

	assert_true(f->used <= CONNS);
	c->net = &f->net;
	c->peer_n = (uint8_t)snprintf(c->peer, sizeof(c->peer), "%s", peer);
	c->network = network_of(str_of(peer));
	return conn_lane_enter(c, lane);
}

static void assert_queue(struct fixture *f, const char *wanted)
{
	char text[400] = "";
	size_t n = 0;

	for (struct conn *c = f->net.lanes[LANE_PASSWORD].first; c; c = c->lane_next)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%.*s ", (int)c->peer_n, c->peer);
	assert_string_equal(text, wanted);
}

/* A hundred wrong passwords of one address, then somebody else's right one: that one is next. */
static void a_crowd_waits_behind_itself(void **state)
{
	struct fixture *f = *state;
	int waiting = 0;

	assert_int_equal(enter(f, "a", LANE_PASSWORD), LANE_IN);
	for (int i = 0; i < 100; i++)
		waiting += enter(f, "a", LANE_PASSWORD) == LANE_WAIT;
	assert_int_equal(waiting, 10); /* seconds, at one each */
	assert_queue(f, "a a a a a a a a a a ");
	assert_int_equal(enter(f, "b", LANE_PASSWORD), LANE_WAIT);
	assert_int_equal(enter(f, "c", LANE_PASSWORD), LANE_WAIT);
	assert_int_equal(enter(f, "b", LANE_PASSWORD), LANE_WAIT);
	assert_queue(f, "a b c a b a a a a a a a a ");
	assert_int_equal(enter(f, "a", LANE_PASSWORD), LANE_FULL);
}

/* What comes later of an address never passes what came before. */
static void in_order(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(enter(f, "x", LANE_PASSWORD), LANE_IN);
	for (int i = 0; i < 3; i++)
		assert_int_equal(enter(f, "a", LANE_PASSWORD), LANE_WAIT);
	conn_lane_leave(&f->conns[1]);
	assert_int_equal(enter(f, "a", LANE_PASSWORD), LANE_WAIT);
	assert_ptr_equal(f->net.lanes[LANE_PASSWORD].first, &f->conns[2]);
	assert_ptr_equal(f->net.lanes[LANE_PASSWORD].last, &f->conns[4]);
}

static void addresses_are_refused_beyond_the_wait(void **state)
{
	struct fixture *f = *state;
	char peer[24];
	int waiting = 0;

	for (int i = 0; i < 50; i++) {
		snprintf(peer, sizeof(peer), "p%d", i);
		waiting += enter(f, peer, LANE_PASSWORD) == LANE_WAIT;
	}
	assert_int_equal(waiting, 10);
}

/* Ninety-nine of one crowd, then two of others: these wait behind one of the crowd's at most. */
static void assert_crowd(struct fixture *f, const char *before, const char *after)
{
	char peer[46];

	for (int k = 1; k < 100; k++) {
		snprintf(peer, sizeof(peer), "%s%x%s", before, (unsigned)k, after);
		(void)enter(f, peer, LANE_PASSWORD);
	}
	assert_int_equal(f->net.lanes[LANE_PASSWORD].queued, 10);
	assert_int_equal(enter(f, "198.51.100.1", LANE_PASSWORD), LANE_WAIT);
	assert_int_equal(enter(f, "2001:db8:2::1", LANE_PASSWORD), LANE_WAIT);
	assert_ptr_equal(f->net.lanes[LANE_PASSWORD].first->lane_next, &f->conns[99]);
	assert_ptr_equal(f->conns[99].lane_next, &f->conns[100]);
}

/* One /64 has addresses without end. */
static void a_crowd_is_a_network(void **state)
{
	assert_crowd(*state, "2001:db8:1:2::", "");
}

/* One /48 has 65,536 of those. */
static void a_crowd_is_a_prefix(void **state)
{
	assert_crowd(*state, "2001:db8:1:", "::1");
}

/* A neighbour of a crowd's address waits for one of its, not for all. */
static void neighbours_take_turns(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(enter(f, "192.0.2.66", LANE_PASSWORD), LANE_IN);
	for (int i = 0; i < 5; i++)
		assert_int_equal(enter(f, "192.0.2.66", LANE_PASSWORD), LANE_WAIT);
	assert_int_equal(enter(f, "192.0.2.5", LANE_PASSWORD), LANE_WAIT);
	assert_int_equal(enter(f, "198.51.100.1", LANE_PASSWORD), LANE_WAIT);
	assert_queue(f, "192.0.2.66 198.51.100.1 192.0.2.66 192.0.2.5 192.0.2.66 192.0.2.66 192.0.2.66 ");
}

/* From as many networks as there are turns: who was right before still has every second one. */
static void who_was_right_before(void **state)
{
	struct fixture *f = *state;
	char peer[24];

	assert_int_equal(enter(f, "10.9.9.9", LANE_PASSWORD), LANE_IN);
	for (int i = 0; i < 50; i++) {
		snprintf(peer, sizeof(peer), "10.0.%d.1", i);
		(void)enter(f, peer, LANE_PASSWORD);
	}
	assert_int_equal(enter(f, "198.51.100.1", LANE_PASSWORD), LANE_FULL);
	assert_int_equal(enter(f, "198.51.100.1", LANE_KNOWN), LANE_WAIT);
	assert_int_equal(enter(f, "198.51.100.2", LANE_KNOWN), LANE_WAIT);
	conn_lane_leave(&f->conns[0]); /* its place goes to one of these, the next one to one of those */
	assert_int_equal(atomic_load(&f->conns[52].place), PLACE_IN);
	conn_lane_leave(&f->conns[52]);
	assert_int_equal(atomic_load(&f->conns[1].place), PLACE_IN);
	assert_int_equal(atomic_load(&f->conns[53].place), PLACE_QUEUED);
	conn_lane_leave(&f->conns[1]);
	assert_int_equal(atomic_load(&f->conns[53].place), PLACE_IN);
	assert_int_equal(f->net.lanes[LANE_PASSWORD].in, 1); /* never more than there are places */
	assert_int_equal(f->net.lanes[LANE_KNOWN].in, 0);
}

static void other_lanes_are_first_come_first_served(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 100; i++)
		assert_int_equal(enter(f, "a", LANE_BULK), i < 4 ? LANE_IN : LANE_WAIT);
}

/* Of eight: two may list, four move much, and some are left for what is short. */
static void lists_leave_the_crew_to_pulls(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 40; i++)
		assert_int_equal(enter(f, "a", LANE_LIST), i < 2 ? LANE_IN : LANE_WAIT);
	for (int i = 0; i < 4; i++)
		assert_int_equal(enter(f, "b", LANE_BULK), LANE_IN);
}

#define fixture_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    fixture_test(a_crowd_waits_behind_itself),
	    fixture_test(in_order),
	    fixture_test(addresses_are_refused_beyond_the_wait),
	    fixture_test(a_crowd_is_a_network),
	    fixture_test(a_crowd_is_a_prefix),
	    fixture_test(neighbours_take_turns),
	    fixture_test(who_was_right_before),
	    fixture_test(other_lanes_are_first_come_first_served),
	    fixture_test(lists_leave_the_crew_to_pulls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
