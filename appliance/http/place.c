/*
 * place: how a request came (listener, Host, ?ns=), and where the names in it lead. On the main port Host counts only
 * when it is one of our names, since what we tell the client is built from it; on a namespace's listener that speaks
 * plain HTTP a proxy stands in front, and its names are its own business.
 */
#include "session.h"

static struct str without_port(struct str host)
{
	struct str name, port;

	if (host.n && host.p[0] == '[')
		str_cut(str_from(host, 1), ']', &name, &port);
	else
		str_cut(host, ':', &name, &port);
	return name;
}

/* The primary name with the port of this listener. */
static struct str primary_here(struct exchange *x)
{
	struct str host = x->site->primary_name, port;

	if (host.n && host.p[0] == '[')
		host = str_first(host, without_port(host).n + 2);
	else
		str_cut(host, ':', &host, &port);
	return arena_printf(x->arena, "%.*s:%u", STR_ARG(host), conn_local_port(x->conn));
}

enum rc exchange_namespaces(struct exchange *x)
{
	return x->namespaces ? OK : namespaces_take(x->site->namespaces, &x->namespaces, &x->err);
}

/* A namespace may have gone, or changed its port, while a connection was open. */
static enum rc on_own_listener(struct exchange *x)
{
	const struct namespace *ns;
	struct str host;

	x->approach.port = conn_local_port(x->conn);
	x->host = primary_here(x);
	TRY(exchange_namespaces(x));
	ns = namespace_at_port(x->namespaces, x->approach.port);
	if (!ns) {
		x->reply.close = true;
		return fail(&x->err, E_NAMESPACE_OFFLINE,
		    "the namespace of port %u was removed or changed: use the main port of this registry",
		    x->approach.port);
	}
	x->is_plain = ns->listener == LISTENER_HTTP && !conn_is_tls(x->conn);
	if (!x->is_plain)
		return OK;
	host = outside_host(x);
	if (host.n)
		x->host = host;
	if (!ns->behind_tls && !outside_is_https(x))
		x->scheme = "http";
	return OK;
}

enum rc place_begin(struct exchange *x)
{
	struct str host = x->head->host;

	x->approach.host = without_port(host);
	if (conn_listener(x->conn) == LISTENER_TAG_NAMESPACE)
		TRY(on_own_listener(x));
	if (!x->is_plain && host.n && x->site->is_own_host(x->site, host))
		x->host = host;
	if (query_get(x, "ns", &x->approach.ns))
		x->approach.ns_is_own = x->site->is_own_host(x->site, x->approach.ns);
	return OK;
}

static enum rc resolve(struct exchange *x, struct str asked, struct place *out, struct err *err)
{
	struct repo_name name;

	TRY(repo_name_parse(asked, &name, err));
	TRY(exchange_namespaces(x));
	return namespace_resolve(x->namespaces, &x->approach, asked, x->arena, out, err);
}

enum rc exchange_resolve(struct exchange *x, struct str asked, struct place *out)
{
	return resolve(x, asked, out, &x->err);
}

enum rc place_find(struct exchange *x)
{
	TRY(exchange_resolve(x, x->asked, &x->place));
	x->name.s = x->place.full;
	/* a value that some namespace has in its list: nothing but printable characters */
	if (x->place.by_ns)
		reply_field(x, "OCI-Namespace", "%.*s", STR_ARG(x->approach.ns));
	return OK;
}

bool place_exists(struct exchange *x, struct str asked)
{
	struct place place;

	return resolve(x, asked, &place, NULL) == OK;
}
