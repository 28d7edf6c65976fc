/* grants: who may do what, by table. */
#include "fixture.h"
#include <cove/auth/rights.h>
#include <cove/auth/roles.h>

#define THREE (MAY_PULL | MAY_PUSH | MAY_DELETE)
#define ALL (THREE | MAY_ADMIN)

static void actions_as_text(void **state)
{
	static const struct {
		const char *in;
		unsigned actions;
		const char *out;
	} good[] = {
	    {"pull", MAY_PULL, "pull"},
	    {"push,pull", MAY_PULL | MAY_PUSH, "pull,push"},
	    {"delete", MAY_DELETE, "delete"},
	    {"pull,pull", MAY_PULL, "pull"},
	    {"*", THREE, "pull,push,delete"},
	    {"admin", ALL, "pull,push,delete,admin"},
	    {"pull,push,delete,admin", ALL, "pull,push,delete,admin"},
	};
	static const char *const bad[] = {"", ",", "pull,", ",pull", "pull push", "Pull", "write", "pull,,push"};
	char text[ACTIONS_TEXT_MAX];
	unsigned actions;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_ok(actions_parse(str_of(good[i].in), &actions, err));
		assert_int_equal(actions, good[i].actions);
		actions_text(text, actions);
		assert_string_equal(text, good[i].out);
	}
	actions_text(text, 0);
	assert_string_equal(text, "");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_rc(E_USAGE, actions_parse(str_of(bad[i]), &actions, err));
}

static void the_union_of_what_matches(void **state)
{
	static const struct {
		const char *repository;
		unsigned may;
	} rows[] = {
	    {"nginx", MAY_PULL},
	    {"team/nginx", MAY_PULL},
	    {"team/app", MAY_PULL | MAY_PUSH},
	    {"team/app/x", MAY_PULL},
	    {"team", MAY_PULL},
	    {"mine/a", THREE},
	    {"mine/a/b/c", THREE},
	    {"mine", MAY_PULL},
	    {"", MAY_PULL},
	};
	struct fixture *f = *state;
	struct identity ann, bob;

	fixture_user(f, "ann", "long enough");
	fixture_user(f, "bob", "long enough");
	fixture_grant(f, "ann", "**", MAY_PULL);
	fixture_grant(f, "ann", "team/app", MAY_PUSH);
	fixture_grant(f, "ann", "mine/**", THREE);
	assert_int_equal(fixture_login(f, "ann", "long enough", &ann), OK);
	assert_int_equal(fixture_login(f, "bob", "long enough", &bob), OK);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(fixture_may(f, &ann, rows[i].repository), rows[i].may);
		assert_int_equal(fixture_may(f, &bob, rows[i].repository), 0);
	}
}

static void admin_may_everything(void **state)
{
	struct fixture *f = *state;
	struct identity who;

	fixture_user(f, "ann", "long enough");
	fixture_grant(f, "ann", "**", ALL);
	assert_int_equal(fixture_login(f, "ann", "long enough", &who), OK);
	assert_int_equal(fixture_may(f, &who, "a/b/c"), ALL);
	fixture_grant(f, "ann", "**", MAY_ADMIN);
	assert_int_equal(fixture_may(f, &who, "a/b/c"), ALL);
	assert_rc(E_USAGE, grant_set(f->auth, STR("ann"), STR("a/**"), ALL, err));
	assert_rc(E_USAGE, grant_set(f->auth, STR("ann"), STR("*"), MAY_ADMIN, err));
	assert_rc(E_USAGE, grant_set(f->auth, STR(ANONYMOUS), STR("**"), ALL, err));
}

static void anonymous_is_a_user_like_any_other(void **state)
{
	struct fixture *f = *state;
	struct identity who;

	assert_ok(auth_anonymous(f->auth, &who, err));
	assert_int_equal(fixture_may(f, &who, "public/a"), 0);
	fixture_grant(f, ANONYMOUS, "public/**", MAY_PULL);
	assert_int_equal(fixture_may(f, &who, "public/a"), MAY_PULL);
	assert_int_equal(fixture_may(f, &who, "private/a"), 0);
}

