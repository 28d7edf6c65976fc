/* keys: what robots log in with. 256 random bits, kept as a hash: looked up, not guessed, hence neither slow nor
 * throttled. */
#include <cove/base/clock.h>
#include <cove/base/buf.h>
#include "private.h"

#define LABEL_MAX 100
#define KEY_ARENA_BYTES (128u * 1024) /* its label and GRANTS_MAX patterns */

enum rc key_use(struct auth *auth, struct str user, const uint8_t hash[static CREDENTIAL_HASH_SIZE],
    struct identity *out, struct err *err)
{
	static const char sql[] = "SELECT k.id, k.last_used_at, u.id, u.generation, k.narrowed OR k.expires_at <> 0 "
				  "FROM keys k JOIN users u ON u.id = k.user_id"
				  " WHERE k.hash = :hash AND u.name = :user AND u.enabled AND NOT k.revoked"
				  " AND (k.expires_at = 0 OR k.expires_at > :now)";
	static const char note[] = "UPDATE keys SET last_used_at = :now WHERE id = :id";
	int64_t now = clock_wall_s(), last;
	struct db_conn *c;
	struct db_stmt *s;
	bool row;

	TRY(db_here(auth->db, &c, err));
	TRY(db_prepare(c, sql, &s, err));
	db_bind_blob(s, ":hash", (struct str){(const char *)hash, CREDENTIAL_HASH_SIZE});
	db_bind_text(s, ":user", user);
	db_bind_i64(s, ":now", now);
	TRY(db_step(s, &row, err));
	if (!row)
		return fail_rc(err, E_BAD_PASSWORD);
	last = db_i64(s, 1);
	identity_fill(out, db_i64(s, 2), db_i64(s, 0), db_i64(s, 3), user);
	out->is_limited = db_i64(s, 4);
	db_done(s);
	auth_note_use(c, note, out->key_id, last, now);
	return OK;
}

/* ---- management ---- */

/* "key 1 ci"; of a new one also what it is limited to, and until when. */
static void key_text(char out[static AUDIT_TEXT_MAX + 1], int64_t id, struct str label)
{
	snprintf(out, AUDIT_TEXT_MAX + 1, "key %lld%s%.*s", (long long)id, label.n ? " " : "", STR_ARG(label));
}

struct new_key {
	struct str user, label;
	const struct grant_info *grants;
	size_t count;
	int64_t expires_at, id;
	uint8_t hash[CREDENTIAL_HASH_SIZE];
	char detail[AUDIT_TEXT_MAX + 1];
};

static void new_key_text(struct new_key *key)
{
	struct buf text = BUF_INIT(GRANTS_OF_KEY_MAX * GRANT_TEXT_MAX);
	char grant[GRANT_TEXT_MAX], until[21];

	key_text(key->detail, key->id, key->label);
	for (size_t i = 0; i < key->count; i++)
		buf_addf(&text, "%s%.*s", i ? "; " : ": ",
		    STR_ARG(grant_text(grant, key->grants[i].pattern, key->grants[i].actions)));
	clock_rfc3339(until, key->expires_at);
	if (key->expires_at)
		buf_addf(&text, "; until %s", until);
	snprintf(key->detail + strlen(key->detail), sizeof(key->detail) - strlen(key->detail), "%.*s",
	    STR_ARG(buf_str(&text)));
	buf_release(&text);
}

static enum rc add_grants(struct db_conn *c, const struct new_key *key, struct err *err)
{
	static const char sql[] = "INSERT INTO key_grants (key_id, pattern, actions) VALUES (:key, :pattern, :actions)"
				  " ON CONFLICT (key_id, pattern) DO UPDATE SET actions = key_grants.actions | "
				  "excluded.actions";
	struct db_stmt *s;

	for (size_t i = 0; i < key->count; i++) {
		TRY(db_prepare(c, sql, &s, err));
		db_bind_i64(s, ":key", key->id);
		db_bind_text(s, ":pattern", key->grants[i].pattern);
		db_bind_i64(s, ":actions", key->grants[i].actions);
		TRY(db_run(s, NULL, err));
	}
	return OK;
}

#define DEAD "(revoked OR (expires_at <> 0 AND expires_at <= :now))"

static enum rc count_live(struct db_conn *c, int64_t user_id, int64_t *count, struct err *err)
{
	static const char sql[] = "SELECT count(*) FROM keys WHERE user_id = :user AND NOT " DEAD;
	struct db_stmt *s;
	bool row;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":user", user_id);
	db_bind_i64(s, ":now", clock_wall_s());
	TRY(db_step(s, &row, err));
	*count = row ? db_i64(s, 0) : 0;
	db_done(s);
	return OK;
}

enum rc key_count(struct auth *auth, struct str user, int64_t *count, struct err *err)
{
	struct db_conn *c;
	int64_t user_id;

