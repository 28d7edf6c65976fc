/* head: what is accepted and how it reads; what is refused, with which code; the caps; bytes that come one by one. */
#include <cove/http/head.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define TEXT(literal)                                                                                                  \
	{                                                                                                              \
		literal, sizeof literal - 1                                                                            \
	}
#define GET11 "GET / HTTP/1.1\r\n"
#define HOST "Host: box\r\n"
#define PUT11 "PUT / HTTP/1.1\r\n" HOST

static struct head parse(struct str bytes)
{
	struct head head = {0};
	struct err err = {0};
	struct head_scan scan = {0};
	size_t length;

	if (head_complete(bytes, &scan, &length, &err) || length != bytes.n || head_parse(bytes, &head, &err))
		fail_msg("%.*s: %zu %s", STR_ARG(bytes), length, err.text);
	return head;
}

static void assert_str(struct str got, const char *want)
{
	if (!str_eq(got, str_of(want)))
		fail_msg("got %.*s, want %s", STR_ARG(got), want);
}

static void reads_a_request(void **state)
{
	static const char text[] = "PATCH /v2/a/blobs/uploads/1?x=%2F&y HTTP/1.1\r\n"
				   "Host: box.local:5000\r\n"
				   "Content-Length: 42\r\n"
				   "X-Empty:\r\n"
				   "x-blank: \t a b \t \r\n"
				   "Accept: one\r\n"
				   "ACCEPT: two\r\n"
				   "Expect: 100-Continue\r\n"
				   "X-Latin: \xe4\r\n\r\n";
	struct head h = parse((struct str)TEXT(text));
	struct str value;
	size_t at = 0;

	(void)state;
	assert_int_equal(h.method, METHOD_PATCH);
	assert_str(h.method_text, "PATCH");
	assert_str(h.target, "/v2/a/blobs/uploads/1?x=%2F&y");
	assert_str(h.path, "/v2/a/blobs/uploads/1");
	assert_str(h.query, "x=%2F&y");
	assert_str(h.host, "box.local:5000");
	assert_int_equal(h.minor, 1);
	assert_true(h.has_length && h.length == 42 && !h.chunked);
	assert_true(h.keep_alive && h.expect_continue);
	assert_int_equal(h.field_count, 8);
	assert_true(head_field(&h, STR("x-empty"), &value) && value.n == 0);
	assert_true(head_field(&h, STR("X-Blank"), &value));
	assert_str(value, "a b");
	assert_false(head_field(&h, STR("X-Bla"), &value));
	assert_null(value.p);
	assert_true(head_field_next(&h, STR("accept"), &at, &value));
	assert_str(value, "one");
	assert_true(head_field_next(&h, STR("accept"), &at, &value));
	assert_str(value, "two");
	assert_false(head_field_next(&h, STR("accept"), &at, &value));
}

