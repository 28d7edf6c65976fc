/*
 * cove mirror: the file that makes a container engine pull through this box (docs/clients.md, Mirrors). stdout has the
 * file and nothing else, stderr where it belongs and what is missing yet.
 */
#include "commands.h"
#include <cove/base/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_MAX_BYTES (1u << 20)
#define ADDRESS_MAX 300

struct box {
	char address[ADDRESS_MAX]; /* of the main listener: name and port */
	char host[ADDRESS_MAX];    /* the name alone */
	bool has_ca;               /* of its own, that engines must be given */
	struct app_data *data;
	struct buf *out;
};

/* What to write about. A proxy that stands for several registries is there once for each. */
struct proxy {
	const struct namespace *ns;
	struct str name; /* of the upstream as clients write it, such as docker.io */
};
#define PROXIES_MAX NAMESPACES_MAX

static void note(const char *text)
{
	fprintf(stderr, "# %s\n", text);
}

/* Where the CA belongs, as printf has it; nothing where the certificate is the owner's. */
static void __attribute__((format(printf, 2, 3))) note_ca(const struct box *b, const char *format, ...)
{
	va_list ap;

	if (!b->has_ca)
		return;
	fprintf(stderr, "# save the CA, http://%s/ca.crt, in ", b->address);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fprintf(stderr, "\n");
}

static bool is_hub(const struct proxy *p)
{
	return str_eq(p->name, STR("docker.io"));
}

/* The registry itself, which is asked when this box is not there, in plain HTTP: only where the upstream is that
 * registry, and not another that holds its images. */
static bool is_plain(const struct proxy *p)
{
	struct str host, path;

	if (!str_starts(p->ns->upstream, STR("http://")))
		return false;
	str_cut(str_from(p->ns->upstream, 7), '/', &host, &path);
	return str_eq(host, p->name);
}

/* ---- the engines ---- */

/* Pulls of docker.io only, without a prefix and without credentials: a listener or a host name of its own. */
static enum rc docker_one(struct box *b, const struct proxy *p, struct err *err)
{
	char address[2 * ADDRESS_MAX];

	if (!is_hub(p))
		return OK;
	if (p->ns->listener != LISTENER_NONE)
		snprintf(address, sizeof(address), "%s://%s:%u", p->ns->listener == LISTENER_HTTP ? "http" : "https",
		    b->host, p->ns->port);
	else if (p->ns->host.n)
		snprintf(
		    address, sizeof(address), "https://%.*s%s", STR_ARG(p->ns->host), b->address + strlen(b->host));
	else
		return fail(err, E_USAGE,
		    "dockerd asks a mirror for names without a prefix, so the namespace needs a separate port: run "
		    "`cove namespace change %.*s listener=https port=5001`",
		    STR_ARG(p->ns->name));
	json_put_comma(b->out);
	json_put_str(b->out, str_of(address));
	if (str_starts(str_of(address), STR("https:"))) {
		note_ca(b, "/etc/docker/certs.d/%s/ca.crt (Docker 20.10 and 26)", strstr(address, "//") + 2);
		note_ca(b, "the system's CA store too, because Docker 28 and 29 do not read certs.d for mirrors: "
			   "update-ca-certificates, then restart docker");
	}
	return OK;
}

static enum rc docker(struct box *b, const struct proxy *proxies, size_t count, struct err *err)
{
	note("add this to /etc/docker/daemon.json; then: systemctl restart docker");
	note("for Docker 28 and 29 with the containerd image store (the default of 29) and for their builds: save the "
	     "files of `cove mirror config containerd` in /etc/docker/certs.d instead");
	buf_addz(b->out, "{\"registry-mirrors\":[");
	for (size_t i = 0; i < count; i++)
		TRY(docker_one(b, &proxies[i], err));
	if (str_ends(buf_str(b->out), STR("[")))
		return fail(err, E_USAGE,
		    "no proxy of Docker Hub exists, and dockerd uses mirrors only for Docker Hub: run `cove namespace "
		    "create hub proxy upstream=https://registry-1.docker.io listener=https port=5001`");
	buf_addz(b->out, "]}\n");
	return OK;
}

/*
 * One file for each upstream; `?ns=` says which, so that the main listener serves all of them. Without a dial_timeout a
 * box that is switched off delays each pull by 30 s. Without capabilities of its own the server is asked for
 * signatures, past this box, and Docker 29 pulls nothing where it cannot be reached (docs/clients.md, Mirrors).
 */
