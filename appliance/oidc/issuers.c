/* issuers: the rows of `issuers`. One is added and removed as a whole: what was cached of it goes by its id, which is
 * never used again. */
#include "private.h"
#include <cove/base/clock.h>
#include <cove/crypto/pem.h>

#define AUDIENCE_MAX 200

enum rc oidc_in_transaction(struct oidc *o, oidc_change *fn, void *ctx, struct err *err)
{
	struct db_conn *c;
	enum rc rc;

	TRY(db_here(o->db, &c, err));
	TRY(db_begin(c, err));
	rc = fn(c, ctx, err);
	if (!rc)
		rc = db_commit(c, err);
	if (rc)
		db_rollback(c);
	return rc;
}

static enum rc no_issuer(struct str name, struct err *err)
{
	return fail(err, E_NOT_FOUND, "the issuer %.*s does not exist: see `cove issuer list`",
	    STR_ARG(str_first(name, USER_NAME_MAX)));
}

enum rc issuer_id_of(struct db_conn *c, struct str name, int64_t *id, struct err *err)
{
	static const char sql[] = "SELECT id FROM issuers WHERE name = :name";
	struct db_stmt *s;
	bool row;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_text(s, ":name", name);
	TRY(db_step(s, &row, err));
	if (!row)
		return no_issuer(name, err);
	*id = db_i64(s, 0);
	db_done(s);
	return OK;
}

/* ---- what may be one ---- */

static bool is_plain(struct str s, size_t max)
{
	bool good = s.n >= 1 && s.n <= max;

	for (size_t i = 0; good && i < s.n; i++)
		good = s.p[i] > ' ' && s.p[i] <= '~';
	return good;
}

/* OpenID Connect Core §1.2, "Issuer Identifier": https, without query and fragment. What stands before an @ would be
 * sent as a password, and shown in lists. */
static enum rc check_url(struct str url, const char *what, struct err *err)
{
	if (!is_plain(url, URL_MAX) || !str_starts(url, STR("https://")) || str_has(url, '?') || str_has(url, '#') ||
	    str_has(url, '@') || url.n == strlen("https://"))
		return fail(err, E_USAGE,
		    "the URL of %s must be https://..., without ? # and @, with at most %d characters", what, URL_MAX);
	return OK;
}

static enum rc check_keys(struct str jwks, struct err *err)
{
	struct jwk_set set;

	TRY(jwk_set_parse(jwks, &set, err));
	jwk_set_release(&set);
	return OK;
}

static enum rc check_ca(struct str pem, struct err *err)
{
	struct buf text = BUF_INIT(CA_PEM_MAX + 1), der = BUF_INIT(CA_PEM_MAX);
	bool found = false;
	struct str rest;
	enum rc rc = OK;

	buf_add(&text, pem); /* which ends in a NUL */
	rest = buf_str(&text);
	if (buf_ok(&text))
		rc = pem_next_certificate(&rest, &der, &found, err);
	if (!rc && !found)
		rc = fail(err, E_USAGE, "the CA must be a PEM file with certificates, of at most %d bytes", CA_PEM_MAX);
	buf_release(&text);
	buf_release(&der);
	return rc;
}

static enum rc check(const struct issuer_info *i, struct err *err)
{
	TRY(user_name_check(i->name, "issuer", err));
	TRY(check_url(i->url, "an issuer", err));
	if (!is_plain(i->audience, AUDIENCE_MAX))
		return fail(err, E_USAGE,
		    "the audience is missing: give the value that only tokens for this registry have in their claim "
		    "aud");
	if (i->jwks_url.n)
		TRY(check_url(i->jwks_url, "its keys", err));
	if (i->jwks.n)
		TRY(check_keys(i->jwks, err));
	return i->ca_pem.n ? check_ca(i->ca_pem, err) : OK;
}

/* ---- changes ---- */

static enum rc add(struct db_conn *c, void *ctx, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO issuers (name, url, audience, jwks_url, jwks, ca_pem, created_at)"
	    " SELECT :name, :url, :audience, :jwks_url, :jwks, :ca, :now WHERE (SELECT count(*) FROM issuers) < :max";
	const struct issuer_info *i = ctx;
	struct db_stmt *s;
	int64_t changes;
	enum rc rc;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_text(s, ":name", i->name);
	db_bind_text(s, ":url", i->url);
	db_bind_text(s, ":audience", i->audience);
	db_bind_text(s, ":jwks_url", i->jwks_url.n ? i->jwks_url : STR(""));
	db_bind_text(s, ":jwks", i->jwks.n ? i->jwks : STR(""));
	db_bind_text(s, ":ca", i->ca_pem.n ? i->ca_pem : STR(""));
	db_bind_i64(s, ":now", clock_wall_s());
	db_bind_i64(s, ":max", ISSUERS_MAX);
	rc = db_run(s, &changes, err);
	if (rc == E_EXISTS)
		return fail(err, rc, "an issuer with this name or URL already exists: see `cove issuer list`");
	TRY(rc);
	if (!changes)
		return fail(err, E_USAGE, "%d issuers exist, which is the limit: remove one first", ISSUERS_MAX);
	return audit_add(c, "issuer.add", i->name, i->url, err);
}

