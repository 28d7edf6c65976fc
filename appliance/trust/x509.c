/* x509: reading certificates and keys with mbedTLS, and making keys. */
#include "trust_internal.h"
#include <arpa/inet.h>
#include <cove/crypto/pem.h>
#include <cove/base/random.h>
#include <cove/crypto/secret.h>
#include <mbedtls/error.h>
#include <mbedtls/oid.h>

int random_for_mbedtls(void *unused, unsigned char *out, size_t n)
{
	(void)unused;
	random_bytes(out, n);
	return 0;
}

enum rc fail_mbedtls(struct err *err, enum rc rc, const char *what, int code)
{
	char text[128];

	mbedtls_strerror(code, text, sizeof text);
	return fail(err, rc, "%s: %s", what, text);
}

void buf_wipe(struct buf *b)
{
	if (b->p)
		wipe(b->p, b->cap);
	buf_release(b);
}

/* The one extension that mbedTLS does not know and that we make. Without `subtrees` the chain is somebody else's: what
 * its extensions mean is for clients to judge. */
static int take_extension(void *ctx, const mbedtls_x509_crt *certificate, const mbedtls_x509_buf *oid, int critical,
    const unsigned char *p, const unsigned char *end)
{
	struct subtrees *subtrees = ctx;

	(void)certificate;
	(void)critical;
	if (!subtrees)
		return 0;
	if (MBEDTLS_OID_CMP(MBEDTLS_OID_NAME_CONSTRAINTS, oid) != 0)
		return MBEDTLS_ERR_X509_INVALID_EXTENSIONS;
	if (!subtrees_decode(subtrees, p, (size_t)(end - p)))
		return MBEDTLS_ERR_X509_INVALID_EXTENSIONS;
	return 0;
}

enum rc chain_parse(
    struct str pem, const char *what, mbedtls_x509_crt *chain, struct subtrees *subtrees, struct err *err)
{
	struct buf der = BUF_INIT(PEM_MAX);
	bool found, any = false;
	int code = 0;
	enum rc rc;

	for (;;) {
		rc = pem_next_certificate(&pem, &der, &found, err);
		if (rc || !found)
			break;
		any = true;
		code = mbedtls_x509_crt_parse_der_with_ext_cb(
		    chain, (const unsigned char *)der.p, der.n, 1, take_extension, subtrees);
		if (code) {
			rc = fail_mbedtls(err, E_CONFIG, what, code);
			break;
		}
	}
	buf_release(&der);
	if (rc || any)
		return rc;
	return fail(err, E_CONFIG, "%s contains no certificate: it must be PEM (-----BEGIN CERTIFICATE-----)", what);
}

enum rc key_parse(const struct buf *pem, const char *what, mbedtls_pk_context *key, struct err *err)
{
	int code;

	if (pem->n == 0)
		return fail(err, E_CONFIG, "%s is empty", what);
	/* with its NUL, as mbedTLS wants PEM */
	code = mbedtls_pk_parse_key(key, (const unsigned char *)pem->p, pem->n + 1, NULL, 0, random_for_mbedtls, NULL);
	if (code == MBEDTLS_ERR_PK_PASSWORD_REQUIRED)
		return fail(err, E_CONFIG,
		    "%s is encrypted: give the key without a password, readable by this user only", what);
	if (code && !strstr(pem->p, "PRIVATE KEY-----"))
		return fail(err, E_CONFIG, "%s contains no key: it must be PEM (-----BEGIN PRIVATE KEY-----)", what);
	return code ? fail_mbedtls(err, E_CONFIG, what, code) : OK;
}

bool key_fits(const mbedtls_x509_crt *certificate, mbedtls_pk_context *key)
{
	return mbedtls_pk_check_pair(&certificate->pk, key, random_for_mbedtls, NULL) == 0;
}

/* ECDSA P-256: what every client takes, at a tenth of RSA's cost per handshake (docs/clients.md, Certificates). */
enum rc key_make(mbedtls_pk_context *key, struct buf *pem, struct err *err)
{
	unsigned char text[512];
	int code = mbedtls_pk_setup(key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY));

	if (!code)
		code = mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(*key), random_for_mbedtls, NULL);
	if (!code)
		code = mbedtls_pk_write_key_pem(key, text, sizeof text);
	if (!code) {
		buf_room(pem, sizeof text); /* in one piece: growing would leave a copy */
		buf_addz(pem, (const char *)text);
	}
	wipe(text, sizeof text);
	if (code)
		return fail_mbedtls(err, E_INTERNAL, "making a key", code);
	return buf_ok(pem) ? OK : fail(err, E_BUSY, "no memory for a key");
}

int64_t x509_seconds(const mbedtls_x509_time *t)
{
	struct tm tm = {
	    .tm_year = t->year - 1900,
	    .tm_mon = t->mon - 1,
	    .tm_mday = t->day,
	    .tm_hour = t->hour,
	    .tm_min = t->min,
	    .tm_sec = t->sec,
	};

	return timegm(&tm);
}

/* A wildcard stands for one label, the first (RFC 6125 §6.4.3); only certificates of the owner's have them. */
static bool dns_matches(struct str pattern, struct str name)
{
	struct str first, rest;

	if (str_eqi(pattern, name))
		return true;
	return str_starts(pattern, STR("*.")) && str_cut(name, '.', &first, &rest) &&
	       str_eqi(str_from(pattern, 2), rest);
}

bool certificate_has(const mbedtls_x509_crt *certificate, const char *name, bool is_address)
{
	uint8_t address[16];
	size_t bytes = is_address ? address_bytes(name, address) : 0;

	for (const mbedtls_x509_sequence *s = &certificate->subject_alt_names; s && s->buf.p; s = s->next) {
		struct str value = {(const char *)s->buf.p, s->buf.len};
		int type = s->buf.tag & MBEDTLS_ASN1_TAG_VALUE_MASK;

		if (!is_address && type == MBEDTLS_X509_SAN_DNS_NAME && dns_matches(value, str_of(name)))
			return true;
		if (is_address && type == MBEDTLS_X509_SAN_IP_ADDRESS &&
		    str_eq(value, (struct str){(const char *)address, bytes}))
			return true;
	}
	return false;
}

/* Only from certificates: a machine has names, not wildcards. */
static void add_wildcard(struct trust_names *names, struct str s)
{
	char *text;

	if (names->count == TRUST_NAMES_MAX || s.n >= sizeof names->items[0].text)
		return;
	text = names->items[names->count].text;
	for (size_t i = 0; i < s.n; i++)
		text[i] = ascii_lower(s.p[i]);
	text[s.n] = '\0';
	names->items[names->count++].is_address = false;
}

void certificate_names(const mbedtls_x509_crt *certificate, struct trust_names *names)
{
	for (const mbedtls_x509_sequence *s = &certificate->subject_alt_names; s && s->buf.p; s = s->next) {
		int type = s->buf.tag & 0x1f; /* the context-specific number, RFC 5280 §4.2.1.6 */
		char text[INET6_ADDRSTRLEN];

		struct str name = {(const char *)s->buf.p, s->buf.len};

		if (type == MBEDTLS_X509_SAN_DNS_NAME && str_starts(name, STR("*.")))
			add_wildcard(names, name);
		else if (type == MBEDTLS_X509_SAN_DNS_NAME)
			names_add(names, name);
		else if (type == MBEDTLS_X509_SAN_IP_ADDRESS && (s->buf.len == 4 || s->buf.len == 16) &&
			 inet_ntop(s->buf.len == 4 ? AF_INET : AF_INET6, s->buf.p, text, sizeof text))
			names_add(names, str_of(text));
	}
}
