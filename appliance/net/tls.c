/* tls: one session. The library reads and writes through wire.c only. */
#define MBEDTLS_ALLOW_PRIVATE_ACCESS /* for alert_of() and end_handshake() */
#include "tls.h"
#include "wire.h"
#include <cove/base/log.h>
#include <mbedtls/ssl.h>

/*
 * mbedTLS 3.6 keeps what only the handshake needed (its keys, transcript and transform: 12 KB) until a TLS 1.3 session
 * ends; after TLS 1.2 it frees it itself, with this function of its own. Not needed once it does so in both.
 */
void mbedtls_ssl_handshake_wrapup_free_hs_transform(mbedtls_ssl_context *ssl);

struct tls {
	mbedtls_ssl_context ssl;
	struct tls_context *context; /* counted */
	bool ticket_taken;
	char *asked; /* the name in its ClientHello, during the handshake */
};

void tls_note_name(struct tls *t, struct str name)
{
	free(t->asked);
	t->asked = malloc(name.n + 1);
	if (t->asked)
		str_print(t->asked, name.n, name);
}

struct str tls_asked_name(const struct conn *c)
{
	return c->tls->asked ? str_of(c->tls->asked) : STR_NONE;
}

const struct tls_context *tls_context_of(const struct conn *c)
{
	return c->tls->context;
}

static void forget_name(struct tls *t)
{
	free(t->asked);
	t->asked = NULL;
}

