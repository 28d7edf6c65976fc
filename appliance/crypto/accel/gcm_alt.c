/*
 * gcm_alt: MBEDTLS_GCM_ALT. A whole message with a 12-byte nonce and a 16-byte tag, which is every TLS record and
 * session ticket, goes under AES-256 to libsodium, which encrypts and authenticates in one pass, where it knows the
 * CPU; else, as under AES-128, to nettle, which takes two; the rest (other ciphers, messages in parts, other nonces and
 * tags) to mbedTLS's own code. nettle's key has a table of 4 KB, and a TLS 1.3 connection keeps four of these contexts
 * (those of the handshake too), so it is made at the first message that is large enough to gain by it; libsodium's has
 * 512 bytes.
 */
#include "mbedtls/gcm.h"
#include "mbedtls/platform.h"
#include "mbedtls/platform_util.h"
#include "stock.h"
#include <nettle/gcm.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define NONCE_SIZE 12
#define TAG_SIZE 16
/* NIST SP 800-38D §5.2.1.1: 2^39 - 256 bits of plaintext at most; libsodium refuses that very last length, too */
#define LENGTH_MAX 0xfffffffd0ULL

/* From here on nettle pays; larger than the messages of a handshake with a usual chain of certificates. */
#define LENGTH_OF_NETTLE 4096

union nettle_key {
	struct gcm_aes128_ctx aes128;
	struct gcm_aes256_ctx aes256;
};

/* At most one of the three is there, but for stock when another one cannot serve a message. */
struct gcm_alt {
	mbedtls_cipher_id_t cipher;
	unsigned int key_bits;
	unsigned char key[32];
	struct stock_gcm *stock;  /* owned; NULL until something needs it */
	union nettle_key *nettle; /* owned; NULL until a large message; only the member in use is allocated */
	crypto_aead_aes256gcm_state *sodium; /* owned; NULL until a message */
};

static size_t nettle_size(const struct gcm_alt *alt)
{
	return alt->key_bits == 128 ? sizeof(struct gcm_aes128_ctx) : sizeof(struct gcm_aes256_ctx);
}

static void drop_stock(struct gcm_alt *alt)
{
	if (alt->stock) {
		stock_gcm_free(alt->stock);
		mbedtls_free(alt->stock);
	}
	alt->stock = NULL;
}

static void alt_free(struct gcm_alt *alt)
{
	if (!alt)
		return;
	drop_stock(alt);
	if (alt->nettle) {
		mbedtls_platform_zeroize(alt->nettle, nettle_size(alt));
		mbedtls_free(alt->nettle);
	}
	if (alt->sodium) {
		mbedtls_platform_zeroize(alt->sodium, sizeof(*alt->sodium));
		mbedtls_free(alt->sodium);
	}
	mbedtls_platform_zeroize(alt, sizeof(*alt));
	mbedtls_free(alt);
}

/* Makes mbedTLS's own context if there is none yet. */
static int want_stock(struct gcm_alt *alt)
{
	struct stock_gcm *stock;
	int ret;

	if (!alt)
		return MBEDTLS_ERR_GCM_BAD_INPUT;
	if (alt->stock)
		return 0;
	stock = mbedtls_calloc(1, stock_gcm_size);
	if (!stock)
		return MBEDTLS_ERR_CIPHER_ALLOC_FAILED;
	stock_gcm_init(stock);
	ret = stock_gcm_setkey(stock, alt->cipher, alt->key, alt->key_bits);
	if (ret) {
		stock_gcm_free(stock);
		mbedtls_free(stock);
		return ret;
	}
	alt->stock = stock;
	return 0;
}

/* Makes nettle's key in the place of mbedTLS's context; without memory for it the latter does the work. */
static bool want_nettle(struct gcm_alt *alt)
{
	if (alt->nettle)
		return true;
	alt->nettle = mbedtls_calloc(1, nettle_size(alt));
	if (!alt->nettle)
		return false;
	if (alt->key_bits == 128)
		gcm_aes128_set_key(&alt->nettle->aes128, alt->key);
	else
		gcm_aes256_set_key(&alt->nettle->aes256, alt->key);
	drop_stock(alt);
	return true;
}

/* Makes libsodium's key. False: not its cipher, not a CPU that it knows, or no memory. */
static bool want_sodium(struct gcm_alt *alt)
{
	if (alt->sodium)
		return true;
	if (alt->key_bits != 256 || !crypto_aead_aes256gcm_is_available())
		return false;
	alt->sodium = mbedtls_calloc(1, sizeof(*alt->sodium));
	if (!alt->sodium)
		return false;
	crypto_aead_aes256gcm_beforenm(alt->sodium, alt->key);
	drop_stock(alt);
	return true;
}

