/*
 * auth: users, keys, grants: who someone is and what that person may do. Deny by default: no grant, no right.
 * Any thread; blocks on the database only, but for the password checks, which say so.
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
/* What a request for these actions needs: who pushes asks before what is there, so that needs pull as well. */
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

/* Who a request comes from: plain data, no ownership. */
struct identity {
	int64_t user_id;
	int64_t key_id;     /* 0 unless a key was used: its grants narrow those of the user */
	int64_t generation; /* of the user when the proof was given: goes into tokens, so that they end with it */
	char name[USER_NAME_MAX + 1];
	bool is_anonymous;
	bool is_issuer_rule; /* proven by a token of its issuer, which is short-lived: it gets no login */
	bool is_limited;     /* auth_password() only: by a key that may less than its user, or expires */
};

CHECKED enum rc auth_open(struct db *db, struct auth **out, struct err *err);
void auth_close(struct auth *auth);
/* Where refusals are counted; it lives as long as auth. Every function below that changes something writes its row of
 * the audit log in the same transaction, and auth_password() counts wrong passwords
 * and keys. */
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
/* The identity of who shows no credentials; E_UNAUTHORIZED when `anonymous` is disabled. */
CHECKED enum rc auth_anonymous(struct auth *auth, struct identity *out, struct err *err);
/* The identity inside a token: E_TOKEN_INVALID when the user was removed, disabled or had its generation changed since,
 * or when the key was revoked or has expired. One indexed query: it is on every request's path. */
CHECKED enum rc auth_still_valid(
    struct auth *auth, int64_t user_id, int64_t key_id, int64_t generation, struct identity *out, struct err *err);

/* ---- the decision ---- */

/* What `who` may do with `repository` (its full name; bit set of MAY_*): the union of those grants of the user and of
 * the user's roles, and of those of anonymous, whose pattern matches, cut by the key's grants when a key was used.
 * Users with admin may do everything; whether one is admin is asked with an empty name. */
CHECKED enum rc auth_actions(
    struct auth *auth, const struct identity *who, struct str repository, unsigned *actions, struct err *err);
/* Has `who`, without a key, that one action on everything below `prefix`, by one grant? */
CHECKED enum rc auth_may_all_of(
    struct auth *auth, const struct identity *who, struct str prefix, unsigned action, bool *may, struct err *err);
#define PATTERN_MAX 255 /* bytes of a grant's pattern */

/*
 * ---- management (commands, later the page) ----
 * A user or key that is not there is E_NOT_FOUND, a name that is taken E_EXISTS, what makes no sense E_USAGE, each with
 * a sentence. Callbacks of lists must not call into auth; strings are theirs until they return; what they return other
 * than OK ends the list and is passed on.
 */

/* Several changes as one: what `fn` does by the functions below and those of roles.h is done when it returns OK and
 * this does too, else nothing of it. The database's writers wait meanwhile. */
typedef enum rc auth_changes(struct auth *auth, void *ctx, struct err *err);
CHECKED enum rc auth_together(struct auth *auth, auth_changes *fn, void *ctx, struct err *err);

enum user_kind {
	USER_PERSON,
	USER_ROBOT,       /* never has a password, only keys */
	USER_ISSUER_RULE, /* the robot of an issuer's rule (oidc.h), made and removed with it: neither password nor keys
			   */
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
	const struct grant_info *grants; /* what it may do at most; none: all that its user may */
	size_t grant_count;
};
/* User names: `[a-z0-9][a-z0-9._-]{0,63}`. E_USAGE: not one, or not that of something (`what`) named alike. */
CHECKED enum rc user_name_check(struct str name, const char *what, struct err *err);
CHECKED enum rc user_add(struct auth *auth, struct str name, const struct secret *password, struct err *err);
CHECKED enum rc user_add_robot(struct auth *auth, struct str name, struct err *err);
CHECKED enum rc user_set_password(struct auth *auth, struct str name, const struct secret *password, struct err *err);
/* Of oneself: the old password is proven first, as by auth_password(), with its failures. Logins and tokens end. */
CHECKED enum rc own_password_set(struct auth *auth, const struct identity *who, const struct secret *old,
    const struct secret *password, struct str peer, enum slow slow, struct err *err);
/* Whether user_add() would take that name, and user_set_password() that user: to be known before somebody is asked for
 * a password. */
CHECKED enum rc user_may_be_added(struct auth *auth, struct str name, struct err *err);
CHECKED enum rc user_may_have_password(struct auth *auth, struct str name, struct err *err);
CHECKED enum rc user_set_enabled(struct auth *auth, struct str name, bool enabled, struct err *err);
CHECKED enum rc user_remove(struct auth *auth, struct str name, struct err *err);
CHECKED enum rc user_count(struct auth *auth, int64_t *count, struct err *err); /* without anonymous */
typedef enum rc user_fn(void *ctx, const struct user_info *u, struct err *err);
CHECKED enum rc user_list(struct auth *auth, user_fn *each, void *ctx, struct err *err);
/* Patterns are globs of str_glob() that some repository's name can match. grant_set() makes it these actions and no
 * others, 0 removes it; grant_add() leaves what a grant of that pattern has, *now being all of it. MAY_ADMIN only on
 * "**", and never for anonymous. It counts from the next auth_actions() on, which is asked on each request. */
#define GRANTS_MAX 256 /* of one user */
CHECKED enum rc grant_set(struct auth *auth, struct str user, struct str pattern, unsigned actions, struct err *err);
CHECKED enum rc grant_add(
    struct auth *auth, struct str user, struct str pattern, unsigned actions, unsigned *now, struct err *err);
typedef enum rc grant_fn(void *ctx, const struct grant_info *g, struct err *err);
CHECKED enum rc grant_list(struct auth *auth, struct str user, grant_fn *each, void *ctx, struct err *err);
/* So many keys of a user work at a time; as many that are revoked or have expired stay, to be listed. */
#define KEYS_MAX 256
#define GRANTS_OF_KEY_MAX 64
/* grants: what the key may do at most (count 0: all that its user may); two of one pattern are united. expires_at 0:
 * never. */
CHECKED enum rc key_create(struct auth *auth, struct str user, struct str label, const struct grant_info *grants,
    size_t count, int64_t expires_at, char text[static CREDENTIAL_TEXT_MAX], int64_t *id, struct err *err);
CHECKED enum rc key_revoke(struct auth *auth, int64_t id, struct err *err);
/* Of that user; any other key is E_NOT_FOUND. */
CHECKED enum rc own_key_revoke(struct auth *auth, struct str user, int64_t id, struct err *err);
/* Those that work. */
CHECKED enum rc key_count(struct auth *auth, struct str user, int64_t *count, struct err *err);
CHECKED enum rc key_revoke_all(struct auth *auth, struct str user, int64_t *count, struct err *err);
typedef enum rc key_fn(void *ctx, const struct key_info *k, struct err *err);
CHECKED enum rc key_list(struct auth *auth, struct str user, key_fn *each, void *ctx, struct err *err);
