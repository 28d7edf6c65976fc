/* tls_context: certificates, keys, ticket keys and the settings of TLS. Read-only once made, so sessions share it. */
#include "tls.h"
#include <cove/crypto/cpu.h>
#include <cove/crypto/pem.h>
#include <cove/base/random.h>
#include <cove/crypto/secret.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_ciphersuites.h>
#include <mbedtls/ssl_ticket.h>

/* A day's pulls are resumed, a stolen key opens half a day. The library makes a new key when one is this old. */
#define TICKET_SECONDS (12 * 3600)

struct tls_identity {
	_Atomic unsigned refs;
	mbedtls_x509_crt chain;
	mbedtls_pk_context key;
};

struct tls_tickets {
	mbedtls_ssl_ticket_context keys; /* has its own mutex */
};

struct tls_context {
	_Atomic unsigned refs;
	struct tls_identity *identity; /* counted */
	mbedtls_ssl_config any, favourite;
};

_Thread_local bool tls_ticket_taken;

#define AES_13 MBEDTLS_TLS1_3_AES_128_GCM_SHA256, MBEDTLS_TLS1_3_AES_256_GCM_SHA384
#define AES_12                                                                                                         \
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,                \
	    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
#define CHACHA_13 MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256
#define CHACHA_12                                                                                                      \
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256

/*
 * In TLS 1.2 the order is ours. In TLS 1.3 mbedTLS takes the first of the client's that is here (of Go's that would be
 * AES-128), so a client that has the suite which is the fastest on this CPU gets a list with no other.
 */
static const struct suites {
	int favourite; /* AES-256-GCM is libsodium's, in one pass; ChaCha20 needs neither instructions nor tables */
	int any[10], only_favourite[6];
} suites_of[] = {
    [true] = {MBEDTLS_TLS1_3_AES_256_GCM_SHA384, {AES_13, CHACHA_13, AES_12, CHACHA_12, 0},
	{MBEDTLS_TLS1_3_AES_256_GCM_SHA384, AES_12, 0}},
    [false] = {CHACHA_13, {AES_13, CHACHA_13, CHACHA_12, AES_12, 0}, {CHACHA_13, CHACHA_12, 0}},
};
/* X25519 first: libsodium does it. */
static const uint16_t groups[] = {
    MBEDTLS_SSL_IANA_TLS_GROUP_X25519,
    MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1,
    MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1,
    0,
};
/* A client that offers h2 as well takes this; one that offers only h2 gets no_application_protocol (RFC 7301 §3.2). */
static const char *protocols[] = {"http/1.1", NULL};

static int fill_random(void *unused, unsigned char *out, size_t n)
{
	(void)unused;
	random_bytes(out, n);
	return 0;
}

/* mbedTLS parses PEM only up to a NUL that it is told the length with. */
static unsigned char *with_nul(struct str s)
{
	unsigned char *p = malloc(s.n + 1);

	if (p) {
		memcpy(p, s.p, s.n);
		p[s.n] = 0;
	}
	return p;
}

/* What mbedTLS does not know (name constraints of an intermediate, say) is for clients to judge: we only send the
 * chain. */
static int take_extension(void *unused, const mbedtls_x509_crt *certificate, const mbedtls_x509_buf *oid, int critical,
    const unsigned char *p, const unsigned char *end)
{
	(void)unused, (void)certificate, (void)oid, (void)critical, (void)p, (void)end;
	return 0;
}

