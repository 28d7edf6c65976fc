/* auth: proving who someone is by password, by nothing, and later by what a token says. */
#include "fixture.h"
#include <pthread.h>

static enum rc fast(struct fixture *f, const char *user, const char *password, struct identity *who)
{
	struct secret s = secret_of(password);

	return auth_password(f->auth, str_of(user), &s, STR("192.0.2.1"), SLOW_NOT_NOW, who, NULL);
}

static void right_and_wrong(void **state)
{
	static const struct {
		const char *user, *password;
		enum rc rc;
	} rows[] = {
	    {"ann", "long enough", OK},
	    {"ann", "long enougH", E_BAD_PASSWORD},
	    {"ann", "long enough ", E_BAD_PASSWORD},
	    {"ann", "", E_BAD_PASSWORD},
	    {"Ann", "long enough", E_BAD_PASSWORD},
	    {"bob", "long enough", E_BAD_PASSWORD},
	    {"", "long enough", E_BAD_PASSWORD},
	    {"", "", E_BAD_PASSWORD},
	    {ANONYMOUS, "", E_BAD_PASSWORD},
	    {ANONYMOUS, "long enough", E_BAD_PASSWORD},
	    {"off", "long enough", E_BAD_PASSWORD},
	    {"ann' OR '1'='1", "long enough", E_BAD_PASSWORD},
	    {"%", "long enough", E_BAD_PASSWORD},
	};
	struct fixture *f = *state;
	char peer[40];

	fixture_user(f, "ann", "long enough");
	fixture_user(f, "off", "long enough");
	assert_ok(user_set_enabled(f->auth, STR("off"), false, err));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct identity who = {.user_id = -1};

		snprintf(peer, sizeof(peer), "192.0.2.%zu", i);
		assert_int_equal(fixture_login_from(f, rows[i].user, rows[i].password, peer, &who), rows[i].rc);
		if (rows[i].rc) {
			assert_int_equal(who.user_id, -1);
			continue;
		}
		assert_string_equal(who.name, rows[i].user);
		assert_false(who.is_anonymous);
		assert_int_equal(who.key_id, 0);
		assert_int_equal(who.generation, 1);
	}
}

static void slow_only_where_it_may_be(void **state)
{
	struct fixture *f = *state;
	struct identity who;

	fixture_user(f, "ann", "long enough");
	assert_int_equal(fast(f, "ann", "long enough", &who), E_WANT_PASSWORD_LANE);
	assert_int_equal(fast(f, "bob", "long enough", &who), E_WANT_PASSWORD_LANE);
	assert_int_equal(fixture_login(f, "ann", "long enough", &who), OK);
	assert_int_equal(fast(f, "ann", "long enough", &who), OK);
	assert_string_equal(who.name, "ann");
	assert_int_equal(fast(f, "ann", "wrong enough", &who), E_WANT_KNOWN_LANE);
	clock_pin(NOW, MONO_MS + VERIFIED_LIFE_MS);
	assert_int_equal(fast(f, "ann", "long enough", &who), E_WANT_KNOWN_LANE);
}

/* A password that is remembered is forgotten with the first change of its user. */
static void remembered_until_a_change(void **state)
{
	struct secret new = secret_of("something else");
	struct fixture *f = *state;
	struct identity who;

	fixture_user(f, "ann", "long enough");
	assert_int_equal(fixture_login(f, "ann", "long enough", &who), OK);
	assert_ok(user_set_password(f->auth, STR("ann"), &new, err));
	assert_int_equal(fast(f, "ann", "long enough", &who), E_WANT_KNOWN_LANE);
	assert_int_equal(fixture_login(f, "ann", "something else", &who), OK);
	assert_int_equal(fast(f, "ann", "something else", &who), OK);
	assert_ok(user_set_enabled(f->auth, STR("ann"), false, err));
	assert_int_equal(fast(f, "ann", "something else", &who), E_WANT_KNOWN_LANE);
	assert_int_equal(fixture_login(f, "ann", "something else", &who), E_BAD_PASSWORD);
}

/* n different ones, each refused. */
static void guess(struct fixture *f, const char *user, int n)
{
	struct identity who;
	char password[32];

	for (int i = 0; i < n; i++) {
		snprintf(password, sizeof(password), "wrong guess %d", i);
		assert_int_equal(fixture_login(f, user, password, &who), E_BAD_PASSWORD);
	}
}