static enum rc containerd(struct box *b, const struct proxy *proxies, size_t count, struct err *err)
{
	(void)err;
	note("save one file for each registry; no restart is needed if config_path is /etc/containerd/certs.d");
	note("Docker 28 and 29 with the containerd image store, and their builds, read the same files in "
	     "/etc/docker/certs.d");
	for (size_t i = 0; i < count; i++) {
		const struct proxy *p = &proxies[i];

		note_ca(b, "/etc/containerd/certs.d/%.*s/cove.crt", STR_ARG(p->name));
		buf_addf(b->out, "%s# /etc/containerd/certs.d/%.*s/hosts.toml\n", i ? "\n" : "", STR_ARG(p->name));
		buf_addf(b->out, "server = \"%s://%.*s\"\ncapabilities = [\"pull\", \"resolve\", \"push\"]\n\n",
		    is_plain(p) ? "http" : "https", STR_ARG(is_hub(p) ? STR("registry-1.docker.io") : p->name));
		buf_addf(b->out, "[host.\"https://%s\"]\n  capabilities = [\"pull\", \"resolve\"]\n", b->address);
		buf_addf(b->out, "  dial_timeout = \"2s\"\n%s",
		    b->has_ca ? "  ca = \"cove.crt\"\n" : ""); /* beside the file */
	}
	return OK;
}

static enum rc k3s(struct box *b, const struct proxy *proxies, size_t count, struct err *err)
{
	(void)err;
	note("save this as /etc/rancher/k3s/registries.yaml on every node; then: systemctl restart k3s (k3s-agent)");
	note_ca(b, "/etc/rancher/k3s/cove.crt");
	buf_addz(b->out, "mirrors:\n");
	for (size_t i = 0; i < count; i++)
		buf_addf(b->out, "  \"%.*s\":\n    endpoint:\n      - \"https://%s\"\n", STR_ARG(proxies[i].name),
		    b->address);
	if (b->has_ca)
		buf_addf(
		    b->out, "configs:\n  \"%s\":\n    tls:\n      ca_file: /etc/rancher/k3s/cove.crt\n", b->address);
	return OK;
}

/* The mirror's location takes the place of the prefix; no ?ns=. */
static enum rc podman(struct box *b, const struct proxy *proxies, size_t count, struct err *err)
{
	(void)err;
	note("save this as /etc/containers/registries.conf.d/50-cove.conf; no restart is needed. buildah, skopeo and "
	     "CRI-O read it too");
	note_ca(b, "/etc/containers/certs.d/%s/ca.crt", b->address);
	for (size_t i = 0; i < count; i++)
		buf_addf(b->out,
		    "%s[[registry]]\nprefix = \"%.*s\"\nlocation = \"%.*s\"\n%s\n[[registry.mirror]]\nlocation = "
		    "\"%s/%.*s\"\n",
		    i ? "\n" : "", STR_ARG(proxies[i].name), STR_ARG(proxies[i].name),
		    is_plain(&proxies[i]) ? "insecure = true\n" : "", b->address, STR_ARG(proxies[i].ns->name));
	return OK;
}

/* By `?ns=`, as containerd. */
static enum rc buildkit(struct box *b, const struct proxy *proxies, size_t count, struct err *err)
{
	(void)err;
	note("save this as /etc/buildkit/buildkitd.toml, or pass it to `docker buildx create --buildkitd-config FILE`; "
	     "only buildkitd needs the CA");
	note_ca(b, "/etc/buildkit/cove.crt");
	for (size_t i = 0; i < count; i++)
		buf_addf(b->out, "[registry.\"%.*s\"]\n  mirrors = [\"%s\"]\n%s\n", STR_ARG(proxies[i].name),
		    b->address, is_plain(&proxies[i]) ? "  http = true\n" : "");
	if (b->has_ca)
		buf_addf(b->out, "[registry.\"%s\"]\n  ca = [\"/etc/buildkit/cove.crt\"]\n", b->address);
	return OK;
}

static const struct engine {
	const char *name;
	enum rc (*write)(struct box *b, const struct proxy *proxies, size_t count, struct err *err);
	bool sends_no_credentials; /* to a mirror: anonymous must be allowed to pull */
} engines[] = {
    {"docker", docker, true},
    {"containerd", containerd, false},
    {"k3s", k3s, false},
    {"podman", podman, false},
    {"buildkit", buildkit, false},
};

/* ---- what it is about ---- */

/* NAME[:PORT], also when it is written as an address in a browser. */
static enum rc take_address(struct str text, struct box *b, struct err *err)
{
	struct str host = text, rest;

	if (str_starts(text, STR("https://")))
		text = str_from(text, 8);
	if (str_ends(text, STR("/")))
		text.n--;
	if (!text.n || text.n >= ADDRESS_MAX || str_has(text, '/') || str_has(text, '"') || str_has(text, ' '))
		return fail(err, E_USAGE, "--address must be the name and port of the main listener, such as box:5000");
	if (text.p[text.n - 1] != ']')
		str_cut_last(text, ':', &host, &rest);
	snprintf(b->address, sizeof(b->address), "%.*s", STR_ARG(text));
	snprintf(b->host, sizeof(b->host), "%.*s", STR_ARG(host));
	return OK;
}

static enum rc find_box(const struct option *options, struct box *b, struct err *err)
{
	const struct option *given = cli_option(options, "--address");
	struct buf kept = BUF_INIT(ADDRESS_MAX);
	enum rc rc = app_data_address(b->data, &kept, &b->has_ca, err);

