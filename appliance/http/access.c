/*
 * access: from the Authorization field to an identity, from that to a yes or no, and the challenge that tells a client
 * which token to fetch (docs/clients.md, Tokens 6, 8, 10, 11, 12). Basic works everywhere and is advertised nowhere
 * but at the token endpoint, whose only way to log in it is.
 */
#include "session.h"
#include <cove/base/codec.h>
#include <cove/base/json.h>
#include <cove/crypto/jws.h>
#include <stdlib.h>

#define CHALLENGE_BYTES 4096

/* What a row asks for: actions on the route's repository, and the scope that a token for it needs. */
static const struct need {
	unsigned actions;
	const char *scope_actions;
} needs[] = {
    [ACCESS_PULL] = {MAY_PULL, "pull"},
    [ACCESS_PUSH] = {MAY_PUSH, "pull,push"},
    [ACCESS_DELETE] = {MAY_DELETE, "delete"},
    [ACCESS_CATALOG] = {0, NULL},
    [ACCESS_SELF] = {0, NULL},
    [ACCESS_ADMIN] = {0, NULL},
    [ACCESS_RIGHTS] = {0, NULL},
};

static void wake_conn(void *ctx)
{
	struct conn_ref *ref = ctx;

	conn_wake(*ref);
	free(ref);
}

enum rc exchange_token_login(struct exchange *x, struct str token, struct identity *who)
{
	struct conn_ref *ref;
	enum rc rc;

	if (!x->site->oidc)
		return fail_rc(&x->err, E_BAD_PASSWORD);
	ref = xcalloc(1, sizeof *ref);
	*ref = conn_ref(x->conn);
	rc = oidc_login(x->site->oidc, token, conn_peer(x->conn), (struct oidc_wake){wake_conn, ref}, who, &x->err);
	if (rc != E_WANT_WAKE)
		free(ref);
	return rc;
}

static enum rc check_pair(struct exchange *x, struct str user, struct str password)
{
	struct secret secret;
	enum rc rc;

	if (oidc_is_token(password))
		return exchange_token_login(x, password, &x->who);
	if (!secret_set(&secret, password))
		return fail(&x->err, E_UNAUTHORIZED, "a password has at most %d bytes, none of them zero; a token %d",
		    SECRET_MAX, JWS_MAX);
	rc = auth_password(x->site->auth, user, &secret, conn_peer(x->conn),
	    x->in_password_lane ? SLOW_ALLOWED : SLOW_NOT_NOW, &x->who, &x->err);
	secret_wipe(&secret);
	return rc;
}

static enum rc check_basic(struct exchange *x, struct str encoded)
{
	char *plain = arena_alloc(x->arena, encoded.n + 1);
	struct str user, password;
	ptrdiff_t n;
	enum rc rc;

	if (!plain)
		return fail_rc(&x->err, E_BUSY);
	n = base64_decode(plain, encoded.n, encoded);
	if (n >= 0 && str_cut((struct str){plain, (size_t)n}, ':', &user, &password))
		rc = check_pair(x, user, password);
	else
		rc = fail(&x->err, E_UNAUTHORIZED, "the Basic credentials are not well formed");
	wipe(plain, encoded.n + 1);
	return rc;
}

static enum rc check_bearer(struct exchange *x, struct str token)
{
	return access_token_check(x->site->signer, token, x->site->service, x->arena, &x->who, &x->allowed, &x->err);
}

/* What a person or a script does with the registry itself: rights are not asked of a token, whose scopes name
 * repositories only. */
static bool is_management(const struct route *r)
{
	return r->needs == ACCESS_SELF || r->needs == ACCESS_ADMIN || r->needs == ACCESS_RIGHTS;
}

/* *has: a credential was sent and is good. */
static enum rc identify(struct exchange *x, bool *has)
{
	struct str value, again, scheme, rest;
	size_t at = 0;

	*has = head_field_next(x->head, STR("Authorization"), &at, &value);
	if (!*has)
		return auth_anonymous(x->site->auth, &x->who, &x->err);
	if (head_field_next(x->head, STR("Authorization"), &at, &again)) /* RFC 9110 §5.3: not a list */
		return fail(&x->err, E_HTTP_BAD, "there is more than one Authorization field");
	str_cut(value, ' ', &scheme, &rest);
	rest = str_trim(rest);
	if (str_eqi(scheme, STR("Basic")))
		return check_basic(x, rest);
	/* the token endpoint knows users, not the tokens it gave out */
	if (str_eqi(scheme, STR("Bearer")) && x->route->needs != ACCESS_LOGIN && !is_management(x->route))
		return check_bearer(x, rest);
	return fail(&x->err, E_UNAUTHORIZED, "this authentication scheme is not known here");
}

/* The actions on a repository that the token at hand allows; all of them without a token. */
static unsigned token_actions(const struct exchange *x, struct str repository)
{
	if (!x->allowed.p)
		return MAY_PULL | MAY_PUSH | MAY_DELETE | MAY_ADMIN;
	return scope_actions(x->allowed, repository);
}

enum rc exchange_identity_may(struct exchange *x, struct repo_name repo, unsigned action, bool *may)
{
	unsigned actions;

	TRY(auth_actions(x->site->auth, &x->who, repo.s, &actions, &x->err));
	*may = (actions & action) == action;
	return OK;
}

