/* keys: when an issuer is asked for its keys, and what is believed meanwhile. A real client asks a real server. */
#include <arpa/inet.h>
#include <cove/client/client.h>
#include <cove/base/clock.h>
#include <cove/crypto/jwt.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include "private.h"

#define MONO_MS 1000000000

/* Answers each connection once with `status` and `body`; not before `hold` is false. */
struct server {
	int fd;
	uint16_t port;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t change;
	int status;
	struct buf body;
	int requests, woken;
	bool hold;
};

struct fixture {
	struct server server;
	struct client *client;
	struct key_cache *cache;
	struct jwt_key old, new;
	char url[64];
};

static void answer(struct server *s, int fd)
{
	char request[4096];
	struct buf out = BUF_INIT(65536);
	ssize_t n = read(fd, request, sizeof(request));

	pthread_mutex_lock(&s->lock);
	s->requests += n > 0;
	pthread_cond_broadcast(&s->change);
	while (s->hold)
		pthread_cond_wait(&s->change, &s->lock);
	buf_addf(&out, "HTTP/1.1 %d x\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%.*s", s->status, s->body.n,
	    STR_ARG(buf_str(&s->body)));
	pthread_mutex_unlock(&s->lock);
	assert_true(send(fd, out.p, out.n, MSG_NOSIGNAL) != 0);
	buf_release(&out);
}

static void *serve(void *ctx)
{
	struct server *s = ctx;
	int fd;

	while ((fd = accept(s->fd, NULL, NULL)) >= 0) {
		answer(s, fd);
		close(fd);
	}
	return NULL;
}

static void server_start(struct server *s)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(at);

	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(s->fd, 16), 0);
	assert_int_equal(getsockname(s->fd, (struct sockaddr *)&at, &size), 0);
	s->port = ntohs(at.sin_port);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->change, NULL);
	buf_init(&s->body, 32768);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_stop(struct server *s)
{
	shutdown(s->fd, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->fd);
	buf_release(&s->body);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->change);
}

/* What the server says from now on: the keys, or with NULL a failure. */
static void publish(struct fixture *f, const struct jwt_key *key)
{
	struct server *s = &f->server;

	pthread_mutex_lock(&s->lock);
	buf_reset(&s->body);
	s->status = key ? 200 : 500;
	if (key)
		jwt_jwks(key, &s->body);
	pthread_mutex_unlock(&s->lock);
}

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	uint8_t seed[JWT_SEED_SIZE] = {1};

	crypto_start();
	clock_pin(1700000000, MONO_MS);
	server_start(&f->server);
	assert_int_equal(client_open(&(struct client_options){.user_agent = STR("test")}, &f->client, NULL), OK);
	f->cache = key_cache_new(f->client);
	jwt_key_from_seed(&f->old, seed);
	seed[0] = 2;
	jwt_key_from_seed(&f->new, seed);
	snprintf(f->url, sizeof(f->url), "http://127.0.0.1:%u/keys", f->server.port);
	publish(f, &f->old);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	if (f->cache)
		key_cache_free(f->cache);
	client_close(f->client);
	server_stop(&f->server);
	free(f);
	clock_pin(-1, -1);
	return 0;
}

static void count_wake(void *ctx)
{
	struct server *s = ctx;

	pthread_mutex_lock(&s->lock);
	s->woken++;
	pthread_cond_broadcast(&s->change);
	pthread_mutex_unlock(&s->lock);
}

static void wait_woken(struct fixture *f, int count)
{
	pthread_mutex_lock(&f->server.lock);
	while (f->server.woken < count)
		pthread_cond_wait(&f->server.change, &f->server.lock);
	pthread_mutex_unlock(&f->server.lock);
}

static void wait_requests(struct fixture *f, int count)
{
	pthread_mutex_lock(&f->server.lock);
	while (f->server.requests < count)
		pthread_cond_wait(&f->server.change, &f->server.lock);
	pthread_mutex_unlock(&f->server.lock);
}

static int requests(struct fixture *f)
{
	int n;

	pthread_mutex_lock(&f->server.lock);
	n = f->server.requests;
	pthread_mutex_unlock(&f->server.lock);
	return n;
}

static void hold(struct fixture *f, bool on)
{
	pthread_mutex_lock(&f->server.lock);
	f->server.hold = on;
	pthread_cond_broadcast(&f->server.change);
	pthread_mutex_unlock(&f->server.lock);
}

/* Asks for the key of a token that `key` has signed. */
static enum rc find_of(struct fixture *f, int64_t id, const struct jwt_key *key)
{
	struct issuer_info issuer = {
	    .id = id, .name = STR("ci"), .url = STR("https://issuer.test"), .jwks_url = str_of(f->url)};
	struct buf text = BUF_INIT(JWT_MAX);
	struct jws token;
	struct jwk found;
	enum rc rc;

	assert_int_equal(jwt_sign(key, STR("{\"a\":1}"), &text, NULL), OK);
	assert_int_equal(jws_parse(buf_str(&text), &token, NULL), OK);
	rc = key_cache_find(f->cache, &issuer, &token, (struct oidc_wake){count_wake, &f->server}, &found, NULL);
	if (!rc)
		assert_string_equal(found.id, key->kid);
	jws_release(&token);
	buf_release(&text);
	return rc;
}

static enum rc find(struct fixture *f, const struct jwt_key *key)
{
	return find_of(f, 1, key);
}

static void at(int64_t s)
{
	clock_pin(1700000000 + s, MONO_MS + s * 1000);
}

