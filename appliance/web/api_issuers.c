/* /issuers: whose tokens count, and as whom. */
#include "api.h"

struct issuers {
	struct buf *out;
	struct str only;
	bool found;
};

struct rules {
	struct buf *out;
	struct auth *auth;
};

static void put_issuer(struct buf *b, const struct issuer_info *i)
{
	json_put_member_str(b, "name", i->name);
	json_put_member_str(b, "url", i->url);
	json_put_member_str(b, "audience", i->audience);
	json_put_member_str(b, "jwks_url", i->jwks_url);
	put_bool(b, "keys_given", i->jwks.n > 0);
	put_i64(b, "created_at", i->created_at);
}

static enum rc each_issuer(void *ctx, const struct issuer_info *i, struct err *err)
{
	struct issuers *list = ctx;

	(void)err;
	if (list->only.n && !str_eq(i->name, list->only))
		return OK;
	list->found = true;
	if (!list->only.n) {
		json_put_comma(list->out);
		buf_addc(list->out, '{');
	}
	put_issuer(list->out, i);
	if (!list->only.n)
		buf_addc(list->out, '}');
	return OK;
}

enum rc api_issuer_list(struct exchange *x)
{
	struct issuers list = {.out = api_begin(x)};

	put_list(list.out, "issuers");
	TRY(issuer_list(x->site->oidc, each_issuer, &list, &x->err));
	buf_addc(list.out, ']');
	return api_end(x, 200);
}

static enum rc put_roles(const struct rules *list, struct str user, struct err *err)
{
	put_list(list->out, "roles");
	TRY(user_role_list(list->auth, user, put_role_name, list->out, err));
	buf_addz(list->out, "]}");
	return OK;
}

static enum rc each_rule(void *ctx, const struct rule_info *r, struct err *err)
{
	const struct rules *list = ctx;
	struct buf *b = list->out;

	json_put_comma(b);
	buf_addc(b, '{');
	json_put_member_str(b, "name", r->name);
	json_put_member_str(b, "user", r->user);
	put_bool(b, "enabled", r->enabled);
	json_put_name(b, "conditions");
	buf_addc(b, '{');
	for (size_t i = 0; i < r->count; i++) {
		json_put_comma(b);
		json_put_str(b, r->conditions[i].claim);
		buf_addc(b, ':');
		json_put_str(b, r->conditions[i].pattern);
	}
	buf_addz(b, "}");
	return put_roles(list, r->user, err);
}

static enum rc reply_issuer(struct exchange *x, struct str name, int status)
{
	struct issuers list = {.out = api_begin(x), .only = name};

	TRY(issuer_list(x->site->oidc, each_issuer, &list, &x->err));
	if (!list.found)
		return fail(
		    &x->err, E_NOT_FOUND, "the issuer %.*s does not exist", STR_ARG(str_first(name, USER_NAME_MAX)));
	put_list(list.out, "rules");
	TRY(issuer_rule_list(x->site->oidc, name, each_rule, &(struct rules){list.out, x->site->auth}, &x->err));
	buf_addc(list.out, ']');
	return api_end(x, status);
}

enum rc api_issuer_get(struct exchange *x)
{
	return reply_issuer(x, x->object, 200);
}

static struct str text_or_none(const struct json *v)
{
	return v ? json_string(v) : STR("");
}

enum rc api_issuer_create(struct exchange *x)
{
	const struct json *values[API_MEMBERS_MAX];
	struct issuer_info issuer;

	TRY(api_body(x, &schema_issuer_new, values));
	issuer = (struct issuer_info){
	    .name = json_string(values[0]),
	    .url = json_string(values[1]),
	    .audience = json_string(values[2]),
	    .jwks_url = text_or_none(values[3]),
	    .jwks = text_or_none(values[4]),
	    .ca_pem = text_or_none(values[5]),
	};
	TRY(issuer_add(x->site->oidc, &issuer, &x->err));
	return reply_issuer(x, issuer.name, 201);
}

enum rc api_issuer_keys(struct exchange *x)
{
	const struct json *values[API_MEMBERS_MAX];

	TRY(api_body(x, &schema_issuer_keys, values));
	TRY(issuer_set_keys(x->site->oidc, x->object, json_string(values[0]), &x->err));
	return reply_empty(x, 204);
}

enum rc api_issuer_remove(struct exchange *x)
{
	TRY(issuer_remove(x->site->oidc, x->object, &x->err));
	return reply_empty(x, 204);
}

enum rc api_rule_create(struct exchange *x)
{
	const struct json *values[API_MEMBERS_MAX];
	struct condition conditions[CONDITIONS_MAX];
	struct str roles[USER_ROLES_MAX];
	size_t count = 0, role_count = 0;

	TRY(api_body(x, &schema_rule_new, values));
	if (json_count(values[1]) > CONDITIONS_MAX || json_count(values[2]) > USER_ROLES_MAX)
		return fail(&x->err, E_REQUEST, "a rule has at most %d conditions, and %d roles", CONDITIONS_MAX,
		    USER_ROLES_MAX);
	for (const struct json *v = json_first(values[1]); v; v = json_next(v))
		conditions[count++] = (struct condition){json_name(v), json_string(v)};
	for (const struct json *v = json_first(values[2]); v; v = json_next(v))
		roles[role_count++] = json_string(v);
	TRY(issuer_rule_add(
	    x->site->oidc, x->object, json_string(values[0]), conditions, count, roles, role_count, &x->err));
	return reply_issuer(x, x->object, 201);
}

/* A rule is known by its name; the issuer in the path must have it. */
struct rule_search {
	struct str name;
	bool found;
};

static enum rc is_rule(void *ctx, const struct rule_info *r, struct err *err)
{
	struct rule_search *s = ctx;

	(void)err;
	s->found = s->found || str_eq(r->name, s->name);
	return OK;
}

enum rc api_rule_remove(struct exchange *x)
{
	struct rule_search search = {.name = x->upload_id};

	TRY(issuer_rule_list(x->site->oidc, x->object, is_rule, &search, &x->err));
	if (!search.found)
		return fail(&x->err, E_NOT_FOUND, "this issuer does not have a rule of that name");
	TRY(issuer_rule_remove(x->site->oidc, x->upload_id, &x->err));
	return reply_empty(x, 204);
}
