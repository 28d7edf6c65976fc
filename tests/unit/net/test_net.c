#include <cove/base/buf.h>
#include <cove/crypto/cpu.h>
#include "net/client.h"

static const struct {
	const char *name;
	struct client_options options;
} kinds[] = {
    {"plain", {.tls = false}},
    {"TLS 1.2", {.tls = true, .version = MBEDTLS_SSL_VERSION_TLS1_2}},
    {"TLS 1.3", {.tls = true, .version = MBEDTLS_SSL_VERSION_TLS1_3}},
};
#define KINDS (sizeof(kinds) / sizeof(*kinds))

static int setup(void **state)
{
	static struct rig rig;

	rig_open(&rig, (struct net_options){0});
	*state = &rig;
	return 0;
}

static int teardown(void **state)
{
	rig_stop(*state, 0);
	return 0;
}

static void answers_in_plain_and_in_both_versions_of_tls(void **state)
{
	struct rig *rig = *state;
	struct client k;

	for (size_t i = 0; i < KINDS; i++) {
		assert_int_equal(client_open(&k, rig->port, kinds[i].options), 0);
		assert_string_equal(client_ask(&k, "echo hello\n"), "hello");
		assert_string_equal(client_ask(&k, "echo again\n"), "again");
		assert_string_equal(client_ask(&k, "peer\n"), kinds[i].options.tls ? "127.0.0.1 1" : "127.0.0.1 0");
		client_close(&k);
	}
	eventually(rig_figures(rig).open == 0);
	assert_int_equal(rig_figures(rig).accepted, 3);
	assert_int_equal(rig_figures(rig).handshakes, 2);
}

static void pipelined_requests_are_all_answered(void **state)
{
	struct rig *rig = *state;
	struct client k;

	for (size_t i = 0; i < KINDS; i++) {
		assert_int_equal(client_open(&k, rig->port, kinds[i].options), 0);
		for (int j = 0; j < 100; j++)
			assert_true(client_send(&k, "echo a\necho b\n", 14));
		for (int j = 0; j < 100; j++) {
			assert_string_equal(client_line(&k), "a");
			assert_string_equal(client_line(&k), "b");
		}
		client_close(&k);
	}
}

