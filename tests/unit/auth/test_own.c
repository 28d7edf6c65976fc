/* own: what a user does with its own password and keys; and the rows that each change leaves in the audit log.
 */
#include <cove/auth/roles.h>
#include "fixture.h"

static void setup_ann(struct fixture *f, struct identity *who)
{
	fixture_user(f, "ann", "long enough");
	assert_int_equal(fixture_login(f, "ann", "long enough", who), OK);
}

static enum rc change(struct fixture *f, const struct identity *who, const char *old, const char *fresh, enum slow slow)
{
	struct secret before = secret_of(old), after = secret_of(fresh);

	return own_password_set(f->auth, who, &before, &after, STR("192.0.2.1"), slow, NULL);
}

static void own_password(void **state)
{
	char key[CREDENTIAL_TEXT_MAX];
	struct fixture *f = *state;
	struct identity ann, nobody, who;
	int64_t id;

	setup_ann(f, &ann);
	assert_ok(key_create(f->auth, STR("ann"), STR(""), NULL, 0, 0, key, &id, err));
	assert_int_equal(change(f, &ann, "long enough", "better yet", SLOW_NOT_NOW), E_WANT_PASSWORD_LANE);
	assert_int_equal(change(f, &ann, "wrong one", "better yet", SLOW_ALLOWED), E_BAD_PASSWORD);
	assert_int_equal(change(f, &ann, key, "better yet", SLOW_ALLOWED), E_BAD_PASSWORD); /* no key will do */
	assert_int_equal(change(f, &ann, "long enough", "short", SLOW_ALLOWED), E_USAGE);
	assert_int_equal(change(f, &ann, "long enough", "better yet", SLOW_ALLOWED), OK);
	assert_int_equal(fixture_login(f, "ann", "long enough", &who), E_BAD_PASSWORD);
	assert_int_equal(fixture_login(f, "ann", "better yet", &who), OK);
	assert_ok(auth_anonymous(f->auth, &nobody, err));
	assert_int_equal(change(f, &nobody, "", "better yet", SLOW_ALLOWED), E_BAD_PASSWORD);
}

/* Guessing the old password here is throttled as at the door. */
static void own_password_is_throttled(void **state)
{
	struct fixture *f = *state;
	struct identity ann;
	char guess[32];

	setup_ann(f, &ann);
	for (int i = 0; i < 10; i++) {
		snprintf(guess, sizeof(guess), "wrong one %d", i);
		assert_int_equal(change(f, &ann, guess, "better yet", SLOW_ALLOWED), E_BAD_PASSWORD);
	}
	assert_int_equal(change(f, &ann, "long enough", "better yet", SLOW_ALLOWED), E_THROTTLED);
}

static void own_keys(void **state)
{
	char key[CREDENTIAL_TEXT_MAX];
	struct fixture *f = *state;
	struct identity who;
	int64_t id;

	fixture_user(f, "ann", "long enough");
	fixture_user(f, "bob", "long enough");
	assert_ok(key_create(f->auth, STR("ann"), STR(""), NULL, 0, 0, key, &id, err));
	assert_rc(E_NOT_FOUND, own_key_revoke(f->auth, STR("bob"), id, err));
	assert_rc(E_NOT_FOUND, own_key_revoke(f->auth, STR("ann"), id + 1, err));
	assert_int_equal(fixture_login(f, "ann", key, &who), OK);
	assert_ok(own_key_revoke(f->auth, STR("ann"), id, err));
	assert_int_equal(fixture_login(f, "ann", key, &who), E_BAD_PASSWORD);
}

static enum rc put_row(void *ctx, const struct audit_entry *e, struct err *err)
{
	(void)err;
	buf_addf(ctx, "%.*s %s%.*s %.*s [%.*s]\n", STR_ARG(e->user), e->refused ? "refused " : "", STR_ARG(e->action),
	    STR_ARG(e->object), STR_ARG(e->detail));
	return OK;
}

