/* cove namespace: parts of the name space, and what is set of them. */
#include "commands.h"
#include <cove/base/io.h>
#include <cove/base/json.h>
#include <cove/namespace/proxy.h>
#include <cove/net/net.h>
#include <cove/trust/trust.h>
#include <cove/upstream/upstream.h>
#include <fcntl.h>
#include <stdio.h>

#define FILE_MAX_BYTES 65536
#define JSON_MAX_BYTES (64u << 20)

/* ---- attributes as words ---- */

struct attributes {
	struct attribute items[WORDS_MAX];
	size_t count;
	struct buf files[WORDS_MAX]; /* what @FILE gave */
	size_t file_count;
};

static void attributes_release(struct attributes *a)
{
	for (size_t i = 0; i < a->file_count; i++)
		buf_release(&a->files[i]);
}

/* NAME=VALUE; a value that begins with @ is a file's name. */
static enum rc attribute_of_word(const char *word, struct attributes *a, struct err *err)
{
	struct attribute *to = &a->items[a->count];
	struct buf *file;

	if (!str_cut(str_of(word), '=', &to->name, &to->value) || !to->name.n)
		return fail(err, E_USAGE, "write attributes as NAME=VALUE, such as quota=50GiB");
	a->count++;
	if (!str_starts(to->value, STR("@")))
		return OK;
	file = &a->files[a->file_count++];
	buf_init(file, FILE_MAX_BYTES + 1);
	TRY(io_read_file(AT_FDCWD, to->value.p + 1, file, err));
	to->value = buf_str(file);
	return OK;
}

static enum rc attributes_of_words(const struct words *w, size_t from, struct attributes *a, struct err *err)
{
	enum rc rc = OK;

	*a = (struct attributes){.count = 0};
	for (size_t i = from; i < w->count && !rc; i++)
		rc = attribute_of_word(w->items[i], a, err);
	if (rc)
		attributes_release(a);
	return rc;
}

/* Clients would refuse it, and would not say why. */
static enum rc warn_of_host(struct app_data *d, const struct attributes *a, struct err *err)
{
	bool permits = true;
	int tls;

	for (size_t i = 0; i < a->count; i++) {
		if (!str_eq(a->items[i].name, STR("host")) || !a->items[i].value.n)
			continue;
		tls = openat(d->dirfd, "tls", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (tls < 0)
			return OK;
		enum rc rc = trust_ca_permits(tls, a->items[i].value, &permits, err);

		io_close(&tls);
		TRY(rc);
		if (!permits)
			printf("Warning: the CA of this registry cannot issue a certificate for %.*s. Clients will "
			       "refuse the connection,\n"
			       "unless you use your own certificate with that name. See `cove help namespace`.\n",
			    STR_ARG(a->items[i].value));
	}
	return OK;
}

static void warn_of_plain(const struct attributes *a)
{
	for (size_t i = 0; i < a->count; i++)
		if (str_eq(a->items[i].name, STR("listener")) && str_eq(a->items[i].value, STR("http")))
			printf("Warning: its port uses plain HTTP. Anyone on the network path can read and change all "
			       "traffic, including\n"
			       "passwords: allow only a TLS proxy to connect to it.\n");
}

static enum rc warn_of_plain_upstream(struct app_data *d, const char *name, struct err *err)
{
	struct namespace_set *set;
	const struct namespace *ns;

	TRY(namespaces_take(d->namespaces, &set, err));
	ns = namespace_find(set, str_of(name));
	if (ns && ns->kind == NAMESPACE_PROXY && ns->username.n && str_starts(ns->upstream, STR("http://")))
		printf("Warning: cove connects to %.*s with plain HTTP. Anyone on the network path can read the user "
		       "name and password.\n",
		    STR_ARG(ns->upstream));
	namespace_set_unref(set);
	return OK;
}

/* The server will say so in its log only. */
static enum rc find_taken_port(struct app_data *d, const struct attributes *a, uint64_t *taken, struct err *err)
{
	struct namespace_set *set;
	uint64_t port;

	*taken = 0;
	TRY(namespaces_take(d->namespaces, &set, err));
	for (size_t i = 0; i < a->count; i++)
		if (str_eq(a->items[i].name, STR("port")) && str_u64(a->items[i].value, &port) && port &&
		    port <= UINT16_MAX && !namespace_at_port(set, (uint16_t)port) && net_port_is_taken((uint16_t)port))
			*taken = port;
	namespace_set_unref(set);
	return OK;
}

static bool is_given(const struct attributes *a, const char *name)
{
	for (size_t i = 0; i < a->count; i++)
		if (str_eq(a->items[i].name, str_of(name)))
			return true;
	return false;
}

static enum rc warn_of_upstream(const struct namespace *ns, struct err *err)
{
	struct client_options options = {.user_agent = STR("cove")};
	struct client *client;
	struct err why;

