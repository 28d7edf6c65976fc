/*
 * oidc: workload identity: cove accepts the tokens that an OpenID Connect provider gives to a job (GitHub Actions,
 * GitLab, a Kubernetes service account) as credentials. An issuer is a provider and its keys. A rule of an issuer
 * accepts the tokens whose claims meet all its conditions. Each rule is a separate user, oidc.<rule>, with roles and
 * grants like any other. Any thread; blocks only on the database.
 */
#pragma once
#include <cove/auth/auth.h>

struct client;
struct oidc;

/* client may be NULL: for management only. Close it after the last oidc_login(); the client may be closed before. */
CHECKED enum rc oidc_open(struct db *db, struct auth *auth, struct client *client, struct oidc **out, struct err *err);
void oidc_close(struct oidc *o);

/* Whether this password looks like a token. The user name is then ignored. */
bool oidc_is_token(struct str password);

/* Called once when the keys have arrived, on another thread, possibly before oidc_login() has returned. */
struct oidc_wake {
	void (*fn)(void *ctx);
	void *ctx;
};
/*
 * The identity of the first rule that matches the token. The issuer must be known, the signature must be by one of its
 * keys (RFC 7515), and the token must not have expired and must be for us (exp, nbf, iat, iss, aud: RFC 7519 §4.1; with
 * a leeway of OIDC_LEEWAY_S). E_BAD_PASSWORD with a sentence that says why not. E_WANT_WAKE: the issuer's keys are
 * being fetched, call again when woken; `wake` is not called in any other case. E_UPSTREAM_UNREACHABLE: the keys cannot
 * be fetched. Tokens are too long to guess, so failures are not throttled.
 */
#define OIDC_LEEWAY_S 60
CHECKED enum rc oidc_login(
    struct oidc *o, struct str token, struct str peer, struct oidc_wake wake, struct identity *out, struct err *err);

/* ---- management; as in auth.h ---- */

struct issuer_info {
	int64_t id;
	struct str name;     /* as the names of users */
	struct str url;      /* the claim iss, exactly: https://... */
	struct str audience; /* the value that the claim aud must contain: best a name that only this registry has */
	struct str jwks_url; /* empty: found by <url>/.well-known/openid-configuration */
	struct str jwks;     /* the keys, for a provider that cannot be reached; empty: cove fetches them */
	struct str ca_pem;   /* trusted in addition to the public CAs for the fetch; empty: none */
	int64_t created_at;
};
#define ISSUERS_MAX 64
/* Ignores id and created_at. */
CHECKED enum rc issuer_add(struct oidc *o, const struct issuer_info *issuer, struct err *err);
/* Also removes its rules and their users. */
CHECKED enum rc issuer_remove(struct oidc *o, struct str name, struct err *err);
/* Replaces the keys of an issuer that was added with keys. */
CHECKED enum rc issuer_set_keys(struct oidc *o, struct str name, struct str jwks, struct err *err);
typedef enum rc issuer_fn(void *ctx, const struct issuer_info *i, struct err *err);
CHECKED enum rc issuer_list(struct oidc *o, issuer_fn *each, void *ctx, struct err *err);

/* The text of the claim must match the glob (str_glob()); of an array, one element must match. */
struct condition {
	struct str claim, pattern;
};
#define CONDITIONS_MAX 16
#define RULES_MAX 256 /* of one issuer */
/* Needs at least one condition that not every token meets. Roles may be empty: the user oidc.<rule> can get roles and
 * grants later. Rules are tried in the order in which they were added. */
CHECKED enum rc issuer_rule_add(struct oidc *o, struct str issuer, struct str rule, const struct condition *conditions,
    size_t count, const struct str *roles, size_t role_count, struct err *err);
CHECKED enum rc issuer_rule_remove(struct oidc *o, struct str rule, struct err *err);
struct rule_info {
	int64_t id, user_id;
	struct str name, user; /* oidc.<name> */
	bool enabled;          /* whether the user is enabled */
	size_t count;
	struct condition conditions[CONDITIONS_MAX];
};
typedef enum rc rule_fn(void *ctx, const struct rule_info *r, struct err *err);
CHECKED enum rc issuer_rule_list(struct oidc *o, struct str issuer, rule_fn *each, void *ctx, struct err *err);