static void reads_targets(void **state)
{
	static const struct {
		const char *method, *target, *path, *query, *host; /* query NULL: there is no '?' */
	} rows[] = {
	    {"GET", "/", "/", NULL, "box"},
	    {"GET", "/a?", "/a", "", "box"},
	    {"GET", "/a?b?c", "/a", "b?c", "box"},
	    {"GET", "//a//", "//a//", NULL, "box"},
	    {"GET", "/a:b@c", "/a:b@c", NULL, "box"},
	    {"GET", "/http://x/", "/http://x/", NULL, "box"},
	    {"OPTIONS", "*", "*", NULL, "box"},
	    {"OPTIONS", "/a", "/a", NULL, "box"},
	    {"GET", "http://other:81/a?b", "/a", "b", "other:81"},
	    {"GET", "HTTPS://Other", "/", NULL, "Other"},
	    {"GET", "http://other?b", "/", "b", "other"},
	    {"GET", "http://[::1]:5000/v2/", "/v2/", NULL, "[::1]:5000"},
	    {"DELETE", "/x", "/x", NULL, "box"},
	    {"POST", "/x|[]{}^`", "/x|[]{}^`", NULL, "box"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[200];
		int n = snprintf(text, sizeof text, "%s %s HTTP/1.1\r\n" HOST "\r\n", rows[i].method, rows[i].target);
		struct head h = parse((struct str){text, (size_t)n});

		assert_str(h.target, rows[i].target);
		assert_str(h.path, rows[i].path);
		assert_int_equal(h.query.p != NULL, rows[i].query != NULL);
		assert_str(h.query, rows[i].query ? rows[i].query : "");
		assert_str(h.host, rows[i].host);
	}
}

static void decides_on_keeping_alive(void **state)
{
	static const struct {
		struct str text;
		bool keep_alive;
	} rows[] = {
	    {TEXT(GET11 HOST "\r\n"), true},
	    {TEXT(GET11 HOST "Connection: close\r\n\r\n"), false},
	    {TEXT(GET11 HOST "Connection: x , CLOSE\r\n\r\n"), false},
	    {TEXT(GET11 HOST "Connection: x\r\nConnection: close\r\n\r\n"), false},
	    {TEXT(GET11 HOST "Connection: closed, keep-alive\r\n\r\n"), true},
	    {TEXT(GET11 HOST "Connection: keep-alive, close\r\n\r\n"), false},
	    {TEXT("GET / HTTP/1.0\r\n\r\n"), false},
	    {TEXT("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), true},
	    {TEXT("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n"), false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(parse(rows[i].text).keep_alive, rows[i].keep_alive);
}

static void frames_bodies(void **state)
{
	struct head h = parse((struct str)TEXT(PUT11 "\r\n"));

	(void)state;
	assert_true(!h.has_length && h.length == 0 && !h.chunked && !h.expect_continue);
	h = parse((struct str)TEXT(PUT11 "Transfer-Encoding: Chunked\r\n\r\n"));
	assert_true(h.chunked && !h.has_length);
	h = parse((struct str)TEXT(PUT11 "Content-Length: 0\r\n\r\n"));
	assert_true(h.has_length && h.length == 0);
	h = parse((struct str)TEXT(PUT11 "content-length:9223372036854775807\r\n\r\n"));
	assert_true(h.length == INT64_MAX);
	h = parse((struct str)TEXT("PUT / HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"));
	assert_true(h.length == 3 && !h.expect_continue && h.host.n == 0);
	h = parse((struct str)TEXT("PUT / HTTP/1.9\r\n" HOST "Expect: 100-continue\r\n\r\n"));
	assert_true(h.minor == 1 && h.expect_continue && h.keep_alive); /* RFC 9110 §2.5: as the highest minor known */
	h = parse((struct str)TEXT("\r\n" PUT11 "\r\n"));               /* RFC 9112 §2.2 */
	assert_int_equal(h.method, METHOD_PUT);
}

static const struct {
	struct str text;
	enum rc rc;
} refused[] = {
    {TEXT("\r\n"), E_HTTP_BAD},
    {TEXT("\r\n\r\n"), E_HTTP_BAD},
    {TEXT(""), E_HTTP_BAD},
    /* the request line */
    {TEXT("GET /\r\n" HOST "\r\n"), E_HTTP_BAD},
    {TEXT("GET  / HTTP/1.1\r\n" HOST "\r\n"), E_HTTP_BAD},
    {TEXT("GET /  HTTP/1.1\r\n" HOST "\r\n"), E_HTTP_BAD},
    {TEXT("GET / HTTP/1.1 \r\n" HOST "\r\n"), E_HTTP_BAD},
    {TEXT(" GET / HTTP/1.1\r\n" HOST "\r\n"), E_HTTP_BAD},
    {TEXT("GET\t/ HTTP/1.1\r\n" HOST "\r\n"), E_HTTP_BAD},
    {TEXT("GET / a HTTP/1.1\r\n" HOST "\r\n"), E_HTTP_BAD},
    {TEXT("GET / http/1.1\r\n" HOST "\r\n"), E_HTTP_BAD},
    {TEXT("GET / HTTP/1.1x\r\n" HOST "\r\n"), E_HTTP_BAD},
    {TEXT("GET / HTTP/11\r\n" HOST "\r\n"), E_HTTP_BAD},
    {TEXT("GET / HTTP/0.9\r\n" HOST "\r\n"), E_HTTP_VERSION},
    {TEXT("PRI * HTTP/2.0\r\n\r\n"), E_HTTP_VERSION}, /* RFC 9113 §3.4 */
    {TEXT("get / HTTP/1.1\r\n" HOST "\r\n"), E_HTTP_METHOD_UNKNOWN},
    {TEXT("BREW / HTTP/1.1\r\n" HOST "\r\n"), E_HTTP_METHOD_UNKNOWN},
    {TEXT("CONNECT box:443 HTTP/1.1\r\n" HOST "\r\n"), E_HTTP_METHOD_UNKNOWN},
    {TEXT("TRACE / HTTP/1.1\r\n" HOST "\r\n"), E_HTTP_METHOD_UNKNOWN},
    {TEXT("G(T / HTTP/1.1\r\n" HOST "\r\n"), E_HTTP_BAD},
    {TEXT("G\0T / HTTP/1.1\r\n" HOST "\r\n"), E_HTTP_BAD},
    /* the target */
    {TEXT("GET * HTTP/1.1\r\n" HOST "\r\n"), E_HTTP_BAD},
    {TEXT("OPTIONS *a HTTP/1.1\r\n" HOST "\r\n"), E_HTTP_BAD},
    {TEXT("GET a HTTP/1.1\r\n" HOST "\r\n"), E_HTTP_BAD},
    {TEXT("GET box:80 HTTP/1.1\r\n" HOST "\r\n"), E_HTTP_BAD},
    {TEXT("GET ftp://box/ HTTP/1.1\r\n" HOST "\r\n"), E_HTTP_BAD},
    {TEXT("GET http:/box/ HTTP/1.1\r\n" HOST "\r\n"), E_HTTP_BAD},
    {TEXT("GET http:///a HTTP/1.1\r\n" HOST "\r\n"), E_HTTP_BAD},
    {TEXT("GET http://me@box/a HTTP/1.1\r\n" HOST "\r\n"), E_HTTP_BAD},
    {TEXT("GET /a#b HTTP/1.1\r\n" HOST "\r\n"), E_HTTP_BAD},
    {TEXT("GET /\0 HTTP/1.1\r\n" HOST "\r\n"), E_HTTP_BAD},
    {TEXT("GET /\x7f HTTP/1.1\r\n" HOST "\r\n"), E_HTTP_BAD},
    {TEXT("GET /\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n"), E_HTTP_BAD},
    {TEXT("GET /a\\b HTTP/1.1\r\n" HOST "\r\n"), E_HTTP_BAD},
    /* lines and fields */
    {TEXT("GET / HTTP/1.1\n" HOST "\r\n"), E_HTTP_BAD},
    {TEXT(GET11 "Host: box\n\r\n"), E_HTTP_BAD},
    {TEXT(GET11 HOST "\n"), E_HTTP_BAD},
    {TEXT(GET11 HOST "a: b\rc: d\r\n\r\n"), E_HTTP_BAD},
    {TEXT(GET11 HOST "a: b\r\r\n\r\n"), E_HTTP_BAD},
    {TEXT(GET11 HOST "\r\r\n"), E_HTTP_BAD},
    {TEXT(GET11 HOST "a: b\r\n c\r\n\r\n"), E_HTTP_BAD},
    {TEXT(GET11 " a: b\r\n" HOST "\r\n"), E_HTTP_BAD},
    {TEXT(GET11 HOST "a : b\r\n\r\n"), E_HTTP_BAD},
    {TEXT(GET11 HOST "Content-Length : 5\r\n\r\n"), E_HTTP_BAD},
    {TEXT(GET11 HOST ": b\r\n\r\n"), E_HTTP_BAD},
    {TEXT(GET11 HOST "a\r\n\r\n"), E_HTTP_BAD},
    {TEXT(GET11 HOST "a\xe4: b\r\n\r\n"), E_HTTP_BAD},
    {TEXT(GET11 HOST "a: b\0c\r\n\r\n"), E_HTTP_BAD},
    {TEXT(GET11 HOST "a: b\x1b[1m\r\n\r\n"), E_HTTP_BAD},
    {TEXT(GET11 HOST "a: b\x7f\r\n\r\n"), E_HTTP_BAD},
    {TEXT(GET11 HOST "\r\nx"), E_HTTP_BAD}, /* more than the head */
    {TEXT(GET11 HOST), E_HTTP_BAD},         /* less than the head */
    /* Host */
    {TEXT(GET11 "\r\n"), E_HTTP_BAD},
    {TEXT(GET11 "Host:\r\n\r\n"), E_HTTP_BAD},
    {TEXT(GET11 HOST HOST "\r\n"), E_HTTP_BAD},
    {TEXT(GET11 "Host: a, b\r\n\r\n"), E_HTTP_BAD},
    {TEXT("GET http://box/ HTTP/1.1\r\n\r\n"), E_HTTP_BAD},
    {TEXT("GET / HTTP/1.0\r\nHost: a b\r\n\r\n"), E_HTTP_BAD},
    /* how long the body is */
    {TEXT(PUT11 "Content-Length:\r\n\r\n"), E_HTTP_BAD},
    {TEXT(PUT11 "Content-Length: -1\r\n\r\n"), E_HTTP_BAD},
    {TEXT(PUT11 "Content-Length: +1\r\n\r\n"), E_HTTP_BAD},
    {TEXT(PUT11 "Content-Length: 0x1\r\n\r\n"), E_HTTP_BAD},
    {TEXT(PUT11 "Content-Length: 1 1\r\n\r\n"), E_HTTP_BAD},
    {TEXT(PUT11 "Content-Length: 5, 5\r\n\r\n"), E_HTTP_BAD},
    {TEXT(PUT11 "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"), E_HTTP_BAD},
    {TEXT(PUT11 "Content-Length: 9223372036854775808\r\n\r\n"), E_HTTP_BAD},
    {TEXT(PUT11 "Content-Length: 18446744073709551617\r\n\r\n"), E_HTTP_BAD},
    {TEXT(PUT11 "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"), E_HTTP_BAD},
    {TEXT(PUT11 "Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\n"), E_HTTP_BAD},
    {TEXT("PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), E_HTTP_BAD},
    {TEXT(PUT11 "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"), E_HTTP_BAD},
    {TEXT(PUT11 "Transfer-Encoding: gzip, chunked\r\n\r\n"), E_HTTP_TRANSFER_CODING},
    {TEXT(PUT11 "Transfer-Encoding: , chunked\r\n\r\n"), E_HTTP_TRANSFER_CODING},
    /* RFC 9112 §6.3: "the chunked transfer coding is not the final encoding [...] MUST respond with the 400" */
    {TEXT(PUT11 "Transfer-Encoding: chunked, gzip\r\n\r\n"), E_HTTP_BAD},
    {TEXT(PUT11 "Transfer-Encoding: gzip\r\n\r\n"), E_HTTP_BAD},
    {TEXT(PUT11 "Transfer-Encoding: chunked,\r\n\r\n"), E_HTTP_BAD},
    {TEXT(PUT11 "Transfer-Encoding: chunked, chunked\r\n\r\n"), E_HTTP_BAD},
    {TEXT(PUT11 "Transfer-Encoding: chunked, gzip, chunked\r\n\r\n"), E_HTTP_BAD},
    {TEXT(PUT11 "Transfer-Encoding: xchunked\r\n\r\n"), E_HTTP_BAD},
    {TEXT(PUT11 "Transfer-Encoding: \x0b"
		"chunked\r\n\r\n"),
	E_HTTP_BAD},
    {TEXT(PUT11 "Transfer-Encoding:\r\n\r\n"), E_HTTP_BAD},
    {TEXT(PUT11 "Expect: 200-ok\r\n\r\n"), E_HTTP_EXPECT},
    {TEXT(PUT11 "Expect: 100-continue\r\nExpect: x\r\n\r\n"), E_HTTP_EXPECT},
};

static void refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		struct head head;
		struct err err = {0};
		enum rc rc = head_parse(refused[i].text, &head, &err);

		if (rc != refused[i].rc)
			fail_msg("row %zu: %s: %s, %s", i, refused[i].text.p, rc_name(rc), err.text);
	}
}

static void checks_hosts(void **state)
{
	static const struct {
		const char *host;
		bool valid;
	} rows[] = {
	    {"box", true},
	    {"box.local:5000", true},
	    {"my_box", true},
	    {"192.168.1.2:443", true},
	    {"[::1]", true},
	    {"[fe80::1:2]:5000", true},
	    {"[::ffff:1.2.3.4]", true},
	    {"box:1", true},
	    {"box:65535", true},
	    {"", false},
	    {":5000", false},
	    {"box:", false},
	    {"box:0", false},
	    {"box:65536", false},
	    {"box:000080", false},
	    {"box:+80", false},
	    {"box:80:80", false},
	    {"::1", false},
	    {"[::1", false},
	    {"::1]", false},
	    {"[]", false},
	    {"[1]", false},
	    {"[::1]x", false},
	    {"[::1]:", false},
	    {"[fe80::1%eth0]", false},
	    {"[g::1]", false},
	    {"a/b", false},
	    {"a@b", false},
	    {"a\"b", false},
	    {"a,b", false},
	    {"a%20b", false},
	    {"b\xc3\xb6x", false},
	};
	char name[256];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (host_is_valid(str_of(rows[i].host)) != rows[i].valid)
			fail_msg("%s", rows[i].host);
	memset(name, 'a', sizeof name);
	assert_true(host_is_valid((struct str){name, 255}));
	assert_false(host_is_valid((struct str){name, 256}));
}

/* head_complete with the bytes in pieces of `step`; what follows the head must make no difference. */
static enum rc complete(struct str bytes, size_t step, size_t *length)
{
	struct head_scan scan = {0};
	struct err err;
	enum rc rc = OK;

	*length = 0;
	for (size_t n = step < bytes.n ? step : bytes.n; !rc && !*length; n = n + step < bytes.n ? n + step : bytes.n) {
		rc = head_complete(str_first(bytes, n), &scan, length, &err);
		if (n == bytes.n)
			break;
	}
	return rc;
}

static void finds_the_end_in_pieces(void **state)
{
	static const struct {
		struct str text;
		enum rc rc;
		size_t length;
	} rows[] = {
	    {TEXT(GET11 HOST "\r\n"), OK, sizeof(GET11 HOST) + 1},
	    {TEXT(GET11 HOST "\r\nGET / HTTP/1.1\n\n"), OK, sizeof(GET11 HOST) + 1},
	    {TEXT("\r\n" GET11 "\r\nxyz"), OK, sizeof(GET11) + 3},
	    {TEXT("\r\n\r\nxyz"), OK, 4},
	    {TEXT(GET11 HOST), OK, 0},
	    {TEXT(GET11 HOST "\r"), OK, 0},
	    {TEXT(""), OK, 0},
	    {TEXT("\r"), OK, 0},
	    {TEXT("\r\n"), OK, 0},
	    {TEXT("\n"), E_HTTP_BAD, 0},
	    {TEXT("GET / HTTP/1.1\n\n"), E_HTTP_BAD, 0},
	    {TEXT(GET11 "\n"), E_HTTP_BAD, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		for (size_t step = 1; step < 60; step++) {
			size_t length;
			enum rc rc = complete(rows[i].text, step, &length);

			if (rc != rows[i].rc || (!rc && length != rows[i].length))
				fail_msg("row %zu step %zu: %s %zu", i, step, rc_name(rc), length);
		}
}

struct cap {
	size_t target, fields, value; /* bytes after the first slash, fields, bytes of each value */
	enum rc rc;
};

static void assert_cap(const struct cap *cap)
{
	static char text[40000], fill[20000];
	size_t n = 0, length;
	struct head head;
	struct err err;

	memset(fill, 'x', sizeof fill);
	n += (size_t)snprintf(text, sizeof text, "GET /%.*s HTTP/1.1\r\n" HOST, (int)cap->target, fill);
	for (size_t i = 1; i < cap->fields; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "a: %.*s\r\n", (int)cap->value, fill);
	n += (size_t)snprintf(text + n, sizeof text - n, "\r\n");
	for (size_t step = 1; step < 20000; step = step * 3 + 1)
		assert_int_equal(complete((struct str){text, n}, step, &length), cap->rc);
	assert_int_equal(head_parse((struct str){text, n}, &head, &err), cap->rc);
}

static void keeps_to_its_caps(void **state)
{
	static const struct cap rows[] = {
	    {8192 - 14, 1, 0, OK}, /* "GET /" and " HTTP/1.1" are 14 bytes */
	    {8192 - 13, 1, 0, E_HTTP_URI_TOO_LONG},
	    {1, 100, 1, OK},
	    {1, 101, 1, E_HTTP_HEAD_TOO_LARGE},
	    {0, 2, 16384 - 16 - 11 - 5 - 2, OK}, /* exactly HEAD_MAX_BYTES */
	    {0, 2, 16384 - 16 - 11 - 5 - 1, E_HTTP_HEAD_TOO_LARGE},
	};
	static char endless[16384];
	size_t length;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_cap(&rows[i]);
	/* a full buffer always gets an answer */
	memset(endless, 'x', sizeof endless);
	assert_int_equal(complete((struct str){endless, sizeof endless}, 1, &length), E_HTTP_METHOD_UNKNOWN);
	memcpy(endless, "GET /", 5);
	assert_int_equal(complete((struct str){endless, sizeof endless}, 1, &length), E_HTTP_URI_TOO_LONG);
	memcpy(endless, GET11, sizeof GET11 - 1);
	assert_int_equal(complete((struct str){endless, sizeof endless}, 1, &length), E_HTTP_HEAD_TOO_LARGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_a_request),
	    cmocka_unit_test(reads_targets),
	    cmocka_unit_test(decides_on_keeping_alive),
	    cmocka_unit_test(frames_bodies),
	    cmocka_unit_test(refuses),
	    cmocka_unit_test(checks_hosts),
	    cmocka_unit_test(finds_the_end_in_pieces),
	    cmocka_unit_test(keeps_to_its_caps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