	if (rc == E_USAGE && given->count) { /* it has not run yet, and will have one */
		b->has_ca = true;
		rc = OK;
	}
	if (!rc)
		rc = take_address(given->count ? str_of(given->values[0]) : buf_str(&kept), b, err);
	buf_release(&kept);
	return rc;
}

/* Clients know Docker Hub by one name, the server by several. */
static void add_names(const struct namespace *ns, struct proxy *out, size_t *count)
{
	struct str rest = ns->upstream_names, name;
	size_t first = *count;

	while (rest.n && *count < PROXIES_MAX) {
		struct proxy p = {.ns = ns};

		str_cut(rest, ' ', &name, &rest);
		p.name = namespace_is_docker_hub(name) ? STR("docker.io") : name;
		if (!str_eq(name, STR("none")) && !(is_hub(&p) && *count > first && is_hub(&out[*count - 1])))
			out[(*count)++] = p;
	}
}

static enum rc find_proxies(
    const struct namespace_set *set, const struct option *options, struct proxy *out, size_t *count, struct err *err)
{
	const struct option *wanted = cli_option(options, "--namespace");

	*count = 0;
	for (size_t i = 0; i < namespace_count(set); i++) {
		const struct namespace *ns = namespace_at(set, i);

		if (ns->kind == NAMESPACE_PROXY && ns->online &&
		    (!wanted->count || str_eq(ns->name, str_of(wanted->values[0]))))
			add_names(ns, out, count);
	}
	return *count ? OK
		      : fail(err, E_USAGE,
			    "no matching proxy namespace is online: `cove namespace create docker.io proxy "
			    "upstream=https://registry-1.docker.io` creates one");
}

/* A mirror that nobody may pull from is passed over in silence by the engines. */
static enum rc check_anonymous(struct box *b, const struct engine *e, const struct proxy *p, struct err *err)
{
	struct identity nobody;
	struct buf name = BUF_INIT(512);
	unsigned actions = 0;
	enum rc rc;

	buf_addf(&name, "%.*s/library/busybox", STR_ARG(p->ns->name));
	rc = auth_anonymous(b->data->auth, &nobody, err);
	if (!rc)
		rc = auth_actions(b->data->auth, &nobody, buf_str(&name), &actions, err);
	buf_release(&name);
	if (rc == E_UNAUTHORIZED)
		rc = OK;
	if (!rc && !(actions & MAY_PULL))
		fprintf(stderr,
		    "# %s: the namespace refuses pulls without a login; to allow them: cove user grant anonymous "
		    "'%.*s/**' pull\n",
		    e->sends_no_credentials ? "MISSING" : "for clients that have no login there", STR_ARG(p->ns->name));
	return rc;
}

static enum rc write_file(struct box *b, const struct engine *e, const struct option *options, struct err *err)
{
	struct proxy *proxies = xcalloc(PROXIES_MAX, sizeof(*proxies));
	struct namespace_set *set = NULL;
	size_t count;
	enum rc rc = namespaces_take(b->data->namespaces, &set, err);

	if (!rc)
		rc = find_proxies(set, options, proxies, &count, err);
	if (!rc)
		rc = e->write(b, proxies, count, err);
	for (size_t i = 0; !rc && i < count; i++)
		if (!e->sends_no_credentials || is_hub(&proxies[i]))
			rc = check_anonymous(b, e, &proxies[i], err);
	namespace_set_unref(set);
	free(proxies);
	return rc;
}

static enum rc config(struct app_data *d, const struct words *w, const struct option *options, struct err *err)
{
	struct buf out = BUF_INIT(FILE_MAX_BYTES);
	struct box box = {.data = d, .out = &out};
	const struct engine *e = NULL;
	enum rc rc;

	for (size_t i = 0; i < sizeof(engines) / sizeof(*engines); i++)
		if (str_eq(str_of(w->items[0]), str_of(engines[i].name)))
			e = &engines[i];
	if (!e)
		return fail(
		    err, E_USAGE, "this engine is not supported: choose docker, containerd, k3s, podman or buildkit");
	rc = find_box(options, &box, err);
	if (!rc)
		rc = write_file(&box, e, options, err);
	if (!rc)
		fwrite(buf_str(&out).p, 1, out.n, stdout);
	buf_release(&out);
	return rc;
}

int cmd_mirror(int argc, char **argv)
{
	static const struct verb verbs[] = {
	    {"config", 1, 1, config,
		"config docker|containerd|k3s|podman|buildkit [--address NAME:PORT] [--namespace NAME]"},
	    {NULL, 0, 0, NULL, NULL},
	};
	struct option options[] = {
	    {.name = "--address", .takes_value = true}, {.name = "--namespace", .takes_value = true}, {.name = NULL}};

	return cli_run_verb(argc, argv, verbs, options, "mirror");
}
