/* oidc: issuers, rules, and which tokens count. The keys of these issuers are given; tests/spec asks real ones. */
#include <cove/base/clock.h>
#include <cove/crypto/jwt.h>
#include <cove/auth/roles.h>
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>
#include <cmocka.h>
#include "private.h"

#define NOW 1700000000
#define ISSUER "https://issuer.test"

struct fixture {
	char dir[64];
	int dirfd;
	struct db *db;
	struct auth *auth;
	struct oidc *oidc;
	struct jwt_key key;
	struct buf jwks;
};

#define assert_ok(expr)                                                                                                \
	do {                                                                                                           \
		struct err err_ = {.rc = OK};                                                                          \
		struct err *err = &err_;                                                                               \
		if ((expr) != OK)                                                                                      \
			fail_msg("%s: %s", #expr, err_.text);                                                          \
	} while (0)
#define assert_rc(code, expr)                                                                                          \
	do {                                                                                                           \
		struct err err_ = {.rc = OK};                                                                          \
		struct err *err = &err_;                                                                               \
		assert_int_equal(expr, code);                                                                          \
		assert_int_equal(err_.rc, code);                                                                       \
		assert_true(err_.text[0] != '\0');                                                                     \
	} while (0)

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	uint8_t seed[JWT_SEED_SIZE] = {42};

	crypto_start();
	clock_pin(NOW, 1000000);
	snprintf(f->dir, sizeof(f->dir), "/tmp/cove-oidc-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->dirfd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_ok(db_open(f->dirfd, "cove.db", &f->db, err));
	assert_ok(auth_open(f->db, &f->auth, err));
	assert_ok(oidc_open(f->db, f->auth, NULL, &f->oidc, err));
	jwt_key_from_seed(&f->key, seed);
	buf_init(&f->jwks, 1024);
	jwt_jwks(&f->key, &f->jwks);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	struct dirent *e;
	DIR *dir;

	oidc_close(f->oidc);
	auth_close(f->auth);
	db_close(f->db);
	buf_release(&f->jwks);
	dir = fdopendir(f->dirfd);
	while ((e = readdir(dir)) != NULL)
		unlinkat(f->dirfd, e->d_name, 0);
	closedir(dir);
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
	clock_pin(-1, -1);
	return 0;
}

static void add_issuer(struct fixture *f)
{
	struct issuer_info i = {
	    .name = STR("ci"), .url = STR(ISSUER), .audience = STR("box"), .jwks = buf_str(&f->jwks)};

	assert_ok(issuer_add(f->oidc, &i, err));
}

static void add_rule(struct fixture *f, const char *name, const char *claim, const char *pattern)
{
	struct condition c = {str_of(claim), str_of(pattern)};
	struct str role = STR("reader");

	assert_ok(issuer_rule_add(f->oidc, STR("ci"), str_of(name), &c, 1, &role, 1, err));
}

static void woken_for_nothing(void *ctx)
{
	(void)ctx;
	fail_msg("nobody waits here");
}

static enum rc login(struct fixture *f, const char *claims, struct identity *who, struct err *err)
{
	struct buf token = BUF_INIT(JWT_MAX);
	enum rc rc;

	assert_int_equal(jwt_sign(&f->key, str_of(claims), &token, NULL), OK);
	assert_true(oidc_is_token(buf_str(&token)));
	rc = oidc_login(
	    f->oidc, buf_str(&token), STR("192.0.2.1"), (struct oidc_wake){woken_for_nothing, NULL}, who, err);
	buf_release(&token);
	return rc;
}

#define T(iss, aud, times, more) "{\"iss\":\"" iss "\",\"aud\":" aud "," times ",\"sub\":\"s\"" more "}"
#define GOOD_TIMES "\"exp\":1700000300,\"nbf\":1699999990,\"iat\":1699999990"
#define GOOD(more) T(ISSUER, "\"box\"", GOOD_TIMES, more)

static void claims(void **state)
{
	static const struct {
		const char *claims;
		const char *why; /* words of the sentence; NULL: it counts */
	} rows[] = {
	    {GOOD(""), NULL},
	    {T(ISSUER, "[\"other\",\"box\"]", GOOD_TIMES, ""), NULL},
	    {T(ISSUER, "\"box\"", "\"exp\":1700000300", ""), NULL},
	    {T(ISSUER, "\"box\"", "\"exp\":1699999941", ""), NULL},
	    {T(ISSUER, "\"box\"", "\"exp\":1700000300,\"nbf\":1700000060", ""), NULL},
	    {T(ISSUER, "\"box\"", "\"exp\":1699999941.9,\"nbf\":1.7e9,\"iat\":1699999990.5", ""), NULL},
	    {T(ISSUER, "\"box\"", "\"exp\":1699999940.9", ""), "has expired"},
	    {T(ISSUER "/", "\"box\"", GOOD_TIMES, ""), "issuer is unknown"},
	    {T("http://issuer.test", "\"box\"", GOOD_TIMES, ""), "issuer is unknown"},
	    {"{\"aud\":\"box\",\"exp\":1700000300,\"sub\":\"s\"}", "issuer is unknown"},
	    {"{\"iss\":[\"" ISSUER "\"],\"aud\":\"box\",\"exp\":1700000300}", "issuer is unknown"},
	    {T(ISSUER, "\"other\"", GOOD_TIMES, ""), "another audience"},
	    {T(ISSUER, "\"boxx\"", GOOD_TIMES, ""), "another audience"},
	    {T(ISSUER, "[]", GOOD_TIMES, ""), "another audience"},
	    {T(ISSUER, "{\"box\":\"box\"}", GOOD_TIMES, ""), "another audience"},
	    {"{\"iss\":\"" ISSUER "\",\"exp\":1700000300,\"sub\":\"s\"}", "another audience"},
	    {T(ISSUER, "\"box\"", "\"nbf\":1699999990", ""), "no expiry time"},
	    {T(ISSUER, "\"box\"", "\"exp\":\"1700000300\"", ""), "no expiry time"},
	    {T(ISSUER, "\"box\"", "\"exp\":-1", ""), "no expiry time"},
	    {T(ISSUER, "\"box\"", "\"exp\":1700000300,\"nbf\":null", ""), "no expiry time"},
	    {T(ISSUER, "\"box\"", "\"exp\":1699999940", ""), "has expired"},
	    {T(ISSUER, "\"box\"", "\"exp\":1700000300,\"nbf\":1700000061", ""), "not valid yet"},
	    {T(ISSUER, "\"box\"", "\"exp\":1700000300,\"iat\":1700000061", ""), "not valid yet"},
	};
	struct fixture *f = *state;

	add_issuer(f);
	add_rule(f, "all", "sub", "s");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct identity who = {.user_id = -1};
		struct err err = {.rc = OK};
		enum rc rc = login(f, rows[i].claims, &who, &err);

		if (!rows[i].why) {
			if (rc)
				fail_msg("row %zu: %s", i, err.text);
			assert_string_equal(who.name, "oidc.all");
			assert_true(who.is_issuer_rule);
			continue;
		}
		assert_int_equal(rc, E_BAD_PASSWORD);
		assert_int_equal(err.rc, E_BAD_PASSWORD);
		assert_int_equal(who.user_id, -1);
		if (!strstr(err.text, rows[i].why))
			fail_msg("row %zu: %s", i, err.text);
	}
}

