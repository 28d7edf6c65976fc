/*
 * rig: a server of a small line protocol over the real net, and blocking clients for it, plain and TLS.
 *
 *   echo TEXT     answers TEXT
 *   give N        answers N bytes of the pattern
 *   take N        reads N bytes of the pattern, answers "taken N" or "bad"
 *   hold LANE MS  enters the lane and works for MS, answers "held" or "full"
 *   wait          parks until the test wakes it, answers "woken"
 *   work          PACE_NONE from here on;   idle   PACE_IDLE
 *   bye           closes
 */
#pragma once
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

/* before cmocka, which has a macro fail() */
#include <cove/clock.h>
#include <cove/net.h>
#include <cove/random.h>
#include <cove/secret.h>
#include <cmocka.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>

#define UNUSED __attribute__((unused))

enum mode { MODE_LINE, MODE_GIVE, MODE_TAKE, MODE_HOLD, MODE_WAIT, MODE_ANSWER, MODE_BYE };

struct rig_state {
	bool seen_before;
	enum mode mode;
	char line[128];
	size_t n, sent;
	uint64_t left, at, bad;
	enum lane lane;
	unsigned ms;
	bool is_woken;
};

struct rig {
	struct net *net;
	struct tls_identity *identity;
	struct protocol protocol;
	uint16_t port;
	char chain_pem[2048], key_pem[1024];
	_Atomic unsigned begun, ended, timed_out, at_once, most_at_once;
	_Atomic bool answer_timeout;
	pthread_mutex_t waiting_mutex;
	struct conn_ref waiting;
	_Atomic bool is_waiting, is_ready;
};

static inline unsigned char pattern(uint64_t at)
{
	return (unsigned char)(at * 31 + (at >> 8) * 7 + (at >> 16));
}

static void rig_answer(struct rig_state *s, const char *text)
{
	s->n = (size_t)snprintf(s->line, sizeof(s->line), "%s\n", text);
	s->sent = 0;
	s->mode = MODE_ANSWER;
}

static uint64_t rig_number(struct str s)
{
	uint64_t n = 0;

	str_u64(s, &n);
	return n;
}

static void rig_command(struct conn *c, struct rig_state *s)
{
	struct str verb, rest, first, second;

	str_cut((struct str){s->line, s->n}, ' ', &verb, &rest);
	str_cut(rest, ' ', &first, &second);
	s->at = s->bad = 0;
	s->left = rig_number(rest);
	if (str_eq(verb, STR("echo"))) {
		char text[128];
		snprintf(text, sizeof(text), "%.*s", STR_ARG(rest));
		rig_answer(s, text);
	} else if (str_eq(verb, STR("give"))) {
		s->mode = MODE_GIVE;
		conn_pace(c, PACE_BODY);
	} else if (str_eq(verb, STR("take"))) {
		s->mode = MODE_TAKE;
		conn_pace(c, PACE_BODY);
	} else if (str_eq(verb, STR("hold"))) {
		s->lane = (enum lane)rig_number(first);
		s->ms = (unsigned)rig_number(second);
		s->mode = MODE_HOLD;
		conn_pace(c, PACE_NONE);
	} else if (str_eq(verb, STR("wait"))) {
		s->mode = MODE_WAIT;
		s->is_woken = false;
		conn_pace(c, PACE_NONE);
	} else if (str_eq(verb, STR("work"))) {
		conn_pace(c, PACE_NONE);
		rig_answer(s, "working");
	} else if (str_eq(verb, STR("idle"))) {
		conn_pace(c, PACE_IDLE);
		rig_answer(s, "idle");
	} else if (str_eq(verb, STR("peer"))) {
		char text[128];
		snprintf(text, sizeof(text), "%.*s %d", STR_ARG(conn_peer(c)), conn_is_tls(c));
		rig_answer(s, text);
	} else {
		s->mode = MODE_BYE;
	}
}

static enum want rig_want(enum io io)
{
	return io == IO_WANT_READ ? WANT_READ : io == IO_WANT_WRITE ? WANT_WRITE : WANT_CLOSE;
}

static enum want rig_line(struct conn *c, struct rig *rig, struct rig_state *s)
{
	size_t moved;

