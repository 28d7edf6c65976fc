/* chachapoly_orig: mbedTLS's chachapoly.c once more, under the names of stock.h. Its source is found in the installed
 * mbedtls/src. */
#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include "mbedtls/build_info.h"
#undef MBEDTLS_CHACHAPOLY_ALT
#undef MBEDTLS_SELF_TEST
#define mbedtls_chachapoly_context stock_chachapoly
#define mbedtls_chachapoly_init stock_chachapoly_init
#define mbedtls_chachapoly_free stock_chachapoly_free
#define mbedtls_chachapoly_setkey stock_chachapoly_setkey
#define mbedtls_chachapoly_starts stock_chachapoly_starts
#define mbedtls_chachapoly_update_aad stock_chachapoly_update_aad
#define mbedtls_chachapoly_update stock_chachapoly_update
#define mbedtls_chachapoly_finish stock_chachapoly_finish
#define mbedtls_chachapoly_encrypt_and_tag stock_chachapoly_encrypt_and_tag
#define mbedtls_chachapoly_auth_decrypt stock_chachapoly_auth_decrypt
#include "stock.h"
#include "chachapoly.c"

const size_t stock_chachapoly_size = sizeof(struct stock_chachapoly);
