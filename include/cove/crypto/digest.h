/*
 * digest: content digests as typed values (OCI image-spec "Digests"): sha256 and sha512, by nettle, which picks the
 * CPU's own instructions. A struct digest from digest_parse() or hasher_end() is valid, and no function checks it
 * again. Pure; any thread, one thread per hasher.
 */
#pragma once
#include <cove/base/err.h>

enum digest_algorithm { DIGEST_SHA256, DIGEST_SHA512 };

struct digest {
	enum digest_algorithm algorithm;
	uint8_t bytes[64]; /* the first 32 or 64 are used, the rest is zero */
};

#define DIGEST_TEXT_MAX 136 /* "sha512:" + 128 + NUL */

/* "sha256:<64 lower-case hex>" or "sha512:<128>"; E_DIGEST_INVALID otherwise. */
CHECKED enum rc digest_parse(struct str s, struct digest *out, struct err *err);
/* "sha256" or "sha512"; for ?digest-algorithm=. */
CHECKED enum rc digest_algorithm_parse(struct str s, enum digest_algorithm *out, struct err *err);
const char *digest_algorithm_name(enum digest_algorithm algorithm);
size_t digest_size(enum digest_algorithm algorithm); /* 32 or 64 bytes */
/* "sha256:<hex>", NUL-terminated. */
void digest_text(char out[static DIGEST_TEXT_MAX], const struct digest *d);
/* Only the hex. */
void digest_hex(char out[static 129], const struct digest *d);
bool digest_eq(const struct digest *a, const struct digest *b);
/* Of bytes in memory. */
void digest_of(struct digest *out, enum digest_algorithm algorithm, struct str bytes);

/* A running hash. Plain data: it may be copied to fork a state. */
struct hasher {
	enum digest_algorithm algorithm;
	_Alignas(16) uint8_t state[256];
};

void hasher_init(struct hasher *h, enum digest_algorithm algorithm);
void hasher_add(struct hasher *h, const void *p, size_t n);
/* The digest of all bytes that were added. The hasher must be initialised again before its next use. */
void hasher_end(struct hasher *h, struct digest *out);

#define HMAC_SHA256_SIZE 32
/* RFC 2104. */
void hmac_sha256(uint8_t out[static HMAC_SHA256_SIZE], struct str key, struct str message);