	for (;;) {
		if (s->n == sizeof(s->line))
			return WANT_CLOSE;
		enum io io = conn_read(c, s->line + s->n, 1, &moved);
		if (io == IO_END && conn_timed_out(c)) {
			atomic_fetch_add(&rig->timed_out, 1);
			if (!rig->answer_timeout)
				return WANT_CLOSE;
			conn_write(c, "late\n", 5, &moved);
			return WANT_CLOSE;
		}
		if (io != IO_OK)
			return rig_want(io);
		if (s->line[s->n] == '\n') {
			rig_command(c, s);
			return WANT_AGAIN;
		}
		s->n++;
	}
}

static enum want rig_give(struct conn *c, struct rig_state *s)
{
	unsigned char *p = conn_scratch(c);
	size_t turn = 0, moved;

	if (conn_lane_enter(c, LANE_BULK) == LANE_WAIT)
		return WANT_WAKE;
	while (s->left && turn < TURN_BYTES) {
		size_t n = s->left < SCRATCH_BYTES ? (size_t)s->left : SCRATCH_BYTES;
		for (size_t i = 0; i < n; i++)
			p[i] = pattern(s->at + i);
		enum io io = conn_write(c, p, n, &moved);
		if (io != IO_OK)
			return rig_want(io);
		s->at += moved;
		s->left -= moved;
		turn += moved;
	}
	if (s->left)
		return WANT_AGAIN;
	s->mode = MODE_LINE;
	s->n = 0;
	conn_pace(c, PACE_IDLE);
	return WANT_READ;
}

static enum want rig_take(struct conn *c, struct rig_state *s)
{
	unsigned char *p = conn_scratch(c);
	size_t turn = 0, moved;
	char text[64];

	if (conn_lane_enter(c, LANE_BULK) == LANE_WAIT)
		return WANT_WAKE;
	while (s->left && turn < TURN_BYTES) {
		enum io io = conn_read(c, p, s->left < SCRATCH_BYTES ? (size_t)s->left : SCRATCH_BYTES, &moved);
		if (io != IO_OK)
			return rig_want(io);
		for (size_t i = 0; i < moved; i++)
			s->bad += p[i] != pattern(s->at + i);
		s->at += moved;
		s->left -= moved;
		turn += moved;
	}
	if (s->left)
		return WANT_AGAIN;
	snprintf(text, sizeof(text), s->bad ? "bad" : "taken %llu", (unsigned long long)s->at);
	rig_answer(s, text);
	return WANT_AGAIN;
}

static enum want rig_hold(struct conn *c, struct rig *rig, struct rig_state *s)
{
	switch (conn_lane_enter(c, s->lane)) {
	case LANE_WAIT:
		return WANT_WAKE;
	case LANE_FULL:
		rig_answer(s, "full");
		return WANT_AGAIN;
	case LANE_IN:
		break;
	}
	unsigned now = atomic_fetch_add(&rig->at_once, 1) + 1, most = rig->most_at_once;
	while (now > most && !atomic_compare_exchange_weak(&rig->most_at_once, &most, now))
		;
	usleep(s->ms * 1000);
	atomic_fetch_sub(&rig->at_once, 1);
	rig_answer(s, "held");
	return WANT_AGAIN;
}

static enum want rig_wait(struct conn *c, struct rig *rig, struct rig_state *s)
{
	if (atomic_exchange(&rig->is_ready, false)) {
		rig_answer(s, "woken");
		return WANT_AGAIN;
	}
	pthread_mutex_lock(&rig->waiting_mutex);
	rig->waiting = conn_ref(c);
	rig->is_waiting = true;
	pthread_mutex_unlock(&rig->waiting_mutex);
	return WANT_WAKE;
}

static enum want rig_send(struct conn *c, struct rig_state *s)
{
	size_t moved;

	while (s->sent < s->n) {
		enum io io = conn_write(c, s->line + s->sent, s->n - s->sent, &moved);
		if (io != IO_OK)
			return rig_want(io);
		s->sent += moved;
	}
	s->mode = MODE_LINE;
	s->n = 0;
	return WANT_AGAIN;
}

static enum want rig_step(struct conn *c, void *state, void *ctx)
{
	struct rig_state *s = state;
	struct rig *rig = ctx;

	if (!s->seen_before) {
		s->seen_before = true;
		atomic_fetch_add(&rig->begun, 1);
	}
	switch (s->mode) {
	case MODE_LINE:
		return rig_line(c, rig, s);
	case MODE_GIVE:
		return rig_give(c, s);
	case MODE_TAKE:
		return rig_take(c, s);
	case MODE_HOLD:
		return rig_hold(c, rig, s);
	case MODE_WAIT:
		return rig_wait(c, rig, s);
	case MODE_ANSWER:
		return rig_send(c, s);
	case MODE_BYE:
		break;
	}
	return WANT_CLOSE;
}

