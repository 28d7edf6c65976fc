/* access_token: what is issued, what is accepted, and with what it ends. */
#include "fixture.h"
#include <cove/auth/access_token.h>
#include <cove/base/codec.h>
#include <pthread.h>
#include <sys/stat.h>

#define SERVICE STR("box.local")

static struct token_signer *signer_of(struct fixture *f)
{
	struct token_signer *ts = NULL;

	assert_ok(token_signer_open(f->dirfd, f->auth, &ts, err));
	return ts;
}

static void setup_ann(struct fixture *f, struct identity *who)
{
	fixture_user(f, "ann", "long enough");
	fixture_grant(f, "ann", "**", MAY_PULL);
	fixture_grant(f, "ann", "team/**", MAY_PUSH);
	assert_int_equal(fixture_login(f, "ann", "long enough", who), OK);
}

static void issue(struct token_signer *ts, const struct identity *who, const char *scopes, struct buf *out)
{
	struct access_set wanted = {.count = 0};

	scope_parse(str_of(scopes), &wanted);
	buf_init(out, JWT_MAX);
	assert_ok(access_token_issue(ts, who, SERVICE, &wanted, out, err));
}

static enum rc check(struct token_signer *ts, struct str token, struct identity *who, char *scopes, size_t size)
{
	struct str allowed;
	struct arena a;
	enum rc rc;

	arena_init(&a, 65536);
	rc = access_token_check(ts, token, SERVICE, &a, who, &allowed, NULL);
	if (!rc && scopes) {
		assert_true(allowed.n < size);
		memcpy(scopes, allowed.p, allowed.n);
		scopes[allowed.n] = '\0';
	}
	arena_release(&a);
	return rc;
}

static void cut_down_to_what_one_may(void **state)
{
	static const struct {
		const char *wanted, *granted;
	} rows[] = {
	    {"", ""},
	    {"repository:a:pull", "repository:a:pull"},
	    {"repository:a:pull,push", "repository:a:pull"},
	    {"repository:a:push", ""},
	    {"repository:team/app:push,pull repository:a:pull", "repository:team/app:pull,push repository:a:pull"},
	    {"repository:team/app:*", "repository:team/app:pull,push"},
	    {"repository:a:delete repository:b:pull", "repository:b:pull"},
	    {"registry:catalog:*", "registry:catalog:*"},
	};
	struct fixture *f = *state;
	struct token_signer *ts = signer_of(f);
	struct identity ann, who;
	char text[200];
	struct buf token;

	setup_ann(f, &ann);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		issue(ts, &ann, rows[i].wanted, &token);
		for (int again = 0; again < 2; again++) { /* verified, then from the cache */
			assert_int_equal(check(ts, buf_str(&token), &who, text, sizeof(text)), OK);
			assert_string_equal(text, rows[i].granted);
			assert_string_equal(who.name, "ann");
			assert_int_equal(who.user_id, ann.user_id);
		}
		buf_release(&token);
	}
	token_signer_close(ts);
}

/* RFC 7519's names, and RFC 8693's for what it is for. */
static void says_what_the_specification_asks(void **state)
{
	static const char *const parts[] = {"\"iss\":\"box.local\"", "\"sub\":\"ann\"", "\"aud\":\"box.local\"",
	    "\"exp\":1700000300", "\"nbf\":1700000000", "\"iat\":1700000000", "\"jti\":\"",
	    "\"scope\":\"repository:team/app:pull,push registry:catalog:*\"}"};
	struct fixture *f = *state;
	struct token_signer *ts = signer_of(f);
	struct identity ann, nobody;
	struct str head, claims = STR(""), rest;
	struct buf token;
	char text[2000];
	ptrdiff_t n;

	setup_ann(f, &ann);
	issue(ts, &ann, "repository:team/app:* registry:catalog:*", &token);
	assert_true(str_cut(buf_str(&token), '.', &head, &rest) && str_cut(rest, '.', &claims, &rest));
	n = base64url_decode(text, sizeof(text) - 1, claims);
	assert_true(n > 0);
	text[n] = '\0';
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		assert_non_null(strstr(text, parts[i]));
	buf_release(&token);

	assert_ok(auth_anonymous(f->auth, &nobody, err));
	issue(ts, &nobody, "repository:a:pull", &token);
	str_cut(buf_str(&token), '.', &head, &rest);
	str_cut(rest, '.', &claims, &rest);
	n = base64url_decode(text, sizeof(text) - 1, claims);
	text[n] = '\0';
	assert_non_null(strstr(text, "\"sub\":\"\""));
	assert_non_null(strstr(text, "\"scope\":\"\""));
	assert_int_equal(check(ts, buf_str(&token), &nobody, NULL, 0), OK);
	assert_true(nobody.is_anonymous);
	buf_release(&token);
	token_signer_close(ts);
}

