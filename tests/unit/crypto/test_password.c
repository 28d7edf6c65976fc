#include "crypto_test.h"
#include <cove/crypto/password.h>

/* far below what is ever stored: the tests ask about answers, not about cost */
static const struct password_cost cheap = {.passes = 1, .memory_bytes = 8192};

static struct secret secret_of(const char *text)
{
	struct secret s;

	assert_true(secret_set(&s, str_of(text)));
	return s;
}

static void round_trip(void **state)
{
	static const char *const words[] = {
	    "", "x", "correct horse battery staple", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\x8b"};
	struct secret wrong = secret_of("Correct horse battery staple");

	(void)state;
	for (size_t i = 0; i < COUNT(words); i++) {
		struct secret s = secret_of(words[i]);
		char stored[PASSWORD_HASH_MAX], again[PASSWORD_HASH_MAX];

		assert_int_equal(password_hash(stored, &s, cheap, NULL), OK);
		assert_true(str_starts(str_of(stored), STR("$argon2id$v=19$m=8,t=1,p=1$")));
		assert_int_equal(password_check(stored, &s, NULL), OK);
		assert_int_equal(password_check(stored, &wrong, NULL), E_BAD_PASSWORD);
		assert_int_equal(password_hash(again, &s, cheap, NULL), OK);
		assert_string_not_equal(stored, again); /* another salt */
	}
}

/* Every byte counts, up to the longest secret. */
static void long_passwords(void **state)
{
	char stored[PASSWORD_HASH_MAX], text[SECRET_MAX];
	struct secret s;

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_true(secret_set(&s, (struct str){text, sizeof(text)}));
	assert_int_equal(password_hash(stored, &s, cheap, NULL), OK);
	assert_int_equal(password_check(stored, &s, NULL), OK);
	s.p[SECRET_MAX - 1] = 'y';
	assert_int_equal(password_check(stored, &s, NULL), E_BAD_PASSWORD);
}

/* A string made elsewhere: "password" by the reference implementation's command (-id -t 2 -k 256 -p 1, salt
 * "somesalt"), as in its own tests. */
static void known_answer(void **state)
{
	struct secret s = secret_of("password"), wrong = secret_of("passwore");
	const char *stored = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";

	(void)state;
	assert_int_equal(password_check(stored, &s, NULL), OK);
	assert_int_equal(password_check(stored, &wrong, NULL), E_BAD_PASSWORD);
}

static void damaged(void **state)
{
	static const char *const bad[] = {"", "x", "$", "$argon2id$", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ",
	    "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4 ",
	    "$argon2id$v=18$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
	    "$argon2id$v=19$m=,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
	    "$2y$10$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234",
	    "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/"
	    "4aaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	struct secret s = secret_of("password");
	struct err err = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(password_check(bad[i], &s, &err), E_CORRUPT);
		assert_true(password_wants_rehash(bad[i], cheap));
	}
	assert_null(strstr(err.text, "password1"));
}

static void rehash(void **state)
{
	struct secret s = secret_of("password");
	char stored[PASSWORD_HASH_MAX];

	(void)state;
	assert_int_equal(password_hash(stored, &s, cheap, NULL), OK);
	assert_false(password_wants_rehash(stored, cheap));
	assert_true(password_wants_rehash(stored, (struct password_cost){2, 8192}));
	assert_true(password_wants_rehash(stored, (struct password_cost){1, 16384}));
}

static void cost(void **state)
{
	struct password_cost c = password_cost_for_machine();
	struct secret s = secret_of("password");

	(void)state;
	assert_in_range(c.memory_bytes, 19 << 20, 64 << 20);
	assert_int_equal(c.memory_bytes % (1 << 20), 0);
	assert_in_range(c.passes, 2, 3);
	password_check_nobody(&s, cheap);
}

/* To try it would end the process where memory is short: 4 TiB are nowhere there. */
static void a_hash_that_does_not_fit(void **state)
{
	struct secret s = secret_of("password");
	const char *stored =
	    "$argon2id$v=19$m=4294967295,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
	struct err err;

	(void)state;
	assert_int_equal(password_check(stored, &s, &err), E_BUSY);
	assert_non_null(strstr(err.text, "cove user passwd"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(round_trip),
	    cmocka_unit_test(long_passwords),
	    cmocka_unit_test(known_answer),
	    cmocka_unit_test(a_hash_that_does_not_fit),
	    cmocka_unit_test(damaged),
	    cmocka_unit_test(rehash),
	    cmocka_unit_test(cost),
	};
	crypto_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
