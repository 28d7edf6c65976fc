/* oidc: from a token to an identity (RFC 7519 §7.2, OpenID Connect Core §3.1.3.7). */
#include "private.h"
#include <cove/base/clock.h>

#define TOKEN_ARENA_BYTES (256u * 1024)

enum rc oidc_open(struct db *db, struct auth *auth, struct client *client, struct oidc **out, struct err *err)
{
	struct oidc *o = xcalloc(1, sizeof(*o));

	(void)err;
	*o = (struct oidc){db, auth, key_cache_new(client)};
	*out = o;
	return OK;
}

void oidc_close(struct oidc *o)
{
	if (!o)
		return;
	key_cache_free(o->keys);
	free(o);
}

bool oidc_is_token(struct str password)
{
	return jws_is_one(password);
}

/* ---- claims ---- */

static bool is_for(const struct json *aud, struct str audience)
{
	if (json_is_string(aud))
		return str_eq(json_string(aud), audience);
	for (const struct json *a = json_is_array(aud) ? json_first(aud) : NULL; a; a = json_next(a))
		if (str_eq(json_string(a), audience))
			return true;
	return false;
}

/* A NumericDate, which may have a fraction (RFC 7519 §2). A claim that is there but is no number refuses the token. */
static bool time_claim(const struct json *claims, const char *name, bool *is_there, int64_t *at)
{
	const struct json *v = json_member(claims, name);
	uint64_t n = 0;

	*is_there = v != NULL;
	if (v && !json_floor(v, &n))
		return false;
	*at = (int64_t)n; /* at most 2^53 */
	return true;
}

static enum rc check_claims(const struct json *claims, const struct issuer_info *issuer, struct err *err)
{
	int64_t now = clock_wall_s(), exp, nbf, iat;
	bool has_exp, has_nbf, has_iat;

	if (!time_claim(claims, "exp", &has_exp, &exp) || !time_claim(claims, "nbf", &has_nbf, &nbf) ||
	    !time_claim(claims, "iat", &has_iat, &iat) || !has_exp)
		return fail(err, E_BAD_PASSWORD, "the token has no expiry time (claim exp)");
	if (exp + OIDC_LEEWAY_S <= now)
		return fail(err, E_BAD_PASSWORD, "the token has expired");
	if ((has_nbf && nbf > now + OIDC_LEEWAY_S) || (has_iat && iat > now + OIDC_LEEWAY_S))
		return fail(err, E_BAD_PASSWORD,
		    "the token is not valid yet: check the clocks of its issuer and of this registry");
	if (!is_for(json_member(claims, "aud"), issuer->audience))
		return fail(
		    err, E_BAD_PASSWORD, "the token is for another audience than %.*s", STR_ARG(issuer->audience));
	return OK;
}

/* ---- the login ---- */

/* What is known of a token, for the audit log. */
struct attempt {
	struct jws token;
	struct issuer_info issuer;
	bool is_proven; /* the signature is the issuer's */
};

static enum rc find_key(
    struct oidc *o, const struct attempt *t, struct oidc_wake wake, struct jwk *out, struct err *err)
{
	const struct jwk *key;
	struct jwk_set set;

	if (!t->issuer.jwks.n)
		return key_cache_find(o->keys, &t->issuer, &t->token, wake, out, err);
	TRY(jwk_set_parse(t->issuer.jwks, &set, err));
	key = jws_key(&t->token, &set);
	if (key)
		*out = *key;
	jwk_set_release(&set);
	return key ? OK : fail(err, E_BAD_PASSWORD, "the token names a key that its issuer does not have");
}

static enum rc prove(struct oidc *o, struct attempt *t, struct arena *a, struct oidc_wake wake, struct err *err)
{
	struct str url = json_string(json_member(t->token.claims, "iss"));
	struct jwk key;
	bool found;

	TRY(issuer_find(o, url, a, &t->issuer, &found, err));
	if (!found)
		return fail(err, E_BAD_PASSWORD,
		    "the token's issuer is unknown: the owner of this registry can add it with `cove issuer add`");
	TRY(find_key(o, t, wake, &key, err));
	TRY(jws_verify(&t->token, &key, err));
	t->is_proven = true;
	return check_claims(t->token.claims, &t->issuer, err);
}

static enum rc identify(struct oidc *o, struct attempt *t, struct identity *out, struct err *err)
{
	int64_t user_id;

	TRY(rule_match(o, t->issuer.id, t->token.claims, &user_id, err));
	if (!user_id)
		return fail(err, E_BAD_PASSWORD,
		    "no rule of the issuer %.*s matches the token of %.*s: the owner of this registry can add one with "
		    "`cove issuer rule`",
		    STR_ARG(t->issuer.name), STR_ARG(str_first(json_string(json_member(t->token.claims, "sub")), 200)));
	return rule_user_identity(o->auth, user_id, out, err);
}

/* Who it was stays in the log: the robot stands for many. */
static void note(struct oidc *o, const struct attempt *t, struct str peer, const struct identity *who, const char *why)
{
	const struct json *claims = t->token.claims;
	struct str repository = json_string(json_member(claims, "repository"));
	char detail[AUDIT_TEXT_MAX + 1];

	snprintf(detail, sizeof(detail), "%.*s%s%.*s%s%.200s", STR_ARG(t->issuer.name),
	    repository.n ? " repository=" : "", STR_ARG(repository), why[0] ? ": " : "", why);
	audit_tally(auth_audit(o->auth), &(struct audit_entry){
					     .user = who ? str_of(who->name) : STR("oidc"),
					     .peer = peer,
					     .action = STR("login.oidc"),
					     .object = json_string(json_member(claims, t->is_proven ? "sub" : "iss")),
					     .detail = str_of(detail),
					     .refused = !who,
					 });
}

enum rc oidc_login(
    struct oidc *o, struct str token, struct str peer, struct oidc_wake wake, struct identity *out, struct err *err)
{
	struct attempt t = {.is_proven = false};
	struct err why = {.rc = OK};
	struct arena a;
	enum rc rc = jws_parse(token, &t.token, &why);

	if (!rc) {
		arena_init(&a, TOKEN_ARENA_BYTES);
		rc = prove(o, &t, &a, wake, &why);
		if (!rc)
			rc = identify(o, &t, out, &why);
		if (!rc || rc_status(rc) == 401)
			note(o, &t, peer, rc ? NULL : out, why.text);
		arena_release(&a);
	}
	jws_release(&t.token);
	if (rc == E_TOKEN_INVALID) /* of a password that is a token */
		rc = why.rc = E_BAD_PASSWORD;
	if (rc && err)
		*err = why;
	return rc;
}