/* Signed by another key under the kid of ours, or not at all. */
static void signatures(void **state)
{
	struct fixture *f = *state;
	struct identity who;
	struct jwt_key ours = f->key;
	uint8_t seed[JWT_SEED_SIZE] = {43};
	struct str none = STR("eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL2lzc3Vlci50ZXN0In0.AA");

	add_issuer(f);
	add_rule(f, "all", "sub", "s");
	jwt_key_from_seed(&f->key, seed);
	assert_rc(E_BAD_PASSWORD, login(f, GOOD(""), &who, err));
	memcpy(f->key.kid, ours.kid, sizeof(ours.kid));
	assert_rc(E_BAD_PASSWORD, login(f, GOOD(""), &who, err));
	assert_rc(
	    E_BAD_PASSWORD, oidc_login(f->oidc, none, STR(""), (struct oidc_wake){woken_for_nothing, NULL}, &who, err));
	f->key = ours;
	assert_ok(login(f, GOOD(""), &who, err));
	/* the issuer changes its keys */
	jwt_key_from_seed(&f->key, seed);
	buf_reset(&f->jwks);
	jwt_jwks(&f->key, &f->jwks);
	assert_ok(issuer_set_keys(f->oidc, STR("ci"), buf_str(&f->jwks), err));
	assert_ok(login(f, GOOD(""), &who, err));
	f->key = ours;
	assert_rc(E_BAD_PASSWORD, login(f, GOOD(""), &who, err));
}

