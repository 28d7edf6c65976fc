/*
 * access: from the Authorization field to an identity, and from that to a yes or no (docs/clients.md, Tokens 6, 10, 11,
 * 12). Basic works everywhere.
 */
#include "session.h"
#include <cove/base/codec.h>
#include <cove/crypto/jws.h>
#include <stdlib.h>

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

const char *access_scope(const struct route *r)
{
	return needs[r->needs].scope_actions;
}

static void wake_conn(void *ctx)
{
	struct conn_ref *ref = ctx;

	conn_wake(*ref);
	free(ref);
}

static enum rc login_by_token(struct exchange *x, struct str token)
{
	struct conn_ref *ref;
	enum rc rc;

	if (!x->site->oidc)
		return fail_rc(&x->err, E_BAD_PASSWORD);
	ref = xcalloc(1, sizeof *ref);
	*ref = conn_ref(x->conn);
	rc = oidc_login(x->site->oidc, token, conn_peer(x->conn), (struct oidc_wake){wake_conn, ref}, &x->who, &x->err);
	if (rc != E_WANT_WAKE)
		free(ref);
	return rc;
}

enum rc exchange_login(struct exchange *x, struct str user, struct str password)
{
	struct secret secret;
	enum rc rc;

	if (!user.n && !password.n)
		return auth_anonymous(x->site->auth, &x->who, &x->err);
	if (!password.n) /* as Kubernetes sends it from a config.json that has an identity token */
		return fail(&x->err, E_BAD_PASSWORD,
		    "the password is empty: log in again with `docker login -u NAME`, or use a key of `cove key "
		    "create`");
	if (oidc_is_token(password))
		return login_by_token(x, password);
	if (!secret_set(&secret, password))
		return fail(&x->err, E_UNAUTHORIZED,
		    "the password is not valid: it may have at most %d bytes, none of them zero; a token may have %d",
		    SECRET_MAX, JWS_MAX);
	rc = auth_password(x->site->auth, user, &secret, conn_peer(x->conn),
	    x->in_password_lane ? SLOW_ALLOWED : SLOW_NOT_NOW, &x->who, &x->err);
	secret_wipe(&secret);
	return rc;
}

/* *has: neither user nor password is what podman and skopeo send, asked for Basic, when they have none: nobody. */
static enum rc check_basic(struct exchange *x, struct str encoded, bool *has)
{
	char *plain = arena_alloc(x->arena, encoded.n + 1);
	struct str user, password;
	ptrdiff_t n;
	enum rc rc;

	if (!plain)
		return fail_rc(&x->err, E_BUSY);
	if (proof_holds(x, encoded))
		return OK;
	n = base64_decode(plain, encoded.n, encoded);
	*has = n != 1 || plain[0] != ':';
	if (n >= 0 && str_cut((struct str){plain, (size_t)n}, ':', &user, &password))
		rc = exchange_login(x, user, password);
	else
		rc = fail(&x->err, E_UNAUTHORIZED, "the Basic credentials are malformed: send base64 of user:password");
	wipe(plain, encoded.n + 1);
	if (!rc && *has)
		proof_keep(x, encoded);
	return rc;
}

/* What a mirror's own port, host or ?ns= has led to: clients may show the credentials of the registry that it stands
 * for. Where a pull needs none they are not looked at: no failed login, and nothing to learn for a guesser. */
enum rc exchange_is_open(struct exchange *x, const struct place *place, bool *is_open)
{
	struct identity nobody;
	unsigned actions;
	enum rc rc;

	*is_open = false;
	if (!place->by_ns && !(place->is_bound && place->ns->kind != NAMESPACE_HOSTED))
		return OK;
	rc = auth_anonymous(x->site->auth, &nobody, &x->err);
	if (rc)
		return rc == E_UNAUTHORIZED ? OK : rc;
	TRY(auth_actions(x->site->auth, &nobody, place->full, &actions, &x->err));
	*is_open = actions & MAY_PULL;
	return OK;
}

static enum rc identify_by_basic(struct exchange *x, struct str encoded, bool *has)
{
	bool is_open = false;

	/* who may push to a group is told other things (blob_get()) */
	if (x->route->needs == ACCESS_PULL && !namespace_takes_pushes(x->place.ns))
		TRY(exchange_is_open(x, &x->place, &is_open));
	return is_open ? auth_anonymous(x->site->auth, &x->who, &x->err) : check_basic(x, encoded, has);
}

static enum rc check_bearer(struct exchange *x, struct str token)
{
	return access_token_check(x->site->signer, token, x->site->service, x->arena, &x->who, &x->allowed, &x->err);
}

