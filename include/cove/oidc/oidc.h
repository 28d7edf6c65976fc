/*
 * oidc: workload identity: tokens that an OpenID Connect provider gives to a job (GitHub Actions, GitLab, a Kubernetes
 * service account) count as credentials here. An issuer is a provider and its keys; a rule of it says which tokens
 * count: all its conditions on the claims must hold. Each rule is a user of its own, oidc.<rule>, with roles and grants
 * like any. Any thread; blocks on the database only.
 */
#pragma once
#include <cove/auth/auth.h>

struct client;
struct oidc;

/* client may be NULL: for management only. Closed after the last oidc_login(); the client may be
 * closed already. */
CHECKED enum rc oidc_open(struct db *db, struct auth *auth, struct client *client, struct oidc **out, struct err *err);
void oidc_close(struct oidc *o);

/* Does this password look like a token? Its user name does not matter then. */
bool oidc_is_token(struct str password);

/* Whom to tell that the keys have come: called once, on another thread, possibly before oidc_login() has returned. */
struct oidc_wake {
	void (*fn)(void *ctx);
	void *ctx;
};
/*
 * The identity of the first rule that the token fits: the issuer known, the signature by one of its keys (RFC 7515),
 * not expired, for us (exp, nbf, iat, iss, aud: RFC 7519 §4.1; OIDC_LEEWAY_S either way). E_BAD_PASSWORD with a
 * sentence that says why not. E_WANT_WAKE: the issuer's keys are being fetched, ask again when woken; `wake` is not
 * called in any other case. E_UPSTREAM_UNREACHABLE: they cannot be had. Tokens are too long to guess, so nothing is
 * throttled.
 */
#define OIDC_LEEWAY_S 60
CHECKED enum rc oidc_login(
    struct oidc *o, struct str token, struct str peer, struct oidc_wake wake, struct identity *out, struct err *err);

/* ---- management; as in auth.h ---- */

struct issuer_info {
	int64_t id;
	struct str name;     /* as the names of users */
	struct str url;      /* the claim iss, exactly: https://... */
	struct str audience; /* that the claim aud must have: best a name that only this registry has */
	struct str jwks_url; /* empty: found by <url>/.well-known/openid-configuration */
	struct str jwks;     /* the keys themselves, for a provider that cannot be asked; empty: asked for */
	struct str ca_pem;   /* trusted beside the public CAs when asking; empty: none */
	int64_t created_at;
};
#define ISSUERS_MAX 64
/* id and created_at are not looked at. */
CHECKED enum rc issuer_add(struct oidc *o, const struct issuer_info *issuer, struct err *err);
/* With its rules and their users. */
CHECKED enum rc issuer_remove(struct oidc *o, struct str name, struct err *err);
/* In place of the ones it has; for issuers that cannot be asked. */
CHECKED enum rc issuer_set_keys(struct oidc *o, struct str name, struct str jwks, struct err *err);
typedef enum rc issuer_fn(void *ctx, const struct issuer_info *i, struct err *err);
CHECKED enum rc issuer_list(struct oidc *o, issuer_fn *each, void *ctx, struct err *err);

/* claim = glob of str_glob() over its text; of an array, one element is enough. */
struct condition {
	struct str claim, pattern;
};
#define CONDITIONS_MAX 16
#define RULES_MAX 256 /* of one issuer */
/* At least one condition, and one that not every token meets. Roles may be none: they and grants can be given to the
 * user oidc.<rule> later. Rules are tried in the order in which they were made. */
CHECKED enum rc issuer_rule_add(struct oidc *o, struct str issuer, struct str rule, const struct condition *conditions,
    size_t count, const struct str *roles, size_t role_count, struct err *err);
CHECKED enum rc issuer_rule_remove(struct oidc *o, struct str rule, struct err *err);
struct rule_info {
	int64_t id, user_id;
	struct str name, user; /* oidc.<name> */
	bool enabled;          /* is the user */
	size_t count;
	struct condition conditions[CONDITIONS_MAX];
};
typedef enum rc rule_fn(void *ctx, const struct rule_info *r, struct err *err);
CHECKED enum rc issuer_rule_list(struct oidc *o, struct str issuer, rule_fn *each, void *ctx, struct err *err);
