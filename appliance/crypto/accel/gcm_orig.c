/* gcm_orig: mbedTLS's gcm.c once more, under the names of stock.h. Its source is found in the installed mbedtls/src. */
#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include "mbedtls/build_info.h"
#undef MBEDTLS_GCM_ALT
#undef MBEDTLS_SELF_TEST
#define mbedtls_gcm_context stock_gcm
#define mbedtls_gcm_init stock_gcm_init
#define mbedtls_gcm_free stock_gcm_free
#define mbedtls_gcm_setkey stock_gcm_setkey
#define mbedtls_gcm_starts stock_gcm_starts
#define mbedtls_gcm_update_ad stock_gcm_update_ad
#define mbedtls_gcm_update stock_gcm_update
#define mbedtls_gcm_finish stock_gcm_finish
#define mbedtls_gcm_crypt_and_tag stock_gcm_crypt_and_tag
#define mbedtls_gcm_auth_decrypt stock_gcm_auth_decrypt
#include "stock.h"
#include "gcm.c"

const size_t stock_gcm_size = sizeof(struct stock_gcm);
