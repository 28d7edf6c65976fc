/* ChaCha20-Poly1305: the hook (libsodium or nettle) and mbedTLS's own code give the same answers, which are RFC 8439's.
 */
#include "crypto_test.h"
#include "mbedtls/chachapoly.h"
#include "accel/stock.h"
#include <stdlib.h>

struct message {
	const uint8_t *key, *nonce, *ad, *in, *tag;
	size_t ad_size, size;
};

static int fast_seal(const struct message *m, uint8_t *out, uint8_t *tag)
{
	mbedtls_chachapoly_context c;
	int ret;

	mbedtls_chachapoly_init(&c);
	assert_int_equal(mbedtls_chachapoly_setkey(&c, m->key), 0);
	ret = mbedtls_chachapoly_encrypt_and_tag(&c, m->size, m->nonce, m->ad, m->ad_size, m->in, out, tag);
	mbedtls_chachapoly_free(&c);
	return ret;
}

static int fast_open(const struct message *m, uint8_t *out)
{
	mbedtls_chachapoly_context c;
	int ret;

	mbedtls_chachapoly_init(&c);
	assert_int_equal(mbedtls_chachapoly_setkey(&c, m->key), 0);
	ret = mbedtls_chachapoly_auth_decrypt(&c, m->size, m->nonce, m->ad, m->ad_size, m->tag, m->in, out);
	mbedtls_chachapoly_free(&c);
	return ret;
}

static struct stock_chachapoly *stock_new(const struct message *m)
{
	struct stock_chachapoly *c = calloc(1, stock_chachapoly_size);

	assert_non_null(c);
	stock_chachapoly_init(c);
	assert_int_equal(stock_chachapoly_setkey(c, m->key), 0);
	return c;
}

static int stock_seal(const struct message *m, uint8_t *out, uint8_t *tag)
{
	struct stock_chachapoly *c = stock_new(m);
	int ret = stock_chachapoly_encrypt_and_tag(c, m->size, m->nonce, m->ad, m->ad_size, m->in, out, tag);

	stock_chachapoly_free(c);
	free(c);
	return ret;
}

static int stock_open(const struct message *m, uint8_t *out)
{
	struct stock_chachapoly *c = stock_new(m);
	int ret = stock_chachapoly_auth_decrypt(c, m->size, m->nonce, m->ad, m->ad_size, m->tag, m->in, out);

	stock_chachapoly_free(c);
	free(c);
	return ret;
}

static const struct engine {
	int (*seal)(const struct message *, uint8_t *out, uint8_t *tag);
	int (*open)(const struct message *, uint8_t *out);
} engines[] = {{fast_seal, fast_open}, {stock_seal, stock_open}};

