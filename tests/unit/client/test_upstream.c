/* client: against a registry that misbehaves (tests/support/upstream.py), over TLS. */
#include "client/outcome.h"
#include <cove/base/io.h>
#include <fcntl.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BLOB_BYTES = 300000, PARALLEL = 50, STORM = 200, STORMERS = 4 };

static struct client *client;

/* ---- the upstream, a process of its own until its stdin is closed ---- */

struct upstream {
	pid_t pid;
	int input;
	char url[64], cdn[64], control[64], digest[80];
	struct buf ca;
};

static void take_line(struct upstream *u, const char *line)
{
	static const char *const keys[] = {"url ", "cdn ", "control "};
	char *values[] = {u->url, u->cdn, u->control};
	struct str rest = str_of(line), digest;

	for (size_t i = 0; i < 3; i++)
		if (str_starts(rest, str_of(keys[i])))
			snprintf(values[i], 64, "%s", line + strlen(keys[i]));
	if (str_starts(rest, STR("ca /")))
		assert_int_equal(io_read_file(AT_FDCWD, line + 3, &u->ca, NULL), OK);
	if (str_starts(rest, STR("blob "))) {
		str_cut_last(rest, ' ', &rest, &digest); /* the size */
		str_cut_last(rest, ' ', &rest, &digest);
		snprintf(u->digest, sizeof u->digest, "%.*s", STR_ARG(digest));
	}
}

