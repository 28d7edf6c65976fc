/* throttle: what waits for whom, and for how long. The clock is moved by hand. */
#include "fixture.h"
#include <pthread.h>

static int64_t now_ms;

static void at(int64_t ms)
{
	now_ms = ms;
	clock_pin(NOW, now_ms);
}

static void later_s(int64_t s)
{
	at(now_ms + s * 1000);
}

static int setup(void **state)
{
	crypto_start();
	at(MONO_MS);
	*state = throttle_new();
	return 0;
}

static int teardown(void **state)
{
	throttle_free(*state);
	clock_pin(-1, -1);
	return 0;
}

static void fail_times(struct throttle *t, const char *account, const char *peer, int n)
{
	for (int i = 0; i < n; i++)
		throttle_failed(t, str_of(account), str_of(peer));
}

static bool is_free(struct throttle *t, const char *account, const char *peer)
{
	enum rc rc = throttle_check(t, str_of(account), str_of(peer), NULL);

	assert_true(rc == OK || rc == E_THROTTLED);
	return rc == OK;
}

static void waits_grow_to_a_minute(void **state)
{
	static const int waits_s[] = {1, 2, 4, 8, 16, 32, 60, 60, 60};
	struct throttle *t = *state;

	fail_times(t, "ann", "192.0.2.1", 9);
	assert_true(is_free(t, "ann", "192.0.2.1"));
	for (size_t i = 0; i < sizeof(waits_s) / sizeof(waits_s[0]); i++) {
		fail_times(t, "ann", "192.0.2.1", 1);
		assert_false(is_free(t, "ann", "192.0.2.1"));
		at(now_ms + waits_s[i] * 1000 - 1);
		assert_false(is_free(t, "ann", "192.0.2.1"));
		at(now_ms + 1);
		assert_true(is_free(t, "ann", "192.0.2.1"));
	}
}

static void says_how_long(void **state)
{
	struct err err;

	fail_times(*state, "ann", "192.0.2.1", 12);
	assert_int_equal(throttle_check(*state, STR("ann"), STR("192.0.2.1"), &err), E_THROTTLED);
	assert_string_equal(err.text, "too many failed logins: try again in 4 seconds");
}

static void one_pair_hurts_no_other(void **state)
{
	struct throttle *t = *state;

	fail_times(t, "ann", "192.0.2.1", 20);
	assert_false(is_free(t, "ann", "192.0.2.1"));
	assert_true(is_free(t, "ann", "192.0.2.2"));
	assert_true(is_free(t, "bob", "192.0.2.1"));
	assert_true(is_free(t, "ann1", "92.0.2.1"));
}

static void a_success_clears_the_pair(void **state)
{
	struct throttle *t = *state;

	fail_times(t, "ann", "192.0.2.1", 9);
	throttle_succeeded(t, STR("ann"), STR("192.0.2.1"));
	fail_times(t, "ann", "192.0.2.1", 9);
	assert_true(is_free(t, "ann", "192.0.2.1"));
	fail_times(t, "ann", "192.0.2.1", 1);
	assert_false(is_free(t, "ann", "192.0.2.1"));
}

static void no_address_is_exempt(void **state)
{
	static const char *const peers[] = {"127.0.0.1", "::1", "10.0.0.1", "fe80::1%eth0", ""};

	for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
		fail_times(*state, "ann", peers[i], 10);
		assert_false(is_free(*state, "ann", peers[i]));
	}
}

static void ipv6_counts_by_64_bits(void **state)
{
	struct throttle *t = *state;

	fail_times(t, "ann", "2001:db8:1:2::1", 5);
	fail_times(t, "ann", "2001:db8:1:2:ffff::9", 5);
	assert_false(is_free(t, "ann", "2001:db8:1:2:3:4:5:6"));
	assert_true(is_free(t, "ann", "2001:db8:1:3::1"));
	assert_true(is_free(t, "ann", "192.0.2.1"));
}

