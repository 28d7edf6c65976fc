/*
 * mint: writes our two kinds of certificate, with the content that clients enforce (docs/clients.md, Certificates).
 * Serials and dates are decided here, names and keys by the caller.
 */
#include "trust_internal.h"
#include <cove/base/clock.h>
#include <cove/base/random.h>
#include <mbedtls/oid.h>
#include <mbedtls/pem.h>

enum {
	DAY_S = 24 * 3600,
	BACKDATED_S = 2 * DAY_S, /* for clients whose clock is behind */
	CA_LIFE_S = 10 * 365 * DAY_S,
	LEAF_LIFE_S = 396 * DAY_S, /* from notBefore on; Apple takes 825 days at most, public roots had 398 */
	DER_MAX = 48 * 1024,
};

/* "20261123210405" of RFC 3339's "2026-11-23T21:04:05Z" */
static void x509_date(char out[static 15], int64_t wall_s)
{
	char text[21];
	size_t n = 0;

	clock_rfc3339(text, wall_s);
	for (const char *p = text; *p && n < 14; p++)
		if (ascii_is_digit(*p))
			out[n++] = *p;
	out[n] = '\0';
}

/* 16 bytes: positive, more than the 64 random bits asked for, and of one length. */
static int set_serial(mbedtls_x509write_cert *w)
{
	unsigned char serial[16];

	random_bytes(serial, sizeof serial);
	serial[0] = (unsigned char)((serial[0] & 0x3f) | 0x40);
	return mbedtls_x509write_crt_set_serial_raw(w, serial, sizeof serial);
}

static int set_dates(mbedtls_x509write_cert *w, int64_t not_before, int64_t not_after)
{
	char from[15], to[15];

	x509_date(from, not_before);
	x509_date(to, not_after);
	return mbedtls_x509write_crt_set_validity(w, from, to);
}

static int set_constraints(mbedtls_x509write_cert *w, const struct subtrees *subtrees)
{
	unsigned char *der = xcalloc(1, DER_MAX);
	size_t n = subtrees_encode(subtrees, der, DER_MAX);
	int code = MBEDTLS_ERR_ASN1_BUF_TOO_SMALL;

	if (n)
		code = mbedtls_x509write_crt_set_extension(w, MBEDTLS_OID_NAME_CONSTRAINTS,
		    MBEDTLS_OID_SIZE(MBEDTLS_OID_NAME_CONSTRAINTS), 1, der + DER_MAX - n, n);
	free(der);
	return code;
}

/* ExtKeyUsage { serverAuth }, not critical; mbedTLS's own setter makes it critical, which public CAs must not. */
static int set_server_auth(mbedtls_x509write_cert *w)
{
	static const unsigned char der[] = {0x30, 0x0a, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01};

	return mbedtls_x509write_crt_set_extension(
	    w, MBEDTLS_OID_EXTENDED_KEY_USAGE, MBEDTLS_OID_SIZE(MBEDTLS_OID_EXTENDED_KEY_USAGE), 0, der, sizeof der);
}

static int set_names(mbedtls_x509write_cert *w, const struct trust_names *names)
{
	mbedtls_x509_san_list list[TRUST_NAMES_MAX] = {0};
	uint8_t addresses[TRUST_NAMES_MAX][16];

	for (size_t i = 0; i < names->count; i++) {
		mbedtls_x509_buf *value = &list[i].node.san.unstructured_name;

		if (names->items[i].is_address) {
			list[i].node.type = MBEDTLS_X509_SAN_IP_ADDRESS;
			value->len = address_bytes(names->items[i].text, addresses[i]);
			value->p = addresses[i];
		} else {
			list[i].node.type = MBEDTLS_X509_SAN_DNS_NAME;
			value->len = strlen(names->items[i].text);
			value->p = (unsigned char *)(uintptr_t)names->items[i].text; /* only read */
		}
		list[i].next = i + 1 < names->count ? &list[i + 1] : NULL;
	}
	return mbedtls_x509write_crt_set_subject_alternative_name(w, list);
}

static enum rc write_pem(mbedtls_x509write_cert *w, struct buf *pem, struct err *err)
{
	unsigned char *der = xcalloc(1, DER_MAX), *text = xcalloc(2, DER_MAX);
	int n = mbedtls_x509write_crt_der(w, der, DER_MAX, random_for_mbedtls, NULL), code;
	size_t text_bytes;

