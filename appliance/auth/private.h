/*
 * private: what the files of auth/ share. The caches and the throttle have their own locks and never hold one while
 * they call anything else.
 */
#pragma once
#include <cove/auth/auth.h>
#include <cove/crypto/digest.h>

#define KEY_PREFIX "cove_k_"
#define RULE_PREFIX "oidc." /* of the robots of issuers' rules */
/* How old a noted last use may be: each note costs a write, which wears out an SD card. */
#define LAST_USE_S 600

struct throttle;
struct verified;

struct auth {
	struct db *db;
	struct password_cost cost; /* of new hashes */
	struct throttle *throttle;
	struct verified *right, *wrong; /* passwords of a moment ago */
	struct audit *audit;
};

/* ---- verified.c: passwords that were right, or wrong, a moment ago ---- */

#define VERIFIED_LIFE_MS (5 * 60 * 1000)
#define VERIFIED_MAX 1024

struct verified *verified_new(void);
void verified_free(struct verified *v);
struct tried {
	int64_t user_id, generation; /* 0: no such user */
	struct str user, peer;       /* of a wrong one: as it was sent, and from where */
	const struct secret *password;
};
bool verified_has(struct verified *v, const struct tried *tried);
/* False: it is there already, and stays for longer. */
bool verified_add(struct verified *v, const struct tried *tried);

/* ---- throttle.c: failed logins cost the caller time ---- */

struct throttle *throttle_new(void);
void throttle_free(struct throttle *t);
/* E_THROTTLED, with how long to wait in the sentence. */
CHECKED enum rc throttle_check(struct throttle *t, struct str account, struct str peer, struct err *err);
void throttle_failed(struct throttle *t, struct str account, struct str peer);
void throttle_succeeded(struct throttle *t, struct str account, struct str peer);
/* Has it succeeded, as far as is remembered? */
bool throttle_was_right(struct throttle *t, struct str account, struct str peer);

/* ---- users.c ---- */

/* What a statement of several may leave behind: fn between db_begin and db_commit. */
typedef enum rc auth_change(struct db_conn *c, void *ctx, struct err *err);
CHECKED enum rc auth_in_transaction(struct auth *auth, auth_change *fn, void *ctx, struct err *err);
/* The row of a change of a user's keys. What users do with their own, they can repeat at will: that is only
 * counted. */
CHECKED enum rc audit_owned(struct db_conn *c, const char *action, struct str user, struct str detail, struct err *err);
/* E_CONFLICT when the change at hand leaves no admin who can log in, unless it is a command: who manages the registry
 * over the network would lock itself out. */
CHECKED enum rc admin_remains(struct db_conn *c, struct err *err);
/* E_NOT_FOUND with a sentence; no_user() is that failure. */
enum rc no_user(struct str name, struct err *err);
CHECKED enum rc user_id_of(struct db_conn *c, struct str name, int64_t *id, struct err *err);

/* ---- grants.c ---- */

#define MAY_ALL (MAY_PULL | MAY_PUSH | MAY_DELETE | MAY_ADMIN)
#define EVERYTHING "**"

/* pattern.c: could there be a repository whose name it matches? */
bool pattern_fits_any(struct str pattern);
/* E_USAGE when a pattern or its actions (at least one) make no sense. */
CHECKED enum rc grant_check(struct str pattern, unsigned actions, struct err *err);
/* What a grant gives on that repository: nothing when the pattern does not match. */
unsigned grant_gives(struct str pattern, unsigned actions, struct str repository);
/* The rows that an identity's rights are made of: of its user and its roles, and of its key. */
typedef void row_fn(void *ctx, struct str pattern, unsigned actions);
CHECKED enum rc each_user_row(struct db_conn *c, const struct identity *who, row_fn *each, void *ctx, struct err *err);
CHECKED enum rc each_key_row(struct db_conn *c, const struct identity *who, row_fn *each, void *ctx, struct err *err);
/* What narrows an identity: nothing, its key's rows, or everything when the key is not there. */
enum narrowing { NARROWED_NOT, NARROWED_BY_ROWS, NARROWED_TO_NOTHING };
CHECKED enum rc narrowing_of(struct db_conn *c, const struct identity *who, enum narrowing *narrowing, struct err *err);
/* The rows of a list, (pattern, actions) each. */
CHECKED enum rc each_grant(struct db_stmt *s, grant_fn *each, void *ctx, struct err *err);

/* Rows of audit for a grant: "PATTERN: pull,push", or "PATTERN: none". */
#define GRANT_TEXT_MAX (PATTERN_MAX + ACTIONS_TEXT_MAX + 3)
struct str grant_text(char out[static GRANT_TEXT_MAX], struct str pattern, unsigned actions);

/* ---- auth.c ---- */

void identity_fill(struct identity *out, int64_t user_id, int64_t key_id, int64_t generation, struct str name);

/* The last use of a row, noted at most every LAST_USE_S and without waiting for the disk. `statement` has :id and :now.
 * Its failure is logged and harms nobody. */
void auth_note_use(struct db_conn *c, const char *statement, int64_t id, int64_t last, int64_t now);

/* ---- keys.c ---- */

/* The identity behind a key's hash, when `user` owns it; E_BAD_PASSWORD otherwise. */
CHECKED enum rc key_use(struct auth *auth, struct str user, const uint8_t hash[static CREDENTIAL_HASH_SIZE],
    struct identity *out, struct err *err);