static void upstream_start(struct upstream *u, const char *more, const char *value)
{
	static char program[] = COVE_TESTS "/support/upstream.py", image[] = "a/b:1=300000";
	char *option = more ? strdup(more) : NULL, *argument = value ? strdup(value) : NULL;
	char *argv[] = {(char[]){"python3"}, program, image, option, argument, NULL};
	posix_spawn_file_actions_t actions;
	int in[2], out[2];
	char line[512];
	FILE *lines;

	*u = (struct upstream){.ca = BUF_INIT(100000)};
	assert_int_equal(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC), 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in[0], 0);
	posix_spawn_file_actions_adddup2(&actions, out[1], 1);
	assert_int_equal(posix_spawnp(&u->pid, "python3", &actions, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	free(option);
	free(argument);
	close(in[0]);
	close(out[1]);
	u->input = in[1];
	lines = fdopen(out[0], "r");
	do {
		assert_non_null(fgets(line, sizeof line, lines));
		line[strcspn(line, "\n")] = '\0';
		take_line(u, line);
	} while (strcmp(line, "ready"));
	fclose(lines);
}

static void upstream_stop(struct upstream *u)
{
	int status;

	close(u->input);
	assert_int_equal(waitpid(u->pid, &status, 0), u->pid);
	assert_int_equal(status, 0);
	buf_release(&u->ca);
}

/* ---- requests ---- */

static void start(struct outcome *o, const char *base, const char *path, struct client_request request)
{
	char url[300];

	outcome_init(o);
	snprintf(url, sizeof url, "%s%s", base, path);
	request.url = str_of(url);
	client_start(client, &request, &events, o);
}

static void get(struct outcome *o, const struct upstream *u, const char *path, struct client_request request)
{
	if (!request.ca_pem.p)
		request.ca_pem = buf_str(&u->ca);
	start(o, u->url, path, request);
	outcome_wait(o);
}

static const char *blob(const struct upstream *u)
{
	static char path[128];

	snprintf(path, sizeof path, "/v2/a/b/blobs/%s", u->digest);
	return path;
}

static void say(const struct upstream *u, const char *path, const char *json)
{
	struct outcome o;

	start(&o, u->control, path, (struct client_request){.method = CLIENT_POST, .body = str_of(json)});
	outcome_wait(&o);
	assert_int_equal(o.status, 200);
	buf_release(&o.body);
}

/* One of the upstream's counts, 0 when it has none such. */
static int count(const struct upstream *u, const char *what)
{
	char key[100];
	struct outcome o;
	const char *at;
	uint64_t n = 0;

	start(&o, u->control, "/_counts", (struct client_request){0});
	outcome_wait(&o);
	snprintf(key, sizeof key, "\"%s\": ", what);
	at = strstr(o.body.p, key);
	if (at)
		assert_true(str_u64(str_first(str_of(at + strlen(key)), strspn(at + strlen(key), "0123456789")), &n));
	buf_release(&o.body);
	return (int)n;
}

static void expect(struct outcome *o, enum rc rc, const char *sentence)
{
	if (o->rc != rc || !strstr(o->err.text, sentence))
		fail_msg("%s: %s; wanted %s: %s", rc_name(o->rc), o->err.text, rc_name(rc), sentence);
	if (rc == OK && o->err.text[0])
		fail_msg("OK with the sentence %s", o->err.text);
	assert_int_equal(o->dones, 1);
	buf_release(&o->body);
}

/* ---- tests ---- */

static void trusts_the_ca_it_is_given_and_for_that_request_only(void **state)
{
	struct upstream u, stranger;
	struct outcome o;

	(void)state;
	upstream_start(&u, NULL, NULL);
	upstream_start(&stranger, "--names", "DNS:elsewhere.test");
	for (int i = 0; i < 2; i++) { /* the second time there is a connection and a session to take up */
		get(&o, &u, "/v2/", (struct client_request){.ca_pem = STR_NONE});
		assert_int_equal(o.status, 200);
		expect(&o, OK, "");
		get(&o, &u, "/v2/", (struct client_request){.ca_pem = STR("")});
		expect(&o, E_UPSTREAM_UNREACHABLE,
		    "its certificate is not trusted: if its CA is not public, set it as `ca`");
		get(&o, &u, "/v2/", (struct client_request){.ca_pem = buf_str(&stranger.ca)});
		expect(&o, E_UPSTREAM_UNREACHABLE, "not trusted");
	}
	assert_int_equal(count(&u, "GET ping"), 2);
	get(&o, &u, "/v2/", (struct client_request){.ca_pem = STR("-----BEGIN CERTIFICATE-----\nnone\n")});
	expect(&o, E_UPSTREAM_UNREACHABLE, "the `ca` of the namespace is not a PEM certificate");
	get(&o, &stranger, "/v2/", (struct client_request){0});
	expect(&o, E_UPSTREAM_UNREACHABLE, "its certificate is for another name");
	upstream_stop(&u);
	upstream_stop(&stranger);
}

static void connections_are_kept(void **state)
{
	struct upstream u;
	struct outcome o;

	(void)state;
	upstream_start(&u, NULL, NULL);
	for (int i = 0; i < 5; i++) {
		get(&o, &u, blob(&u), (struct client_request){0});
		assert_int_equal(o.body.n, BLOB_BYTES);
		expect(&o, OK, "");
	}
	assert_int_equal(count(&u, "connections"), 1);
	upstream_stop(&u);
}

static void a_blob_on_a_cdn(void **state)
{
	struct upstream u;
	struct outcome o;

	(void)state;
	upstream_start(&u, "--cdn", NULL);
	get(&o, &u, blob(&u), (struct client_request){.authorization = STR("Bearer secret"), .from = BLOB_BYTES - 7});
	assert_int_equal(o.status, 206);
	assert_int_equal(o.body.n, 7);
	expect(&o, OK, "");
	get(&o, &u, blob(&u), (struct client_request){.authorization = STR("Bearer secret"), .method = CLIENT_HEAD});
	assert_int_equal(o.status, 200);
	expect(&o, OK, "");
	assert_int_equal(count(&u, "leaks"), 0);
	assert_int_equal(count(&u, "HEAD cdn"), 1);
	say(&u, "/_behave", "{\"kind\": \"cdn\", \"close\": true}");
	get(&o, &u, blob(&u), (struct client_request){0});
	expect(&o, E_UPSTREAM_UNREACHABLE, "(where 127.0.0.1:");
	upstream_stop(&u);
}

static void refused_redirects(void **state)
{
	struct upstream u;
	struct outcome o;

	(void)state;
	upstream_start(&u, "--cdn", "--cdn-plain");
	get(&o, &u, blob(&u), (struct client_request){0});
	expect(&o, E_UPSTREAM_ANSWER, "from https to http");
	assert_int_equal(count(&u, "GET cdn"), 0);
	say(&u, "/_behave", "{\"kind\": \"ping\", \"status\": 307, \"fields\": {\"Location\": \"ftp://127.0.0.1/\"}}");
	get(&o, &u, "/v2/", (struct client_request){0});
	expect(&o, E_UPSTREAM_ANSWER, "does not follow the protocol");
	/* a POST is not led elsewhere: its body may be a password */
	say(&u, "/_behave", "{\"kind\": \"token\", \"status\": 307, \"fields\": {\"Location\": \"/echo\"}}");
	get(&o, &u, "/token", (struct client_request){.method = CLIENT_POST, .body = STR("password=secret")});
	assert_int_equal(o.status, 307);
	expect(&o, OK, "");
	assert_int_equal(count(&u, "POST echo") + count(&u, "GET echo"), 0);
	upstream_stop(&u);
}

static void faults_have_sentences(void **state)
{
	static const struct {
		const char *rule;
		struct client_request request;
		enum rc rc;
		const char *sentence;
		size_t bytes;
	} rows[] = {
	    {"\"drop_after\": 5000", {0}, E_UPSTREAM_UNREACHABLE, "dropped the connection after 5000 bytes", 5000},
	    {"\"stall_after\": 7000", {.stall_ms = 300}, E_UPSTREAM_UNREACHABLE, "after 7000 bytes", 7000},
	    {"\"stall_after\": 0", {.stall_ms = 300, .head_ms = 60000}, E_UPSTREAM_UNREACHABLE, "stopped sending", 0},
	    {"\"hang\": true", {.head_ms = 300}, E_UPSTREAM_UNREACHABLE, "does not answer in time", 0},
	    {"\"close\": true", {0}, E_UPSTREAM_UNREACHABLE, "it dropped the connection", 0},
	    {"\"length_off\": 10", {0}, E_UPSTREAM_UNREACHABLE, "dropped the connection after 300000 bytes",
		BLOB_BYTES},
	    {"\"length_off\": 10", {.body_max = BLOB_BYTES}, E_UPSTREAM_ANSWER, "more than the 300000 bytes", 0},
	    {"\"no_length\": true", {.body_max = 1000}, E_UPSTREAM_ANSWER, "more than the 1000 bytes", 0},
	    {"\"no_length\": true", {0}, OK, "", BLOB_BYTES},
	    {"\"bytes_per_s\": 1000000", {.stall_ms = 5000}, OK, "", BLOB_BYTES},
	    {"\"length_off\": -10", {0}, OK, "", BLOB_BYTES - 10},
	    {"\"status\": 429, \"fields\": {\"Retry-After\": \"7\"}, \"body\": \"slow\"", {0}, OK, "", 4},
	    {"\"status\": 500", {0}, OK, "", 0},
	};
	struct upstream u;

	(void)state;
	upstream_start(&u, NULL, NULL);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct outcome o;
		char rule[200];

		snprintf(rule, sizeof rule, "{\"kind\": \"blob\", \"times\": 1, %s}", rows[i].rule);
		say(&u, "/_behave", rule);
		get(&o, &u, blob(&u), rows[i].request);
		if (o.body.n != rows[i].bytes)
			fail_msg("%s: %zu bytes", rows[i].rule, o.body.n);
		expect(&o, rows[i].rc, rows[i].sentence);
	}
	upstream_stop(&u);
}

