/*
 * authority: the files of tls/ and when they are made.
 *
 *   ca.key is written before ca.crt: a CA is there when ca.crt is, and then its key is on disk. Without ca.crt both are
 *   made anew; nobody can have trusted what was never shown. leaf.key is kept over renewals, so a leaf is one file.
 */
#include "trust_internal.h"
#include <cove/base/clock.h>
#include <cove/crypto/digest.h>
#include <cove/base/log.h>
#include <cove/crypto/secret.h>

enum { DAY_S = 24 * 3600 };

struct authority {
	mbedtls_x509_crt certificate;
	struct subtrees subtrees;
};

static void authority_init(struct authority *a)
{
	mbedtls_x509_crt_init(&a->certificate);
	a->subtrees = (struct subtrees){.present = false};
}

static void authority_release(struct authority *a)
{
	mbedtls_x509_crt_free(&a->certificate);
}

/* A machine without a battery for its clock starts in the past: what is minted then is not valid for anybody. */
static enum rc clock_is_sane(struct err *err)
{
	char now[21], built[21];

	if (clock_wall_s() >= COVE_BUILD_DATE_S)
		return OK;
	clock_rfc3339(now, clock_wall_s());
	clock_rfc3339(built, COVE_BUILD_DATE_S);
	return fail(err, E_CLOCK,
	    "the clock shows %s, but this program was built on %s: set the clock (NTP), then start cove again", now,
	    built);
}

static void fingerprint_of(const mbedtls_x509_crt *certificate, char out[static TRUST_FINGERPRINT_MAX])
{
	struct digest d;
	char hex[129];

	digest_of(&d, DIGEST_SHA256, (struct str){(const char *)certificate->raw.p, certificate->raw.len});
	digest_hex(hex, &d);
	for (size_t i = 0; i < 32; i++)
		snprintf(
		    out + 3 * i, 4, "%c%c%s", ascii_upper(hex[2 * i]), ascii_upper(hex[2 * i + 1]), i < 31 ? ":" : "");
}

static const char new_ca[] = "remove tls/ca.crt and start cove again for a new CA, which every client must then trust";

/* A CA cannot be renewed without every client; so it is said early, and never done unasked. */
static void complain_about_dates(const mbedtls_x509_crt *ca)
{
	static const char remedy[] = "remove tls/ca.crt, start cove again and make every client trust the new CA";
	int64_t now = clock_wall_s(), days = (x509_seconds(&ca->valid_to) - now) / DAY_S;

	if (now < COVE_BUILD_DATE_S)
		return;
	if (x509_seconds(&ca->valid_from) > now)
		log_error("trust.ca",
		    "problem=\"the CA was created while the clock was ahead, and is not valid yet\" remedy=\"%s\"",
		    remedy);
	else if (days < 180)
		log_warn(
		    "trust.ca", "problem=\"the CA expires soon\" days=%lld remedy=\"%s\"", (long long)days, remedy);
}

static enum rc ca_make(int tls_dirfd, const struct trust_names *names, struct buf *pem, struct err *err)
{
	struct buf key_pem = BUF_INIT(PEM_MAX);
	struct subtrees subtrees;
	mbedtls_pk_context key;
	const char *host = "registry";
	enum rc rc;

	TRY(clock_is_sane(err));
	/* the machine's own name follows those given and the three of localhost */
	for (size_t i = 0; i < names->count; i++)
		if (!names->items[i].is_address && strcmp(names->items[i].text, "localhost") != 0) {
			host = names->items[i].text;
			break;
		}
	subtrees_for(&subtrees, names);
	mbedtls_pk_init(&key);
	rc = key_make(&key, &key_pem, err);
	if (!rc)
		rc = mint_ca(&key, &subtrees, host, pem, err);
	if (!rc)
		rc = io_write_file(tls_dirfd, "ca.key", buf_str(&key_pem), 0600, err);
	if (!rc)
		rc = io_write_file(tls_dirfd, "ca.crt", buf_str(pem), 0644, err);
	mbedtls_pk_free(&key);
	buf_wipe(&key_pem);
	return rc;
}

static enum rc ca_load(int tls_dirfd, struct buf *pem, struct authority *out, struct err *err)
{
	struct err why;
	enum rc rc;

	TRY(io_read_file(tls_dirfd, "ca.crt", pem, err));
	rc = chain_parse(buf_str(pem), "tls/ca.crt", &out->certificate, &out->subtrees, &why);
	return rc ? fail(err, rc, "%.200s: restore it from a backup of the data directory, or %s", why.text, new_ca)
		  : OK;
}

static enum rc ca_key_load(int tls_dirfd, const struct authority *ca, mbedtls_pk_context *key, struct err *err)
{
	struct buf pem = BUF_INIT(PEM_MAX);
	struct err why;
	enum rc rc = io_read_file(tls_dirfd, "ca.key", &pem, &why);

