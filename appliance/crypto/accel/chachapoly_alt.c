/*
 * chachapoly_alt: MBEDTLS_CHACHAPOLY_ALT. A whole message goes to libsodium on x86 (ChaCha20 with AVX2 or SSSE3), to
 * nettle on ARM (libsodium's ChaCha20 is plain C there, nettle's has NEON); a message in parts to mbedTLS's own code,
 * whose context is made only when it is wanted.
 */
#include "mbedtls/chachapoly.h"
#include "mbedtls/platform.h"
#include "mbedtls/platform_util.h"
#include "stock.h"
#include <sodium.h>
#include <stdint.h>
#include <string.h>

#define KEY_SIZE 32
#define TAG_SIZE 16
/* RFC 8439 §2.8: the 32-bit block counter starts at 1 for the text; libsodium aborts beyond it */
#define LENGTH_MAX (0xffffffffULL * 64)

#if defined(__arm__) || defined(__aarch64__)
#include <nettle/chacha-poly1305.h>

static void start(struct chacha_poly1305_ctx *c, const unsigned char *key, const unsigned char *nonce,
    const unsigned char *ad, size_t ad_size)
{
	chacha_poly1305_set_key(c, key);
	chacha_poly1305_set_nonce(c, nonce);
	if (ad_size)
		chacha_poly1305_update(c, ad_size, ad);
}

static void seal(const unsigned char *key, size_t length, const unsigned char *nonce, const unsigned char *ad,
    size_t ad_size, const unsigned char *input, unsigned char *output, unsigned char *tag)
{
	struct chacha_poly1305_ctx c;

	start(&c, key, nonce, ad, ad_size);
	chacha_poly1305_encrypt(&c, length, output, input);
	chacha_poly1305_digest(&c, TAG_SIZE, tag);
	sodium_memzero(&c, sizeof(c));
}

static int open_sealed(const unsigned char *key, size_t length, const unsigned char *nonce, const unsigned char *ad,
    size_t ad_size, const unsigned char *tag, const unsigned char *input, unsigned char *output)
{
	struct chacha_poly1305_ctx c;
	unsigned char computed[TAG_SIZE];
	int bad;

	start(&c, key, nonce, ad, ad_size);
	chacha_poly1305_decrypt(&c, length, output, input);
	chacha_poly1305_digest(&c, TAG_SIZE, computed);
	bad = sodium_memcmp(computed, tag, TAG_SIZE);
	sodium_memzero(&c, sizeof(c));
	sodium_memzero(computed, sizeof(computed));
	if (bad && length)
		sodium_memzero(output, length);
	return bad;
}

#else

static void seal(const unsigned char *key, size_t length, const unsigned char *nonce, const unsigned char *ad,
    size_t ad_size, const unsigned char *input, unsigned char *output, unsigned char *tag)
{
	crypto_aead_chacha20poly1305_ietf_encrypt_detached(
	    output, tag, NULL, input, length, ad, ad_size, NULL, nonce, key);
}

/* Verifies before it decrypts, and zeroes the output when the tag is wrong. */
static int open_sealed(const unsigned char *key, size_t length, const unsigned char *nonce, const unsigned char *ad,
    size_t ad_size, const unsigned char *tag, const unsigned char *input, unsigned char *output)
{
	return crypto_aead_chacha20poly1305_ietf_decrypt_detached(
	    output, NULL, input, length, tag, ad, ad_size, nonce, key);
}

#endif

void mbedtls_chachapoly_init(mbedtls_chachapoly_context *ctx)
{
	memset(ctx, 0, sizeof(*ctx));
}

static void drop_stock(mbedtls_chachapoly_context *ctx)
{
	if (!ctx->stock)
		return;
	stock_chachapoly_free(ctx->stock);
	mbedtls_platform_zeroize(ctx->stock, stock_chachapoly_size);
	mbedtls_free(ctx->stock);
	ctx->stock = NULL;
}

void mbedtls_chachapoly_free(mbedtls_chachapoly_context *ctx)
{
	if (!ctx)
		return;
	drop_stock(ctx);
	mbedtls_platform_zeroize(ctx, sizeof(*ctx));
}

int mbedtls_chachapoly_setkey(mbedtls_chachapoly_context *ctx, const unsigned char key[32])
{
	drop_stock(ctx);
	memcpy(ctx->key, key, KEY_SIZE);
	return 0;
}

int mbedtls_chachapoly_encrypt_and_tag(mbedtls_chachapoly_context *ctx, size_t length, const unsigned char nonce[12],
    const unsigned char *aad, size_t aad_len, const unsigned char *input, unsigned char *output, unsigned char tag[16])
{
	if ((uint64_t)length > LENGTH_MAX)
		return MBEDTLS_ERR_CHACHAPOLY_BAD_STATE;
	seal(ctx->key, length, nonce, aad, aad_len, input, output, tag);
	return 0;
}

int mbedtls_chachapoly_auth_decrypt(mbedtls_chachapoly_context *ctx, size_t length, const unsigned char nonce[12],
    const unsigned char *aad, size_t aad_len, const unsigned char tag[16], const unsigned char *input,
    unsigned char *output)
{
	if ((uint64_t)length > LENGTH_MAX)
		return MBEDTLS_ERR_CHACHAPOLY_BAD_STATE;
	return open_sealed(ctx->key, length, nonce, aad, aad_len, tag, input, output)
		   ? MBEDTLS_ERR_CHACHAPOLY_AUTH_FAILED
		   : 0;
}

/* A message in parts begins here; the other parts are refused without it. */
int mbedtls_chachapoly_starts(
    mbedtls_chachapoly_context *ctx, const unsigned char nonce[12], mbedtls_chachapoly_mode_t mode)
{
	if (!ctx->stock) {
		ctx->stock = mbedtls_calloc(1, stock_chachapoly_size);
		if (!ctx->stock)
			return MBEDTLS_ERR_CIPHER_ALLOC_FAILED;
		stock_chachapoly_init(ctx->stock);
		/* mbedTLS's setkey of ChaCha20 only copies the key and cannot fail */
		(void)stock_chachapoly_setkey(ctx->stock, ctx->key);
	}
	return stock_chachapoly_starts(ctx->stock, nonce, mode);
}

int mbedtls_chachapoly_update_aad(mbedtls_chachapoly_context *ctx, const unsigned char *aad, size_t aad_len)
{
	if (!ctx->stock)
		return MBEDTLS_ERR_CHACHAPOLY_BAD_STATE;
	return stock_chachapoly_update_aad(ctx->stock, aad, aad_len);
}

int mbedtls_chachapoly_update(
    mbedtls_chachapoly_context *ctx, size_t len, const unsigned char *input, unsigned char *output)
{
	if (!ctx->stock)
		return MBEDTLS_ERR_CHACHAPOLY_BAD_STATE;
	return stock_chachapoly_update(ctx->stock, len, input, output);
}

int mbedtls_chachapoly_finish(mbedtls_chachapoly_context *ctx, unsigned char mac[16])
{
	if (!ctx->stock)
		return MBEDTLS_ERR_CHACHAPOLY_BAD_STATE;
	return stock_chachapoly_finish(ctx->stock, mac);
}