static void conditions(void **state)
{
	static const struct {
		const char *more; /* claims */
		const char *user; /* NULL: none fits */
	} rows[] = {
	    {",\"repository\":\"myorg/app\",\"ref\":\"refs/heads/main\"", "oidc.deploy"},
	    {",\"repository\":\"myorg/app\",\"ref\":\"refs/heads/dev\"", "oidc.build"},
	    {",\"repository\":\"myorg/app\"", "oidc.build"},
	    {",\"repository\":\"myorg2/app\",\"ref\":\"refs/heads/main\"", NULL},
	    {",\"repository\":\"x/myorg/app\"", NULL},
	    {",\"ref\":\"refs/heads/main\"", NULL},
	    {",\"repository\":[\"a/b\",\"myorg/app\"]", "oidc.build"},
	    {",\"repository\":{\"myorg/app\":1}", NULL},
	    {",\"run\":7", "oidc.number"},
	    {",\"run\":77", NULL},
	    {",\"protected\":true", "oidc.flag"},
	    {",\"protected\":\"true\"", "oidc.flag"},
	    {",\"protected\":false", NULL},
	    {",\"protected\":null", NULL},
	    {"", NULL},
	};
	static const struct condition deploy[] = {
	    {STR("repository"), STR("myorg/*")}, {STR("ref"), STR("refs/heads/main")}};
	struct fixture *f = *state;

	add_issuer(f);
	assert_ok(issuer_rule_add(f->oidc, STR("ci"), STR("deploy"), deploy, 2, NULL, 0, err));
	add_rule(f, "build", "repository", "myorg/*");
	add_rule(f, "number", "run", "7");
	add_rule(f, "flag", "protected", "true");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct identity who = {.user_id = 0};
		char token[500];
		enum rc rc;

		snprintf(token, sizeof(token), T(ISSUER, "\"box\"", GOOD_TIMES, "%s"), rows[i].more);
		rc = login(f, token, &who, NULL);
		assert_int_equal(rc, rows[i].user ? OK : E_BAD_PASSWORD);
		assert_string_equal(who.name, rows[i].user ? rows[i].user : "");
	}
}