static void times(void **state)
{
	static const struct {
		int64_t at;
		enum rc rc;
	} rows[] = {
	    {NOW, OK},
	    {NOW + 300, OK},
	    {NOW + 360, OK},
	    {NOW + 361, E_TOKEN_INVALID},
	    {NOW - 60, OK},
	    {NOW - 61, E_TOKEN_INVALID},
	    {NOW + 1, OK},
	};
	struct fixture *f = *state;
	struct token_signer *ts = signer_of(f), *fresh = signer_of(f);
	struct identity ann, who;
	struct buf token;

	setup_ann(f, &ann);
	issue(ts, &ann, "repository:a:pull", &token);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		clock_pin(rows[i].at, MONO_MS);
		assert_int_equal(check(ts, buf_str(&token), &who, NULL, 0), rows[i].rc);
		assert_int_equal(check(fresh, buf_str(&token), &who, NULL, 0), rows[i].rc); /* same key */
	}
	buf_release(&token);
	token_signer_close(ts);
	token_signer_close(fresh);
}

static void what_is_no_token(void **state)
{
	static const char *const rows[] = {"", ".", "..", "a.b.c", "x", "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.e30."};
	struct fixture *f = *state;
	struct token_signer *ts = signer_of(f);
	struct identity ann, who;
	struct buf token, longer;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(check(ts, str_of(rows[i]), &who, NULL, 0), E_TOKEN_INVALID);

	setup_ann(f, &ann);
	issue(ts, &ann, "repository:a:pull", &token);
	assert_int_equal(check(ts, buf_str(&token), &who, NULL, 0), OK);
	for (size_t i = 0; i < token.n; i += 7) {
		char was = token.p[i];

		token.p[i] = was == 'A' ? 'B' : 'A';
		assert_int_equal(check(ts, buf_str(&token), &who, NULL, 0), E_TOKEN_INVALID);
		token.p[i] = was;
	}
	assert_int_equal(check(ts, str_first(buf_str(&token), token.n - 1), &who, NULL, 0), E_TOKEN_INVALID);
	buf_init(&longer, JWT_MAX + 10);
	buf_add(&longer, buf_str(&token));
	buf_addc(&longer, 'A');
	assert_int_equal(check(ts, buf_str(&longer), &who, NULL, 0), E_TOKEN_INVALID);
	while (longer.n <= JWT_MAX)
		buf_addc(&longer, 'A');
	assert_int_equal(check(ts, buf_str(&longer), &who, NULL, 0), E_TOKEN_INVALID);
	buf_release(&token);
	buf_release(&longer);
	token_signer_close(ts);
}

static void for_one_service(void **state)
{
	struct fixture *f = *state;
	struct token_signer *ts = signer_of(f);
	struct access_set wanted = {.count = 0};
	struct str allowed;
	struct buf token = BUF_INIT(JWT_MAX);
	struct identity ann, who;
	struct arena a;

	setup_ann(f, &ann);
	arena_init(&a, 65536);
	assert_ok(access_token_issue(ts, &ann, STR("other.box"), &wanted, &token, err));
	assert_rc(E_TOKEN_INVALID, access_token_check(ts, buf_str(&token), SERVICE, &a, &who, &allowed, err));
	assert_rc(E_TOKEN_INVALID, access_token_check(ts, buf_str(&token), SERVICE, &a, &who, &allowed, err));
	assert_ok(access_token_check(ts, buf_str(&token), STR("other.box"), &a, &who, &allowed, err));
	arena_release(&a);
	buf_release(&token);
	token_signer_close(ts);
}

