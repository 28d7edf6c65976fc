/*
 * secret: bytes that must not linger: wiped when released, never logged, compared in constant time. Any thread, one at
 * a time per object.
 */
#pragma once
#include <cove/base/err.h>

/* Once per process, before any other call of crypto/: starts libsodium and PSA. Aborts when that fails. */
void crypto_start(void);

#define SECRET_MAX 16384 /* cloud registries take keys and tokens of some KB as passwords */

struct secret {
	size_t n;
	char p[SECRET_MAX + 1]; /* NUL-terminated */
};

/* False when s is longer than SECRET_MAX or has a NUL byte. */
bool secret_set(struct secret *secret, struct str s);
/* All that a file or pipe has, without its last line end (so it may become empty). E_USAGE with a sentence: nothing at
 * all, too much, a NUL, or it cannot be read. */
CHECKED enum rc secret_read(struct secret *secret, int fd, struct err *err);
void secret_wipe(struct secret *secret);
struct str secret_str(const struct secret *secret);
void wipe(void *p, size_t n);
/* Constant time in the content (not in the length). */
bool bytes_eq(const void *a, const void *b, size_t n);

/*
 * A credential made by us: prefix + 43 base64url characters of 256 random bits + 6 of a checksum, so that a scanner or
 * a typo check needs no database. Kept only as its SHA-256.
 */
#define CREDENTIAL_TEXT_MAX 64
#define CREDENTIAL_HASH_SIZE 32
/* prefix: "cove_k_" for keys; at most 12 characters. */
void credential_make(
    const char *prefix, char text[static CREDENTIAL_TEXT_MAX], uint8_t hash[static CREDENTIAL_HASH_SIZE]);
/* True when text has that prefix and a right checksum; then hash is filled. */
bool credential_hash(const char *prefix, struct str text, uint8_t hash[static CREDENTIAL_HASH_SIZE]);

/* A password for a person to read from a terminal: 20 characters of 32 that are not confused with each other, in groups
 * ("k7mp-w3xn-..."), 100 bits. */
#define PASSWORD_TEXT_MAX 32
void password_make(char out[static PASSWORD_TEXT_MAX]);
