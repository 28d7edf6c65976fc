/* logins: refresh tokens, from what they are made and with what they end. */
#include "fixture.h"

static void make(struct fixture *f, const struct identity *who, char text[static CREDENTIAL_TEXT_MAX])
{
	assert_ok(login_make(f->auth, who, STR("docker"), text, err));
}

static enum rc use(struct fixture *f, const char *text, struct identity *who)
{
	return login_use(f->auth, str_of(text), who, NULL);
}

static void setup_ann(struct fixture *f, struct identity *who)
{
	fixture_user(f, "ann", "long enough");
	fixture_grant(f, "ann", "**", MAY_PULL | MAY_PUSH);
	assert_int_equal(fixture_login(f, "ann", "long enough", who), OK);
}

static void stand_for_the_password(void **state)
{
	char text[CREDENTIAL_TEXT_MAX], other[CREDENTIAL_TEXT_MAX];
	struct fixture *f = *state;
	struct identity ann, who;
	uint8_t hash[CREDENTIAL_HASH_SIZE];

	setup_ann(f, &ann);
	make(f, &ann, text);
	make(f, &ann, other);
	assert_string_not_equal(text, other);
	assert_true(str_starts(str_of(text), STR(LOGIN_PREFIX)));
	assert_int_equal(use(f, text, &who), OK);
	assert_string_equal(who.name, "ann");
	assert_int_equal(who.user_id, ann.user_id);
	assert_int_equal(who.generation, ann.generation);
	assert_int_equal(who.key_id, 0);
	assert_int_equal(use(f, text, &who), OK); /* not used up */

	credential_make(LOGIN_PREFIX, other, hash);
	assert_rc(E_TOKEN_INVALID, login_use(f->auth, str_of(other), &who, err));
	assert_rc(E_TOKEN_INVALID, login_use(f->auth, STR(""), &who, err));
	assert_rc(E_TOKEN_INVALID, login_use(f->auth, STR("cove_r_x"), &who, err));
	/* it is no password */
	assert_int_equal(fixture_login(f, "ann", text, &who), E_BAD_PASSWORD);
}

static void not_for_anonymous(void **state)
{
	char text[CREDENTIAL_TEXT_MAX];
	struct fixture *f = *state;
	struct identity who;

	assert_ok(auth_anonymous(f->auth, &who, err));
	assert_rc(E_USAGE, login_make(f->auth, &who, STR("docker"), text, err));
}

static void end_with_the_password(void **state)
{
	struct secret new = secret_of("something else");
	char text[CREDENTIAL_TEXT_MAX];
	struct fixture *f = *state;
	struct identity ann, who;

	setup_ann(f, &ann);
	make(f, &ann, text);
	assert_ok(user_set_password(f->auth, STR("ann"), &new, err));
	assert_int_equal(use(f, text, &who), E_TOKEN_INVALID);
	/* nor can the old proof make one any more */
	assert_rc(E_TOKEN_INVALID, login_make(f->auth, &ann, STR("docker"), text, err));
}

static void end_when_the_user_is_disabled(void **state)
{
	char text[CREDENTIAL_TEXT_MAX];
	struct fixture *f = *state;
	struct identity ann, who;

	setup_ann(f, &ann);
	make(f, &ann, text);
	assert_ok(user_set_enabled(f->auth, STR("ann"), false, err));
	assert_int_equal(use(f, text, &who), E_TOKEN_INVALID);
	assert_ok(user_set_enabled(f->auth, STR("ann"), true, err));
	assert_int_equal(use(f, text, &who), E_TOKEN_INVALID);
}

static void share_the_limits_and_the_end_of_a_key(void **state)
{
	static const struct grant_info limits[] = {{{"team/**", 7}, MAY_PULL}};
	char key[CREDENTIAL_TEXT_MAX], text[CREDENTIAL_TEXT_MAX];
	struct fixture *f = *state;
	struct identity ann, robot, who;
	int64_t id;

	setup_ann(f, &ann);
	assert_ok(key_create(f->auth, STR("ann"), STR("ci"), limits, 1, NOW + 100, key, &id, err));
	assert_int_equal(fixture_login(f, "ann", key, &robot), OK);
	make(f, &robot, text);
	assert_int_equal(use(f, text, &who), OK);
	assert_int_equal(who.key_id, id);
	assert_int_equal(fixture_may(f, &who, "team/app"), MAY_PULL);
	assert_int_equal(fixture_may(f, &who, "other"), 0);
	clock_pin(NOW + 100, MONO_MS);
	assert_int_equal(use(f, text, &who), E_TOKEN_INVALID);
	clock_pin(NOW, MONO_MS);
	assert_int_equal(use(f, text, &who), OK);
	assert_ok(key_revoke(f->auth, id, err));
	assert_int_equal(use(f, text, &who), E_TOKEN_INVALID);
}