static void assert_seek(struct fixture *f, const struct identity *who, struct str from, const char *want)
{
	struct name_at at = {.n = from.n};
	struct rights *rights = NULL;
	bool any;

	memcpy(at.p, from.p, from.n);
	assert_ok(rights_take(f->auth, who, &rights, err));
	any = rights_seek(rights, &at);
	rights_free(rights);
	if (any != (want != NULL) || (any && !str_eq((struct str){at.p, at.n}, str_of(want))))
		fail_msg("from %.*s: %.*s, wanted %s", STR_ARG(from), any ? (int)at.n : 4, any ? at.p : "none", want);
}

/* Whoever is logged in may not do less than who is not. */
static void what_nobody_needs_a_login_for(void **state)
{
	struct grant_info limit = {STR("team/**"), MAY_PULL}, wide = {STR("**"), MAY_PULL};
	char plain[CREDENTIAL_TEXT_MAX], narrow[CREDENTIAL_TEXT_MAX], all[CREDENTIAL_TEXT_MAX];
	struct fixture *f = *state;
	struct identity ann;
	int64_t id;

	fixture_user(f, "ann", "long enough");
	fixture_grant(f, "ann", "public/mine", MAY_PUSH);
	fixture_grant(f, ANONYMOUS, "public/**", MAY_PULL);
	assert_ok(user_role_set(f->auth, STR(ANONYMOUS), STR("reader"), true, err));
	fixture_grant(f, ANONYMOUS, "drop/*", MAY_PUSH);
	assert_int_equal(fixture_login(f, "ann", "long enough", &ann), OK);
	assert_int_equal(fixture_may(f, &ann, "public/mine"), MAY_PULL | MAY_PUSH);
	assert_int_equal(fixture_may(f, &ann, "any"), MAY_PULL); /* by the role */
	assert_ok(user_role_set(f->auth, STR(ANONYMOUS), STR("reader"), false, err));
	assert_int_equal(fixture_may(f, &ann, "any"), 0);
	assert_int_equal(fixture_may(f, &ann, "drop/x"), MAY_PUSH);
	assert_seek(f, &ann, STR(""), "public/");
	assert_ok(key_create(f->auth, STR("ann"), STR(""), NULL, 0, 0, plain, &id, err));
	assert_ok(key_create(f->auth, STR("ann"), STR(""), &limit, 1, 0, narrow, &id, err));
	assert_ok(key_create(f->auth, STR("ann"), STR(""), &wide, 1, 0, all, &id, err));
	assert_int_equal(fixture_login(f, "ann", plain, &ann), OK);
	assert_int_equal(fixture_may(f, &ann, "public/a"), MAY_PULL);
	assert_int_equal(fixture_login(f, "ann", all, &ann), OK);
	assert_int_equal(fixture_may(f, &ann, "public/mine"), MAY_PULL);
	assert_int_equal(fixture_login(f, "ann", narrow, &ann), OK);
	assert_int_equal(fixture_may(f, &ann, "public/a"), 0); /* a key may what it says at most */
	assert_seek(f, &ann, STR(""), NULL);
	assert_int_equal(fixture_login(f, "ann", "long enough", &ann), OK);
	assert_ok(user_set_enabled(f->auth, STR(ANONYMOUS), false, err));
	assert_int_equal(fixture_may(f, &ann, "public/a"), 0);
	assert_int_equal(fixture_may(f, &ann, "public/mine"), MAY_PUSH);
}