static void gone_and_back(void **state)
{
	struct upstream u;
	struct outcome o;

	(void)state;
	upstream_start(&u, NULL, NULL);
	get(&o, &u, "/v2/", (struct client_request){0});
	expect(&o, OK, "");
	say(&u, "/_vanish", "");
	get(&o, &u, "/v2/", (struct client_request){0});
	expect(&o, E_UPSTREAM_UNREACHABLE, "it does not accept the connection");
	say(&u, "/_return", "");
	get(&o, &u, "/v2/", (struct client_request){0});
	expect(&o, OK, "");
	upstream_stop(&u);
}

static void many_at_once_over_few_connections(void **state)
{
	static struct outcome o[PARALLEL];
	struct upstream u;

	(void)state;
	upstream_start(&u, NULL, NULL);
	for (int i = 0; i < PARALLEL; i++)
		start(&o[i], u.url, blob(&u), (struct client_request){.ca_pem = buf_str(&u.ca)});
	for (int i = 0; i < PARALLEL; i++) {
		outcome_wait(&o[i]);
		assert_int_equal(o[i].body.n, BLOB_BYTES);
		expect(&o[i], OK, "");
	}
	assert_int_equal(count(&u, "GET blob"), PARALLEL);
	assert_in_range(count(&u, "connections"), 1, 16);
	upstream_stop(&u);
}

