/* keys: made once, found by hash, narrowed, expiring, revoked. */
#include "fixture.h"

#define THREE (MAY_PULL | MAY_PUSH | MAY_DELETE)

static int64_t make(struct fixture *f, const char *user, const struct grant_info *grants, size_t count,
    int64_t expires_at, char text[static CREDENTIAL_TEXT_MAX])
{
	int64_t id = 0;

	assert_ok(key_create(f->auth, str_of(user), STR("ci"), grants, count, expires_at, text, &id, err));
	assert_true(id > 0);
	return id;
}

static void works_without_the_lane_for_its_owner_only(void **state)
{
	char text[CREDENTIAL_TEXT_MAX], wrong[CREDENTIAL_TEXT_MAX];
	struct fixture *f = *state;
	struct identity who;
	struct secret s;
	int64_t id;

	fixture_user(f, "ann", "long enough");
	fixture_user(f, "bob", "long enough");
	fixture_grant(f, "ann", "**", MAY_PULL);
	id = make(f, "ann", NULL, 0, 0, text);
	assert_true(str_starts(str_of(text), STR(KEY_PREFIX)));
	s = secret_of(text);
	assert_int_equal(auth_password(f->auth, STR("ann"), &s, STR("::1"), SLOW_NOT_NOW, &who, NULL), OK);
	assert_string_equal(who.name, "ann");
	assert_int_equal(who.key_id, id);
	assert_int_equal(fixture_may(f, &who, "a"), MAY_PULL);
	assert_int_equal(auth_password(f->auth, STR("bob"), &s, STR("::1"), SLOW_NOT_NOW, &who, NULL), E_BAD_PASSWORD);
	assert_int_equal(auth_password(f->auth, STR(""), &s, STR("::1"), SLOW_NOT_NOW, &who, NULL), E_BAD_PASSWORD);

	/* a key that was never given out, and a word that only looks like one */
	uint8_t hash[CREDENTIAL_HASH_SIZE];
	credential_make(KEY_PREFIX, wrong, hash);
	assert_int_equal(fixture_login(f, "ann", wrong, &who), E_BAD_PASSWORD);
	memcpy(wrong, text, sizeof(wrong));
	wrong[20] = wrong[20] == 'a' ? 'b' : 'a';
	s = secret_of(wrong);
	assert_int_equal(
	    auth_password(f->auth, STR("ann"), &s, STR("::1"), SLOW_NOT_NOW, &who, NULL), E_WANT_PASSWORD_LANE);
}

/* Nobody can guess a key, so failures with passwords from the same address do not stop its robot. */
static void is_never_throttled(void **state)
{
	char text[CREDENTIAL_TEXT_MAX], guess[32];
	struct fixture *f = *state;
	struct identity who;
	int64_t id;

	fixture_user(f, "ann", "long enough");
	id = make(f, "ann", NULL, 0, 0, text);
	for (int i = 0; i < 50; i++) {
		snprintf(guess, sizeof(guess), "wrong guess %d", i);
		(void)!fixture_login(f, "ann", guess, &who);
	}
	assert_int_equal(fixture_login(f, "ann", "long enough", &who), E_THROTTLED);
	assert_int_equal(fixture_login(f, "ann", text, &who), OK);
	/* and one that was revoked, tried for ever, throttles nobody */
	assert_ok(key_revoke(f->auth, id, err));
	clock_pin(NOW, MONO_MS + 60000);
	for (int i = 0; i < 50; i++)
		assert_int_equal(fixture_login(f, "ann", text, &who), E_BAD_PASSWORD);
	assert_int_equal(fixture_login(f, "ann", "long enough", &who), OK);
}

static void narrows_what_its_user_may(void **state)
{
	static const struct grant_info limits[] = {
	    {{"team/**", 7}, MAY_PULL | MAY_PUSH},
	    {{"tools/*", 7}, THREE},
	};
	static const struct {
		const char *repository;
		unsigned ann, robot;
	} rows[] = {
	    {"team/app", THREE, MAY_PULL | MAY_PUSH},
	    {"tools/jq", MAY_PULL, MAY_PULL},
	    {"tools/a/b", MAY_PULL, 0},
	    {"other", MAY_PULL, 0},
	};
	char text[CREDENTIAL_TEXT_MAX];
	struct fixture *f = *state;
	struct identity ann, robot;

	fixture_user(f, "ann", "long enough");
	fixture_grant(f, "ann", "**", MAY_PULL);
	fixture_grant(f, "ann", "team/**", THREE);
	make(f, "ann", limits, 2, 0, text);
	assert_int_equal(fixture_login(f, "ann", "long enough", &ann), OK);
	assert_int_equal(fixture_login(f, "ann", text, &robot), OK);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(fixture_may(f, &ann, rows[i].repository), rows[i].ann);
		assert_int_equal(fixture_may(f, &robot, rows[i].repository), rows[i].robot);
	}
}