static void all_of_a_namespace(void **state)
{
	static const struct {
		const char *pattern;
		bool all;
	} rows[] = {
	    {"**", true},
	    {"docker.io/**", true},
	    {"docker**", true},
	    {"d*.io/**", true},
	    {"docker.io/?**", true},
	    {"docker.io/*", false},
	    {"docker.io/*/*", false},
	    {"docker.io/*/**", false},
	    {"docker.io/library/**", false},
	    {"docker.io/l**", false},
	    {"docker.io", false},
	    {"ghcr.io/**", false},
	    {"*", false},
	};
	struct fixture *f = *state;
	struct identity who;
	bool may;

	fixture_user(f, "ann", "long enough");
	assert_int_equal(fixture_login(f, "ann", "long enough", &who), OK);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fixture_grant(f, "ann", rows[i].pattern, MAY_PULL);
		assert_ok(auth_may_all_of(f->auth, &who, STR("docker.io"), MAY_PULL, &may, err));
		if (may != rows[i].all)
			fail_msg("%s", rows[i].pattern);
		assert_ok(auth_may_all_of(f->auth, &who, STR("docker.io"), MAY_PUSH, &may, err));
		assert_false(may);
		fixture_grant(f, "ann", rows[i].pattern, 0);
	}
}

static void replaced_and_taken_away(void **state)
{
	struct fixture *f = *state;
	struct identity who;

	fixture_user(f, "ann", "long enough");
	assert_int_equal(fixture_login(f, "ann", "long enough", &who), OK);
	fixture_grant(f, "ann", "a", THREE);
	assert_int_equal(fixture_may(f, &who, "a"), THREE);
	fixture_grant(f, "ann", "a", MAY_PULL);
	assert_int_equal(fixture_may(f, &who, "a"), MAY_PULL);
	fixture_grant(f, "ann", "a", 0);
	assert_int_equal(fixture_may(f, &who, "a"), 0);
	assert_rc(E_NOT_FOUND, grant_set(f->auth, STR("ann"), STR("a"), 0, err));
	assert_rc(E_NOT_FOUND, grant_set(f->auth, STR("bob"), STR("a"), MAY_PULL, err));
}

static void added(void **state)
{
	struct fixture *f = *state;
	struct identity who;
	unsigned now = 0;

	fixture_user(f, "ann", "long enough");
	assert_int_equal(fixture_login(f, "ann", "long enough", &who), OK);
	assert_ok(grant_add(f->auth, STR("ann"), STR("a"), MAY_PULL, &now, err));
	assert_int_equal(now, MAY_PULL);
	assert_ok(grant_add(f->auth, STR("ann"), STR("a"), MAY_PUSH, &now, err));
	assert_int_equal(now, MAY_PULL | MAY_PUSH);
	assert_int_equal(fixture_may(f, &who, "a"), MAY_PULL | MAY_PUSH);
	assert_rc(E_USAGE, grant_add(f->auth, STR("ann"), STR("a"), 0, &now, err)); /* nothing is no addition */
	assert_int_equal(fixture_may(f, &who, "a"), MAY_PULL | MAY_PUSH);
}

static void patterns(void **state)
{
	static const char *const bad[] = {
	    "", "Team/**", "a b", "a:b", "a,b", "\xc3\xa9", "a\n", "/a", "a/", "a//b", "**/"};
	struct fixture *f = *state;
	char pattern[PATTERN_MAX + 2];

	fixture_user(f, "ann", "long enough");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_rc(E_USAGE, grant_set(f->auth, STR("ann"), str_of(bad[i]), MAY_PULL, err));
	memset(pattern, 'a', sizeof(pattern));
	assert_rc(E_USAGE, grant_set(f->auth, STR("ann"), (struct str){pattern, PATTERN_MAX + 1}, MAY_PULL, err));
	assert_ok(grant_set(f->auth, STR("ann"), (struct str){pattern, PATTERN_MAX}, MAY_PULL, err));
	assert_rc(E_USAGE, grant_set(f->auth, STR("ann"), STR("a"), 16, err));
}

