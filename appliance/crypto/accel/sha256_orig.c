/* sha256_orig: mbedTLS's sha256.c once more, under the names of stock.h. Its source is found in the installed
 * mbedtls/src. */
#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include "mbedtls/build_info.h"
#undef MBEDTLS_SHA256_ALT
#undef MBEDTLS_SELF_TEST
#define mbedtls_sha256_context stock_sha256_context
#define mbedtls_sha256_init stock_sha256_init
#define mbedtls_sha256_free stock_sha256_free
#define mbedtls_sha256_clone stock_sha256_clone
#define mbedtls_sha256_starts stock_sha256_starts
#define mbedtls_sha256_update stock_sha256_update
#define mbedtls_sha256_finish stock_sha256_finish
#define mbedtls_internal_sha256_process stock_internal_sha256_process
#define mbedtls_sha256 stock_sha256
#include "stock.h"
#include "sha256.c"
