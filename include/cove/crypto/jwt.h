/*
 * jwt: JSON Web Tokens (RFC 7519) signed with Ed25519 (alg EdDSA, RFC 8037), the only algorithm accepted. Signing keys
 * are 32-byte seeds; `kid` is the RFC 7638 thumbprint of the public key. Pure; any thread.
 */
#pragma once
#include <cove/base/buf.h>
#include <cove/base/err.h>
#include <cove/base/json.h>

#define JWT_SEED_SIZE 32
#define JWT_KID_MAX 44
#define JWT_MAX 16384 /* the largest token that is parsed, in bytes */

struct jwt_key {
	uint8_t secret[64];
	uint8_t public[32];
	char kid[JWT_KID_MAX];
};

/* Wipe with wipe(). */
void jwt_key_from_seed(struct jwt_key *out, const uint8_t seed[static JWT_SEED_SIZE]);
void jwt_make_seed(uint8_t seed[static JWT_SEED_SIZE]);

/* Appends the compact form of `claims` (a JSON object as text) signed by key. */
CHECKED enum rc jwt_sign(const struct jwt_key *key, struct str claims, struct buf *out, struct err *err);
/* Checks form, header (typ JWT, alg EdDSA, our kid) and signature, but not time or audience. *claims is the parsed
 * payload; free it with json_free. E_TOKEN_INVALID otherwise. */
CHECKED enum rc jwt_verify(const struct jwt_key *key, struct str token, struct json **claims, struct err *err);
/* Appends the key's public half as a JWK set (RFC 7517). */
void jwt_jwks(const struct jwt_key *key, struct buf *out);
