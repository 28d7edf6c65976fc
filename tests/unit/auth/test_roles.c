/* roles: what they give, to whom, at once; and the decision explained. */
#include <cove/auth/roles.h>
#include "fixture.h"

static struct identity person(struct fixture *f, const char *name)
{
	struct identity who;

	fixture_user(f, name, "long enough");
	assert_int_equal(fixture_login(f, name, "long enough", &who), OK);
	return who;
}

static void give(struct fixture *f, const char *user, const char *role)
{
	assert_ok(user_role_set(f->auth, str_of(user), str_of(role), true, err));
}

static void built_in(void **state)
{
	static const struct {
		const char *role;
		unsigned actions;
	} rows[] = {
	    {"admin", MAY_PULL | MAY_PUSH | MAY_DELETE | MAY_ADMIN},
	    {"developer", MAY_PULL | MAY_PUSH},
	    {"reader", MAY_PULL},
	};
	struct fixture *f = *state;
	char name[] = "a";

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct identity who = person(f, name);

		assert_int_equal(fixture_may(f, &who, "team/x"), 0);
		give(f, name, rows[i].role);
		give(f, name, rows[i].role);
		assert_int_equal(fixture_may(f, &who, "team/x"), rows[i].actions);
		assert_int_equal(fixture_may(f, &who, "") & MAY_ADMIN, rows[i].actions & MAY_ADMIN);
		assert_ok(user_role_set(f->auth, str_of(name), str_of(rows[i].role), false, err));
		assert_int_equal(fixture_may(f, &who, "team/x"), 0);
		assert_rc(E_USAGE, role_remove(f->auth, str_of(rows[i].role), err));
		assert_rc(E_USAGE, role_grant(f->auth, str_of(rows[i].role), STR("a"), MAY_PULL, err));
		assert_rc(E_EXISTS, role_add(f->auth, str_of(rows[i].role), err));
		name[0]++;
	}
}

static void own_roles(void **state)
{
	struct fixture *f = *state;
	struct identity who = person(f, "ann");

	assert_ok(role_add(f->auth, STR("team"), err));
	give(f, "ann", "team");
	assert_int_equal(fixture_may(f, &who, "team/x"), 0);
	assert_ok(role_grant(f->auth, STR("team"), STR("team/**"), MAY_PULL | MAY_PUSH, err));
	assert_ok(role_grant(f->auth, STR("team"), STR("base/*"), MAY_PULL, err));
	fixture_grant(f, "ann", "team/x", MAY_DELETE);
	assert_int_equal(fixture_may(f, &who, "team/x"), MAY_PULL | MAY_PUSH | MAY_DELETE);
	assert_int_equal(fixture_may(f, &who, "team/y/z"), MAY_PULL | MAY_PUSH);
	assert_int_equal(fixture_may(f, &who, "base/x"), MAY_PULL);
	assert_int_equal(fixture_may(f, &who, "base/x/y"), 0);
	assert_ok(role_grant(f->auth, STR("team"), STR("team/**"), 0, err));
	assert_int_equal(fixture_may(f, &who, "team/y/z"), 0);
	assert_rc(E_NOT_FOUND, role_grant(f->auth, STR("team"), STR("team/**"), 0, err));
	assert_rc(E_USAGE, role_remove(f->auth, STR("team"), err));
	assert_ok(user_role_set(f->auth, STR("ann"), STR("team"), false, err));
	assert_ok(role_remove(f->auth, STR("team"), err));
	assert_rc(E_NOT_FOUND, role_remove(f->auth, STR("team"), err));
	assert_rc(E_NOT_FOUND, user_role_set(f->auth, STR("ann"), STR("team"), true, err));
	assert_rc(E_NOT_FOUND, user_role_set(f->auth, STR("bob"), STR("reader"), true, err));
}

/* A removed user leaves its roles free. */
static void removed_with_the_user(void **state)
{
	struct fixture *f = *state;

	fixture_user(f, "ann", "long enough");
	assert_ok(role_add(f->auth, STR("team"), err));
	give(f, "ann", "team");
	assert_ok(user_remove(f->auth, STR("ann"), err));
	assert_ok(role_remove(f->auth, STR("team"), err));
}

static void cut_by_a_key(void **state)
{
	struct fixture *f = *state;
	struct grant_info limit = {STR("team/*"), MAY_PULL | MAY_DELETE};
	char text[CREDENTIAL_TEXT_MAX];
	struct identity who;
	int64_t id;

	assert_ok(user_add_robot(f->auth, STR("bot"), err));
	give(f, "bot", "developer");
	assert_ok(key_create(f->auth, STR("bot"), STR("ci"), &limit, 1, 0, text, &id, err));
	assert_int_equal(fixture_login(f, "bot", text, &who), OK);
	assert_int_equal(fixture_may(f, &who, "team/x"), MAY_PULL);
	assert_int_equal(fixture_may(f, &who, "other"), 0);
}

