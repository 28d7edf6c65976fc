/* roles: sets of grants under a name, and who has them. */
#include <cove/base/clock.h>
#include <cove/auth/roles.h>
#include <cove/auth/rule_user.h>
#include "private.h"

#define ROLES_MAX 1000

static enum rc no_role(struct str name, struct err *err)
{
	return fail(err, E_NOT_FOUND, "the role %.*s does not exist: see `cove role list`",
	    STR_ARG(str_first(name, USER_NAME_MAX)));
}

static enum rc role_id_of(struct db_conn *c, struct str name, int64_t *id, bool *built_in, struct err *err)
{
	static const char sql[] = "SELECT id, built_in FROM roles WHERE name = :name";
	struct db_stmt *s;
	bool row;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_text(s, ":name", name);
	TRY(db_step(s, &row, err));
	if (!row)
		return no_role(name, err);
	*id = db_i64(s, 0);
	*built_in = db_i64(s, 1);
	db_done(s);
	return OK;
}

/* A role that may be changed. */
static enum rc own_role_id(struct db_conn *c, struct str name, int64_t *id, struct err *err)
{
	bool built_in;

	TRY(role_id_of(c, name, id, &built_in, err));
	return built_in ? fail(err, E_USAGE,
			      "the role %.*s is built in and cannot be changed: create your own with `cove role add`",
			      STR_ARG(name))
			: OK;
}

/* The one number that a statement gives for :id. */
static enum rc number(struct db_conn *c, const char *sql, int64_t id, int64_t *out, struct err *err)
{
	struct db_stmt *s;
	bool row;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":id", id);
	TRY(db_step(s, &row, err));
	if (!row)
		bug("a count without a row");
	*out = db_i64(s, 0);
	db_done(s);
	return OK;
}

struct role_change {
	struct str role, user, pattern;
	unsigned actions; /* of a grant: in the end all that the pattern has */
	bool adds, has;
};

/* ---- the roles ---- */

static enum rc add(struct db_conn *c, void *ctx, struct err *err)
{
	static const char sql[] = "INSERT INTO roles (name, created_at) SELECT :name, :now"
				  " WHERE (SELECT count(*) FROM roles) < :max";
	const struct role_change *change = ctx;
	struct db_stmt *s;
	int64_t changes;
	enum rc rc;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_text(s, ":name", change->role);
	db_bind_i64(s, ":now", clock_wall_s());
	db_bind_i64(s, ":max", ROLES_MAX);
	rc = db_run(s, &changes, err);
	if (rc == E_EXISTS)
		return fail(err, rc, "the role %.*s already exists", STR_ARG(change->role));
	TRY(rc);
	if (!changes)
		return fail(err, E_USAGE, "%d roles exist, which is the limit: remove one first", ROLES_MAX);
	return audit_add(c, "role.add", change->role, STR_NONE, err);
}

enum rc role_add(struct auth *auth, struct str name, struct err *err)
{
	TRY(user_name_check(name, "role", err));
	return auth_in_transaction(auth, add, &(struct role_change){.role = name}, err);
}

static enum rc remove_role(struct db_conn *c, void *ctx, struct err *err)
{
	static const char users[] = "SELECT count(*) FROM user_roles WHERE role_id = :id";
	static const char drop[] = "DELETE FROM roles WHERE id = :id";
	const struct role_change *change = ctx;
	struct db_stmt *s;
	int64_t id, count;

	TRY(own_role_id(c, change->role, &id, err));
	TRY(number(c, users, id, &count, err));
	if (count)
		return fail(err, E_USAGE,
		    "%lld users have the role %.*s: take it from them first (`cove user role NAME ROLE --remove`)",
		    (long long)count, STR_ARG(change->role));
	TRY(db_prepare(c, drop, &s, err));
	db_bind_i64(s, ":id", id);
	TRY(db_run(s, NULL, err));
	return audit_add(c, "role.remove", change->role, STR_NONE, err);
}

enum rc role_remove(struct auth *auth, struct str name, struct err *err)
{
	return auth_in_transaction(auth, remove_role, &(struct role_change){.role = name}, err);
}

/* Whether the grant may be written: it is there to be removed, there is room for it, and nobody becomes what he cannot
 * be. */
