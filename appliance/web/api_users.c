/* /users: who there is, and what each may do. */
#include "api.h"

/* Of a list of named things: those of a page, or the one that is wanted. */
struct page {
	struct buf *out;
	struct str only, after;
	uint64_t left;
	bool found, more;
	char last[USER_NAME_MAX + 1];
};

static enum rc page_begin(struct exchange *x, struct page *p, const char *member)
{
	*p = (struct page){.after = STR_NONE};
	query_get(x, "last", &p->after);
	TRY(api_page(x, &p->left));
	p->out = api_begin(x);
	put_list(p->out, member);
	return OK;
}

/* Does the one of this name, which comes next in the order of names, belong to it? Its members go to `out` then. */
static bool page_takes(struct page *p, struct str name)
{
	if (p->only.n) {
		bool first = !p->found && str_eq(name, p->only);

		p->found |= first;
		return first;
	}
	if (p->after.n && str_cmp(name, p->after) <= 0)
		return false;
	p->more = p->left == 0;
	if (p->more)
		return false;
	p->left--;
	json_put_comma(p->out);
	buf_addc(p->out, '{');
	snprintf(p->last, sizeof(p->last), "%.*s", STR_ARG(name));
	return true;
}

static void page_close(struct page *p)
{
	if (!p->only.n)
		buf_addc(p->out, '}');
}

static enum rc page_end(struct exchange *x, const struct page *p)
{
	buf_addc(p->out, ']');
	if (p->more)
		json_put_member_str(p->out, "next", str_of(p->last));
	return api_end(x, 200);
}

static void put_user(struct buf *b, const struct user_info *u)
{
	static const char *const kinds[] = {
	    [USER_PERSON] = "person", [USER_ROBOT] = "robot", [USER_ISSUER_RULE] = "issuer rule"};

	json_put_member_str(b, "name", u->name);
	json_put_member_str(b, "kind", str_of(kinds[u->kind]));
	put_bool(b, "enabled", u->enabled);
	put_bool(b, "has_password", u->has_password);
	put_i64(b, "created_at", u->created_at);
	put_i64(b, "last_login_at", u->last_login_at);
}

static enum rc each_user(void *ctx, const struct user_info *u, struct err *err)
{
	struct page *p = ctx;

	(void)err;
	if (page_takes(p, u->name)) {
		put_user(p->out, u);
		page_close(p);
	}
	return OK;
}

enum rc api_user_list(struct exchange *x)
{
	struct page page;

	TRY(page_begin(x, &page, "users"));
	TRY(user_list(x->site->auth, each_user, &page, &x->err));
	return page_end(x, &page);
}

static enum rc reply_user(struct exchange *x, struct str name, int status)
{
	struct page page = {.out = api_begin(x), .only = name};
	int64_t keys;

	TRY(user_list(x->site->auth, each_user, &page, &x->err));
	if (!page.found)
		return fail(
		    &x->err, E_NOT_FOUND, "the user %.*s does not exist", STR_ARG(str_first(name, USER_NAME_MAX)));
	TRY(key_count(x->site->auth, name, &keys, &x->err));
	put_i64(page.out, "keys", keys);
	put_list(page.out, "roles");
	TRY(user_role_list(x->site->auth, name, put_role_name, page.out, &x->err));
	buf_addc(page.out, ']');
	put_list(page.out, "grants");
	TRY(grant_list(x->site->auth, name, put_grant, page.out, &x->err));
	buf_addc(page.out, ']');
	return api_end(x, status);
}

enum rc api_user_get(struct exchange *x)
{
	return reply_user(x, x->object, 200);
}

enum rc api_user_create(struct exchange *x)
{
	const struct json *values[API_MEMBERS_MAX];
	struct secret password;
	struct str name;
	bool robot = false;
	enum rc rc;

	TRY(api_body(x, &schema_user_new, values));
	name = json_string(values[0]);
	if (values[2])
		(void)json_bool(values[2], &robot);
	if (robot == (values[1] != NULL))
		return fail(&x->err, E_REQUEST, "a person needs a password, and a robot must not have one");
	if (robot) {
		TRY(user_add_robot(x->site->auth, name, &x->err));
		return reply_user(x, name, 201);
	}
	if (!x->in_password_lane)
		return fail_rc(&x->err, E_WANT_PASSWORD_LANE);
	TRY(api_secret(x, values[1], &password));
	rc = user_add(x->site->auth, name, &password, &x->err);
	secret_wipe(&password);
	return rc ? rc : reply_user(x, name, 201);
}