static void a_drip_of_single_bytes_is_understood(void **state)
{
	struct rig *rig = *state;
	struct client k;

	/* In TLS a record per byte; and, below it, every byte of every record by itself. */
	for (size_t i = 0; i < KINDS; i++) {
		int one = 1;
		assert_int_equal(client_open(&k, rig->port, kinds[i].options), 0);
		setsockopt(k.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		for (const char *p = "echo drip\n"; *p; p++) {
			assert_true(client_send(&k, p, 1));
			usleep(1000);
		}
		assert_string_equal(client_line(&k), "drip");
		client_close(&k);
	}
}

static int drip_send(void *client, const unsigned char *p, size_t n)
{
	(void)n;
	usleep(500);
	return client_bio_send(client, p, 1);
}

static void a_handshake_may_drip(void **state)
{
	struct rig *rig = *state;
	struct client k = {0};

	for (size_t i = 1; i < KINDS; i++) {
		struct client_options o = kinds[i].options;
		/* client_open with another way to send */
		k = (struct client){.fd = client_connect(rig->port), .tls = true};
		int one = 1;
		setsockopt(k.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		mbedtls_ssl_config_init(&k.conf);
		mbedtls_ssl_init(&k.ssl);
		assert_int_equal(mbedtls_ssl_config_defaults(&k.conf, MBEDTLS_SSL_IS_CLIENT,
				     MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT),
		    0);
		mbedtls_ssl_conf_rng(&k.conf, rig_random, NULL);
		mbedtls_ssl_conf_authmode(&k.conf, MBEDTLS_SSL_VERIFY_NONE);
		mbedtls_ssl_conf_max_tls_version(&k.conf, o.version);
		assert_int_equal(mbedtls_ssl_setup(&k.ssl, &k.conf), 0);
		assert_int_equal(mbedtls_ssl_set_hostname(&k.ssl, NULL), 0);
		mbedtls_ssl_set_bio(&k.ssl, &k, drip_send, client_bio_recv, NULL);
		assert_int_equal(mbedtls_ssl_handshake(&k.ssl), 0);
		assert_string_equal(client_ask(&k, "echo done\n"), "done");
		client_close(&k);
	}
}

static void much_goes_both_ways(void **state)
{
	struct rig *rig = *state;
	struct client k;
	const uint64_t n = 20 * 1024 * 1024 + 12345;
	char request[64];

	for (size_t i = 0; i < KINDS; i++) {
		assert_int_equal(client_open(&k, rig->port, kinds[i].options), 0);
		snprintf(request, sizeof(request), "give %llu\n", (unsigned long long)n);
		assert_true(client_send(&k, request, strlen(request)));
		assert_true(client_take(&k, n));
		snprintf(request, sizeof(request), "take %llu\n", (unsigned long long)n);
		assert_true(client_send(&k, request, strlen(request)));
		assert_true(client_give(&k, n));
		snprintf(request, sizeof(request), "taken %llu", (unsigned long long)n);
		assert_string_equal(client_line(&k), request);
		client_close(&k);
	}
}

static void a_slow_reader_gets_everything_and_then_the_end(void **state)
{
	struct rig *rig = *state;
	struct client k;

	for (size_t i = 0; i < KINDS; i++) {
		assert_int_equal(client_open(&k, rig->port, kinds[i].options), 0);
		/* "bye" is read only when all is sent; the server's last bytes wait in the connection. */
		assert_true(client_send(&k, "give 8000000\nbye\n", 17));
		usleep(300000);
		assert_true(client_take(&k, 8000000));
		assert_int_equal(client_recv(&k, &(char){0}, 1), 0);
		client_close(&k);
	}
}

static void a_half_closed_peer_is_still_answered(void **state)
{
	struct rig *rig = *state;
	struct client k;

	for (size_t i = 0; i < KINDS; i++) {
		assert_int_equal(client_open(&k, rig->port, kinds[i].options), 0);
		assert_true(client_send(&k, "give 3000000\necho last\n", 23));
		if (k.tls)
			assert_int_equal(mbedtls_ssl_close_notify(&k.ssl), 0);
		assert_int_equal(shutdown(k.fd, SHUT_WR), 0);
		assert_true(client_take(&k, 3000000));
		assert_string_equal(client_line(&k), "last");
		assert_string_equal(client_line(&k), "");
		client_close(&k);
	}
	eventually(rig_figures(rig).open == 0);
}

static void tickets_resume(void **state)
{
	struct rig *rig = *state;
	struct client k;
	mbedtls_ssl_session session;

	for (size_t i = 1; i < KINDS; i++) {
		uint64_t before = rig_figures(rig).handshakes_resumed;
		mbedtls_ssl_session_init(&session);
		struct client_options o = kinds[i].options;
		assert_int_equal(client_open(&k, rig->port, o), 0);
		assert_string_equal(client_ask(&k, "echo one\n"), "one"); /* reads the ticket of TLS 1.3 as well */
		assert_int_equal(mbedtls_ssl_get_session(&k.ssl, &session), 0);
		client_close(&k);
		assert_int_equal(rig_figures(rig).handshakes_resumed, before);
		/* A new certificate does not end the tickets. */
		net_set_identity(rig->net, rig->identity);
		o.resume = &session;
		assert_int_equal(client_open(&k, rig->port, o), 0);
		assert_string_equal(client_ask(&k, "echo two\n"), "two");
		client_close(&k);
		assert_int_equal(rig_figures(rig).handshakes_resumed, before + 1);
		mbedtls_ssl_session_free(&session);
	}
}

static void alpn_is_http_1_1_or_refused(void **state)
{
	struct rig *rig = *state;
	static const char *both[] = {"h2", "http/1.1", NULL}, *only[] = {"h2", NULL};
	struct client k;

	for (size_t i = 1; i < KINDS; i++) {
		struct client_options o = kinds[i].options;
		o.alpn = both;
		assert_int_equal(client_open(&k, rig->port, o), 0);
		assert_string_equal(mbedtls_ssl_get_alpn_protocol(&k.ssl), "http/1.1");
		client_close(&k);
		o.alpn = only;
		assert_int_equal(client_open(&k, rig->port, o), MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE);
		client_close(&k);
	}
	eventually(rig_figures(rig).handshakes_failed == 2);
}

static void every_suite_works(void **state)
{
	struct rig *rig = *state;
	static const struct {
		mbedtls_ssl_protocol_version version;
		int suites[2];
	} rows[] = {
	    {MBEDTLS_SSL_VERSION_TLS1_3, {MBEDTLS_TLS1_3_AES_128_GCM_SHA256}},
	    {MBEDTLS_SSL_VERSION_TLS1_3, {MBEDTLS_TLS1_3_AES_256_GCM_SHA384}},
	    {MBEDTLS_SSL_VERSION_TLS1_3, {MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256}},
	    {MBEDTLS_SSL_VERSION_TLS1_2, {MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}},
	    {MBEDTLS_SSL_VERSION_TLS1_2, {MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}},
	    {MBEDTLS_SSL_VERSION_TLS1_2, {MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256}},
	};
	struct client k;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct client_options o = {.tls = true, .version = rows[i].version, .suites = rows[i].suites};
		assert_int_equal(client_open(&k, rig->port, o), 0);
		assert_true(client_send(&k, "give 100000\n", 12));
		assert_true(client_take(&k, 100000));
		client_close(&k);
	}
}

/* Clients in Go offer AES-128 first. */
static void the_fast_suite_is_preferred(void **state)
{
	struct rig *rig = *state;
	static const int first_13[] = {MBEDTLS_TLS1_3_AES_128_GCM_SHA256, MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
	    MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256, 0};
	static const int first_12[] = {MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, 0};
	static const struct {
		mbedtls_ssl_protocol_version version;
		const int *offered;
		int with_aes, without;
	} rows[] = {
	    {MBEDTLS_SSL_VERSION_TLS1_3, first_13, MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
		MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256},
	    {MBEDTLS_SSL_VERSION_TLS1_2, first_12, MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
		MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256},
	};
	struct client k;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct client_options o = {.tls = true, .version = rows[i].version, .suites = rows[i].offered};
		assert_int_equal(client_open(&k, rig->port, o), 0);
		assert_int_equal(mbedtls_ssl_get_ciphersuite_id_from_ssl(&k.ssl),
		    cpu_has_aes() ? rows[i].with_aes : rows[i].without);
		client_close(&k);
	}
}