/* For how many of the next 64 seconds the account is heard, while another one fails from there all the time. */
static int heard(struct throttle *t, const char *account, const char *peer)
{
	int count = 0;

	for (int s = 0; s < 64; s++) {
		fail_times(t, "mallory", peer, 1);
		count += is_free(t, account, peer);
		later_s(1);
	}
	return count;
}

static void many_accounts_from_one_address(void **state)
{
	struct throttle *t = *state;
	char name[16];

	for (int i = 0; i < 30; i++) {
		assert_true(is_free(t, "ann", "192.0.2.1"));
		snprintf(name, sizeof(name), "u%d", i);
		fail_times(t, name, "192.0.2.1", 1);
	}
	assert_int_equal(heard(t, "ann", "192.0.2.1"), 8);
	assert_true(is_free(t, "ann", "192.0.2.2"));
	/* an account of the attacker's own does not clear it */
	throttle_succeeded(t, STR("mallory"), STR("192.0.2.1"));
	assert_int_equal(heard(t, "ann", "192.0.2.1"), 8);
	/* nor does it end for the neighbours before he does */
	for (int i = 0; i < 10; i++)
		assert_int_equal(heard(t, "bob", "192.0.2.1"), 8);
}

/* Everybody on the link has an address below fe80::/64. */
static void neighbours_on_the_link(void **state)
{
	fail_times(*state, "ann", "fe80::1%eth0", 40);
	assert_false(is_free(*state, "ann", "fe80::1%eth0"));
	assert_true(is_free(*state, "ann", "fe80::2%eth0"));
}

static void attack_account(struct throttle *t, int addresses)
{
	char peer[40];

	for (int i = 0; i < addresses; i++) {
		snprintf(peer, sizeof(peer), "198.51.%d.%d", i / 200, i % 200);
		fail_times(t, "ann", peer, 1);
	}
}

/* Whatever the others do, each address is heard for 8 s of every 64 s. */
static void an_attacked_account_takes_turns(void **state)
{
	struct throttle *t = *state;
	char peer[40];

	attack_account(t, 99);
	for (int i = 0; i < 50; i++) {
		snprintf(peer, sizeof(peer), "203.0.113.%d", i);
		assert_true(is_free(t, "ann", peer));
	}
	for (int i = 0; i < 20; i++) {
		int heard = 0;

		snprintf(peer, sizeof(peer), "203.0.113.%d", i);
		for (int s = 0; s < 64; s++) {
			attack_account(t, 10);
			heard += is_free(t, "ann", peer);
			later_s(1);
		}
		assert_int_equal(heard, 8);
	}
	assert_true(is_free(t, "bob", "203.0.113.1"));
}

static void the_wait_for_a_turn_is_exact(void **state)
{
	struct err err;
	char sentence[80];
	int waited = 0;

	attack_account(*state, 100);
	while (!is_free(*state, "ann", "203.0.113.1"))
		later_s(1);
	later_s(8); /* the turn is over now, the next begins in 56 s at most */
	assert_int_equal(throttle_check(*state, STR("ann"), STR("203.0.113.1"), &err), E_THROTTLED);
	while (!is_free(*state, "ann", "203.0.113.1")) {
		later_s(1);
		waited++;
	}
	snprintf(sentence, sizeof(sentence), "too many failed logins: try again in %d seconds", waited);
	assert_string_equal(err.text, sentence);
}

static void counts_are_halved_in_ten_minutes(void **state)
{
	struct throttle *t = *state;

	fail_times(t, "ann", "192.0.2.1", 9);
	later_s(600);
	fail_times(t, "ann", "192.0.2.1", 5); /* 4 + 5 */
	assert_true(is_free(t, "ann", "192.0.2.1"));
	fail_times(t, "ann", "192.0.2.1", 1);
	assert_false(is_free(t, "ann", "192.0.2.1"));
	later_s(40 * 600); /* as good as forgotten */
	fail_times(t, "ann", "192.0.2.1", 9);
	assert_true(is_free(t, "ann", "192.0.2.1"));
}