static void asked_once(void **state)
{
	struct fixture *f = *state;

	hold(f, true);
	for (int i = 0; i < 50; i++)
		assert_int_equal(find(f, &f->old), E_WANT_WAKE);
	hold(f, false);
	wait_woken(f, 50);
	for (int i = 0; i < 50; i++)
		assert_int_equal(find(f, &f->old), OK);
	assert_int_equal(requests(f), 1);
	assert_int_equal(f->server.woken, 50);
}

static void bounded(void **state)
{
	struct fixture *f = *state;

	hold(f, true);
	for (int i = 0; i < KEYS_WAITERS_MAX; i++)
		assert_int_equal(find(f, &f->old), E_WANT_WAKE);
	assert_int_equal(find(f, &f->old), E_BUSY);
	hold(f, false);
	wait_woken(f, KEYS_WAITERS_MAX);
}

/* A kid that is not known asks again, but not more often than every half minute. */
static void unknown_keys(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(find(f, &f->old), E_WANT_WAKE);
	wait_woken(f, 1);
	publish(f, &f->new);
	for (int i = 0; i < 30; i++) {
		at(i);
		assert_int_equal(find(f, &f->new), E_BAD_PASSWORD);
		assert_int_equal(find(f, &f->old), OK);
	}
	assert_int_equal(requests(f), 1);
	at(30);
	assert_int_equal(find(f, &f->new), E_WANT_WAKE);
	wait_woken(f, 2);
	assert_int_equal(find(f, &f->new), OK);
	assert_int_equal(find(f, &f->old), E_BAD_PASSWORD); /* the issuer took it back */
	assert_int_equal(requests(f), 2);
}

static void failures(void **state)
{
	struct fixture *f = *state;

	publish(f, NULL);
	assert_int_equal(find(f, &f->old), E_WANT_WAKE);
	wait_woken(f, 1);
	for (int i = 0; i < 10; i++)
		assert_int_equal(find(f, &f->old), E_UPSTREAM_UNREACHABLE);
	publish(f, &f->old);
	assert_int_equal(find(f, &f->old), E_UPSTREAM_UNREACHABLE);
	assert_int_equal(requests(f), 1);
	at(30);
	assert_int_equal(find(f, &f->old), E_WANT_WAKE);
	wait_woken(f, 2);
	assert_int_equal(find(f, &f->old), OK);
}

/* Until no fetch is under way. */
static void settle(struct fixture *f)
{
	int woken;

	do {
		pthread_mutex_lock(&f->server.lock);
		woken = f->server.woken;
		pthread_mutex_unlock(&f->server.lock);
		if (find(f, &f->new) == E_WANT_WAKE)
			wait_woken(f, woken + 1);
		else
			return;
	} while (true);
}

/* An issuer that takes a request and says nothing: who waits gets an answer, and does not wait for another fetch. */
static void silent(void **state)
{
	struct fixture *f = *state;

	hold(f, true);
	assert_int_equal(find(f, &f->old), E_WANT_WAKE);
	wait_requests(f, 1);
	at(KEYS_FETCH_MS / 1000); /* the client looks at the clock by itself */
	wait_woken(f, 1);
	assert_int_equal(find(f, &f->old), E_UPSTREAM_UNREACHABLE);
	hold(f, false);
	assert_int_equal(requests(f), 1);
}

static void late(void **state)
{
	struct fixture *f = *state;

	hold(f, true);
	publish(f, NULL);
	assert_int_equal(find(f, &f->old), E_WANT_WAKE);
	wait_requests(f, 1);
	at(KEYS_TRY_MS / 1000);
	hold(f, false);
	wait_woken(f, 1);
	assert_int_equal(find(f, &f->old), E_UPSTREAM_UNREACHABLE);
	assert_int_equal(requests(f), 1);
}

/* After an hour they are asked for beside their use; a day without an answer ends it. */
static void stale_keys(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(find(f, &f->old), E_WANT_WAKE);
	wait_woken(f, 1);
	publish(f, NULL);
	at(3599);
	assert_int_equal(find(f, &f->old), OK);
	assert_int_equal(requests(f), 1);
	at(3600);
	assert_int_equal(find(f, &f->old), OK);
	wait_requests(f, 2);
	settle(f);
	at(86399);
	assert_int_equal(find(f, &f->old), OK);
	wait_requests(f, 3);
	settle(f);
	at(86400);
	assert_int_equal(find(f, &f->old), E_UPSTREAM_UNREACHABLE);
}

static void each_issuer_for_itself(void **state)
{
	struct fixture *f = *state;

	/* more than there are places: those of issuers that are gone give way */
	for (int64_t id = 1; id <= 3 * ISSUERS_MAX; id++) {
		at(id);
		assert_int_equal(find_of(f, id, &f->old), E_WANT_WAKE);
		wait_woken(f, (int)id);
		assert_int_equal(find_of(f, id, &f->old), OK);
	}
	assert_int_equal(find_of(f, 3 * ISSUERS_MAX - 5, &f->old), OK);
	assert_int_equal(requests(f), 3 * ISSUERS_MAX);
}

static void closed_while_asking(void **state)
{
	struct fixture *f = *state;

	hold(f, true);
	assert_int_equal(find(f, &f->old), E_WANT_WAKE);
	wait_requests(f, 1);
	key_cache_free(f->cache);
	f->cache = NULL;
	wait_woken(f, 1);
	hold(f, false);
}

#define fixture_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    fixture_test(asked_once),
	    fixture_test(bounded),
	    fixture_test(unknown_keys),
	    fixture_test(failures),
	    fixture_test(silent),
	    fixture_test(late),
	    fixture_test(stale_keys),
	    fixture_test(each_issuer_for_itself),
	    fixture_test(closed_while_asking),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
