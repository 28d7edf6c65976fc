/* grants: rows of {pattern, actions}, and the access decision over them. */
#include "private.h"

static const struct {
	const char *name;
	unsigned actions;
} WORDS[] = {
    {"pull", MAY_PULL},
    {"push", MAY_PUSH},
    {"delete", MAY_DELETE},
    {"*", MAY_PULL | MAY_PUSH | MAY_DELETE},
    {"admin", MAY_ALL},
};

enum rc actions_parse(struct str s, unsigned *out, struct err *err)
{
	unsigned actions = 0;
	struct str word, rest = s;
	bool more;
	size_t i;

	do {
		more = str_cut(rest, ',', &word, &rest);
		for (i = 0; i < sizeof(WORDS) / sizeof(WORDS[0]); i++)
			if (str_eq(word, str_of(WORDS[i].name)))
				break;
		if (i == sizeof(WORDS) / sizeof(WORDS[0]))
			return fail(err, E_USAGE,
			    "unknown action: use pull, push, delete, * (all three) or admin, separated by commas");
		actions |= WORDS[i].actions;
	} while (more);
	*out = actions;
	return OK;
}

void actions_text(char out[static ACTIONS_TEXT_MAX], unsigned actions)
{
	snprintf(out, ACTIONS_TEXT_MAX, "%s%s%s%s", actions & MAY_PULL ? ",pull" : "",
	    actions & MAY_PUSH ? ",push" : "", actions & MAY_DELETE ? ",delete" : "",
	    actions & MAY_ADMIN ? ",admin" : "");
	if (out[0])
		memmove(out, out + 1, strlen(out));
}

enum rc grant_check(struct str pattern, unsigned actions, struct err *err)
{
	bool good = pattern.n >= 1 && pattern.n <= PATTERN_MAX;

	for (size_t i = 0; good && i < pattern.n; i++)
		good = ascii_is_lower(pattern.p[i]) || ascii_is_digit(pattern.p[i]) ||
		       str_has(STR("._-/*?"), pattern.p[i]);
	if (!good || !pattern_fits_any(pattern))
		return fail(err, E_USAGE,
		    "the pattern %.*s cannot match any repository name: names are lower-case letters and digits, with "
		    ". _ - between them, in segments separated by single slashes (team/app), at most %d characters; * "
		    "matches within a segment, ** across slashes (team/**), ? one character",
		    STR_ARG(str_first(pattern, PATTERN_MAX)), PATTERN_MAX);
	if (actions == 0 || actions > MAY_ALL)
		return fail(err, E_USAGE, "the grant has no action: give at least one of pull, push, delete and admin");
	if (actions & MAY_ADMIN && !str_eq(pattern, STR(EVERYTHING)))
		return fail(
		    err, E_USAGE, "admin is a right on the whole registry: grant it on the pattern " EVERYTHING);
	return OK;
}

/* ---- the decision ---- */

unsigned grant_gives(struct str pattern, unsigned actions, struct str repository)
{
	if (actions & MAY_ADMIN && str_eq(pattern, STR(EVERYTHING)))
		return MAY_ALL;
	return str_glob(pattern, repository) ? actions & ~(unsigned)MAY_ADMIN : 0;
}

/* The rows of an owner: its id is :id. The decision and rights.c read the same ones. What nobody needs a login for,
 * everybody with one may. */
#define WHOSE "user_id IN (:id, (SELECT id FROM users WHERE name = '" ANONYMOUS "' AND enabled))"
static const char of_user[] =
    "SELECT pattern, actions FROM grants WHERE " WHOSE " UNION ALL SELECT g.pattern, g.actions"
    " FROM user_roles u JOIN role_grants g ON g.role_id = u.role_id WHERE u." WHOSE;
static const char of_key[] = "SELECT pattern, actions FROM key_grants WHERE key_id = :id";

static enum rc each_row(struct db_conn *c, const char *sql, int64_t id, row_fn *each, void *ctx, struct err *err)
{
	struct db_stmt *s;
	bool row;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":id", id);
	for (;;) {
		TRY(db_step(s, &row, err));
		if (!row)
			return OK;
		each(ctx, db_text(s, 0), (unsigned)db_i64(s, 1));
	}
}