	code = n < 0 ? n
		     : mbedtls_pem_write_buffer("-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n",
			   der + DER_MAX - n, (size_t)n, text, 2 * (size_t)DER_MAX, &text_bytes);
	if (!code)
		buf_addz(pem, (const char *)text);
	free(der);
	free(text);
	if (code)
		return fail_mbedtls(err, E_INTERNAL, "writing a certificate", code);
	return buf_ok(pem) ? OK : fail(err, E_BUSY, "no memory for a certificate");
}

static int describe_ca(mbedtls_x509write_cert *w, const struct subtrees *subtrees, const char *name)
{
	int64_t now = clock_wall_s();
	int code;

	/* clang-format off */
	(void)((code = set_serial(w)) ||
	(code = set_dates(w, now - BACKDATED_S, now + CA_LIFE_S)) ||
	(code = mbedtls_x509write_crt_set_subject_name(w, name)) ||
	(code = mbedtls_x509write_crt_set_issuer_name(w, name)) ||
	(code = mbedtls_x509write_crt_set_basic_constraints(w, 1, 0)) ||
	(code = mbedtls_x509write_crt_set_key_usage(w, MBEDTLS_X509_KU_KEY_CERT_SIGN | MBEDTLS_X509_KU_CRL_SIGN)) ||
	(code = mbedtls_x509write_crt_set_subject_key_identifier(w)) ||
	(code = set_constraints(w, subtrees)));
	/* clang-format on */
	return code;
}

enum rc mint_ca(
    mbedtls_pk_context *key, const struct subtrees *subtrees, const char *host, struct buf *pem, struct err *err)
{
	mbedtls_x509write_cert w;
	unsigned char mark[4];
	char name[80];
	enum rc rc;
	int code;

	/* The mark tells this CA from an earlier one of the same box in a list of trusted ones. A CN has 64 characters.
	 */
	random_bytes(mark, sizeof mark);
	snprintf(name, sizeof name, "CN=cove CA %.40s %02x%02x%02x%02x", host, mark[0], mark[1], mark[2], mark[3]);
	mbedtls_x509write_crt_init(&w);
	mbedtls_x509write_crt_set_md_alg(&w, MBEDTLS_MD_SHA256);
	mbedtls_x509write_crt_set_subject_key(&w, key);
	mbedtls_x509write_crt_set_issuer_key(&w, key);
	code = describe_ca(&w, subtrees, name);
	rc = code ? fail_mbedtls(err, E_INTERNAL, "making the CA", code) : write_pem(&w, pem, err);
	mbedtls_x509write_crt_free(&w);
	return rc;
}

static int describe_leaf(mbedtls_x509write_cert *w, const mbedtls_x509_crt *ca, const struct trust_names *names)
{
	int64_t now = clock_wall_s(), ca_end = x509_seconds(&ca->valid_to), end = now - BACKDATED_S + LEAF_LIFE_S;
	char issuer[256];
	int code = mbedtls_x509_dn_gets(issuer, sizeof issuer, &ca->subject);

	if (code < 0)
		return code;
	/* clang-format off */
	(void)((code = set_serial(w)) ||
	(code = set_dates(w, now - BACKDATED_S, end < ca_end || ca_end < now ? end : ca_end)) ||
	(code = mbedtls_x509write_crt_set_subject_name(w, "CN=cove registry")) ||
	(code = mbedtls_x509write_crt_set_issuer_name(w, issuer)) ||
	(code = mbedtls_x509write_crt_set_basic_constraints(w, 0, -1)) ||
	(code = mbedtls_x509write_crt_set_key_usage(w, MBEDTLS_X509_KU_DIGITAL_SIGNATURE)) ||
	(code = mbedtls_x509write_crt_set_subject_key_identifier(w)) ||
	(code = mbedtls_x509write_crt_set_authority_key_identifier(w)) ||
	(code = set_server_auth(w)) ||
	(code = set_names(w, names)));
	/* clang-format on */
	return code;
}

enum rc mint_leaf(const mbedtls_x509_crt *ca, mbedtls_pk_context *ca_key, mbedtls_pk_context *key,
    const struct trust_names *names, struct buf *pem, struct err *err)
{
	mbedtls_x509write_cert w;
	enum rc rc;
	int code;

	mbedtls_x509write_crt_init(&w);
	mbedtls_x509write_crt_set_md_alg(&w, MBEDTLS_MD_SHA256);
	mbedtls_x509write_crt_set_subject_key(&w, key);
	mbedtls_x509write_crt_set_issuer_key(&w, ca_key);
	code = describe_leaf(&w, ca, names);
	rc = code ? fail_mbedtls(err, E_INTERNAL, "issuing the certificate", code) : write_pem(&w, pem, err);
	mbedtls_x509write_crt_free(&w);
	return rc;
}