static void of_an_admin(void **state)
{
	static const struct grant_info pull[] = {{{"a/**", 4}, MAY_PULL}}, admin[] = {{{"**", 2}, MAY_ADMIN}};
	char narrow[CREDENTIAL_TEXT_MAX], whole[CREDENTIAL_TEXT_MAX], too[CREDENTIAL_TEXT_MAX];
	struct fixture *f = *state;
	struct identity who;

	fixture_user(f, "ann", "long enough");
	fixture_grant(f, "ann", "**", MAY_ADMIN);
	fixture_user(f, "bob", "long enough");
	fixture_grant(f, "bob", "b", MAY_PUSH);
	make(f, "ann", pull, 1, 0, narrow);
	make(f, "ann", NULL, 0, 0, whole);
	make(f, "bob", admin, 1, 0, too);
	assert_int_equal(fixture_login(f, "ann", narrow, &who), OK);
	assert_int_equal(fixture_may(f, &who, "a/b"), MAY_PULL);
	assert_int_equal(fixture_may(f, &who, "b"), 0);
	assert_int_equal(fixture_login(f, "ann", whole, &who), OK);
	assert_int_equal(fixture_may(f, &who, "b"), THREE | MAY_ADMIN);
	/* a key gives nothing that its user has not */
	assert_int_equal(fixture_login(f, "bob", too, &who), OK);
	assert_int_equal(fixture_may(f, &who, "b"), MAY_PUSH);
	assert_int_equal(fixture_may(f, &who, "c"), 0);
}

static void expires(void **state)
{
	char text[CREDENTIAL_TEXT_MAX];
	struct fixture *f = *state;
	struct identity who, again;

	fixture_user(f, "ann", "long enough");
	make(f, "ann", NULL, 0, NOW + 100, text);
	clock_pin(NOW + 99, MONO_MS);
	assert_int_equal(fixture_login(f, "ann", text, &who), OK);
	assert_ok(auth_still_valid(f->auth, who.user_id, who.key_id, who.generation, &again, err));
	clock_pin(NOW + 100, MONO_MS);
	assert_int_equal(fixture_login(f, "ann", text, &again), E_BAD_PASSWORD);
	assert_rc(E_TOKEN_INVALID, auth_still_valid(f->auth, who.user_id, who.key_id, who.generation, &again, err));
}

static void revoked_at_once(void **state)
{
	char text[CREDENTIAL_TEXT_MAX], other[CREDENTIAL_TEXT_MAX];
	struct fixture *f = *state;
	struct identity who, again, ann;
	int64_t id;

	fixture_user(f, "ann", "long enough");
	fixture_grant(f, "ann", "**", MAY_PULL);
	id = make(f, "ann", NULL, 0, 0, text);
	make(f, "ann", NULL, 0, 0, other);
	assert_int_equal(fixture_login(f, "ann", "long enough", &ann), OK);
	assert_int_equal(fixture_login(f, "ann", text, &who), OK);
	assert_ok(auth_still_valid(f->auth, who.user_id, id, who.generation, &again, err));
	assert_int_equal(again.key_id, id);
	assert_ok(key_revoke(f->auth, id, err));
	assert_ok(key_revoke(f->auth, id, err));
	assert_rc(E_NOT_FOUND, key_revoke(f->auth, id + 100, err));
	assert_rc(E_TOKEN_INVALID, auth_still_valid(f->auth, who.user_id, id, who.generation, &again, err));
	assert_int_equal(fixture_login(f, "ann", text, &again), E_BAD_PASSWORD);
	/* the user and her other keys go on */
	assert_ok(auth_still_valid(f->auth, ann.user_id, 0, ann.generation, &again, err));
	assert_int_equal(fixture_login(f, "ann", other, &again), OK);
}

static void a_key_of_another_user_is_none(void **state)
{
	char text[CREDENTIAL_TEXT_MAX];
	struct fixture *f = *state;
	struct identity bob, forged;
	int64_t id;

	fixture_user(f, "ann", "long enough");
	fixture_user(f, "bob", "long enough");
	fixture_grant(f, "bob", "**", MAY_PULL);
	id = make(f, "ann", NULL, 0, 0, text);
	assert_int_equal(fixture_login(f, "bob", "long enough", &bob), OK);
	assert_rc(E_TOKEN_INVALID, auth_still_valid(f->auth, bob.user_id, id, bob.generation, &forged, err));
	bob.key_id = id;
	assert_int_equal(fixture_may(f, &bob, "a"), 0);
}

