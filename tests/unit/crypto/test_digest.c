#include "crypto_test.h"
#include <cove/crypto/digest.h>

static char million[1000000];

/* FIPS 180-2 B and C */
static const struct vector {
	enum digest_algorithm algorithm;
	struct str text;
	const char *expected;
} vectors[] = {
    {DIGEST_SHA256, {"", 0}, "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {DIGEST_SHA256, {"abc", 3}, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {DIGEST_SHA256, {million, 1000000}, "sha256:cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
    {DIGEST_SHA512, {"", 0},
	"sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
	"47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"},
    {DIGEST_SHA512, {"abc", 3},
	"sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
	"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
    {DIGEST_SHA512, {million, 1000000},
	"sha512:e718483d0ce769644e2e42c7bc15b4638e1f98b13b2044285632a803afa973eb"
	"de0ff244877ea60a4cb0432ce577c31beb009c5c2c49aa2e4eadb217ad8cc09b"},
};

static void known_answers(void **state)
{
	(void)state;
	memset(million, 'a', sizeof(million));
	for (size_t i = 0; i < COUNT(vectors); i++) {
		const struct vector *v = &vectors[i];
		char text[DIGEST_TEXT_MAX], hex[129];
		struct digest d, parsed;

		digest_of(&d, v->algorithm, v->text);
		digest_text(text, &d);
		assert_string_equal(text, v->expected);
		digest_hex(hex, &d);
		assert_string_equal(hex, v->expected + 7);
		assert_int_equal(digest_parse(str_of(text), &parsed, NULL), OK);
		assert_true(digest_eq(&d, &parsed));
		assert_memory_equal(d.bytes, parsed.bytes, sizeof(d.bytes));
		assert_int_equal(digest_size(d.algorithm) * 2, strlen(hex));
	}
}

static void running_and_forked(void **state)
{
	(void)state;
	memset(million, 'a', sizeof(million));
	for (size_t i = 0; i < COUNT(vectors); i++) {
		const struct vector *v = &vectors[i];
		struct hasher h, fork;
		struct digest whole, other;
		char text[DIGEST_TEXT_MAX];
		size_t n;

		hasher_init(&h, v->algorithm);
		for (size_t at = 0; at < v->text.n; at += n) {
			n = at % 1999 + 1 < v->text.n - at ? at % 1999 + 1 : v->text.n - at;
			hasher_add(&h, v->text.p + at, n);
			hasher_add(&h, NULL, 0);
		}
		fork = h;
		hasher_add(&fork, "x", 1);
		hasher_end(&fork, &other);
		hasher_end(&h, &whole);
		digest_text(text, &whole);
		assert_string_equal(text, v->expected);
		assert_false(digest_eq(&whole, &other));
		hasher_init(&h, v->algorithm);
		hasher_add(&h, v->text.p, v->text.n);
		hasher_end(&h, &other);
		assert_true(digest_eq(&whole, &other));
	}
}

#define HEX64 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void refusals(void **state)
{
	static const char *const bad[] = {"", ":", "sha256", "sha256:", HEX64, ":" HEX64, "sha256-" HEX64,
	    "sha1:" HEX64, "SHA256:" HEX64, "sha256 :" HEX64, " sha256:" HEX64, "sha256:" HEX64 "0",
	    "sha256:" HEX64 HEX64, "sha512:" HEX64, "sha512:" HEX64 HEX64 "00", "sha256:" HEX64 " ", "sha256::" HEX64,
	    "sha256+b64:" HEX64, "sha256:BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	    "sha256:ga7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	    "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a", "sha256:../../../../etc/passwd"};
	struct digest d;
	struct err err;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		memset(&d, 0x55, sizeof(d));
		err = (struct err){0};
		assert_int_equal(digest_parse(str_of(bad[i]), &d, &err), E_DIGEST_INVALID);
		assert_int_equal(err.rc, E_DIGEST_INVALID);
		assert_int_equal(d.bytes[0], 0x55); /* untouched */
	}
	/* a NUL byte where a digit should be */
	char nul[] = "sha256:" HEX64;
	nul[20] = '\0';
	assert_int_equal(digest_parse((struct str){nul, sizeof(nul) - 1}, &d, NULL), E_DIGEST_INVALID);
	assert_int_equal(digest_parse(STR_NONE, &d, NULL), E_DIGEST_INVALID);
}

static void algorithms(void **state)
{
	enum digest_algorithm a;

	(void)state;
	assert_int_equal(digest_algorithm_parse(STR("sha256"), &a, NULL), OK);
	assert_int_equal(a, DIGEST_SHA256);
	assert_int_equal(digest_algorithm_parse(STR("sha512"), &a, NULL), OK);
	assert_int_equal(a, DIGEST_SHA512);
	assert_string_equal(digest_algorithm_name(a), "sha512");
	assert_int_equal(digest_algorithm_parse(STR("sha384"), &a, NULL), E_DIGEST_INVALID);
	assert_int_equal(digest_algorithm_parse(STR(""), &a, NULL), E_DIGEST_INVALID);
}

static void inequality(void **state)
{
	struct digest a, b;

	(void)state;
	digest_of(&a, DIGEST_SHA256, STR("a"));
	b = a;
	assert_true(digest_eq(&a, &b));
	b.bytes[31] ^= 1;
	assert_false(digest_eq(&a, &b));
	b = a;
	b.algorithm = DIGEST_SHA512;
	assert_false(digest_eq(&a, &b));
}

/* RFC 4231 §4 */
static void hmac(void **state)
{
	static const struct {
		const char *key, *message, *mac;
	} cases[] = {
	    {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
		"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
	    {"4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
		"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
	    {"0102030405060708090a0b0c0d0e0f10111213141516171819",
		"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
		"82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
	};
	uint8_t key[131], message[160], mac[32], expected[32];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t k = unhex(key, cases[i].key), n = unhex(message, cases[i].message);

		unhex(expected, cases[i].mac);
		hmac_sha256(mac, (struct str){(char *)key, k}, (struct str){(char *)message, n});
		assert_memory_equal(mac, expected, 32);
	}
	/* a key longer than a block is hashed first */
	memset(key, 0xaa, sizeof(key));
	unhex(expected, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	hmac_sha256(mac, (struct str){(char *)key, 131}, STR("Test Using Larger Than Block-Size Key - Hash Key First"));
	assert_memory_equal(mac, expected, 32);
	/* nothing under nothing */
	unhex(expected, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
	hmac_sha256(mac, STR_NONE, STR_NONE);
	assert_memory_equal(mac, expected, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(known_answers),
	    cmocka_unit_test(running_and_forked),
	    cmocka_unit_test(refusals),
	    cmocka_unit_test(algorithms),
	    cmocka_unit_test(inequality),
	    cmocka_unit_test(hmac),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
