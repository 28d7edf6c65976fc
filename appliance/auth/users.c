/* users: the rows of `users`, for commands and pages. Every change that must end what was proven before grows
 * generation. */
#include <cove/base/clock.h>
#include "private.h"

enum rc auth_in_transaction(struct auth *auth, auth_change *fn, void *ctx, struct err *err)
{
	struct db_conn *c;
	enum rc rc;

	TRY(db_here(auth->db, &c, err));
	if (db_in_transaction(c)) /* of auth_together() */
		return fn(c, ctx, err);
	TRY(db_begin(c, err));
	rc = fn(c, ctx, err);
	if (!rc)
		rc = db_commit(c, err);
	if (rc)
		db_rollback(c);
	return rc;
}

struct together {
	struct auth *auth;
	auth_changes *fn;
	void *ctx;
};

static enum rc run_together(struct db_conn *c, void *ctx, struct err *err)
{
	const struct together *t = ctx;

	(void)c;
	return t->fn(t->auth, t->ctx, err);
}

enum rc auth_together(struct auth *auth, auth_changes *fn, void *ctx, struct err *err)
{
	return auth_in_transaction(auth, run_together, &(struct together){auth, fn, ctx}, err);
}

enum rc audit_owned(struct db_conn *c, const char *action, struct str user, struct str detail, struct err *err)
{
	return audit_actor_is(user) ? audit_repeat(c, action, user, detail, err)
				    : audit_add(c, action, user, detail, err);
}

enum rc admin_remains(struct db_conn *c, struct err *err)
{
	static const char sql[] =
	    "SELECT EXISTS (SELECT 1 FROM users u WHERE u.enabled AND (u.password IS NOT NULL OR EXISTS (SELECT 1"
	    " FROM keys k WHERE k.user_id = u.id AND NOT (k.revoked OR k.narrowed) AND k.expires_at = 0)) AND EXISTS"
	    " (SELECT 1 FROM (SELECT user_id, pattern, actions FROM grants UNION ALL SELECT r.user_id, g.pattern,"
	    " g.actions FROM user_roles r JOIN role_grants g ON g.role_id = r.role_id) a"
	    " WHERE a.user_id = u.id AND a.pattern = '" EVERYTHING "' AND a.actions & 8))";
	struct db_stmt *s;
	bool row, any;

	if (audit_actor_is(STR(AUDIT_CONSOLE)))
		return OK;
	TRY(db_prepare(c, sql, &s, err));
	TRY(db_step(s, &row, err));
	any = row && db_i64(s, 0);
	db_done(s);
	return any ? OK
		   : fail(err, E_CONFLICT,
			 "this user is the last admin who can log in: add another admin first, or use a command on the "
			 "registry's machine");
}

enum rc no_user(struct str name, struct err *err)
{
	return fail(err, E_NOT_FOUND, "the user %.*s does not exist: see `cove user list`",
	    STR_ARG(str_first(name, USER_NAME_MAX)));
}

enum rc user_id_of(struct db_conn *c, struct str name, int64_t *id, struct err *err)
{
	static const char sql[] = "SELECT id FROM users WHERE name = :name";
	struct db_stmt *s;
	bool row;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_text(s, ":name", name);
	TRY(db_step(s, &row, err));
	if (!row)
		return no_user(name, err);
	*id = db_i64(s, 0);
	db_done(s);
	return OK;
}

enum rc user_name_check(struct str name, const char *what, struct err *err)
{
	bool good = name.n >= 1 && name.n <= USER_NAME_MAX && (ascii_is_lower(name.p[0]) || ascii_is_digit(name.p[0]));

	for (size_t i = 0; good && i < name.n; i++)
		good = ascii_is_lower(name.p[i]) || ascii_is_digit(name.p[i]) || str_has(STR("._-"), name.p[i]);
	if (!good)
		return fail(err, E_USAGE,
		    "the name of a %s must begin with a lower-case letter or digit, followed by up to %d of these or . "
		    "_ -",
		    what, USER_NAME_MAX - 1);
	return OK;
}

static enum rc password_allowed(const struct secret *password, struct err *err)
{
	uint8_t hash[CREDENTIAL_HASH_SIZE];

	if (password->n < PASSWORD_MIN_BYTES)
		return fail(err, E_USAGE, "the password is too short: use at least %d characters", PASSWORD_MIN_BYTES);
	if (credential_hash(KEY_PREFIX, secret_str(password), hash))
		return fail(err, E_USAGE, "this password has the form of a key: choose another one");
	return OK;
}

