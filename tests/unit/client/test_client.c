/* client: real requests to a real server of one thread that answers as the request's path tells it. */
#include "client/outcome.h"
#include <arpa/inet.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/socket.h>
#include <unistd.h>

static struct client *client;
static int listening;
static uint16_t port, other_port;
static atomic_int leaked; /* requests that carried an Authorization where none belongs */

/* ---- the server ---- */

static void say(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(int fd, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vdprintf(fd, format, ap);
	va_end(ap);
}

static void answer(int fd, const char *head)
{
	static const char big[65536];

	if (strstr(head, "/hello "))
		say(fd,
		    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Two: a\r\nX-Two: b\r\nConnection: close\r\n\r\nhello");
	else if (strstr(head, " /echo "))
		say(fd, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s", strlen(head), head);
	else if (strstr(head, " /away "))
		say(fd,
		    "HTTP/1.1 307 x\r\nLocation: http://127.0.0.1:%u/landed\r\nContent-Length: 3\r\nConnection: "
		    "close\r\n\r\nbye",
		    other_port);
	else if (strstr(head, " /landed ")) {
		if (strstr(head, "Authorization"))
			atomic_fetch_add(&leaked, 1);
		say(fd, "HTTP/1.1 404 x\r\nContent-Length: 6\r\nConnection: close\r\n\r\nlanded");
	} else if (strstr(head, " /loop "))
		say(fd, "HTTP/1.1 302 x\r\nLocation: /loop\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
	else if (strstr(head, " /drop "))
		say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nConnection: close\r\n\r\nonly this");
	else if (strstr(head, " /long "))
		for (int i = 0; i < 64 && (i || dprintf(fd, "HTTP/1.1 200 OK\r\nContent-Length: 4194304\r\n\r\n") > 0);
		     i++)
			(void)!send(fd, big, sizeof big, MSG_NOSIGNAL);
	else if (strstr(head, " /stall ")) {
		say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nx");
		sleep(2);
	} else if (strstr(head, " /mute "))
		sleep(2);
}

static void *serve_one(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char head[8192];
	size_t n = 0;
	ssize_t got;

	while (n < sizeof head - 1 && (got = recv(fd, head + n, sizeof head - 1 - n, 0)) > 0) {
		n += (size_t)got;
		head[n] = '\0';
		if (strstr(head, "\r\n\r\n")) {
			answer(fd, head);
			break;
		}
	}
	close(fd);
	return NULL;
}

static void *serve(void *arg)
{
	int listener = (int)(intptr_t)arg, fd;
	pthread_t thread;

	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		assert_int_equal(pthread_create(&thread, NULL, serve_one, (void *)(intptr_t)fd), 0);
		pthread_detach(thread);
	}
	return NULL;
}

static int start_server(uint16_t *at)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof a;
	pthread_t thread;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(fd, 100), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	*at = ntohs(a.sin_port);
	assert_int_equal(pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd), 0);
	pthread_detach(thread);
	return fd;
}

static void ask(struct outcome *o, const char *path, struct client_request request)
{
	char url[128];

	outcome_init(o);
	if (path[0] == '/')
		snprintf(url, sizeof url, "http://127.0.0.1:%u%s", port, path);
	else
		snprintf(url, sizeof url, "%s", path);
	request.url = str_of(url);
	client_start(client, &request, &events, o);
	outcome_wait(o);
}

static void get_and_head(void **state)
{
	struct outcome o;

	(void)state;
	ask(&o, "/hello", (struct client_request){0});
	assert_int_equal(o.rc, OK);
	assert_int_equal(o.status, 200);
	assert_string_equal(o.two, "b");
	assert_true(str_eq(buf_str(&o.body), STR("hello")));
	buf_release(&o.body);
	ask(&o, "/hello", (struct client_request){.method = CLIENT_HEAD});
	assert_int_equal(o.status, 200);
	assert_int_equal(o.body.n, 0);
	buf_release(&o.body);
}

static void says_what_it_is_told(void **state)
{
	struct outcome o;

	(void)state;
	ask(&o, "/echo",
	    (struct client_request){
		.fields = STR("Accept: a/b\r\nX-Mine: 1\r\n"), .authorization = STR("Bearer t"), .from = 7});
	assert_int_equal(o.rc, OK);
	for (size_t i = 0; i < 5; i++) {
		static const char *const want[] = {"\r\nAccept: a/b\r\n", "\r\nX-Mine: 1\r\n",
		    "\r\nAuthorization: Bearer t\r\n", "\r\nRange: bytes=7-\r\n", "\r\nUser-Agent: cove/test\r\n"};

		assert_non_null(strstr(o.body.p, want[i]));
	}
	buf_release(&o.body);
	ask(&o, "/echo", (struct client_request){.method = CLIENT_POST, .body = STR("a=b")});
	assert_non_null(strstr(o.body.p, "Content-Length: 3\r\n"));
	buf_release(&o.body);
}

static void a_redirect_takes_no_credentials_along(void **state)
{
	struct outcome o;

	(void)state;
	ask(&o, "/away", (struct client_request){.authorization = STR("Bearer secret")});
	assert_int_equal(o.rc, OK);
	assert_int_equal(o.status, 404);
	assert_true(str_eq(buf_str(&o.body), STR("landed")));
	assert_int_equal(atomic_load(&leaked), 0);
	buf_release(&o.body);
}

static void failures_have_sentences(void **state)
{
	static const struct {
		const char *path;
		struct client_request request;
		enum rc rc;
		const char *sentence;
	} rows[] = {
	    {"/loop", {.redirects_max = 3}, E_UPSTREAM_ANSWER, "redirects"},
	    {"/drop", {0}, E_UPSTREAM_UNREACHABLE, "dropped"},
	    {"/long", {.body_max = 100000}, E_UPSTREAM_ANSWER, "100000"},
	    {"/stall", {.stall_ms = 200}, E_UPSTREAM_UNREACHABLE, "stopped sending"},
	    {"/mute", {.head_ms = 200}, E_UPSTREAM_UNREACHABLE, "in time"},
	    {"http://127.0.0.1:1/", {0}, E_UPSTREAM_UNREACHABLE, "does not accept"},
	    {"http://name.invalid/", {0}, E_UPSTREAM_UNREACHABLE, "name cannot be resolved"},
	    {"ftp://127.0.0.1/", {0}, E_UPSTREAM_ANSWER, "http"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct outcome o;

		ask(&o, rows[i].path, rows[i].request);
		if (o.rc != rows[i].rc || !strstr(o.err.text, rows[i].sentence))
			fail_msg("%s: %s, %s", rows[i].path, rc_name(o.rc), o.err.text);
		assert_int_equal(o.dones, 1);
		buf_release(&o.body);
	}
}

/* Who named the address lies elsewhere than on this machine. */
static void nobody_is_led_to_what_is_nearer(void **state)
{
	static const struct {
		enum nearness from;
		enum rc rc;
	} rows[] = {
	    {NEAR_NOT, E_UPSTREAM_ANSWER},
	    {NEAR_PRIVATE, E_UPSTREAM_ANSWER},
	    {NEAR_LINK_LOCAL, E_UPSTREAM_ANSWER},
	    {NEAR_LOOPBACK, OK},
	};
	char url[64];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct outcome o;

		ask(&o, "/hello", (struct client_request){.is_led = true, .led_from = rows[i].from});
		if (o.rc != rows[i].rc || (o.rc && !strstr(o.err.text, "inside this network")))
			fail_msg("row %zu: %s, %s", i, rc_name(o.rc), o.err.text);
		buf_release(&o.body);
	}
	/* a proxy of the owner's may lie inside, and it alone knows what names mean; addresses are refused all the same
	 */
	snprintf(url, sizeof url, "http://127.0.0.1:%u", port);
	setenv("http_proxy", url, 1);
	for (size_t i = 0; i < 2; i++) {
		struct outcome o;

		ask(&o, i ? "http://192.168.0.1/hello" : "http://example.test/hello",
		    (struct client_request){.is_led = true, .led_from = NEAR_NOT});
		assert_int_equal(o.rc, i ? E_UPSTREAM_ANSWER : OK);
		buf_release(&o.body);
	}
	unsetenv("http_proxy");
}

static void origins(void **state)
{
	static const struct {
		const char *address, *origin;
	} rows[] = {
	    {"https://Quay.IO", "https://quay.io:443"},
	    {"http://box:5000/v2/?n=1", "http://box:5000"},
	    {"https://[::1]/x", "https://[::1]:443"},
	    {"https://a?@b/", "https://a:443"},
	    {"https://a#@b/", "https://a:443"},
	    {"https://a@b/", NULL},
	    {"https://a:x@b/", NULL},
	    {"https://a:x@b:1/", NULL},
	    {"ftp://a/", NULL},
	    {"//a/", NULL},
	    {"/a", NULL},
	    {"", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char origin[ORIGIN_MAX];
		bool ok = client_origin(str_of(rows[i].address), origin);

		if (ok != (rows[i].origin != NULL) || strcmp(origin, ok ? rows[i].origin : ""))
			fail_msg("%s: %s", rows[i].address, origin);
	}
}

static void an_event_may_end_it(void **state)
{
	struct outcome o;
	struct client_request request = {0};
	char url[64];

	(void)state;
	outcome_init(&o);
	o.refuse = E_DISK_FULL;
	snprintf(url, sizeof url, "http://127.0.0.1:%u/long", port);
	request.url = str_of(url);
	client_start(client, &request, &events, &o);
	outcome_wait(&o);
	assert_int_equal(o.rc, E_DISK_FULL);
	buf_release(&o.body);
}

static void cancels_and_closes(void **state)
{
	enum { MANY = 60 };
	struct outcome o[MANY];
	struct client_request request = {0};
	char url[64];

	(void)state;
	snprintf(url, sizeof url, "http://127.0.0.1:%u/stall", port);
	request.url = str_of(url);
	for (int i = 0; i < MANY; i++) {
		outcome_init(&o[i]);
		request.delay_ms = i % 3 ? 0 : 100000;
		client_id id = client_start(client, &request, &events, &o[i]);
		if (i % 2)
			client_cancel(client, id);
	}
	for (int i = 1; i < MANY; i += 2)
		outcome_wait(&o[i]);
	client_close(client);
	client = NULL;
	for (int i = 0; i < MANY; i++) {
		assert_true(o[i].over);
		assert_int_equal(o[i].dones, 1);
		assert_int_equal(o[i].rc, E_SHUTTING_DOWN);
		buf_release(&o[i].body);
	}
}

static int set_up(void **state)
{
	struct client_options options = {.user_agent = STR("cove/test")};

	(void)state;
	signal(SIGPIPE, SIG_IGN); /* as app/ does: the server of the tests may write to a client that has gone */
	unsetenv("http_proxy");
	unsetenv("HTTP_PROXY");
	unsetenv("all_proxy");
	unsetenv("ALL_PROXY");
	listening = start_server(&port);
	(void)start_server(&other_port);
	return client_open(&options, &client, NULL) ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(get_and_head),
	    cmocka_unit_test(says_what_it_is_told),
	    cmocka_unit_test(a_redirect_takes_no_credentials_along),
	    cmocka_unit_test(failures_have_sentences),
	    cmocka_unit_test(nobody_is_led_to_what_is_nearer),
	    cmocka_unit_test(origins),
	    cmocka_unit_test(an_event_may_end_it),
	    cmocka_unit_test(cancels_and_closes),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
