/*
 * stock: mbedTLS's own GCM, ChaCha20-Poly1305 and SHA-256, compiled a second time under names of ours (the *_orig.c
 * files): what the accelerated ones fall back to, and what the tests and the benchmark compare them with. Contracts are
 * those of the mbedTLS functions they were. A context is stock_*_size bytes, aligned for any object.
 */
#pragma once
#include "mbedtls/chachapoly.h"
#include "mbedtls/cipher.h"
#include <stddef.h>

struct stock_gcm;
extern const size_t stock_gcm_size;
void stock_gcm_init(struct stock_gcm *ctx);
void stock_gcm_free(struct stock_gcm *ctx);
int stock_gcm_setkey(struct stock_gcm *ctx, mbedtls_cipher_id_t cipher, const unsigned char *key, unsigned int keybits);
int stock_gcm_starts(struct stock_gcm *ctx, int mode, const unsigned char *iv, size_t iv_len);
int stock_gcm_update_ad(struct stock_gcm *ctx, const unsigned char *add, size_t add_len);
int stock_gcm_update(struct stock_gcm *ctx, const unsigned char *input, size_t input_length, unsigned char *output,
    size_t output_size, size_t *output_length);
int stock_gcm_finish(struct stock_gcm *ctx, unsigned char *output, size_t output_size, size_t *output_length,
    unsigned char *tag, size_t tag_len);
int stock_gcm_crypt_and_tag(struct stock_gcm *ctx, int mode, size_t length, const unsigned char *iv, size_t iv_len,
    const unsigned char *add, size_t add_len, const unsigned char *input, unsigned char *output, size_t tag_len,
    unsigned char *tag);
int stock_gcm_auth_decrypt(struct stock_gcm *ctx, size_t length, const unsigned char *iv, size_t iv_len,
    const unsigned char *add, size_t add_len, const unsigned char *tag, size_t tag_len, const unsigned char *input,
    unsigned char *output);

struct stock_chachapoly;
extern const size_t stock_chachapoly_size;
void stock_chachapoly_init(struct stock_chachapoly *ctx);
void stock_chachapoly_free(struct stock_chachapoly *ctx);
int stock_chachapoly_setkey(struct stock_chachapoly *ctx, const unsigned char key[32]);
int stock_chachapoly_starts(
    struct stock_chachapoly *ctx, const unsigned char nonce[12], mbedtls_chachapoly_mode_t mode);
int stock_chachapoly_update_aad(struct stock_chachapoly *ctx, const unsigned char *aad, size_t aad_len);
int stock_chachapoly_update(
    struct stock_chachapoly *ctx, size_t len, const unsigned char *input, unsigned char *output);
int stock_chachapoly_finish(struct stock_chachapoly *ctx, unsigned char mac[16]);
int stock_chachapoly_encrypt_and_tag(struct stock_chachapoly *ctx, size_t length, const unsigned char nonce[12],
    const unsigned char *aad, size_t aad_len, const unsigned char *input, unsigned char *output, unsigned char tag[16]);
int stock_chachapoly_auth_decrypt(struct stock_chachapoly *ctx, size_t length, const unsigned char nonce[12],
    const unsigned char *aad, size_t aad_len, const unsigned char tag[16], const unsigned char *input,
    unsigned char *output);

/* One call: digest of ilen bytes; nothing but tests uses the stock SHA-256. */
int stock_sha256(const unsigned char *input, size_t ilen, unsigned char *output, int is224);
