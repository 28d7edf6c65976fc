/* AES-GCM: the hook (nettle, libsodium) and mbedTLS's own code give the same answers, which are the specification's. */
#include "crypto_test.h"
#include "mbedtls/cipher.h"
#include "mbedtls/gcm.h"
#include "accel/stock.h"
#include <cove/crypto/secret.h>
#include <sodium.h>
#include <stdlib.h>

struct message {
	unsigned key_bits;
	const uint8_t *key, *iv, *ad, *in, *tag;
	size_t iv_size, ad_size, size, tag_size;
};

/* A context that has met a large message, and so is nettle's or libsodium's where they can serve; or one that has not.
 */
static void context_of(mbedtls_gcm_context *c, const struct message *m, bool large_first)
{
	static uint8_t large[8192];
	uint8_t tag[16], nonce[12] = {0};

	mbedtls_gcm_init(c);
	assert_int_equal(mbedtls_gcm_setkey(c, MBEDTLS_CIPHER_ID_AES, m->key, m->key_bits), 0);
	if (large_first)
		assert_int_equal(mbedtls_gcm_crypt_and_tag(
				     c, MBEDTLS_GCM_ENCRYPT, sizeof(large), nonce, 12, NULL, 0, large, large, 16, tag),
		    0);
}

static int alt_seal(const struct message *m, uint8_t *out, uint8_t *tag, bool large_first)
{
	mbedtls_gcm_context c;
	int ret;

	context_of(&c, m, large_first);
	ret = mbedtls_gcm_crypt_and_tag(
	    &c, MBEDTLS_GCM_ENCRYPT, m->size, m->iv, m->iv_size, m->ad, m->ad_size, m->in, out, m->tag_size, tag);
	mbedtls_gcm_free(&c);
	return ret;
}

static int alt_open(const struct message *m, uint8_t *out, bool large_first)
{
	mbedtls_gcm_context c;
	int ret;

	context_of(&c, m, large_first);
	ret = mbedtls_gcm_auth_decrypt(
	    &c, m->size, m->iv, m->iv_size, m->ad, m->ad_size, m->tag, m->tag_size, m->in, out);
	mbedtls_gcm_free(&c);
	return ret;
}

static int fast_seal(const struct message *m, uint8_t *out, uint8_t *tag)
{
	return alt_seal(m, out, tag, true);
}

static int fast_open(const struct message *m, uint8_t *out)
{
	return alt_open(m, out, true);
}

static int small_seal(const struct message *m, uint8_t *out, uint8_t *tag)
{
	return alt_seal(m, out, tag, false);
}

static int small_open(const struct message *m, uint8_t *out)
{
	return alt_open(m, out, false);
}

static struct stock_gcm *stock_new(const struct message *m)
{
	struct stock_gcm *c = calloc(1, stock_gcm_size);

	assert_non_null(c);
	stock_gcm_init(c);
	assert_int_equal(stock_gcm_setkey(c, MBEDTLS_CIPHER_ID_AES, m->key, m->key_bits), 0);
	return c;
}

static int stock_seal(const struct message *m, uint8_t *out, uint8_t *tag)
{
	struct stock_gcm *c = stock_new(m);
	int ret = stock_gcm_crypt_and_tag(
	    c, MBEDTLS_GCM_ENCRYPT, m->size, m->iv, m->iv_size, m->ad, m->ad_size, m->in, out, m->tag_size, tag);

	stock_gcm_free(c);
	free(c);
	return ret;
}

static int stock_open(const struct message *m, uint8_t *out)
{
	struct stock_gcm *c = stock_new(m);
	int ret =
	    stock_gcm_auth_decrypt(c, m->size, m->iv, m->iv_size, m->ad, m->ad_size, m->tag, m->tag_size, m->in, out);

	stock_gcm_free(c);
	free(c);
	return ret;
}

