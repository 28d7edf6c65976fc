/*
 * request: distribution's "Token Authentication Specification" (GET) and "OAuth2 Token Authentication" (POST) as their
 * clients really use them (docs/clients.md, Requests for tokens): fields in any order, scopes repeated or separated by
 * spaces or both, in either form.
 */
#include "request.h"
#include <cove/base/codec.h>

/* ---- reading ---- */

/* A decoded copy is ours alone: form_next() made it in the arena, which is not wiped. */
static void drop(struct str *password)
{
	if (password->n)
		wipe((void *)(uintptr_t)password->p, password->n);
	*password = STR_NONE;
}

static void take_post_only(struct str name, struct str value, struct token_request *r)
{
	if (str_eq(name, STR("grant_type"))) {
		r->grant = str_eq(value, STR("password"))        ? GRANT_PASSWORD
			   : str_eq(value, STR("refresh_token")) ? GRANT_REFRESH
								 : GRANT_OTHER;
	} else if (str_eq(name, STR("username"))) {
		r->user = value;
	} else if (str_eq(name, STR("password"))) {
		drop(&r->password);
		r->password = value;
	}
}

/* `account` is not looked at: who asks is what the credentials say, and clients send there what they think it is. */
static void take(struct str name, struct str value, bool is_post, struct token_request *r)
{
	if (str_eq(name, STR("scope")))
		scope_parse(value, &r->wanted);
	else if (is_post)
		take_post_only(name, value, r);
}

enum rc token_request_parse(struct arena *a, struct str form, bool is_post, struct token_request *out, struct err *err)
{
	struct str name, value;

	*out = (struct token_request){0};
	while (form_next(a, &form, &name, &value)) {
		if (!name.p)
			return a->failed ? fail_rc(err, E_BUSY)
					 : fail(err, E_HTTP_BAD, "the token request is not form-urlencoded");
		take(name, value, is_post, out);
	}
	return out->wanted.overflows
		   ? fail(err, E_HTTP_BAD, "a token can cover at most %d repositories: request fewer at once",
			 ACCESS_MAX)
		   : OK;
}

void token_request_wipe(struct token_request *r)
{
	drop(&r->password);
}

/* ---- answering ---- */

/* No issued_at: dockerd and podman would judge the expiry by their own clock (rule 5). */
enum rc token_answer(struct token_signer *ts, const struct identity *who, struct token_request *r, bool is_post,
    struct str service, struct buf *out, struct err *err)
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
	buf_addc(out, '}');
	if (!buf_ok(out) || !buf_ok(&scope))
		rc = fail(err, E_BUSY, "no memory for a token");
out:
	buf_release(&token);
	buf_release(&scope);
	return rc;
}
