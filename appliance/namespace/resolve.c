/* resolve: where a name leads. */
#include "private.h"

const struct namespace *namespace_of_name(const struct namespace_set *set, struct str full)
{
	struct str head = full, tail;

	while (str_cut_last(head, '/', &head, &tail)) {
		const struct namespace *ns = head.n <= NAMESPACE_NAME_MAX ? namespace_find(set, head) : NULL;

		if (ns)
			return ns;
	}
	return &set->items[0];
}

/* The name within ns, as ns has it. */
static enum rc place_in(
    const struct namespace *ns, struct str rest, struct arena *a, struct place *out, struct err *err)
{
	bool library = ns->kind == NAMESPACE_PROXY && ns->library && !str_has(rest, '/');
	struct str full = arena_printf(
	    a, "%.*s%s%s%.*s", STR_ARG(ns->name), ns->name.n ? "/" : "", library ? "library/" : "", STR_ARG(rest));

	if (a->failed)
		return fail_rc(err, E_BUSY);
	if (full.n > FULL_NAME_MAX)
		return fail(err, E_NAME_INVALID,
		    "the repository name is too long: with its namespace %.*s it has %zu characters, and at most %d "
		    "are allowed",
		    STR_ARG(name_shown(ns)), full.n, FULL_NAME_MAX);
	out->ns = ns;
	out->full = full;
	out->rest = str_from(full, ns->name.n ? ns->name.n + 1 : 0);
	return OK;
}

/* A full name as it came. A hosted namespace may have others within it. */
static enum rc place_by_prefix(
    const struct namespace_set *set, struct str full, struct arena *a, struct place *out, struct err *err)
{
	const struct namespace *ns = namespace_of_name(set, full), *same = namespace_find(set, full);

	if (same && same->name.n)
		return fail(err, E_NAME_INVALID,
		    "%.*s is a namespace: add the name of a repository in it, such as %.*s/app", STR_ARG(full),
		    STR_ARG(full));
	return place_in(ns, str_from(full, ns->name.n ? ns->name.n + 1 : 0), a, out, err);
}

const struct namespace *namespace_at_port(const struct namespace_set *set, uint16_t port)
{
	for (size_t i = 0; i < set->port_count; i++)
		if (set->with_port[i]->port == port)
			return set->with_port[i];
	return NULL;
}

static const struct namespace *bound(const struct namespace_set *set, const struct approach *from)
{
	const struct namespace *ns = namespace_at_port(set, from->port);

	if (ns)
		return ns;
	for (size_t i = 0; from->host.n && i < set->host_count; i++)
		if (str_eqi(set->with_host[i]->host, from->host))
			return set->with_host[i];
	return NULL;
}

const struct namespace *namespace_bound(const struct namespace_set *set, const struct approach *from)
{
	const struct namespace *ns = bound(set, from);

	return ns && ns->name.n ? ns : NULL;
}

bool upstream_names_have(const struct namespace *proxy, struct str ns)
{
	struct str rest = proxy->upstream_names, name;

	if (str_eq(rest, STR(NO_UPSTREAM_NAMES)))
		return false;
	while (list_next(&rest, &name))
		if (str_eqi(name, ns) || (namespace_is_docker_hub(name) && namespace_is_docker_hub(ns)))
			return true;
	return false;
}

static const struct namespace *by_upstream_name(const struct namespace_set *set, struct str ns)
{
	for (size_t i = 0; i < set->proxy_count; i++)
		if (upstream_names_have(set->proxies[i], ns))
			return set->proxies[i];
	return NULL;
}

/* Some clients (buildkitd, containerd with override_path) send the prefix of their file and ?ns= as well. Only a name
 * that is a registry's can be told from the first part of a repository's. */
static struct str without_own_name(const struct namespace *proxy, struct str asked)
{
	bool has = asked.n > proxy->name.n && str_starts(asked, proxy->name) && asked.p[proxy->name.n] == '/';

	return has && upstream_names_have(proxy, proxy->name) ? str_from(asked, proxy->name.n + 1) : asked;
}

enum rc namespace_resolve(const struct namespace_set *set, const struct approach *from, struct str asked,
    struct arena *a, struct place *out, struct err *err)
{
	const struct namespace *ns = from->ns.n ? by_upstream_name(set, from->ns) : NULL;
	struct place place = {.by_ns = ns != NULL};

	if (ns)
		asked = without_own_name(ns, asked);
	else if (from->ns.n && !from->ns_is_own)
		return fail(err, E_NAME_UNKNOWN,
		    "this registry does not mirror %.*s: ask its owner to create a proxy namespace for that registry",
		    STR_ARG(str_first(from->ns, 100)));
	else
		ns = namespace_bound(set, from);
	place.is_bound = ns && !place.by_ns;
	if (!ns) {
		TRY(place_by_prefix(set, asked, a, &place, err));
	} else {
		TRY(place_in(ns, asked, a, &place, err));
		if (ns->kind == NAMESPACE_HOSTED)
			TRY(place_by_prefix(set, place.full, a, &place, err));
	}
	if (!place.ns->online)
		return fail(err, E_NAMESPACE_OFFLINE,
		    "the namespace %.*s is switched off: ask the owner of this registry to switch it on",
		    STR_ARG(name_shown(place.ns)));
	*out = place;
	return OK;
}