	fflush(stdout); /* that it is made is seen while the upstream is waited for */
	TRY(client_open(&options, &client, err));
	if (upstream_probe(client, ns, &why))
		printf("Warning: the upstream does not answer like a registry: %s.\n"
		       "The namespace is saved nevertheless.\n",
		    why.text);
	client_close(client);
	return OK;
}

/* What cannot work as it is. */
static enum rc warn_of_use(struct app_data *d, const char *name, const struct attributes *a, struct err *err)
{
	struct namespace_set *set;
	const struct namespace *ns;
	enum rc rc = OK;

	TRY(namespaces_take(d->namespaces, &set, err));
	ns = namespace_find(set, str_of(name));
	if (ns && ns->kind == NAMESPACE_GROUP && !ns->member_count)
		printf("Warning: the group has no members, so it is empty. To add members: cove namespace change %s "
		       "members='A B'\n",
		    name);
	if (ns && ns->kind == NAMESPACE_PROXY && ns->online && !ns->offline &&
	    (is_given(a, "upstream") || is_given(a, "ca")))
		rc = warn_of_upstream(ns, err);
	namespace_set_unref(set);
	return rc;
}

/* `taken` is as before the change: now the server may have opened it. */
static enum rc warn_of_change(
    struct app_data *d, const char *name, const struct attributes *a, uint64_t taken, struct err *err)
{
	if (taken)
		printf("Warning: port %llu is in use, by the main port of this registry or by another program. The "
		       "namespace opens it\n"
		       "as soon as it is free.\n",
		    (unsigned long long)taken);
	warn_of_plain(a);
	TRY(warn_of_plain_upstream(d, name, err));
	TRY(warn_of_host(d, a, err));
	return warn_of_use(d, name, a, err);
}

/* ---- verbs ---- */

static enum rc create(struct app_data *d, const struct words *w, const struct option *options, struct err *err)
{
	struct attributes a;
	enum namespace_kind kind;
	uint64_t taken;
	enum rc rc;

	(void)options;
	if (!namespace_kind_parse(str_of(w->items[1]), &kind))
		return fail(err, E_USAGE, "the kind of a namespace must be hosted, proxy or group");
	TRY(attributes_of_words(w, 2, &a, err));
	rc = find_taken_port(d, &a, &taken, err);
	if (!rc)
		rc = namespace_create(d->namespaces, str_of(w->items[0]), kind, a.items, a.count, err);
	if (!rc) {
		printf("Created the %s namespace %s.\n", namespace_kind_text(kind), w->items[0]);
		rc = warn_of_change(d, w->items[0], &a, taken, err);
	}
	attributes_release(&a);
	return rc;
}

static enum rc has_password(struct app_data *d, struct str name, bool *has, struct err *err)
{
	struct namespace_set *set;
	const struct namespace *ns;

	TRY(namespaces_take(d->namespaces, &set, err));
	ns = namespace_find(set, name);
	*has = ns && namespace_has_password(ns);
	namespace_set_unref(set);
	return OK;
}

static enum rc change(struct app_data *d, const struct words *w, const struct option *options, struct err *err)
{
	struct attributes a;
	bool had = false, has = false;
	uint64_t taken;
	enum rc rc;

	(void)options;
	TRY(attributes_of_words(w, 1, &a, err));
	rc = find_taken_port(d, &a, &taken, err);
	if (!rc)
		rc = has_password(d, str_of(w->items[0]), &had, err);
	if (!rc)
		rc = namespace_change(d->namespaces, str_of(w->items[0]), a.items, a.count, err);
	if (!rc) {
		printf("Changed the namespace %s.\n", w->items[0]);
		rc = has_password(d, str_of(w->items[0]), &has, err);
	}
	if (!rc) {
		if (had && !has)
			printf("The password belonged to the old upstream and was removed. To set a new one: cove "
			       "namespace password %s\n",
			    w->items[0]);
		rc = warn_of_change(d, w->items[0], &a, taken, err);
	}
	attributes_release(&a);
	return rc;
}

static enum rc password(struct app_data *d, const struct words *w, const struct option *options, struct err *err)
{
	struct secret secret;
	enum rc rc;

	(void)options;
	TRY(cli_read_secret(&secret, err));
	rc = namespace_set_password(d->namespaces, str_of(w->items[0]), &secret, err);
	if (!rc)
		printf("The password for the upstream of %s is %s.\n", w->items[0], secret.n ? "set" : "removed");
	if (!rc)
		rc = warn_of_plain_upstream(d, w->items[0], err);
	secret_wipe(&secret);
	return rc;
}

static enum rc refresh(struct app_data *d, const struct words *w, const struct option *options, struct err *err)
{
	(void)options;
	TRY(namespace_refresh(d->namespaces, str_of(w->items[0]), err));
	printf("The next pulls through %s ask its upstream again. The cached images stay.\n", w->items[0]);
	return OK;
}

static enum rc remove_one(struct app_data *d, const struct words *w, const struct option *options, struct err *err)
{
	uint64_t used = 0;
	struct namespace_set *set;
	const struct namespace *ns;
	enum rc rc = OK;