enum rc each_user_row(struct db_conn *c, const struct identity *who, row_fn *each, void *ctx, struct err *err)
{
	return each_row(c, of_user, who->user_id, each, ctx, err);
}

enum rc each_key_row(struct db_conn *c, const struct identity *who, row_fn *each, void *ctx, struct err *err)
{
	return each_row(c, of_key, who->key_id, each, ctx, err);
}

struct question {
	struct str repository;
	unsigned actions; /* the union of the rows that match */
};

static void add_row(void *ctx, struct str pattern, unsigned actions)
{
	struct question *q = ctx;

	q->actions |= grant_gives(pattern, actions, q->repository);
}

enum rc narrowing_of(struct db_conn *c, const struct identity *who, enum narrowing *narrowing, struct err *err)
{
	static const char narrowed[] = "SELECT narrowed FROM keys WHERE id = :key AND user_id = :user";
	struct db_stmt *s;
	bool row;

	*narrowing = NARROWED_NOT;
	if (!who->key_id)
		return OK;
	TRY(db_prepare(c, narrowed, &s, err));
	db_bind_i64(s, ":key", who->key_id);
	db_bind_i64(s, ":user", who->user_id);
	TRY(db_step(s, &row, err));
	*narrowing = !row ? NARROWED_TO_NOTHING : db_i64(s, 0) ? NARROWED_BY_ROWS : NARROWED_NOT;
	db_done(s);
	return OK;
}

enum rc auth_actions(
    struct auth *auth, const struct identity *who, struct str repository, unsigned *actions, struct err *err)
{
	struct question user = {.repository = repository}, key = {.repository = repository};
	enum narrowing narrowing;
	struct db_conn *c;

	*actions = 0;
	TRY(db_here(auth->db, &c, err));
	TRY(each_user_row(c, who, add_row, &user, err));
	if (!user.actions)
		return OK;
	TRY(narrowing_of(c, who, &narrowing, err));
	if (narrowing == NARROWED_BY_ROWS)
		TRY(each_key_row(c, who, add_row, &key, err));
	*actions = narrowing == NARROWED_NOT ? user.actions : user.actions & key.actions;
	return OK;
}

/* A name that no pattern has but by its wildcards. What ends in ** and matches it matches all names beside it. */
#define ANY_NAME "~"

static void add_row_of_all(void *ctx, struct str pattern, unsigned actions)
{
	if (str_ends(pattern, STR(EVERYTHING)))
		add_row(ctx, pattern, actions);
}

enum rc auth_may_all_of(
    struct auth *auth, const struct identity *who, struct str prefix, unsigned action, bool *may, struct err *err)
{
	char name[PATTERN_MAX + sizeof(ANY_NAME)];
	struct question q = {.actions = 0};
	struct db_conn *c;

	*may = false;
	if (prefix.n >= PATTERN_MAX)
		return OK;
	snprintf(name, sizeof(name), "%.*s/" ANY_NAME, STR_ARG(prefix));
	q.repository = str_of(name);
	TRY(db_here(auth->db, &c, err));
	TRY(each_user_row(c, who, add_row_of_all, &q, err));
	*may = (q.actions & action) == action;
	return OK;
}

/* ---- management ---- */

struct str grant_text(char out[static GRANT_TEXT_MAX], struct str pattern, unsigned actions)
{
	char text[ACTIONS_TEXT_MAX];

	actions_text(text, actions);
	snprintf(out, GRANT_TEXT_MAX, "%.*s: %s", STR_ARG(pattern), actions ? text : "none");
	return str_of(out);
}

enum rc each_grant(struct db_stmt *s, grant_fn *each, void *ctx, struct err *err)
{
	enum rc rc;
	bool row;

	while (!(rc = db_step(s, &row, err)) && row) {
		rc = each(ctx, &(struct grant_info){db_text(s, 0), (unsigned)db_i64(s, 1)}, err);
		if (rc)
			break;
	}
	db_done(s);
	return rc;
}

struct grant_change {
	struct str user, pattern;
	unsigned actions; /* in the end all that the pattern has */
	bool adds;
};