/* Its user is like any other; but it has neither password nor keys. */
static void the_robot_of_a_rule(void **state)
{
	struct secret password;
	char text[CREDENTIAL_TEXT_MAX];
	struct fixture *f = *state;
	struct identity who, still;
	unsigned actions;
	int64_t id;

	add_issuer(f);
	add_rule(f, "all", "sub", "s");
	assert_ok(login(f, GOOD(""), &who, err));
	assert_ok(auth_actions(f->auth, &who, STR("team/x"), &actions, err));
	assert_int_equal(actions, MAY_PULL);
	assert_ok(grant_set(f->auth, STR("oidc.all"), STR("team/*"), MAY_PUSH, err));
	assert_ok(auth_actions(f->auth, &who, STR("team/x"), &actions, err));
	assert_int_equal(actions, MAY_PULL | MAY_PUSH);
	assert_true(secret_set(&password, STR("long enough")));
	assert_rc(E_USAGE, user_set_password(f->auth, STR("oidc.all"), &password, err));
	assert_rc(E_USAGE, key_create(f->auth, STR("oidc.all"), STR(""), NULL, 0, 0, text, &id, err));
	assert_rc(E_USAGE, user_remove(f->auth, STR("oidc.all"), err));
	/* disabled: at once */
	assert_ok(user_set_enabled(f->auth, STR("oidc.all"), false, err));
	assert_rc(E_TOKEN_INVALID, auth_still_valid(f->auth, who.user_id, 0, who.generation, &still, err));
	assert_rc(E_BAD_PASSWORD, login(f, GOOD(""), &who, err));
	assert_ok(user_set_enabled(f->auth, STR("oidc.all"), true, err));
	assert_ok(login(f, GOOD(""), &who, err));
	/* gone: at once */
	assert_ok(issuer_rule_remove(f->oidc, STR("all"), err));
	assert_rc(E_TOKEN_INVALID, auth_still_valid(f->auth, who.user_id, 0, who.generation, &still, err));
	assert_rc(E_BAD_PASSWORD, login(f, GOOD(""), &who, err));
	assert_rc(E_NOT_FOUND, issuer_rule_remove(f->oidc, STR("all"), err));
}

static void removed_with_the_issuer(void **state)
{
	struct fixture *f = *state;
	struct identity who, still;
	int64_t users;

	add_issuer(f);
	add_rule(f, "all", "sub", "s");
	add_rule(f, "more", "sub", "t");
	assert_ok(login(f, GOOD(""), &who, err));
	assert_ok(issuer_remove(f->oidc, STR("ci"), err));
	assert_rc(E_TOKEN_INVALID, auth_still_valid(f->auth, who.user_id, 0, who.generation, &still, err));
	assert_ok(user_count(f->auth, &users, err));
	assert_int_equal(users, 0);
	assert_rc(E_NOT_FOUND, issuer_remove(f->oidc, STR("ci"), err));
	add_issuer(f);
	add_rule(f, "all", "sub", "s");
	assert_ok(login(f, GOOD(""), &who, err));
}

/* Conditions that every token of such an issuer meets, and those that name whose tokens count. */
static void rules_for_whom(void **state)
{
	static const struct {
		const char *issuer, *claim, *pattern;
		bool good;
	} rows[] = {
	    {"ci", "aud", "box", false},
	    {"ci", "iss", "https://issuer.test", false},
	    {"ci", "exp", "1*", false},
	    {"ci", "jti", "?a*", false},
	    {"ci", "repository", "*/*", false},
	    {"ci", "sub", "**:*", false},
	    {"ci", "sub", "s", true},
	    {"ci", "ref", "refs/heads/main", true},
	    {"github", "ref", "refs/heads/main", false},
	    {"github", "sub", "repo:*", false},
	    {"github", "sub", "repo:**", false},
	    {"github", "sub", "repo:my*/app:*", false},
	    {"github", "sub", "repo:?/app", false},
	    {"github", "sub", "**:environment:prod", false},
	    {"github", "repository", "*/app", false},
	    {"github", "repository", "my*/app", false},
	    {"github", "job_workflow_ref", "myorg/app/.github/workflows/x.yml@refs/heads/main", false},
	    {"github", "repository", "myorg/*", true},
	    {"github", "repository_owner", "myorg", true},
	    {"github", "repository_owner_id", "42", true},
	    {"github", "sub", "repo:myorg/*:ref:refs/heads/main", true},
	    {"gitlab", "ref", "main", false},
	    {"gitlab", "project_path", "mygroup/**", true},
	    {"gitlab", "namespace_path", "mygroup", true},
	    {"gitlab", "sub", "project_path:mygroup/app:*", true},
	};
	struct fixture *f = *state;
	struct issuer_info more[] = {{.name = STR("github"), .url = STR("https://token.actions.githubusercontent.com")},
	    {.name = STR("gitlab"), .url = STR("https://gitlab.com")}};

	add_issuer(f);
	for (size_t i = 0; i < 2; i++) {
		more[i].audience = STR("box");
		assert_ok(issuer_add(f->oidc, &more[i], err));
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct condition c = {str_of(rows[i].claim), str_of(rows[i].pattern)};
		char name[16];
		enum rc rc;

		snprintf(name, sizeof(name), "r%zu", i);
		rc = issuer_rule_add(f->oidc, str_of(rows[i].issuer), str_of(name), &c, 1, NULL, 0, NULL);
		if (rc != (rows[i].good ? OK : E_USAGE))
			fail_msg("row %zu: %d", i, (int)rc);
	}
}

