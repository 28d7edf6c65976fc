/* SHA-256 and SHA-224 of mbedTLS: the hook (nettle) and mbedTLS's own code give the same answers, which are FIPS 180's.
 */
#include "crypto_test.h"
#include "mbedtls/md.h"
#include "mbedtls/sha256.h"
#include "accel/stock.h"

#define TWO_BLOCKS "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"

/* FIPS 180-2 B.1, B.2, and SHA-224's of its change notice */
static const struct vector {
	const char *text;
	int is224;
	const char *digest;
} vectors[] = {
    {"", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", 0, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {TWO_BLOCKS, 0, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {"", 1, "d14a028c2a3a2bc9476102bb288234c415a2b01f828ea62ac5b3e42f"},
    {"abc", 1, "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"},
    {TWO_BLOCKS, 1, "75388b16512776cc5dba5da1fd890150b0c6455cb4f58b1952522525"},
};

static void known_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(vectors); i++) {
		const struct vector *v = &vectors[i];
		const uint8_t *text = (const uint8_t *)v->text;
		uint8_t expected[32], out[32];
		size_t n = unhex(expected, v->digest);

		assert_int_equal(mbedtls_sha256(text, strlen(v->text), out, v->is224), 0);
		assert_memory_equal(out, expected, n);
		assert_int_equal(stock_sha256(text, strlen(v->text), out, v->is224), 0);
		assert_memory_equal(out, expected, n);
	}
	assert_int_equal(mbedtls_sha256_self_test(0), 0);
	assert_int_equal(mbedtls_sha224_self_test(0), 0);
}

static void lengths_and_splits(void **state)
{
	uint8_t text[320], a[32], b[32], c[32];

	(void)state;
	fill(text, sizeof(text), 7);
	for (size_t n = 0; n <= 300; n++) {
		mbedtls_sha256_context ctx;
		int is224 = n % 2;
		size_t size = is224 ? 28 : 32, cut = n * 5 % (n + 1), off = n % 16;

		assert_int_equal(stock_sha256(text + off, n, a, is224), 0);
		assert_int_equal(mbedtls_sha256(text + off, n, b, is224), 0);
		assert_memory_equal(a, b, size);
		mbedtls_sha256_init(&ctx);
		assert_int_equal(mbedtls_sha256_starts(&ctx, is224), 0);
		assert_int_equal(mbedtls_sha256_update(&ctx, text + off, cut), 0);
		assert_int_equal(mbedtls_sha256_update(&ctx, NULL, 0), 0);
		assert_int_equal(mbedtls_sha256_update(&ctx, text + off + cut, n - cut), 0);
		assert_int_equal(mbedtls_sha256_finish(&ctx, c), 0);
		assert_memory_equal(a, c, size);
		mbedtls_sha256_free(&ctx);
	}
}

/* TLS forks the running hash of its transcript at each use. */
static void clones(void **state)
{
	uint8_t text[200], whole[32], part[32], out[32];
	mbedtls_sha256_context one, two;

	(void)state;
	fill(text, sizeof(text), 9);
	assert_int_equal(stock_sha256(text, 200, whole, 0), 0);
	assert_int_equal(stock_sha256(text, 77, part, 0), 0);
	mbedtls_sha256_init(&one);
	mbedtls_sha256_init(&two);
	assert_int_equal(mbedtls_sha256_starts(&one, 0), 0);
	assert_int_equal(mbedtls_sha256_update(&one, text, 77), 0);
	mbedtls_sha256_clone(&two, &one);
	assert_int_equal(mbedtls_sha256_finish(&two, out), 0);
	assert_memory_equal(out, part, 32);
	assert_int_equal(mbedtls_sha256_update(&one, text + 77, 123), 0);
	assert_int_equal(mbedtls_sha256_finish(&one, out), 0);
	assert_memory_equal(out, whole, 32);
	assert_true(all_zero((const uint8_t *)&one, sizeof(one)));
	mbedtls_sha256_free(&one);
	mbedtls_sha256_free(&two);
	mbedtls_sha256_free(NULL);
}

static void bad_input(void **state)
{
	mbedtls_sha256_context ctx;
	uint8_t out[32];

	(void)state;
	mbedtls_sha256_init(&ctx);
	assert_int_equal(mbedtls_sha256_starts(&ctx, 2), MBEDTLS_ERR_SHA256_BAD_INPUT_DATA);
	assert_int_equal(mbedtls_sha256(out, 0, out, 2), MBEDTLS_ERR_SHA256_BAD_INPUT_DATA);
}

/* One block without padding: FIPS 180-4's H(0) and the padded "abc" give the digest as the state. */
static void one_block(void **state)
{
	mbedtls_sha256_context ctx;
	uint8_t block[64] = {'a', 'b', 'c', 0x80}, expected[32];
	uint32_t words[8];

	(void)state;
	block[63] = 24; /* bits */
	unhex(expected, vectors[1].digest);
	mbedtls_sha256_init(&ctx);
	assert_int_equal(mbedtls_sha256_starts(&ctx, 0), 0);
	assert_int_equal(mbedtls_internal_sha256_process(&ctx, block), 0);
	memcpy(words, ctx.state, sizeof(words));
	for (size_t i = 0; i < 8; i++) {
		const uint8_t *e = expected + 4 * i;

		assert_int_equal(
		    words[i], (uint32_t)e[0] << 24 | (uint32_t)e[1] << 16 | (uint32_t)e[2] << 8 | (uint32_t)e[3]);
	}
	mbedtls_sha256_free(&ctx);
}

/* RFC 4231 §4.3 through mbedTLS's HMAC, as HKDF and TLS 1.2 use it */
static void hmac(void **state)
{
	uint8_t expected[32], out[32];

	(void)state;
	unhex(expected, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	assert_int_equal(mbedtls_md_hmac(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), (const uint8_t *)"Jefe", 4,
			     (const uint8_t *)"what do ya want for nothing?", 28, out),
	    0);
	assert_memory_equal(out, expected, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(known_answers),
	    cmocka_unit_test(lengths_and_splits),
	    cmocka_unit_test(clones),
	    cmocka_unit_test(bad_input),
	    cmocka_unit_test(one_block),
	    cmocka_unit_test(hmac),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
