/* server: raw bytes in, raw bytes out, over real sockets, in several splits. */
#include "serve.h"
#include <cove/base/io.h>
#include <cove/base/log.h>
#include <fcntl.h>
#include <sys/stat.h>

#define FILE_BYTES 3000000u

static struct serve server;
static char *pattern; /* FILE_BYTES of it */
static char dir[] = "/tmp/cove-http-XXXXXX";

static bool is_own_host(const struct site *site, struct str host)
{
	(void)site;
	return str_eq(host, STR("box.local:5000"));
}

static enum rc hello(struct exchange *x)
{
	x->reply.etag = STR("abc");
	return reply_bytes(x, 200, "text/plain", STR("hello\n"));
}

static enum rc file_of(struct exchange *x, const char *name, uint64_t size)
{
	char path[64];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	x->reply.etag = STR("f1");
	return reply_file(x, 200, "application/octet-stream", open(path, O_RDONLY | O_CLOEXEC), size);
}

static enum rc digits(struct exchange *x)
{
	return file_of(x, "digits", 10);
}

static enum rc large_file(struct exchange *x)
{
	return file_of(x, "large", FILE_BYTES);
}

static enum rc large_bytes(struct exchange *x)
{
	return reply_bytes(x, 200, "application/octet-stream", (struct str){pattern, FILE_BYTES});
}

static enum rc short_file(struct exchange *x)
{
	return file_of(x, "digits", 11);
}

static enum rc echo(struct exchange *x)
{
	return reply_bytes(x, 201, "text/plain", arena_str(x->arena, x->body));
}

static enum rc empty(struct exchange *x)
{
	return reply_empty(x, 204);
}

static enum rc denied(struct exchange *x)
{
	return (fail)(&x->err, E_DENIED, "ask \"root\"");
}

static enum rc broken(struct exchange *x)
{
	return (fail)(&x->err, E_IO, "open /data/secret: no");
}

static enum rc busy(struct exchange *x)
{
	reply_field(x, "Location", "/kept");
	return fail_rc(&x->err, E_BUSY);
}

static enum rc greedy(struct exchange *x)
{
	while (arena_alloc(x->arena, 1000))
		;
	return reply_empty(x, 204);
}

static enum rc api(struct exchange *x)
{
	return reply_bytes(
	    x, 200, "text/plain", arena_printf(x->arena, "%.*s %.*s", STR_ARG(x->name.s), STR_ARG(x->host)));
}

/* No code at first: it must come back inside the lane, once. */
static enum rc slow(struct exchange *x)
{
	return x->in_password_lane ? reply_bytes(x, 200, "text/plain", STR("slow\n")) : E_WANT_PASSWORD_LANE;
}

static const struct route routes[] = {
    {"hello", METHOD_GET, "/hello", .flags = ROUTE_PLAIN, .then = hello},
    {"digits", METHOD_GET, "/digits", .flags = ROUTE_PLAIN, .then = digits},
    {"large", METHOD_GET, "/large", .flags = ROUTE_PLAIN, .then = large_file},
    {"bytes", METHOD_GET, "/bytes", .flags = ROUTE_PLAIN, .then = large_bytes},
    {"short", METHOD_GET, "/short", .flags = ROUTE_PLAIN, .then = short_file},
    {"echo", METHOD_POST, "/echo", .body = BODY_BUFFERED, .body_max = 1000, .flags = ROUTE_PLAIN, .then = echo},
    {"sink", METHOD_PUT, "/sink", .body = BODY_STREAMED, .flags = ROUTE_PLAIN, .then = empty},
    {"none", METHOD_POST, "/none", .flags = ROUTE_PLAIN, .then = empty},
    {"before", METHOD_POST, "/before", .body = BODY_BUFFERED, .body_max = 1u << 30, .flags = ROUTE_PLAIN,
	.before = denied, .then = empty},
    {"broken", METHOD_GET, "/broken", .flags = ROUTE_PLAIN, .then = broken},
    {"busy", METHOD_GET, "/busy", .flags = ROUTE_PLAIN, .then = busy},
    {"greedy", METHOD_GET, "/greedy", .flags = ROUTE_PLAIN, .then = greedy},
    {"slow", METHOD_GET, "/slow", .flags = ROUTE_PLAIN, .then = slow},
    {"slow", METHOD_PUT, "/slow", .flags = ROUTE_PLAIN, .before = slow, .then = empty},
    {"api", METHOD_GET, "/v2/<name>/x", .flags = ROUTE_PLAIN, .then = api},
    {"tls", METHOD_GET, "/tls", .then = hello},
    ROUTES_END,
};
static const struct route *const tables[] = {routes, NULL};
static struct site site = {.is_own_host = is_own_host, .route_tables = tables};

