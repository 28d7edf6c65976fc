/*
 * secret: bytes that must not stay in memory: wiped when released, never logged, compared in constant time. Any thread,
 * one at a time per object.
 */
#pragma once
#include <cove/base/err.h>

/* Once per process, before any other call of crypto/: starts libsodium and PSA. Aborts when that fails. */
void crypto_start(void);

#define SECRET_MAX 16384 /* passwords of cloud registries can be keys and tokens of several KB */

struct secret {
	size_t n;
	char p[SECRET_MAX + 1]; /* NUL-terminated */
};

/* False when s is longer than SECRET_MAX or has a NUL byte. */
bool secret_set(struct secret *secret, struct str s);
/* Reads a whole file or pipe, without its last line end (so the result may be empty). E_USAGE with a sentence: empty
 * input, too long, a NUL, or not readable. */
CHECKED enum rc secret_read(struct secret *secret, int fd, struct err *err);
void secret_wipe(struct secret *secret);
struct str secret_str(const struct secret *secret);
void wipe(void *p, size_t n);
/* Constant time in the content (not in the length). */
bool bytes_eq(const void *a, const void *b, size_t n);

/*
 * A credential that cove creates: prefix + 43 base64url characters of 256 random bits + 6 characters of a checksum, so
 * that secret scanners and checks for typing errors need no database. Only its SHA-256 is stored.
 */
#define CREDENTIAL_TEXT_MAX 64
#define CREDENTIAL_HASH_SIZE 32
/* prefix: "cove_k_" for keys; at most 12 characters. */
void credential_make(
    const char *prefix, char text[static CREDENTIAL_TEXT_MAX], uint8_t hash[static CREDENTIAL_HASH_SIZE]);
/* True when text has that prefix and a right checksum; then hash is filled. */
bool credential_hash(const char *prefix, struct str text, uint8_t hash[static CREDENTIAL_HASH_SIZE]);

/* A password that a person can read from a terminal: 20 characters from an alphabet of 32 that are easy to tell apart,
 * in groups ("k7mp-w3xn-..."), 100 bits. */
#define PASSWORD_TEXT_MAX 32
void password_make(char out[static PASSWORD_TEXT_MAX]);