static void who_does_not_trust_us_is_counted(void **state)
{
	struct rig *rig = *state;
	char pem[2048], key[1024];
	mbedtls_x509_crt other;
	struct client k;

	rig_make_identity(pem, sizeof(pem), key, sizeof(key));
	mbedtls_x509_crt_init(&other);
	assert_int_equal(mbedtls_x509_crt_parse(&other, (unsigned char *)pem, strlen(pem) + 1), 0);
	for (size_t i = 1; i < KINDS; i++) {
		struct client_options o = kinds[i].options;
		o.trust = &other;
		assert_int_not_equal(client_open(&k, rig->port, o), 0);
		client_close(&k);
		eventually(rig_figures(rig).unknown_ca == i);
	}
	mbedtls_x509_crt_free(&other);
}

static void a_new_identity_is_for_new_handshakes(void **state)
{
	struct rig *rig = *state;
	char chain[2048], key[1024];
	struct tls_identity *second;
	mbedtls_x509_crt trust;
	struct client before, k;
	struct err err;

	assert_int_equal(client_open(&before, rig->port, kinds[2].options), 0);
	rig_make_identity(chain, sizeof(chain), key, sizeof(key));
	assert_int_equal(tls_identity_new(str_of(chain), str_of(key), &second, &err), OK);
	net_set_identity(rig->net, second);
	tls_identity_unref(second);
	assert_string_equal(client_ask(&before, "echo still\n"), "still");
	client_close(&before);
	mbedtls_x509_crt_init(&trust);
	assert_int_equal(mbedtls_x509_crt_parse(&trust, (unsigned char *)chain, strlen(chain) + 1), 0);
	assert_int_equal(client_open(&k, rig->port, (struct client_options){.tls = true, .trust = &trust}), 0);
	client_close(&k);
	mbedtls_x509_crt_free(&trust);
}

static void an_identity_must_fit_together(void **state)
{
	struct rig *rig = *state;
	char chain[2048], key[1024];
	struct tls_identity *i;
	struct err err;

	rig_make_identity(chain, sizeof(chain), key, sizeof(key));
	assert_int_equal(tls_identity_new(str_of(rig->chain_pem), str_of(key), &i, &err), E_CONFIG);
	assert_non_null(strstr(err.text, "does not belong"));
	assert_int_equal(tls_identity_new(STR("no PEM"), str_of(key), &i, &err), E_CONFIG);
	assert_int_equal(tls_identity_new(str_of(chain), STR("no PEM"), &i, &err), E_CONFIG);
	assert_int_equal(tls_identity_new(STR(""), STR(""), &i, &err), E_CONFIG);

	struct buf many = BUF_INIT(1 << 16);
	for (int n = 0; n < 80; n++)
		buf_addz(&many, chain);
	assert_int_equal(tls_identity_new(buf_str(&many), str_of(key), &i, &err), E_CONFIG);
	assert_non_null(strstr(err.text, "leave out the root"));
	buf_release(&many);
}