static enum rc old_actions(
    struct db_conn *c, int64_t user_id, struct str pattern, unsigned *actions, int64_t *count, struct err *err)
{
	static const char sql[] = "SELECT coalesce(max(actions) FILTER (WHERE pattern = :pattern), 0), count(*)"
				  " FROM grants WHERE user_id = :user";
	struct db_stmt *s;
	bool row;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":user", user_id);
	db_bind_text(s, ":pattern", pattern);
	TRY(db_step(s, &row, err));
	if (!row)
		bug("an aggregate without a row");
	*actions = (unsigned)db_i64(s, 0);
	*count = db_i64(s, 1);
	db_done(s);
	return OK;
}

static enum rc write_grant(struct db_conn *c, int64_t user_id, const struct grant_change *g, struct err *err)
{
	static const char put[] = "INSERT INTO grants (user_id, pattern, actions) VALUES (:user, :pattern, :actions)"
				  " ON CONFLICT (user_id, pattern) DO UPDATE SET actions = excluded.actions";
	static const char drop[] = "DELETE FROM grants WHERE user_id = :user AND pattern = :pattern";
	char detail[GRANT_TEXT_MAX];
	struct db_stmt *s;

	TRY(db_prepare(c, g->actions ? put : drop, &s, err));
	db_bind_i64(s, ":user", user_id);
	db_bind_text(s, ":pattern", g->pattern);
	if (g->actions)
		db_bind_i64(s, ":actions", g->actions);
	TRY(db_run(s, NULL, err));
	TRY(admin_remains(c, err));
	return audit_add(c, "user.grant", g->user, grant_text(detail, g->pattern, g->actions), err);
}

static enum rc set_grant(struct db_conn *c, void *ctx, struct err *err)
{
	struct grant_change *g = ctx;
	int64_t user_id, count;
	unsigned old;

	TRY(user_id_of(c, g->user, &user_id, err));
	TRY(old_actions(c, user_id, g->pattern, &old, &count, err));
	if (!old && !g->actions)
		return fail(err, E_NOT_FOUND, "%.*s has no grant on %.*s", STR_ARG(g->user),
		    STR_ARG(str_first(g->pattern, PATTERN_MAX)));
	if (g->adds)
		g->actions |= old;
	if (!old && count >= GRANTS_MAX)
		return fail(err, E_USAGE, "%.*s already has %d grants, which is the limit: use wider patterns",
		    STR_ARG(g->user), GRANTS_MAX);
	return write_grant(c, user_id, g, err);
}

static enum rc change_grant(struct auth *auth, struct grant_change *g, struct err *err)
{
	if (g->actions) /* what is to go may be of a time when it was allowed */
		TRY(grant_check(g->pattern, g->actions, err));
	if (g->actions & MAY_ADMIN && str_eq(g->user, STR(ANONYMOUS)))
		return fail(err, E_USAGE, "%s stands for everybody without a login and cannot be admin", ANONYMOUS);
	return auth_in_transaction(auth, set_grant, g, err);
}

enum rc grant_set(struct auth *auth, struct str user, struct str pattern, unsigned actions, struct err *err)
{
	return change_grant(auth, &(struct grant_change){user, pattern, actions, .adds = false}, err);
}

enum rc grant_add(
    struct auth *auth, struct str user, struct str pattern, unsigned actions, unsigned *now, struct err *err)
{
	struct grant_change change = {user, pattern, actions, .adds = true};

	TRY(grant_check(pattern, actions, err));
	TRY(change_grant(auth, &change, err));
	*now = change.actions;
	return OK;
}

enum rc grant_list(struct auth *auth, struct str user, grant_fn *each, void *ctx, struct err *err)
{
	static const char sql[] = "SELECT pattern, actions FROM grants WHERE user_id = :user ORDER BY pattern";
	struct db_conn *c;
	struct db_stmt *s;
	int64_t user_id;

	TRY(db_here(auth->db, &c, err));
	TRY(user_id_of(c, user, &user_id, err));
	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":user", user_id);
	return each_grant(s, each, ctx, err);
}