/* A job that was shut out does not come in by the next rule. */
static void a_disabled_rule_refuses(void **state)
{
	struct fixture *f = *state;
	struct identity who;

	add_issuer(f);
	add_rule(f, "narrow", "sub", "s");
	add_rule(f, "wide", "sub", "s*");
	assert_ok(login(f, GOOD(""), &who, err));
	assert_string_equal(who.name, "oidc.narrow");
	assert_ok(user_set_enabled(f->auth, STR("oidc.narrow"), false, err));
	assert_rc(E_BAD_PASSWORD, login(f, GOOD(""), &who, err));
}

static void what_makes_no_sense(void **state)
{
	struct fixture *f = *state;
	const struct issuer_info good = {
	    .name = STR("x"), .url = STR("https://x.test/a"), .audience = STR("box"), .jwks = buf_str(&f->jwks)};
	const struct condition wild[] = {{STR("sub"), STR("**")}, {STR("ref"), STR("*")}},
			       twice[] = {{STR("sub"), STR("a")}, {STR("sub"), STR("b")}}, empty = {STR(""), STR("a")},
			       one = {STR("sub"), STR("a")};
	struct issuer_info bad[10];
	struct str role = STR("nothing");

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		bad[i] = good;
	bad[0].name = STR("X");
	bad[1].url = STR("http://x.test");
	bad[2].url = STR("https://");
	bad[3].url = STR("https://x.test/?a");
	bad[4].audience = STR("");
	bad[5].jwks = STR("{\"keys\":[]}");
	bad[6].jwks_url = STR("http://x.test/keys");
	bad[7].ca_pem = STR("not PEM");
	bad[8].url = STR("https://user:secret@x.test");
	bad[9].jwks_url = STR("https://user@x.test/keys");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_rc(E_USAGE, issuer_add(f->oidc, &bad[i], err));
	assert_ok(issuer_add(f->oidc, &good, err));
	assert_rc(E_EXISTS, issuer_add(f->oidc, &good, err));
	add_issuer(f);
	assert_rc(E_USAGE, issuer_rule_add(f->oidc, STR("ci"), STR("r"), NULL, 0, NULL, 0, err));
	assert_rc(E_USAGE, issuer_rule_add(f->oidc, STR("ci"), STR("r"), wild, 2, NULL, 0, err));
	assert_rc(E_USAGE, issuer_rule_add(f->oidc, STR("ci"), STR("r"), twice, 2, NULL, 0, err));
	assert_rc(E_USAGE, issuer_rule_add(f->oidc, STR("ci"), STR("r"), &empty, 1, NULL, 0, err));
	assert_rc(E_USAGE, issuer_rule_add(f->oidc, STR("ci"), STR("R"), &one, 1, NULL, 0, err));
	assert_rc(E_NOT_FOUND, issuer_rule_add(f->oidc, STR("none"), STR("r"), &one, 1, NULL, 0, err));
	assert_rc(E_NOT_FOUND, issuer_rule_add(f->oidc, STR("ci"), STR("r"), &one, 1, &role, 1, err));
	add_rule(f, "r", "sub", "a"); /* the failures have left nothing behind */
	assert_rc(E_EXISTS, issuer_rule_add(f->oidc, STR("ci"), STR("r"), &one, 1, NULL, 0, err));
}

