/* auth: opening, and proving who someone is: by password, by key, by nothing, by what a token says. */
#include <cove/base/clock.h>
#include <cove/base/log.h>
#include "private.h"

enum rc auth_open(struct db *db, struct auth **out, struct err *err)
{
	struct auth *auth;
	struct db_conn *c;
	int64_t id;

	TRY(db_here(db, &c, err));
	TRY(user_id_of(c, STR(ANONYMOUS), &id, err));
	auth = xcalloc(1, sizeof(*auth));
	auth->db = db;
	auth->cost = password_cost_for_machine();
	auth->throttle = throttle_new();
	auth->right = verified_new();
	auth->wrong = verified_new();
	auth->audit = audit_open(db);
	*out = auth;
	return OK;
}

void auth_close(struct auth *auth)
{
	if (!auth)
		return;
	audit_close(auth->audit);
	throttle_free(auth->throttle);
	verified_free(auth->right);
	verified_free(auth->wrong);
	free(auth);
}

struct audit *auth_audit(struct auth *auth)
{
	return auth->audit;
}

void identity_fill(struct identity *out, int64_t user_id, int64_t key_id, int64_t generation, struct str name)
{
	if (name.n > USER_NAME_MAX)
		bug("the database holds a user name of %zu bytes", name.n);
	*out = (struct identity){.user_id = user_id, .key_id = key_id, .generation = generation};
	memcpy(out->name, name.p, name.n);
	out->is_anonymous = str_eq(name, STR(ANONYMOUS));
	out->is_issuer_rule = str_starts(name, STR(RULE_PREFIX));
}

void auth_note_use(struct db_conn *c, const char *statement, int64_t id, int64_t last, int64_t now)
{
	struct db_stmt *s;
	struct err err;
	enum rc rc;

	/* a clock that went back counts as well: else the row would keep its time from the future */
	if (last <= now && now - last < LAST_USE_S)
		return;
	rc = db_begin(c, &err);
	if (!rc)
		rc = db_prepare(c, statement, &s, &err);
	if (!rc) {
		db_bind_i64(s, ":id", id);
		db_bind_i64(s, ":now", now);
		rc = db_run(s, NULL, &err);
	}
	if (!rc)
		rc = db_commit_lazy(c, &err);
	if (rc) {
		db_rollback(c);
		log_warn("auth.last_use", "error=%s", log_quote(str_of(err.text)));
	}
}

/* ---- passwords ---- */

/* A user's row; id is 0 when there is none that a password could fit. */
struct account {
	int64_t id, generation, last_login_at;
	char password[PASSWORD_HASH_MAX];
};

static enum rc find_account(struct db_conn *c, struct str name, struct account *out, struct err *err)
{
	static const char sql[] = "SELECT id, generation, last_login_at, password FROM users"
				  " WHERE name = :name AND enabled AND password IS NOT NULL";
	struct db_stmt *s;
	struct str password;
	bool row;

	*out = (struct account){0};
	TRY(db_prepare(c, sql, &s, err));
	db_bind_text(s, ":name", name);
	TRY(db_step(s, &row, err));
	if (!row)
		return OK;
	password = db_text(s, 3);
	if (password.n < sizeof(out->password)) {
		out->id = db_i64(s, 0);
		out->generation = db_i64(s, 1);
		out->last_login_at = db_i64(s, 2);
		memcpy(out->password, password.p, password.n);
	}
	db_done(s);
	return OK;
}

/* Keeps a stored hash up with the machine's cost. No failure of this may refuse a login that was right. */
static void rehash(struct auth *auth, struct db_conn *c, const struct account *account, const struct secret *password)
{
	static const char sql[] = "UPDATE users SET password = :new WHERE id = :id AND password = :old";
	char hash[PASSWORD_HASH_MAX];
	struct db_stmt *s;
	struct err err;
	enum rc rc;

	rc = password_hash(hash, password, auth->cost, &err);
	if (!rc)
		rc = db_begin(c, &err);
	if (!rc)
		rc = db_prepare(c, sql, &s, &err);
	if (!rc) {
		db_bind_text(s, ":new", str_of(hash));
		db_bind_text(s, ":old", str_of(account->password));
		db_bind_i64(s, ":id", account->id);
		rc = db_run(s, NULL, &err);
	}
	if (!rc)
		rc = db_commit(c, &err);
	if (rc) {
		db_rollback(c);
		log_warn("auth.rehash", "error=%s", log_quote(str_of(err.text)));
	}
}

/* Argon2, for a user who is there and for one who is not. */
static enum rc ask_argon2(
    struct auth *auth, struct db_conn *c, const struct account *account, const struct secret *password, struct err *err)
{
	if (!account->id) {
		password_check_nobody(password, auth->cost);
		return fail_rc(err, E_BAD_PASSWORD);
	}
	TRY(password_check(account->password, password, err));
	if (password_wants_rehash(account->password, auth->cost))
		rehash(auth, c, account, password);
	return OK;
}