/* Every change of auth, by whom; the newest first. */
static void every_change_is_logged(void **state)
{
	static const char wanted[] =
	    "ann user.remove bob []\nann role.remove team []\nann role.grant team [a: none]\n"
	    "ann user.role.take bob [team]\n"
	    "ann key.revoke bob [key 1 ci]\nann key.create bob [key 1 ci: a/*: pull; b: pull,delete; "
	    "until 2023-11-14T22:15:00Z]\n"
	    "ann user.password bob []\nann user.enable bob []\nann user.disable bob []\n"
	    "ann user.grant bob [a/*: none]\nann user.grant bob [a/*: pull,push]\n"
	    "ann user.role bob [team]\nann role.grant team [a: pull]\nann role.add team []\n"
	    "console user.role ann [admin]\nconsole user.add ann []\n"
	    "console user.add bot [robot]\nconsole user.add bob []\n";
	static const struct grant_info limits[] = {{{"a/*", 3}, MAY_PULL}, {{"b", 1}, MAY_PULL | MAY_DELETE}};
	struct secret password = secret_of("long enough");
	char text[CREDENTIAL_TEXT_MAX];
	struct fixture *f = *state;
	struct buf rows = BUF_INIT(8192);
	struct auth *a = f->auth;
	struct identity bob;
	int64_t id;

	audit_set_actor(STR(AUDIT_CONSOLE), STR_NONE);
	fixture_user(f, "bob", "long enough");
	assert_ok(user_add_robot(a, STR("bot"), err));
	fixture_user(f, "ann", "long enough");
	assert_ok(user_role_set(a, STR("ann"), STR("admin"), true, err));
	audit_set_actor(STR("ann"), STR("192.0.2.1"));
	assert_ok(role_add(a, STR("team"), err));
	assert_ok(role_grant(a, STR("team"), STR("a"), MAY_PULL, err));
	assert_ok(user_role_set(a, STR("bob"), STR("team"), true, err));
	assert_ok(user_role_set(a, STR("bob"), STR("team"), true, err)); /* changes nothing */
	assert_ok(grant_set(a, STR("bob"), STR("a/*"), MAY_PULL | MAY_PUSH, err));
	assert_ok(grant_set(a, STR("bob"), STR("a/*"), 0, err));
	assert_ok(user_set_enabled(a, STR("bob"), false, err));
	assert_ok(user_set_enabled(a, STR("bob"), true, err));
	assert_ok(user_set_password(a, STR("bob"), &password, err));
	assert_int_equal(fixture_login(f, "bob", "long enough", &bob), OK);
	assert_ok(key_create(a, STR("bob"), STR("ci"), limits, 2, NOW + 100, text, &id, err));
	assert_ok(key_revoke(a, id, err));
	assert_ok(user_role_set(a, STR("bob"), STR("team"), false, err));
	assert_ok(role_grant(a, STR("team"), STR("a"), 0, err));
	assert_ok(role_remove(a, STR("team"), err));
	assert_ok(user_remove(a, STR("bob"), err));
	/* failures are no changes */
	assert_rc(E_NOT_FOUND, user_remove(a, STR("bob"), err));
	assert_rc(E_EXISTS, user_add_robot(a, STR("bot"), err));
	assert_ok(audit_list(f->db, &(struct audit_filter){0}, put_row, &rows, err));
	assert_string_equal(rows.p, wanted);
	buf_release(&rows);
	audit_set_actor(STR(AUDIT_CONSOLE), STR_NONE);
}

/* What everybody may do with what is his own, again and again, leaves the rows of others in the log. */
static void own_changes_are_counted(void **state)
{
	char text[CREDENTIAL_TEXT_MAX];
	struct fixture *f = *state;
	struct buf rows = BUF_INIT(8192);
	struct identity ann;
	int64_t id;

	setup_ann(f, &ann);
	audit_set_actor(STR("ann"), STR("192.0.2.1"));
	for (int i = 1; i <= 300; i++) {
		assert_ok(key_create(f->auth, STR("ann"), STR(""), NULL, 0, 0, text, &id, err));
		assert_ok(own_key_revoke(f->auth, STR("ann"), id, err));
	}
	assert_ok(audit_list(f->db, &(struct audit_filter){.user = STR("ann")}, put_row, &rows, err));
	assert_string_equal(rows.p, "ann key.revoke ann [key 1]\nann key.create ann [key 1]\n");
	buf_release(&rows);
	audit_set_actor(STR(AUDIT_CONSOLE), STR_NONE);
}

static void wrong_credentials_are_logged(void **state)
{
	struct fixture *f = *state;
	char key[CREDENTIAL_TEXT_MAX], guess[32];
	int64_t id;
	struct buf rows = BUF_INIT(8192);
	struct identity who;

	fixture_user(f, "bob", "long enough");
	for (int i = 0; i < 5; i++)
		assert_int_equal(fixture_login(f, "bob", "wrong one", &who), E_BAD_PASSWORD);
	assert_int_equal(fixture_login(f, "nobody", "wrong one", &who), E_BAD_PASSWORD);
	assert_ok(key_create(f->auth, STR("bob"), STR(""), NULL, 0, 0, key, &id, err));
	assert_int_equal(fixture_login(f, "nobody", key, &who), E_BAD_PASSWORD);
	assert_ok(key_revoke(f->auth, id, err));
	assert_int_equal(fixture_login(f, "bob", key, &who), E_BAD_PASSWORD);
	assert_ok(audit_list(f->db, &(struct audit_filter){.refused_only = true}, put_row, &rows, err));
	for (int i = 0; i < 10; i++) {
		snprintf(guess, sizeof(guess), "wrong one %d", i);
		(void)!fixture_login(f, "bob", guess, &who);
	}
	assert_int_equal(fixture_login(f, "bob", "wrong one", &who), E_THROTTLED);
	buf_reset(&rows);
	assert_ok(audit_list(f->db, &(struct audit_filter){.refused_only = true}, put_row, &rows, err));
	assert_string_equal(rows.p,
	    "bob refused login.throttled  []\nbob refused login.key  []\nnobody refused login.key  []\n"
	    "nobody refused login.password  []\nbob refused login.password  []\n");
	buf_release(&rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    fixture_test(own_password),
	    fixture_test(own_password_is_throttled),
	    fixture_test(own_keys),
	    fixture_test(every_change_is_logged),
	    fixture_test(own_changes_are_counted),
	    fixture_test(wrong_credentials_are_logged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
