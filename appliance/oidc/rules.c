/* rules: which tokens of an issuer count, and as whom. */
#include "private.h"

#define TEXT_MAX 255 /* of a claim's name and of a pattern */

/* ---- matching ---- */

static bool value_fits(struct str pattern, const struct json *value)
{
	char text[24];
	uint64_t n;
	bool b;

	if (json_is_string(value))
		return str_glob(pattern, json_string(value));
	if (json_bool(value, &b))
		return str_glob(pattern, b ? STR("true") : STR("false"));
	if (!json_u64(value, &n))
		return false;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	return str_glob(pattern, str_of(text));
}

static bool condition_holds(const struct json *claims, struct str claim, struct str pattern)
{
	char name[TEXT_MAX + 1];
	const struct json *value;

	snprintf(name, sizeof(name), "%.*s", STR_ARG(claim));
	value = json_member(claims, name);
	if (!json_is_array(value))
		return value && value_fits(pattern, value);
	for (const struct json *v = json_first(value); v; v = json_next(v))
		if (value_fits(pattern, v))
			return true;
	return false;
}

enum rc rule_match(struct oidc *o, int64_t issuer_id, const struct json *claims, int64_t *user_id, struct err *err)
{
	static const char sql[] = "SELECT u.id, c.claim, c.pattern FROM issuer_rules r JOIN users u ON u.id = r.user_id"
				  " JOIN issuer_conditions c ON c.rule_id = r.id WHERE r.issuer_id = :issuer"
				  " ORDER BY r.id";
	int64_t candidate = 0; /* the rule that is being read */
	bool row, holds = false;
	struct db_conn *c;
	struct db_stmt *s;

	*user_id = 0;
	TRY(db_here(o->db, &c, err));
	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":issuer", issuer_id);
	for (;;) {
		TRY(db_step(s, &row, err));
		if (!row || db_i64(s, 0) != candidate) {
			if (holds)
				break;
			if (!row)
				return OK;
			candidate = db_i64(s, 0);
			holds = true;
		}
		holds = holds && condition_holds(claims, db_text(s, 1), db_text(s, 2));
	}
	*user_id = candidate;
	db_done(s);
	return OK;
}

/* ---- changes ---- */

struct new_rule {
	struct str issuer, rule;
	const struct condition *conditions;
	size_t count;
	const struct str *roles;
	size_t role_count;
	bool names_owner;
};

static bool is_text(struct str s)
{
	bool good = s.n >= 1 && s.n <= TEXT_MAX;

	for (size_t step; good && s.n; s = str_from(s, step)) {
		step = str_printable_step(s);
		good = step > 0;
	}
	return good;
}

/* What every token of an issuer has alike, or for a moment only, says nothing of whom it is for. */
static bool tells_nothing(struct str claim)
{
	static const char *const claims[] = {"aud", "iss", "exp", "nbf", "iat", "jti"};

	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++)
		if (str_eq(claim, str_of(claims[i])))
			return true;
	return false;
}

static bool is_wild(char c)
{
	return c == '*' || c == '?';
}

/* Some letter or digit must be there: not so in every repository's name or subject. */
static bool has_literal(struct str pattern)
{
	for (size_t i = 0; i < pattern.n; i++)
		if (!is_wild(pattern.p[i]) && !str_has(STR("/:;.-_"), pattern.p[i]))
			return true;
	return false;
}

/* Does the pattern, behind that prefix, begin with a whole name: without wildcards up to its end, a slash or a colon?
 */
static bool names_owner(struct str pattern, const char *prefix)
{
	size_t n = 0;

	if (!str_starts(pattern, str_of(prefix)))
		return false;
	pattern = str_from(pattern, strlen(prefix));
	while (n < pattern.n && pattern.p[n] != '/' && pattern.p[n] != ':' && !is_wild(pattern.p[n]))
		n++;
	return n > 0 && (n == pattern.n || !is_wild(pattern.p[n]));
}

/* Who owns the job, in tokens of providers where anybody may run some. */
static bool is_of_owner(const struct condition *c)
{
	static const struct {
		const char *claim, *prefix;
	} owners[] = {
	    {"repository", ""},
	    {"repository_id", ""},
	    {"repository_owner", ""},
	    {"repository_owner_id", ""},
	    {"project_path", ""},
	    {"project_id", ""},
	    {"namespace_path", ""},
	    {"namespace_id", ""},
	    {"sub", "repo:"},
	    {"sub", "repository_owner:"},
	    {"sub", "project_path:"},
	};

	for (size_t i = 0; i < sizeof(owners) / sizeof(owners[0]); i++)
		if (str_eq(c->claim, str_of(owners[i].claim)) && names_owner(c->pattern, owners[i].prefix))
			return true;
	return false;
}