	TRY(db_here(auth->db, &c, err));
	TRY(user_id_of(c, user, &user_id, err));
	return count_live(c, user_id, count, err);
}

/* So many keys may work, and of those that do not, so many are kept to be listed. */
static enum rc bound_keys(struct db_conn *c, int64_t user_id, struct str user, struct err *err)
{
	static const char forget[] = "DELETE FROM keys WHERE id IN (SELECT id FROM keys WHERE user_id = :user AND " DEAD
				     " ORDER BY id DESC LIMIT -1 OFFSET :max)";
	struct db_stmt *s;
	int64_t live;

	TRY(db_prepare(c, forget, &s, err));
	db_bind_i64(s, ":user", user_id);
	db_bind_i64(s, ":now", clock_wall_s());
	db_bind_i64(s, ":max", KEYS_MAX);
	TRY(db_run(s, NULL, err));
	TRY(count_live(c, user_id, &live, err));
	return live < KEYS_MAX ? OK
			       : fail(err, E_USAGE, "%.*s already has %d keys, which is the limit: revoke some",
				     STR_ARG(user), KEYS_MAX);
}

static enum rc add_key(struct db_conn *c, void *ctx, struct err *err)
{
	static const char sql[] = "INSERT INTO keys (user_id, label, hash, narrowed, created_at, expires_at)"
				  " VALUES (:user, :label, :hash, :narrowed, :now, :expires)";
	struct new_key *key = ctx;
	struct db_stmt *s;
	int64_t user_id;

	TRY(user_id_of(c, key->user, &user_id, err));
	if (str_starts(key->user, STR(RULE_PREFIX)))
		return fail(
		    err, E_USAGE, "%.*s logs in with tokens of its issuer and cannot have keys", STR_ARG(key->user));
	TRY(bound_keys(c, user_id, key->user, err));
	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":user", user_id);
	db_bind_text(s, ":label", key->label);
	db_bind_blob(s, ":hash", (struct str){(const char *)key->hash, sizeof(key->hash)});
	db_bind_i64(s, ":narrowed", key->count > 0);
	db_bind_i64(s, ":now", clock_wall_s());
	db_bind_i64(s, ":expires", key->expires_at);
	TRY(db_run(s, NULL, err));
	key->id = db_last_id(c);
	TRY(add_grants(c, key, err));
	new_key_text(key);
	return audit_owned(c, "key.create", key->user, str_of(key->detail), err);
}

static enum rc label_check(struct str label, struct err *err)
{
	bool good = label.n <= LABEL_MAX;

	for (size_t step; good && label.n; label = str_from(label, step)) {
		step = str_printable_step(label);
		good = step > 0;
	}
	if (!good)
		return fail(
		    err, E_USAGE, "the label is not valid: use at most %d bytes and no control characters", LABEL_MAX);
	return OK;
}

enum rc key_create(struct auth *auth, struct str user, struct str label, const struct grant_info *grants, size_t count,
    int64_t expires_at, char text[static CREDENTIAL_TEXT_MAX], int64_t *id, struct err *err)
{
	struct new_key key = {user, label, grants, count, .expires_at = expires_at};
	char made[CREDENTIAL_TEXT_MAX];
	enum rc rc;

	if (str_eq(user, STR(ANONYMOUS)))
		return fail(err, E_USAGE, "%s stands for everybody without a login and cannot have keys", ANONYMOUS);
	TRY(label_check(label, err));
	if (expires_at != 0 && expires_at <= clock_wall_s())
		return fail(err, E_USAGE, "the expiry time of the key is in the past: choose a later one");
	if (count > GRANTS_OF_KEY_MAX)
		return fail(err, E_USAGE, "a key can have at most %d grants: use wider patterns", GRANTS_OF_KEY_MAX);
	for (size_t i = 0; i < count; i++)
		TRY(grant_check(grants[i].pattern, grants[i].actions, err));

	credential_make(KEY_PREFIX, made, key.hash);
	rc = auth_in_transaction(auth, add_key, &key, err);
	if (!rc) {
		memcpy(text, made, sizeof(made));
		*id = key.id;
	}
	wipe(made, sizeof(made));
	return rc;
}

struct key_end {
	int64_t id;
	struct str owner; /* who it must belong to; empty: anybody */
	char user[USER_NAME_MAX + 1], detail[AUDIT_TEXT_MAX + 1];
};

