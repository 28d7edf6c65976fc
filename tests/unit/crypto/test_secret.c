#include "crypto_test.h"
#include <cove/crypto/digest.h>
#include <cove/crypto/secret.h>

static void setting(void **state)
{
	struct secret s;
	char text[SECRET_MAX + 1];

	(void)state;
	memset(text, 'x', sizeof(text));
	memset(&s, 0x55, sizeof(s));
	assert_true(secret_set(&s, STR("swordfish")));
	assert_string_equal(s.p, "swordfish");
	assert_true(str_eq(secret_str(&s), STR("swordfish")));
	assert_true(secret_set(&s, (struct str){text, SECRET_MAX}));
	assert_int_equal(strlen(s.p), SECRET_MAX);
	assert_false(secret_set(&s, (struct str){text, SECRET_MAX + 1}));
	assert_false(secret_set(&s, (struct str){"a\0b", 3}));
	assert_true(secret_set(&s, STR_NONE));
	assert_int_equal(s.n, 0);
	assert_true(all_zero((const uint8_t *)s.p, sizeof(s.p))); /* nothing of the longer one before is left */
	assert_true(secret_set(&s, STR("swordfish")));
	secret_wipe(&s);
	assert_true(all_zero((const uint8_t *)&s, sizeof(s)));
}

static void comparing(void **state)
{
	(void)state;
	assert_true(bytes_eq("abcd", "abcd", 4));
	assert_true(bytes_eq("abcd", "abce", 3));
	assert_false(bytes_eq("abcd", "abce", 4));
	assert_false(bytes_eq("xbcd", "abcd", 4));
	assert_true(bytes_eq("", "", 0));
}

static void credentials(void **state)
{
	static const char *const prefixes[] = {"cove_k_", "cove_r_", "", "twelve_chars"};
	char text[CREDENTIAL_TEXT_MAX], other[CREDENTIAL_TEXT_MAX];
	uint8_t made[CREDENTIAL_HASH_SIZE], hash[CREDENTIAL_HASH_SIZE], other_hash[CREDENTIAL_HASH_SIZE];
	struct digest d;

	(void)state;
	for (size_t i = 0; i < COUNT(prefixes); i++) {
		credential_make(prefixes[i], text, made);
		assert_int_equal(strlen(text), strlen(prefixes[i]) + 43 + 6);
		assert_true(str_starts(str_of(text), str_of(prefixes[i])));
		assert_true(credential_hash(prefixes[i], str_of(text), hash));
		assert_memory_equal(made, hash, sizeof(hash));
		digest_of(&d, DIGEST_SHA256, str_of(text));
		assert_memory_equal(d.bytes, hash, sizeof(hash));
		credential_make(prefixes[i], other, other_hash);
		assert_string_not_equal(text, other);
		assert_memory_not_equal(made, other_hash, sizeof(hash));
	}
}

static void credential_typos(void **state)
{
	char text[CREDENTIAL_TEXT_MAX + 1];
	uint8_t hash[CREDENTIAL_HASH_SIZE];
	size_t n;

	(void)state;
	credential_make("cove_k_", text, hash);
	n = strlen(text);
	for (size_t i = 0; i < n; i++) {
		char right = text[i];

		text[i] = right == 'A' ? 'B' : 'A';
		assert_false(credential_hash("cove_k_", (struct str){text, n}, hash));
		text[i] = right;
	}
	assert_true(credential_hash("cove_k_", (struct str){text, n}, hash));
	assert_false(credential_hash("cove_r_", (struct str){text, n}, hash));
	assert_false(credential_hash("cove_k_", (struct str){text, n - 1}, hash));
	text[n] = 'A';
	assert_false(credential_hash("cove_k_", (struct str){text, n + 1}, hash));
	assert_false(credential_hash("cove_k_", STR("cove_k_"), hash));
	assert_false(credential_hash("cove_k_", STR_NONE, hash));
}

static void passwords(void **state)
{
	char a[PASSWORD_TEXT_MAX], b[PASSWORD_TEXT_MAX];

	(void)state;
	for (int round = 0; round < 100; round++) {
		password_make(a);
		assert_int_equal(strlen(a), 24);
		for (size_t i = 0; i < 24; i++) {
			if (i % 5 == 4)
				assert_int_equal(a[i], '-');
			else
				assert_non_null(strchr("23456789abcdefghijkmnpqrstuvwxyz", a[i]));
		}
	}
	password_make(b);
	assert_string_not_equal(a, b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(setting),
	    cmocka_unit_test(comparing),
	    cmocka_unit_test(credentials),
	    cmocka_unit_test(credential_typos),
	    cmocka_unit_test(passwords),
	};
	crypto_start();
	crypto_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