	TRY(namespaces_take(d->namespaces, &set, err));
	ns = namespace_find(set, str_of(w->items[0]));
	if (ns)
		rc = namespace_used_bytes(d->namespaces, ns, &used, err);
	namespace_set_unref(set);
	TRY(rc);
	TRY(namespace_remove(d->namespaces, str_of(w->items[0]), cli_has(options, "--purge"), err));
	printf("Removed the namespace %s.%s\n", w->items[0],
	    used && !cli_has(options, "--purge") ? " Its images keep their names and are now in the namespace above it."
						 : "");
	return OK;
}

/* ---- showing ---- */

static struct str shown(const struct namespace *ns)
{
	return ns->name.n ? ns->name : STR("/");
}

static void put_json(struct buf *json, const struct namespace *ns, uint64_t used, const struct upstream_status *status)
{
	struct buf text = BUF_INIT(JSON_MAX_BYTES);
	const struct attribute_type *types;
	size_t count;

	json_put_comma(json);
	buf_addz(json, "{");
	json_put_member_str(json, "name", ns->name);
	json_put_member_str(json, "kind", str_of(namespace_kind_text(ns->kind)));
	json_put_name(json, "declared");
	buf_addz(json, ns->declared ? "true" : "false");
	json_put_member_u64(json, "created_at", (uint64_t)ns->created_at);
	json_put_member_u64(json, "used_bytes", used);
	json_put_name(json, "attributes");
	buf_addz(json, "{");
	types = namespace_attributes(&count);
	for (size_t i = 0; i < count; i++) {
		if (!(types[i].kinds & 1u << ns->kind))
			continue;
		buf_reset(&text);
		namespace_attribute_text(ns, &types[i], &text);
		json_put_member_str(json, types[i].name, buf_str(&text));
	}
	buf_addz(json, "}");
	if (ns->kind == NAMESPACE_PROXY) {
		json_put_name(json, "upstream");
		buf_addz(json, status->reachable ? "{\"reachable\":true" : "{\"reachable\":false");
		json_put_member_str(json, "failure", str_of(status->failure));
		json_put_member_u64(json, "failed_at", (uint64_t)status->failed_at);
		buf_addz(json, "}");
	}
	buf_addz(json, "}");
	buf_release(&text);
}

static void print_attributes(const struct namespace *ns, uint64_t used)
{
	struct buf text = BUF_INIT(JSON_MAX_BYTES);
	const struct attribute_type *types;
	size_t count;

	printf("%-18s%.*s\n%-18s%s\n", "name", STR_ARG(shown(ns)), "kind", namespace_kind_text(ns->kind));
	printf("%-18s%llu\n", "used_bytes", (unsigned long long)used);
	types = namespace_attributes(&count);
	for (size_t i = 0; i < count; i++) {
		if (!(types[i].kinds & 1u << ns->kind))
			continue;
		buf_reset(&text);
		namespace_attribute_text(ns, &types[i], &text);
		printf("%-18s%.*s\n", types[i].name, STR_ARG(buf_str(&text)));
	}
	buf_release(&text);
}

static void print_password(struct app_data *d, const struct namespace *ns)
{
	struct err err;
	int64_t at;
	char text[24];

	if (ns->kind != NAMESPACE_PROXY)
		return;
	printf("%-18s%s", "password", namespace_has_password(ns) ? "set" : "not set");
	if (namespace_has_password(ns) && namespace_password_expiry(d->namespaces, ns, &at, &err)) {
		printf(", but cannot be read: %s", err.text);
	} else if (namespace_has_password(ns) && at) {
		cli_time(text, at);
		printf(", expires at %s", text);
	}
	printf("\n");
}

static void print_json(const struct buf *json)
{
	printf("%.*s\n", STR_ARG(buf_str(json)));
}

static const char *state_text(const struct namespace *ns, const struct upstream_status *status)
{
	if (!ns->online)
		return "offline";
	return ns->kind == NAMESPACE_PROXY && !status->reachable ? "failing" : "online";
}

static enum rc list(struct app_data *d, const struct words *w, const struct option *options, struct err *err)
{
	struct buf json = BUF_INIT(JSON_MAX_BYTES);
	bool as_json = cli_has(options, "--json");
	struct upstream_status status;
	struct namespace_set *set;
	uint64_t used;
	enum rc rc = OK;

