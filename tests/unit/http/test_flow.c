/* flow: replies that follow a growing file, and handlers that wait to be woken. */
#include "serve.h"
#include <cove/base/io.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>

#define SIZE 2000000u
#define STEP 70001u

static struct serve server;
static char *content;
static struct flow *flow;
static int writing = -1;
static char dir[] = "/tmp/cove-flow-XXXXXX";

static void flow_make_of(uint64_t size)
{
	char path[64];

	snprintf(path, sizeof path, "%s/f", dir);
	unlink(path);
	writing = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(writing >= 0);
	flow = flow_new(open(path, O_RDONLY | O_CLOEXEC), size);
}

static void flow_make(void)
{
	flow_make_of(SIZE);
}

static void flow_drop(void)
{
	flow_unref(flow);
	flow = NULL;
	io_close(&writing);
}

static void grow_to(uint64_t have)
{
	uint64_t at = (uint64_t)lseek(writing, 0, SEEK_CUR);

	while (at < have) {
		size_t n = have - at < STEP ? (size_t)(have - at) : STEP;

		assert_int_equal(write(writing, content + at, n), (ssize_t)n);
		at += n;
		flow_grow(flow, at);
	}
}

static enum rc follow(struct exchange *x)
{
	x->reply.etag = STR("f");
	return reply_flow(x, 200, "application/octet-stream", flow_ref(flow));
}

/* A question that another thread answers. */
static struct question {
	pthread_mutex_t mutex;
	struct conn_ref who;
	bool asked, answered;
	unsigned runs;
	atomic_int released;
} question = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void question_release(void *p)
{
	atomic_fetch_add(&((struct question *)p)->released, 1);
}

static enum rc ask(struct exchange *x)
{
	struct question *q = &question;
	enum rc rc = OK;

	/* what a run that waits has said and taken must not pile up: 64 KiB of arena would not last */
	reply_field(x, "X-Run", "1");
	(void)arena_alloc(x->arena, 20000);
	TRY(exchange_hold(x, q, question_release));
	pthread_mutex_lock(&q->mutex);
	q->runs++;
	q->who = conn_ref(x->conn);
	q->asked = true;
	if (!q->answered)
		rc = E_WANT_WAKE;
	pthread_mutex_unlock(&q->mutex);
	return rc ? rc : reply_bytes(x, 200, "text/plain", STR("answer"));
}

static bool is_own_host(const struct site *site, struct str host)
{
	(void)site;
	(void)host;
	return true;
}

static const struct route routes[] = {
    {"flow", METHOD_GET, "/flow", .flags = ROUTE_PLAIN, .then = follow},
    {"ask", METHOD_GET, "/ask", .flags = ROUTE_PLAIN, .then = ask},
    ROUTES_END,
};
static const struct route *const tables[] = {routes, NULL};
static struct site site = {.is_own_host = is_own_host, .route_tables = tables};

static int get(const char *path, const char *fields)
{
	char text[256];
	int fd = client_open(&server);

	snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n%s\r\n", path, fields);
	assert_true(client_send(fd, str_of(text)));
	return fd;
}

/* What follows the head, which is cut off. */
static struct buf read_body(int fd, const char *status)
{
	struct buf b = BUF_INIT(4u << 20);
	char *end;

	client_read_all(fd, &b);
	close(fd);
	assert_true(str_starts(buf_str(&b), str_of(status)));
	end = memmem(b.p, b.n, "\r\n\r\n", 4);
	assert_non_null(end);
	buf_drop(&b, (size_t)(end - b.p) + 4);
	return b;
}

static void *write_slowly(void *arg)
{
	(void)arg;
	grow_to(SIZE);
	flow_end(flow, true);
	return NULL;
}

static void many_readers_follow(void **state)
{
	enum { READERS = 20 };
	int fds[READERS];
	pthread_t writer;

	(void)state;
	flow_make();
	for (int i = 0; i < READERS / 2; i++)
		fds[i] = get("/flow", "");
	assert_int_equal(pthread_create(&writer, NULL, write_slowly, NULL), 0);
	for (int i = READERS / 2; i < READERS; i++)
		fds[i] = get("/flow", "");
	for (int i = 0; i < READERS; i++) {
		struct buf b = read_body(fds[i], "HTTP/1.1 200 OK\r\n");

		assert_int_equal(b.n, SIZE);
		assert_memory_equal(b.p, content, SIZE);
		buf_release(&b);
	}
	pthread_join(writer, NULL);
	flow_drop();
}

static void a_range_waits_for_its_part(void **state)
{
	struct buf b;
	int fd;

	(void)state;
	flow_make();
	fd = get("/flow", "Range: bytes=1000000-1000009\r\n");
	grow_to(900000);
	grow_to(1200000);
	b = read_body(fd, "HTTP/1.1 206 Partial Content\r\n");
	assert_int_equal(b.n, 10);
	assert_memory_equal(b.p, content + 1000000, 10);
	buf_release(&b);
	flow_end(flow, false);
	flow_drop();
}

/* All bytes came, but their digest was wrong: nobody may get what looks like the whole. */
static void a_failure_cuts_the_reply(void **state)
{
	struct buf b;
	char first;
	int fd;

	(void)state;
	flow_make();
	fd = get("/flow", "");
	grow_to(SIZE);
	assert_int_equal(recv(fd, &first, 1, MSG_PEEK), 1); /* the head is out */
	flow_end(flow, false);
	b = read_body(fd, "HTTP/1.1 200 OK\r\n");
	assert_true(b.n < SIZE);
	buf_release(&b);
	flow_drop();
}

