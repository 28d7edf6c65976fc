/*
 * chachapoly_alt: the context behind MBEDTLS_CHACHAPOLY_ALT (see chachapoly_alt.c). mbedTLS includes this header and is
 * built with it, so it names nothing outside the C library.
 */
#pragma once

struct stock_chachapoly;

typedef struct mbedtls_chachapoly_context {
	unsigned char key[32];
	struct stock_chachapoly *stock; /* owned; mbedTLS's own context, made when a message comes in parts */
} mbedtls_chachapoly_context;