/* Of a key; E_NOT_FOUND when it is not that owner's. */
static enum rc find_owner(struct db_conn *c, struct key_end *end, struct err *err)
{
	static const char sql[] =
	    "SELECT u.name, k.label FROM keys k JOIN users u ON u.id = k.user_id WHERE k.id = :id";
	struct db_stmt *s;
	bool row;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":id", end->id);
	TRY(db_step(s, &row, err));
	row = row && (!end->owner.n || str_eq(db_text(s, 0), end->owner));
	if (row) {
		snprintf(end->user, sizeof(end->user), "%.*s", STR_ARG(db_text(s, 0)));
		key_text(end->detail, end->id, db_text(s, 1));
	}
	db_done(s);
	return row ? OK
		   : fail(
			 err, E_NOT_FOUND, "the key %lld does not exist: see `cove key list USER`", (long long)end->id);
}

/* Tokens made with the key end because auth_still_valid() looks at the key. */
static enum rc revoke(struct db_conn *c, void *ctx, struct err *err)
{
	static const char end[] = "UPDATE keys SET revoked = 1 WHERE id = :id";
	struct key_end *key = ctx;
	struct db_stmt *s;

	TRY(find_owner(c, key, err));
	TRY(db_prepare(c, end, &s, err));
	db_bind_i64(s, ":id", key->id);
	TRY(db_run(s, NULL, err));
	return audit_owned(c, "key.revoke", str_of(key->user), str_of(key->detail), err);
}

enum rc own_key_revoke(struct auth *auth, struct str user, int64_t id, struct err *err)
{
	struct key_end end = {.id = id, .owner = user};

	TRY(auth_in_transaction(auth, revoke, &end, err));
	return OK;
}

enum rc key_revoke(struct auth *auth, int64_t id, struct err *err)
{
	return own_key_revoke(auth, STR_NONE, id, err);
}

struct all_keys {
	struct str user;
	int64_t count;
};

static enum rc revoke_all(struct db_conn *c, void *ctx, struct err *err)
{
	static const char end[] = "UPDATE keys SET revoked = 1 WHERE user_id = :user AND NOT revoked";
	struct all_keys *all = ctx;
	struct db_stmt *s;
	int64_t user_id;

	TRY(user_id_of(c, all->user, &user_id, err));
	TRY(count_live(c, user_id, &all->count, err));
	TRY(db_prepare(c, end, &s, err));
	db_bind_i64(s, ":user", user_id);
	TRY(db_run(s, NULL, err));
	return audit_owned(c, "key.revoke", all->user, STR("all"), err);
}

enum rc key_revoke_all(struct auth *auth, struct str user, int64_t *count, struct err *err)
{
	struct all_keys all = {.user = user};

	TRY(auth_in_transaction(auth, revoke_all, &all, err));
	*count = all.count;
	return OK;
}

/* A key's row comes once with each of its grants, and at least once. */
static void read_row(struct db_stmt *s, struct arena *a, struct str user, struct key_info *k, struct grant_info *grants)
{
	if (!k->id)
		*k = (struct key_info){
		    .id = db_i64(s, 0),
		    .user = user,
		    .label = arena_str(a, db_text(s, 1)),
		    .created_at = db_i64(s, 2),
		    .expires_at = db_i64(s, 3),
		    .last_used_at = db_i64(s, 4),
		    .revoked = db_i64(s, 5),
		    .grants = grants,
		};
	if (db_i64(s, 7) && k->grant_count < GRANTS_MAX) /* GRANTS_OF_KEY_MAX was as many once */
		grants[k->grant_count++] = (struct grant_info){arena_str(a, db_text(s, 6)), (unsigned)db_i64(s, 7)};
}

static enum rc each_key(struct db_stmt *s, struct arena *a, struct str user, key_fn *each, void *ctx, struct err *err)
{
	struct grant_info grants[GRANTS_MAX];
	struct key_info k = {.id = 0};
	bool row;

	for (;;) {
		TRY(db_step(s, &row, err));
		if (k.id && (!row || db_i64(s, 0) != k.id)) {
			TRY(each(ctx, &k, err));
			arena_reset(a);
			k.id = 0;
		}
		if (!row)
			return OK;
		read_row(s, a, user, &k, grants);
		if (a->failed)
			return fail_rc(err, E_BUSY);
	}
}

enum rc key_list(struct auth *auth, struct str user, key_fn *each, void *ctx, struct err *err)
{
	static const char sql[] =
	    "SELECT k.id, k.label, k.created_at, k.expires_at, k.last_used_at, k.revoked, coalesce(g.pattern, ''),"
	    " coalesce(g.actions, 0) FROM keys k LEFT JOIN key_grants g ON g.key_id = k.id WHERE k.user_id = :user"
	    " ORDER BY k.id, g.pattern";
	struct arena a;
	struct db_conn *c;
	struct db_stmt *s;
	int64_t user_id;
	enum rc rc;

	TRY(db_here(auth->db, &c, err));
	TRY(user_id_of(c, user, &user_id, err));
	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":user", user_id);
	arena_init(&a, KEY_ARENA_BYTES);
	rc = each_key(s, &a, user, each, ctx, err);
	db_done(s);
	arena_release(&a);
	return rc;
}
