/* serve: a net with http/ on it for tests, and a plain client that sends bytes as it is told. Routes must be
 * ROUTE_PLAIN. */
#pragma once
#include <arpa/inet.h>
#include <cove/http/route.h>
#include <cove/http/server.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <unistd.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

struct serve {
	struct protocol protocol;
	struct net *net;
	uint16_t port;
};

/* net_start() wants a certificate, though no test here speaks TLS. */
static const char serve_chain[] = "-----BEGIN CERTIFICATE-----\n"
				  "MIIBfjCCASWgAwIBAgIUdh2qsW+McpSma19TZSEwiQmtapUwCgYIKoZIzj0EAwIw\n"
				  "FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMzIzMzYwMFoYDzIxMjYxMDMw\n"
				  "MjMzNjAwWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO\n"
				  "PQMBBwNCAAQ8VbuQcUQjQ75v9aJ5CmEQUPWB9enB5A/cbP/KN8Ri+phpZDaCoSNf\n"
				  "T8hwbVQeIj5VMt1yfvYMC6/3OvinzdxOo1MwUTAdBgNVHQ4EFgQUpKauVSzO0SCl\n"
				  "6IPUxmOX+st4HRIwHwYDVR0jBBgwFoAUpKauVSzO0SCl6IPUxmOX+st4HRIwDwYD\n"
				  "VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiAiTwz0sr/FNueyx35BwdpK\n"
				  "pAtA8kv712/Md00GikX3NQIgdMB23uTnVv2NWX8NaO1CEreLH4gP7o30s686SVeU\n"
				  "dCU=\n"
				  "-----END CERTIFICATE-----\n";
static const char serve_key[] = "-----BEGIN EC PRIVATE KEY-----\n"
				"MHcCAQEEIMP2GSAwUTn8vhSMTLnGy+SWW+oosbGBZZ/8ozUzoEV+oAoGCCqGSM49\n"
				"AwEHoUQDQgAEPFW7kHFEI0O+b/WieQphEFD1gfXpweQP3Gz/yjfEYvqYaWQ2gqEj\n"
				"X0/IcG1UHiI+VTLdcn72DAuv9zr4p83cTg==\n"
				"-----END EC PRIVATE KEY-----\n";

static inline void serve_start(struct serve *s, struct site *site)
{
	struct net_options options = {.protocol = &s->protocol, .threads = 4};
	struct tls_identity *identity;
	struct err err = {.rc = OK};

	crypto_start();
	http_protocol(&s->protocol, site);
	assert_int_equal(net_open(&options, &s->net, &err), OK);
	assert_int_equal(net_listen(s->net, "127.0.0.1", 0, 0, &s->port, &err), OK);
	assert_int_equal(tls_identity_new(str_of(serve_chain), str_of(serve_key), &identity, &err), OK);
	net_set_identity(s->net, identity);
	tls_identity_unref(identity);
	assert_int_equal(net_start(s->net, &err), OK);
}

static inline void serve_stop(struct serve *s)
{
	net_stop(s->net, 1000);
	net_close(s->net);
}

static inline int client_open(const struct serve *s)
{
	struct sockaddr_in a = {
	    .sin_family = AF_INET, .sin_port = htons(s->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval limit = {.tv_sec = 20};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
	return fd;
}

/* False when the server has closed. */
static inline bool client_send(int fd, struct str data)
{
	while (data.n) {
		ssize_t n = send(fd, data.p, data.n, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		data = str_from(data, (size_t)n);
	}
	return true;
}

/* Everything until the server closes. */
static inline void client_read_all(int fd, struct buf *to)
{
	for (;;) {
		char *room = buf_room(to, 65536);
		ssize_t n;

		assert_non_null(room);
		n = recv(fd, room, 65536, 0);
		if (n < 0)
			assert_int_equal(errno, ECONNRESET);
		if (n <= 0)
			return;
		buf_grown(to, (size_t)n);
	}
}

/* Exactly n bytes. */
static inline void client_read(int fd, char *to, size_t n)
{
	assert_int_equal(recv(fd, to, n, MSG_WAITALL), (ssize_t)n);
}