static void revoked_together(void **state)
{
	char one[CREDENTIAL_TEXT_MAX], two[CREDENTIAL_TEXT_MAX], bobs[CREDENTIAL_TEXT_MAX];
	struct fixture *f = *state;
	struct identity ann, bob, who;
	int64_t count;

	setup_ann(f, &ann);
	fixture_user(f, "bob", "long enough");
	assert_int_equal(fixture_login(f, "bob", "long enough", &bob), OK);
	make(f, &ann, one);
	make(f, &ann, two);
	make(f, &bob, bobs);
	assert_ok(login_revoke_all(f->auth, STR("ann"), &count, err));
	assert_int_equal(count, 2);
	assert_int_equal(use(f, one, &who), E_TOKEN_INVALID);
	assert_int_equal(use(f, two, &who), E_TOKEN_INVALID);
	assert_int_equal(use(f, bobs, &who), OK);
	/* the access tokens that they fetched end, too */
	assert_rc(E_TOKEN_INVALID, auth_still_valid(f->auth, ann.user_id, 0, ann.generation, &who, err));
	assert_ok(login_revoke_all(f->auth, STR("ann"), &count, err));
	assert_int_equal(count, 0);
	assert_rc(E_NOT_FOUND, login_revoke_all(f->auth, STR("eve"), &count, err));
}

static void end_when_not_used(void **state)
{
	char text[CREDENTIAL_TEXT_MAX];
	struct fixture *f = *state;
	struct identity ann, who;

	setup_ann(f, &ann);
	make(f, &ann, text);
	clock_pin(NOW + LOGIN_IDLE_S, MONO_MS);
	assert_int_equal(use(f, text, &who), OK);
	clock_pin(NOW + 2 * LOGIN_IDLE_S, MONO_MS);
	assert_int_equal(use(f, text, &who), OK);
	clock_pin(NOW + 3 * LOGIN_IDLE_S + 1, MONO_MS);
	assert_int_equal(use(f, text, &who), E_TOKEN_INVALID);
}

static void a_bounded_number(void **state)
{
	char oldest[CREDENTIAL_TEXT_MAX], used[CREDENTIAL_TEXT_MAX], text[CREDENTIAL_TEXT_MAX];
	struct fixture *f = *state;
	struct identity ann, who;

	setup_ann(f, &ann);
	make(f, &ann, oldest);
	make(f, &ann, used);
	clock_pin(NOW + 3600, MONO_MS);
	assert_int_equal(use(f, used, &who), OK);
	clock_pin(NOW + 1800, MONO_MS); /* all others lie between the two */
	for (int i = 0; i < LOGINS_MAX - 2; i++)
		make(f, &ann, text);
	assert_int_equal(use(f, oldest, &who), OK);
	clock_pin(NOW, MONO_MS); /* that use was noted: make it the oldest again */
	assert_int_equal(use(f, oldest, &who), OK);
	clock_pin(NOW + 1800, MONO_MS);
	make(f, &ann, text);
	assert_int_equal(use(f, oldest, &who), E_TOKEN_INVALID);
	assert_int_equal(use(f, used, &who), OK);
	assert_int_equal(use(f, text, &who), OK);
}

static void any_client_name(void **state)
{
	char text[CREDENTIAL_TEXT_MAX], name[500];
	struct fixture *f = *state;
	struct identity ann;

	setup_ann(f, &ann);
	memset(name, '\xff', sizeof(name));
	assert_ok(login_make(f->auth, &ann, (struct str){name, sizeof(name)}, text, err));
	assert_ok(login_make(f->auth, &ann, STR_NONE, text, err));
	assert_ok(login_make(f->auth, &ann, STR("a\0b\nc"), text, err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    fixture_test(stand_for_the_password),
	    fixture_test(not_for_anonymous),
	    fixture_test(end_with_the_password),
	    fixture_test(end_when_the_user_is_disabled),
	    fixture_test(share_the_limits_and_the_end_of_a_key),
	    fixture_test(revoked_together),
	    fixture_test(end_when_not_used),
	    fixture_test(a_bounded_number),
	    fixture_test(any_client_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