/* Waiting for one of few connections is no failure of the peer, and what is small does not wait for what is large. */
static void bulk_leaves_room(void **state)
{
	enum { LARGE = 12 };
	static struct outcome o[LARGE + 2];
	struct upstream u;

	(void)state;
	upstream_start(&u, NULL, NULL);
	say(&u, "/_behave", "{\"kind\": \"blob\", \"hold_after\": 1000}");
	for (int i = 0; i <= LARGE + 1; i++) {
		struct client_request request = {.ca_pem = buf_str(&u.ca), .bulk = true};

		if (i == LARGE)
			request.queue_ms = 400;
		start(&o[i], u.url, blob(&u), request);
	}
	outcome_wait(&o[LARGE]);
	expect(&o[LARGE], E_BUSY, "too many requests to 127.0.0.1");
	get(&o[LARGE], &u, "/v2/", (struct client_request){0});
	expect(&o[LARGE], OK, "");
	assert_in_range(count(&u, "GET blob"), 0, LARGE);
	say(&u, "/_settle", "");
	for (int i = 0; i <= LARGE + 1; i++) {
		outcome_wait(&o[i]);
		if (i != LARGE)
			expect(&o[i], OK, "");
	}
	upstream_stop(&u);
}

struct stormer {
	const struct upstream *u;
	struct outcome outcomes[STORM];
};

static void *storm(void *ctx)
{
	struct stormer *s = ctx;
	struct client_request request = {.ca_pem = buf_str(&s->u->ca)};
	char url[300];

	snprintf(url, sizeof url, "%s/v2/a/b/blobs/%s", s->u->url, s->u->digest);
	request.url = str_of(url);
	for (int i = 0; i < STORM; i++) {
		client_id id;

		outcome_init(&s->outcomes[i]);
		request.delay_ms = i % 7;
		id = client_start(client, &request, &events, &s->outcomes[i]);
		if (i % 5 == 4)
			usleep(1000);
		if (i % 10)
			client_cancel(client, id);
		client_cancel(client, id / 2);
	}
	return NULL;
}

static void a_storm_of_cancels(void **state)
{
	static struct stormer stormers[STORMERS];
	pthread_t threads[STORMERS];
	struct upstream u;
	int whole = 0;

	(void)state;
	upstream_start(&u, NULL, NULL);
	for (int i = 0; i < STORMERS; i++) {
		stormers[i].u = &u;
		assert_int_equal(pthread_create(&threads[i], NULL, storm, &stormers[i]), 0);
	}
	for (int i = 0; i < STORMERS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < STORMERS * STORM; i++) {
		struct outcome *o = &stormers[i / STORM].outcomes[i % STORM];

		outcome_wait(o);
		assert_int_equal(o->dones, 1);
		if (o->rc)
			assert_int_equal(o->rc, E_SHUTTING_DOWN);
		else
			assert_int_equal(o->body.n, BLOB_BYTES);
		whole += !o->rc;
		buf_release(&o->body);
	}
	print_message("%d of %d came whole\n", whole, STORMERS * STORM);
	upstream_stop(&u);
}