#define HOST "Host: box.local:5000\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"
#define TYPE "Content-Type: text/plain\r\nX-Content-Type-Options: nosniff\r\n"
#define FILE_TYPE "Content-Type: application/octet-stream\r\nX-Content-Type-Options: nosniff\r\n"
#define JSON "Content-Type: application/json\r\nX-Content-Type-Options: nosniff\r\n"
#define HELLO_HEAD "HTTP/1.1 200 OK\r\n" TYPE "ETag: \"abc\"\r\nContent-Length: 6\r\n"
#define HELLO HELLO_HEAD "\r\nhello\n"
#define NO_CONTENT "HTTP/1.1 204 No Content\r\n\r\n"
#define ERROR(code) "\r\n{\"errors\":[{\"code\":\"" code "\",\"message\":\"**\"}]}\n"
#define CLOSING "Content-Length: *\r\nConnection: close\r\n"
#define BAD "HTTP/1.1 400 Bad Request\r\n" JSON CLOSING ERROR("UNSUPPORTED")

/* `want` is a glob over all that comes back, without the fields that every reply has (see strip()). */
static const struct row {
	const char *title, *request, *want;
} rows[] = {
    {"get", GET("/hello"), HELLO},
    {"head", "HEAD /hello HTTP/1.1\r\n" HOST "\r\n" GET("/hello"), HELLO_HEAD "\r\n" HELLO},
    {"pipelined", GET("/hello") GET("/hello") "\r\n" GET("/hello"), HELLO HELLO HELLO},
    {"close", "GET /hello HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n" GET("/hello"),
	HELLO_HEAD "Connection: close\r\n\r\nhello\n"},
    {"1.0", "GET /hello HTTP/1.0\r\n\r\n" GET("/hello"), HELLO_HEAD "Connection: close\r\n\r\nhello\n"},
    {"1.0 keep-alive", "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" GET("/hello"),
	HELLO_HEAD "Connection: keep-alive\r\n\r\nhello\n" HELLO},
    {"unfinished", GET("/hello") "GET /hello HTTP/1.1\r\nHo", HELLO},
    {"etag", "GET /hello HTTP/1.1\r\n" HOST "If-None-Match: \"x\", W/\"abc\"\r\n\r\n" GET("/hello"),
	"HTTP/1.1 304 Not Modified\r\n" TYPE "ETag: \"abc\"\r\n\r\n" HELLO},
    {"etag any", "HEAD /hello HTTP/1.1\r\n" HOST "If-None-Match: *\r\n\r\n",
	"HTTP/1.1 304 Not Modified\r\n" TYPE "ETag: \"abc\"\r\n\r\n"},
    {"etag other", "GET /hello HTTP/1.1\r\n" HOST "If-None-Match: \"abcd\", abc\r\n\r\n", HELLO},
    {"api field", GET("/v2/a/b/x"),
	"HTTP/1.1 200 OK\r\nDocker-Distribution-Api-Version: registry/2.0\r\n" TYPE
	"Content-Length: 18\r\n\r\na/b box.local:5000"},
    {"foreign host", "GET /v2/a/x HTTP/1.1\r\nHost: evil.example\r\n\r\n",
	"HTTP/1.1 200 OK\r\nDocker-Distribution-Api-Version: registry/2.0\r\n" TYPE
	"Content-Length: 14\r\n\r\na primary:5000"},

    /* ranges */
    {"file", GET("/digits"),
	"HTTP/1.1 200 OK\r\n" FILE_TYPE "ETag: \"f1\"\r\nContent-Length: 10\r\nAccept-Ranges: bytes\r\n\r\n0123456789"},
    {"range", "GET /digits HTTP/1.1\r\n" HOST "Range: bytes=2-4\r\n\r\n" GET("/hello"),
	"HTTP/1.1 206 Partial Content\r\n" FILE_TYPE
	"ETag: \"f1\"\r\nContent-Length: 3\r\nAccept-Ranges: bytes\r\nContent-Range: bytes 2-4/10\r\n\r\n234" HELLO},
    {"range suffix", "GET /digits HTTP/1.1\r\n" HOST "Range: bytes=-3\r\n\r\n",
	"HTTP/1.1 206 **bytes 7-9/10\r\n\r\n789"},
    {"range open", "GET /digits HTTP/1.1\r\n" HOST "Range: bytes=8-\r\n\r\n", "HTTP/1.1 206 **bytes 8-9/10\r\n\r\n89"},
    {"range beyond", "GET /digits HTTP/1.1\r\n" HOST "Range: bytes=10-\r\n\r\n" GET("/hello"),
	"HTTP/1.1 416 Range Not Satisfiable\r\n" JSON "Content-Length: *\r\nAccept-Ranges: bytes\r\n"
	"Content-Range: bytes ?/10\r\n" ERROR("SIZE_INVALID") HELLO},
    {"range backwards", "GET /digits HTTP/1.1\r\n" HOST "Range: bytes=5-0\r\n\r\n", "HTTP/1.1 416 **"},
    {"ranges", "GET /digits HTTP/1.1\r\n" HOST "Range: bytes=4-5,0-1\r\n\r\n",
	"HTTP/1.1 206 **Content-Type: multipart/byteranges; boundary=*\r\n**Content-Length: 214\r\n"
	"**\r\n\r\n"
	"\r\n--*\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes 4-5/10\r\n\r\n45"
	"\r\n--*\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes 0-1/10\r\n\r\n01"
	"\r\n--*--\r\n"},
    {"ranges of which one can be satisfied", "GET /digits HTTP/1.1\r\n" HOST "Range: bytes=10-11,4-5,\r\n\r\n",
	"HTTP/1.1 206 **Content-Range: bytes 4-5/10\r\n\r\n45"},
    {"ranges that overlap", "GET /digits HTTP/1.1\r\n" HOST "Range: bytes=0-7,2-9\r\n\r\n",
	"HTTP/1.1 200 **0123456789"},
    {"ranges on head", "HEAD /digits HTTP/1.1\r\n" HOST "Range: bytes=0-1,4-5\r\n\r\n",
	"HTTP/1.1 200 **Content-Length: 10\r\n**\r\n\r\n"},
    {"ranges and if-range old", "GET /digits HTTP/1.1\r\n" HOST "If-Range: \"f0\"\r\nRange: bytes=0-1,4-5\r\n\r\n",
	"HTTP/1.1 200 **0123456789"},
    {"range unit", "GET /digits HTTP/1.1\r\n" HOST "Range: lines=0-1\r\n\r\n", "HTTP/1.1 200 **0123456789"},
    {"range on head", "HEAD /digits HTTP/1.1\r\n" HOST "Range: bytes=2-4\r\n\r\n",
	"HTTP/1.1 200 **Content-Length: 10\r\n**\r\n\r\n"},
    {"if-range", "GET /digits HTTP/1.1\r\n" HOST "If-Range: \"f1\"\r\nRange: bytes=2-4\r\n\r\n",
	"HTTP/1.1 206 **\r\n\r\n234"},
    {"if-range old", "GET /digits HTTP/1.1\r\n" HOST "If-Range: \"f0\"\r\nRange: bytes=2-4\r\n\r\n",
	"HTTP/1.1 200 **0123456789"},
    {"if-range weak", "GET /digits HTTP/1.1\r\n" HOST "If-Range: W/\"f1\"\r\nRange: bytes=2-4\r\n\r\n",
	"HTTP/1.1 200 **0123456789"},
    {"304 before range", "GET /digits HTTP/1.1\r\n" HOST "If-None-Match: \"f1\"\r\nRange: bytes=99-\r\n\r\n",
	"HTTP/1.1 304 **"},
    /* RFC 9110 §13.1.1: "MUST NOT perform the requested method if the condition evaluates to false" */
    {"if-match", "GET /digits HTTP/1.1\r\n" HOST "If-Match: \"x\", \"f1\"\r\n\r\n", "HTTP/1.1 200 **0123456789"},
    {"if-match any", "HEAD /hello HTTP/1.1\r\n" HOST "If-Match: *\r\n\r\n", "HTTP/1.1 200 **\r\n\r\n"},
    {"if-match in fields", "GET /digits HTTP/1.1\r\n" HOST "If-Match: \"x\"\r\nIf-Match: \"f1\"\r\n\r\n",
	"HTTP/1.1 200 **0123456789"},
    {"if-match other", "GET /digits HTTP/1.1\r\n" HOST "If-Match: \"f0\"\r\n\r\n" GET("/hello"),
	"HTTP/1.1 412 Precondition Failed\r\n**" ERROR("DENIED") HELLO},
    {"if-match is strong", "GET /digits HTTP/1.1\r\n" HOST "If-Match: W/\"f1\"\r\n\r\n", "HTTP/1.1 412 **"},
    {"if-match before if-none-match",
	"GET /digits HTTP/1.1\r\n" HOST "If-None-Match: \"f1\"\r\nIf-Match: \"f0\"\r\n\r\n", "HTTP/1.1 412 **"},
    {"if-match and range", "GET /digits HTTP/1.1\r\n" HOST "If-Match: \"f1\"\r\nRange: bytes=2-4\r\n\r\n",
	"HTTP/1.1 206 **\r\n\r\n234"},
    /* §13.1.4: "MUST ignore If-Unmodified-Since if the resource does not have a modification date available" */
    {"if-unmodified-since",
	"GET /digits HTTP/1.1\r\n" HOST "If-Unmodified-Since: Sat, 29 Oct 1994 19:43:31 GMT\r\n\r\n",
	"HTTP/1.1 200 **0123456789"},
    {"range of bytes", "GET /hello HTTP/1.1\r\n" HOST "Range: bytes=0-1\r\n\r\n", HELLO},

    /* bodies */
    {"length", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nabcde" GET("/hello"),
	"HTTP/1.1 201 Created\r\n" TYPE "Content-Length: 5\r\n\r\nabcde" HELLO},
    {"no length", "POST /echo HTTP/1.1\r\n" HOST "\r\n" GET("/hello"),
	"HTTP/1.1 201 Created\r\n" TYPE "Content-Length: 0\r\n\r\n" HELLO},
    {"chunked",
	"POST /echo HTTP/1.1\r\n" HOST
	"Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0a\r\n0123456789\r\n0\r\nT: u\r\n\r\n" GET("/hello"),
	"HTTP/1.1 201 Created\r\n" TYPE "Content-Length: 13\r\n\r\nabc0123456789" HELLO},
    {"chunked badly",
	"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabcX\r\n0\r\n\r\n" GET("/hello"), BAD},
    {"cut", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 6\r\n\r\nabcde",
	"HTTP/1.1 400 Bad Request\r\n" JSON CLOSING ERROR("SIZE_INVALID")},
    {"cut chunk", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n6\r\nabcde",
	"HTTP/1.1 400 Bad Request\r\n" JSON CLOSING ERROR("SIZE_INVALID")},
    {"too large, kept", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1001\r\n\r\n%1001" GET("/hello"),
	"HTTP/1.1 413 Content Too Large\r\n" JSON "Content-Length: *\r\n" ERROR("SIZE_INVALID") HELLO},
    {"too large chunks", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3e9\r\n%1001\r\n0\r\n\r\n",
	"HTTP/1.1 413 Content Too Large\r\n" JSON CLOSING ERROR("SIZE_INVALID")},
    {"dropped", "POST /none HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nabcde" GET("/hello"), NO_CONTENT HELLO},
    {"dropped on get", "GET /hello HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nabcde" GET("/hello"), HELLO HELLO},
    {"dropped stream", "PUT /sink HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nabcde" GET("/hello"), NO_CONTENT HELLO},
    {"refused before", "POST /before HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nabcde" GET("/hello"),
	"HTTP/1.1 403 Forbidden\r\n" JSON "Content-Length: 56\r\n\r\n"
	"{\"errors\":[{\"code\":\"DENIED\",\"message\":\"ask \\\"root\\\"\"}]}\n" HELLO},
    {"refused, waits for 100", "POST /before HTTP/1.1\r\n" HOST "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n",
	"HTTP/1.1 403 Forbidden\r\n**Connection: close\r\n**"},

    /* failures */
    {"not found", GET("/nothing") GET("/hello"), "HTTP/1.1 400 **https**"},
    {"internal", GET("/broken") GET("/hello"),
	"HTTP/1.1 500 Internal Server Error\r\n" JSON "Content-Length: *\r\n"
	"\r\n{\"errors\":[{\"code\":\"UNKNOWN\",\"message\":\"**log (request *)\"}]}\n" HELLO},
    {"short file", GET("/short") GET("/hello"), "HTTP/1.1 500 **" HELLO},
    {"busy", GET("/busy") GET("/hello"),
	"HTTP/1.1 503 Service Unavailable\r\n" JSON
	"Content-Length: *\r\nLocation: /kept\r\nRetry-After: 2\r\n" ERROR("UNKNOWN") HELLO},
    {"out of memory", GET("/greedy") GET("/hello"), "HTTP/1.1 503 **" HELLO},
    {"password lane", GET("/slow") "PUT /slow HTTP/1.1\r\n" HOST "\r\n" GET("/slow"), "**slow\n" NO_CONTENT "**slow\n"},

    /* heads */
    {"bare lf", "GET /hello HTTP/1.1\n" HOST "\r\n", BAD},
    {"no host", "GET /hello HTTP/1.1\r\n\r\n", BAD},
    {"noise", "\x80\x2e\x01 nonsense\r\n\r\n", BAD},
    {"version", "GET /hello HTTP/2.0\r\n" HOST "\r\n", "HTTP/1.1 505 **Connection: close**"},
    {"method", "BREW /hello HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 501 **Connection: close**"},
    {"long method", "%9000 /hello HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 501 **Connection: close**"},
    {"higher minor version", "GET /hello HTTP/1.2\r\n" HOST "\r\n" GET("/hello"), HELLO HELLO},
    {"long target", "GET /%9000 HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 414 **Connection: close**"},
    {"long head", "GET /hello HTTP/1.1\r\nA: %20000\r\n\r\n", "HTTP/1.1 431 **Connection: close**"},
    {"two lengths", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcde" GET("/hello"),
	BAD},
    {"length and chunked",
	"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" GET("/hello"),
	BAD},
    {"coding", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
	"HTTP/1.1 501 **Connection: close**"},
    {"expectation", "POST /echo HTTP/1.1\r\n" HOST "Expect: tea\r\n\r\n", "HTTP/1.1 417 **Connection: close**"},

    /* without TLS */
    {"plain", GET("/tls") GET("/hello"),
	"HTTP/1.1 400 Bad Request\r\n" JSON CLOSING "\r\n{\"errors\":[{**https://**}]}\n"},
    {"plain with a body", "POST /tls HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nabcde" GET("/hello"),
	"HTTP/1.1 400 **"},
    {"browser", "GET /tls?a=b HTTP/1.1\r\n" HOST "Accept: text/html,*/*;q=0.8\r\n\r\n" GET("/hello"),
	"HTTP/1.1 308 Permanent Redirect\r\nContent-Length: 0\r\nConnection: close\r\n"
	"Location: https://box.local:5000/tls?a=b\r\n\r\n"},
    {"browser, foreign host", "GET /tls HTTP/1.1\r\nHost: evil.example\r\nAccept: text/html\r\n\r\n",
	"HTTP/1.1 400 **"},
};