enum rc exchange_may(struct exchange *x, struct repo_name repo, unsigned action, bool *may)
{
	TRY(exchange_identity_may(x, repo, action, may));
	*may = *may && (token_actions(x, repo.s) & action) == action;
	return OK;
}

/* Counted in the audit log. Who shows nothing at all is not refused yet, only asked for a login. */
void access_note_refusal(struct exchange *x)
{
	bool is_repository = x->route->needs >= ACCESS_PULL && needs[x->route->needs].actions;

	if (!x->who.user_id || (x->who.is_anonymous && !x->allowed.p))
		return;
	audit_tally(auth_audit(x->site->auth),
	    &(struct audit_entry){
		.user = str_of(x->who.name),
		.peer = conn_peer(x->conn),
		.action = is_repository ? str_of(needs[x->route->needs].scope_actions) : str_of(x->route->id),
		.object = is_repository ? x->name.s : x->object,
		.detail = str_of(x->err.text),
		.refused = true,
	    });
}

/* Clients show it to a person, whom a word on tokens does not help. */
static enum rc no_right(struct exchange *x, enum rc rc)
{
	const char *actions = needs[x->route->needs].scope_actions;

	if (x->who.is_anonymous)
		return fail(
		    &x->err, rc, "%.*s is not open to everybody (%s): log in first", STR_ARG(x->asked), actions);
	return fail(&x->err, rc, "%s has no right to %s on %.*s: ask the owner of this registry for it", x->who.name,
	    actions, STR_ARG(x->asked));
}

/* A refusal does not depend on whether the repository exists (rule 12). */
static enum rc decide(struct exchange *x, bool has_credential)
{
	unsigned actions = actions_needed(needs[x->route->needs].actions);
	bool may;

	TRY(exchange_identity_may(x, x->name, actions, &may));
	if (has_credential && (token_actions(x, x->name.s) & actions) != actions) {
		if (may) /* the client fetches a token with more scope, and comes again */
			return fail_rc(&x->err, E_SCOPE);
		(void)no_right(x, E_SCOPE);
		access_note_refusal(x);
		return E_SCOPE;
	}
	/* HEAD is what comes before a push: a client that is not asked who it is here is asked at its PUT, where
	 * containerd has no body to send again. Who only pulls fetches a token for nobody. */
	if (may && !has_credential && x->head->method == METHOD_HEAD)
		return fail_rc(&x->err, E_UNAUTHORIZED);
	if (may)
		return OK;
	return has_credential && !x->who.is_anonymous ? no_right(x, E_DENIED) : fail_rc(&x->err, E_UNAUTHORIZED);
}

static enum rc decide_management(struct exchange *x)
{
	unsigned actions;

	if (x->who.is_anonymous || !x->who.user_id)
		return fail_rc(&x->err, E_UNAUTHORIZED);
	if (x->route->needs == ACCESS_SELF)
		return OK;
	TRY(auth_actions(x->site->auth, &x->who, STR(""), &actions, &x->err));
	if (!(actions & MAY_ADMIN))
		return fail_rc(&x->err, E_DENIED);
	if (x->route->needs == ACCESS_RIGHTS && (x->who.is_limited || x->who.is_issuer_rule))
		return fail(&x->err, E_DENIED,
		    "this lasts longer than the key or token that asks for it: use the password of an admin, or an "
		    "admin's key that has no grants of its own and does not expire");
	return OK;
}

enum rc access_check(struct exchange *x)
{
	bool has_credential;

	if (x->route->needs == ACCESS_ANY)
		return OK;
	TRY(identify(x, &has_credential));
	switch (x->route->needs) {
	case ACCESS_ANY:
	case ACCESS_LOGIN:
		return OK;
	case ACCESS_TOKEN: /* rule 11: without one always 401, it is where clients learn the challenge */
	case ACCESS_CATALOG:
		return has_credential ? OK : fail_rc(&x->err, E_UNAUTHORIZED);
	case ACCESS_SELF:
	case ACCESS_ADMIN:
	case ACCESS_RIGHTS:
		return decide_management(x);
	case ACCESS_PULL:
	case ACCESS_PUSH:
	case ACCESS_DELETE:
		break;
	}
	return decide(x, has_credential);
}

/* The scopes that a token for this very request needs (the reference server's appendAccessRecords). */
static struct str scopes_wanted(struct exchange *x)
{
	const struct route *r = x->route;
	struct str from, scopes;

	if (r->needs == ACCESS_CATALOG)
		return STR("registry:catalog:*");
	if (r->needs < ACCESS_PULL || !needs[r->needs].scope_actions)
		return STR_NONE;
	scopes = arena_printf(x->arena, "repository:%.*s:%s", STR_ARG(x->asked), needs[r->needs].scope_actions);
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
	if (x->route->needs == ACCESS_LOGIN || is_management(x->route))
		reply_field(x, "WWW-Authenticate", "Basic realm=\"%.*s\"", STR_ARG(x->site->service));
	else
		add_bearer(x, scopes_wanted(x), error);
}

enum rc exchange_challenge(struct exchange *x, struct str scopes)
{
	add_bearer(x, scopes, "insufficient_scope");
	return fail_rc(&x->err, E_SCOPE);
}
