/* attributes: the one table of what can be set of a namespace. */
#include "private.h"

#define HOSTED (1u << NAMESPACE_HOSTED)
#define PROXY (1u << NAMESPACE_PROXY)
#define GROUP (1u << NAMESPACE_GROUP)
#define ALL (HOSTED | PROXY | GROUP)
#define MEMBER(m) offsetof(struct namespace, m)

/* In the order in which they are shown. */
static const struct attribute_type TABLE[] = {
    {"online", "bool", NULL, "true", ALL, MEMBER(online),
	"Whether the namespace serves requests; false refuses all of them."},
    {"listener", "choice", "none https http", "none", ALL, MEMBER(listener),
	"Opens a separate port for this namespace, where image names need no prefix. http sends passwords and images "
	"in plain text: use it only behind a TLS proxy or in a network where nobody can eavesdrop."},
    {"port", "port", NULL, "0", ALL, MEMBER(port), "The port of the listener."},
    {"behind_tls", "bool", NULL, "false", ALL, MEMBER(behind_tls),
	"Whether a TLS proxy is in front of the listener (listener=http). If true, all URLs that clients receive begin "
	"with https, even if the proxy sends neither X-Forwarded-Proto nor Forwarded."},
    {"host", "host", NULL, "", ALL, MEMBER(host),
	"A separate host name for this namespace, where image names need no prefix."},
    {"redeploy", "choice", "allowed refused read-only", "allowed", HOSTED, MEMBER(redeploy),
	"Whether clients may push to a tag that already exists; read-only refuses every push and delete."},
    {"redeploy_except", "list", NULL, "", HOSTED, MEMBER(redeploy_except),
	"Tags that clients may push again although redeploy=refused, such as latest; * matches any characters."},
    {"immutable_tags", "list", NULL, "", HOSTED, MEMBER(immutable_tags),
	"Tags that cannot be changed or deleted once they exist, such as v*."},
    {"quota", "bytes", NULL, "0", HOSTED, MEMBER(quota_bytes),
	"The most that the namespace may store, such as 50GiB; 0: no limit."},
    {"blob_store", "text", NULL, "", HOSTED | PROXY, MEMBER(blob_store),
	"The blob store for new content; empty: the data directory."},
    {"sparse_manifests", "bool", NULL, "false", HOSTED, MEMBER(sparse_manifests),
	"Whether clients may push a manifest that refers to content that the repository does not have."},
    {"wrong_descriptors", "bool", NULL, "false", HOSTED, MEMBER(wrong_descriptors),
	"Whether a manifest may state a wrong size or media type for its content. docker-registry accepts such "
	"manifests; set this to import them from there. Clients that check them (containerd, podman) cannot pull "
	"them."},
    {"members", "list", NULL, "", GROUP, MEMBER(member_names),
	"The namespaces that the group shows, in the order in which cove searches them; / is the root namespace."},
    {"writable", "text", NULL, "", GROUP, MEMBER(writable_name),
	"The hosted member that receives pushes; empty: pushes are refused."},
    {"fall_through", "bool", NULL, "false", GROUP, MEMBER(fall_through),
	"Whether cove asks the proxy members even for repositories that a hosted member has. If true, an outsider "
	"could publish a newer image under the name of one of yours."},
    {"upstream", "url", NULL, "", PROXY, MEMBER(upstream),
	"The registry to cache, such as https://ghcr.io, or docker.io for Docker Hub. A path is put in front of all "
	"names: with https://harbor.example/proj, team/app is fetched from proj/team/app."},
    {"upstream_names", "list", NULL, "", PROXY, MEMBER(upstream_names),
	"The registries (?ns= in a mirror's request) that this proxy answers for; none: no registry; empty: the "
	"upstream's host, or no registry if the upstream has a path."},
    {"username", "text", NULL, "", PROXY, MEMBER(username), "The user name for the upstream; empty: anonymous."},
    {"password_file", "path", NULL, "", PROXY, MEMBER(password_file),
	"A file on this machine that contains the upstream's password, as written by `aws ecr get-login-password` or a "
	"Kubernetes secret. cove reads it for each request, so a new password takes effect at once. It can be set only "
	"by commands and cove.yaml. Empty: use the password that `cove namespace password` has set."},
    {"token_host", "host", NULL, "", PROXY, MEMBER(token_host),
	"The host of the upstream's token service, if it is in another domain and may receive the password."},
    {"ca", "certificates", NULL, "", PROXY, MEMBER(ca_pem),
	"CA certificates (PEM) to trust for this upstream in addition to the public CAs."},
    {"allow", "list", NULL, "", PROXY, MEMBER(allow),
	"The repositories that clients may pull, such as library/* or grafana/**; empty: all."},
    {"library", "bool", NULL, "", PROXY, MEMBER(library),
	"Whether cove puts library/ in front of names without a slash; empty: only for Docker Hub."},
    {"offline", "bool", NULL, "false", PROXY, MEMBER(offline),
	"Whether the proxy serves cached content only and never asks its upstream."},
    {"fresh", "age", NULL, "1h", PROXY, MEMBER(fresh_s),
	"How long cove serves a cached tag before it asks the upstream whether the tag has moved; never: it does not "
	"ask again."},
    {"negative", "seconds", NULL, "1m", PROXY, MEMBER(negative_s),
	"How long cove remembers that the upstream does not have something."},
    {"patience", "milliseconds", NULL, "10s", PROXY, MEMBER(patience_ms),
	"How long cove waits for the upstream before it serves the cached copy."},
    {"cache_limit", "bytes", NULL, "0", PROXY, MEMBER(cache_bytes),
	"The most that the proxy may cache, such as 100GiB; 0: no limit. Above the limit, and when the disk is full, "
	"cove removes the content that has not been pulled for the longest time."},
};
#define COUNT (sizeof(TABLE) / sizeof(*TABLE))

