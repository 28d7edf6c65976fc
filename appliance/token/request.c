/*
 * request: distribution's "Token Authentication Specification" (GET) and "OAuth2 Token Authentication" (POST) as their
 * clients really use them (docs/clients.md, Requests for tokens): fields in any order, scopes repeated or separated by
 * spaces or both, in either form.
 */
#include "request.h"
#include <cove/base/codec.h>
#include <cove/crypto/jws.h>
#include <cove/oidc/oidc.h>

/* ---- reading ---- */

static enum rc take_password(struct str value, struct token_request *r, struct err *err)
{
	bool fits;

	if (oidc_is_token(value)) {
		r->id_token = value;
		return OK;
	}
	fits = secret_set(&r->password, value);
	/* the decoded copy is ours alone: form_next() made it in the arena, which is not wiped */
	if (value.n)
		wipe((void *)(uintptr_t)value.p, value.n);
	return fits ? OK
		    : fail(err, E_HTTP_BAD, "a password has at most %d bytes, none of them zero; a token %d",
			  SECRET_MAX, JWS_MAX);
}

static enum rc take_post_only(struct str name, struct str value, struct token_request *r, struct err *err)
{
	if (str_eq(name, STR("grant_type")))
		r->grant = str_eq(value, STR("password"))        ? GRANT_PASSWORD
			   : str_eq(value, STR("refresh_token")) ? GRANT_REFRESH
								 : GRANT_OTHER;
	else if (str_eq(name, STR("username")))
		r->user = value;
	else if (str_eq(name, STR("password")))
		return take_password(value, r, err);
	else if (str_eq(name, STR("refresh_token")))
		r->refresh_token = value;
	else if (str_eq(name, STR("access_type")))
		r->offline = str_eq(value, STR("offline"));
	return OK;
}

/* `account` is not looked at: who asks is what the credentials say, and clients send there what they think it is. */
static enum rc take(struct str name, struct str value, bool is_post, struct token_request *r, struct err *err)
{
	if (str_eq(name, STR("scope")))
		scope_parse(value, &r->wanted);
	else if (str_eq(name, STR("client_id")))
		r->client = value;
	else if (is_post)
		return take_post_only(name, value, r, err);
	else if (str_eq(name, STR("offline_token")))
		r->offline = str_eq(value, STR("true")) || str_eq(value, STR("1"));
	return OK;
}

enum rc token_request_parse(struct arena *a, struct str form, bool is_post, struct token_request *out, struct err *err)
{
	struct str name, value;

	*out = (struct token_request){0};
	while (form_next(a, &form, &name, &value)) {
		if (!name.p)
			return a->failed ? fail_rc(err, E_BUSY)
					 : fail(err, E_HTTP_BAD, "the token request is not form-urlencoded");
		TRY(take(name, value, is_post, out, err));
	}
	return out->wanted.overflows
		   ? fail(
			 err, E_HTTP_BAD, "one token is for at most %d repositories: ask for fewer at once", ACCESS_MAX)
		   : OK;
}

void token_request_wipe(struct token_request *r)
{
	secret_wipe(&r->password);
	if (r->id_token.n)
		wipe((void *)(uintptr_t)r->id_token.p, r->id_token.n);
	r->id_token = STR_NONE;
}

/* ---- answering ---- */

/* A login that cannot be kept (the disk is full) is left out: the client keeps the password then, and pulls go on. */
static enum rc put_refresh_token(
    struct auth *auth, const struct identity *who, const struct token_request *r, struct buf *out, struct err *err)
{
	char made[CREDENTIAL_TEXT_MAX];
	enum rc rc;

	if (r->refresh_token.n) {
		json_put_member_str(out, "refresh_token", r->refresh_token);
	} else if (r->offline && !who->is_anonymous && !who->is_issuer_rule) {
		rc = login_make(auth, who, r->client, made, err);
		if (rc == E_DISK_FULL || rc == E_IO)
			return OK;
		TRY(rc);
		json_put_member_str(out, "refresh_token", str_of(made));
		wipe(made, sizeof(made));
	}
	return OK;
}

/* No issued_at: dockerd and podman would judge the expiry by their own clock (rule 5). */
enum rc token_answer(struct token_signer *ts, struct auth *auth, const struct identity *who, struct token_request *r,
    bool is_post, struct str service, struct buf *out, struct err *err)
{
	struct buf token = BUF_INIT(JWT_MAX), scope = BUF_INIT(JWT_MAX);
	enum rc rc = access_token_issue(ts, who, service, &r->wanted, &token, err);

	if (rc)
		goto out;
	buf_addc(out, '{');
	json_put_member_str(out, "token", buf_str(&token));
	json_put_member_str(out, "access_token", buf_str(&token));
	json_put_member_u64(out, "expires_in", ACCESS_TOKEN_LIFE_S);
	if (is_post) {
		scope_text(&r->wanted, &scope);
		json_put_member_str(out, "scope", buf_str(&scope));
		json_put_member_str(out, "token_type", STR("Bearer")); /* RFC 6749 §5.1 */
	}
	rc = put_refresh_token(auth, who, r, out, err);
	buf_addc(out, '}');
	if (!rc && (!buf_ok(out) || !buf_ok(&scope)))
		rc = fail(err, E_BUSY, "no memory for a token");
out:
	buf_release(&token);
	buf_release(&scope);
	return rc;
}