static enum rc check_role_grant(struct db_conn *c, int64_t id, struct role_change *change, struct err *err)
{
	static const char old[] = "SELECT coalesce(max(actions) FILTER (WHERE pattern = :pattern), 0), count(*)"
				  " FROM role_grants WHERE role_id = :id";
	static const char anonymous[] = "SELECT count(*) FROM user_roles WHERE role_id = :id AND user_id ="
					" (SELECT id FROM users WHERE name = '" ANONYMOUS "')";
	struct db_stmt *s;
	int64_t has, all, open;
	bool row;

	TRY(db_prepare(c, old, &s, err));
	db_bind_i64(s, ":id", id);
	db_bind_text(s, ":pattern", change->pattern);
	TRY(db_step(s, &row, err));
	if (!row)
		bug("an aggregate without a row");
	has = db_i64(s, 0);
	all = db_i64(s, 1);
	db_done(s);
	if (!has && !change->actions)
		return fail(err, E_NOT_FOUND, "the role %.*s has no grant on %.*s", STR_ARG(change->role),
		    STR_ARG(str_first(change->pattern, PATTERN_MAX)));
	if (!has && all >= GRANTS_MAX)
		return fail(err, E_USAGE, "the role %.*s already has %d grants, which is the limit: use wider patterns",
		    STR_ARG(change->role), GRANTS_MAX);
	if (change->adds)
		change->actions |= (unsigned)has;
	if (!(change->actions & MAY_ADMIN))
		return OK;
	TRY(number(c, anonymous, id, &open, err));
	return open ? fail(err, E_USAGE, "%s has the role %.*s and cannot be admin", ANONYMOUS, STR_ARG(change->role))
		    : OK;
}

static enum rc set_grant(struct db_conn *c, void *ctx, struct err *err)
{
	static const char put[] = "INSERT INTO role_grants (role_id, pattern, actions) VALUES (:id, :pattern, :actions)"
				  " ON CONFLICT (role_id, pattern) DO UPDATE SET actions = excluded.actions";
	static const char drop[] = "DELETE FROM role_grants WHERE role_id = :id AND pattern = :pattern";
	struct role_change *change = ctx;
	char detail[GRANT_TEXT_MAX];
	struct db_stmt *s;
	int64_t id;

	TRY(own_role_id(c, change->role, &id, err));
	TRY(check_role_grant(c, id, change, err));
	TRY(db_prepare(c, change->actions ? put : drop, &s, err));
	db_bind_i64(s, ":id", id);
	db_bind_text(s, ":pattern", change->pattern);
	if (change->actions)
		db_bind_i64(s, ":actions", change->actions);
	TRY(db_run(s, NULL, err));
	TRY(admin_remains(c, err));
	return audit_add(c, "role.grant", change->role, grant_text(detail, change->pattern, change->actions), err);
}

enum rc role_grant(struct auth *auth, struct str role, struct str pattern, unsigned actions, struct err *err)
{
	if (actions)
		TRY(grant_check(pattern, actions, err));
	return auth_in_transaction(
	    auth, set_grant, &(struct role_change){.role = role, .pattern = pattern, .actions = actions}, err);
}

enum rc role_grant_add(
    struct auth *auth, struct str role, struct str pattern, unsigned actions, unsigned *now, struct err *err)
{
	struct role_change change = {.role = role, .pattern = pattern, .actions = actions, .adds = true};

	TRY(grant_check(pattern, actions, err));
	TRY(auth_in_transaction(auth, set_grant, &change, err));
	*now = change.actions;
	return OK;
}

/* ---- lists ---- */

static enum rc each_role(struct db_stmt *s, role_fn *each, void *ctx, struct err *err)
{
	enum rc rc;
	bool row;

	while (!(rc = db_step(s, &row, err)) && row) {
		rc = each(ctx,
		    &(struct role_info){db_i64(s, 0), db_text(s, 1), db_i64(s, 2), db_i64(s, 3), db_i64(s, 4)}, err);
		if (rc)
			break;
	}
	db_done(s);
	return rc;
}

