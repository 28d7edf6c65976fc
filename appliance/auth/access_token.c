/*
 * access_token: the claims of the token: iss, sub, aud, exp, nbf, iat and jti (RFC 7519), scope (RFC 8693 §4.2: a third
 * of the length of distribution's `access`), and for ourselves uid, key and gen, so that a token ends with its user,
 * its key, or what was proven.
 */
#include <cove/auth/rights.h>
#include <cove/base/clock.h>
#include <cove/base/codec.h>
#include <cove/base/io.h>
#include <cove/base/random.h>
#include "token_private.h"

#define SEED_FILE "token.seed"
#define CLAIMS_MAX (ACCESS_SCOPE_MAX + 1024) /* bytes of JSON */

struct token_signer {
	struct auth *auth;
	struct jwt_key key;
	struct token_cache *cache;
};

/* ---- the signing key ---- */

static enum rc load_seed(int dirfd, uint8_t seed[static JWT_SEED_SIZE], struct err *err)
{
	struct buf file = BUF_INIT(JWT_SEED_SIZE + 1);
	enum rc rc = io_read_file(dirfd, SEED_FILE, &file, err);

	if (rc == E_NOT_FOUND) {
		jwt_make_seed(seed);
		rc = io_write_file(dirfd, SEED_FILE, (struct str){(const char *)seed, JWT_SEED_SIZE}, 0600, err);
	} else if (!rc && file.n == JWT_SEED_SIZE) {
		memcpy(seed, file.p, JWT_SEED_SIZE);
	} else if (!rc) {
		rc = fail(err, E_CORRUPT,
		    "keys/" SEED_FILE " has %zu bytes instead of %d: remove it, and the next start creates a new one",
		    file.n, JWT_SEED_SIZE);
	}
	if (file.p)
		wipe(file.p, file.cap);
	buf_release(&file);
	return rc;
}

enum rc token_signer_open(int keys_dirfd, struct auth *auth, struct token_signer **out, struct err *err)
{
	uint8_t seed[JWT_SEED_SIZE];
	struct token_signer *ts;
	enum rc rc = load_seed(keys_dirfd, seed, err);

	if (!rc) {
		ts = xcalloc(1, sizeof(*ts));
		ts->auth = auth;
		ts->cache = token_cache_new();
		jwt_key_from_seed(&ts->key, seed);
		*out = ts;
	}
	wipe(seed, sizeof(seed));
	return rc;
}

void token_signer_close(struct token_signer *ts)
{
	if (!ts)
		return;
	token_cache_free(ts->cache);
	wipe(&ts->key, sizeof(ts->key));
	free(ts);
}

void token_signer_jwks(const struct token_signer *ts, struct buf *out)
{
	jwt_jwks(&ts->key, out);
}

/* ---- issuing ---- */

static void put_i64(struct buf *b, const char *name, int64_t value)
{
	json_put_member_u64(b, name, value > 0 ? (uint64_t)value : 0);
}

static void put_head(struct buf *b, const struct identity *who, struct str service)
{
	int64_t now = clock_wall_s();
	char id[37];

	random_uuid(id);
	buf_addc(b, '{');
	json_put_member_str(b, "iss", service);
	json_put_member_str(b, "sub", who->is_anonymous ? STR("") : str_of(who->name));
	json_put_member_str(b, "aud", service);
	put_i64(b, "exp", now + ACCESS_TOKEN_LIFE_S);
	put_i64(b, "nbf", now);
	put_i64(b, "iat", now);
	json_put_member_str(b, "jti", str_of(id));
	put_i64(b, "uid", who->user_id);
	put_i64(b, "key", who->key_id);
	put_i64(b, "gen", who->generation);
}

/* The catalog is for everybody: its handler lists only what the user may pull (docs/clients.md, Tokens 16). */
static void cut_down(struct rights *rights, struct access *a)
{
	if (!a->full.n)
		a->actions = 0;
	else
		a->actions &= a->is_catalog ? MAY_PULL : rights_on(rights, a->full);
}