static void anonymous_is_no_admin(void **state)
{
	struct fixture *f = *state;
	struct identity who;

	assert_ok(auth_anonymous(f->auth, &who, err));
	give(f, ANONYMOUS, "reader");
	assert_int_equal(fixture_may(f, &who, "team/x"), MAY_PULL);
	assert_rc(E_USAGE, user_role_set(f->auth, STR(ANONYMOUS), STR("admin"), true, err));
	assert_ok(role_add(f->auth, STR("open"), err));
	give(f, ANONYMOUS, "open");
	assert_rc(E_USAGE, role_grant(f->auth, STR("open"), STR("**"), MAY_ADMIN, err));
	assert_ok(role_grant(f->auth, STR("open"), STR("**"), MAY_PUSH, err));
	assert_int_equal(fixture_may(f, &who, "team/x"), MAY_PULL | MAY_PUSH);
}

static void bounds(void **state)
{
	struct fixture *f = *state;
	char name[16];

	fixture_user(f, "ann", "long enough");
	assert_rc(E_USAGE, role_add(f->auth, STR("Team"), err));
	assert_rc(E_USAGE, role_add(f->auth, STR(""), err));
	assert_ok(role_add(f->auth, STR("team"), err));
	assert_rc(E_USAGE, role_grant(f->auth, STR("team"), STR("a b"), MAY_PULL, err));
	assert_rc(E_USAGE, role_grant(f->auth, STR("team"), STR("a/*"), MAY_ADMIN, err));
	for (int i = 0; i < GRANTS_MAX; i++) {
		snprintf(name, sizeof(name), "r%d", i);
		assert_ok(role_grant(f->auth, STR("team"), str_of(name), MAY_PULL, err));
	}
	assert_rc(E_USAGE, role_grant(f->auth, STR("team"), STR("more"), MAY_PULL, err));
	assert_ok(role_grant(f->auth, STR("team"), str_of(name), MAY_PUSH, err));
	for (int i = 0; i < USER_ROLES_MAX; i++) {
		snprintf(name, sizeof(name), "r%d", i);
		assert_ok(role_add(f->auth, str_of(name), err));
		give(f, "ann", name);
	}
	assert_rc(E_USAGE, user_role_set(f->auth, STR("ann"), STR("team"), true, err));
}

static enum rc count_role(void *ctx, const struct role_info *r, struct err *err)
{
	struct buf *text = ctx;

	(void)err;
	buf_addf(text, "%.*s%s:%lld ", STR_ARG(r->name), r->built_in ? "!" : "", (long long)r->users);
	return OK;
}

static enum rc count_grant(void *ctx, const struct grant_info *g, struct err *err)
{
	(void)err;
	buf_addf(ctx, "%.*s=%u ", STR_ARG(g->pattern), g->actions);
	return OK;
}

static void lists(void **state)
{
	struct fixture *f = *state;
	struct buf text = BUF_INIT(4096);

	fixture_user(f, "ann", "long enough");
	assert_ok(role_add(f->auth, STR("team"), err));
	assert_ok(role_grant(f->auth, STR("team"), STR("b"), MAY_PULL, err));
	assert_ok(role_grant(f->auth, STR("team"), STR("a"), MAY_PUSH, err));
	give(f, "ann", "team");
	give(f, "ann", "admin");
	give(f, ANONYMOUS, "team");
	assert_ok(role_list(f->auth, count_role, &text, err));
	buf_addz(&text, "| ");
	assert_ok(user_role_list(f->auth, STR("ann"), count_role, &text, err));
	buf_addz(&text, "| ");
	assert_ok(role_grant_list(f->auth, STR("team"), count_grant, &text, err));
	assert_string_equal(text.p, "admin!:1 developer!:0 reader!:0 team:2 | admin!:1 team:2 | a=2 b=1 ");
	assert_rc(E_NOT_FOUND, role_grant_list(f->auth, STR("none"), count_grant, &text, err));
	assert_rc(E_NOT_FOUND, user_role_list(f->auth, STR("bob"), count_role, &text, err));
	buf_release(&text);
}

static void robots_have_no_password(void **state)
{
	struct secret password = secret_of("long enough");
	struct fixture *f = *state;
	struct identity who;

	assert_ok(user_add_robot(f->auth, STR("bot"), err));
	assert_rc(E_EXISTS, user_add_robot(f->auth, STR("bot"), err));
	assert_rc(E_USAGE, user_add_robot(f->auth, STR("oidc.x"), err));
	assert_rc(E_USAGE, user_add_robot(f->auth, STR("console"), err));
	assert_rc(E_USAGE, user_set_password(f->auth, STR("bot"), &password, err));
	assert_int_equal(fixture_login(f, "bot", "long enough", &who), E_BAD_PASSWORD);
	assert_int_equal(fixture_login(f, "bot", "", &who), E_BAD_PASSWORD);
}