static void long_names_are_cut(void **state)
{
	char name[5000], peer[200];

	memset(name, 'x', sizeof(name));
	memset(peer, ':', sizeof(peer));
	for (int i = 0; i < 10; i++)
		throttle_failed(*state, (struct str){name, sizeof(name)}, (struct str){peer, sizeof(peer)});
	assert_int_equal(
	    throttle_check(*state, (struct str){name, sizeof(name)}, (struct str){peer, sizeof(peer)}, NULL),
	    E_THROTTLED);
	assert_true(is_free(*state, "x", "::"));
}

static void a_flood_does_not_wash_out_the_guesser(void **state)
{
	struct throttle *t = *state;
	char peer[40];

	fail_times(t, "ann", "192.0.2.1", 12);
	for (int i = 0; i < 30000; i++) {
		snprintf(peer, sizeof(peer), "10.%d.%d.1", i / 250, i % 250);
		fail_times(t, "bob", peer, 1);
	}
	assert_false(is_free(t, "ann", "192.0.2.1"));
}

static void *hammer(void *t)
{
	for (int i = 0; i < 2000; i++) {
		throttle_failed(t, STR("ann"), STR("192.0.2.1"));
		throttle_succeeded(t, STR("ann"), STR("192.0.2.1"));
		(void)!throttle_check(t, STR("ann"), STR("192.0.2.2"), NULL);
	}
	return NULL;
}

static void threads(void **state)
{
	pthread_t ids[4];

	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&ids[i], NULL, hammer, *state), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(ids[i], NULL);
	assert_int_equal(heard(*state, "bob", "192.0.2.1"), 8); /* 8000 failures of the address */
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* Of an account so many addresses are remembered; those of others are not forgotten for it. */
static void remembers_who_was_right(void **state)
{
	struct throttle *t = *state;
	char peer[32];

	assert_false(throttle_was_right(t, STR("ann"), STR("192.0.2.1")));
	throttle_succeeded(t, STR("ann"), STR("192.0.2.1"));
	throttle_succeeded(t, STR("ann"), STR("2001:db8::1"));
	assert_true(throttle_was_right(t, STR("ann"), STR("192.0.2.1")));
	assert_true(throttle_was_right(t, STR("ann"), STR("2001:db8::2"))); /* the same /64 */
	assert_false(throttle_was_right(t, STR("ann"), STR("192.0.2.2")));
	assert_false(throttle_was_right(t, STR("bob"), STR("192.0.2.1")));
	fail_times(t, "ann", "192.0.2.1", 20);
	assert_true(throttle_was_right(t, STR("ann"), STR("192.0.2.1")));
	for (int i = 0; i < 1000; i++) {
		later_s(1);
		snprintf(peer, sizeof(peer), "10.0.%d.%d", i / 250, i % 250);
		throttle_succeeded(t, STR("mallory"), str_of(peer));
	}
	assert_true(throttle_was_right(t, STR("ann"), STR("192.0.2.1")));
	assert_true(throttle_was_right(t, STR("mallory"), str_of(peer)));
	assert_false(throttle_was_right(t, STR("mallory"), STR("10.0.0.0")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(waits_grow_to_a_minute),
	    T(says_how_long),
	    T(one_pair_hurts_no_other),
	    T(a_success_clears_the_pair),
	    T(no_address_is_exempt),
	    T(ipv6_counts_by_64_bits),
	    T(many_accounts_from_one_address),
	    T(neighbours_on_the_link),
	    T(an_attacked_account_takes_turns),
	    T(the_wait_for_a_turn_is_exact),
	    T(counts_are_halved_in_ten_minutes),
	    T(long_names_are_cut),
	    T(a_flood_does_not_wash_out_the_guesser),
	    T(remembers_who_was_right),
	    T(threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