static void the_last_byte_waits_for_the_proof(void **state)
{
	char *got = malloc(SIZE + 4096);
	size_t n = 0;
	int fd;

	(void)state;
	flow_make();
	fd = get("/flow", "");
	grow_to(SIZE);
	while (n < SIZE) { /* head and all but one byte */
		ssize_t more = recv(fd, got + n, SIZE + 4096 - n, 0);
		char *end;

		assert_true(more > 0);
		n += (size_t)more;
		end = memmem(got, n, "\r\n\r\n", 4);
		if (end && n == (size_t)(end - got) + 4 + SIZE - 1)
			break;
	}
	assert_int_equal(recv(fd, got, 1, MSG_DONTWAIT), -1);
	flow_end(flow, true);
	assert_int_equal(recv(fd, got, 1, 0), 1);
	assert_int_equal(got[0], content[SIZE - 1]);
	close(fd);
	free(got);
	flow_drop();
}

static size_t hex(const char *p)
{
	static const char digits[] = "0123456789abcdef";
	size_t n = 0;
	const char *d;

	for (; (d = *p ? strchr(digits, *p) : NULL); p++)
		n = 16 * n + (size_t)(d - digits);
	return n;
}

/* Takes the chunks apart in place; true: the last one is there. */
static bool unchunk(struct buf *b)
{
	size_t in = 0, out = 0;
	bool whole = false;

	while (!whole) {
		char *line = memmem(b->p + in, b->n - in, "\r\n", 2);
		size_t n = line ? hex(b->p + in) : 0;

		if (!line || (size_t)(line - b->p) + n + 4 > b->n)
			break;
		in = (size_t)(line - b->p) + 2;
		memmove(b->p + out, b->p + in, n);
		assert_memory_equal(b->p + in + n, "\r\n", 2);
		out += n;
		in += n + 2;
		whole = !n;
	}
	assert_true(!whole || in == b->n);
	b->n = out;
	return whole;
}

/* The head is out. */
static void await_head(int fd)
{
	char first;

	assert_int_equal(recv(fd, &first, 1, MSG_PEEK), 1);
}

static void of_unknown_size_in_chunks(void **state)
{
	enum { READERS = 10 };
	int fds[READERS];
	pthread_t writer;

	(void)state;
	flow_make_of(FLOW_SIZE_UNKNOWN);
	for (int i = 0; i < READERS; i++) {
		fds[i] =
		    get("/flow", i % 2 ? "" : "Range: bytes=5-\r\n"); /* a range is one of all, which nobody knows */
		await_head(fds[i]);
	}
	assert_int_equal(pthread_create(&writer, NULL, write_slowly, NULL), 0);
	for (int i = 0; i < READERS; i++) {
		struct buf b = read_body(fds[i], "HTTP/1.1 200 OK\r\n");

		assert_true(unchunk(&b));
		assert_int_equal(b.n, SIZE);
		assert_memory_equal(b.p, content, SIZE);
		buf_release(&b);
	}
	pthread_join(writer, NULL);
	flow_drop();
}

/* Neither the last chunk nor the last byte comes before the proof, as it may be any. */
static void chunks_end_with_the_proof_only(void **state)
{
	static const uint64_t sizes[] = {0, 1, SIZE};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(sizes) / sizeof(*sizes); i++) {
		uint64_t size = sizes[i / 2];
		bool proven = i % 2;
		struct buf b;
		int fd;

		flow_make_of(FLOW_SIZE_UNKNOWN);
		fd = get("/flow", "");
		await_head(fd);
		grow_to(size);
		flow_end(flow, proven);
		b = read_body(fd, "HTTP/1.1 200 OK\r\n");
		assert_int_equal(unchunk(&b), proven);
		assert_true(proven ? b.n == size : b.n < size || !size);
		buf_release(&b);
		flow_drop();
	}
}

static void a_handler_runs_again_when_woken(void **state)
{
	struct question *q = &question;
	struct buf b;
	bool asked;
	int fd;

	(void)state;
	fd = get("/ask", "");
	do {
		pthread_mutex_lock(&q->mutex);
		asked = q->asked;
		pthread_mutex_unlock(&q->mutex);
	} while (!asked);
	for (int i = 0; i < 50; i++) /* for nothing */
		conn_wake(q->who);
	pthread_mutex_lock(&q->mutex);
	q->answered = true;
	pthread_mutex_unlock(&q->mutex);
	conn_wake(q->who);
	b = read_body(fd, "HTTP/1.1 200 OK\r\n");
	assert_int_equal(b.n, 6);
	buf_release(&b);
	while (atomic_load(&q->released) < (int)q->runs) /* one reference for each run, all given back at the end */
		usleep(1000);
	assert_int_equal(atomic_load(&q->released), (int)q->runs);
}

static int set_up(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(dir));
	content = malloc(SIZE);
	for (size_t i = 0; i < SIZE; i++)
		content[i] = (char)(i * 2654435761u >> 13);
	serve_start(&server, &site);
	return 0;
}

static int tear_down(void **state)
{
	char path[64];

	(void)state;
	serve_stop(&server);
	snprintf(path, sizeof path, "%s/f", dir);
	unlink(path);
	rmdir(dir);
	free(content);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(many_readers_follow),
	    cmocka_unit_test(a_range_waits_for_its_part),
	    cmocka_unit_test(a_failure_cuts_the_reply),
	    cmocka_unit_test(the_last_byte_waits_for_the_proof),
	    cmocka_unit_test(of_unknown_size_in_chunks),
	    cmocka_unit_test(chunks_end_with_the_proof_only),
	    cmocka_unit_test(a_handler_runs_again_when_woken),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
