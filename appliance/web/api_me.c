/* Keys, of any user for an admin below /users, of oneself below /me; the own password. */
#include "api.h"

/* Below /users it is the user of the path, below /me the one who asks. */
static struct str subject(const struct exchange *x)
{
	return x->object.n ? x->object : str_of(x->who.name);
}

/* A key may be narrower than its user, and a CI job's token is short-lived: neither may make or end what outlives it.
 */
static enum rc need_password(struct exchange *x)
{
	if (!x->who.key_id && !x->who.is_issuer_rule)
		return OK;
	return fail(&x->err, E_DENIED, "this needs the password of %s: a key or token is not enough", x->who.name);
}

struct limits {
	struct buf *out;
	int64_t key_id;
};

static enum rc put_limits(void *ctx, const struct key_info *k, struct err *err)
{
	const struct limits *l = ctx;

	for (size_t i = 0; k->id == l->key_id && i < k->grant_count; i++)
		TRY(put_grant(l->out, &k->grants[i], err));
	return OK;
}

enum rc api_me(struct exchange *x)
{
	struct str name = str_of(x->who.name);
	unsigned actions;
	struct buf *b = api_begin(x);

	TRY(auth_actions(x->site->auth, &x->who, STR(""), &actions, &x->err));
	json_put_member_str(b, "name", name);
	put_bool(b, "admin", actions & MAY_ADMIN);
	put_i64(b, "key_id", x->who.key_id);
	put_list(b, "key_grants");
	if (x->who.key_id)
		TRY(key_list(x->site->auth, name, put_limits, &(struct limits){b, x->who.key_id}, &x->err));
	buf_addc(b, ']');
	put_list(b, "roles");
	TRY(user_role_list(x->site->auth, name, put_role_name, b, &x->err));
	buf_addc(b, ']');
	put_list(b, "grants");
	TRY(grant_list(x->site->auth, name, put_grant, b, &x->err));
	buf_addc(b, ']');
	return api_end(x, 200);
}

/* How many keys go on working. */
static enum rc reply_keys(struct exchange *x, int status)
{
	int64_t count;
	struct buf *b = api_begin(x);

	TRY(key_count(x->site->auth, str_of(x->who.name), &count, &x->err));
	put_i64(b, "keys", count);
	return api_end(x, status);
}

enum rc api_me_password(struct exchange *x)
{
	const struct json *values[API_MEMBERS_MAX];
	struct secret old, fresh;
	enum rc rc;

	TRY(need_password(x));
	TRY(api_body(x, &schema_password_change, values));
	TRY(api_secret(x, values[0], &old));
	rc = api_secret(x, values[1], &fresh);
	if (!rc)
		rc = own_password_set(x->site->auth, &x->who, &old, &fresh, conn_peer(x->conn),
		    x->in_password_lane ? SLOW_ALLOWED : SLOW_NOT_NOW, &x->err);
	secret_wipe(&old);
	secret_wipe(&fresh);
	return rc ? rc : reply_keys(x, 200);
}

/* ---- keys ---- */

struct keys_page {
	struct buf *out;
	int64_t after, last;
	uint64_t left;
	bool more;
};

static enum rc each_key(void *ctx, const struct key_info *k, struct err *err)
{
	struct keys_page *p = ctx;

	if (k->id <= p->after)
		return OK;
	p->more = p->left == 0;
	if (p->more)
		return OK;
	p->left--;
	p->last = k->id;
	json_put_comma(p->out);
	buf_addc(p->out, '{');
	put_i64(p->out, "id", k->id);
	json_put_member_str(p->out, "label", k->label);
	put_i64(p->out, "created_at", k->created_at);
	put_i64(p->out, "expires_at", k->expires_at);
	put_i64(p->out, "last_used_at", k->last_used_at);
	put_bool(p->out, "revoked", k->revoked);
	put_list(p->out, "grants");
	for (size_t i = 0; i < k->grant_count; i++)
		TRY(put_grant(p->out, &k->grants[i], err));
	buf_addz(p->out, "]}");
	return OK;
}

enum rc api_key_list(struct exchange *x)
{
	struct keys_page page = {.after = 0};
	uint64_t after;
	char last[24];

	TRY(api_number(x, "last", 0, &after));
	TRY(api_page(x, &page.left));
	page.after = (int64_t)after;
	page.out = api_begin(x);
	put_list(page.out, "keys");
	TRY(key_list(x->site->auth, subject(x), each_key, &page, &x->err));
	buf_addc(page.out, ']');
	snprintf(last, sizeof(last), "%lld", (long long)page.last);
	if (page.more)
		json_put_member_str(page.out, "next", str_of(last));
	return api_end(x, 200);
}

enum rc api_key_create(struct exchange *x)
{
	const struct json *values[API_MEMBERS_MAX];
	struct grant_info *grants;
	char text[CREDENTIAL_TEXT_MAX];
	uint64_t expires_at = 0;
	size_t count = 0;
	struct buf *b;
	int64_t id;

	TRY(api_body(x, &schema_key_new, values));
	if (values[1])
		(void)json_u64(values[1], &expires_at);
	if (values[2] && !json_count(values[2])) /* "may do nothing" must not become "may do all" */
		return fail(&x->err, E_REQUEST,
		    "grants is empty: name at least one grant, or leave the member out for a key without limits");
	if (json_count(values[2]) > GRANTS_OF_KEY_MAX)
		return fail(
		    &x->err, E_REQUEST, "a key can have at most %d grants: use wider patterns", GRANTS_OF_KEY_MAX);
	grants = arena_alloc(x->arena, (json_count(values[2]) + 1) * sizeof(*grants));
	if (!grants)
		return fail_rc(&x->err, E_BUSY);
	for (const struct json *g = json_first(values[2]); g; g = json_next(g)) {
		const struct json *members[API_MEMBERS_MAX];

		TRY(api_object(x, g, &schema_grant, members));
		TRY(api_grant(x, members, &grants[count++]));
	}
	TRY(key_create(x->site->auth, subject(x), values[0] ? json_string(values[0]) : STR(""), grants, count,
	    (int64_t)expires_at, text, &id, &x->err));
	b = api_begin(x);
	put_i64(b, "id", id);
	json_put_member_str(b, "key", str_of(text));
	wipe(text, sizeof(text));
	return api_end(x, 201);
}

enum rc api_me_key_create(struct exchange *x)
{
	TRY(need_password(x));
	return api_key_create(x);
}

enum rc api_key_revoke(struct exchange *x)
{
	int64_t id;

	TRY(api_id(x, &id));
	TRY(own_key_revoke(x->site->auth, subject(x), id, &x->err));
	return reply_empty(x, 204);
}

/* A key may end itself, so that a robot can act on a leak. */
enum rc api_me_key_revoke(struct exchange *x)
{
	int64_t id;

	TRY(api_id(x, &id));
	if (!x->who.key_id || id != x->who.key_id)
		TRY(need_password(x));
	return api_key_revoke(x);
}

enum rc api_key_revoke_all(struct exchange *x)
{
	int64_t count;

	TRY(key_revoke_all(x->site->auth, subject(x), &count, &x->err));
	return reply_empty(x, 204);
}

enum rc api_me_key_revoke_all(struct exchange *x)
{
	TRY(need_password(x));
	return api_key_revoke_all(x);
}