/* The same wrong password again tells a guesser nothing, and machines repeat what they keep, some of them five times at
 * once: it is counted once, and costs no Argon2. */
static enum rc check_password(struct auth *auth, struct db_conn *c, const struct account *account, struct str user,
    const struct secret *password, struct str peer, enum slow slow, struct err *err)
{
	struct tried right = {account->id, account->generation, STR_NONE, STR_NONE, password};
	struct tried wrong = {account->id, account->generation, user, peer, password};
	enum rc rc;

	if (account->id && verified_has(auth->right, &right))
		return OK;
	if (verified_has(auth->wrong, &wrong))
		return fail_rc(err, E_BAD_PASSWORD);
	if (slow == SLOW_NOT_NOW)
		return fail_rc(
		    err, throttle_was_right(auth->throttle, user, peer) ? E_WANT_KNOWN_LANE : E_WANT_PASSWORD_LANE);
	rc = ask_argon2(auth, c, account, password, err);
	if (!rc)
		verified_add(auth->right, &right);
	else if (rc == E_BAD_PASSWORD && verified_add(auth->wrong, &wrong))
		throttle_failed(auth->throttle, user, peer);
	return rc;
}

/* A person looks at the log for who tries what; guessers do not fill it, see audit_tally(). */
static enum rc refused(struct auth *auth, const char *action, struct str user, struct str peer, struct err *err)
{
	log_info("auth.failed", "user=%s peer=%s", log_quote(user), log_quote(peer));
	audit_tally(
	    auth->audit, &(struct audit_entry){.user = user, .peer = peer, .action = str_of(action), .refused = true});
	return fail_rc(err, E_BAD_PASSWORD);
}

enum rc auth_password(struct auth *auth, struct str user, const struct secret *password, struct str peer,
    enum slow slow, struct identity *out, struct err *err)
{
	static const char note[] = "UPDATE users SET last_login_at = :now WHERE id = :id";
	uint8_t hash[CREDENTIAL_HASH_SIZE];
	struct account account;
	struct db_conn *c;
	enum rc rc;

	if (credential_hash(KEY_PREFIX, secret_str(password), hash)) {
		rc = key_use(auth, user, hash, out, err);
		return rc == E_BAD_PASSWORD ? refused(auth, "login.key", user, peer, err) : rc;
	}

	rc = throttle_check(auth->throttle, user, peer, err);
	if (rc) {
		audit_tally(
		    auth->audit, &(struct audit_entry){
				     .user = user, .peer = peer, .action = STR("login.throttled"), .refused = true});
		return rc;
	}
	TRY(db_here(auth->db, &c, err));
	TRY(find_account(c, user, &account, err));
	rc = check_password(auth, c, &account, user, password, peer, slow, err);
	if (rc)
		return rc == E_BAD_PASSWORD ? refused(auth, "login.password", user, peer, err) : rc;
	throttle_succeeded(auth->throttle, user, peer);
	identity_fill(out, account.id, 0, account.generation, user);
	auth_note_use(c, note, account.id, account.last_login_at, clock_wall_s());
	return OK;
}

/* ---- everybody else ---- */

enum rc auth_anonymous(struct auth *auth, struct identity *out, struct err *err)
{
	static const char sql[] = "SELECT id, generation FROM users WHERE name = '" ANONYMOUS "' AND enabled";
	struct db_conn *c;
	struct db_stmt *s;
	bool row;

	TRY(db_here(auth->db, &c, err));
	TRY(db_prepare(c, sql, &s, err));
	TRY(db_step(s, &row, err));
	if (!row)
		return fail_rc(err, E_UNAUTHORIZED);
	identity_fill(out, db_i64(s, 0), 0, db_i64(s, 1), STR(ANONYMOUS));
	db_done(s);
	return OK;
}

enum rc auth_still_valid(
    struct auth *auth, int64_t user_id, int64_t key_id, int64_t generation, struct identity *out, struct err *err)
{
	static const char sql[] =
	    "SELECT u.name FROM users u LEFT JOIN keys k ON k.id = :key AND k.user_id = u.id AND NOT k.revoked"
	    " AND (k.expires_at = 0 OR k.expires_at > :now)"
	    " WHERE u.id = :user AND u.enabled AND u.generation = :generation AND (:key = 0 OR k.id IS NOT NULL)";
	struct db_conn *c;
	struct db_stmt *s;
	bool row;

	TRY(db_here(auth->db, &c, err));
	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":user", user_id);
	db_bind_i64(s, ":key", key_id);
	db_bind_i64(s, ":generation", generation);
	db_bind_i64(s, ":now", clock_wall_s());
	TRY(db_step(s, &row, err));
	if (!row)
		return fail_rc(err, E_TOKEN_INVALID);
	identity_fill(out, user_id, key_id, generation, db_text(s, 0));
	db_done(s);
	return OK;
}