static bool is_public(struct str url)
{
	return str_starts(url, STR("https://token.actions.githubusercontent.com")) ||
	       str_eq(url, STR("https://gitlab.com"));
}

/* A rule must say for whom: *whom, some claim of the token; *owner, who owns the job. */
static enum rc check(const struct new_rule *r, bool *owner, struct err *err)
{
	bool whom = false;

	*owner = false;
	if (r->count > CONDITIONS_MAX)
		return fail(err, E_USAGE, "a rule has at most %d conditions", CONDITIONS_MAX);
	for (size_t i = 0; i < r->count; i++) {
		const struct condition *c = &r->conditions[i];

		if (!is_text(c->claim) || !is_text(c->pattern))
			return fail(err, E_USAGE, "write a condition as CLAIM=PATTERN, each of at most %d characters",
			    TEXT_MAX);
		whom = whom || (!tells_nothing(c->claim) && has_literal(c->pattern));
		*owner = *owner || is_of_owner(c);
	}
	if (!whom)
		return fail(err, E_USAGE,
		    "the rule would match every token of the issuer: add a condition such as repository=myorg/*");
	return OK;
}

/* Those providers sign tokens for whoever has an account there. */
static enum rc check_owner(struct db_conn *c, int64_t issuer_id, struct err *err)
{
	static const char sql[] = "SELECT url FROM issuers WHERE id = :id";
	bool row, open = false;
	struct db_stmt *s;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":id", issuer_id);
	TRY(db_step(s, &row, err));
	if (row)
		open = is_public(db_text(s, 0));
	db_done(s);
	if (!open)
		return OK;
	return fail(err, E_USAGE,
	    "anybody can get tokens of this issuer: add a condition that names the owner, such as repository=myorg/*, "
	    "repository_owner=myorg, project_path=mygroup/* or sub=repo:myorg/app:*");
}

static enum rc put_conditions(struct db_conn *c, int64_t rule_id, const struct new_rule *r, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO issuer_conditions (rule_id, claim, pattern) VALUES (:rule, :claim, :pattern)";
	struct db_stmt *s;
	enum rc rc;

	for (size_t i = 0; i < r->count; i++) {
		TRY(db_prepare(c, sql, &s, err));
		db_bind_i64(s, ":rule", rule_id);
		db_bind_text(s, ":claim", r->conditions[i].claim);
		db_bind_text(s, ":pattern", r->conditions[i].pattern);
		rc = db_run(s, NULL, err);
		if (rc == E_EXISTS)
			return fail(err, E_USAGE, "the claim %.*s is given twice", STR_ARG(r->conditions[i].claim));
		TRY(rc);
	}
	return OK;
}

/* With its conditions, after its name. */
static enum rc audit_rule(struct db_conn *c, const struct new_rule *r, struct err *err)
{
	struct buf text = BUF_INIT((CONDITIONS_MAX + 1) * 2 * (TEXT_MAX + 2));
	enum rc rc;

	buf_addf(&text, "%.*s:", STR_ARG(r->rule));
	for (size_t i = 0; i < r->count; i++)
		buf_addf(&text, " %.*s=%.*s", STR_ARG(r->conditions[i].claim), STR_ARG(r->conditions[i].pattern));
	rc = audit_add(c, "issuer.rule.add", r->issuer, buf_str(&text), err);
	buf_release(&text);
	return rc;
}

static enum rc check_count(struct db_conn *c, int64_t issuer_id, struct err *err)
{
	static const char sql[] = "SELECT count(*) FROM issuer_rules WHERE issuer_id = :id";
	struct db_stmt *s;
	int64_t count = 0;
	bool row;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":id", issuer_id);
	TRY(db_step(s, &row, err));
	if (row)
		count = db_i64(s, 0);
	db_done(s);
	return count < RULES_MAX
		   ? OK
		   : fail(err, E_USAGE, "the issuer already has %d rules, which is the limit: remove one first",
			 RULES_MAX);
}

