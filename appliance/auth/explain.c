/* explain: the decision of auth_actions(), told to a person grant by grant. It asks the same
 * tables by the same rule, grant_gives(). */
#include <cove/base/clock.h>
#include <cove/auth/roles.h>
#include "private.h"

struct question {
	struct str user, repository;
	int64_t key_id;
	unsigned wanted;
	struct buf *why;
};

/* A line for each grant that gives some of what is wanted. *seen grows by what they give.
 * The third column names who has the grant. */
static enum rc tell_grants(struct db_conn *c, const char *sql, int64_t id, const struct question *q,
    const char *of_what, unsigned *seen, struct err *err)
{
	char text[ACTIONS_TEXT_MAX];
	struct db_stmt *s;
	bool row;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":id", id);
	for (;;) {
		unsigned gives;

		TRY(db_step(s, &row, err));
		if (!row)
			return OK;
		gives = grant_gives(db_text(s, 0), (unsigned)db_i64(s, 1), q->repository);
		*seen |= gives;
		if (!(gives & q->wanted))
			continue;
		actions_text(text, gives & q->wanted);
		buf_addf(q->why, "%s by the grant %.*s of %s%.*s\n", text, STR_ARG(db_text(s, 0)), of_what,
		    STR_ARG(db_text(s, 2)));
	}
}

static enum rc tell_user(struct db_conn *c, int64_t user_id, const struct question *q, unsigned *seen, struct err *err)
{
	static const char own[] = "SELECT g.pattern, g.actions, u.name FROM grants g JOIN users u ON u.id = g.user_id"
				  " WHERE g.user_id = :id ORDER BY g.pattern";
	static const char roles[] =
	    "SELECT g.pattern, g.actions, r.name FROM user_roles u JOIN roles r ON r.id = u.role_id"
	    " JOIN role_grants g ON g.role_id = r.id WHERE u.user_id = :id ORDER BY r.name, g.pattern";
	static const char of_all[] =
	    "SELECT g.pattern, g.actions, u.name FROM users u JOIN (SELECT user_id, pattern, actions FROM grants"
	    " UNION SELECT r.user_id, g.pattern, g.actions FROM user_roles r JOIN role_grants g ON g.role_id = "
	    "r.role_id) g"
	    " ON g.user_id = u.id WHERE u.name = '" ANONYMOUS "' AND u.enabled AND u.id <> :id ORDER BY g.pattern";
	char text[ACTIONS_TEXT_MAX];
	unsigned missing;

	TRY(tell_grants(c, own, user_id, q, "", seen, err));
	TRY(tell_grants(c, roles, user_id, q, "the role ", seen, err));
	TRY(tell_grants(c, of_all, user_id, q, "", seen, err));
	missing = q->wanted & ~*seen;
	if (!missing)
		return OK;
	actions_text(text, missing);
	buf_addf(q->why, "%s: no grant of %.*s or its roles allows it; to grant it:\n", text, STR_ARG(q->user));
	if (missing & MAY_ADMIN)
		buf_addf(q->why, "  cove user role %.*s admin\n", STR_ARG(q->user));
	if (!(missing & MAY_ADMIN))
		buf_addf(q->why, "  cove user grant %.*s '%.*s' %s\n", STR_ARG(q->user), STR_ARG(q->repository), text);
	return OK;
}

/* *limit: what the key lets through. */
static enum rc tell_key(struct db_conn *c, int64_t user_id, const struct question *q, unsigned *limit, struct err *err)
{
	static const char find[] = "SELECT narrowed, revoked, expires_at FROM keys WHERE id = :id AND user_id = :user";
	static const char grants[] =
	    "SELECT pattern, actions, key_id FROM key_grants WHERE key_id = :id ORDER BY pattern";
	long long id = (long long)q->key_id;
	bool row, narrowed, revoked, expired;
	char text[ACTIONS_TEXT_MAX];
	struct db_stmt *s;

	*limit = 0;
	TRY(db_prepare(c, find, &s, err));
	db_bind_i64(s, ":id", q->key_id);
	db_bind_i64(s, ":user", user_id);
	TRY(db_step(s, &row, err));
	if (!row)
		return fail(err, E_NOT_FOUND, "%.*s has no key %lld: see `cove key list USER`", STR_ARG(q->user), id);
	narrowed = db_i64(s, 0);
	revoked = db_i64(s, 1);
	expired = db_i64(s, 2) && db_i64(s, 2) <= clock_wall_s();
	db_done(s);
	if (revoked || expired) {
		buf_addf(q->why, "the key %lld %s\n", id, revoked ? "is revoked" : "has expired");
		return OK;
	}
	*limit = MAY_ALL;
	if (!narrowed)
		return OK;
	*limit = 0;
	TRY(tell_grants(c, grants, q->key_id, q, "key ", limit, err));
	if (q->wanted & ~*limit) {
		actions_text(text, q->wanted & ~*limit);
		buf_addf(q->why,
		    "%s: the grants of the key %lld do not allow it; to create another key: cove key create\n", text,
		    id);
	}
	return OK;
}

enum rc auth_explain(struct auth *auth, struct str user, int64_t key_id, struct str repository, unsigned actions,
    bool *may, struct buf *why, struct err *err)
{
	static const char sql[] = "SELECT id, enabled FROM users WHERE name = :name";
	struct question q = {user, repository, key_id, 0, why};
	unsigned of_user = 0, of_key = MAY_ALL;
	struct db_conn *c;
	struct db_stmt *s;
	int64_t user_id;
	bool row, enabled;

	q.wanted = actions = actions_needed(actions);
	TRY(db_here(auth->db, &c, err));
	TRY(db_prepare(c, sql, &s, err));
	db_bind_text(s, ":name", user);
	TRY(db_step(s, &row, err));
	if (!row)
		return no_user(user, err);
	user_id = db_i64(s, 0);
	enabled = db_i64(s, 1);
	db_done(s);
	if (!enabled)
		buf_addf(why, "%.*s is disabled; to enable it: cove user enable %.*s\n", STR_ARG(user), STR_ARG(user));
	TRY(tell_user(c, user_id, &q, &of_user, err));
	if (key_id)
		TRY(tell_key(c, user_id, &q, &of_key, err));
	*may = enabled && (of_user & of_key & actions) == actions;
	return OK;
}
