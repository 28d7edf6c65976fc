/* check: what must hold of names and between namespaces. A change is made, the whole is checked, then it is committed.
 */
#include "private.h"

/* As segments of repository names, with single . _ - only. */
enum rc name_check(struct str name, struct err *err)
{
	bool good = name.n >= 1 && name.n <= NAMESPACE_NAME_MAX, separator = true;

	for (size_t i = 0; good && i < name.n; i++) {
		bool letter = ascii_is_lower(name.p[i]) || ascii_is_digit(name.p[i]);

		good = letter || (!separator && str_has(STR("._-/"), name.p[i]));
		separator = !letter;
	}
	if (!good || separator)
		return fail(err, E_USAGE,
		    "\"%.*s\" is not a valid name for a namespace: use up to %d lower-case letters and digits, with "
		    "single . _ - / between them",
		    STR_ARG(str_first(name, 60)), NAMESPACE_NAME_MAX);
	return OK;
}

static enum rc check_nesting(const struct namespace *ns, struct err *err)
{
	const struct namespace *around = ns->name.n ? namespace_of_name(ns->set, ns->name) : NULL;

	if (around && around->kind != NAMESPACE_HOSTED)
		return fail(err, E_USAGE,
		    "%.*s would be inside %.*s, which is a %s namespace: only a hosted namespace can contain others",
		    STR_ARG(ns->name), STR_ARG(around->name), namespace_kind_text(around->kind));
	if (!around && ns->kind != NAMESPACE_HOSTED)
		bug("the root is a %s namespace", namespace_kind_text(ns->kind));
	return OK;
}

static enum rc check_listener(const struct namespace *ns, struct err *err)
{
	if (ns->listener == LISTENER_NONE && ns->port)
		return fail(err, E_USAGE, "namespace %.*s: port %u needs listener=https (or listener=http)",
		    STR_ARG(name_shown(ns)), ns->port);
	if (ns->listener != LISTENER_NONE && !ns->port)
		return fail(err, E_USAGE, "namespace %.*s: a listener needs a port, such as port=5001",
		    STR_ARG(name_shown(ns)));
	if (ns->behind_tls && ns->listener != LISTENER_HTTP)
		return fail(err, E_USAGE, "namespace %.*s: behind_tls needs listener=http, which the proxy talks to",
		    STR_ARG(name_shown(ns)));
	return OK;
}

static enum rc check_unique(const struct namespace_set *set, const struct namespace *ns, struct err *err)
{
	for (size_t i = 0; ns->port && i < set->port_count; i++)
		if (set->with_port[i] != ns && set->with_port[i]->port == ns->port)
			return fail(err, E_USAGE, "namespaces %.*s and %.*s cannot both have port %u",
			    STR_ARG(name_shown(ns)), STR_ARG(name_shown(set->with_port[i])), ns->port);
	for (size_t i = 0; ns->host.n && i < set->host_count; i++)
		if (set->with_host[i] != ns && str_eqi(set->with_host[i]->host, ns->host))
			return fail(err, E_USAGE, "namespaces %.*s and %.*s cannot both have host %.*s",
			    STR_ARG(name_shown(ns)), STR_ARG(name_shown(set->with_host[i])), STR_ARG(ns->host));
	return OK;
}

static enum rc check_proxy(const struct namespace_set *set, const struct namespace *ns, struct err *err)
{
	struct str rest = ns->upstream_names, name;

	if (!ns->upstream.n)
		return fail(err, E_USAGE, "namespace %.*s: a proxy needs an upstream, such as upstream=https://ghcr.io",
		    STR_ARG(ns->name));
	if (str_has(ns->username, ':')) /* RFC 7617 §2 */
		return fail(err, E_USAGE,
		    "namespace %.*s: username: it must not contain a colon; set the password with `cove namespace "
		    "password %.*s`",
		    STR_ARG(ns->name), STR_ARG(ns->name));
	if (str_eq(rest, STR(NO_UPSTREAM_NAMES)))
		return OK;
	while (list_next(&rest, &name))
		for (size_t i = 0; i < set->proxy_count; i++)
			if (set->proxies[i] != ns && upstream_names_have(set->proxies[i], name))
				return fail(err, E_USAGE,
				    "namespaces %.*s and %.*s both answer for %.*s: give one of them other "
				    "upstream_names, or none",
				    STR_ARG(ns->name), STR_ARG(set->proxies[i]->name), STR_ARG(name));
	return OK;
}

static enum rc check_group(const struct namespace *group, struct err *err)
{
	bool is_member = !group->writable;
	struct walk w;

	for (size_t i = 0; i < group->member_count; i++)
		is_member |= group->members[i] == group->writable;
	if (!is_member)
		return fail(err, E_USAGE, "namespace %.*s: writable: %.*s is not one of its members",
		    STR_ARG(group->name), STR_ARG(group->writable_name));
	if (group->writable && group->writable->kind != NAMESPACE_HOSTED)
		return fail(err, E_USAGE,
		    "namespace %.*s: writable: %.*s is a %s namespace, and pushes go to hosted ones",
		    STR_ARG(group->name), STR_ARG(group->writable_name), namespace_kind_text(group->writable->kind));
	walk_group(group, false, &w);
	if (w.in_circle)
		return fail(
		    err, E_USAGE, "namespace %.*s: members: it would be a member of itself", STR_ARG(group->name));
	if (w.overfull)
		return fail(err, E_USAGE, "namespace %.*s: members: a group can have at most %d namespaces behind it",
		    STR_ARG(group->name), LEAVES_MAX);
	return OK;
}

static enum rc check_blob_store(struct db_conn *c, const struct namespace *ns, struct err *err)
{
	static const char sql[] = "SELECT 1 FROM blob_stores WHERE name = :name";
	struct db_stmt *s;
	bool row;

	if (!ns->blob_store.n)
		return OK;
	TRY(db_prepare(c, sql, &s, err));
	db_bind_text(s, ":name", ns->blob_store);
	TRY(db_step(s, &row, err));
	db_done(s);
	if (!row)
		return fail(err, E_USAGE,
		    "namespace %.*s: the blob store %.*s does not exist: see `cove blob-store list`",
		    STR_ARG(name_shown(ns)), STR_ARG(ns->blob_store));
	return OK;
}

enum rc set_check(struct db_conn *c, const struct namespace_set *set, struct err *err)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct namespace *ns = &set->items[i];

		TRY(check_nesting(ns, err));
		TRY(check_listener(ns, err));
		TRY(check_unique(set, ns, err));
		TRY(check_blob_store(c, ns, err));
		if (ns->kind == NAMESPACE_PROXY)
			TRY(check_proxy(set, ns, err));
		if (ns->kind == NAMESPACE_GROUP)
			TRY(check_group(ns, err));
	}
	return OK;
}