static int bio_recv(void *conn, unsigned char *p, size_t n)
{
	struct conn *c = conn;
	ssize_t got;

	c->worker->tls_full |= c->worker->tls_in >= TLS_CALL_BYTES;
	if (c->worker->tls_full || atomic_load(&c->cut))
		return MBEDTLS_ERR_SSL_WANT_READ;
	got = wire_recv(c, p, n);
	if (got > 0)
		c->worker->tls_in += (size_t)got;
	return got >= 0 ? (int)got : got == -1 ? MBEDTLS_ERR_SSL_WANT_READ : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

static int bio_send(void *conn, const unsigned char *p, size_t n)
{
	struct conn *c = conn;
	ssize_t sent = wire_send(c, p, n);

	return sent >= 0 ? (int)sent : sent == -1 ? MBEDTLS_ERR_SSL_WANT_WRITE : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

bool tls_start(struct conn *c, struct tls_context *context, bool favourite)
{
	struct tls *t = calloc(1, sizeof(*t));

	if (!t) {
		tls_context_unref(context);
		return false;
	}
	t->context = context;
	c->tls = t;
	mbedtls_ssl_init(&t->ssl);
	mbedtls_ssl_set_user_data_p(&t->ssl, t);
	if (mbedtls_ssl_setup(&t->ssl, tls_context_config(context, favourite)) != 0) {
		tls_release(c);
		return false;
	}
	mbedtls_ssl_set_bio(&t->ssl, c, bio_send, bio_recv, NULL);
	return true;
}

void tls_release(struct conn *c)
{
	struct tls *t = c->tls;

	if (!t)
		return;
	mbedtls_ssl_free(&t->ssl);
	forget_name(t);
	tls_context_unref(t->context);
	free(t);
	c->tls = NULL;
}

/*
 * The library tells that a fatal alert came, not which; the record is still where it was decrypted. Some clients send
 * it in the clear where TLS 1.3 has keys already: for the library that is a record it cannot decrypt. 0: no alert.
 */
static unsigned alert_of(const struct tls *t, int ret)
{
	const unsigned char *record = t->ssl.in_hdr;

	if (ret == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE)
		return t->ssl.in_msg[1];
	if (ret == MBEDTLS_ERR_SSL_INVALID_MAC && record[0] == MBEDTLS_SSL_MSG_ALERT && record[3] == 0 &&
	    record[4] == 2)
		return record[6];
	return 0;
}

static void end_handshake(struct conn *c)
{
	struct net *n = c->net;

	forget_name(c->tls);
	if (c->tls->ssl.handshake)
		mbedtls_ssl_handshake_wrapup_free_hs_transform(&c->tls->ssl);
	atomic_fetch_add_explicit(&n->handshakes, 1, memory_order_relaxed);
	if (c->tls->ticket_taken)
		atomic_fetch_add_explicit(&n->resumed, 1, memory_order_relaxed);
}

enum io tls_handshake(struct conn *c)
{
	struct tls *t = c->tls;

	if (atomic_load(&c->cut))
		return IO_END;
	tls_ticket_taken = false;
	c->worker->tls_in = 0;
	int ret = mbedtls_ssl_handshake(&t->ssl);
	t->ticket_taken |= tls_ticket_taken;
	switch (ret) {
	case 0:
		end_handshake(c);
		return IO_OK;
	case MBEDTLS_ERR_SSL_WANT_READ:
		return IO_WANT_READ;
	case MBEDTLS_ERR_SSL_WANT_WRITE:
		return IO_WANT_WRITE;
	}
	untrusted_saw(c, alert_of(t, ret));
	atomic_fetch_add_explicit(&c->net->failed, 1, memory_order_relaxed);
	log_debug("tls.failed", "peer=%s code=-0x%04x", c->peer, (unsigned)-ret);
	return IO_FAILED;
}

static enum io read_result(struct conn *c, int ret)
{
	switch (ret) {
	case MBEDTLS_ERR_SSL_WANT_READ:
		return IO_WANT_READ;
	case MBEDTLS_ERR_SSL_WANT_WRITE:
		return IO_WANT_WRITE;
	case 0:
	case MBEDTLS_ERR_SSL_CONN_EOF: /* without close_notify: HTTP knows its lengths (RFC 9112 §9.8) */
	case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY:
		c->ended = true;
		return IO_END;
	}
	log_debug("tls.gone", "peer=%s code=-0x%04x", c->peer, (unsigned)-ret);
	c->broken = true;
	return IO_FAILED;
}

/* As much as is there: a caller that writes to a file likes it in one piece. */
enum io tls_read(struct conn *c, void *p, size_t n, size_t *moved)
{
	unsigned char *to = p;

	while (*moved < n) {
		c->worker->tls_in = 0;
		int ret = mbedtls_ssl_read(&c->tls->ssl, to + *moved, n - *moved);
		if (ret <= 0 && *moved && (ret == MBEDTLS_ERR_SSL_WANT_READ || ret == MBEDTLS_ERR_SSL_WANT_WRITE))
			break;
		if (ret <= 0) {
			enum io io = read_result(c, ret);
			return *moved ? IO_OK : io;
		}
		*moved += (size_t)ret;
		/* The last recv() found less than it asked for: another would mostly find nothing. */
		if (c->worker->drained && !conn_has_pending(c))
			break;
	}
	return IO_OK;
}

enum io tls_write(struct conn *c, const void *p, size_t n, size_t *moved)
{
	const unsigned char *from = p;

	while (*moved < n && wire_room(c)) {
		int ret = mbedtls_ssl_write(&c->tls->ssl, from + *moved, n - *moved);
		if (ret == MBEDTLS_ERR_SSL_WANT_WRITE)
			break;
		if (ret < 0) {
			log_debug("tls.gone", "peer=%s code=-0x%04x", c->peer, (unsigned)-ret);
			c->broken = true;
			break;
		}
		*moved += (size_t)ret;
	}
	if (*moved)
		return IO_OK;
	return c->broken ? IO_FAILED : IO_WANT_WRITE;
}

bool tls_has_plaintext(const struct conn *c)
{
	return mbedtls_ssl_check_pending(&c->tls->ssl) != 0;
}

void tls_say_goodbye(struct conn *c)
{
	mbedtls_ssl_close_notify(&c->tls->ssl);
}
