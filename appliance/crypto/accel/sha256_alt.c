/*
 * sha256_alt: MBEDTLS_SHA256_ALT by nettle, which uses SHA-NI or ARMv8 CE where the CPU has them: handshake
 * transcripts, HKDF and HMAC, certificate signatures.
 */
#include "mbedtls/platform_util.h"
#include "mbedtls/sha256.h"
#include <nettle/sha2.h>
#include <string.h>

_Static_assert(sizeof(struct sha256_ctx) <= sizeof((mbedtls_sha256_context){0}.state), "sha256_alt.h is too small");

static struct sha256_ctx *state(mbedtls_sha256_context *ctx)
{
	return (void *)ctx->state;
}

void mbedtls_sha256_init(mbedtls_sha256_context *ctx)
{
	memset(ctx, 0, sizeof(*ctx));
}

void mbedtls_sha256_free(mbedtls_sha256_context *ctx)
{
	if (ctx)
		mbedtls_platform_zeroize(ctx, sizeof(*ctx));
}

void mbedtls_sha256_clone(mbedtls_sha256_context *dst, const mbedtls_sha256_context *src)
{
	*dst = *src;
}

int mbedtls_sha256_starts(mbedtls_sha256_context *ctx, int is224)
{
	if (is224 != 0 && is224 != 1)
		return MBEDTLS_ERR_SHA256_BAD_INPUT_DATA;
	ctx->is224 = is224;
	if (is224)
		sha224_init(state(ctx));
	else
		sha256_init(state(ctx));
	return 0;
}

int mbedtls_sha256_update(mbedtls_sha256_context *ctx, const unsigned char *input, size_t ilen)
{
	sha256_update(state(ctx), ilen, input);
	return 0;
}

/* Ends with the wiped context of mbedTLS's own: starts() comes before any further use. */
int mbedtls_sha256_finish(mbedtls_sha256_context *ctx, unsigned char *output)
{
	if (ctx->is224)
		sha224_digest(state(ctx), SHA224_DIGEST_SIZE, output);
	else
		sha256_digest(state(ctx), SHA256_DIGEST_SIZE, output);
	mbedtls_sha256_free(ctx);
	return 0;
}

int mbedtls_internal_sha256_process(mbedtls_sha256_context *ctx, const unsigned char data[64])
{
	sha256_compress(state(ctx)->state, data);
	return 0;
}