static enum rc not_anonymous(struct str name, const char *what, struct err *err)
{
	if (str_eq(name, STR(ANONYMOUS)))
		return fail(err, E_USAGE, "%s stands for everybody without a login and cannot %s", ANONYMOUS, what);
	return OK;
}

static enum rc is_taken(struct str name, struct err *err)
{
	return fail(err, E_EXISTS, "the user %.*s already exists", STR_ARG(name));
}

struct change {
	struct str name;
	const char *hash; /* NULL: a robot */
	bool enabled;
};

static enum rc add(struct db_conn *c, void *ctx, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO users (name, kind, password, created_at) VALUES (:name, :kind, :password, :now)";
	const struct change *change = ctx;
	struct db_stmt *s;
	enum rc rc;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_text(s, ":name", change->name);
	db_bind_i64(s, ":kind", change->hash ? USER_PERSON : USER_ROBOT);
	if (change->hash)
		db_bind_text(s, ":password", str_of(change->hash));
	else
		db_bind_null(s, ":password");
	db_bind_i64(s, ":now", clock_wall_s());
	rc = db_run(s, NULL, err);
	if (rc == E_EXISTS)
		return is_taken(change->name, err);
	TRY(rc);
	return audit_add(c, "user.add", change->name, change->hash ? STR_NONE : STR("robot"), err);
}

static enum rc find_user(struct auth *auth, struct str name, struct db_conn **c, bool *found, struct err *err)
{
	int64_t id;
	enum rc rc;

	TRY(db_here(auth->db, c, err));
	rc = user_id_of(*c, name, &id, err);
	*found = !rc;
	return rc == E_NOT_FOUND ? OK : rc;
}

/* Names that stand for others: in the audit log, and those of the robots of issuers' rules. */
static enum rc new_name_check(struct str name, struct err *err)
{
	TRY(user_name_check(name, "user", err));
	if (str_eq(name, STR(AUDIT_CONSOLE)) || str_starts(name, STR(RULE_PREFIX)))
		return fail(err, E_USAGE, "%.*s is reserved: choose another name", STR_ARG(name));
	return OK;
}

enum rc user_may_be_added(struct auth *auth, struct str name, struct err *err)
{
	struct db_conn *c;
	bool found;

	TRY(new_name_check(name, err));
	TRY(find_user(auth, name, &c, &found, err));
	return found ? is_taken(name, err) : OK;
}

enum rc user_add(struct auth *auth, struct str name, const struct secret *password, struct err *err)
{
	char hash[PASSWORD_HASH_MAX];

	TRY(new_name_check(name, err));
	TRY(password_allowed(password, err));
	TRY(password_hash(hash, password, auth->cost, err));
	return auth_in_transaction(auth, add, &(struct change){.name = name, .hash = hash}, err);
}

enum rc user_add_robot(struct auth *auth, struct str name, struct err *err)
{
	TRY(new_name_check(name, err));
	return auth_in_transaction(auth, add, &(struct change){.name = name}, err);
}

static enum rc is_person(struct db_conn *c, struct str name, struct err *err)
{
	static const char sql[] = "SELECT kind FROM users WHERE name = :name";
	enum user_kind kind = USER_PERSON;
	struct db_stmt *s;
	bool row;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_text(s, ":name", name);
	TRY(db_step(s, &row, err));
	if (row)
		kind = (enum user_kind)db_i64(s, 0);
	db_done(s);
	return kind == USER_PERSON
		   ? OK
		   : fail(err, E_USAGE,
			 "%.*s is a robot and cannot have a password: create a key with `cove key create`",
			 STR_ARG(name));
}

enum rc user_may_have_password(struct auth *auth, struct str name, struct err *err)
{
	struct db_conn *c;
	bool found;

	TRY(not_anonymous(name, "have a password", err));
	TRY(find_user(auth, name, &c, &found, err));
	return found ? is_person(c, name, err) : no_user(name, err);
}

/* Who had the old password may have made keys with it. These stay, since machines live by them: who changes
 * the password is told how many there are, and has key_revoke_all(). */
static enum rc set_password(struct db_conn *c, void *ctx, struct err *err)
{
	static const char update[] =
	    "UPDATE users SET password = :password, generation = generation + 1 WHERE name = :name";
	const struct change *change = ctx;
	struct db_stmt *s;
	int64_t changes;

	TRY(is_person(c, change->name, err));
	TRY(db_prepare(c, update, &s, err));
	db_bind_text(s, ":password", str_of(change->hash));
	db_bind_text(s, ":name", change->name);
	TRY(db_run(s, &changes, err));
	if (!changes)
		return no_user(change->name, err);
	return audit_add(c, "user.password", change->name, STR_NONE, err);
}

