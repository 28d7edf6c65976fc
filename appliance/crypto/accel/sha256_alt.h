/*
 * sha256_alt: the context behind MBEDTLS_SHA256_ALT (see sha256_alt.c). mbedTLS includes this header and is built with
 * it, so it names nothing outside the C library: the state has the size of nettle's struct sha256_ctx.
 */
#pragma once
#include <stdint.h>

typedef struct mbedtls_sha256_context {
	uint64_t state[15];
	int is224;
} mbedtls_sha256_context;