static CHECKED enum rc parse_chain(mbedtls_x509_crt *chain, struct str pem, struct err *err)
{
	struct buf der = BUF_INIT(pem.n);
	size_t count = 0;
	enum rc rc;
	bool found;
	int ret;

	for (;;) {
		rc = pem_next_certificate(&pem, &der, &found, err);
		if (rc || !found)
			break;
		ret = mbedtls_x509_crt_parse_der_with_ext_cb(
		    chain, (const unsigned char *)der.p, der.n, 1, take_extension, NULL);
		if (ret != 0) {
			rc = fail(err, E_CONFIG, "certificate %zu of the chain cannot be read (mbedTLS -0x%04x)",
			    count + 1, (unsigned)-ret);
			break;
		}
		count++;
	}
	buf_release(&der);
	if (rc || count)
		return rc;
	return fail(
	    err, E_CONFIG, "the chain contains no certificate: it must be PEM, with the server's certificate first");
}

/* mbedTLS does not spread the Certificate message (RFC 8446 §4.4.2) over records: better said now than to each client.
 */
static CHECKED enum rc check_size(const mbedtls_x509_crt *chain, struct err *err)
{
	size_t bytes = 64;

	for (; chain; chain = chain->next)
		bytes += chain->raw.len + 5;
	if (bytes > MBEDTLS_SSL_OUT_CONTENT_LEN)
		return fail(err, E_CONFIG,
		    "the certificate chain has %zu bytes, but at most %d are allowed: leave out the root", bytes,
		    MBEDTLS_SSL_OUT_CONTENT_LEN);
	return OK;
}

static CHECKED enum rc parse_identity(
    struct tls_identity *i, struct str chain, const unsigned char *key, size_t key_n, struct err *err)
{
	int ret;

	TRY(parse_chain(&i->chain, chain, err));
	TRY(check_size(&i->chain, err));
	ret = mbedtls_pk_parse_key(&i->key, key, key_n, NULL, 0, fill_random, NULL);
	if (ret != 0)
		return fail(err, E_CONFIG,
		    "the private key cannot be read (mbedTLS -0x%04x): it must be PEM without a password",
		    (unsigned)-ret);
	if (mbedtls_pk_check_pair(&i->chain.pk, &i->key, fill_random, NULL) != 0)
		return fail(err, E_CONFIG, "the private key does not belong to the first certificate of the chain");
	return OK;
}

enum rc tls_identity_new(struct str chain_pem, struct str key_pem, struct tls_identity **out, struct err *err)
{
	struct tls_identity *i = calloc(1, sizeof(*i));
	unsigned char *chain = with_nul(chain_pem), *key = with_nul(key_pem);
	enum rc rc = E_BUSY;

	if (i) {
		i->refs = 1;
		mbedtls_x509_crt_init(&i->chain);
		mbedtls_pk_init(&i->key);
	}
	if (i && chain && key)
		rc = parse_identity(i, (struct str){(const char *)chain, chain_pem.n}, key, key_pem.n + 1, err);
	else
		fail(err, E_BUSY, "no memory for a certificate");
	if (key)
		wipe(key, key_pem.n);
	free(key);
	free(chain);
	if (rc == OK)
		*out = i;
	else
		tls_identity_unref(i);
	return rc;
}

void tls_identity_unref(struct tls_identity *i)
{
	if (!i || atomic_fetch_sub(&i->refs, 1) != 1)
		return;
	mbedtls_x509_crt_free(&i->chain);
	mbedtls_pk_free(&i->key);
	free(i);
}

struct tls_tickets *tls_tickets_new(void)
{
	struct tls_tickets *t = xcalloc(1, sizeof(*t));

	mbedtls_ssl_ticket_init(&t->keys);
	if (mbedtls_ssl_ticket_setup(&t->keys, fill_random, NULL, MBEDTLS_CIPHER_AES_256_GCM, TICKET_SECONDS) != 0)
		bug("mbedTLS refuses the ticket keys");
	return t;
}

void tls_tickets_free(struct tls_tickets *t)
{
	if (t)
		mbedtls_ssl_ticket_free(&t->keys);
	free(t);
}

static int parse_ticket(void *tickets, mbedtls_ssl_session *session, unsigned char *p, size_t n)
{
	int ret = mbedtls_ssl_ticket_parse(tickets, session, p, n);

	if (ret == 0)
		tls_ticket_taken = true;
	return ret;
}