static enum rc add(struct db_conn *c, void *ctx, struct err *err)
{
	static const char sql[] = "INSERT INTO issuer_rules (issuer_id, name, user_id) VALUES (:issuer, :name, :user)";
	const struct new_rule *r = ctx;
	int64_t issuer_id, user_id;
	struct db_stmt *s;

	TRY(issuer_id_of(c, r->issuer, &issuer_id, err));
	TRY(check_count(c, issuer_id, err));
	if (!r->names_owner)
		TRY(check_owner(c, issuer_id, err));
	TRY(rule_user_add(c, r->rule, &user_id, err));
	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":issuer", issuer_id);
	db_bind_text(s, ":name", r->rule);
	db_bind_i64(s, ":user", user_id);
	TRY(db_run(s, NULL, err));
	TRY(put_conditions(c, db_last_id(c), r, err));
	TRY(audit_rule(c, r, err));
	for (size_t i = 0; i < r->role_count; i++)
		TRY(rule_user_role(c, r->rule, r->roles[i], true, err));
	return OK;
}

enum rc issuer_rule_add(struct oidc *o, struct str issuer, struct str rule, const struct condition *conditions,
    size_t count, const struct str *roles, size_t role_count, struct err *err)
{
	struct new_rule r = {issuer, rule, conditions, count, roles, role_count, false};

	TRY(check(&r, &r.names_owner, err));
	return oidc_in_transaction(o, add, &r, err);
}

/* The row goes with its user (ON DELETE CASCADE). */
static enum rc remove_rule(struct db_conn *c, void *ctx, struct err *err)
{
	static const char sql[] = "SELECT user_id FROM issuer_rules WHERE name = :name";
	const struct str *rule = ctx;
	struct db_stmt *s;
	int64_t user_id;
	bool row;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_text(s, ":name", *rule);
	TRY(db_step(s, &row, err));
	if (!row)
		return fail(err, E_NOT_FOUND, "the rule %.*s does not exist: see `cove issuer list`",
		    STR_ARG(str_first(*rule, RULE_NAME_MAX)));
	user_id = db_i64(s, 0);
	db_done(s);
	TRY(rule_user_remove(c, user_id, err));
	return audit_add(c, "issuer.rule.remove", *rule, STR_NONE, err);
}

enum rc issuer_rule_remove(struct oidc *o, struct str rule, struct err *err)
{
	return oidc_in_transaction(o, remove_rule, &rule, err);
}

/* ---- the list ---- */

/* A rule's row and its conditions' come together: a row that continues the rule only adds a condition. */
static void read_row(struct db_stmt *s, struct arena *a, struct rule_info *r)
{
	if (!r->count) {
		r->id = db_i64(s, 0);
		r->user_id = db_i64(s, 1);
		r->name = arena_str(a, db_text(s, 2));
		r->user = arena_str(a, db_text(s, 3));
		r->enabled = db_i64(s, 4);
	}
	if (r->count < CONDITIONS_MAX)
		r->conditions[r->count++] =
		    (struct condition){arena_str(a, db_text(s, 5)), arena_str(a, db_text(s, 6))};
}

static enum rc each_rule(struct db_stmt *s, struct arena *a, rule_fn *each, void *ctx, struct err *err)
{
	struct rule_info r = {.count = 0};
	bool row;

	for (;;) {
		TRY(db_step(s, &row, err));
		if (r.count && (!row || db_i64(s, 0) != r.id)) {
			TRY(each(ctx, &r, err));
			arena_reset(a);
			r.count = 0;
		}
		if (!row)
			return OK;
		read_row(s, a, &r);
		if (a->failed)
			return fail_rc(err, E_BUSY);
	}
}

enum rc issuer_rule_list(struct oidc *o, struct str issuer, rule_fn *each, void *ctx, struct err *err)
{
	static const char sql[] =
	    "SELECT r.id, r.user_id, r.name, u.name, u.enabled, c.claim, c.pattern FROM issuer_rules r"
	    " JOIN users u ON u.id = r.user_id JOIN issuer_conditions c ON c.rule_id = r.id"
	    " WHERE r.issuer_id = :issuer ORDER BY r.id, c.claim";
	struct arena a;
	struct db_conn *c;
	struct db_stmt *s;
	int64_t id;
	enum rc rc;

	TRY(db_here(o->db, &c, err));
	TRY(issuer_id_of(c, issuer, &id, err));
	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":issuer", id);
	arena_init(&a, 65536);
	rc = each_rule(s, &a, each, ctx, err);
	db_done(s);
	arena_release(&a);
	return rc;
}
