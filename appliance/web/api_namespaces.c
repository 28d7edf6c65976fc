/* /namespaces: what the table of attributes knows, as texts. */
#include "api.h"
#include <cove/namespace/proxy.h>
#include <cove/upstream/upstream.h>

#define ATTRIBUTE_MAX_BYTES (256u * 1024)
#define ATTRIBUTES_MAX 64

static void put_attributes(struct buf *b, const struct namespace *ns)
{
	struct buf text = BUF_INIT(ATTRIBUTE_MAX_BYTES);
	const struct attribute_type *types;
	size_t count;

	json_put_name(b, "attributes");
	buf_addc(b, '{');
	types = namespace_attributes(&count);
	for (size_t i = 0; i < count; i++) {
		if (!(types[i].kinds & 1u << ns->kind))
			continue;
		buf_reset(&text);
		namespace_attribute_text(ns, &types[i], &text);
		json_put_member_str(b, types[i].name, buf_str(&text));
	}
	buf_addc(b, '}');
	buf_release(&text);
}

static void put_upstream(struct exchange *x, struct buf *b, const struct namespace *ns)
{
	struct upstream_status status;
	int64_t expires_at;

	upstream_status(x->site->upstream, ns, &status);
	put_bool(b, "has_password", namespace_has_password(ns));
	if (namespace_has_password(ns) && !namespace_password_expiry(x->site->namespaces, ns, &expires_at, NULL) &&
	    expires_at)
		put_i64(b, "password_expires_at", expires_at);
	json_put_name(b, "upstream");
	buf_addc(b, '{');
	put_bool(b, "reachable", status.reachable);
	json_put_member_str(b, "failure", str_of(status.failure));
	put_i64(b, "failed_at", status.failed_at);
	put_i64(b, "failed_until", status.failed_until);
	if (status.limit_remaining >= 0) {
		put_i64(b, "limit_remaining", status.limit_remaining);
		put_i64(b, "limit_total", status.limit_total);
		put_i64(b, "limit_at", status.limit_at);
	}
	buf_addc(b, '}');
}

static enum rc put_namespace(struct exchange *x, struct buf *b, const struct namespace *ns)
{
	uint64_t used;

	TRY(namespace_used_bytes(x->site->namespaces, ns, &used, &x->err));
	json_put_member_str(b, "name", ns->name.n ? ns->name : STR("/"));
	json_put_member_str(b, "kind", str_of(namespace_kind_text(ns->kind)));
	put_bool(b, "declared", ns->declared);
	put_i64(b, "created_at", ns->created_at);
	json_put_member_u64(b, "used_bytes", used);
	put_attributes(b, ns);
	if (ns->kind == NAMESPACE_PROXY)
		put_upstream(x, b, ns);
	return OK;
}

enum rc api_namespace_list(struct exchange *x)
{
	struct buf *b = api_begin(x);

	TRY(exchange_namespaces(x));
	put_list(b, "namespaces");
	for (size_t i = 0; i < namespace_count(x->namespaces); i++) {
		json_put_comma(b);
		buf_addc(b, '{');
		TRY(put_namespace(x, b, namespace_at(x->namespaces, i)));
		buf_addc(b, '}');
	}
	buf_addc(b, ']');
	return api_end(x, 200);
}

/* The snapshot is taken here, after what was changed. */
static enum rc reply_namespace(struct exchange *x, struct str name, int status)
{
	const struct namespace *ns;
	struct buf *b = api_begin(x);

	TRY(exchange_namespaces(x));
	ns = namespace_find(x->namespaces, name);
	if (!ns)
		return fail(
		    &x->err, E_NOT_FOUND, "there is no namespace %.*s", STR_ARG(str_first(name, NAMESPACE_NAME_MAX)));
	TRY(put_namespace(x, b, ns));
	return api_end(x, status);
}

enum rc api_namespace_get(struct exchange *x)
{
	return reply_namespace(x, x->object, 200);
}

static enum rc attributes_of(
    struct exchange *x, const struct json *map, struct attribute out[ATTRIBUTES_MAX], size_t *count)
{
	*count = 0;
	for (const struct json *v = json_first(map); v; v = json_next(v)) {
		if (*count == ATTRIBUTES_MAX)
			return fail(&x->err, E_REQUEST, "there are too many attributes");
		if (namespace_attribute_is_local(json_name(v)))
			return fail(&x->err, E_DENIED,
			    "%.*s names a file of the registry's machine: set it there, with cove namespace change or "
			    "in "
			    "cove.yaml",
			    STR_ARG(json_name(v)));
		out[(*count)++] = (struct attribute){json_name(v), json_string(v)};
	}
	return OK;
}

enum rc api_namespace_create(struct exchange *x)
{
	const struct json *values[API_MEMBERS_MAX];
	struct attribute attributes[ATTRIBUTES_MAX];
	enum namespace_kind kind;
	size_t count;

	TRY(api_body(x, &schema_namespace_new, values));
	if (!namespace_kind_parse(json_string(values[1]), &kind))
		return fail(&x->err, E_REQUEST, "kind: hosted, proxy or group is wanted");
	TRY(attributes_of(x, values[2], attributes, &count));
	TRY(namespace_create(x->site->namespaces, json_string(values[0]), kind, attributes, count, &x->err));
	return reply_namespace(x, json_string(values[0]), 201);
}

enum rc api_namespace_change(struct exchange *x)
{
	const struct json *values[API_MEMBERS_MAX];
	struct attribute attributes[ATTRIBUTES_MAX];
	size_t count;

	TRY(api_body(x, &schema_namespace_change, values));
	TRY(attributes_of(x, values[0], attributes, &count));
	TRY(namespace_change(x->site->namespaces, x->object, attributes, count, &x->err));
	return reply_namespace(x, x->object, 200);
}

enum rc api_namespace_password(struct exchange *x)
{
	const struct json *values[API_MEMBERS_MAX];
	struct secret password;
	enum rc rc;

	TRY(api_body(x, &schema_password, values));
	TRY(api_secret(x, values[0], &password));
	rc = namespace_set_password(x->site->namespaces, x->object, &password, &x->err);
	secret_wipe(&password);
	return rc ? rc : reply_empty(x, 204);
}

enum rc api_namespace_refresh(struct exchange *x)
{
	TRY(namespace_refresh(x->site->namespaces, x->object, &x->err));
	return reply_empty(x, 204);
}

enum rc api_namespace_remove(struct exchange *x)
{
	TRY(namespace_remove(x->site->namespaces, x->object, api_flag(x, "purge"), &x->err));
	return reply_empty(x, 204);
}
