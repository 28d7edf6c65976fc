/* body: streamed bodies into real upload sessions of a real store: whole, in pieces, cut, refused. */
#include "../auth/fixture.h"
#include "serve.h"
#include "session.h"
#include <poll.h>

#define BODY_BYTES 2500000u
#define REPOSITORY ((struct repo_name){STR("a")})

static struct serve server;
static struct site site;
static struct fixture *fixture;
static char *content; /* BODY_BYTES */

static enum rc resume(struct exchange *x)
{
	return upload_resume(x->site->store, NULL, REPOSITORY, x->upload_id, &x->upload, &x->err);
}

static enum rc resume_and_refuse(struct exchange *x)
{
	TRY(resume(x));
	return fail_rc(&x->err, E_DENIED);
}

static enum rc received(struct exchange *x)
{
	return reply_bytes(
	    x, 202, "text/plain", arena_printf(x->arena, "%llu", (unsigned long long)upload_offset(x->upload)));
}

static enum rc commit(struct exchange *x)
{
	struct upload *u = x->upload;
	struct digest d;

	x->upload = NULL;
	digest_of(&d, DIGEST_SHA256, (struct str){content, BODY_BYTES});
	TRY(upload_commit(u, NULL, &d, &x->err));
	return reply_empty(x, 201);
}

static enum rc count(struct exchange *x)
{
	return reply_bytes(x, 200, "text/plain", arena_printf(x->arena, "%zu", x->body.n));
}

#define ROW(m, p, b, h)                                                                                                \
	{                                                                                                              \
		.id = p, .method = m, .pattern = p, .body = BODY_STREAMED, .flags = ROUTE_PLAIN, .before = b,          \
		.then = h                                                                                              \
	}
static const struct route routes[] = {
    ROW(METHOD_PATCH, "/<id>", resume, received),
    ROW(METHOD_PUT, "/<id>", resume, commit),
    ROW(METHOD_POST, "/<id>", resume_and_refuse, received),
    {.id = "buffered",
	.method = METHOD_PUT,
	.pattern = "/",
	.body = BODY_BUFFERED,
	.body_max = BODY_BYTES,
	.flags = ROUTE_PLAIN,
	.then = count},
    ROUTES_END,
};
static const struct route *const tables[] = {routes, NULL};

static bool is_own_host(const struct site *s, struct str host)
{
	(void)s;
	(void)host;
	return true;
}

static void session_make(char id[static 37])
{
	assert_ok(upload_start(site.store, NULL, REPOSITORY, DIGEST_SHA256, id, err));
}

/* Sends the head, then the body in pieces, chunked or not. */
static int send_body(const char *method, const char *id, size_t declared, size_t sent, size_t piece, bool chunked)
{
	struct buf b = BUF_INIT(1u << 16);
	int fd = client_open(&server);

	buf_addf(&b, "%s /%s HTTP/1.1\r\nHost: x\r\n", method, id);
	if (chunked)
		buf_addz(&b, "Transfer-Encoding: chunked\r\n\r\n");
	else
		buf_addf(&b, "Content-Length: %zu\r\n\r\n", declared);
	assert_true(client_send(fd, buf_str(&b)));
	for (size_t at = 0; at < sent; at += piece) {
		struct str data = str_first((struct str){content + at, sent - at}, piece);

		buf_reset(&b);
		buf_addf(&b, "%zx\r\n", data.n);
		if (chunked)
			assert_true(client_send(fd, buf_str(&b)));
		assert_true(client_send(fd, data));
		if (chunked)
			assert_true(client_send(fd, STR("\r\n")));
	}
	if (chunked && sent == declared)
		assert_true(client_send(fd, STR("0\r\n\r\n")));
	buf_release(&b);
	return fd;
}

static void expect(int fd, const char *glob)
{
	struct buf all = BUF_INIT(1u << 20);

	shutdown(fd, SHUT_WR);
	client_read_all(fd, &all);
	if (!str_glob(str_of(glob), buf_str(&all)))
		fail_msg("got\n%s\nwant\n%s", all.p ? all.p : "", glob);
	buf_release(&all);
	close(fd);
}