/* For untrusted_saw(): the library keeps it during this call only. */
static int note_name(mbedtls_ssl_context *ssl)
{
	size_t n = 0;
	const unsigned char *p = mbedtls_ssl_get_hs_sni(ssl, &n);

	if (p)
		tls_note_name(mbedtls_ssl_get_user_data_p(ssl), (struct str){(const char *)p, n});
	return 0;
}

static void configure(
    mbedtls_ssl_config *conf, struct tls_context *context, struct tls_tickets *tickets, const int *suites)
{
	struct tls_identity *i = context->identity;

	mbedtls_ssl_config_init(conf);
	if (mbedtls_ssl_config_defaults(
		conf, MBEDTLS_SSL_IS_SERVER, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT) != 0 ||
	    mbedtls_ssl_conf_own_cert(conf, &i->chain, &i->key) != 0 ||
	    mbedtls_ssl_conf_alpn_protocols(conf, protocols) != 0)
		bug("no memory for the settings of TLS");
	mbedtls_ssl_conf_rng(conf, fill_random, NULL);
	mbedtls_ssl_conf_authmode(conf, MBEDTLS_SSL_VERIFY_NONE);
	mbedtls_ssl_conf_min_tls_version(conf, MBEDTLS_SSL_VERSION_TLS1_2);
	mbedtls_ssl_conf_ciphersuites(conf, suites);
	mbedtls_ssl_conf_groups(conf, groups);
	mbedtls_ssl_conf_cert_cb(conf, note_name);
	mbedtls_ssl_conf_session_tickets_cb(conf, mbedtls_ssl_ticket_write, parse_ticket, &tickets->keys);
}

struct tls_context *tls_context_new(struct tls_identity *identity, struct tls_tickets *tickets)
{
	struct tls_context *context = xcalloc(1, sizeof(*context));

	atomic_fetch_add(&identity->refs, 1);
	context->refs = 1;
	context->identity = identity;
	configure(&context->any, context, tickets, suites_of[cpu_has_aes()].any);
	configure(&context->favourite, context, tickets, suites_of[cpu_has_aes()].only_favourite);
	return context;
}

void tls_context_ref(struct tls_context *context)
{
	atomic_fetch_add(&context->refs, 1);
}

void tls_context_unref(struct tls_context *context)
{
	if (!context || atomic_fetch_sub(&context->refs, 1) != 1)
		return;
	mbedtls_ssl_config_free(&context->any);
	mbedtls_ssl_config_free(&context->favourite);
	tls_identity_unref(context->identity);
	free(context);
}

/* RFC 6125 §6.4.3: a wildcard stands for the whole first label. */
static bool name_fits(struct str pattern, struct str name)
{
	struct str label;

	if (!str_starts(pattern, STR("*.")))
		return str_eqi(pattern, name);
	return str_cut(name, '.', &label, &name) && label.n && str_eqi(str_from(pattern, 2), name);
}

bool tls_context_has(const struct tls_context *context, struct str name, struct str address)
{
	const mbedtls_x509_sequence *at = &context->identity->chain.subject_alt_names;

	for (; at && at->buf.p; at = at->next) {
		struct str one = {(const char *)at->buf.p, at->buf.len};
		unsigned kind = (unsigned)at->buf.tag & MBEDTLS_ASN1_TAG_VALUE_MASK;

		if (name.n ? kind == MBEDTLS_X509_SAN_DNS_NAME && name_fits(one, name)
			   : kind == MBEDTLS_X509_SAN_IP_ADDRESS && str_eq(one, address))
			return true;
	}
	return false;
}

const void *tls_context_config(const struct tls_context *context, bool favourite)
{
	return favourite ? &context->favourite : &context->any;
}

unsigned tls_favourite(void)
{
	return (unsigned)suites_of[cpu_has_aes()].favourite;
}