/* Machines repeat what they keep, some of them five times at once. */
static void the_same_wrong_password_counts_once(void **state)
{
	struct fixture *f = *state;
	struct identity who;

	fixture_user(f, "ann", "long enough");
	for (int i = 0; i < 200; i++)
		assert_int_equal(fixture_login(f, "ann", "wrong enough", &who), E_BAD_PASSWORD);
	assert_int_equal(fast(f, "ann", "wrong enough", &who), E_BAD_PASSWORD); /* without Argon2 */
	assert_int_equal(fixture_login(f, "ann", "long enough", &who), OK);
	/* that of another user, or from elsewhere, is another try */
	assert_int_equal(fast(f, "bob", "wrong enough", &who), E_WANT_PASSWORD_LANE);
	/* a password may become right */
	assert_ok(user_set_password(f->auth, STR("ann"), &(struct secret){12, "wrong enough"}, err));
	assert_int_equal(fixture_login(f, "ann", "wrong enough", &who), OK);
	assert_int_equal(fixture_login(f, "carl", "wrong enough", &who), E_BAD_PASSWORD);
	fixture_user(f, "carl", "wrong enough");
	assert_int_equal(fixture_login(f, "carl", "wrong enough", &who), OK);
	/* what is remembered for ann is no gap for other guesses */
	guess(f, "ann", 10);
	assert_int_equal(fixture_login(f, "ann", "wrong guess 3", &who), E_THROTTLED);
}

static void throttled(void **state)
{
	struct fixture *f = *state;
	struct identity who;

	fixture_user(f, "ann", "long enough");
	assert_int_equal(fixture_login(f, "ann", "long enough", &who), OK);
	guess(f, "ann", 10);
	/* not even the right one, remembered or not: it would tell a guesser */
	assert_int_equal(fixture_login(f, "ann", "long enough", &who), E_THROTTLED);
	assert_int_equal(fast(f, "ann", "long enough", &who), E_THROTTLED);
	/* the others are not hurt */
	assert_int_equal(fixture_login_from(f, "ann", "long enough", "192.0.2.2", &who), OK);
	clock_pin(NOW, MONO_MS + 1000);
	assert_int_equal(fixture_login(f, "ann", "long enough", &who), OK);
	clock_pin(NOW, MONO_MS + 1000 + VERIFIED_LIFE_MS); /* those guesses are forgotten, and would count */
	guess(f, "ann", 9);
	assert_int_equal(fixture_login(f, "ann", "long enough", &who), OK);
}

/* Asking for the lane is no try: a client is sent there once for each. */
static void waiting_for_the_lane_is_no_failure(void **state)
{
	struct fixture *f = *state;
	struct identity who;

	fixture_user(f, "ann", "long enough");
	for (int i = 0; i < 200; i++)
		assert_int_equal(fast(f, "ann", "wrong enough", &who), E_WANT_PASSWORD_LANE);
	assert_int_equal(fixture_login(f, "ann", "long enough", &who), OK);
}

static void unknown_users_are_throttled_alike(void **state)
{
	struct fixture *f = *state;
	struct identity who;

	guess(f, "nobody", 10);
	assert_int_equal(fixture_login(f, "nobody", "wrong enough", &who), E_THROTTLED);
}

static bool has_cost(struct fixture *f, const char *user, struct password_cost cost)
{
	struct db_conn *c;
	struct db_stmt *s;
	char stored[PASSWORD_HASH_MAX];
	bool row;

	assert_ok(db_here(f->db, &c, err));
	assert_ok(db_prepare(c, "SELECT password FROM users WHERE name = :name", &s, err));
	db_bind_text(s, ":name", str_of(user));
	assert_ok(db_step(s, &row, err));
	assert_true(row);
	snprintf(stored, sizeof(stored), "%.*s", STR_ARG(db_text(s, 0)));
	db_done(s);
	return !password_wants_rehash(stored, cost);
}

static void hashes_follow_the_cost(void **state)
{
	struct fixture *f = *state;
	struct password_cost old = f->auth->cost, new = {.passes = 2, .memory_bytes = 16384};
	struct identity who, again;

	fixture_user(f, "ann", "long enough");
	assert_true(has_cost(f, "ann", old));
	f->auth->cost = new;
	assert_int_equal(fixture_login(f, "ann", "wrong enough", &who), E_BAD_PASSWORD);
	assert_true(has_cost(f, "ann", old));
	assert_int_equal(fixture_login(f, "ann", "long enough", &who), OK);
	assert_true(has_cost(f, "ann", new));
	/* it is the same password: nothing that was proven ends */
	assert_ok(auth_still_valid(f->auth, who.user_id, 0, who.generation, &again, err));
	clock_pin(NOW, MONO_MS + VERIFIED_LIFE_MS);
	assert_int_equal(fixture_login(f, "ann", "long enough", &who), OK);
}

static int64_t last_login(struct fixture *f)
{
	struct db_conn *c;
	struct db_stmt *s;
	int64_t at;
	bool row;

	assert_ok(db_here(f->db, &c, err));
	assert_ok(db_prepare(c, "SELECT last_login_at FROM users WHERE name = 'ann'", &s, err));
	assert_ok(db_step(s, &row, err));
	assert_true(row);
	at = db_i64(s, 0);
	db_done(s);
	return at;
}

