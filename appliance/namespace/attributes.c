/* attributes: the one table of what can be set of a namespace. */
#include "private.h"

#define HOSTED (1u << NAMESPACE_HOSTED)
#define PROXY (1u << NAMESPACE_PROXY)
#define GROUP (1u << NAMESPACE_GROUP)
#define ALL (HOSTED | PROXY | GROUP)
#define MEMBER(m) offsetof(struct namespace, m)

/* In the order in which they are shown. */
static const struct attribute_type TABLE[] = {
    {"online", "bool", NULL, "true", ALL, MEMBER(online), "Whether it answers at all; false refuses every request."},
    {"listener", "choice", "none https http", "none", ALL, MEMBER(listener),
	"A port of its own, where names need no prefix. http sends passwords and images in clear: only behind a proxy "
	"that speaks TLS, or where nobody listens."},
    {"port", "port", NULL, "0", ALL, MEMBER(port), "The port of that listener."},
    {"behind_tls", "bool", NULL, "false", ALL, MEMBER(behind_tls),
	"Whether a proxy that speaks TLS with the clients stands in front of that listener (listener=http): they are "
	"then "
	"always told https, also where the proxy sends no X-Forwarded-Proto or Forwarded."},
    {"host", "host", NULL, "", ALL, MEMBER(host), "A host name of its own, where names need no prefix."},
    {"redeploy", "choice", "allowed refused read-only", "allowed", HOSTED, MEMBER(redeploy),
	"Whether a tag that is there may be pushed again; read-only refuses every push and delete."},
    {"redeploy_except", "list", NULL, "", HOSTED, MEMBER(redeploy_except),
	"Tags that may be pushed again all the same, such as latest; * stands for any characters."},
    {"immutable_tags", "list", NULL, "", HOSTED, MEMBER(immutable_tags),
	"Tags that neither move nor go once they are there, such as v*."},
    {"quota", "bytes", NULL, "0", HOSTED, MEMBER(quota_bytes), "The most it may hold, such as 50GiB; 0: no limit."},
    {"blob_store", "text", NULL, "", HOSTED | PROXY, MEMBER(blob_store),
	"The blob store that new content goes to; empty: the data directory."},
    {"sparse_manifests", "bool", NULL, "false", HOSTED, MEMBER(sparse_manifests),
	"Whether a manifest may name content that is not here."},
    {"wrong_descriptors", "bool", NULL, "false", HOSTED, MEMBER(wrong_descriptors),
	"Whether a manifest may give content another size or media type than it has, as docker-registry lets it: for "
	"images that come from there. Clients that check (containerd, podman) do not pull them."},
    {"members", "list", NULL, "", GROUP, MEMBER(member_names),
	"The namespaces behind it, in the order in which they are asked; / is the one without a name."},
    {"writable", "text", NULL, "", GROUP, MEMBER(writable_name),
	"The hosted member that pushes go to; empty: pushes are refused."},
    {"fall_through", "bool", NULL, "false", GROUP, MEMBER(fall_through),
	"Whether proxies are asked also for repositories that a hosted member has. An outsider could then publish a "
	"newer image under the name of one of yours."},
    {"upstream", "url", NULL, "", PROXY, MEMBER(upstream),
	"The registry behind it, such as https://ghcr.io, or docker.io for Docker Hub. A path is what all names there "
	"begin with: behind https://harbor.example/proj, team/app is proj/team/app."},
    {"upstream_names", "list", NULL, "", PROXY, MEMBER(upstream_names),
	"Registries (?ns= of a mirror's request) that it stands for; empty: the upstream's host, or with a path none; "
	"none: not any."},
    {"username", "text", NULL, "", PROXY, MEMBER(username), "Whom the upstream knows us as; empty: anonymous."},
    {"password_file", "path", NULL, "", PROXY, MEMBER(password_file),
	"A file of this machine that has the password, as `aws ecr get-login-password` and Kubernetes' secrets write "
	"them: it "
	"is read with each question, so that a new one counts at once. Set by commands and cove.yaml only; empty: the "
	"password "
	"is that of `cove namespace password`."},
    {"token_host", "host", NULL, "", PROXY, MEMBER(token_host),
	"The host of the upstream's token service, when it is in another domain and may have the password all the "
	"same."},
    {"ca", "certificates", NULL, "", PROXY, MEMBER(ca_pem),
	"Certificates (PEM) that are trusted for this upstream beside the public ones."},
    {"allow", "list", NULL, "", PROXY, MEMBER(allow),
	"Repositories that may be asked for, such as library/* or grafana/**; empty: all."},
    {"library", "bool", NULL, "", PROXY, MEMBER(library),
	"Whether names without a slash get library/ in front; empty: only for Docker Hub."},
    {"offline", "bool", NULL, "false", PROXY, MEMBER(offline), "Whether only what is here already is served."},
    {"fresh", "age", NULL, "1h", PROXY, MEMBER(fresh_s),
	"How long a tag is served without asking the upstream whether it has moved; never: it is not asked again."},
    {"negative", "seconds", NULL, "1m", PROXY, MEMBER(negative_s),
	"How long it is believed that something is not there."},
    {"patience", "milliseconds", NULL, "10s", PROXY, MEMBER(patience_ms),
	"How long a client waits for the upstream before it gets the copy that is here."},
    {"cache_limit", "bytes", NULL, "0", PROXY, MEMBER(cache_bytes),
	"The most it may keep, such as 100GiB; what was not pulled for longest goes first, also when the disk is full; "
	"0: no limit."},
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
		return fail(err, E_USAGE, "namespaces have no attribute %.*s: see `cove namespace attributes`",
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
