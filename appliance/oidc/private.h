/* private: what the files of oidc/ share. */
#pragma once
#include <cove/crypto/jws.h>
#include <cove/oidc/oidc.h>
#include <cove/auth/rule_user.h>

struct key_cache;

struct oidc {
	struct db *db;
	struct auth *auth;
	struct key_cache *keys;
};

#define URL_MAX 500
#define CA_PEM_MAX 32768

/* ---- issuers.c ---- */

/* The issuer of that URL, its texts in the arena. *found false: none. */
CHECKED enum rc issuer_find(
    struct oidc *o, struct str url, struct arena *a, struct issuer_info *out, bool *found, struct err *err);
/* The id of the issuer of that name; E_NOT_FOUND. */
CHECKED enum rc issuer_id_of(struct db_conn *c, struct str name, int64_t *id, struct err *err);
/* Between db_begin and db_commit. */
typedef enum rc oidc_change(struct db_conn *c, void *ctx, struct err *err);
CHECKED enum rc oidc_in_transaction(struct oidc *o, oidc_change *fn, void *ctx, struct err *err);

/* ---- rules.c ---- */

/* The user of the first rule that fits; 0: none. One that is disabled fits as well: what it is for stays refused. */
CHECKED enum rc rule_match(
    struct oidc *o, int64_t issuer_id, const struct json *claims, int64_t *user_id, struct err *err);

/* ---- keys.c: keys of issuers that can be asked ---- */

#define KEYS_FRESH_MS (3600 * 1000)      /* then they are fetched anew, beside their use */
#define KEYS_STALE_MS (24 * 3600 * 1000) /* then they are not used any more, whether others can be had or not */
#define KEYS_TRY_MS (30 * 1000)          /* between two fetches, whatever tokens say */
#define KEYS_FETCH_MS (10 * 1000)        /* discovery and keys together: dockerd gives up after 15 s */
#define KEYS_STALL_MS (3 * 1000)
#define KEYS_WAITERS_MAX 1000

struct key_cache *key_cache_new(struct client *client);
/* Ends what is being fetched; who waits is woken. */
void key_cache_free(struct key_cache *cache);
/* The key that the token names, as oidc_login() says. */
CHECKED enum rc key_cache_find(struct key_cache *cache, const struct issuer_info *issuer, const struct jws *token,
    struct oidc_wake wake, struct jwk *out, struct err *err);
