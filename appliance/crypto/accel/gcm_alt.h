/*
 * gcm_alt: the context behind MBEDTLS_GCM_ALT (see gcm_alt.c). mbedTLS includes this header and is built with it, so it
 * names nothing outside the C library. A pointer only: what it points to is made with the key, and is as small as that
 * key allows.
 */
#pragma once

struct gcm_alt;

typedef struct mbedtls_gcm_context {
	struct gcm_alt *alt; /* owned; NULL until a key is set */
} mbedtls_gcm_context;