static void a_parked_connection_is_woken(void **state)
{
	struct rig *rig = *state;
	struct client k;

	for (size_t i = 0; i < KINDS; i++) {
		assert_int_equal(client_open(&k, rig->port, kinds[i].options), 0);
		assert_true(client_send(&k, "wait\n", 5));
		eventually(rig->is_waiting);
		rig->is_ready = true;
		pthread_mutex_lock(&rig->waiting_mutex);
		conn_wake(rig->waiting);
		pthread_mutex_unlock(&rig->waiting_mutex);
		assert_string_equal(client_line(&k), "woken");
		client_close(&k);
		eventually(rig_figures(rig).open == 0);
		conn_wake(rig->waiting); /* one that ended is not missed */
		rig->is_waiting = false;
	}
}

static void a_parked_connection_whose_peer_leaves_ends(void **state)
{
	struct rig *rig = *state;
	struct client k;

	assert_int_equal(client_open(&k, rig->port, kinds[0].options), 0);
	assert_true(client_send(&k, "wait\n", 5));
	eventually(rig->is_waiting);
	client_close(&k);
	eventually(rig_figures(rig).open == 0);
}

static void listens_where_told(void **state)
{
	struct rig *rig = *state;
	struct net_options options = {.protocol = &rig->protocol, .threads = 1};
	struct net *n;
	struct err err;
	uint16_t port = 0, again;

	assert_int_equal(net_open(&options, &n, &err), OK);
	assert_int_equal(net_listen(n, "", 0, 0, &port, &err), OK);
	assert_int_not_equal(port, 0);
	assert_int_not_equal(net_listen(n, "", port, 0, &again, &err), OK);
	assert_non_null(strstr(err.text, "cannot listen on all addresses"));
	assert_int_equal(net_listen(n, "registry.example", 0, 0, NULL, &err), E_CONFIG);
	net_set_identity(n, rig->identity);
	assert_int_equal(net_start(n, &err), OK);
	struct client k;
	assert_int_equal(client_open(&k, port, kinds[0].options), 0);
	assert_string_equal(client_ask(&k, "peer\n"), "127.0.0.1 0"); /* mapped IPv4 as IPv4 */
	client_close(&k);
	net_stop(n, 0);
	net_close(n);
}

/* A port comes and goes while the crew runs; who is connected stays, and the port is free again. */
static void listeners_come_and_go(void **state)
{
	struct rig *rig = *state;
	struct client old, k;
	struct err err;
	uint16_t port = 0;
	char tag[16];

	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(net_listen(rig->net, "127.0.0.1", port, 7 + i, &port, &err), OK);
		assert_int_equal(client_open(&k, port, kinds[i % KINDS].options), 0);
		snprintf(tag, sizeof(tag), "%u", 7 + i);
		assert_string_equal(client_ask(&k, "listener\n"), tag);
		if (i == 0)
			old = k;
		else
			client_close(&k);
		net_unlisten(rig->net, port);
		assert_int_equal(client_connect(port), -1);
		assert_string_equal(client_ask(&old, "echo on\n"), "on");
	}
	assert_int_equal(client_open(&k, rig->port, kinds[0].options), 0);
	assert_string_equal(client_ask(&k, "listener\n"), "0");
	client_close(&k);
	client_close(&old);
	net_unlisten(rig->net, 1); /* there is none */
}

/* Given up in the middle of a crowd: nobody is left hanging, nothing is closed twice. */
static void a_busy_listener_goes(void **state)
{
	struct rig *rig = *state;
	struct err err;
	uint16_t port = 0;

	for (int round = 0; round < 10; round++) {
		int fds[40];

		assert_int_equal(net_listen(rig->net, "127.0.0.1", 0, 1, &port, &err), OK);
		for (size_t i = 0; i < 40; i++)
			fds[i] = client_connect(port);
		net_unlisten(rig->net, port);
		for (size_t i = 0; i < 40; i++)
			if (fds[i] >= 0)
				close(fds[i]);
	}
	eventually(rig_figures(rig).open == 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(answers_in_plain_and_in_both_versions_of_tls),
	    TEST(pipelined_requests_are_all_answered),
	    TEST(a_drip_of_single_bytes_is_understood),
	    TEST(a_handshake_may_drip),
	    TEST(much_goes_both_ways),
	    TEST(a_slow_reader_gets_everything_and_then_the_end),
	    TEST(a_half_closed_peer_is_still_answered),
	    TEST(tickets_resume),
	    TEST(alpn_is_http_1_1_or_refused),
	    TEST(every_suite_works),
	    TEST(the_fast_suite_is_preferred),
	    TEST(who_does_not_trust_us_is_counted),
	    TEST(a_new_identity_is_for_new_handshakes),
	    TEST(an_identity_must_fit_together),
	    TEST(a_parked_connection_is_woken),
	    TEST(a_parked_connection_whose_peer_leaves_ends),
	    TEST(listens_where_told),
	    TEST(listeners_come_and_go),
	    TEST(a_busy_listener_goes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
