/*
 * ca: whom a request trusts: the public CAs, of this machine or else built in, and those that its upstream's owner
 * gave. libcurl would parse them anew for each connection and keep them as long as it, and refuse a CA with critical
 * name constraints (those of every cove are): mbedTLS does not know that extension. So they are parsed here, the public
 * ones once, and put into its TLS settings. Constraints of a CA that was given for one upstream are not looked at; of a
 * public one they would matter, so such a CA is left out.
 */
#include "transfer.h"
#include <cove/base/embed.h>
#include <cove/base/io.h>
#include <cove/base/log.h>
#include <fcntl.h>
#include <mbedtls/pem.h>
#include <mbedtls/ssl.h>
#include <stdlib.h>
#include <unistd.h>

#define BUNDLE_MAX (4u * 1024 * 1024)

struct ca {
	bool is_loaded;
	mbedtls_x509_crt public; /* a list; the first is empty when there is none */
};

struct ca_extra {
	mbedtls_x509_crt own;
	mbedtls_x509_crt *last; /* of own; the public ones are hung in behind it */
};

/*
 * Without a use but this: libcurl reuses a connection, or a session, for another request if it was told the same CAs.
 * So it must be told those that we trust in its place, and it insists that one of them can be parsed. The private key
 * was never kept.
 */
static const char decoy[] = "-----BEGIN CERTIFICATE-----\n"
			    "MIIBcDCCARWgAwIBAgIUcNzH9/pJ1in29z5itsS+OS1NVqwwCgYIKoZIzj0EAwIw\n"
			    "DDEKMAgGA1UEAwwBeDAgFw0yNjExMjQwMzQxNTRaGA8yMTI2MTAzMTAzNDE1NFow\n"
			    "DDEKMAgGA1UEAwwBeDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABOnZF9ZVLEiM\n"
			    "aH0ZSvOfwuXxPR7J1EC0jgkUN/55cblfggFuD5w9CPeIsoWrLnfg1Nu+lt2OEMar\n"
			    "0A/LZw9UWGyjUzBRMB0GA1UdDgQWBBQW5YIrv8Q+twZSKi5OEmVr11OBkzAfBgNV\n"
			    "HSMEGDAWgBQW5YIrv8Q+twZSKi5OEmVr11OBkzAPBgNVHRMBAf8EBTADAQH/MAoG\n"
			    "CCqGSM49BAMCA0kAMEYCIQDUTLQviTZZCNNS922sGetz03WI3FPSc98ooETEIWUi\n"
			    "twIhAMKWUwV04bkOWiZYHfrMBVZW1RAGDnp7f78IKXSu8GEX\n"
			    "-----END CERTIFICATE-----\n";

/* The machine's file with the public CAs, which its owner keeps up to date; NULL: there is none. */
static const char *public_file(void)
{
	static const char *const paths[] = {
	    "/etc/ssl/certs/ca-certificates.crt", /* Debian, Alpine, Arch */
	    "/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora, RHEL */
	    "/etc/ssl/ca-bundle.pem",             /* SUSE */
	    "/etc/ssl/cert.pem",                  /* OpenWrt, BSDs */
	};
	const char *path = getenv("SSL_CERT_FILE");

	if (path && path[0])
		return path;
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		if (access(paths[i], R_OK) == 0)
			return paths[i];
	return NULL;
}

/* Asked for every extension that mbedTLS does not know. ctx: NULL for a public CA. */
static int on_extension(void *ctx, const mbedtls_x509_crt *crt, const mbedtls_x509_buf *oid, int critical,
    const unsigned char *p, const unsigned char *end)
{
	static const unsigned char name_constraints[] = {0x55, 0x1d, 0x1e}; /* 2.5.29.30, RFC 5280 §4.2.1.10 */

	(void)crt;
	(void)p;
	(void)end;
	if (!critical ||
	    (ctx && oid->len == sizeof(name_constraints) && memcmp(oid->p, name_constraints, oid->len) == 0))
		return 0;
	return MBEDTLS_ERR_X509_FEATURE_UNAVAILABLE;
}