static void too_many(void **state)
{
	enum { MANY = 1100 };
	static struct outcome o[MANY];
	static client_id ids[MANY];
	int refused = 0;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		struct client_request request = {.url = STR("http://127.0.0.1:1/"), .delay_ms = 1000000};

		outcome_init(&o[i]);
		ids[i] = client_start(client, &request, &events, &o[i]);
	}
	for (int i = 0; i < MANY; i++)
		client_cancel(client, ids[i]);
	for (int i = 0; i < MANY; i++) {
		outcome_wait(&o[i]);
		refused += o[i].rc == E_BUSY;
		expect(
		    &o[i], o[i].rc == E_BUSY ? E_BUSY : E_SHUTTING_DOWN, o[i].rc == E_BUSY ? "too many" : "cancelled");
	}
	assert_in_range(refused, 1, MANY - 1024);
}

/* Also: without the machine's CAs there are those built in, which do not know the test's. */
static void the_public_cas(void **state)
{
	static const char *const files[] = {NULL, "/nowhere/ca.pem", "/dev/null"};
	struct client *usual = client;
	struct client_options options = {.user_agent = STR("cove/test")};
	char mine[] = "/tmp/test-client-ca-XXXXXX";
	struct upstream u;
	struct outcome o;

	(void)state;
	upstream_start(&u, NULL, NULL);
	close(mkstemp(mine));
	assert_int_equal(io_write_file(AT_FDCWD, mine, buf_str(&u.ca), 0600, NULL), OK);
	for (size_t i = 0; i < 3; i++) {
		setenv("SSL_CERT_FILE", files[i] ? files[i] : mine, 1);
		assert_int_equal(client_open(&options, &client, NULL), OK);
		get(&o, &u, "/v2/", (struct client_request){.ca_pem = STR("")});
		if (files[i])
			expect(&o, E_UPSTREAM_UNREACHABLE, "not trusted");
		else
			expect(&o, OK, "");
		get(&o, &u, "/v2/", (struct client_request){0});
		expect(&o, OK, "");
		client_close(client);
	}
	unsetenv("SSL_CERT_FILE");
	unlink(mine);
	client = usual;
	upstream_stop(&u);
}

/* No other request runs here: it changes the environment. */
static void through_a_proxy(void **state)
{
	struct upstream u;
	struct outcome o;

	(void)state;
	upstream_start(&u, "--plain", NULL);
	setenv("http_proxy", u.url, 1);
	setenv("NO_PROXY", "127.0.0.1", 1);
	start(&o, "http://registry.invalid", "/echo", (struct client_request){0});
	outcome_wait(&o);
	assert_non_null(strstr(o.body.p, "GET http://registry.invalid/echo HTTP/1.1"));
	expect(&o, OK, "");
	setenv("http_proxy", "http://proxy.invalid:3128", 1);
	start(&o, "http://registry.invalid", "/echo", (struct client_request){0});
	outcome_wait(&o);
	expect(&o, E_UPSTREAM_UNREACHABLE, "the name of the proxy");
	start(&o, u.url, "/echo", (struct client_request){0});
	outcome_wait(&o);
	assert_non_null(strstr(o.body.p, "GET /echo HTTP/1.1"));
	expect(&o, OK, "");
	unsetenv("http_proxy");
	unsetenv("NO_PROXY");
	upstream_stop(&u);
}

static int set_up(void **state)
{
	static const char *const proxies[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
	struct client_options options = {.user_agent = STR("cove/test")};

	(void)state;
	for (size_t i = 0; i < sizeof proxies / sizeof *proxies; i++)
		unsetenv(proxies[i]);
	return client_open(&options, &client, NULL) ? -1 : 0;
}

static int tear_down(void **state)
{
	(void)state;
	client_close(client);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(trusts_the_ca_it_is_given_and_for_that_request_only),
	    cmocka_unit_test(connections_are_kept),
	    cmocka_unit_test(a_blob_on_a_cdn),
	    cmocka_unit_test(refused_redirects),
	    cmocka_unit_test(faults_have_sentences),
	    cmocka_unit_test(gone_and_back),
	    cmocka_unit_test(many_at_once_over_few_connections),
	    cmocka_unit_test(bulk_leaves_room),
	    cmocka_unit_test(a_storm_of_cancels),
	    cmocka_unit_test(too_many),
	    cmocka_unit_test(the_public_cas),
	    cmocka_unit_test(through_a_proxy),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
