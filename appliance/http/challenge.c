/*
 * challenge: what a 401 asks for: a token, with the realm where it is had, or Basic (docs/clients.md, Tokens 8). Always
 * one WWW-Authenticate field.
 */
#include "session.h"
#include <cove/base/codec.h>
#include <cove/base/json.h>

#define CHALLENGE_BYTES 4096

/* The scopes that a token for this very request needs (the reference server's appendAccessRecords). */
static struct str scopes_wanted(struct exchange *x)
{
	const struct route *r = x->route;
	struct str from, scopes;

	if (r->needs == ACCESS_CATALOG)
		return STR("registry:catalog:*");
	if (!access_scope(r))
		return STR_NONE;
	scopes = arena_printf(x->arena, "repository:%.*s:%s", STR_ARG(x->asked), access_scope(r));
	if (r->needs == ACCESS_PUSH && query_get(x, "from", &from) && place_exists(x, from))
		scopes = arena_printf(x->arena, "%.*s repository:%.*s:pull", STR_ARG(scopes), STR_ARG(from));
	return scopes;
}

/* [{"Type":"repository","Class":"","Name":"team/app","Action":"pull"},...], as the reference server has it. */
static struct str scopes_detail(struct exchange *x, struct str scopes)
{
	struct buf b = BUF_INIT(CHALLENGE_BYTES);
	struct str scope, type, name, actions, action, detail = STR_NONE;

	buf_addc(&b, '[');
	while (scopes.n) {
		str_cut(scopes, ' ', &scope, &scopes);
		str_cut(scope, ':', &type, &name);
		str_cut_last(name, ':', &name, &actions);
		while (actions.n) {
			str_cut(actions, ',', &action, &actions);
			json_put_comma(&b);
			buf_addc(&b, '{');
			json_put_member_str(&b, "Type", type);
			json_put_member_str(&b, "Class", STR(""));
			json_put_member_str(&b, "Name", name);
			json_put_member_str(&b, "Action", action);
			buf_addc(&b, '}');
		}
	}
	buf_addc(&b, ']');
	if (buf_ok(&b))
		detail = arena_str(x->arena, buf_str(&b));
	buf_release(&b);
	return detail;
}

/* Clients keep a realm's query: so the names of scopes are led as those of the requests that they are for. Some learn
 * it from /v2/ only, as k3s does, whose requests have ?ns= all alike. */
static struct str realm_query(struct exchange *x)
{
	struct buf ns = BUF_INIT(CHALLENGE_BYTES);
	struct str query = STR_NONE;

	if (x->asked.n ? !x->place.by_ns : !x->approach.ns.n)
		return query;
	percent_encode(&ns, x->approach.ns);
	if (buf_ok(&ns))
		query = arena_printf(x->arena, "?ns=%.*s", STR_ARG(buf_str(&ns)));
	buf_release(&ns);
	return query;
}

/* The realm's host is byte-equal to what the client used, as long as that is one of our names (rule 8). */
static void add_bearer(struct exchange *x, struct str scopes, const char *error)
{
	reply_field(x, "WWW-Authenticate", "Bearer realm=\"%s://%.*s/token%.*s\",service=\"%.*s\"%s%.*s%s%s%s%s",
	    x->scheme, STR_ARG(x->host), STR_ARG(realm_query(x)), STR_ARG(x->site->service),
	    scopes.n ? ",scope=\"" : "", STR_ARG(scopes), scopes.n ? "\"" : "", error ? ",error=\"" : "",
	    error ? error : "", error ? "\"" : "");
	if (scopes.n && !x->detail.n)
		x->detail = scopes_detail(x, scopes);
}

/*
 * Who fetches tokens with the machine's own trust store, or on another machine, while it asks the registry with the CA
 * that docker's certs.d has: with Basic it needs no token. Rights are the same either way. `docker/` alone is dockerd's
 * classic store, which fetches tokens as it should, and whose pulls without a login break with Basic (docs/clients.md,
 * User-Agents).
 */
static const struct {
	const char *agent;
	bool anywhere;
} without_ca[] = {
    {"containerd/", false}, {"buildkit/", false},
    {"containerd-client/", true}, /* dockerd with containerd's image store */
};

bool challenge_is_basic(const struct exchange *x)
{
	struct str agent, value, scheme, rest;

	if (x->route->needs == ACCESS_LOGIN || access_is_management(x->route))
		return false;
	if (head_field(x->head, STR("Authorization"), &value)) {
		str_cut(value, ' ', &scheme, &rest);
		if (!str_eqi(scheme, STR("Basic")))
			return false;
	}
	if (!head_field(x->head, STR("User-Agent"), &agent))
		return false;
	for (size_t i = 0; i < sizeof(without_ca) / sizeof(*without_ca); i++) {
		struct str name = str_of(without_ca[i].agent);

		if (without_ca[i].anywhere ? memmem(agent.p, agent.n, name.p, name.n) != NULL : str_starts(agent, name))
			return true;
	}
	return false;
}

static bool is_challenged(const struct exchange *x)
{
	struct str rest = buf_str(&x->reply.fields), line;

	while (rest.n) {
		str_cut(rest, '\n', &line, &rest);
		if (str_starts(line, STR("WWW-Authenticate:")))
			return true;
	}
	return false;
}

void access_add_challenge(struct exchange *x, enum rc rc)
{
	const char *error = rc == E_TOKEN_INVALID ? "invalid_token" : rc == E_SCOPE ? "insufficient_scope" : NULL;

	if (is_challenged(x) || !x->route)
		return;
	if (x->route->needs == ACCESS_LOGIN || access_is_management(x->route) || challenge_is_basic(x))
		reply_field(x, "WWW-Authenticate", "Basic realm=\"%.*s\"", STR_ARG(x->site->service));
	else
		add_bearer(x, scopes_wanted(x), error);
}

enum rc exchange_challenge(struct exchange *x, struct str scopes)
{
	add_bearer(x, scopes, "insufficient_scope");
	return fail_rc(&x->err, E_SCOPE);
}