static void rig_close(struct conn *c, void *state, void *ctx)
{
	struct rig_state *s = state;
	struct rig *rig = ctx;

	(void)c;
	assert_true(s->seen_before);
	atomic_fetch_add(&rig->ended, 1);
}

/* ---- a certificate ---- */

static int rig_random(void *unused, unsigned char *out, size_t n)
{
	(void)unused;
	random_bytes(out, n);
	return 0;
}

static UNUSED void rig_make_identity(char *chain_pem, size_t chain_max, char *key_pem, size_t key_max)
{
	mbedtls_pk_context key;
	mbedtls_x509write_cert cert;
	unsigned char serial[] = {1};

	mbedtls_pk_init(&key);
	mbedtls_x509write_crt_init(&cert);
	assert_int_equal(mbedtls_pk_setup(&key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)), 0);
	assert_int_equal(mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(key), rig_random, NULL), 0);
	mbedtls_x509write_crt_set_subject_key(&cert, &key);
	mbedtls_x509write_crt_set_issuer_key(&cert, &key);
	mbedtls_x509write_crt_set_md_alg(&cert, MBEDTLS_MD_SHA256);
	mbedtls_x509write_crt_set_version(&cert, MBEDTLS_X509_CRT_VERSION_3);
	assert_int_equal(mbedtls_x509write_crt_set_subject_name(&cert, "CN=localhost"), 0);
	assert_int_equal(mbedtls_x509write_crt_set_issuer_name(&cert, "CN=localhost"), 0);
	assert_int_equal(mbedtls_x509write_crt_set_serial_raw(&cert, serial, sizeof(serial)), 0);
	assert_int_equal(mbedtls_x509write_crt_set_validity(&cert, "20200101000000", "20991231235959"), 0);
	assert_int_equal(mbedtls_x509write_crt_set_basic_constraints(&cert, 1, -1), 0);
	assert_int_equal(mbedtls_x509write_crt_pem(&cert, (unsigned char *)chain_pem, chain_max, rig_random, NULL), 0);
	assert_int_equal(mbedtls_pk_write_key_pem(&key, (unsigned char *)key_pem, key_max), 0);
	mbedtls_x509write_crt_free(&cert);
	mbedtls_pk_free(&key);
}

/* ---- the server ---- */

static void rig_open(struct rig *rig, struct net_options options)
{
	struct err err = {0};

	crypto_start();
	*rig = (struct rig){.protocol = {sizeof(struct rig_state), rig_step, rig_close, rig}};
	pthread_mutex_init(&rig->waiting_mutex, NULL);
	options.protocol = &rig->protocol;
	rig_make_identity(rig->chain_pem, sizeof(rig->chain_pem), rig->key_pem, sizeof(rig->key_pem));
	assert_int_equal(tls_identity_new(str_of(rig->chain_pem), str_of(rig->key_pem), &rig->identity, &err), OK);
	assert_int_equal(net_open(&options, &rig->net, &err), OK);
	assert_int_equal(net_listen(rig->net, "127.0.0.1", 0, &rig->port, &err), OK);
	net_set_identity(rig->net, rig->identity);
	assert_int_equal(net_start(rig->net, &err), OK);
}

/* Everything that began has ended, once. */
static void rig_stop(struct rig *rig, int64_t grace_ms)
{
	struct net_figures f;

	net_stop(rig->net, grace_ms);
	net_read_figures(rig->net, &f);
	assert_int_equal(f.open, 0);
	assert_int_equal(f.tls_open, 0);
	assert_int_equal(rig->begun, rig->ended);
	net_close(rig->net);
	tls_identity_unref(rig->identity);
	pthread_mutex_destroy(&rig->waiting_mutex);
}

static UNUSED struct net_figures rig_figures(struct rig *rig)
{
	struct net_figures f;

	net_read_figures(rig->net, &f);
	return f;
}

/* Waits (at most 30 s) until a condition on the figures or on the rig holds. */
#define eventually(condition)                                                                                          \
	do {                                                                                                           \
		int tries = 3000;                                                                                      \
		while (!(condition) && --tries)                                                                        \
			usleep(10000);                                                                                 \
		assert_true(condition);                                                                                \
	} while (0)

/* ---- clients ---- */

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