static void last_login_is_noted_rarely(void **state)
{
	struct fixture *f = *state;
	struct identity who;

	fixture_user(f, "ann", "long enough");
	assert_int_equal(last_login(f), 0);
	assert_int_equal(fixture_login(f, "ann", "wrong enough", &who), E_BAD_PASSWORD);
	assert_int_equal(last_login(f), 0);
	assert_int_equal(fixture_login(f, "ann", "long enough", &who), OK);
	assert_int_equal(last_login(f), NOW);
	clock_pin(NOW + 599, MONO_MS);
	assert_int_equal(fixture_login(f, "ann", "long enough", &who), OK);
	assert_int_equal(last_login(f), NOW);
	clock_pin(NOW + 600, MONO_MS);
	assert_int_equal(fixture_login(f, "ann", "long enough", &who), OK);
	assert_int_equal(last_login(f), NOW + 600);
	/* a clock that was ahead and has been set */
	clock_pin(NOW - 1000, MONO_MS);
	assert_int_equal(fixture_login(f, "ann", "long enough", &who), OK);
	assert_int_equal(last_login(f), NOW - 1000);
}

static void anonymous(void **state)
{
	struct fixture *f = *state;
	struct identity who, again;

	assert_ok(auth_anonymous(f->auth, &who, err));
	assert_true(who.is_anonymous);
	assert_string_equal(who.name, ANONYMOUS);
	assert_int_equal(fixture_may(f, &who, "a"), 0);
	assert_ok(auth_still_valid(f->auth, who.user_id, 0, who.generation, &again, err));
	assert_true(again.is_anonymous);
	assert_ok(user_set_enabled(f->auth, STR(ANONYMOUS), false, err));
	assert_rc(E_UNAUTHORIZED, auth_anonymous(f->auth, &again, err));
	assert_rc(E_TOKEN_INVALID, auth_still_valid(f->auth, who.user_id, 0, who.generation, &again, err));
}

static void what_no_token_of_ours_says(void **state)
{
	struct fixture *f = *state;
	struct identity who, again;

	fixture_user(f, "ann", "long enough");
	assert_int_equal(fixture_login(f, "ann", "long enough", &who), OK);
	assert_ok(auth_still_valid(f->auth, who.user_id, 0, who.generation, &again, err));
	assert_string_equal(again.name, "ann");
	assert_int_equal(again.user_id, who.user_id);
	assert_int_equal(again.key_id, 0);
	assert_int_equal(again.generation, who.generation);
	assert_false(again.is_anonymous);
	assert_rc(E_TOKEN_INVALID, auth_still_valid(f->auth, who.user_id + 1, 0, who.generation, &again, err));
	assert_rc(E_TOKEN_INVALID, auth_still_valid(f->auth, who.user_id, 1, who.generation, &again, err));
	assert_rc(E_TOKEN_INVALID, auth_still_valid(f->auth, who.user_id, 0, who.generation + 1, &again, err));
	assert_rc(E_TOKEN_INVALID, auth_still_valid(f->auth, 0, 0, 0, &again, err));
	assert_rc(E_TOKEN_INVALID, auth_still_valid(f->auth, -1, -1, -1, &again, err));
}

static void *log_in_and_out(void *ctx)
{
	struct fixture *f = ctx;
	struct identity who, again;
	struct secret right, wrong;

	secret_set(&right, STR("long enough"));
	secret_set(&wrong, STR("wrong enough"));
	for (int i = 0; i < 20; i++) {
		enum rc rc = auth_password(f->auth, STR("ann"), &right, STR("192.0.2.1"), SLOW_ALLOWED, &who, NULL);

		if (rc != OK || auth_still_valid(f->auth, who.user_id, 0, who.generation, &again, NULL) != OK)
			return f;
		rc = auth_password(f->auth, STR("ann"), &wrong, STR("192.0.2.2"), SLOW_ALLOWED, &who, NULL);
		if (rc != E_BAD_PASSWORD && rc != E_THROTTLED)
			return f;
	}
	return NULL;
}

static void threads(void **state)
{
	pthread_t ids[4];
	void *failed;

	fixture_user(*state, "ann", "long enough");
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&ids[i], NULL, log_in_and_out, *state), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(ids[i], &failed);
		assert_null(failed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    fixture_test(right_and_wrong),
	    fixture_test(slow_only_where_it_may_be),
	    fixture_test(remembered_until_a_change),
	    fixture_test(the_same_wrong_password_counts_once),
	    fixture_test(throttled),
	    fixture_test(waiting_for_the_lane_is_no_failure),
	    fixture_test(unknown_users_are_throttled_alike),
	    fixture_test(hashes_follow_the_cost),
	    fixture_test(last_login_is_noted_rarely),
	    fixture_test(anonymous),
	    fixture_test(what_no_token_of_ours_says),
	    fixture_test(threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
