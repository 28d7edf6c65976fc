/*
 * access_token: the five-minute JWT that clients carry (clients.md 2.1, distribution's "Token Authentication"): what it
 * says, signing it, and checking one. The signing key lives in keys/token.seed of the data directory. Any thread.
 */
#pragma once
#include <cove/auth/auth.h>
#include <cove/crypto/jwt.h>

#define ACCESS_TOKEN_LIFE_S 300
#define ACCESS_MAX 64 /* entries of a token; more scopes than that are ignored */

/* One resource of a scope: `repository:team/app:pull,push`. */
struct access {
	struct str type; /* "repository" or "registry" */
	struct str name;
	unsigned actions; /* MAY_*; for registry:catalog:* MAY_PULL */
};
struct access_set {
	struct access items[ACCESS_MAX]; /* by (type, name) unique */
	size_t count;
};

/* Adds one `scope` value (space-separated scopes, distribution "Scope" grammar: split at the first and last colon,
 * class in parentheses ignored, unknown types and actions ignored, `*` = all) to the set, united by (type, name).
 * Borrows. */
void scope_parse(struct str value, struct access_set *set);
/* The set as one scope value. */
void scope_text(const struct access_set *set, struct buf *out);

struct token_signer; /* the signing key and a cache of tokens that were checked a moment ago */
/* Reads token.seed in that directory, or makes it (0600, durable). */
CHECKED enum rc token_signer_open(int keys_dirfd, struct auth *auth, struct token_signer **out, struct err *err);
void token_signer_close(struct token_signer *ts);

/* Appends a token for `who` with `wanted` cut down to what that identity may do; *granted gets the result (borrowing
 * from wanted). What does not fit into ACCESS_CLAIMS_MAX is left out too. `service` becomes the audience. */
#define ACCESS_CLAIMS_MAX 8192 /* bytes of JSON: the token must fit into the head of a request */
CHECKED enum rc access_token_issue(struct token_signer *ts, const struct identity *who, struct str service,
    const struct access_set *wanted, struct access_set *granted, struct buf *out, struct err *err);

/* A checked token: the identity, still valid now, and what the token allows (strings in the arena). nbf and exp are
 * judged with 60 s leeway, the audience must be `service`. E_TOKEN_INVALID; E_BUSY when the arena is full. */
#define ACCESS_TOKEN_LEEWAY_S 60
CHECKED enum rc access_token_check(struct token_signer *ts, struct str token, struct str service, struct arena *a,
    struct identity *who, struct access_set *allowed, struct err *err);
/* Appends the public key as a JWK set (RFC 7517). */
void token_signer_jwks(const struct token_signer *ts, struct buf *out);