	if (!rc)
		rc = key_parse(&pem, "tls/ca.key", key, &why);
	if (!rc && !key_fits(&ca->certificate, key))
		rc = fail(&why, E_CORRUPT, "tls/ca.key is not the key of tls/ca.crt");
	buf_wipe(&pem);
	return rc ? fail(err, rc, "%.150s: restore tls/ca.key from a backup of the data directory, or %s", why.text,
			new_ca)
		  : OK;
}

/* Without its key the CA serves on until the leaf ends or a name changes: too late for a backup that was kept a while.
 */
static void complain_about_key(int tls_dirfd, const struct authority *ca)
{
	mbedtls_pk_context key;
	struct err err;

	mbedtls_pk_init(&key);
	if (ca_key_load(tls_dirfd, ca, &key, &err))
		log_error("trust.ca", "problem=\"no certificate can be issued or renewed\" reason=%s",
		    log_quote(str_of(err.text)));
	mbedtls_pk_free(&key);
}

enum rc trust_ca(int tls_dirfd, const struct trust_names *names, struct buf *ca_pem,
    char fingerprint[static TRUST_FINGERPRINT_MAX], bool *made, struct err *err)
{
	struct authority ca;
	enum rc rc;

	authority_init(&ca);
	*made = false;
	rc = ca_load(tls_dirfd, ca_pem, &ca, err);
	if (rc == E_NOT_FOUND) {
		buf_reset(ca_pem);
		rc = ca_make(tls_dirfd, names, ca_pem, err);
		*made = !rc;
		if (!rc)
			rc = chain_parse(buf_str(ca_pem), "the new CA", &ca.certificate, &ca.subtrees, err);
	}
	if (!rc) {
		fingerprint_of(&ca.certificate, fingerprint);
		complain_about_dates(&ca.certificate);
		if (!*made)
			complain_about_key(tls_dirfd, &ca);
	}
	authority_release(&ca);
	return rc;
}

enum rc trust_ca_permits(int tls_dirfd, struct str name, bool *permits, struct err *err)
{
	struct trust_names names = {.count = 0};
	struct buf pem = BUF_INIT(PEM_MAX);
	struct authority ca;
	enum rc rc;

	authority_init(&ca);
	rc = ca_load(tls_dirfd, &pem, &ca, err);
	*permits =
	    rc == E_NOT_FOUND || (!rc && names_add(&names, name) &&
				     subtrees_permit(&ca.subtrees, names.items[0].text, names.items[0].is_address));
	authority_release(&ca);
	buf_release(&pem);
	return rc == E_NOT_FOUND ? OK : rc;
}

void trust_certificate_release(struct trust_certificate *c)
{
	buf_release(&c->chain_pem);
	buf_wipe(&c->key_pem);
	*c = (struct trust_certificate){0};
}

/* The pair on disk, if it is one. */
static enum rc leaf_load(int tls_dirfd, struct trust_certificate *out, mbedtls_x509_crt *leaf, struct err *err)
{
	mbedtls_pk_context key;
	enum rc rc;

	TRY(io_read_file(tls_dirfd, "leaf.crt", &out->chain_pem, err));
	TRY(io_read_file(tls_dirfd, "leaf.key", &out->key_pem, err));
	TRY(chain_parse(buf_str(&out->chain_pem), "tls/leaf.crt", leaf, NULL, err));
	mbedtls_pk_init(&key);
	rc = key_parse(&out->key_pem, "tls/leaf.key", &key, err);
	if (!rc && !key_fits(leaf, &key))
		rc = fail(err, E_CORRUPT, "tls/leaf.key is not the key of tls/leaf.crt");
	mbedtls_pk_free(&key);
	certificate_names(leaf, &out->names);
	out->not_after = x509_seconds(&leaf->valid_to);
	out->from_own_ca = true;
	return rc;
}

/* Signed by this CA, with all these names, and in the first two thirds of its life. Dates are judged by our clock. */
static bool leaf_fits(mbedtls_x509_crt *leaf, mbedtls_x509_crt *ca, const struct trust_names *names)
{
	int64_t from = x509_seconds(&leaf->valid_from), to = x509_seconds(&leaf->valid_to), now = clock_wall_s();
	uint32_t flags = 0;

	if (now < from || now >= from + (to - from) / 3 * 2)
		return false;
	if (mbedtls_x509_crt_verify(leaf, ca, NULL, NULL, &flags, NULL, NULL) &&
	    (flags & ~(uint32_t)(MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE)))
		return false;
	for (size_t i = 0; i < names->count; i++)
		if (!certificate_has(leaf, names->items[i].text, names->items[i].is_address))
			return false;
	return true;
}