/* Cuts the set down to what may be; its scope value in full names. */
static enum rc put_scope(struct rights *rights, struct access_set *set, struct buf *scope, struct err *err)
{
	for (size_t i = 0; i < set->count; i++) {
		struct access *a = &set->items[i];

		cut_down(rights, a);
		if (!a->actions)
			continue;
		if (scope->n + a->full.n + ACTIONS_TEXT_MAX + sizeof(" repository:") > ACCESS_SCOPE_MAX)
			return fail(err, E_HTTP_BAD,
			    "a token for so many repositories does not fit into the header of a request: request fewer "
			    "at once");
		scope_add(scope, a->is_catalog, a->full, a->actions);
	}
	return OK;
}

enum rc access_token_issue(struct token_signer *ts, const struct identity *who, struct str service,
    struct access_set *set, struct buf *out, struct err *err)
{
	struct buf scope = BUF_INIT(ACCESS_SCOPE_MAX), claims = BUF_INIT(CLAIMS_MAX);
	struct rights *rights = NULL;
	enum rc rc = rights_take(ts->auth, who, &rights, err);

	if (!rc)
		rc = put_scope(rights, set, &scope, err);
	rights_free(rights);
	if (!rc) {
		put_head(&claims, who, service);
		json_put_member_str(&claims, "scope", buf_str(&scope));
		buf_addc(&claims, '}');
	}
	if (!rc && (!buf_ok(&scope) || !buf_ok(&claims)))
		rc = fail(err, E_BUSY, "no memory for a token");
	if (!rc)
		rc = jwt_sign(&ts->key, buf_str(&claims), out, err);
	buf_release(&scope);
	buf_release(&claims);
	return rc;
}

/* ---- checking ---- */

static bool get_i64(const struct json *claims, const char *name, int64_t *out)
{
	uint64_t value;

	if (!json_u64(json_member(claims, name), &value))
		return false;
	*out = (int64_t)value; /* json_u64 gives at most 2^53 */
	return true;
}

static enum rc read_claims(const struct json *json, struct arena *a, struct claims *out, struct err *err)
{
	const struct json *scope = json_member(json, "scope");

	if (!get_i64(json, "uid", &out->user_id) || !get_i64(json, "key", &out->key_id) ||
	    !get_i64(json, "gen", &out->generation) || !get_i64(json, "nbf", &out->not_before) ||
	    !get_i64(json, "exp", &out->expires_at) || !json_is_string(scope))
		return fail_rc(err, E_TOKEN_INVALID);
	out->scope = arena_str(a, json_string(scope));
	out->audience = arena_str(a, json_string(json_member(json, "aud")));
	return a->failed ? fail_rc(err, E_BUSY) : OK;
}

/* What the token says, when we signed it: from the cache, or by verifying it. */
static enum rc find_claims(
    struct token_signer *ts, struct str token, struct arena *a, struct claims *out, struct err *err)
{
	struct json *json;
	struct digest id;
	enum rc rc;

	if (token.n == 0 || token.n > JWT_MAX)
		return fail_rc(err, E_TOKEN_INVALID);
	digest_of(&id, DIGEST_SHA256, token);
	if (token_cache_get(ts->cache, &id, a, out))
		return OK;
	TRY(jwt_verify(&ts->key, token, &json, err));
	rc = read_claims(json, a, out, err);
	json_free(json);
	if (!rc)
		token_cache_put(ts->cache, &id, out);
	return rc;
}

enum rc access_token_check(struct token_signer *ts, struct str token, struct str service, struct arena *a,
    struct identity *who, struct str *scope, struct err *err)
{
	int64_t now = clock_wall_s();
	struct claims claims;

	TRY(find_claims(ts, token, a, &claims, err));
	if (!str_eq(claims.audience, service) || claims.not_before > now + ACCESS_TOKEN_LEEWAY_S ||
	    claims.expires_at < now - ACCESS_TOKEN_LEEWAY_S)
		return fail_rc(err, E_TOKEN_INVALID);
	TRY(auth_still_valid(ts->auth, claims.user_id, claims.key_id, claims.generation, who, err));
	*scope = claims.scope;
	return OK;
}