/* A user who is disabled is out at once, though the token is in the cache. */
static void ends_with_its_user_and_key(void **state)
{
	struct fixture *f = *state;
	struct token_signer *ts = signer_of(f);
	char key[CREDENTIAL_TEXT_MAX];
	struct identity ann, robot, who;
	struct buf of_user, of_key;
	int64_t id;

	setup_ann(f, &ann);
	assert_ok(key_create(f->auth, STR("ann"), STR("ci"), NULL, 0, 0, key, &id, err));
	assert_int_equal(fixture_login(f, "ann", key, &robot), OK);
	issue(ts, &ann, "repository:a:pull", &of_user);
	issue(ts, &robot, "repository:a:pull", &of_key);
	assert_int_equal(check(ts, buf_str(&of_key), &who, NULL, 0), OK);
	assert_int_equal(who.key_id, id);
	assert_ok(key_revoke(f->auth, id, err));
	assert_int_equal(check(ts, buf_str(&of_key), &who, NULL, 0), E_TOKEN_INVALID);
	assert_int_equal(check(ts, buf_str(&of_user), &who, NULL, 0), OK);
	assert_ok(user_set_enabled(f->auth, STR("ann"), false, err));
	assert_int_equal(check(ts, buf_str(&of_user), &who, NULL, 0), E_TOKEN_INVALID);
	assert_ok(user_set_enabled(f->auth, STR("ann"), true, err));
	assert_int_equal(check(ts, buf_str(&of_user), &who, NULL, 0), E_TOKEN_INVALID);
	buf_release(&of_user);
	buf_release(&of_key);
	token_signer_close(ts);
}

static void the_key_narrows(void **state)
{
	static const struct grant_info limits[] = {{{"team/**", 7}, MAY_PULL}};
	struct fixture *f = *state;
	struct token_signer *ts = signer_of(f);
	char key[CREDENTIAL_TEXT_MAX], text[200];
	struct identity ann, robot, who;
	struct buf token;
	int64_t id;

	setup_ann(f, &ann);
	assert_ok(key_create(f->auth, STR("ann"), STR("ci"), limits, 1, 0, key, &id, err));
	assert_int_equal(fixture_login(f, "ann", key, &robot), OK);
	issue(ts, &robot, "repository:team/app:pull,push repository:other:pull", &token);
	assert_int_equal(check(ts, buf_str(&token), &who, text, sizeof(text)), OK);
	assert_string_equal(text, "repository:team/app:pull");
	buf_release(&token);
	token_signer_close(ts);
}

/* `count` names of that length, as a client could ask for them. */
static void want(struct access_set *wanted, size_t count, size_t length)
{
	static char names[ACCESS_MAX][256];

	*wanted = (struct access_set){.count = count};
	for (size_t i = 0; i < count; i++) {
		memset(names[i], 'n', length);
		names[i][0] = (char)('a' + i % 26);
		names[i][1] = (char)('a' + i / 26);
		wanted->items[i] = (struct access){
		    .name = {names[i], length}, .full = {names[i], length}, .actions = MAY_PULL | MAY_PUSH};
	}
}