/* What is asked, and words that the answer must have. */
static void explained(void **state)
{
	static const struct {
		const char *user, *repository;
		unsigned wanted;
		bool may;
		const char *words;
	} rows[] = {
	    {"ann", "team/x", MAY_PUSH, true, "push by the grant team/** of ann\n"},
	    {"ann", "base/x", MAY_PULL, true, "pull by the grant ** of the role reader\n"},
	    {"ann", "team/x", MAY_DELETE, false, "  cove user grant ann 'team/x' delete\n"},
	    {"ann", "base/x", MAY_PULL | MAY_PUSH, false, "push: no grant of ann or its roles allows it"},
	    {"ann", "base/x", MAY_ADMIN, false, "cove user role ann admin"},
	    {"root", "base/x", MAY_DELETE, true, "delete by the grant ** of the role admin"},
	    {"off", "x", MAY_PULL, false, "off is disabled; to enable it: cove user enable off"},
	    {ANONYMOUS, "x", MAY_PULL, false, "cove user grant anonymous 'x' pull"},
	};
	struct fixture *f = *state;
	struct buf why = BUF_INIT(8192);
	bool may;

	fixture_user(f, "ann", "long enough");
	fixture_user(f, "root", "long enough");
	fixture_user(f, "off", "long enough");
	fixture_grant(f, "ann", "team/**", MAY_PUSH);
	give(f, "ann", "reader");
	give(f, "root", "admin");
	give(f, "off", "admin");
	assert_ok(user_set_enabled(f->auth, STR("off"), false, err));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buf_reset(&why);
		assert_ok(auth_explain(
		    f->auth, str_of(rows[i].user), 0, str_of(rows[i].repository), rows[i].wanted, &may, &why, err));
		assert_int_equal(may, rows[i].may);
		if (!strstr(why.p, rows[i].words))
			fail_msg("row %zu: %s", i, why.p);
	}
	assert_rc(E_NOT_FOUND, auth_explain(f->auth, STR("bob"), 0, STR("x"), MAY_PULL, &may, &why, err));
	buf_release(&why);
}

static void keys_explained(void **state)
{
	struct fixture *f = *state;
	struct grant_info limit = {STR("team/*"), MAY_PULL};
	struct buf why = BUF_INIT(8192);
	char text[CREDENTIAL_TEXT_MAX];
	int64_t id;
	bool may;

	assert_ok(user_add_robot(f->auth, STR("bot"), err));
	give(f, "bot", "developer");
	assert_ok(key_create(f->auth, STR("bot"), STR("ci"), &limit, 1, NOW + 100, text, &id, err));
	assert_ok(auth_explain(f->auth, STR("bot"), id, STR("team/x"), MAY_PULL, &may, &why, err));
	assert_true(may);
	assert_ok(auth_explain(f->auth, STR("bot"), id, STR("team/x"), MAY_PUSH, &may, &why, err));
	assert_false(may);
	assert_non_null(strstr(why.p, "push: the grants of the key 1 do not allow it"));
	clock_pin(NOW + 100, MONO_MS);
	assert_ok(auth_explain(f->auth, STR("bot"), id, STR("team/x"), MAY_PULL, &may, &why, err));
	assert_false(may);
	assert_non_null(strstr(why.p, "the key 1 has expired"));
	assert_ok(key_revoke(f->auth, id, err));
	assert_ok(auth_explain(f->auth, STR("bot"), id, STR("team/x"), MAY_PULL, &may, &why, err));
	assert_false(may);
	assert_non_null(strstr(why.p, "the key 1 is revoked"));
	assert_rc(E_NOT_FOUND, auth_explain(f->auth, STR("bot"), 77, STR("team/x"), MAY_PULL, &may, &why, err));
	buf_release(&why);
}

static void no_scan(void *ctx, const char *sql, struct str line)
{
	(void)ctx;
	if (str_starts(line, STR("SCAN")))
		fail_msg("%.*s: %s", STR_ARG(line), sql);
}

/* What each request asks is answered by indexes, roles included. */
static void the_decision_is_indexed(void **state)
{
	struct grant_info limit = {STR("team/*"), MAY_PULL};
	struct fixture *f = *state;
	char text[CREDENTIAL_TEXT_MAX];
	struct db *again;
	struct auth *auth;
	struct db_conn *c;
	struct identity who;
	unsigned actions;
	int64_t id;

	assert_ok(user_add_robot(f->auth, STR("bot"), err));
	give(f, "bot", "developer");
	assert_ok(key_create(f->auth, STR("bot"), STR("ci"), &limit, 1, 0, text, &id, err));
	assert_int_equal(fixture_login(f, "bot", text, &who), OK);
	/* a connection that has prepared nothing else */
	assert_ok(db_open(f->dirfd, "cove.db", &again, err));
	assert_ok(auth_open(again, &auth, err));
	assert_ok(auth_still_valid(auth, who.user_id, id, who.generation, &who, err));
	assert_ok(auth_actions(auth, &who, STR("team/x"), &actions, err));
	assert_int_equal(actions, MAY_PULL);
	assert_ok(db_here(again, &c, err));
	db_each_plan(c, no_scan, NULL);
	auth_close(auth);
	db_close(again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    fixture_test(built_in),
	    fixture_test(own_roles),
	    fixture_test(removed_with_the_user),
	    fixture_test(cut_by_a_key),
	    fixture_test(anonymous_is_no_admin),
	    fixture_test(bounds),
	    fixture_test(lists),
	    fixture_test(robots_have_no_password),
	    fixture_test(explained),
	    fixture_test(keys_explained),
	    fixture_test(the_decision_is_indexed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