static void a_bounded_number(void **state)
{
	struct fixture *f = *state;
	char pattern[32];

	fixture_user(f, "ann", "long enough");
	for (int i = 0; i < GRANTS_MAX; i++) {
		snprintf(pattern, sizeof(pattern), "r%d", i);
		fixture_grant(f, "ann", pattern, MAY_PULL);
	}
	assert_rc(E_USAGE, grant_set(f->auth, STR("ann"), STR("one-more"), MAY_PULL, err));
	fixture_grant(f, "ann", "r7", THREE); /* no new one */
}

static enum rc list_one(void *ctx, const struct grant_info *g, struct err *err)
{
	char *text = ctx;
	size_t n = strlen(text);

	(void)err;
	snprintf(text + n, 200 - n, "%.*s=%u;", STR_ARG(g->pattern), g->actions);
	return str_eq(g->pattern, STR("stop")) ? E_BUSY : OK;
}

static void listed(void **state)
{
	struct fixture *f = *state;
	char text[200] = "";

	fixture_user(f, "ann", "long enough");
	assert_ok(grant_list(f->auth, STR("ann"), list_one, text, err));
	assert_string_equal(text, "");
	fixture_grant(f, "ann", "b/**", MAY_PULL);
	fixture_grant(f, "ann", "a", THREE);
	assert_ok(grant_list(f->auth, STR("ann"), list_one, text, err));
	assert_string_equal(text, "a=7;b/**=1;");
	fixture_grant(f, "ann", "stop", MAY_PULL);
	fixture_grant(f, "ann", "z", MAY_PULL);
	text[0] = '\0';
	assert_int_equal(grant_list(f->auth, STR("ann"), list_one, text, NULL), E_BUSY);
	assert_string_equal(text, "a=7;b/**=1;stop=1;");
	assert_rc(E_NOT_FOUND, grant_list(f->auth, STR("bob"), list_one, text, err));
}

/* What rights say is what auth_actions() says, and their work is counted. */
static void read_once(void **state)
{
	static const char *const names[] = {"", "a", "team/app", "team/x/y", "other/app", "zoo"};
	struct fixture *f = *state;
	struct grant_info limits[] = {{STR("team/**"), MAY_PULL}, {STR("zoo"), THREE}};
	char text[CREDENTIAL_TEXT_MAX];
	struct identity who[3];
	int64_t id;

	fixture_user(f, "ann", "long enough");
	fixture_user(f, "root", "long enough");
	fixture_grant(f, "ann", "team/*", MAY_PULL | MAY_PUSH);
	fixture_grant(f, "ann", "**/app", MAY_DELETE);
	fixture_grant(f, "root", "**", ALL);
	assert_ok(key_create(f->auth, STR("ann"), STR(""), limits, 2, 0, text, &id, err));
	assert_int_equal(fixture_login(f, "ann", "long enough", &who[0]), OK);
	assert_int_equal(fixture_login(f, "root", "long enough", &who[1]), OK);
	assert_int_equal(fixture_login(f, "ann", text, &who[2]), OK);
	for (size_t i = 0; i < 3; i++) {
		struct rights *rights = NULL;

		assert_ok(rights_take(f->auth, &who[i], &rights, err));
		assert_int_equal(rights_spent(rights), 0);
		for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++)
			assert_int_equal(rights_on(rights, str_of(names[k])), fixture_may(f, &who[i], names[k]));
		assert_true(rights_spent(rights) >= sizeof(names) / sizeof(names[0]));
		rights_free(rights);
	}
	who[2].key_id = 1000; /* no key of hers */
	struct rights *rights = NULL;

	assert_ok(rights_take(f->auth, &who[2], &rights, err));
	assert_int_equal(rights_on(rights, STR("team/app")), 0);
	rights_free(rights);
}