enum rc role_list(struct auth *auth, role_fn *each, void *ctx, struct err *err)
{
	static const char sql[] =
	    "SELECT id, name, built_in, created_at, (SELECT count(*) FROM user_roles WHERE role_id = roles.id)"
	    " FROM roles ORDER BY name";
	struct db_conn *c;
	struct db_stmt *s;

	TRY(db_here(auth->db, &c, err));
	TRY(db_prepare(c, sql, &s, err));
	return each_role(s, each, ctx, err);
}

enum rc role_grant_list(struct auth *auth, struct str role, grant_fn *each, void *ctx, struct err *err)
{
	static const char sql[] = "SELECT pattern, actions FROM role_grants WHERE role_id = :id ORDER BY pattern";
	struct db_conn *c;
	struct db_stmt *s;
	bool built_in;
	int64_t id;

	TRY(db_here(auth->db, &c, err));
	TRY(role_id_of(c, role, &id, &built_in, err));
	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":id", id);
	return each_grant(s, each, ctx, err);
}

/* ---- who has them ---- */

enum rc user_role_list(struct auth *auth, struct str user, role_fn *each, void *ctx, struct err *err)
{
	static const char sql[] =
	    "SELECT r.id, r.name, r.built_in, r.created_at, (SELECT count(*) FROM user_roles WHERE role_id = r.id)"
	    " FROM user_roles u JOIN roles r ON r.id = u.role_id WHERE u.user_id = :user ORDER BY r.name";
	struct db_conn *c;
	struct db_stmt *s;
	int64_t user_id;

	TRY(db_here(auth->db, &c, err));
	TRY(user_id_of(c, user, &user_id, err));
	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":user", user_id);
	return each_role(s, each, ctx, err);
}

static enum rc check_user_role(
    struct db_conn *c, int64_t user_id, int64_t role_id, const struct role_change *change, struct err *err)
{
	static const char has[] = "SELECT count(*) FROM user_roles WHERE user_id = :id";
	static const char admin[] = "SELECT count(*) FROM role_grants WHERE role_id = :id AND actions & 8";
	int64_t count;

	TRY(number(c, has, user_id, &count, err));
	if (count >= USER_ROLES_MAX)
		return fail(err, E_USAGE, "%.*s already has %d roles, which is the limit", STR_ARG(change->user),
		    USER_ROLES_MAX);
	if (!str_eq(change->user, STR(ANONYMOUS)))
		return OK;
	TRY(number(c, admin, role_id, &count, err));
	return count ? fail(err, E_USAGE, "%s stands for everybody without a login and cannot be admin", ANONYMOUS)
		     : OK;
}

static enum rc set_role(struct db_conn *c, void *ctx, struct err *err)
{
	static const char put[] = "INSERT OR IGNORE INTO user_roles (user_id, role_id) VALUES (:user, :role)";
	static const char drop[] = "DELETE FROM user_roles WHERE user_id = :user AND role_id = :role";
	const struct role_change *change = ctx;
	int64_t user_id, role_id, changes;
	struct db_stmt *s;
	bool built_in;

	TRY(user_id_of(c, change->user, &user_id, err));
	TRY(role_id_of(c, change->role, &role_id, &built_in, err));
	if (change->has)
		TRY(check_user_role(c, user_id, role_id, change, err));
	TRY(db_prepare(c, change->has ? put : drop, &s, err));
	db_bind_i64(s, ":user", user_id);
	db_bind_i64(s, ":role", role_id);
	TRY(db_run(s, &changes, err));
	if (!changes)
		return OK;
	TRY(admin_remains(c, err));
	return audit_add(c, change->has ? "user.role" : "user.role.take", change->user, change->role, err);
}

enum rc user_role_set(struct auth *auth, struct str user, struct str role, bool has, struct err *err)
{
	return auth_in_transaction(auth, set_role, &(struct role_change){.user = user, .role = role, .has = has}, err);
}

enum rc rule_user_role(struct db_conn *c, struct str rule, struct str role, bool has, struct err *err)
{
	char name[USER_NAME_MAX + 1];

	snprintf(name, sizeof(name), RULE_PREFIX "%.*s", STR_ARG(rule));
	return set_role(c, &(struct role_change){.user = str_of(name), .role = role, .has = has}, err);
}