	(void)w;
	TRY(namespaces_take(d->namespaces, &set, err));
	buf_addz(&json, "[");
	if (!as_json)
		printf("%-28s %-7s %-8s %-12s WHERE\n", "NAME", "KIND", "STATE", "LISTENER");
	for (size_t i = 0; i < namespace_count(set) && !rc; i++) {
		const struct namespace *ns = namespace_at(set, i);
		char listener[16] = "-";

		rc = upstream_status_kept(d->db, ns, &status, err);
		if (rc)
			break;
		if (as_json) {
			rc = namespace_used_bytes(d->namespaces, ns, &used, err);
			put_json(&json, ns, rc ? 0 : used, &status);
			continue;
		}
		if (ns->listener != LISTENER_NONE)
			snprintf(listener, sizeof(listener), "%s:%u", ns->listener == LISTENER_HTTP ? "http" : "https",
			    ns->port);
		printf("%-28.*s %-7s %-8s %-12s %.*s\n", STR_ARG(shown(ns)), namespace_kind_text(ns->kind),
		    state_text(ns, &status), listener,
		    STR_ARG(ns->kind == NAMESPACE_PROXY   ? ns->upstream
			    : ns->kind == NAMESPACE_GROUP ? ns->member_names
							  : STR("")));
	}
	buf_addz(&json, "]");
	if (as_json && !rc)
		print_json(&json);
	buf_release(&json);
	namespace_set_unref(set);
	return rc;
}

/* What is known of the upstream: why it fails, and what it said last of how many pulls it allows. */
static void print_status(const struct upstream_status *limit)
{
	char at[24];

	if (!limit->reachable) {
		cli_time(at, limit->failed_at);
		printf("%-18s%s (since %s)\n", "upstream_failure", limit->failure, at);
	}
	if (limit->limit_remaining < 0)
		return;
	cli_time(at, limit->limit_at);
	printf("%-18s%lld of %lld pulls left at %s\n", "upstream_limit", (long long)limit->limit_remaining,
	    (long long)limit->limit_total, at);
}

static enum rc show(struct app_data *d, const struct words *w, const struct option *options, struct err *err)
{
	struct buf json = BUF_INIT(JSON_MAX_BYTES);
	const struct namespace *ns;
	struct upstream_status limit;
	struct namespace_set *set;
	uint64_t used;
	enum rc rc = OK;

	TRY(namespaces_take(d->namespaces, &set, err));
	ns = namespace_find(set, str_of(w->items[0]));
	if (ns) {
		rc = namespace_used_bytes(d->namespaces, ns, &used, err);
		if (!rc)
			rc = upstream_status_kept(d->db, ns, &limit, err);
	} else {
		rc = fail(err, E_NOT_FOUND, "the namespace %s does not exist: see `cove namespace list`", w->items[0]);
	}
	if (!rc && cli_has(options, "--json")) {
		put_json(&json, ns, used, &limit);
		print_json(&json);
	} else if (!rc) {
		print_attributes(ns, used);
		print_password(d, ns);
		print_status(&limit);
	}
	buf_release(&json);
	namespace_set_unref(set);
	return rc;
}

static enum rc attributes(struct app_data *d, const struct words *w, const struct option *options, struct err *err)
{
	const struct attribute_type *types;
	size_t count;

	(void)d;
	(void)w;
	(void)options;
	(void)err;
	types = namespace_attributes(&count);
	for (size_t i = 0; i < count; i++) {
		printf("%s (", types[i].name);
		for (enum namespace_kind k = NAMESPACE_HOSTED; k <= NAMESPACE_GROUP; k++)
			if (types[i].kinds & 1u << k)
				printf("%s, ", namespace_kind_text(k));
		printf("%s%s%s; default: %s)\n    %s\n", types[i].type, types[i].choices ? ": " : "",
		    types[i].choices ? types[i].choices : "", types[i].fallback[0] ? types[i].fallback : "empty",
		    types[i].help);
	}
	return OK;
}

int cmd_namespace(int argc, char **argv)
{
	static const struct verb verbs[] = {
	    {"create", 2, WORDS_MAX - 1, create, "create NAME hosted|proxy|group [ATTRIBUTE=VALUE]..."},
	    {"change", 2, WORDS_MAX - 1, change, "change NAME ATTRIBUTE=VALUE..."},
	    {"password", 1, 1, password, "password NAME"},
	    {"refresh", 1, 1, refresh, "refresh NAME"},
	    {"remove", 1, 1, remove_one, "remove NAME [--purge]"},
	    {"list", 0, 0, list, "list [--json]"},
	    {"show", 1, 1, show, "show NAME [--json]"},
	    {"attributes", 0, 0, attributes, "attributes"},
	    {NULL, 0, 0, NULL, NULL},
	};
	struct option options[] = {{.name = "--json"}, {.name = "--purge"}, {.name = NULL}};

	return cli_run_verb(argc, argv, verbs, options, "namespace");
}