/* Both write many blocks at once, so output and input must be the same or apart. */
static bool apart_or_same(const unsigned char *a, const unsigned char *b, size_t n)
{
	uintptr_t x = (uintptr_t)a, y = (uintptr_t)b;

	return x == y || (x < y ? y - x : x - y) >= n;
}

/* After it either alt->sodium or alt->nettle is there and serves this message, the former first. */
static bool fast_takes(struct gcm_alt *alt, size_t length, size_t nonce_size, size_t tag_size,
    const unsigned char *input, const unsigned char *output)
{
	return alt && alt->cipher == MBEDTLS_CIPHER_ID_AES && alt->key_bits != 192 && nonce_size == NONCE_SIZE &&
	       tag_size == TAG_SIZE && (uint64_t)length <= LENGTH_MAX && apart_or_same(input, output, length) &&
	       (want_sodium(alt) || ((alt->nettle || length >= LENGTH_OF_NETTLE) && want_nettle(alt)));
}

static void aes128_crypt(struct gcm_aes128_ctx *c, int mode, size_t length, const unsigned char *nonce,
    const unsigned char *ad, size_t ad_size, const unsigned char *input, unsigned char *output, unsigned char *tag)
{
	gcm_aes128_set_iv(c, NONCE_SIZE, nonce);
	if (ad_size)
		gcm_aes128_update(c, ad_size, ad);
	if (length)
		(mode == MBEDTLS_GCM_ENCRYPT ? gcm_aes128_encrypt : gcm_aes128_decrypt)(c, length, output, input);
	gcm_aes128_digest(c, TAG_SIZE, tag);
}

static void aes256_crypt(struct gcm_aes256_ctx *c, int mode, size_t length, const unsigned char *nonce,
    const unsigned char *ad, size_t ad_size, const unsigned char *input, unsigned char *output, unsigned char *tag)
{
	gcm_aes256_set_iv(c, NONCE_SIZE, nonce);
	if (ad_size)
		gcm_aes256_update(c, ad_size, ad);
	if (length)
		(mode == MBEDTLS_GCM_ENCRYPT ? gcm_aes256_encrypt : gcm_aes256_decrypt)(c, length, output, input);
	gcm_aes256_digest(c, TAG_SIZE, tag);
}

static void nettle_crypt(struct gcm_alt *alt, int mode, size_t length, const unsigned char *nonce,
    const unsigned char *ad, size_t ad_size, const unsigned char *input, unsigned char *output, unsigned char *tag)
{
	if (alt->key_bits == 128)
		aes128_crypt(&alt->nettle->aes128, mode, length, nonce, ad, ad_size, input, output, tag);
	else
		aes256_crypt(&alt->nettle->aes256, mode, length, nonce, ad, ad_size, input, output, tag);
}

static void fast_seal(struct gcm_alt *alt, size_t length, const unsigned char *nonce, const unsigned char *ad,
    size_t ad_size, const unsigned char *input, unsigned char *output, unsigned char *tag)
{
	/* cannot fail up to LENGTH_MAX */
	if (alt->sodium)
		(void)crypto_aead_aes256gcm_encrypt_detached_afternm(
		    output, tag, NULL, input, length, ad, ad_size, NULL, nonce, alt->sodium);
	else
		nettle_crypt(alt, MBEDTLS_GCM_ENCRYPT, length, nonce, ad, ad_size, input, output, tag);
}

/* False: the tag is wrong; what is in output then is to be wiped. */
static bool fast_open(struct gcm_alt *alt, size_t length, const unsigned char *nonce, const unsigned char *ad,
    size_t ad_size, const unsigned char *tag, const unsigned char *input, unsigned char *output)
{
	unsigned char computed[TAG_SIZE];
	bool right;

	if (alt->sodium)
		return crypto_aead_aes256gcm_decrypt_detached_afternm(
			   output, NULL, input, length, tag, ad, ad_size, nonce, alt->sodium) == 0;
	nettle_crypt(alt, MBEDTLS_GCM_DECRYPT, length, nonce, ad, ad_size, input, output, computed);
	right = sodium_memcmp(tag, computed, TAG_SIZE) == 0;
	mbedtls_platform_zeroize(computed, sizeof(computed));
	return right;
}

