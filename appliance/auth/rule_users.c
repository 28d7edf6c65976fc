/* rule_users: the robots of issuers' rules. */
#include <cove/base/clock.h>
#include <cove/auth/rule_user.h>
#include "private.h"

_Static_assert(sizeof(RULE_PREFIX) - 1 + RULE_NAME_MAX == USER_NAME_MAX, "RULE_NAME_MAX");

enum rc rule_user_add(struct db_conn *c, struct str rule, int64_t *user_id, struct err *err)
{
	static const char sql[] = "INSERT INTO users (name, kind, created_at) VALUES (:name, :kind, :now)";
	char name[USER_NAME_MAX + 1];
	struct db_stmt *s;
	enum rc rc;

	TRY(user_name_check(rule, "rule", err));
	if (rule.n > RULE_NAME_MAX)
		return fail(err, E_USAGE, "the name of the rule is too long: use at most %d characters", RULE_NAME_MAX);
	snprintf(name, sizeof(name), RULE_PREFIX "%.*s", STR_ARG(rule));
	TRY(db_prepare(c, sql, &s, err));
	db_bind_text(s, ":name", str_of(name));
	db_bind_i64(s, ":kind", USER_ISSUER_RULE);
	db_bind_i64(s, ":now", clock_wall_s());
	rc = db_run(s, NULL, err);
	if (rc == E_EXISTS)
		return fail(err, rc, "the rule %.*s already exists", STR_ARG(rule));
	TRY(rc);
	*user_id = db_last_id(c);
	return OK;
}

enum rc rule_user_remove(struct db_conn *c, int64_t user_id, struct err *err)
{
	static const char sql[] = "DELETE FROM users WHERE id = :id AND kind = :kind";
	struct db_stmt *s;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":id", user_id);
	db_bind_i64(s, ":kind", USER_ISSUER_RULE);
	return db_run(s, NULL, err);
}

enum rc rule_user_identity(struct auth *auth, int64_t user_id, struct identity *out, struct err *err)
{
	static const char sql[] = "SELECT id, generation, name, last_login_at, enabled FROM users WHERE id = :id";
	static const char note[] = "UPDATE users SET last_login_at = :now WHERE id = :id";
	struct db_conn *c;
	struct db_stmt *s;
	int64_t last;
	bool row;

	TRY(db_here(auth->db, &c, err));
	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":id", user_id);
	TRY(db_step(s, &row, err));
	if (!row)
		return fail_rc(err, E_BAD_PASSWORD);
	if (!db_i64(s, 4)) {
		db_done(s);
		return fail(err, E_BAD_PASSWORD, "the rule that matches this token is disabled");
	}
	identity_fill(out, db_i64(s, 0), 0, db_i64(s, 1), db_text(s, 2));
	last = db_i64(s, 3);
	db_done(s);
	auth_note_use(c, note, user_id, last, clock_wall_s());
	return OK;
}
