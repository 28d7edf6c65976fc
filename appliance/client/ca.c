/*
 * ca: whom a request trusts: the public CAs of this machine, and those that its upstream's owner gave. libcurl would
 * parse them anew for each connection, and refuse a CA with critical name constraints (those of every cove are):
 * mbedTLS does not know that extension. So they are parsed here, once for each text, and put into its TLS settings. A
 * CA with such constraints is taken without looking at them: it was given for this one upstream, not for the world.
 */
#include "transfer.h"
#include <cove/io.h>
#include <cove/log.h>
#include <fcntl.h>
#include <mbedtls/error.h>
#include <mbedtls/pem.h>
#include <mbedtls/ssl.h>
#include <stdlib.h>
#include <unistd.h>

#define BUNDLE_MAX (4u * 1024 * 1024)

struct trust {
	struct trust *next;
	char *pem;
	mbedtls_x509_crt chain;
};

/* The file with the public CAs; NULL: there is none. */
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

/* Asked for every extension that mbedTLS does not know. */
static int on_extension(void *ctx, const mbedtls_x509_crt *crt, const mbedtls_x509_buf *oid, int critical,
    const unsigned char *p, const unsigned char *end)
{
	static const unsigned char name_constraints[] = {0x55, 0x1d, 0x1e}; /* 2.5.29.30, RFC 5280 §4.2.1.10 */

	(void)ctx;
	(void)crt;
	(void)p;
	(void)end;
	if (!critical || (oid->len == sizeof(name_constraints) && memcmp(oid->p, name_constraints, oid->len) == 0))
		return 0;
	return MBEDTLS_ERR_X509_FEATURE_UNAVAILABLE;
}

/* Adds every certificate of the text that can be read; the others count for nothing. Returns how many could. */
static unsigned add_text(mbedtls_x509_crt *chain, const char *text)
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

			count += mbedtls_x509_crt_parse_der_with_ext_cb(chain, der, n, 1, on_extension, NULL) == 0;
		}
		mbedtls_pem_free(&pem);
		at += used ? used : strlen("-----BEGIN CERTIFICATE-----");
	}
	return count;
}

static struct trust *trust_new(struct str pem)
{
	struct trust *t = xcalloc(1, sizeof(*t));
	struct buf bundle = BUF_INIT(BUNDLE_MAX);
	const char *path = public_file();

	mbedtls_x509_crt_init(&t->chain);
	t->pem = xstrdup(pem);
	if (!path || io_read_file(AT_FDCWD, path, &bundle, NULL) || !add_text(&t->chain, bundle.p ? bundle.p : ""))
		log_warn("client.ca",
		    "error=\"no public CAs on this machine: install ca-certificates, or set `ca` where it is needed\"");
	buf_release(&bundle);
	if (pem.n && !add_text(&t->chain, t->pem))
		log_warn("client.ca", "error=\"the CA that was given is not a PEM certificate\"");
	return t;
}

/* Kept until the client is closed: connections that are kept open hold them. */
static struct trust *trust_of(struct client *c, struct str pem)
{
	struct trust *t;

	pthread_mutex_lock(&c->trust_mutex);
	for (t = c->trusts; t && !str_eq(str_of(t->pem), pem); t = t->next)
		;
	if (!t) {
		t = trust_new(pem);
		t->next = c->trusts;
		c->trusts = t;
	}
	pthread_mutex_unlock(&c->trust_mutex);
	return t;
}

void trust_free_all(struct client *c)
{
	for (struct trust *t = c->trusts, *next; t; t = next) {
		next = t->next;
		mbedtls_x509_crt_free(&t->chain);
		free(t->pem);
		free(t);
	}
}

static CURLcode on_tls(CURL *easy, void *settings, void *ctx)
{
	struct trust *t = ctx;

	(void)easy;
	mbedtls_ssl_conf_ca_chain(settings, &t->chain, NULL);
	return CURLE_OK;
}

void trust_set(struct client *c, CURL *easy, struct str pem)
{
	curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
	curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_tls);
	curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, trust_of(c, pem));
}