void mbedtls_gcm_init(mbedtls_gcm_context *ctx)
{
	ctx->alt = NULL;
}

void mbedtls_gcm_free(mbedtls_gcm_context *ctx)
{
	if (!ctx)
		return;
	alt_free(ctx->alt);
	ctx->alt = NULL;
}

/* Other ciphers, and keys that mbedTLS refuses, are known at once by making its own context here. */
int mbedtls_gcm_setkey(
    mbedtls_gcm_context *ctx, mbedtls_cipher_id_t cipher, const unsigned char *key, unsigned int keybits)
{
	struct gcm_alt *alt;
	int ret;

	if (keybits != 128 && keybits != 192 && keybits != 256)
		return MBEDTLS_ERR_GCM_BAD_INPUT;
	mbedtls_gcm_free(ctx);
	alt = mbedtls_calloc(1, sizeof(*alt));
	if (!alt)
		return MBEDTLS_ERR_CIPHER_ALLOC_FAILED;
	alt->cipher = cipher;
	alt->key_bits = keybits;
	memcpy(alt->key, key, keybits / 8);
	if (cipher != MBEDTLS_CIPHER_ID_AES && (ret = want_stock(alt)) != 0) {
		alt_free(alt);
		return ret;
	}
	ctx->alt = alt;
	return 0;
}

int mbedtls_gcm_crypt_and_tag(mbedtls_gcm_context *ctx, int mode, size_t length, const unsigned char *iv, size_t iv_len,
    const unsigned char *add, size_t add_len, const unsigned char *input, unsigned char *output, size_t tag_len,
    unsigned char *tag)
{
	int ret;

	if (mode == MBEDTLS_GCM_ENCRYPT && fast_takes(ctx->alt, length, iv_len, tag_len, input, output)) {
		fast_seal(ctx->alt, length, iv, add, add_len, input, output, tag);
		return 0;
	}
	ret = want_stock(ctx->alt);
	return ret ? ret
		   : stock_gcm_crypt_and_tag(
			 ctx->alt->stock, mode, length, iv, iv_len, add, add_len, input, output, tag_len, tag);
}

int mbedtls_gcm_auth_decrypt(mbedtls_gcm_context *ctx, size_t length, const unsigned char *iv, size_t iv_len,
    const unsigned char *add, size_t add_len, const unsigned char *tag, size_t tag_len, const unsigned char *input,
    unsigned char *output)
{
	int ret;

	if (fast_takes(ctx->alt, length, iv_len, tag_len, input, output)) {
		if (fast_open(ctx->alt, length, iv, add, add_len, tag, input, output))
			return 0;
		if (length)
			mbedtls_platform_zeroize(output, length);
		return MBEDTLS_ERR_GCM_AUTH_FAILED;
	}
	ret = want_stock(ctx->alt);
	return ret ? ret
		   : stock_gcm_auth_decrypt(
			 ctx->alt->stock, length, iv, iv_len, add, add_len, tag, tag_len, input, output);
}

int mbedtls_gcm_starts(mbedtls_gcm_context *ctx, int mode, const unsigned char *iv, size_t iv_len)
{
	int ret = want_stock(ctx->alt);

	return ret ? ret : stock_gcm_starts(ctx->alt->stock, mode, iv, iv_len);
}

/* The parts that follow starts(): it has made the context. */
static bool has_started(const mbedtls_gcm_context *ctx)
{
	return ctx->alt && ctx->alt->stock;
}

int mbedtls_gcm_update_ad(mbedtls_gcm_context *ctx, const unsigned char *add, size_t add_len)
{
	return has_started(ctx) ? stock_gcm_update_ad(ctx->alt->stock, add, add_len) : MBEDTLS_ERR_GCM_BAD_INPUT;
}

int mbedtls_gcm_update(mbedtls_gcm_context *ctx, const unsigned char *input, size_t input_length, unsigned char *output,
    size_t output_size, size_t *output_length)
{
	return has_started(ctx)
		   ? stock_gcm_update(ctx->alt->stock, input, input_length, output, output_size, output_length)
		   : MBEDTLS_ERR_GCM_BAD_INPUT;
}

int mbedtls_gcm_finish(mbedtls_gcm_context *ctx, unsigned char *output, size_t output_size, size_t *output_length,
    unsigned char *tag, size_t tag_len)
{
	return has_started(ctx) ? stock_gcm_finish(ctx->alt->stock, output, output_size, output_length, tag, tag_len)
				: MBEDTLS_ERR_GCM_BAD_INPUT;
}
