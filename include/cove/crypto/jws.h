/*
 * jws: tokens that other parties have signed: compact JWS (RFC 7515 §3.1) with the JSON claims of a JWT (RFC 7519), and
 * the JWK sets (RFC 7517) with their keys. RS256, ES256 and EdDSA over Ed25519 (RFC 7518 §3, RFC 8037); only the key
 * decides which one: a header with another algorithm, or none, is refused (RFC 8725 §3.1). Pure; any thread.
 */
#pragma once
#include <cove/base/err.h>
#include <cove/base/json.h>

#define JWS_MAX 8192          /* the largest token that is parsed, in bytes */
#define JWK_SET_MAX 65536     /* bytes of a set */
#define JWK_SET_KEYS_MAX 64   /* more are ignored */
#define JWK_ID_MAX 255        /* bytes of a kid */
#define JWK_RSA_MAX_BYTES 512 /* of a modulus; RFC 7518 §3.3 requires at least 256 */

enum jwk_kind { JWK_RSA, JWK_P256, JWK_ED25519 };

/* A public key: plain data. */
struct jwk {
	enum jwk_kind kind;
	char id[JWK_ID_MAX + 1]; /* kid; empty: none */
	uint8_t n[JWK_RSA_MAX_BYTES], e[8];
	size_t n_size, e_size;
	uint8_t x[32], y[32]; /* Ed25519 has x only */
};
struct jwk_set {
	struct jwk *keys;
	size_t count;
};
/* Ignores malformed keys, and keys of other kinds or for other uses (RFC 7517 §5). E_USAGE: no key is left, or the text
 * is not a set. */
CHECKED enum rc jwk_set_parse(struct str text, struct jwk_set *out, struct err *err);
void jwk_set_release(struct jwk_set *set);

/* A token, parsed and NOT verified. Texts are borrowed from the token or from the documents. */
struct jws {
	struct json *header, *claims;
	struct str algorithm, key_id; /* key_id empty: none */
	struct str signed_text, signature;
};
/* Whether the text looks like a token. Distinguishes tokens from passwords. */
bool jws_is_one(struct str text);
/* E_TOKEN_INVALID: another form, or critical extensions (RFC 7515 §4.1.11). */
CHECKED enum rc jws_parse(struct str token, struct jws *out, struct err *err);
void jws_release(struct jws *t);
/* The key that the token names, or, if it names none, the only key of its algorithm. NULL: not found. */
const struct jwk *jws_key(const struct jws *t, const struct jwk_set *set);
/* E_TOKEN_INVALID unless that key has signed it by the algorithm that the header names. */
CHECKED enum rc jws_verify(const struct jws *t, const struct jwk *key, struct err *err);