static void commits_what_came(void **state)
{
	static const size_t pieces[] = {BODY_BYTES, 1000000, 32768, 4099, 500};
	char id[37];

	(void)state;
	for (size_t i = 0; i < 2 * COUNT(pieces); i++) {
		session_make(id);
		expect(send_body("PUT", id, BODY_BYTES, BODY_BYTES, pieces[i / 2], i % 2), "HTTP/1.1 201 **");
	}
	/* in two requests */
	session_make(id);
	expect(send_body("PATCH", id, 1000, 1000, 1000, false), "HTTP/1.1 202 **\r\n\r\n1000");
	expect(send_body("PUT", id, BODY_BYTES, BODY_BYTES, BODY_BYTES, false), "HTTP/1.1 400 **DIGEST_INVALID**");
}

/* The session keeps what came, and is free for the next request. */
static void keeps_what_came_before_a_cut(void **state)
{
	static const size_t sent[] = {0, 1, 100000, BODY_BYTES - 1};
	char id[37], want[64];

	(void)state;
	for (size_t i = 0; i < 2 * COUNT(sent); i++) {
		size_t n = sent[i / 2];

		session_make(id);
		expect(send_body("PATCH", id, BODY_BYTES, n, 50000, i % 2), "HTTP/1.1 400 **SIZE_INVALID**");
		snprintf(want, sizeof want, "HTTP/1.1 202 **\r\n\r\n%zu", n);
		expect(send_body("PATCH", id, 0, 0, 1, false), want);
	}
}

/* A session that a refused request had opened is not held while the peer goes on sending. */
static void lets_go_when_refused(void **state)
{
	char id[37], got[13];
	int fd;

	(void)state;
	session_make(id);
	fd = send_body("POST", id, BODY_BYTES, 100000, 50000, false);
	client_read(fd, got, sizeof got - 1);
	assert_memory_equal(got, "HTTP/1.1 403", sizeof got - 1);
	expect(send_body("PATCH", id, 3, 3, 3, false), "HTTP/1.1 202 **\r\n\r\n3");
	close(fd);
}

static void one_writer_at_a_time(void **state)
{
	char id[37];
	int fd;
	uint64_t size = 0;

	(void)state;
	session_make(id);
	fd = send_body("PATCH", id, BODY_BYTES, 100000, 50000, false);
	while (size == 0) { /* until it is under way */
		assert_ok(upload_size(site.store, REPOSITORY, str_of(id), &size, err));
		poll(NULL, 0, 5);
	}
	expect(send_body("PATCH", id, 3, 3, 3, false), "HTTP/1.1 409 **");
	expect(fd, "HTTP/1.1 400 **");
}

/* Chunks without end are counted as they come, like a body that tells its length. */
static void buffers_are_counted_as_they_grow(void **state)
{
	static struct work other;

	(void)state;
	expect(send_body("PUT", "", 200000, 200000, 50000, true), "HTTP/1.1 200 **\r\n\r\n200000");
	other.body.cap = SIZE_MAX / 4;
	memory_count(&other);
	expect(send_body("PUT", "", 200000, 150000, 50000, true), "HTTP/1.1 503 **");
	memory_forget(&other);
	expect(send_body("PUT", "", 200000, 200000, 50000, true), "HTTP/1.1 200 **\r\n\r\n200000");
}

static int set_up(void **state)
{
	fixture_setup(state);
	clock_pin(-1, -1);
	fixture = *state;
	content = malloc(BODY_BYTES);
	assert_non_null(content);
	for (uint32_t i = 0, v = 7; i < BODY_BYTES; i++, v = v * 1103515245u + 12345u)
		content[i] = (char)(v >> 16);
	assert_ok(store_open(fixture->dirfd, fixture->db, &site.store, err));
	site.is_own_host = is_own_host;
	site.route_tables = tables;
	site.primary_name = STR("x");
	serve_start(&server, &site);
	return 0;
}

static int tear_down(void **state)
{
	serve_stop(&server);
	store_close(site.store);
	free(content);
	return fixture_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(commits_what_came),
	    cmocka_unit_test(keeps_what_came_before_a_cut),
	    cmocka_unit_test(lets_go_when_refused),
	    cmocka_unit_test(one_writer_at_a_time),
	    cmocka_unit_test(buffers_are_counted_as_they_grow),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