/* Adds every certificate of the text that can be read; the others count for nothing. Returns how many could. */
static unsigned add_text(mbedtls_x509_crt *chain, const char *text, struct ca_extra *extra)
{
	unsigned count = 0;

	for (const char *at = text; (at = strstr(at, "-----BEGIN CERTIFICATE-----"));) {
		mbedtls_pem_context pem;
		size_t used = 0;

		mbedtls_pem_init(&pem);
		if (mbedtls_pem_read_buffer(&pem, "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----",
			(const unsigned char *)at, NULL, 0, &used) == 0) {
			size_t n;
			const unsigned char *der = mbedtls_pem_get_buffer(&pem, &n);

			count += mbedtls_x509_crt_parse_der_with_ext_cb(chain, der, n, 1, on_extension, extra) == 0;
		}
		mbedtls_pem_free(&pem);
		at += used ? used : strlen("-----BEGIN CERTIFICATE-----");
	}
	return count;
}

static void load(struct ca *ca)
{
	struct buf text = BUF_INIT(BUNDLE_MAX);
	const char *path = public_file();
	struct err err;

	ca->is_loaded = true;
	if (path && io_read_file(AT_FDCWD, path, &text, &err))
		log_warn("client.ca", "error=%s", log_quote(str_of(err.text)));
	else if (path && !add_text(&ca->public, text.p ? text.p : "", NULL))
		log_warn("client.ca", "error=\"%s contains no certificate\"", path);
	if (!ca->public.raw.p)
		(void)add_text(&ca->public, (const char *)embedded_cas[0].bytes, NULL);
	buf_release(&text);
}

struct ca *ca_new(void)
{
	struct ca *ca = xcalloc(1, sizeof(*ca));

	mbedtls_x509_crt_init(&ca->public);
	return ca;
}

void ca_free(struct ca *ca)
{
	mbedtls_x509_crt_free(&ca->public);
	free(ca);
}

static struct ca_extra *extra_new(const char *pem)
{
	struct ca_extra *extra = xcalloc(1, sizeof(*extra));

	mbedtls_x509_crt_init(&extra->own);
	if (!add_text(&extra->own, pem, extra)) {
		mbedtls_x509_crt_free(&extra->own);
		free(extra);
		return NULL;
	}
	extra->last = &extra->own;
	while (extra->last->next)
		extra->last = extra->last->next;
	return extra;
}

void ca_extra_free(struct ca_extra *extra)
{
	if (!extra)
		return;
	extra->last->next = NULL; /* the public ones stay */
	mbedtls_x509_crt_free(&extra->own);
	free(extra);
}

static CURLcode on_tls(CURL *easy, void *settings, void *ctx)
{
	struct transfer *t = ctx;

	(void)easy;
	if (!t->ca->is_loaded)
		load(t->ca);
	if (t->ca_pem && !t->ca_extra)
		t->ca_extra = extra_new(t->ca_pem);
	if (t->ca_pem && !t->ca_extra) {
		t->rc = fail(&t->err, E_UPSTREAM_UNREACHABLE,
		    "%s cannot be reached: the `ca` of the namespace is not a PEM certificate", t->host);
		return CURLE_ABORTED_BY_CALLBACK;
	}
	if (t->ca_extra && t->ca->public.raw.p)
		t->ca_extra->last->next = &t->ca->public;
	mbedtls_ssl_conf_ca_chain(settings, t->ca_extra ? &t->ca_extra->own : &t->ca->public, NULL);
	return CURLE_OK;
}

void ca_set(struct transfer *t, struct ca *ca, struct str pem)
{
	struct buf told = BUF_INIT(BUNDLE_MAX);
	struct curl_blob blob;

	t->ca = ca;
	curl_easy_setopt(t->easy, CURLOPT_CAINFO, NULL);
	curl_easy_setopt(t->easy, CURLOPT_SSL_CTX_FUNCTION, on_tls);
	curl_easy_setopt(t->easy, CURLOPT_SSL_CTX_DATA, t);
	if (!pem.n)
		return;
	t->ca_pem = xstrdup(pem);
	buf_addz(&told, decoy);
	buf_add(&told, pem);
	blob = (struct curl_blob){.data = told.p, .len = told.n, .flags = CURL_BLOB_COPY};
	if (!buf_ok(&told) || curl_easy_setopt(t->easy, CURLOPT_CAINFO_BLOB, &blob))
		t->rc = fail(&t->err, E_BUSY, "no memory for a request to %s", t->host);
	buf_release(&told);
}