/* "%1001" stands for 1001 letters. */
static void expand(struct buf *to, const char *text)
{
	while (*text) {
		uint64_t n;
		const char *end = text + 1;

		while (ascii_is_digit(*end))
			end++;
		if (*text == '%' && str_u64((struct str){text + 1, (size_t)(end - text - 1)}, &n)) {
			while (n--)
				buf_addc(to, 'a');
			text = end;
		} else {
			buf_addc(to, *text++);
		}
	}
	assert_true(buf_ok(to));
}

/* Takes the fields out that every reply has, in this order, behind its status line. */
static void strip(struct buf *to, struct str all)
{
	static const char *const fields[] = {"Date: ", "Server: cove\r", "X-Request-Id: "};
	struct str line;

	while (all.n) {
		bool is_status;

		str_cut(all, '\n', &line, &all);
		is_status = str_glob(STR("**HTTP/1.1 *\r"), line); /* also behind a body without a line end */
		buf_add(to, line);
		buf_addc(to, '\n');
		for (size_t i = 0; is_status && i < COUNT(fields); i++) {
			str_cut(all, '\n', &line, &all);
			assert_true(str_starts(line, str_of(fields[i])));
		}
	}
}

static void check(const struct row *row, size_t step)
{
	struct buf request = BUF_INIT(1u << 20), all = BUF_INIT(1u << 20), got = BUF_INIT(1u << 20);
	int fd = client_open(&server);

	expand(&request, row->request);
	for (size_t at = 0; at < request.n; at += step) {
		if (!client_send(fd, str_first(str_from(buf_str(&request), at), step)))
			break;
	}
	shutdown(fd, SHUT_WR);
	client_read_all(fd, &all);
	close(fd);
	strip(&got, buf_str(&all));
	if (all.n && all.p[all.n - 1] != '\n')
		got.n--;
	if (!str_glob(str_of(row->want), buf_str(&got)))
		fail_msg("%s, %zu bytes at a time: got\n%s\nwant\n%s", row->title, step, got.p ? got.p : "", row->want);
	buf_release(&request);
	buf_release(&all);
	buf_release(&got);
}