/* RFC 8439 §2.8.2 */
static void known_answers(void **state)
{
	static const char plain[] = "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for "
				    "the future, sunscreen would be it.";
	uint8_t key[32], nonce[12], ad[12], sealed[114], tag[16], out[114], out_tag[16];
	struct message m = {.key = key, .nonce = nonce, .ad = ad, .tag = tag, .ad_size = 12, .size = 114};

	(void)state;
	unhex(key, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
	unhex(nonce, "070000004041424344454647");
	unhex(ad, "50515253c0c1c2c3c4c5c6c7");
	unhex(sealed, "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b"
		      "1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
		      "3ff4def08e4b7a9de576d26586cec64b6116");
	unhex(tag, "1ae10b594f09e26a7e902ecbd0600691");
	for (size_t e = 0; e < COUNT(engines); e++) {
		m.in = (const uint8_t *)plain;
		assert_int_equal(engines[e].seal(&m, out, out_tag), 0);
		assert_memory_equal(out, sealed, sizeof(sealed));
		assert_memory_equal(out_tag, tag, sizeof(tag));
		m.in = sealed;
		assert_int_equal(engines[e].open(&m, out), 0);
		assert_memory_equal(out, plain, sizeof(out));
		m.in = out; /* in place, both ways */
		assert_int_equal(engines[e].seal(&m, out, out_tag), 0);
		assert_memory_equal(out, sealed, sizeof(sealed));
		assert_int_equal(engines[e].open(&m, out), 0);
		assert_memory_equal(out, plain, sizeof(out));
	}
	assert_int_equal(mbedtls_chachapoly_self_test(0), 0);
}

/* beyond 512 bytes: eight blocks at once */
#define LENGTH_MOST 700

static uint8_t key[32], nonce[12], ad[64], text[LENGTH_MOST + 16], a[LENGTH_MOST + 16], b[LENGTH_MOST + 16];

static struct message message_of(size_t ad_size, size_t size)
{
	fill(key, sizeof(key), 1 + (uint32_t)size);
	fill(nonce, sizeof(nonce), 2 + (uint32_t)size);
	fill(ad, sizeof(ad), 3 + (uint32_t)ad_size);
	fill(text, sizeof(text), 4 + (uint32_t)size);
	return (struct message){.key = key, .nonce = nonce, .ad = ad + 1, .ad_size = ad_size, .in = text, .size = size};
}

static void lengths_and_alignments(void **state)
{
	static const size_t ad_sizes[] = {0, 1, 5, 12, 13, 15, 16, 17, 31, 33};
	uint8_t tag_a[16], tag_b[16];

	(void)state;
	for (size_t n = 0; n <= LENGTH_MOST; n++) {
		struct message m = message_of(ad_sizes[n % COUNT(ad_sizes)], n);
		size_t off = n % 16;

		m.in = text + off;
		assert_int_equal(fast_seal(&m, a + (off * 7) % 16, tag_a), 0);
		assert_int_equal(stock_seal(&m, b, tag_b), 0);
		assert_memory_equal(a + (off * 7) % 16, b, n);
		assert_memory_equal(tag_a, tag_b, 16);
		m.in = b;
		m.tag = tag_b;
		assert_int_equal(fast_open(&m, b), 0);
		assert_memory_equal(b, text + off, n);
	}
}

static void wrong_tags(void **state)
{
	(void)state;
	for (size_t e = 0; e < COUNT(engines); e++) {
		struct message m = message_of(13, 100);
		uint8_t tag[16];

		assert_int_equal(engines[e].seal(&m, a, tag), 0);
		m.in = a;
		m.tag = tag;
		for (unsigned bit = 0; bit < 128; bit++) {
			tag[bit / 8] ^= (uint8_t)(1 << bit % 8);
			memset(b, 0xff, sizeof(b));
			assert_int_equal(engines[e].open(&m, b), MBEDTLS_ERR_CHACHAPOLY_AUTH_FAILED);
			assert_true(all_zero(b, m.size));
			assert_int_equal(b[m.size], 0xff);
			tag[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		tag[0] ^= 1;
		assert_int_equal(engines[e].open(&m, a), MBEDTLS_ERR_CHACHAPOLY_AUTH_FAILED);
		assert_true(all_zero(a, m.size)); /* in place */
	}
}

/* The text, the additional data and the nonce are all under the tag. */
static void tampering(void **state)
{
	struct message m = message_of(13, 100);
	uint8_t tag[16], *parts[] = {a + 99, ad + 1, nonce};

	(void)state;
	assert_int_equal(fast_seal(&m, a, tag), 0);
	m.in = a;
	m.tag = tag;
	for (size_t i = 0; i < COUNT(parts); i++) {
		*parts[i] ^= 0x80;
		assert_int_equal(fast_open(&m, b), MBEDTLS_ERR_CHACHAPOLY_AUTH_FAILED);
		*parts[i] ^= 0x80;
	}
	assert_int_equal(fast_open(&m, b), 0);
	m.ad_size--;
	assert_int_equal(fast_open(&m, b), MBEDTLS_ERR_CHACHAPOLY_AUTH_FAILED);
}

static void in_parts(void **state)
{
	uint8_t tag_a[16], tag_b[16];

	(void)state;
	for (size_t step = 1; step < 80; step++) {
		struct message m = message_of(33, 257);
		mbedtls_chachapoly_context c;
		size_t n;

		mbedtls_chachapoly_init(&c);
		assert_int_equal(mbedtls_chachapoly_setkey(&c, m.key), 0);
		assert_int_equal(mbedtls_chachapoly_starts(&c, m.nonce, MBEDTLS_CHACHAPOLY_ENCRYPT), 0);
		assert_int_equal(mbedtls_chachapoly_update_aad(&c, m.ad, m.ad_size), 0);
		for (size_t at = 0; at < m.size; at += n) {
			n = m.size - at < step ? m.size - at : step;
			assert_int_equal(mbedtls_chachapoly_update(&c, n, m.in + at, b + at), 0);
		}
		assert_int_equal(mbedtls_chachapoly_finish(&c, tag_b), 0);
		mbedtls_chachapoly_free(&c);
		assert_int_equal(fast_seal(&m, a, tag_a), 0);
		assert_memory_equal(a, b, m.size);
		assert_memory_equal(tag_a, tag_b, 16);
	}
}

static void states_and_keys(void **state)
{
	struct message m = message_of(5, 64);
	mbedtls_chachapoly_context c;
	uint8_t tag_a[16], tag_b[16];

	(void)state;
	mbedtls_chachapoly_init(&c);
	assert_int_equal(mbedtls_chachapoly_setkey(&c, text), 0);
	assert_int_equal(mbedtls_chachapoly_update_aad(&c, ad, 5), MBEDTLS_ERR_CHACHAPOLY_BAD_STATE);
	assert_int_equal(mbedtls_chachapoly_update(&c, 5, text, a), MBEDTLS_ERR_CHACHAPOLY_BAD_STATE);
	assert_int_equal(mbedtls_chachapoly_finish(&c, tag_a), MBEDTLS_ERR_CHACHAPOLY_BAD_STATE);
	/* another key in the middle of a message */
	assert_int_equal(mbedtls_chachapoly_starts(&c, nonce, MBEDTLS_CHACHAPOLY_ENCRYPT), 0);
	assert_int_equal(mbedtls_chachapoly_setkey(&c, key), 0);
	assert_int_equal(mbedtls_chachapoly_update(&c, 5, text, a), MBEDTLS_ERR_CHACHAPOLY_BAD_STATE);
	assert_int_equal(mbedtls_chachapoly_encrypt_and_tag(&c, m.size, m.nonce, m.ad, m.ad_size, m.in, a, tag_a), 0);
	assert_int_equal(stock_seal(&m, b, tag_b), 0);
	assert_memory_equal(a, b, m.size);
	assert_memory_equal(tag_a, tag_b, 16);
	mbedtls_chachapoly_free(&c);
	assert_true(all_zero(c.key, sizeof(c.key)));
	mbedtls_chachapoly_free(&c);
	mbedtls_chachapoly_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(known_answers),
	    cmocka_unit_test(lengths_and_alignments),
	    cmocka_unit_test(wrong_tags),
	    cmocka_unit_test(tampering),
	    cmocka_unit_test(in_parts),
	    cmocka_unit_test(states_and_keys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
