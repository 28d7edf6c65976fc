/*
 * mbedtls_config: the parts of mbedTLS 3.6 that cove is built with; scripts/dependencies installs it in the place of
 * mbedTLS's own file of that name, so the library, libcurl and our code see one set of options. Named here is what
 * a TLS 1.2/1.3 server and client with forward-secret AEAD suites and X.509 reading and writing need, and no more.
 */
#pragma once

/* platform */
#define MBEDTLS_HAVE_ASM
#define MBEDTLS_HAVE_TIME
#define MBEDTLS_HAVE_TIME_DATE
#define MBEDTLS_PLATFORM_C
#define MBEDTLS_FS_IO
#define MBEDTLS_THREADING_C
#define MBEDTLS_THREADING_PTHREAD
#define MBEDTLS_ERROR_C
#define MBEDTLS_VERSION_C
/* The library's own known answers run over our hooks in the unit tests; the linker drops what no program calls. */
#define MBEDTLS_SELF_TEST

/*
 * Bulk work is done by nettle and libsodium (see the *_alt.c beside this file): mbedTLS's own AES-GCM takes one block
 * at a time and its SHA-256 knows no SHA-NI. A hook is on when its header is there.
 */
#if __has_include("gcm_alt.h")
#define MBEDTLS_GCM_ALT
#endif
#if __has_include("chachapoly_alt.h")
#define MBEDTLS_CHACHAPOLY_ALT
#endif
#if __has_include("sha256_alt.h")
#define MBEDTLS_SHA256_ALT
#elif defined(__aarch64__)
#define MBEDTLS_SHA256_USE_ARMV8_A_CRYPTO_IF_PRESENT
#endif

/* symmetric ciphers: the AEADs of TLS 1.3 but CCM; no CBC, so none of its padding oracles */
#define MBEDTLS_CIPHER_C
#define MBEDTLS_AES_C
#define MBEDTLS_AESNI_C
#define MBEDTLS_AESCE_C
#define MBEDTLS_GCM_C
#define MBEDTLS_CHACHA20_C
#define MBEDTLS_POLY1305_C
#define MBEDTLS_CHACHAPOLY_C

/* digests; SHA-1 for X.509 key identifiers (RFC 5280 4.2.1.2) only, no profile of ours accepts it in a signature */
#define MBEDTLS_MD_C
#define MBEDTLS_SHA1_C
#define MBEDTLS_SHA224_C
#define MBEDTLS_SHA256_C
#define MBEDTLS_SHA384_C
#define MBEDTLS_SHA512_C
#define MBEDTLS_HKDF_C

/* random: PSA asks mbedtls_psa_external_get_random() in crypto/; libcurl 8 insists on a CTR_DRBG of its own */
#define MBEDTLS_PSA_CRYPTO_EXTERNAL_RNG
#define MBEDTLS_ENTROPY_C
#define MBEDTLS_CTR_DRBG_C
#define MBEDTLS_HMAC_DRBG_C

/* public keys: ECDSA is ours; RSA is met in other people's certificates and in ones brought by the owner */
#define MBEDTLS_BIGNUM_C
#define MBEDTLS_OID_C
#define MBEDTLS_ECP_C
#define MBEDTLS_ECP_NIST_OPTIM
#define MBEDTLS_ECP_DP_SECP256R1_ENABLED
#define MBEDTLS_ECP_DP_SECP384R1_ENABLED
#define MBEDTLS_ECP_DP_SECP521R1_ENABLED
#define MBEDTLS_ECP_DP_CURVE25519_ENABLED
#define MBEDTLS_ECDH_C
#define MBEDTLS_ECDSA_C
#define MBEDTLS_ECDSA_DETERMINISTIC
#define MBEDTLS_RSA_C
#define MBEDTLS_PKCS1_V15
#define MBEDTLS_PKCS1_V21
#define MBEDTLS_PK_C
#define MBEDTLS_PK_PARSE_C
#define MBEDTLS_PK_WRITE_C

/* PSA: what TLS 1.3 goes through. Keys live in memory only; their number follows the number of connections. */
#define MBEDTLS_PSA_CRYPTO_C
#define MBEDTLS_PSA_KEY_STORE_DYNAMIC

/* encodings and certificates */
#define MBEDTLS_ASN1_PARSE_C
#define MBEDTLS_ASN1_WRITE_C
#define MBEDTLS_BASE64_C
#define MBEDTLS_PEM_PARSE_C
#define MBEDTLS_PEM_WRITE_C
#define MBEDTLS_X509_USE_C
#define MBEDTLS_X509_CRT_PARSE_C
#define MBEDTLS_X509_RSASSA_PSS_SUPPORT
#define MBEDTLS_X509_CREATE_C
#define MBEDTLS_X509_CRT_WRITE_C
#define MBEDTLS_X509_CSR_PARSE_C
#define MBEDTLS_X509_CSR_WRITE_C

/* TLS: 1.2 with ECDHE only, 1.3 with a fresh key also on resumption (RFC 8446 2.2); no DTLS, no renegotiation */
#define MBEDTLS_SSL_TLS_C
#define MBEDTLS_SSL_SRV_C
#define MBEDTLS_SSL_CLI_C
#define MBEDTLS_SSL_PROTO_TLS1_2
#define MBEDTLS_KEY_EXCHANGE_ECDHE_RSA_ENABLED
#define MBEDTLS_KEY_EXCHANGE_ECDHE_ECDSA_ENABLED
#define MBEDTLS_SSL_EXTENDED_MASTER_SECRET
#define MBEDTLS_SSL_PROTO_TLS1_3
#define MBEDTLS_SSL_TLS1_3_COMPATIBILITY_MODE
#define MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL_ENABLED
#define MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_PSK_EPHEMERAL_ENABLED
#define MBEDTLS_SSL_KEEP_PEER_CERTIFICATE
/* Records of full length: with 8 KiB a session takes 8 KB less, but a client spends more on twice the records, and one
 * that shares the machine slows the whole (measured: pulls at 0.9 of the reference instead of above it). Never together
 * with MBEDTLS_SSL_VARIABLE_BUFFER_LENGTH, which breaks a peer's records of full length. */
#define MBEDTLS_SSL_OUT_CONTENT_LEN 16384
#define MBEDTLS_SSL_ALL_ALERT_MESSAGES
#define MBEDTLS_SSL_ALPN
#define MBEDTLS_SSL_SERVER_NAME_INDICATION
#define MBEDTLS_SSL_SESSION_TICKETS
#define MBEDTLS_SSL_TICKET_C