static void exchanges_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		check(&rows[i], SIZE_MAX / 2);
}

static void exchanges_in_pieces(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		check(&rows[i], 1);
		check(&rows[i], 7);
		check(&rows[i], 60);
	}
}

/* RFC 9110 §10.1.1: after the request was found good, before its body. */
static void continues(void **state)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct buf all = BUF_INIT(1u << 20);
	char got[sizeof text];
	int fd = client_open(&server);

	(void)state;
	assert_true(
	    client_send(fd, STR("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n")));
	client_read(fd, got, sizeof text - 1);
	assert_memory_equal(got, text, sizeof text - 1);
	assert_true(client_send(fd, STR("abc")));
	shutdown(fd, SHUT_WR);
	client_read_all(fd, &all);
	assert_true(str_starts(buf_str(&all), STR("HTTP/1.1 201 Created\r\n")));
	assert_true(str_ends(buf_str(&all), STR("\r\n\r\nabc")));
	buf_release(&all);
	close(fd);
}

static void check_pattern(const char *request, uint64_t from, uint64_t n, int receive_buffer)
{
	struct buf all = BUF_INIT(FILE_BYTES * 2);
	struct str body;
	int fd = client_open(&server);

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
	assert_true(client_send(fd, str_of(request)));
	shutdown(fd, SHUT_WR);
	client_read_all(fd, &all);
	close(fd);
	assert_true(all.n > n);
	body = str_from(buf_str(&all), all.n - n);
	assert_memory_equal(body.p - 4, "\r\n\r\n", 4);
	assert_memory_equal(body.p, pattern + from, n);
	buf_release(&all);
}