static const struct engine {
	int (*seal)(const struct message *, uint8_t *out, uint8_t *tag);
	int (*open)(const struct message *, uint8_t *out);
} engines[] = {{fast_seal, fast_open}, {small_seal, small_open}, {stock_seal, stock_open}};

#define K128 "feffe9928665731c6d6a8f9467308308"
#define TEXT60                                                                                                         \
	"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0d" \
	"e657ba637b39"
#define AD20 "feedfacedeadbeeffeedfacedeadbeefabaddad2"
#define IV12 "cafebabefacedbaddecaf888"
#define IV60                                                                                                           \
	"9313225df88406e555909c5aff5269aa6a7a9538534f7da1e4c303d2a318a728c3c0c95156809539fcf0e2429a6b525416aedbf5a0de" \
	"6a57a637b39b"
#define Z16 "00000000000000000000000000000000"
#define Z12 "000000000000000000000000"

/* The Galois/Counter Mode of Operation (McGrew, Viega; revised submission to NIST), appendix B, by number */
static const struct vector {
	const char *key, *iv, *ad, *text, *sealed, *tag;
} vectors[] = {
    /* 1 */ {Z16, Z12, "", "", "", "58e2fccefa7e3061367f1d57a4e7455a"},
    /* 2 */
    {Z16, Z12, "", Z16, "0388dace60b6a392f328c2b971b2fe78", "ab6e47d42cec13bdf53a67b21257bddf"},
    /* 3 */
    {K128, IV12, "", TEXT60 "1aafd255",
	"42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac"
	"973d58e091473f5985",
	"4d5c2af327cd64a62cf35abd2ba6fab4"},
    /* 4 */
    {K128, IV12, AD20, TEXT60,
	"42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac"
	"973d58e091",
	"5bc94fbc3221a5db94fae95ae7121a47"},
    /* 5 */
    {K128, "cafebabefacedbad", AD20, TEXT60,
	"61353b4c2806934a777ff51fa22a4755699b2a714fcdc6f83766e5f97b6c742373806900e49f24b22b097544d4896b424989b5e1ebac0f"
	"07c23f4598",
	"3612d2e79e3b0785561be14aaca2fccb"},
    /* 6 */
    {K128, IV60, AD20, TEXT60,
	"8ce24998625615b603a033aca13fb894be9112a5c3a211a8ba262a3cca7e2ca701e4a9a4fba43c90ccdcb281d48c7c6fd62875d2aca417"
	"034c34aee5",
	"619cc5aefffe0bfa462af43c1699d050"},
    /* 10: AES-192 */
    {K128 "feffe9928665731c", IV12, AD20, TEXT60,
	"3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c7d773d00c144c525ac619d18c84a3f4718e2448b2fe324"
	"d9ccda2710",
	"2519498e80f1478f37ba55bd6d27618c"},
    /* 13 */
    {Z16 Z16, Z12, "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
    /* 14 */
    {Z16 Z16, Z12, "", Z16, "cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919"},
    /* 16 */
    {K128 K128, IV12, AD20, TEXT60,
	"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a"
	"0abcc9f662",
	"76fc6ece0f4e1768cddf8853bb2d551b"},
};

static void check_vector(const struct engine *e, const struct vector *v)
{
	uint8_t key[32], iv[64], ad[32], text[64], sealed[64], tag[16], out[64], out_tag[16];
	struct message m = {.key = key, .iv = iv, .ad = ad, .in = text, .tag = tag, .tag_size = 16};

	m.key_bits = (unsigned)unhex(key, v->key) * 8;
	m.iv_size = unhex(iv, v->iv);
	m.ad_size = unhex(ad, v->ad);
	m.size = unhex(text, v->text);
	unhex(sealed, v->sealed);
	unhex(tag, v->tag);

	assert_int_equal(e->seal(&m, out, out_tag), 0);
	assert_memory_equal(out, sealed, m.size);
	assert_memory_equal(out_tag, tag, 16);
	m.in = sealed;
	assert_int_equal(e->open(&m, out), 0);
	assert_memory_equal(out, text, m.size);

	memcpy(out, text, m.size);
	m.in = out;
	assert_int_equal(e->seal(&m, out, out_tag), 0);
	assert_memory_equal(out, sealed, m.size);
	assert_memory_equal(out_tag, tag, 16);
	assert_int_equal(e->open(&m, out), 0);
	assert_memory_equal(out, text, m.size);
}

static void known_answers(void **state)
{
	(void)state;
	for (size_t e = 0; e < COUNT(engines); e++)
		for (size_t i = 0; i < COUNT(vectors); i++)
			check_vector(&engines[e], &vectors[i]);
	assert_int_equal(mbedtls_gcm_self_test(0), 0);
}

#define LENGTH_MOST 257

/* Buffers for one comparison, their starts off any alignment. */
static uint8_t key[32], iv[64], ad[64], text[LENGTH_MOST + 16], a[LENGTH_MOST + 16], b[LENGTH_MOST + 16];

static struct message message_of(unsigned key_bits, size_t ad_size, size_t size)
{
	fill(key, sizeof(key), 1 + (uint32_t)size);
	fill(iv, sizeof(iv), 2 + (uint32_t)size);
	fill(ad, sizeof(ad), 3 + (uint32_t)ad_size);
	fill(text, sizeof(text), 4 + (uint32_t)size);
	return (struct message){.key_bits = key_bits,
	    .key = key,
	    .iv = iv + 1,
	    .iv_size = 12,
	    .ad = ad + 1,
	    .ad_size = ad_size,
	    .in = text,
	    .size = size,
	    .tag_size = 16};
}

static void lengths_and_alignments(void **state)
{
	static const size_t ad_sizes[] = {0, 1, 5, 12, 13, 15, 16, 17, 31, 33};
	static const unsigned key_sizes[] = {128, 192, 256};
	uint8_t tag_a[16], tag_b[16];

	(void)state;
	for (size_t n = 0; n <= LENGTH_MOST; n++) {
		struct message m = message_of(key_sizes[n % 3], ad_sizes[n % COUNT(ad_sizes)], n);
		size_t off = n % 16;

		for (size_t k = 0; k < COUNT(key_sizes); k++) {
			m.key_bits = key_sizes[k];
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
}

/* Around the length from which nettle takes over, in one context: records large and small in any order. */
static void change_over(void **state)
{
	static const size_t sizes[] = {100, 4095, 100, 4096, 100, 16384, 0, 4095, 5000};
	static uint8_t in[16384], x[16384], y[16384];

	(void)state;
	fill(in, sizeof(in), 11);
	for (unsigned bits = 128; bits <= 256; bits += 64) {
		struct message m = message_of(bits, 13, 0);
		mbedtls_gcm_context c;
		uint8_t tag_x[16], tag_y[16];

		context_of(&c, &m, false);
		m.in = in;
		for (size_t i = 0; i < COUNT(sizes); i++) {
			m.size = sizes[i];
			assert_int_equal(mbedtls_gcm_crypt_and_tag(&c, MBEDTLS_GCM_ENCRYPT, m.size, m.iv, 12, m.ad,
					     m.ad_size, m.in, x, 16, tag_x),
			    0);
			assert_int_equal(stock_seal(&m, y, tag_y), 0);
			assert_memory_equal(x, y, m.size);
			assert_memory_equal(tag_x, tag_y, 16);
			assert_int_equal(
			    mbedtls_gcm_auth_decrypt(&c, m.size, m.iv, 12, m.ad, m.ad_size, tag_y, 16, y, y), 0);
			assert_memory_equal(y, in, m.size);
		}
		mbedtls_gcm_free(&c);
	}
}

static void wrong_tags(void **state)
{
	(void)state;
	for (unsigned bits = 128; bits <= 256; bits += 64) {
		for (size_t e = 0; e < COUNT(engines); e++) {
			struct message m = message_of(bits, 13, 100);
			uint8_t tag[16];

			assert_int_equal(engines[e].seal(&m, a, tag), 0);
			m.in = a;
			m.tag = tag;
			for (unsigned bit = 0; bit < 128; bit++) {
				tag[bit / 8] ^= (uint8_t)(1 << bit % 8);
				memset(b, 0xff, sizeof(b));
				assert_int_equal(engines[e].open(&m, b), MBEDTLS_ERR_GCM_AUTH_FAILED);
				assert_true(all_zero(b, m.size));
				assert_int_equal(b[m.size], 0xff);
				tag[bit / 8] ^= (uint8_t)(1 << bit % 8);
			}
			tag[0] ^= 1;
			assert_int_equal(engines[e].open(&m, a), MBEDTLS_ERR_GCM_AUTH_FAILED);
			assert_true(all_zero(a, m.size)); /* in place */
		}
	}
}

/* The text, the additional data and the nonce are all under the tag. */
static void tampering(void **state)
{
	struct message m = message_of(256, 13, 100);
	uint8_t tag[16], *parts[] = {a + 99, ad + 1, iv + 1};

	(void)state;
	assert_int_equal(fast_seal(&m, a, tag), 0);
	m.in = a;
	m.tag = tag;
	for (size_t i = 0; i < COUNT(parts); i++) {
		*parts[i] ^= 0x80;
		assert_int_equal(fast_open(&m, b), MBEDTLS_ERR_GCM_AUTH_FAILED);
		*parts[i] ^= 0x80;
	}
	assert_int_equal(fast_open(&m, b), 0);
	m.ad_size--;
	assert_int_equal(fast_open(&m, b), MBEDTLS_ERR_GCM_AUTH_FAILED);
}

static void short_tags(void **state)
{
	uint8_t tag_a[16], tag_b[16];

	(void)state;
	for (size_t n = 0; n <= 17; n++) {
		struct message m = message_of(n % 2 ? 128 : 256, 20, 50);
		int expected = n >= 4 && n <= 16 ? 0 : MBEDTLS_ERR_GCM_BAD_INPUT;

		m.tag_size = n;
		assert_int_equal(fast_seal(&m, a, tag_a), expected);
		assert_int_equal(stock_seal(&m, b, tag_b), expected);
		if (expected)
			continue;
		assert_memory_equal(tag_a, tag_b, n);
		m.in = a;
		m.tag = tag_a;
		assert_int_equal(fast_open(&m, b), 0);
		tag_a[n - 1] ^= 1;
		assert_int_equal(fast_open(&m, b), MBEDTLS_ERR_GCM_AUTH_FAILED);
		assert_true(all_zero(b, m.size));
	}
}

static void nonce_lengths(void **state)
{
	uint8_t tag_a[16], tag_b[16];

	(void)state;
	for (size_t n = 0; n < sizeof(iv) - 1; n++) {
		struct message m = message_of(256, 20, 50);

		m.iv_size = n;
		assert_int_equal(fast_seal(&m, a, tag_a), n ? 0 : MBEDTLS_ERR_GCM_BAD_INPUT);
		assert_int_equal(stock_seal(&m, b, tag_b), n ? 0 : MBEDTLS_ERR_GCM_BAD_INPUT);
		assert_true(n == 0 || memcmp(tag_a, tag_b, 16) == 0);
	}
}

static void seal_in_parts(const struct message *m, size_t step, uint8_t *out, uint8_t *tag)
{
	mbedtls_gcm_context c;
	size_t n, done = 0;

	mbedtls_gcm_init(&c);
	assert_int_equal(mbedtls_gcm_setkey(&c, MBEDTLS_CIPHER_ID_AES, m->key, m->key_bits), 0);
	assert_int_equal(mbedtls_gcm_starts(&c, MBEDTLS_GCM_ENCRYPT, m->iv, m->iv_size), 0);
	for (size_t at = 0; at < m->ad_size; at += n) {
		n = m->ad_size - at < step ? m->ad_size - at : step;
		assert_int_equal(mbedtls_gcm_update_ad(&c, m->ad + at, n), 0);
	}
	for (size_t at = 0; at < m->size; at += n) {
		n = m->size - at < step ? m->size - at : step;
		assert_int_equal(mbedtls_gcm_update(&c, m->in + at, n, out + at, n, &done), 0);
		assert_int_equal(done, n);
	}
	assert_int_equal(mbedtls_gcm_finish(&c, NULL, 0, &done, tag, 16), 0);
	mbedtls_gcm_free(&c);
}

static void in_parts(void **state)
{
	uint8_t tag_a[16], tag_b[16];

	(void)state;
	for (size_t step = 1; step < 80; step++) {
		struct message m = message_of(step % 2 ? 128 : 256, 33, LENGTH_MOST);

		assert_int_equal(fast_seal(&m, a, tag_a), 0);
		seal_in_parts(&m, step, b, tag_b);
		assert_memory_equal(a, b, m.size);
		assert_memory_equal(tag_a, tag_b, 16);
	}
}

/* mbedTLS allows an output that trails the input: nettle does not, so these go to mbedTLS's own code. */
static void overlapping(void **state)
{
	struct message m = message_of(128, 5, 200);
	uint8_t tag_a[16], tag_b[16];

	(void)state;
	assert_int_equal(fast_seal(&m, a, tag_a), 0);
	memcpy(b + 8, text, m.size);
	m.in = b + 8;
	assert_int_equal(fast_seal(&m, b, tag_b), 0);
	assert_memory_equal(a, b, m.size);
	assert_memory_equal(tag_a, tag_b, 16);
	m.in = b;
	assert_int_equal(fast_seal(&m, b + 8, tag_b), MBEDTLS_ERR_GCM_BAD_INPUT);
}

static void keys(void **state)
{
	struct message m = message_of(128, 5, 64);
	uint8_t tag_a[16], tag_b[16];
	mbedtls_gcm_context c;
	size_t n;

	(void)state;
	mbedtls_gcm_init(&c);
	assert_int_equal(mbedtls_gcm_crypt_and_tag(&c, MBEDTLS_GCM_ENCRYPT, 64, iv, 12, ad, 5, text, a, 16, tag_a),
	    MBEDTLS_ERR_GCM_BAD_INPUT);
	assert_int_equal(mbedtls_gcm_starts(&c, MBEDTLS_GCM_ENCRYPT, iv, 12), MBEDTLS_ERR_GCM_BAD_INPUT);
	assert_int_equal(mbedtls_gcm_update_ad(&c, ad, 5), MBEDTLS_ERR_GCM_BAD_INPUT);
	assert_int_equal(mbedtls_gcm_finish(&c, NULL, 0, &n, tag_a, 16), MBEDTLS_ERR_GCM_BAD_INPUT);
	assert_int_equal(mbedtls_gcm_update(&c, text, 16, a, 16, &n), MBEDTLS_ERR_GCM_BAD_INPUT);
	assert_int_equal(mbedtls_gcm_setkey(&c, MBEDTLS_CIPHER_ID_AES, key, 160), MBEDTLS_ERR_GCM_BAD_INPUT);
	assert_int_not_equal(mbedtls_gcm_setkey(&c, MBEDTLS_CIPHER_ID_CAMELLIA, key, 128), 0);

	/* a context may take another key, of another size, also in the middle of a message */
	assert_int_equal(mbedtls_gcm_setkey(&c, MBEDTLS_CIPHER_ID_AES, key, 256), 0);
	assert_int_equal(mbedtls_gcm_update(&c, text, 16, a, 16, &n), MBEDTLS_ERR_GCM_BAD_INPUT);
	assert_int_equal(mbedtls_gcm_starts(&c, MBEDTLS_GCM_ENCRYPT, iv, 12), 0);
	assert_int_equal(mbedtls_gcm_setkey(&c, MBEDTLS_CIPHER_ID_AES, key, 128), 0);
	assert_int_equal(mbedtls_gcm_crypt_and_tag(
			     &c, MBEDTLS_GCM_ENCRYPT, m.size, m.iv, m.iv_size, m.ad, m.ad_size, m.in, a, 16, tag_a),
	    0);
	assert_int_equal(stock_seal(&m, b, tag_b), 0);
	assert_memory_equal(a, b, m.size);
	assert_memory_equal(tag_a, tag_b, 16);
	mbedtls_gcm_free(&c);
	mbedtls_gcm_free(&c);
	mbedtls_gcm_free(NULL);
}

/* The way TLS records go: through the cipher layer, in place, the tag behind the text. */
static void as_tls_does(void **state)
{
	struct message m = message_of(256, 13, 200);
	mbedtls_cipher_context_t c;
	size_t n;

	(void)state;
	mbedtls_cipher_init(&c);
	assert_int_equal(mbedtls_cipher_setup(&c, mbedtls_cipher_info_from_type(MBEDTLS_CIPHER_AES_256_GCM)), 0);
	assert_int_equal(mbedtls_cipher_setkey(&c, key, 256, MBEDTLS_ENCRYPT), 0);
	memcpy(a, text, m.size);
	assert_int_equal(mbedtls_cipher_auth_encrypt_ext(&c, m.iv, 12, m.ad, 13, a, m.size, a, m.size + 16, &n, 16), 0);
	assert_int_equal(n, m.size + 16);
	m.tag = a + m.size;
	m.in = a;
	assert_int_equal(stock_open(&m, b), 0);
	assert_memory_equal(b, text, m.size);
	assert_int_equal(mbedtls_cipher_setkey(&c, key, 256, MBEDTLS_DECRYPT), 0);
	assert_int_equal(mbedtls_cipher_auth_decrypt_ext(&c, m.iv, 12, m.ad, 13, a, m.size + 16, a, m.size, &n, 16), 0);
	assert_memory_equal(a, text, m.size);
	mbedtls_cipher_free(&c);
}

/* Until it is started, libsodium has no CPU that it knows: so all runs once without it, then once with it. */
static int without_sodium(void **state)
{
	(void)state;
	return crypto_aead_aes256gcm_is_available();
}

static int with_sodium(void **state)
{
	(void)state;
	crypto_start();
	print_message("libsodium does AES-256-GCM here: %s\n", crypto_aead_aes256gcm_is_available() ? "yes" : "no");
	return 0;
}

/* What is not one message to encrypt or to verify: its tag is computed, not compared. */
static void decrypt_and_tag(void **state)
{
	uint8_t tag_a[16], tag_b[16];

	(void)state;
	for (unsigned bits = 128; bits <= 256; bits += 64) {
		struct message m = message_of(bits, 20, 100);
		mbedtls_gcm_context c;

		assert_int_equal(stock_seal(&m, a, tag_a), 0);
		context_of(&c, &m, true);
		assert_int_equal(mbedtls_gcm_crypt_and_tag(&c, MBEDTLS_GCM_DECRYPT, m.size, m.iv, m.iv_size, m.ad,
				     m.ad_size, a, b, 16, tag_b),
		    0);
		assert_memory_equal(b, text, m.size);
		assert_memory_equal(tag_a, tag_b, 16);
		mbedtls_gcm_free(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(known_answers),
	    cmocka_unit_test(lengths_and_alignments),
	    cmocka_unit_test(change_over),
	    cmocka_unit_test(wrong_tags),
	    cmocka_unit_test(tampering),
	    cmocka_unit_test(short_tags),
	    cmocka_unit_test(nonce_lengths),
	    cmocka_unit_test(in_parts),
	    cmocka_unit_test(overlapping),
	    cmocka_unit_test(keys),
	    cmocka_unit_test(decrypt_and_tag),
	    cmocka_unit_test(as_tls_does),
	};
	return cmocka_run_group_tests(tests, without_sodium, NULL) + cmocka_run_group_tests(tests, with_sodium, NULL);
}
