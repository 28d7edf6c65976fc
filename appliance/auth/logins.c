/* logins: the refresh tokens that clients keep in place of a password (docs/clients.md, Tokens 17). */
#include <cove/base/clock.h>
#include "private.h"

#define CLIENT_MAX 100

struct new_login {
	const struct identity *who;
	char client[CLIENT_MAX];
	size_t client_n;
	uint8_t hash[CREDENTIAL_HASH_SIZE];
};

/* The row is made only while the proof still holds: a password may have been changed since. */
static enum rc add_login(struct db_conn *c, void *ctx, struct err *err)
{
	static const char insert[] = "INSERT INTO logins (user_id, key_id, hash, client, created_at, last_used_at)"
				     " SELECT id, nullif(:key, 0), :hash, :client, :now, :now FROM users"
				     " WHERE id = :user AND enabled AND generation = :generation";
	static const char trim[] =
	    "DELETE FROM logins WHERE user_id = :user AND (last_used_at < :idle OR id IN"
	    " (SELECT id FROM logins WHERE user_id = :user ORDER BY last_used_at DESC, id DESC LIMIT -1 OFFSET :max))";
	const struct new_login *login = ctx;
	int64_t now = clock_wall_s(), changes;
	struct db_stmt *s;

	TRY(db_prepare(c, insert, &s, err));
	db_bind_i64(s, ":user", login->who->user_id);
	db_bind_i64(s, ":key", login->who->key_id);
	db_bind_i64(s, ":generation", login->who->generation);
	db_bind_blob(s, ":hash", (struct str){(const char *)login->hash, sizeof(login->hash)});
	db_bind_text(s, ":client", (struct str){login->client, login->client_n});
	db_bind_i64(s, ":now", now);
	TRY(db_run(s, &changes, err));
	if (!changes)
		return fail_rc(err, E_TOKEN_INVALID);

	TRY(db_prepare(c, trim, &s, err));
	db_bind_i64(s, ":user", login->who->user_id);
	db_bind_i64(s, ":idle", now - LOGIN_IDLE_S);
	db_bind_i64(s, ":max", LOGINS_MAX);
	return db_run(s, NULL, err);
}

enum rc login_make(struct auth *auth, const struct identity *who, struct str client,
    char text[static CREDENTIAL_TEXT_MAX], struct err *err)
{
	struct new_login login = {.who = who};
	char made[CREDENTIAL_TEXT_MAX];
	enum rc rc;

	if (who->is_anonymous)
		return fail(err, E_USAGE, "%s has nothing to log in with", ANONYMOUS);
	if (who->is_issuer_rule) /* it would outlive the token by months */
		return fail(err, E_USAGE, "%s is proven by tokens of its issuer only", who->name);
	client = str_first(client, CLIENT_MAX);
	for (; login.client_n < client.n; login.client_n++) {
		char byte = client.p[login.client_n];

		login.client[login.client_n] = byte >= ' ' && byte <= '~' ? byte : '?';
	}
	credential_make(LOGIN_PREFIX, made, login.hash);
	rc = auth_in_transaction(auth, add_login, &login, err);
	if (!rc) {
		audit_count(auth->audit, "login.make", str_of(who->name), (struct str){login.client, login.client_n});
		memcpy(text, made, sizeof(made));
	}
	wipe(made, sizeof(made));
	return rc;
}

enum rc login_use(struct auth *auth, struct str text, struct identity *out, struct err *err)
{
	static const char sql[] =
	    "SELECT l.id, l.last_used_at, u.id, coalesce(l.key_id, 0), u.generation, u.name"
	    " FROM logins l JOIN users u ON u.id = l.user_id LEFT JOIN keys k ON k.id = l.key_id"
	    " WHERE l.hash = :hash AND l.last_used_at >= :idle AND u.enabled AND (l.key_id IS NULL OR"
	    " (NOT k.revoked AND (k.expires_at = 0 OR k.expires_at > :now)))";
	static const char note[] = "UPDATE logins SET last_used_at = :now WHERE id = :id";
	uint8_t hash[CREDENTIAL_HASH_SIZE];
	int64_t now = clock_wall_s(), id, last;
	struct db_conn *c;
	struct db_stmt *s;
	bool row;