/* All that was asked for, or a refusal: what would be left out in silence is what the client needs. */
static void fits_into_a_request_or_is_refused(void **state)
{
	struct fixture *f = *state;
	struct token_signer *ts = signer_of(f);
	struct access_set wanted;
	struct str allowed;
	struct buf token = BUF_INIT(JWT_MAX);
	struct identity ann, who;
	struct arena a;

	setup_ann(f, &ann);
	want(&wanted, 250, 12);
	assert_ok(access_token_issue(ts, &ann, SERVICE, &wanted, &token, err));
	assert_true(token.n < 13000);
	arena_init(&a, 65536);
	assert_ok(access_token_check(ts, buf_str(&token), SERVICE, &a, &who, &allowed, err));
	for (size_t i = 0; i < wanted.count; i++)
		assert_int_equal(scope_actions(allowed, wanted.items[i].full), MAY_PULL);
	arena_release(&a);
	arena_init(&a, 16);
	assert_rc(E_BUSY, access_token_check(ts, buf_str(&token), SERVICE, &a, &who, &allowed, err));
	arena_release(&a);
	buf_release(&token);

	want(&wanted, 64, 255);
	assert_rc(E_HTTP_BAD, access_token_issue(ts, &ann, SERVICE, &wanted, &token, err));
	assert_int_equal(token.n, 0);
	want(&wanted, ACCESS_MAX, 2);
	assert_rc(E_HTTP_BAD, access_token_issue(ts, &ann, SERVICE, &wanted, &token, err));
	buf_release(&token);
	token_signer_close(ts);
}

static void the_seed_is_kept(void **state)
{
	struct fixture *f = *state;
	struct token_signer *one = signer_of(f), *two = signer_of(f), *other;
	struct identity ann, who;
	struct stat st;
	struct buf token, jwks_one = BUF_INIT(1024), jwks_two = BUF_INIT(1024);
	int fd;

	setup_ann(f, &ann);
	assert_int_equal(fstatat(f->dirfd, "token.seed", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, 32);
	issue(one, &ann, "", &token);
	assert_int_equal(check(two, buf_str(&token), &who, NULL, 0), OK);
	token_signer_jwks(one, &jwks_one);
	token_signer_jwks(two, &jwks_two);
	assert_true(buf_ok(&jwks_one) && str_eq(buf_str(&jwks_one), buf_str(&jwks_two)));

	assert_int_equal(unlinkat(f->dirfd, "token.seed", 0), 0);
	other = signer_of(f);
	assert_int_equal(check(other, buf_str(&token), &who, NULL, 0), E_TOKEN_INVALID);
	token_signer_close(other);

	fd = openat(f->dirfd, "token.seed", O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_int_equal(write(fd, "short", 5), 5);
	close(fd);
	assert_rc(E_CORRUPT, token_signer_open(f->dirfd, f->auth, &other, err));
	buf_release(&token);
	buf_release(&jwks_one);
	buf_release(&jwks_two);
	token_signer_close(one);
	token_signer_close(two);
}

struct shared {
	struct token_signer *ts;
	struct buf tokens[8];
};

static void *check_often(void *ctx)
{
	struct shared *shared = ctx;
	struct str allowed;
	struct identity who;
	struct arena a;
	void *failed = NULL;

	arena_init(&a, 65536);
	for (int i = 0; i < 400 && !failed; i++) {
		if (access_token_check(
			shared->ts, buf_str(&shared->tokens[i % 8]), SERVICE, &a, &who, &allowed, NULL) ||
		    !str_eq(allowed, STR("repository:a:pull")))
			failed = shared;
		arena_reset(&a);
	}
	arena_release(&a);
	return failed;
}

static void threads(void **state)
{
	struct fixture *f = *state;
	struct shared shared = {.ts = signer_of(f)};
	struct identity ann;
	pthread_t ids[4];
	void *failed;

	setup_ann(f, &ann);
	for (int i = 0; i < 8; i++)
		issue(shared.ts, &ann, "repository:a:pull", &shared.tokens[i]);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&ids[i], NULL, check_often, &shared), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(ids[i], &failed);
		assert_null(failed);
	}
	for (int i = 0; i < 8; i++)
		buf_release(&shared.tokens[i]);
	token_signer_close(shared.ts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    fixture_test(cut_down_to_what_one_may),
	    fixture_test(says_what_the_specification_asks),
	    fixture_test(times),
	    fixture_test(what_is_no_token),
	    fixture_test(for_one_service),
	    fixture_test(ends_with_its_user_and_key),
	    fixture_test(the_key_narrows),
	    fixture_test(fits_into_a_request_or_is_refused),
	    fixture_test(the_seed_is_kept),
	    fixture_test(threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