/* ---- groups ---- */

static bool walk_sees(struct walk *w, const struct namespace *ns)
{
	for (size_t i = 0; i < w->seen_count; i++)
		if (w->seen[i] == ns) {
			w->in_circle |= i == 0;
			return true;
		}
	if (w->seen_count == sizeof(w->seen) / sizeof(*w->seen)) {
		w->overfull = true;
		return true;
	}
	w->seen[w->seen_count++] = ns;
	return false;
}

static void walk_members(const struct namespace *group, struct walk *w)
{
	for (size_t i = 0; i < group->member_count; i++) {
		const struct namespace *ns = group->members[i];

		if ((w->online_only && !ns->online) || walk_sees(w, ns))
			continue;
		if (ns->kind == NAMESPACE_GROUP)
			walk_members(ns, w); /* each once, so as deep as there are groups at most */
		else if (w->leaf_count < LEAVES_MAX)
			w->leaves[w->leaf_count++] = ns;
		else
			w->overfull = true;
	}
}

void walk_group(const struct namespace *group, bool online_only, struct walk *w)
{
	*w = (struct walk){.online_only = online_only, .seen_count = 1, .seen = {group}};
	walk_members(group, w);
}

size_t namespace_behind(const struct namespace *ns, const struct namespace *out[static LEAVES_MAX])
{
	struct walk w;

	out[0] = ns;
	if (!ns->online || ns->kind != NAMESPACE_GROUP)
		return ns->online;
	walk_group(ns, true, &w);
	memcpy(out, w.leaves, w.leaf_count * sizeof(*out));
	return w.leaf_count;
}

static bool allows(const struct namespace *ns, struct str rest)
{
	struct str list = ns->allow, pattern;

	if (ns->kind != NAMESPACE_PROXY || !list.n)
		return true;
	while (list_next(&list, &pattern))
		if (str_glob(pattern, rest))
			return true;
	return false;
}

static bool has(const struct namespace *const *list, size_t count, const struct namespace *ns)
{
	for (size_t i = 0; i < count; i++)
		if (list[i] == ns)
			return true;
	return false;
}

/* False: the name is not in it. */
static bool leaf_of(const struct namespace *ns, const struct place *p, struct arena *a, struct place *out)
{
	*out = *p;
	if (place_in(ns, p->rest, a, out, NULL) || !allows(ns, out->rest))
		return false;
	return namespace_of_name(ns->set, out->full) == ns && !namespace_find(ns->set, out->full);
}

enum rc namespace_leaves(
    const struct place *p, struct arena *a, struct place out[static LEAVES_MAX], size_t *count, struct err *err)
{
	const struct namespace *asked[LEAVES_MAX];
	struct walk w;
	size_t n;

	*count = 0;
	if (p->ns->kind != NAMESPACE_GROUP) {
		out[0] = *p;
		*count = p->ns->online && allows(p->ns, p->rest) ? 1 : 0;
		return OK;
	}
	n = namespace_behind(p->ns, asked);
	walk_group(p->ns, false, &w);
	for (size_t k = 0; k < w.leaf_count; k++) {
		struct place *leaf = &out[*count];
		bool is_off = !has(asked, n, w.leaves[k]);

		if ((is_off && w.leaves[k]->kind != NAMESPACE_HOSTED) || !leaf_of(w.leaves[k], p, a, leaf))
			continue;
		leaf->is_off = is_off;
		(*count)++;
	}
	return a->failed ? fail_rc(err, E_BUSY) : OK;
}

bool namespace_takes_pushes(const struct namespace *ns)
{
	return ns->kind == NAMESPACE_HOSTED || (ns->kind == NAMESPACE_GROUP && ns->writable);
}

enum rc namespace_writable(const struct place *p, struct arena *a, struct place *out, struct err *err)
{
	if (p->ns->kind == NAMESPACE_PROXY)
		return fail(err, E_DENIED,
		    "%.*s is a cache of %.*s and does not accept pushes: push to a hosted namespace, or to the "
		    "upstream itself",
		    STR_ARG(name_shown(p->ns)), STR_ARG(upstream_host(p->ns->upstream)));
	if (p->ns->kind == NAMESPACE_GROUP && !p->ns->writable)
		return fail(err, E_DENIED,
		    "the group %.*s has no writable member: push to one of its hosted namespaces, or ask the owner of "
		    "this registry to set one",
		    STR_ARG(name_shown(p->ns)));
	if (p->ns->kind == NAMESPACE_HOSTED) {
		*out = *p;
		return OK;
	}
	if (p->ns->writable->online && leaf_of(p->ns->writable, p, a, out))
		return OK;
	if (a->failed)
		return fail_rc(err, E_BUSY);
	return fail(err, E_DENIED,
	    "%.*s cannot be pushed to %.*s, the writable member of the group: it is switched off, or the name does not "
	    "fit there",
	    STR_ARG(p->rest), STR_ARG(name_shown(p->ns->writable)));
}