	if (!credential_hash(LOGIN_PREFIX, text, hash))
		return fail_rc(err, E_TOKEN_INVALID);
	TRY(db_here(auth->db, &c, err));
	TRY(db_prepare(c, sql, &s, err));
	db_bind_blob(s, ":hash", (struct str){(const char *)hash, sizeof(hash)});
	db_bind_i64(s, ":idle", now - LOGIN_IDLE_S);
	db_bind_i64(s, ":now", now);
	TRY(db_step(s, &row, err));
	if (!row)
		return fail_rc(err, E_TOKEN_INVALID);
	id = db_i64(s, 0);
	last = db_i64(s, 1);
	identity_fill(out, db_i64(s, 2), db_i64(s, 3), db_i64(s, 4), db_text(s, 5));
	db_done(s);
	auth_note_use(c, note, id, last, now);
	return OK;
}

struct revocation {
	struct str user;
	int64_t id; /* of one */
	int64_t count;
	char detail[40];
};

/* With the logins go the access tokens that they fetched. */
static enum rc revoke_all(struct db_conn *c, void *ctx, struct err *err)
{
	static const char forget[] = "DELETE FROM logins WHERE user_id = :user";
	static const char grow[] = "UPDATE users SET generation = generation + 1 WHERE id = :user";
	struct revocation *r = ctx;
	struct db_stmt *s;
	int64_t user_id;

	TRY(user_id_of(c, r->user, &user_id, err));
	TRY(db_prepare(c, forget, &s, err));
	db_bind_i64(s, ":user", user_id);
	TRY(db_run(s, &r->count, err));
	TRY(db_prepare(c, grow, &s, err));
	db_bind_i64(s, ":user", user_id);
	TRY(db_run(s, NULL, err));
	return row_of_admin(c, "login.revoke", r->user, STR("all"), err);
}

enum rc login_revoke_all(struct auth *auth, struct str user, int64_t *count, struct err *err)
{
	struct revocation r = {.user = user};

	TRY(auth_in_transaction(auth, revoke_all, &r, err));
	row_of_owner(auth, "login.revoke", user, STR("all"));
	*count = r.count;
	return OK;
}

static enum rc revoke_one(struct db_conn *c, void *ctx, struct err *err)
{
	static const char sql[] = "DELETE FROM logins WHERE id = :id AND user_id = :user";
	const struct revocation *r = ctx;
	int64_t user_id, changes;
	struct db_stmt *s;

	TRY(user_id_of(c, r->user, &user_id, err));
	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":id", r->id);
	db_bind_i64(s, ":user", user_id);
	TRY(db_run(s, &changes, err));
	if (!changes)
		return fail(err, E_NOT_FOUND, "%.*s has no login %lld", STR_ARG(r->user), (long long)r->id);
	return row_of_admin(c, "login.revoke", r->user, str_of(r->detail), err);
}

enum rc login_revoke(struct auth *auth, struct str user, int64_t id, struct err *err)
{
	struct revocation r = {.user = user, .id = id};

	snprintf(r.detail, sizeof(r.detail), "login %lld", (long long)id);
	TRY(auth_in_transaction(auth, revoke_one, &r, err));
	row_of_owner(auth, "login.revoke", user, str_of(r.detail));
	return OK;
}

enum rc login_list(struct auth *auth, struct str user, login_fn *each, void *ctx, struct err *err)
{
	static const char sql[] = "SELECT id, coalesce(key_id, 0), client, created_at, last_used_at FROM logins"
				  " WHERE user_id = :user ORDER BY last_used_at DESC, id DESC";
	struct db_conn *c;
	struct db_stmt *s;
	int64_t user_id;
	enum rc rc;
	bool row;

	TRY(db_here(auth->db, &c, err));
	TRY(user_id_of(c, user, &user_id, err));
	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":user", user_id);
	while (!(rc = db_step(s, &row, err)) && row) {
		rc = each(ctx,
		    &(struct login_info){db_i64(s, 0), db_i64(s, 1), db_text(s, 2), db_i64(s, 3), db_i64(s, 4)}, err);
		if (rc)
			break;
	}
	db_done(s);
	return rc;
}