static void what_may_be_seen(void **state)
{
	struct fixture *f = *state;
	struct identity ann, key, all, bob;
	struct grant_info limits[] = {{STR("team/x/**"), MAY_PULL}, {STR("team/z"), MAY_PULL}, {STR("zoo"), MAY_PULL}};
	char text[CREDENTIAL_TEXT_MAX];
	int64_t id;

	for (const char *const *name = (const char *const[]){"ann", "bob", "all", NULL}; *name; name++)
		fixture_user(f, *name, "long enough");
	fixture_grant(f, "ann", "lib/app", MAY_PULL);
	fixture_grant(f, "ann", "team/**", MAY_PULL);
	fixture_grant(f, "ann", "secret/**", MAY_PUSH); /* not to be pulled */
	fixture_grant(f, "bob", "b/?x", MAY_PULL);
	fixture_grant(f, "bob", "*/public", MAY_PULL);
	fixture_grant(f, "all", "**", MAY_ADMIN);
	assert_int_equal(fixture_login(f, "ann", "long enough", &ann), OK);
	assert_int_equal(fixture_login(f, "bob", "long enough", &bob), OK);
	assert_int_equal(fixture_login(f, "all", "long enough", &all), OK);
	assert_seek(f, &ann, STR(""), "lib/app");
	assert_seek(f, &ann, STR("lib/app"), "lib/app");
	assert_seek(f, &ann, STR("lib/app\0"), "team/"); /* without a wildcard it is one name */
	assert_seek(f, &ann, STR("secret/x"), "team/");
	assert_seek(f, &ann, STR("team/x"), "team/x");
	assert_seek(f, &ann, STR("team0"), NULL);
	assert_seek(f, &bob, STR("a"), "a"); /* a wildcard at the start may match anything */
	assert_seek(f, &all, STR("zz"), "zz");
	assert_ok(key_create(f->auth, STR("ann"), STR("ci"), limits, 3, 0, text, &id, err));
	assert_int_equal(fixture_login(f, "ann", text, &key), OK);
	assert_seek(f, &key, STR(""), "team/x/"); /* where both may match */
	assert_seek(f, &key, STR("team/x/y"), "team/x/y");
	assert_seek(f, &key, STR("team/y"), "team/z");
	assert_seek(f, &key, STR("team/z\0"), NULL);
	key.key_id += 1;
	assert_seek(f, &key, STR(""), NULL);
}

static void check_plan(void *ctx, const char *sql, struct str line)
{
	++*(size_t *)ctx;
	if (str_starts(line, STR("SCAN")) || strstr(line.p, "TEMP B-TREE") || strstr(line.p, "AUTOMATIC"))
		fail_msg("%s: %.*s", sql, STR_ARG(line));
}

/* What is asked with every request and for every entry of a list. */
static void every_query_walks_an_index(void **state)
{
	struct fixture *f = *state;
	struct grant_info limit = {STR("a/**"), MAY_PULL};
	char text[CREDENTIAL_TEXT_MAX];
	struct identity who, again;
	struct db_conn *conn;
	size_t lines = 0;
	int64_t id;

	fixture_user(f, "ann", "long enough");
	fixture_grant(f, "ann", "a/b", MAY_PULL);
	assert_ok(key_create(f->auth, STR("ann"), STR("ci"), &limit, 1, 0, text, &id, err));
	assert_int_equal(fixture_login(f, "ann", text, &who), OK);
	assert_int_equal(fixture_may(f, &who, "a/b"), MAY_PULL);
	assert_seek(f, &who, STR(""), "a/b");
	assert_ok(auth_still_valid(f->auth, who.user_id, who.key_id, who.generation, &again, err));
	assert_ok(db_here(f->db, &conn, err));
	db_each_plan(conn, check_plan, &lines);
	assert_true(lines > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(actions_as_text),
	    fixture_test(the_union_of_what_matches),
	    fixture_test(admin_may_everything),
	    fixture_test(anonymous_is_a_user_like_any_other),
	    fixture_test(what_nobody_needs_a_login_for),
	    fixture_test(all_of_a_namespace),
	    fixture_test(replaced_and_taken_away),
	    fixture_test(added),
	    fixture_test(patterns),
	    fixture_test(a_bounded_number),
	    fixture_test(listed),
	    fixture_test(read_once),
	    fixture_test(what_may_be_seen),
	    fixture_test(every_query_walks_an_index),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