static void what_makes_no_sense(void **state)
{
	static const struct grant_info twice[] = {{{"a", 1}, MAY_PULL}, {{"a", 1}, MAY_PUSH}};
	static const struct grant_info none[] = {{{"a", 1}, 0}};
	struct grant_info many[GRANTS_OF_KEY_MAX + 1] = {{STR_NONE, 0}};
	char text[CREDENTIAL_TEXT_MAX] = "unchanged", label[102];
	struct fixture *f = *state;
	struct auth *auth = f->auth;
	int64_t id = -7;

	fixture_user(f, "ann", "long enough");
	memset(label, 'x', sizeof(label));
	assert_rc(E_NOT_FOUND, key_create(auth, STR("bob"), STR("ci"), NULL, 0, 0, text, &id, err));
	assert_rc(E_USAGE, key_create(auth, STR(ANONYMOUS), STR("ci"), NULL, 0, 0, text, &id, err));
	assert_rc(E_USAGE, key_create(auth, STR("ann"), STR("c\ni"), NULL, 0, 0, text, &id, err));
	assert_rc(E_USAGE, key_create(auth, STR("ann"),
			       STR("\xc2\x9b"
				   "31m"),
			       NULL, 0, 0, text, &id, err));
	assert_rc(E_USAGE, key_create(auth, STR("ann"), STR("a\xe2\x80\xae"), NULL, 0, 0, text, &id, err));
	assert_rc(E_USAGE, key_create(auth, STR("ann"), (struct str){label, 101}, NULL, 0, 0, text, &id, err));
	assert_rc(E_USAGE, key_create(auth, STR("ann"), STR("ci"), NULL, 0, NOW, text, &id, err));
	assert_rc(E_USAGE, key_create(auth, STR("ann"), STR("ci"), none, 1, 0, text, &id, err));
	assert_rc(E_USAGE, key_create(auth, STR("ann"), STR("ci"), many, GRANTS_OF_KEY_MAX + 1, 0, text, &id, err));
	assert_string_equal(text, "unchanged");
	assert_int_equal(id, -7);
	assert_ok(key_create(auth, STR("ann"), (struct str){label, 100}, NULL, 0, 0, text, &id, err));
	assert_ok(key_create(auth, STR("ann"), STR("ci"), twice, 2, 0, text, &id, err)); /* united */
}

static enum rc list_one(void *ctx, const struct key_info *k, struct err *err)
{
	char *text = ctx;
	size_t n = strlen(text);

	(void)err;
	snprintf(text + n, 300 - n, "%.*s/%.*s %lld %lld %lld%s;", STR_ARG(k->user), STR_ARG(k->label),
	    (long long)(k->created_at - NOW), (long long)k->expires_at, (long long)k->last_used_at,
	    k->revoked ? " revoked" : "");
	return OK;
}

static void listed_with_rare_last_use(void **state)
{
	char text[CREDENTIAL_TEXT_MAX], all[300] = "";
	struct fixture *f = *state;
	struct identity who;
	int64_t id;

	fixture_user(f, "ann", "long enough");
	make(f, "ann", NULL, 0, 0, text);
	id = make(f, "ann", NULL, 0, NOW + 5000, text);
	assert_int_equal(fixture_login(f, "ann", text, &who), OK);
	clock_pin(NOW + 599, MONO_MS);
	assert_int_equal(fixture_login(f, "ann", text, &who), OK);
	assert_ok(key_revoke(f->auth, id, err));
	assert_ok(key_list(f->auth, STR("ann"), list_one, all, err));
	assert_string_equal(all, "ann/ci 0 0 0;ann/ci 0 1700005000 1700000000 revoked;");
	assert_rc(E_NOT_FOUND, key_list(f->auth, STR("bob"), list_one, all, err));
}

static enum rc count_one(void *ctx, const struct key_info *k, struct err *err)
{
	int *count = ctx;

	(void)err;
	count[k->revoked]++;
	return OK;
}

/* Who may do nothing else makes keys as fast as the disk takes them. */
static void bounded(void **state)
{
	char text[CREDENTIAL_TEXT_MAX];
	struct fixture *f = *state;
	int count[2] = {0, 0};
	int64_t id;

	fixture_user(f, "ann", "long enough");
	for (int i = 0; i < 2 * KEYS_MAX; i++)
		assert_ok(key_revoke(f->auth, make(f, "ann", NULL, 0, 0, text), err));
	for (int i = 0; i < KEYS_MAX; i++)
		make(f, "ann", NULL, 0, i % 2 ? NOW + 100 : 0, text);
	assert_rc(E_USAGE, key_create(f->auth, STR("ann"), STR("ci"), NULL, 0, 0, text, &id, err));
	assert_ok(key_list(f->auth, STR("ann"), count_one, count, err));
	assert_int_equal(count[false], KEYS_MAX);
	assert_int_equal(count[true], KEYS_MAX);
	/* what has expired does not count */
	clock_pin(NOW + 100, MONO_MS);
	make(f, "ann", NULL, 0, 0, text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    fixture_test(works_without_the_lane_for_its_owner_only),
	    fixture_test(is_never_throttled),
	    fixture_test(narrows_what_its_user_may),
	    fixture_test(of_an_admin),
	    fixture_test(expires),
	    fixture_test(revoked_at_once),
	    fixture_test(a_key_of_another_user_is_none),
	    fixture_test(what_makes_no_sense),
	    fixture_test(bounded),
	    fixture_test(listed_with_rare_last_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
