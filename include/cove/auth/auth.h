/*
 * auth: users, keys and grants: authentication and authorization. Everything is denied by default: a right needs a
 * grant. Any thread. Blocks only on the database, except for password checks, which are marked.
 */
#pragma once
#include <cove/base/arena.h>
#include <cove/audit/audit.h>
#include <cove/db/db.h>
#include <cove/crypto/password.h>

struct auth;

/* A set of actions on a repository. */
enum {
	MAY_PULL = 1,
	MAY_PUSH = 2,
	MAY_DELETE = 4,
	MAY_ADMIN = 8, /* of the registry itself: only meaningful on pattern "**" */
};
/* The rights that a request for these actions needs: a client that pushes first asks which content exists, so a push
 * also needs pull. */
static inline unsigned actions_needed(unsigned actions)
{
	return actions & MAY_PUSH ? actions | MAY_PULL : actions;
}
/* "pull,push", "*" (pull, push and delete), "admin" (all four). E_USAGE with a sentence. */
CHECKED enum rc actions_parse(struct str s, unsigned *out, struct err *err);
/* "pull,push" into out. */
#define ACTIONS_TEXT_MAX 32
void actions_text(char out[static ACTIONS_TEXT_MAX], unsigned actions);

#define USER_NAME_MAX 64
#define ANONYMOUS "anonymous" /* a user like any other: present from the start, no password, no grant */

/* The identity of a requester: plain data, owns nothing. */
struct identity {
	int64_t user_id;
	int64_t key_id;     /* 0 unless a key was used: its grants limit those of the user */
	int64_t generation; /* the user's at the time of the login: tokens contain it and expire when it changes */
	char name[USER_NAME_MAX + 1];
	bool is_anonymous;
	bool is_issuer_rule; /* authenticated by a short-lived token of its issuer: it cannot get a login */
	bool is_limited;     /* set only by auth_password(): the key has fewer rights than its user, or expires */
};

CHECKED enum rc auth_open(struct db *db, struct auth **out, struct err *err);
void auth_close(struct auth *auth);
/* The audit log, which counts refusals; it lives as long as auth. Every function below that changes something writes
 * its audit row in the same transaction. auth_password() counts wrong passwords and keys. */
struct audit *auth_audit(struct auth *auth);

/* ---- proving who someone is ---- */

enum slow { SLOW_NOT_NOW, SLOW_ALLOWED };

/*
 * User name and password, or user name and key. A key, and a password that this process has checked within the last
 * five minutes, is answered from memory or by one hash; anything else needs Argon2: with SLOW_NOT_NOW the answer is
 * then E_WANT_PASSWORD_LANE, or E_WANT_KNOWN_LANE where this user has logged in from that network before, and nothing
 * has happened. Unknown user, wrong password, disabled user: all are
 * E_BAD_PASSWORD after the same time; so are a revoked, expired or unknown key and a key of another user, at once.
 * E_THROTTLED after too many failures of this address or for this account (never for keys), each wrong password counted
 * once. `peer` is the client's address as text.
 */
CHECKED enum rc auth_password(struct auth *auth, struct str user, const struct secret *password, struct str peer,
    enum slow slow, struct identity *out, struct err *err);
/* The identity of a requester without credentials; E_UNAUTHORIZED when `anonymous` is disabled. */
CHECKED enum rc auth_anonymous(struct auth *auth, struct identity *out, struct err *err);
/* The identity inside a token: E_TOKEN_INVALID when the user was removed, disabled or had its generation changed since,
 * or when the key was revoked or has expired. It makes one indexed query, because every request needs it. */
CHECKED enum rc auth_still_valid(
    struct auth *auth, int64_t user_id, int64_t key_id, int64_t generation, struct identity *out, struct err *err);

/* ---- the decision ---- */

/* The actions that `who` may do on `repository` (its full name; bit set of MAY_*): the union of those grants of the
 * user and of the user's roles, and of those of anonymous, whose pattern matches, limited by the key's grants when a
 * key was used. Users with admin may do everything; an empty name asks only for admin. */
CHECKED enum rc auth_actions(
    struct auth *auth, const struct identity *who, struct str repository, unsigned *actions, struct err *err);
/* Whether one grant gives `who`, without a key, that action on everything below `prefix`. */
CHECKED enum rc auth_may_all_of(
    struct auth *auth, const struct identity *who, struct str prefix, unsigned action, bool *may, struct err *err);
#define PATTERN_MAX 255 /* bytes of a grant's pattern */

/*
 * ---- management (commands, later the page) ---- A missing user or key is E_NOT_FOUND, a name in use E_EXISTS, an
 * invalid argument E_USAGE, each with a sentence. Callbacks of lists must not call auth. Their strings are valid until
 * they return. If they return another code than OK, the list ends and returns that code.
 */