static void sends_large_bodies(void **state)
{
	(void)state;
	for (int size = 1 << 16; size <= 1 << 22; size <<= 3) {
		check_pattern(GET("/large"), 0, FILE_BYTES, size);
		check_pattern(GET("/bytes"), 0, FILE_BYTES, size);
		check_pattern("GET /large HTTP/1.1\r\n" HOST "Range: bytes=1000001-\r\n\r\n", 1000001,
		    FILE_BYTES - 1000001, size);
		check_pattern("GET /large HTTP/1.1\r\n" HOST "Range: bytes=5-150000\r\n\r\n", 5, 149996, size);
	}
}

/* docs/clients.md, Pushes 5: the peer that is still writing gets our answer, and no reset before its body's end. */
static void refuses_a_long_body(void **state)
{
	struct buf all = BUF_INIT(1u << 20);
	int fd = client_open(&server);

	(void)state;
	assert_true(client_send(fd, STR("POST /before HTTP/1.1\r\n" HOST "Content-Length: 3000000\r\n\r\n")));
	assert_true(client_send(fd, (struct str){pattern, 2999999}));
	assert_true(client_send(fd, STR("z")));
	client_read_all(fd, &all);
	close(fd);
	assert_true(str_starts(buf_str(&all), STR("HTTP/1.1 403 ")));
	assert_true(str_glob(STR("**\r\nConnection: close\r\n**"), buf_str(&all)));
	buf_release(&all);
}

