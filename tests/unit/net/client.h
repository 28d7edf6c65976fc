/* client: blocking clients, plain and TLS, for the server of rig.h. */
#pragma once
#include "net/rig.h"

/* -1 when the server does not take it. */
static int client_connect(uint16_t port)
{
	struct sockaddr_in to = {
	    .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval limit = {.tv_sec = 30};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

struct client {
	int fd;
	bool tls;
	mbedtls_ssl_config conf;
	mbedtls_ssl_context ssl;
};

struct client_options {
	bool tls;
	mbedtls_ssl_protocol_version version; /* 0: the newest */
	const char **alpn;
	const int *suites;
	mbedtls_x509_crt *trust; /* verifies the server against it */
	const mbedtls_ssl_session *resume;
};

static int client_bio_send(void *client, const unsigned char *p, size_t n)
{
	ssize_t sent = send(((struct client *)client)->fd, p, n, MSG_NOSIGNAL);
	return sent < 0 ? MBEDTLS_ERR_SSL_INTERNAL_ERROR : (int)sent;
}

static int client_bio_recv(void *client, unsigned char *p, size_t n)
{
	ssize_t got = recv(((struct client *)client)->fd, p, n, 0);
	return got < 0 ? MBEDTLS_ERR_SSL_INTERNAL_ERROR : (int)got;
}

/* The handshake's result; 0 for plain connections. */
static int client_open(struct client *k, uint16_t port, struct client_options o)
{
	*k = (struct client){.fd = client_connect(port), .tls = o.tls};
	assert_true(k->fd >= 0);
	if (!o.tls)
		return 0;
	mbedtls_ssl_config_init(&k->conf);
	mbedtls_ssl_init(&k->ssl);
	assert_int_equal(mbedtls_ssl_config_defaults(
			     &k->conf, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT),
	    0);
	mbedtls_ssl_conf_rng(&k->conf, rig_random, NULL);
	mbedtls_ssl_conf_authmode(&k->conf, o.trust ? MBEDTLS_SSL_VERIFY_REQUIRED : MBEDTLS_SSL_VERIFY_NONE);
	if (o.trust)
		mbedtls_ssl_conf_ca_chain(&k->conf, o.trust, NULL);
	if (o.version) {
		mbedtls_ssl_conf_min_tls_version(&k->conf, o.version);
		mbedtls_ssl_conf_max_tls_version(&k->conf, o.version);
	}
	if (o.alpn)
		assert_int_equal(mbedtls_ssl_conf_alpn_protocols(&k->conf, o.alpn), 0);
	if (o.suites)
		mbedtls_ssl_conf_ciphersuites(&k->conf, o.suites);
	mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(
	    &k->conf, MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
	assert_int_equal(mbedtls_ssl_setup(&k->ssl, &k->conf), 0);
	assert_int_equal(mbedtls_ssl_set_hostname(&k->ssl, "localhost"), 0);
	if (o.resume)
		assert_int_equal(mbedtls_ssl_set_session(&k->ssl, o.resume), 0);
	mbedtls_ssl_set_bio(&k->ssl, k, client_bio_send, client_bio_recv, NULL);
	return mbedtls_ssl_handshake(&k->ssl);
}

static void client_close(struct client *k)
{
	if (k->tls) {
		mbedtls_ssl_free(&k->ssl);
		mbedtls_ssl_config_free(&k->conf);
	}
	close(k->fd);
	k->fd = -1;
}

static UNUSED bool client_send(struct client *k, const void *p, size_t n)
{
	const unsigned char *from = p;

	for (size_t done = 0; done < n;) {
		ssize_t sent = k->tls ? mbedtls_ssl_write(&k->ssl, from + done, n - done)
				      : send(k->fd, from + done, n - done, MSG_NOSIGNAL);
		if (sent <= 0)
			return false;
		done += (size_t)sent;
	}
	return true;
}

/* > 0 bytes, 0 at the end (of any kind). */
static size_t client_recv(struct client *k, void *p, size_t n)
{
	ssize_t got;

	do
		got = k->tls ? mbedtls_ssl_read(&k->ssl, p, n) : recv(k->fd, p, n, 0);
	while (k->tls && (got == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET || got == MBEDTLS_ERR_SSL_WANT_READ));
	return got > 0 ? (size_t)got : 0;
}

/* One line without its end; "" at the end of the connection. A static buffer. */
static const char *client_line(struct client *k)
{
	static _Thread_local char line[256];
	size_t n = 0;

	while (n < sizeof(line) - 1 && client_recv(k, line + n, 1) == 1 && line[n] != '\n')
		n++;
	line[n] = 0;
	return line;
}

static UNUSED const char *client_ask(struct client *k, const char *request)
{
	return client_send(k, request, strlen(request)) ? client_line(k) : "";
}

/* Reads n bytes and compares them with the pattern. */
static UNUSED bool client_take(struct client *k, uint64_t n)
{
	unsigned char p[16384];

	for (uint64_t at = 0; at < n;) {
		size_t got = client_recv(k, p, n - at < sizeof(p) ? (size_t)(n - at) : sizeof(p));
		if (!got)
			return false;
		for (size_t i = 0; i < got; i++)
			if (p[i] != pattern(at + i))
				return false;
		at += got;
	}
	return true;
}

static UNUSED bool client_give(struct client *k, uint64_t n)
{
	unsigned char p[16384];

	for (uint64_t at = 0; at < n;) {
		size_t m = n - at < sizeof(p) ? (size_t)(n - at) : sizeof(p);
		for (size_t i = 0; i < m; i++)
			p[i] = pattern(at + i);
		if (!client_send(k, p, m))
			return false;
		at += m;
	}
	return true;
}