/* Several changes in one transaction: the changes that `fn` makes through the functions below and those of roles.h take
 * effect together when it returns OK and this returns OK; otherwise none does. Other writers of the database wait
 * meanwhile. */
typedef enum rc auth_changes(struct auth *auth, void *ctx, struct err *err);
CHECKED enum rc auth_together(struct auth *auth, auth_changes *fn, void *ctx, struct err *err);

enum user_kind {
	USER_PERSON,
	USER_ROBOT,       /* never has a password, only keys */
	USER_ISSUER_RULE, /* the user of an issuer's rule (oidc.h), created and removed with the rule; no password, no
			     keys */
};
struct user_info {
	int64_t id;
	struct str name;
	enum user_kind kind;
	bool enabled;
	bool has_password;
	int64_t created_at, last_login_at; /* 0: never */
};
struct grant_info {
	struct str pattern;
	unsigned actions;
};
struct key_info {
	int64_t id;
	struct str user, label;
	int64_t created_at, expires_at, last_used_at; /* expires_at 0: never */
	bool revoked;
	const struct grant_info *grants; /* limits of the key; empty: everything that its user may do */
	size_t grant_count;
};
/* User names: `[a-z0-9][a-z0-9._-]{0,63}`. E_USAGE: not valid. `what` names the object in the sentence, for other
 * objects with such names. */
CHECKED enum rc user_name_check(struct str name, const char *what, struct err *err);
CHECKED enum rc user_add(struct auth *auth, struct str name, const struct secret *password, struct err *err);
CHECKED enum rc user_add_robot(struct auth *auth, struct str name, struct err *err);
CHECKED enum rc user_set_password(struct auth *auth, struct str name, const struct secret *password, struct err *err);
/* Changes the user's own password: checks the old one first like auth_password(), with the same errors. Logins and
 * tokens end. */
CHECKED enum rc own_password_set(struct auth *auth, const struct identity *who, const struct secret *old,
    const struct secret *password, struct str peer, enum slow slow, struct err *err);
/* Whether user_add() would accept that name, and user_set_password() that user; for a check before the prompt for a
 * password. */
CHECKED enum rc user_may_be_added(struct auth *auth, struct str name, struct err *err);
CHECKED enum rc user_may_have_password(struct auth *auth, struct str name, struct err *err);
CHECKED enum rc user_set_enabled(struct auth *auth, struct str name, bool enabled, struct err *err);
CHECKED enum rc user_remove(struct auth *auth, struct str name, struct err *err);
CHECKED enum rc user_count(struct auth *auth, int64_t *count, struct err *err); /* without anonymous */
typedef enum rc user_fn(void *ctx, const struct user_info *u, struct err *err);
CHECKED enum rc user_list(struct auth *auth, user_fn *each, void *ctx, struct err *err);
/* Patterns are globs of str_glob() that some repository's name can match. grant_set() replaces the actions of the grant
 * on that pattern; 0 removes the grant. grant_add() adds actions, and *now gets all actions of the grant. MAY_ADMIN is
 * allowed only on "**" and never for anonymous. A change takes effect with the next auth_actions(), which each request
 * calls. */
#define GRANTS_MAX 256 /* of one user */
CHECKED enum rc grant_set(struct auth *auth, struct str user, struct str pattern, unsigned actions, struct err *err);
CHECKED enum rc grant_add(
    struct auth *auth, struct str user, struct str pattern, unsigned actions, unsigned *now, struct err *err);
typedef enum rc grant_fn(void *ctx, const struct grant_info *g, struct err *err);
CHECKED enum rc grant_list(struct auth *auth, struct str user, grant_fn *each, void *ctx, struct err *err);
/* The number of valid keys that a user can have; as many revoked or expired ones are kept for lists. */
#define KEYS_MAX 256
#define GRANTS_OF_KEY_MAX 64
/* grants: limits of the key (count 0: everything that its user may do); two grants on one pattern are combined.
 * expires_at 0: never. */
CHECKED enum rc key_create(struct auth *auth, struct str user, struct str label, const struct grant_info *grants,
    size_t count, int64_t expires_at, char text[static CREDENTIAL_TEXT_MAX], int64_t *id, struct err *err);
CHECKED enum rc key_revoke(struct auth *auth, int64_t id, struct err *err);
/* Revokes a key of that user; any other key is E_NOT_FOUND. */
CHECKED enum rc own_key_revoke(struct auth *auth, struct str user, int64_t id, struct err *err);
/* The number of valid keys. */
CHECKED enum rc key_count(struct auth *auth, struct str user, int64_t *count, struct err *err);
CHECKED enum rc key_revoke_all(struct auth *auth, struct str user, int64_t *count, struct err *err);
typedef enum rc key_fn(void *ctx, const struct key_info *k, struct err *err);
CHECKED enum rc key_list(struct auth *auth, struct str user, key_fn *each, void *ctx, struct err *err);