enum rc user_set_password(struct auth *auth, struct str name, const struct secret *password, struct err *err)
{
	char hash[PASSWORD_HASH_MAX];

	TRY(not_anonymous(name, "have a password", err));
	TRY(password_allowed(password, err));
	TRY(password_hash(hash, password, auth->cost, err));
	return auth_in_transaction(auth, set_password, &(struct change){.name = name, .hash = hash}, err);
}

enum rc own_password_set(struct auth *auth, const struct identity *who, const struct secret *old,
    const struct secret *password, struct str peer, enum slow slow, struct err *err)
{
	uint8_t hash[CREDENTIAL_HASH_SIZE];
	struct identity proven;

	if (who->is_anonymous || credential_hash(KEY_PREFIX, secret_str(old), hash))
		return fail_rc(err, E_BAD_PASSWORD);
	TRY(password_allowed(password, err));
	if (slow == SLOW_NOT_NOW) /* the new hash needs Argon2 in any case */
		return fail_rc(err, E_WANT_PASSWORD_LANE);
	TRY(auth_password(auth, str_of(who->name), old, peer, slow, &proven, err));
	return user_set_password(auth, str_of(who->name), password, err);
}

static enum rc set_enabled(struct db_conn *c, void *ctx, struct err *err)
{
	static const char sql[] = "UPDATE users SET enabled = :enabled, generation = generation + 1 WHERE name = :name";
	const struct change *change = ctx;
	struct db_stmt *s;
	int64_t changes;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":enabled", change->enabled);
	db_bind_text(s, ":name", change->name);
	TRY(db_run(s, &changes, err));
	if (!changes)
		return no_user(change->name, err);
	TRY(admin_remains(c, err));
	return audit_add(c, change->enabled ? "user.enable" : "user.disable", change->name, STR_NONE, err);
}

enum rc user_set_enabled(struct auth *auth, struct str name, bool enabled, struct err *err)
{
	return auth_in_transaction(auth, set_enabled, &(struct change){.name = name, .enabled = enabled}, err);
}

/* Grants and keys go with the row (ON DELETE CASCADE). */
static enum rc remove_user(struct db_conn *c, void *ctx, struct err *err)
{
	static const char sql[] = "DELETE FROM users WHERE name = :name";
	const struct change *change = ctx;
	struct db_stmt *s;
	int64_t changes;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_text(s, ":name", change->name);
	TRY(db_run(s, &changes, err));
	if (!changes)
		return no_user(change->name, err);
	TRY(admin_remains(c, err));
	return audit_add(c, "user.remove", change->name, STR_NONE, err);
}

enum rc user_remove(struct auth *auth, struct str name, struct err *err)
{
	TRY(not_anonymous(name, "be removed: disable it, or revoke its grants", err));
	if (str_starts(name, STR(RULE_PREFIX)))
		return fail(err, E_USAGE, "%.*s belongs to a rule: remove it with `cove issuer unrule`", STR_ARG(name));
	return auth_in_transaction(auth, remove_user, &(struct change){.name = name}, err);
}

enum rc user_count(struct auth *auth, int64_t *count, struct err *err)
{
	static const char sql[] = "SELECT count(*) FROM users WHERE name <> '" ANONYMOUS "'";
	struct db_conn *c;
	struct db_stmt *s;
	bool row;

	TRY(db_here(auth->db, &c, err));
	TRY(db_prepare(c, sql, &s, err));
	TRY(db_step(s, &row, err));
	if (!row)
		bug("count(*) without a row");
	*count = db_i64(s, 0);
	db_done(s);
	return OK;
}

enum rc user_list(struct auth *auth, user_fn *each, void *ctx, struct err *err)
{
	static const char sql[] =
	    "SELECT id, name, enabled, password IS NOT NULL, created_at, last_login_at, kind FROM users ORDER BY name";
	struct user_info u;
	struct db_conn *c;
	struct db_stmt *s;
	enum rc rc;
	bool row;

	TRY(db_here(auth->db, &c, err));
	TRY(db_prepare(c, sql, &s, err));
	while (!(rc = db_step(s, &row, err)) && row) {
		u = (struct user_info){
		    .id = db_i64(s, 0),
		    .name = db_text(s, 1),
		    .enabled = db_i64(s, 2),
		    .has_password = db_i64(s, 3),
		    .created_at = db_i64(s, 4),
		    .last_login_at = db_i64(s, 5),
		    .kind = (enum user_kind)db_i64(s, 6),
		};
		rc = each(ctx, &u, err);
		if (rc)
			break;
	}
	db_done(s);
	return rc;
}
