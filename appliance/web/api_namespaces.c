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

static enum rc find_namespace(struct exchange *x, struct str name, const struct namespace **out)
{
	TRY(exchange_namespaces(x));
	*out = namespace_find(x->namespaces, name);
	return *out ? OK
		    : fail(&x->err, E_NOT_FOUND, "the namespace %.*s does not exist",
			  STR_ARG(str_first(name, NAMESPACE_NAME_MAX)));
}

enum rc api_namespace_get(struct exchange *x)
{
	const struct namespace *ns;
	struct buf *b = api_begin(x);

	TRY(find_namespace(x, x->object, &ns));
	TRY(put_namespace(x, b, ns));
	return api_end(x, 200);
}

/* ---- changes: made all the same, with warnings of what cannot work as it is ---- */

/* Held by an exchange whose change is made, while it waits for an upstream: its handler is run again then. */
static char change_is_made, port_is_taken;

static void let_go(void *p)
{
	(void)p;
}

/* Before the change, after which the server itself may listen there. */
static enum rc note_taken_port(struct exchange *x, const struct attribute *attributes, size_t count)
{
	struct namespace_set *set;
	bool taken = false;
	uint64_t port;

	TRY(namespaces_take(x->site->namespaces, &set, &x->err));
	for (size_t i = 0; i < count; i++)
		taken = taken || (str_eq(attributes[i].name, STR("port")) && str_u64(attributes[i].value, &port) &&
				     port && port <= UINT16_MAX && !namespace_at_port(set, (uint16_t)port) &&
				     net_port_is_taken((uint16_t)port));
	namespace_set_unref(set);
	return taken ? exchange_hold(x, &port_is_taken, let_go) : OK;
}

static void put_warning(struct buf *b, const char *text)
{
	json_put_comma(b);
	json_put_str(b, str_of(text));
}

static enum rc put_warnings(struct exchange *x, struct buf *b, const struct namespace *ns, bool asks_upstream)
{
	enum rc rc = OK;

	put_list(b, "warnings");
	if (exchange_holds(x, &port_is_taken))
		put_warning(b, "the port is in use, by another program or by this registry: the namespace opens it as "
			       "soon as it is free");
	if (ns->kind == NAMESPACE_GROUP && !ns->member_count)
		put_warning(b, "the group has no members, so it is empty");
	if (asks_upstream && ns->kind == NAMESPACE_PROXY && ns->online && !ns->offline)
		rc = upstream_answers(x->site->upstream, x, ns, &x->err);
	if (rc == E_WANT_WAKE)
		return rc;
	if (rc)
		put_warning(b, x->err.text);
	buf_addc(b, ']');
	return OK;
}

/* The snapshot is taken here, after what was changed. */
static enum rc reply_changed(
    struct exchange *x, struct str name, int status, const struct attribute *attributes, size_t count)
{
	const struct namespace *ns;
	bool asks_upstream = false;
	struct buf *b;

	TRY(exchange_hold(x, &change_is_made, let_go));
	for (size_t i = 0; i < count; i++)
		asks_upstream = asks_upstream || str_eq(attributes[i].name, STR("upstream")) ||
				str_eq(attributes[i].name, STR("ca"));
	TRY(find_namespace(x, name, &ns));
	b = api_begin(x);
	TRY(put_namespace(x, b, ns));
	TRY(put_warnings(x, b, ns, asks_upstream));
	return api_end(x, status);
}

static enum rc attributes_of(
    struct exchange *x, const struct json *map, struct attribute out[ATTRIBUTES_MAX], size_t *count)
{
	*count = 0;
	for (const struct json *v = json_first(map); v; v = json_next(v)) {
		if (*count == ATTRIBUTES_MAX)
			return fail(&x->err, E_REQUEST, "too many attributes are given");
		if (namespace_attribute_is_local(json_name(v)))
			return fail(&x->err, E_DENIED,
			    "%.*s is a file on the registry's machine: set it there, with cove namespace change or in "
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
		return fail(&x->err, E_REQUEST, "kind must be hosted, proxy or group");
	TRY(attributes_of(x, values[2], attributes, &count));
	if (!exchange_holds(x, &change_is_made)) {
		TRY(note_taken_port(x, attributes, count));
		TRY(namespace_create(x->site->namespaces, json_string(values[0]), kind, attributes, count, &x->err));
	}
	return reply_changed(x, json_string(values[0]), 201, attributes, count);
}

enum rc api_namespace_change(struct exchange *x)
{
	const struct json *values[API_MEMBERS_MAX];
	struct attribute attributes[ATTRIBUTES_MAX];
	size_t count;

	TRY(api_body(x, &schema_namespace_change, values));
	TRY(attributes_of(x, values[0], attributes, &count));
	if (!exchange_holds(x, &change_is_made)) {
		TRY(note_taken_port(x, attributes, count));
		TRY(namespace_change(x->site->namespaces, x->object, attributes, count, &x->err));
	}
	return reply_changed(x, x->object, 200, attributes, count);
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