/* A long body that nobody wants is read off, and the connection goes on. */
static void drops_a_long_stream(void **state)
{
	struct buf all = BUF_INIT(1u << 20);
	int fd = client_open(&server);

	(void)state;
	assert_true(client_send(fd, STR("PUT /sink HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n")));
	for (int i = 0; i < 30; i++) {
		assert_true(client_send(fd, STR("186a0\r\n")));
		assert_true(client_send(fd, (struct str){pattern, 100000}));
		assert_true(client_send(fd, STR("\r\n")));
	}
	assert_true(client_send(fd, STR("0\r\n\r\n" GET("/hello"))));
	shutdown(fd, SHUT_WR);
	client_read_all(fd, &all);
	close(fd);
	assert_true(str_starts(buf_str(&all), STR("HTTP/1.1 204 ")));
	assert_true(str_ends(buf_str(&all), STR("\r\n\r\nhello\n")));
	buf_release(&all);
}

static void survives_peers_that_vanish(void **state)
{
	static const char *const requests[] = {
	    "",
	    "GET",
	    GET("/large"),
	    GET("/large") GET("/large"),
	    "PUT /sink HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nabc",
	    "POST /before HTTP/1.1\r\n" HOST "Content-Length: 9000000\r\n\r\nabc",
	};

	(void)state;
	for (size_t i = 0; i < 10 * COUNT(requests); i++) {
		struct linger reset = {.l_onoff = 1};
		int fd = client_open(&server);

		assert_true(client_send(fd, str_of(requests[i % COUNT(requests)])));
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
		close(fd);
	}
	check(&rows[0], SIZE_MAX / 2);
}