enum rc issuer_add(struct oidc *o, const struct issuer_info *issuer, struct err *err)
{
	struct issuer_info copy = *issuer;

	TRY(check(issuer, err));
	return oidc_in_transaction(o, add, &copy, err);
}

/* Its rules first: with each goes its user. */
static enum rc remove_issuer(struct db_conn *c, void *ctx, struct err *err)
{
	static const char next[] = "SELECT user_id FROM issuer_rules WHERE issuer_id = :id LIMIT 1";
	static const char drop[] = "DELETE FROM issuers WHERE id = :id";
	const struct str *name = ctx;
	int64_t id, user_id;
	struct db_stmt *s;
	bool row;

	TRY(issuer_id_of(c, *name, &id, err));
	for (;;) {
		TRY(db_prepare(c, next, &s, err));
		db_bind_i64(s, ":id", id);
		TRY(db_step(s, &row, err));
		if (!row)
			break;
		user_id = db_i64(s, 0);
		db_done(s);
		TRY(rule_user_remove(c, user_id, err));
	}
	TRY(db_prepare(c, drop, &s, err));
	db_bind_i64(s, ":id", id);
	TRY(db_run(s, NULL, err));
	return audit_add(c, "issuer.remove", *name, STR_NONE, err);
}

enum rc issuer_remove(struct oidc *o, struct str name, struct err *err)
{
	return oidc_in_transaction(o, remove_issuer, &name, err);
}

struct new_keys {
	struct str name, jwks;
};

static enum rc set_keys(struct db_conn *c, void *ctx, struct err *err)
{
	static const char sql[] = "UPDATE issuers SET jwks = :jwks WHERE id = :id";
	const struct new_keys *keys = ctx;
	struct db_stmt *s;
	int64_t id;

	TRY(issuer_id_of(c, keys->name, &id, err));
	TRY(db_prepare(c, sql, &s, err));
	db_bind_text(s, ":jwks", keys->jwks);
	db_bind_i64(s, ":id", id);
	TRY(db_run(s, NULL, err));
	return audit_add(c, "issuer.keys", keys->name, STR_NONE, err);
}

enum rc issuer_set_keys(struct oidc *o, struct str name, struct str jwks, struct err *err)
{
	TRY(check_keys(jwks, err));
	return oidc_in_transaction(o, set_keys, &(struct new_keys){name, jwks}, err);
}

/* ---- reading ---- */

static void read_row(struct db_stmt *s, struct issuer_info *out)
{
	*out = (struct issuer_info){
	    .id = db_i64(s, 0),
	    .name = db_text(s, 1),
	    .url = db_text(s, 2),
	    .audience = db_text(s, 3),
	    .jwks_url = db_text(s, 4),
	    .jwks = db_text(s, 5),
	    .ca_pem = db_text(s, 6),
	    .created_at = db_i64(s, 7),
	};
}

enum rc issuer_list(struct oidc *o, issuer_fn *each, void *ctx, struct err *err)
{
	static const char sql[] =
	    "SELECT id, name, url, audience, jwks_url, jwks, ca_pem, created_at FROM issuers ORDER BY name";
	struct issuer_info info;
	struct db_conn *c;
	struct db_stmt *s;
	enum rc rc;
	bool row;

	TRY(db_here(o->db, &c, err));
	TRY(db_prepare(c, sql, &s, err));
	while (!(rc = db_step(s, &row, err)) && row) {
		read_row(s, &info);
		rc = each(ctx, &info, err);
		if (rc)
			break;
	}
	db_done(s);
	return rc;
}

enum rc issuer_find(
    struct oidc *o, struct str url, struct arena *a, struct issuer_info *out, bool *found, struct err *err)
{
	static const char sql[] =
	    "SELECT id, name, url, audience, jwks_url, jwks, ca_pem, created_at FROM issuers WHERE url = :url";
	struct str *texts[] = {&out->name, &out->url, &out->audience, &out->jwks_url, &out->jwks, &out->ca_pem};
	struct db_conn *c;
	struct db_stmt *s;

	TRY(db_here(o->db, &c, err));
	TRY(db_prepare(c, sql, &s, err));
	db_bind_text(s, ":url", url);
	TRY(db_step(s, found, err));
	if (!*found)
		return OK;
	read_row(s, out);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		*texts[i] = arena_str(a, *texts[i]);
	db_done(s);
	return a->failed ? fail_rc(err, E_BUSY) : OK;
}
