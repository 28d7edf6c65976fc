/* token: the handlers of the token endpoint. A wrong password is 401 and never an anonymous token (rules 3 and 4). */
#include <cove/token/token.h>
#include "request.h"

/* As the names of requests that come this way (listener, Host) are led. A name that leads nowhere grants nothing.
 * *needs_nobody: all that is wanted are pulls from a mirror that are open to all. */
static enum rc lead_names(struct exchange *x, struct token_request *r, bool *needs_nobody)
{
	struct place place;
	enum rc rc;

	*needs_nobody = r->wanted.count > 0;
	for (size_t i = 0; i < r->wanted.count; i++) {
		struct access *w = &r->wanted.items[i];
		bool is_open = false;

		if (!w->is_catalog) {
			rc = exchange_resolve(x, w->name, &place);
			if (x->arena->failed)
				return fail(&x->err, E_HTTP_BAD,
				    "the names of the repositories are too long for one token: request fewer at once");
			if (rc && rc_status(rc) >= 500 && rc != E_NAMESPACE_OFFLINE)
				return rc;
			w->full = rc ? STR_NONE : place.full;
			if (!rc && w->actions == MAY_PULL)
				TRY(exchange_is_open(x, &place, &is_open));
		}
		*needs_nobody = *needs_nobody && is_open;
	}
	return OK;
}

/* RFC 6749 §5.1: nobody may keep the answer. */
static enum rc answer(struct exchange *x, struct token_request *r, bool is_post)
{
	x->reply.content.max = TOKEN_ANSWER_MAX;
	TRY(token_answer(x->site->signer, &x->who, r, is_post, x->site->service, &x->reply.content, &x->err));
	reply_field(x, "Cache-Control", "no-store");
	return reply_bytes(x, 200, "application/json", buf_str(&x->reply.content));
}

static enum rc grant(struct exchange *x, struct token_request *r, bool is_post)
{
	bool needs_nobody;

	TRY(lead_names(x, r, &needs_nobody));
	if (needs_nobody)
		TRY(auth_anonymous(x->site->auth, &x->who, &x->err));
	else if (is_post)
		TRY(exchange_login(x, r->user, r->password));
	else
		TRY(exchange_identify(x));
	return answer(x, r, is_post);
}

static enum rc token_get(struct exchange *x)
{
	struct token_request r;
	enum rc rc = token_request_parse(x->arena, x->query, false, &r, &x->err);

	if (!rc)
		rc = grant(x, &r, false);
	token_request_wipe(&r);
	return rc;
}

/* OAuth2's form of the failure beside OCI's: containerd turns to GET on this 400 (rule 3). */
static enum rc refuse_grant(struct exchange *x)
{
	return reply_bytes(x, rc_status(E_OAUTH_GRANT), "application/json",
	    arena_printf(x->arena,
		"{\"error\":\"unsupported_grant_type\",\"errors\":[{\"code\":\"%s\",\"message\":\"%s\"}]}",
		rc_wire(E_OAUTH_GRANT), rc_sentence(E_OAUTH_GRANT)));
}

static enum rc token_post(struct exchange *x)
{
	struct token_request r;
	enum rc rc = token_request_parse(x->arena, x->body, true, &r, &x->err);

	if (!rc && r.grant == GRANT_OTHER)
		rc = refuse_grant(x);
	else if (!rc && r.grant == GRANT_REFRESH)
		rc = fail(&x->err, E_TOKEN_INVALID,
		    "this login was made by an older version and is no longer valid: log in again with `docker login "
		    "-u NAME`");
	else if (!rc)
		rc = grant(x, &r, true);
	if (rc && rc_status(rc) == 401)
		reply_field(x, "WWW-Authenticate", "Basic realm=\"%.*s\"", STR_ARG(x->site->service));
	token_request_wipe(&r);
	return rc;
}

static enum rc jwks_get(struct exchange *x)
{
	x->reply.content.max = 1024;
	token_signer_jwks(x->site->signer, &x->reply.content);
	if (!buf_ok(&x->reply.content))
		return fail_rc(&x->err, E_BUSY);
	return reply_bytes(x, 200, "application/jwk-set+json", buf_str(&x->reply.content));
}

/* POST brings its credentials in the form, hence ACCESS_ANY. */
const struct route token_routes[] = {
    {"token-get", METHOD_GET, "/token", ACCESS_LOGIN, BODY_NONE, 0, 0, NULL, token_get},
    {"token-post", METHOD_POST, "/token", ACCESS_ANY, BODY_BUFFERED, TOKEN_FORM_MAX, 0, NULL, token_post},
    {"jwks", METHOD_GET, "/.well-known/jwks.json", ACCESS_ANY, BODY_NONE, 0, 0, NULL, jwks_get},
    ROUTES_END,
};