static struct db *db;

static int set_up(void **state)
{
	int dirfd;

	(void)state;
	log_set_level(LOG_ERROR + 0);
	pattern = malloc(FILE_BYTES);
	assert_non_null(pattern);
	for (uint32_t i = 0, v = 1; i < FILE_BYTES; i++, v = v * 1103515245u + 12345u)
		pattern[i] = (char)(v >> 16);
	assert_non_null(mkdtemp(dir));
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(io_write_file(dirfd, "digits", STR("0123456789"), 0600, NULL), OK);
	assert_int_equal(io_write_file(dirfd, "large", (struct str){pattern, FILE_BYTES}, 0600, NULL), OK);
	assert_int_equal(db_open(dirfd, "cove.db", &db, NULL), OK);
	assert_int_equal(namespaces_open(db, &(struct secret){.n = 32}, &site.namespaces, NULL), OK);
	close(dirfd);
	site.primary_name = STR("primary:5000");
	serve_start(&server, &site);
	return 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = {"digits", "large", "cove.db", "cove.db-wal", "cove.db-shm"};
	char path[64];

	(void)state;
	serve_stop(&server);
	free(pattern);
	namespaces_close(site.namespaces);
	db_close(db);
	for (size_t i = 0; i < COUNT(names); i++) {
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		unlink(path);
	}
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(exchanges_whole),
	    cmocka_unit_test(exchanges_in_pieces),
	    cmocka_unit_test(continues),
	    cmocka_unit_test(sends_large_bodies),
	    cmocka_unit_test(refuses_a_long_body),
	    cmocka_unit_test(drops_a_long_stream),
	    cmocka_unit_test(survives_peers_that_vanish),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