/* What the CA permits of the names; a change of what is left out is said once. */
static void permitted_names(const struct subtrees *subtrees, const struct trust_names *names, struct trust_names *out)
{
	static char said[512];
	struct buf left_out = BUF_INIT(sizeof said - 1);

	out->count = 0;
	for (size_t i = 0; i < names->count; i++) {
		if (subtrees_permit(subtrees, names->items[i].text, names->items[i].is_address))
			out->items[out->count++] = names->items[i];
		else
			buf_addf(&left_out, "%s%s", left_out.n ? "," : "", names->items[i].text);
	}
	if (left_out.n && !str_eq(buf_str(&left_out), str_of(said)))
		log_warn("trust.names",
		    "left_out=%s%s reason=\"the CA was created without them\" remedy=\"to have them, remove "
		    "tls/ca.crt, start cove again and make every client trust the new CA\"",
		    left_out.p, buf_ok(&left_out) ? "" : ",...");
	snprintf(said, sizeof said, "%.*s", STR_ARG(buf_str(&left_out)));
	buf_release(&left_out);
}

/* The leaf's key: the one on disk, else a new one, on disk when this returns. */
static enum rc leaf_key(int tls_dirfd, mbedtls_pk_context *key, struct buf *pem, struct err *err)
{
	struct err ignored;

	if (io_read_file(tls_dirfd, "leaf.key", pem, &ignored) == OK &&
	    key_parse(pem, "tls/leaf.key", key, &ignored) == OK)
		return OK;
	mbedtls_pk_free(key);
	mbedtls_pk_init(key);
	buf_wipe(pem);
	*pem = BUF_INIT(PEM_MAX);
	TRY(key_make(key, pem, err));
	return io_write_file(tls_dirfd, "leaf.key", buf_str(pem), 0600, err);
}

static enum rc leaf_issue(int tls_dirfd, const struct authority *ca, const struct trust_names *names,
    struct trust_certificate *out, struct err *err)
{
	mbedtls_pk_context ca_key, key;
	enum rc rc;

	TRY(clock_is_sane(err));
	mbedtls_pk_init(&ca_key);
	mbedtls_pk_init(&key);
	rc = ca_key_load(tls_dirfd, ca, &ca_key, err);
	if (!rc)
		rc = leaf_key(tls_dirfd, &key, &out->key_pem, err);
	if (!rc)
		rc = mint_leaf(&ca->certificate, &ca_key, &key, names, &out->chain_pem, err);
	if (!rc)
		rc = io_write_file(tls_dirfd, "leaf.crt", buf_str(&out->chain_pem), 0644, err);
	mbedtls_pk_free(&ca_key);
	mbedtls_pk_free(&key);
	return rc;
}

static void certificate_init(struct trust_certificate *c)
{
	*c = (struct trust_certificate){
	    .chain_pem = BUF_INIT(PEM_MAX), .key_pem = BUF_INIT(PEM_MAX), .from_own_ca = true};
}

/* Issues, and reads back what is on disk now. */
static enum rc leaf_renew(int tls_dirfd, const struct authority *ca, const struct trust_names *names,
    struct trust_certificate *out, struct err *err)
{
	mbedtls_x509_crt leaf;
	enum rc rc;

	certificate_init(out);
	mbedtls_x509_crt_init(&leaf);
	rc = leaf_issue(tls_dirfd, ca, names, out, err);
	if (!rc)
		rc = chain_parse(buf_str(&out->chain_pem), "the new certificate", &leaf, NULL, err);
	if (rc) {
		trust_certificate_release(out);
	} else {
		certificate_names(&leaf, &out->names);
		out->not_after = x509_seconds(&leaf.valid_to);
	}
	mbedtls_x509_crt_free(&leaf);
	return rc;
}

enum rc trust_leaf(
    int tls_dirfd, const struct trust_names *names, struct trust_certificate *out, bool *issued, struct err *err)
{
	struct trust_certificate old, new;
	struct buf ca_pem = BUF_INIT(PEM_MAX);
	struct trust_names permitted;
	mbedtls_x509_crt leaf;
	struct authority ca;
	struct err why;
	bool have_old, kept;
	enum rc rc;

	*issued = false;
	certificate_init(&old);
	authority_init(&ca);
	mbedtls_x509_crt_init(&leaf);
	have_old = leaf_load(tls_dirfd, &old, &leaf, NULL) == OK;
	rc = ca_load(tls_dirfd, &ca_pem, &ca, &why);
	if (!rc)
		permitted_names(&ca.subtrees, names, &permitted);
	kept = !rc && have_old && leaf_fits(&leaf, &ca.certificate, &permitted);
	if (!rc && !kept)
		rc = leaf_renew(tls_dirfd, &ca, &permitted, &new, &why);
	if (rc && have_old)
		log_error("trust.leaf", "problem=%s action=\"the current certificate stays in use\"",
		    log_quote(str_of(why.text)));
	if (kept || (rc && have_old)) {
		*out = old;
		rc = OK;
	} else {
		trust_certificate_release(&old);
		*issued = !rc;
		if (rc)
			fail(err, rc, "%s", why.text);
		else
			*out = new;
	}
	mbedtls_x509_crt_free(&leaf);
	authority_release(&ca);
	buf_release(&ca_pem);
	return rc;
}
