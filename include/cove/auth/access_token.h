/*
 * access_token: the five-minute JWT that clients carry (docs/clients.md, Tokens, distribution's "Token
 * Authentication"): what it says, signing it, and checking one. The signing key lives in keys/token.seed of the data
 * directory. Any thread.
 */
#pragma once
#include <cove/auth/auth.h>
#include <cove/crypto/jwt.h>

#define ACCESS_TOKEN_LIFE_S 300
#define ACCESS_MAX 512 /* entries of a set: more than the target of a request can ask for */

/* One resource of a scope: `repository:team/app:pull,push`, or `registry:catalog:*`. */
struct access {
	struct str name;  /* as the client wrote it */
	struct str full;  /* what grants and the store know; scope_parse() makes it the name. Empty: it leads nowhere */
	unsigned actions; /* MAY_*; of the catalog MAY_PULL */
	bool is_catalog;
};
struct access_set {
	struct access items[ACCESS_MAX]; /* each name once */
	size_t count;
	bool overflows; /* there were more, which are not in it */
};

/* Adds one `scope` value (space-separated scopes, distribution "Scope" grammar: split at the first and last colon,
 * class in parentheses ignored, unknown types and actions ignored, `*` = all) to the set, united by name. Borrows. */
void scope_parse(struct str value, struct access_set *set);
/* The set as one scope value, in the client's names; who has no action is left out. */
void scope_text(const struct access_set *set, struct buf *out);
/* Which actions on that repository a scope value has. */
unsigned scope_actions(struct str value, struct str repository);
/* Appends one scope. */
void scope_add(struct buf *out, bool is_catalog, struct str name, unsigned actions);

struct token_signer; /* the signing key and a cache of tokens that were checked a moment ago */
/* Reads token.seed in that directory, or makes it (0600, durable). */
CHECKED enum rc token_signer_open(int keys_dirfd, struct auth *auth, struct token_signer **out, struct err *err);
void token_signer_close(struct token_signer *ts);

/* Appends a token of `service` for `who`, for `set` in its full names, which is cut down to what that identity may do.
 * E_HTTP_BAD: that is too much for one token, which must fit into the head of a request. */
#define ACCESS_SCOPE_MAX 8704 /* bytes of a token's scope value: what the target of a request can ask for fits */
CHECKED enum rc access_token_issue(struct token_signer *ts, const struct identity *who, struct str service,
    struct access_set *set, struct buf *out, struct err *err);

/* A checked token: the identity, still valid now, and the scope value of what it allows, in full names (in the arena,
 * never NULL). nbf and exp are judged with 60 s leeway, the audience must be `service`. E_TOKEN_INVALID; E_BUSY when
 * the arena is full. */
#define ACCESS_TOKEN_LEEWAY_S 60
CHECKED enum rc access_token_check(struct token_signer *ts, struct str token, struct str service, struct arena *a,
    struct identity *who, struct str *scope, struct err *err);
/* Appends the public key as a JWK set (RFC 7517). */
void token_signer_jwks(const struct token_signer *ts, struct buf *out);
