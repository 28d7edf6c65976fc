/* users: names, passwords, their life, and what ends with them. */
#include "fixture.h"

static void names(void **state)
{
	static const char *const good[] = {
	    "a", "0", "ann", "ann.b-c_d9", "a-", "a123456789012345678901234567890123456789012345678901234567890123"};
	static const char *const bad[] = {"", "Ann", ".ann", "-ann", "_ann", "ann b", "ann:b", "an/n", "\xc3\xa9",
	    "a1234567890123456789012345678901234567890123456789012345678901234"};
	struct secret password = secret_of("long enough");
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_ok(user_add(f->auth, str_of(good[i]), &password, err));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_rc(E_USAGE, user_add(f->auth, str_of(bad[i]), &password, err));
	assert_rc(E_USAGE, user_add(f->auth, STR("a\0b"), &password, err));
	assert_rc(E_EXISTS, user_add(f->auth, STR("ann"), &password, err));
	assert_rc(E_EXISTS, user_add(f->auth, STR(ANONYMOUS), &password, err));
}

static void passwords_that_are_refused(void **state)
{
	struct secret seven = secret_of("1234567"), eight = secret_of("12345678"), key;
	char text[CREDENTIAL_TEXT_MAX];
	uint8_t hash[CREDENTIAL_HASH_SIZE];
	struct fixture *f = *state;

	credential_make(KEY_PREFIX, text, hash);
	key = secret_of(text);
	assert_rc(E_USAGE, user_add(f->auth, STR("ann"), &seven, err));
	assert_rc(E_USAGE, user_add(f->auth, STR("ann"), &key, err)); /* it would be looked up as a key */
	assert_ok(user_add(f->auth, STR("ann"), &eight, err));
	assert_rc(E_USAGE, user_set_password(f->auth, STR("ann"), &seven, err));
	assert_rc(E_USAGE, user_set_password(f->auth, STR("ann"), &key, err));
	assert_rc(E_NOT_FOUND, user_set_password(f->auth, STR("bob"), &eight, err));
	assert_rc(E_USAGE, user_set_password(f->auth, STR(ANONYMOUS), &eight, err));
}

struct listing {
	char text[1000];
	int until;
};

static enum rc list_one(void *ctx, const struct user_info *u, struct err *err)
{
	struct listing *l = ctx;
	size_t n = strlen(l->text);

	(void)err;
	snprintf(l->text + n, sizeof(l->text) - n, "%.*s%s%s %lld %lld;", STR_ARG(u->name),
	    u->enabled ? "" : " disabled", u->has_password ? "" : " without", (long long)(u->created_at - NOW),
	    (long long)u->last_login_at);
	return --l->until == 0 ? E_BUSY : OK;
}

static void listed(void **state)
{
	struct fixture *f = *state;
	struct listing l = {.until = 0};
	struct identity who;
	int64_t count;

	/* anonymous is made by the migration, at the machine's own time */
	assert_ok(user_count(f->auth, &count, err));
	assert_int_equal(count, 0);
	fixture_user(f, "zoe", "long enough");
	fixture_user(f, "ann", "long enough");
	assert_int_equal(fixture_login(f, "zoe", "long enough", &who), OK);
	assert_ok(user_set_enabled(f->auth, STR("ann"), false, err));
	assert_ok(user_count(f->auth, &count, err));
	assert_int_equal(count, 2);
	assert_ok(user_list(f->auth, list_one, &l, err));
	assert_true(str_starts(str_of(l.text), STR("ann disabled 0 0;anonymous without ")));
	assert_true(str_ends(str_of(l.text), STR(" 0;zoe 0 1700000000;")));

	l = (struct listing){.until = 1};
	assert_int_equal(user_list(f->auth, list_one, &l, NULL), E_BUSY);
	assert_string_equal(l.text, "ann disabled 0 0;");
	l = (struct listing){.until = 0};
	assert_ok(user_list(f->auth, list_one, &l, err)); /* the list that was broken off left nothing behind */
}

/* What was proven ends at once; it does not come back with the user. */
static void disabling_ends_what_was_proven(void **state)
{
	struct fixture *f = *state;
	struct identity who, again;

	fixture_user(f, "ann", "long enough");
	assert_int_equal(fixture_login(f, "ann", "long enough", &who), OK);
	assert_ok(auth_still_valid(f->auth, who.user_id, 0, who.generation, &again, err));
	assert_ok(user_set_enabled(f->auth, STR("ann"), false, err));
	assert_rc(E_TOKEN_INVALID, auth_still_valid(f->auth, who.user_id, 0, who.generation, &again, err));
	assert_int_equal(fixture_login(f, "ann", "long enough", &again), E_BAD_PASSWORD);
	assert_ok(user_set_enabled(f->auth, STR("ann"), true, err));
	assert_rc(E_TOKEN_INVALID, auth_still_valid(f->auth, who.user_id, 0, who.generation, &again, err));
	assert_int_equal(fixture_login(f, "ann", "long enough", &again), OK);
	assert_ok(auth_still_valid(f->auth, again.user_id, 0, again.generation, &who, err));
	assert_rc(E_NOT_FOUND, user_set_enabled(f->auth, STR("bob"), true, err));
}

static void a_new_password_ends_the_old_one(void **state)
{
	struct secret new = secret_of("something else");
	struct fixture *f = *state;
	struct identity who, again;

	fixture_user(f, "ann", "long enough");
	assert_int_equal(fixture_login(f, "ann", "long enough", &who), OK);
	assert_ok(user_set_password(f->auth, STR("ann"), &new, err));
	assert_rc(E_TOKEN_INVALID, auth_still_valid(f->auth, who.user_id, 0, who.generation, &again, err));
	assert_int_equal(fixture_login(f, "ann", "long enough", &again), E_BAD_PASSWORD);
	assert_int_equal(fixture_login(f, "ann", "something else", &again), OK);
}

static void removed_for_good(void **state)
{
	struct fixture *f = *state;
	char key[CREDENTIAL_TEXT_MAX];
	struct identity who, other;
	int64_t id;

	fixture_user(f, "ann", "long enough");
	fixture_grant(f, "ann", "**", MAY_PULL);
	assert_int_equal(fixture_login(f, "ann", "long enough", &who), OK);
	assert_ok(key_create(f->auth, STR("ann"), STR("ci"), NULL, 0, 0, key, &id, err));
	assert_ok(user_remove(f->auth, STR("ann"), err));
	assert_rc(E_NOT_FOUND, user_remove(f->auth, STR("ann"), err));
	assert_rc(E_USAGE, user_remove(f->auth, STR(ANONYMOUS), err));

	assert_int_equal(fixture_may(f, &who, "a"), 0);
	assert_rc(E_TOKEN_INVALID, auth_still_valid(f->auth, who.user_id, 0, who.generation, &other, err));
	assert_int_equal(fixture_login(f, "ann", key, &other), E_BAD_PASSWORD);

	/* a new user of that name is somebody else */
	fixture_user(f, "ann", "long enough");
	assert_int_equal(fixture_login(f, "ann", "long enough", &other), OK);
	assert_true(other.user_id != who.user_id);
	assert_int_equal(fixture_may(f, &other, "a"), 0);
	assert_rc(E_TOKEN_INVALID, auth_still_valid(f->auth, who.user_id, 0, who.generation, &other, err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    fixture_test(names),
	    fixture_test(passwords_that_are_refused),
	    fixture_test(listed),
	    fixture_test(disabling_ends_what_was_proven),
	    fixture_test(a_new_password_ends_the_old_one),
	    fixture_test(removed_for_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
