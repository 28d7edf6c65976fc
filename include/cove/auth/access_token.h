/*
 * access_token: the five-minute JWT that clients carry (docs/clients.md, Tokens, distribution's "Token
 * Authentication"): its content, signing and checking. The signing key lives in keys/token.seed of the data directory.
 * Any thread.
 */
#pragma once
#include <cove/auth/auth.h>
#include <cove/crypto/jwt.h>

#define ACCESS_TOKEN_LIFE_S 300
#define ACCESS_MAX 512 /* entries of a set; the URL of a request cannot contain more */

/* One resource of a scope: `repository:team/app:pull,push`, or `registry:catalog:*`. */
struct access {
	struct str name;  /* as the client wrote it */
	struct str full;  /* as in grants and the store; scope_parse() sets it to `name`. Empty: no such place */
	unsigned actions; /* MAY_*; of the catalog MAY_PULL */
	bool is_catalog;
};
struct access_set {
	struct access items[ACCESS_MAX]; /* each name once */
	size_t count;
	bool overflows; /* some did not fit and are missing */
};

/* Adds one `scope` value (space-separated scopes, distribution "Scope" grammar: split at the first and last colon,
 * class in parentheses ignored, unknown types and actions ignored, `*` = all) to the set, with the actions of each name
 * combined. Borrows. */
void scope_parse(struct str value, struct access_set *set);
/* The set as one scope value, with the client's names; entries without actions are left out. */
void scope_text(const struct access_set *set, struct buf *out);
/* The actions of a scope value on that repository. */
unsigned scope_actions(struct str value, struct str repository);
/* Appends one scope. */
void scope_add(struct buf *out, bool is_catalog, struct str name, unsigned actions);

struct token_signer; /* the signing key and a cache of recently checked tokens */
/* Reads token.seed in that directory, or creates it (0600, durable). */
CHECKED enum rc token_signer_open(int keys_dirfd, struct auth *auth, struct token_signer **out, struct err *err);
void token_signer_close(struct token_signer *ts);

/* Appends a token of `service` for `who`, for `set` with full names, limited to the rights of that identity.
 * E_HTTP_BAD: the result is too large for one token, which must fit into the header of a request. */
#define ACCESS_SCOPE_MAX 8704 /* bytes of a token's scope value; every scope that fits into a URL fits */
CHECKED enum rc access_token_issue(struct token_signer *ts, const struct identity *who, struct str service,
    struct access_set *set, struct buf *out, struct err *err);

/* A checked token: the identity, which is still valid, and the scope value that it allows, with full names (in the
 * arena, never NULL). nbf and exp have 60 s of leeway; the audience must be `service`. E_TOKEN_INVALID; E_BUSY when the
 * arena is full. */
#define ACCESS_TOKEN_LEEWAY_S 60
CHECKED enum rc access_token_check(struct token_signer *ts, struct str token, struct str service, struct arena *a,
    struct identity *who, struct str *scope, struct err *err);
/* Appends the public key as a JWK set (RFC 7517). */
void token_signer_jwks(const struct token_signer *ts, struct buf *out);