static enum rc put_issuer(void *ctx, const struct issuer_info *i, struct err *err)
{
	(void)err;
	buf_addf(ctx, "%.*s %.*s %.*s\n", STR_ARG(i->name), STR_ARG(i->url), STR_ARG(i->audience));
	return OK;
}

static enum rc put_rule(void *ctx, const struct rule_info *r, struct err *err)
{
	(void)err;
	buf_addf(ctx, "%.*s %.*s", STR_ARG(r->name), STR_ARG(r->user));
	for (size_t i = 0; i < r->count; i++)
		buf_addf(ctx, " %.*s=%.*s", STR_ARG(r->conditions[i].claim), STR_ARG(r->conditions[i].pattern));
	buf_addc(ctx, '\n');
	return OK;
}

static void lists(void **state)
{
	static const struct condition two[] = {{STR("b"), STR("x")}, {STR("a"), STR("y")}};
	struct fixture *f = *state;
	struct buf text = BUF_INIT(4096);

	add_issuer(f);
	add_rule(f, "z", "sub", "s");
	assert_ok(issuer_rule_add(f->oidc, STR("ci"), STR("y"), two, 2, NULL, 0, err));
	assert_ok(issuer_list(f->oidc, put_issuer, &text, err));
	assert_ok(issuer_rule_list(f->oidc, STR("ci"), put_rule, &text, err));
	assert_string_equal(text.p, "ci " ISSUER " box\nz oidc.z sub=s\ny oidc.y a=y b=x\n");
	assert_rc(E_NOT_FOUND, issuer_rule_list(f->oidc, STR("none"), put_rule, &text, err));
	buf_release(&text);
}

static enum rc put_row(void *ctx, const struct audit_entry *e, struct err *err)
{
	(void)err;
	buf_addf(ctx, "%.*s %s%.*s %.*s [%.*s]\n", STR_ARG(e->user), e->refused ? "refused " : "", STR_ARG(e->action),
	    STR_ARG(e->object), STR_ARG(e->detail));
	return OK;
}

/* The robot stands for many: the log says for whom. */
static void logged(void **state)
{
	struct fixture *f = *state;
	struct buf rows = BUF_INIT(8192);
	struct identity who;

	add_issuer(f);
	add_rule(f, "org", "repository", "myorg/*");
	assert_ok(login(f, GOOD(",\"repository\":\"myorg/app\""), &who, err));
	assert_rc(E_BAD_PASSWORD, login(f, GOOD(",\"repository\":\"other/app\""), &who, err));
	assert_ok(audit_list(f->db, &(struct audit_filter){.action = STR("login.oidc")}, put_row, &rows, err));
	assert_string_equal(rows.p,
	    "oidc refused login.oidc s [ci repository=other/app: no rule of the issuer ci matches the"
	    " token of s: the owner of this registry can add one with `cove issuer rule`]\n"
	    "oidc.org login.oidc s [ci repository=myorg/app]\n");
	buf_release(&rows);
}

#define fixture_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    fixture_test(claims),
	    fixture_test(signatures),
	    fixture_test(conditions),
	    fixture_test(the_robot_of_a_rule),
	    fixture_test(removed_with_the_issuer),
	    fixture_test(what_makes_no_sense),
	    fixture_test(rules_for_whom),
	    fixture_test(a_disabled_rule_refuses),
	    fixture_test(lists),
	    fixture_test(logged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