const struct attribute_type *namespace_attributes(size_t *count)
{
	*count = COUNT;
	return TABLE;
}

const struct attribute_type *attribute_find(struct str name)
{
	for (size_t i = 0; i < COUNT; i++)
		if (str_eq(str_of(TABLE[i].name), name))
			return &TABLE[i];
	return NULL;
}

bool namespace_attribute_is_local(struct str name)
{
	const struct attribute_type *type = attribute_find(name);

	return type && strcmp(type->type, "path") == 0;
}

const char *namespace_kind_text(enum namespace_kind kind)
{
	static const char *const names[] = {"hosted", "proxy", "group"};

	return names[kind];
}

enum rc attributes_default(struct namespace *ns, struct arena *a, struct err *err)
{
	static const struct str none = {"", 0};

	/* what another kind has is empty, not NULL */
	ns->host = ns->redeploy_except = ns->immutable_tags = ns->blob_store = none;
	ns->member_names = ns->writable_name = none;
	ns->upstream = ns->upstream_names = ns->username = ns->token_host = ns->ca_pem = ns->allow = none;
	ns->password = ns->password_file = none;
	for (size_t i = 0; i < COUNT; i++)
		if (TABLE[i].kinds & 1u << ns->kind && TABLE[i].fallback[0])
			TRY(value_store(ns, &TABLE[i], str_of(TABLE[i].fallback), a, err));
	return OK;
}

enum rc attribute_of(
    struct str namespace, enum namespace_kind kind, struct str name, const struct attribute_type **out, struct err *err)
{
	*out = attribute_find(name);
	if (!*out)
		return fail(err, E_USAGE, "namespaces have no attribute %.*s: `cove namespace attributes` lists them",
		    STR_ARG(str_first(name, 60)));
	if (!((*out)->kinds & 1u << kind))
		return fail(err, E_USAGE, "%.*s is a %s namespace, which has no attribute %s",
		    STR_ARG(namespace.n ? namespace : STR("/")), namespace_kind_text(kind), (*out)->name);
	return OK;
}

enum rc attribute_store(struct namespace *ns, struct str name, struct str value, struct arena *a, struct err *err)
{
	const struct attribute_type *type;
	struct err why;
	enum rc rc;

	TRY(attribute_of(ns->name, ns->kind, name, &type, err));
	rc = value_store(ns, type, value, a, &why);
	if (rc)
		return fail(err, rc, "namespace %.*s: %s: %s", STR_ARG(name_shown(ns)), type->name, why.text);
	return OK;
}

bool namespace_kind_parse(struct str text, enum namespace_kind *out)
{
	for (enum namespace_kind kind = NAMESPACE_HOSTED; kind <= NAMESPACE_GROUP; kind++)
		if (str_eq(text, str_of(namespace_kind_text(kind)))) {
			*out = kind;
			return true;
		}
	return false;
}

enum rc namespace_attribute_check(
    struct str name, enum namespace_kind kind, const struct attribute *attribute, struct err *err)
{
	struct namespace scratch = {.name = name, .kind = kind};
	const struct attribute_type *type;
	struct arena a;
	enum rc rc;

	arena_init(&a, 1u << 20);
	rc = attributes_default(&scratch, &a, err);
	if (!rc && attribute->value.n)
		rc = attribute_store(&scratch, attribute->name, attribute->value, &a, err);
	else if (!rc)
		rc = attribute_of(name, kind, attribute->name, &type, err);
	arena_release(&a);
	return rc;
}