bool access_is_management(const struct route *r)
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
		return fail(&x->err, E_HTTP_BAD, "the request has more than one Authorization field: send only one");
	str_cut(value, ' ', &scheme, &rest);
	rest = str_trim(rest);
	if (str_eqi(scheme, STR("Basic")))
		return identify_by_basic(x, rest, has);
	/* the token endpoint knows users, not the tokens it gave out */
	if (str_eqi(scheme, STR("Bearer")) && x->route->needs != ACCESS_LOGIN && !access_is_management(x->route))
		return check_bearer(x, rest);
	return fail(&x->err, E_UNAUTHORIZED, "this authentication scheme is not supported: use Basic or Bearer");
}

enum rc exchange_identify(struct exchange *x)
{
	bool has;

	return identify(x, &has);
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

/* Is it the key that lacks these rights, and not its user? */
static bool only_key_lacks(struct exchange *x, unsigned missing)
{
	struct identity user = x->who;
	unsigned actions;

	user.key_id = 0;
	return x->who.key_id && !auth_actions(x->site->auth, &user, x->name.s, &actions, &x->err) &&
	       (actions & missing) == missing;
}

/* Clients show it to a person, whom a word on tokens does not help. */
static enum rc no_right(struct exchange *x, unsigned missing, enum rc rc)
{
	char actions[ACTIONS_TEXT_MAX];

	actions_text(actions, missing);
	if (x->who.is_anonymous)
		return fail(&x->err, rc, "%.*s requires a login (%s): log in first", STR_ARG(x->asked), actions);
	if (only_key_lacks(x, missing))
		return fail(&x->err, rc,
		    "this key has no right to %s on %.*s, but its user %s has: use a key that has a grant for it",
		    actions, STR_ARG(x->asked), x->who.name);
	return fail(&x->err, rc, "%s has no right to %s on %.*s: ask the owner of this registry for it", x->who.name,
	    actions, STR_ARG(x->asked));
}

/* A refusal does not depend on whether the repository exists (rule 12). */
static enum rc decide(struct exchange *x, bool has_credential)
{
	unsigned wanted = actions_needed(needs[x->route->needs].actions), mine, missing;

	TRY(auth_actions(x->site->auth, &x->who, x->name.s, &mine, &x->err));
	missing = wanted & ~mine;
	if (has_credential && (token_actions(x, x->name.s) & wanted) != wanted) {
		if (!missing) /* the client fetches a token with more scope, and comes again */
			return fail_rc(&x->err, E_SCOPE);
		(void)no_right(x, missing, E_SCOPE);
		access_note_refusal(x);
		return E_SCOPE;
	}
	if (missing)
		return has_credential && !x->who.is_anonymous ? no_right(x, missing, E_DENIED)
							      : fail_rc(&x->err, E_UNAUTHORIZED);
	/* a client that is not asked who it is here is asked at its PUT, where containerd has no body to send again */
	if (!has_credential && x->head->method == METHOD_HEAD && x->route->flags & ROUTE_BEFORE_PUSH &&
	    namespace_takes_pushes(x->place.ns))
		return fail_rc(&x->err, E_UNAUTHORIZED);
	return OK;
}

/* Without a credential always 401: it is where clients learn the challenge (rule 11). But for a mirror at its own port
 * or host that everybody may pull all from: dockerd's classic store shows it Docker Hub's credentials when it is asked
 * for some, and passes it by when they are refused. */
static enum rc decide_base(struct exchange *x)
{
	const struct namespace *ns;
	bool is_open = false;

	TRY(exchange_namespaces(x));
	ns = namespace_bound(x->namespaces, &x->approach);
	if (ns && ns->online && !namespace_takes_pushes(ns))
		TRY(auth_may_all_of(x->site->auth, &x->who, ns->name, MAY_PULL, &is_open, &x->err));
	return is_open ? OK : fail_rc(&x->err, E_UNAUTHORIZED);
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
		    "this change would outlast the key or token that requests it: use the password of an admin, or an "
		    "admin's key that has no grants of its own and does not expire");
	return OK;
}

/* A client that is asked for Basic sends what was refused up to four times more: 403 ends that. */
static enum rc refuse_basic(struct exchange *x, enum rc rc)
{
	struct err why = x->err;

	if (rc_status(rc) != 401 || !challenge_is_basic(x))
		return rc;
	return fail(&x->err, E_LOGIN_REFUSED, "%s", why.text[0] ? why.text : rc_sentence(rc));
}

enum rc access_check(struct exchange *x)
{
	bool has_credential;
	enum rc rc;

	if (x->route->needs == ACCESS_ANY || x->route->needs == ACCESS_LOGIN)
		return OK;
	rc = identify(x, &has_credential);
	if (rc)
		return has_credential ? refuse_basic(x, rc) : rc;
	switch (x->route->needs) {
	case ACCESS_ANY:
	case ACCESS_LOGIN:
		return OK;
	case ACCESS_TOKEN:
		return has_credential ? OK : decide_base(x);
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
