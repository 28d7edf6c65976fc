/* listeners: a table of ports, compared with the namespaces. */
#include "listeners.h"
#include <cove/base/log.h>
#include <cove/http/server.h>

static const struct namespace *wants(const struct namespace_set *set, uint16_t port, enum listener_kind kind)
{
	const struct namespace *ns = namespace_at_port(set, port);

	return ns && ns->listener == kind ? ns : NULL;
}

/* Another kind is another listener: what it says at its opening must be said. */
static void close_unwanted(struct listeners *l, const struct namespace_set *set)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->count; i++) {
		if (wants(set, l->items[i].port, l->items[i].kind)) {
			l->items[kept++] = l->items[i];
			continue;
		}
		if (l->items[i].is_open) {
			net_unlisten(l->net, l->items[i].port);
			log_info("listener.closed", "port=%u", l->items[i].port);
		}
	}
	l->count = kept;
}

static bool is_known(const struct listeners *l, uint16_t port)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->items[i].port == port)
			return true;
	return false;
}

static void enter_wanted(struct listeners *l, const struct namespace_set *set)
{
	for (size_t i = 0; i < namespace_count(set); i++) {
		const struct namespace *ns = namespace_at(set, i);

		if (ns->listener == LISTENER_NONE || is_known(l, ns->port) || l->count == NAMESPACES_MAX)
			continue;
		l->items[l->count].port = ns->port;
		l->items[l->count].kind = ns->listener;
		l->items[l->count++].is_open = false;
	}
}

static void open_one(struct listeners *l, size_t i, bool is_new, const struct namespace *ns)
{
	const char *kind = ns->listener == LISTENER_HTTP ? "http" : "https";
	struct str name = ns->name.n ? ns->name : STR("/");
	struct err err;

	if (net_listen(l->net, l->host, ns->port, LISTENER_TAG_NAMESPACE, NULL, &err)) {
		if (is_new)
			log_error("listener.refused", "namespace=%.*s port=%u reason=%s retry=\"every 2 s\"",
			    STR_ARG(name), ns->port, log_quote(str_of(err.text)));
		return;
	}
	l->items[i].is_open = true;
	log_info("listener.open", "namespace=%.*s kind=%s port=%u", STR_ARG(name), kind, ns->port);
	if (ns->listener == LISTENER_HTTP)
		log_warn("listener.plain",
		    "port=%u reason=\"this port carries passwords, tokens and images in plain text: use it only behind "
		    "a TLS proxy, or in a network where nobody can eavesdrop\"",
		    ns->port);
}

enum rc listeners_follow(struct listeners *l, struct err *err)
{
	struct namespace_set *set;
	size_t known;

	TRY(namespaces_take(l->namespaces, &set, err));
	close_unwanted(l, set);
	known = l->count;
	enter_wanted(l, set);
	for (size_t i = 0; i < l->count; i++)
		if (!l->items[i].is_open)
			open_one(l, i, i >= known, wants(set, l->items[i].port, l->items[i].kind));
	namespace_set_unref(set);
	return OK;
}

enum rc namespace_hosts(struct namespaces *n, struct buf *out, struct err *err)
{
	struct namespace_set *set;

	TRY(namespaces_take(n, &set, err));
	for (size_t i = 0; i < namespace_count(set); i++) {
		const struct namespace *ns = namespace_at(set, i);

		if (ns->host.n)
			buf_addf(out, "%s%.*s", out->n ? "," : "", STR_ARG(ns->host));
	}
	namespace_set_unref(set);
	return buf_ok(out) ? OK : fail(err, E_BUSY, "the names of this registry take too much memory");
}