enum rc api_user_change(struct exchange *x)
{
	const struct json *values[API_MEMBERS_MAX];
	struct secret password;
	bool enabled;
	enum rc rc = OK;

	TRY(api_body(x, &schema_user_change, values));
	if (values[1] && !x->in_password_lane)
		return fail_rc(&x->err, E_WANT_PASSWORD_LANE);
	if (values[1]) {
		TRY(api_secret(x, values[1], &password));
		rc = user_set_password(x->site->auth, x->object, &password, &x->err);
		secret_wipe(&password);
	}
	if (!rc && values[0] && json_bool(values[0], &enabled))
		rc = user_set_enabled(x->site->auth, x->object, enabled, &x->err);
	return rc ? rc : reply_user(x, x->object, 200);
}

enum rc api_user_remove(struct exchange *x)
{
	TRY(user_remove(x->site->auth, x->object, &x->err));
	return reply_empty(x, 204);
}

enum rc api_user_role_put(struct exchange *x)
{
	TRY(user_role_set(x->site->auth, x->object, x->upload_id, true, &x->err));
	return reply_empty(x, 204);
}

enum rc api_user_role_delete(struct exchange *x)
{
	TRY(user_role_set(x->site->auth, x->object, x->upload_id, false, &x->err));
	return reply_empty(x, 204);
}

static enum rc body_grant(struct exchange *x, struct grant_info *g)
{
	const struct json *values[API_MEMBERS_MAX];

	TRY(api_body(x, &schema_grant, values));
	return api_grant(x, values, g);
}

enum rc api_user_grant(struct exchange *x)
{
	struct grant_info g;

	TRY(body_grant(x, &g));
	TRY(grant_set(x->site->auth, x->object, g.pattern, g.actions, &x->err));
	return reply_empty(x, 204);
}

enum rc api_user_grant_add(struct exchange *x)
{
	struct grant_info g;
	unsigned now;

	TRY(body_grant(x, &g));
	TRY(grant_add(x->site->auth, x->object, g.pattern, g.actions, &now, &x->err));
	return reply_empty(x, 204);
}

/* ---- /roles ---- */

static void put_role(struct buf *b, const struct role_info *r)
{
	json_put_member_str(b, "name", r->name);
	put_bool(b, "built_in", r->built_in);
	put_i64(b, "created_at", r->created_at);
	put_i64(b, "users", r->users);
}

static enum rc each_role(void *ctx, const struct role_info *r, struct err *err)
{
	struct page *p = ctx;

	(void)err;
	if (page_takes(p, r->name)) {
		put_role(p->out, r);
		page_close(p);
	}
	return OK;
}

enum rc api_role_list(struct exchange *x)
{
	struct page page;

	TRY(page_begin(x, &page, "roles"));
	TRY(role_list(x->site->auth, each_role, &page, &x->err));
	return page_end(x, &page);
}

static enum rc reply_role(struct exchange *x, struct str name, int status)
{
	struct page page = {.out = api_begin(x), .only = name};

	TRY(role_list(x->site->auth, each_role, &page, &x->err));
	if (!page.found)
		return fail(
		    &x->err, E_NOT_FOUND, "the role %.*s does not exist", STR_ARG(str_first(name, USER_NAME_MAX)));
	put_list(page.out, "grants");
	TRY(role_grant_list(x->site->auth, name, put_grant, page.out, &x->err));
	buf_addc(page.out, ']');
	return api_end(x, status);
}

enum rc api_role_get(struct exchange *x)
{
	return reply_role(x, x->object, 200);
}

enum rc api_role_create(struct exchange *x)
{
	const struct json *values[API_MEMBERS_MAX];

	TRY(api_body(x, &schema_named, values));
	TRY(role_add(x->site->auth, json_string(values[0]), &x->err));
	return reply_role(x, json_string(values[0]), 201);
}

enum rc api_role_grant(struct exchange *x)
{
	struct grant_info g;

	TRY(body_grant(x, &g));
	TRY(role_grant(x->site->auth, x->object, g.pattern, g.actions, &x->err));
	return reply_empty(x, 204);
}

enum rc api_role_grant_add(struct exchange *x)
{
	struct grant_info g;
	unsigned now;

	TRY(body_grant(x, &g));
	TRY(role_grant_add(x->site->auth, x->object, g.pattern, g.actions, &now, &x->err));
	return reply_empty(x, 204);
}

enum rc api_role_remove(struct exchange *x)
{
	TRY(role_remove(x->site->auth, x->object, &x->err));
	return reply_empty(x, 204);
}
