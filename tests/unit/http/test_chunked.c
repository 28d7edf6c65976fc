/* chunked: bodies in pieces of every size, and what is refused. */
#include <cove/http/chunked.h>
#include <cove/base/buf.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define TEXT(literal)                                                                                                  \
	{                                                                                                              \
		literal, sizeof literal - 1                                                                            \
	}

/* Decodes `in` given in pieces; *used becomes the bytes that belong to the body. */
static enum rc decode(struct str in, size_t step, struct buf *out, size_t *used, bool *done)
{
	struct chunked c = CHUNKED_INIT;
	struct err err;

	*used = 0;
	while (*used < in.n && !chunked_done(&c)) {
		struct str piece = str_first(str_from(in, *used), step), data;
		size_t consumed;
		enum rc rc = chunked_feed(&c, piece, &consumed, &data, &err);

		if (rc)
			return rc;
		assert_true(consumed > 0 && consumed <= piece.n);
		buf_add(out, data);
		*used += consumed;
	}
	*done = chunked_done(&c);
	return OK;
}

static void decodes(void **state)
{
	static const struct {
		struct str in;
		const char *out;
		size_t rest; /* bytes after the end */
		bool done;
	} rows[] = {
	    {TEXT("0\r\n\r\n"), "", 0, true},
	    {TEXT("5\r\nhello\r\n0\r\n\r\n"), "hello", 0, true},
	    {TEXT("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nGET /"), "hello world", 5, true},
	    {TEXT("1\r\n\r\r\n1\r\n\n\r\n0\r\n\r\n"), "\r\n", 0, true},
	    {TEXT("a\r\n0123456789\r\nA\r\n0123456789\r\n000\r\n\r\n"), "01234567890123456789", 0, true},
	    {TEXT("0000000000000005\r\nhello\r\n0000000000000000\r\n\r\n"), "hello", 0, true},
	    {TEXT("5;name=value;x=\"a b;\xe4\"\r\nhello\r\n0;last\r\n\r\n"), "hello", 0, true},
	    {TEXT("5 \t ;x\r\nhello\r\n0 ;x\r\n\r\n"), "hello", 0, true},
	    {TEXT("0\r\nDigest: sha256:x\r\nEmpty:\r\n\r\nrest"), "", 4, true},
	    {TEXT("5\r\nhel"), "hel", 0, false},
	    {TEXT("5\r\nhello\r\n0\r\n"), "hello", 0, false},
	    {TEXT("5\r\nhello\r\n0\r\nA: b\r\n\r"), "hello", 0, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		for (size_t step = 1; step < 80; step++) {
			struct buf out = BUF_INIT(1000);
			size_t used;
			bool done;

			if (decode(rows[i].in, step, &out, &used, &done) || done != rows[i].done ||
			    used != rows[i].in.n - rows[i].rest || !str_eq(buf_str(&out), str_of(rows[i].out)))
				fail_msg("row %zu step %zu: %s", i, step, buf_str(&out).p);
			buf_release(&out);
		}
}

static void refuses(void **state)
{
	static const struct str rows[] = {
	    TEXT("\r\n"),
	    TEXT(" 5\r\nhello"),
	    TEXT("-5\r\nhello"),
	    TEXT("+5\r\nhello"),
	    TEXT("0x5\r\nhello"),
	    TEXT("g\r\n"),
	    TEXT(";x\r\n"),
	    TEXT("5\nhello\r\n"),
	    TEXT("5\r5\r\n"),
	    TEXT("5 \r\nhello"),
	    TEXT("5 5\r\nhello"),
	    TEXT("5;a\nb\r\n"),
	    TEXT("5;a\0b\r\n"),
	    TEXT("5;\x7f\r\n"),
	    TEXT("5\r\nhello0\r\n\r\n"),
	    TEXT("5\r\nhello\n0\r\n\r\n"),
	    TEXT("5\r\nhello\r0\r\n\r\n"),
	    TEXT("5\r\nhello\r\n\r\n"),
	    TEXT("8000000000000000\r\n"),
	    TEXT("ffffffffffffffff\r\n"),
	    TEXT("00000000000000005\r\nhello\r\n"),
	    TEXT("0\r\n\n"),
	    TEXT("0\r\n\r\r"),
	    TEXT("0\r\nno colon\r\n\r\n"),
	    TEXT("0\r\n: x\r\n\r\n"),
	    TEXT("0\r\n a: x\r\n\r\n"),
	    TEXT("0\r\na : x\r\n\r\n"),
	    TEXT("0\r\na: x\r\n y\r\n\r\n"),
	    TEXT("0\r\na: x\n\r\n"),
	    TEXT("0\r\na: \0\r\n\r\n"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		for (size_t step = 1; step < 40; step++) {
			struct buf out = BUF_INIT(1000);
			size_t used;
			bool done;

			if (decode(rows[i], step, &out, &used, &done) != E_HTTP_BAD)
				fail_msg("row %zu step %zu", i, step);
			buf_release(&out);
		}
}

static enum rc decode_buf(struct buf *in)
{
	struct buf out = BUF_INIT(100);
	size_t used;
	bool done;
	enum rc rc = decode(buf_str(in), SIZE_MAX, &out, &used, &done);

	assert_true(rc || done);
	buf_release(&out);
	buf_reset(in);
	return rc;
}

static void bounds_what_it_drops(void **state)
{
	struct buf in = BUF_INIT(20000);

	(void)state;
	for (int more = 0; more <= 1; more++) {
		for (int chunk = 0; chunk < 2; chunk++) /* the bound is that of each chunk */
			buf_addf(&in, "1;%0*d\r\nx\r\n", 256 + more, 0);
		buf_addz(&in, "0\r\n\r\n");
		assert_int_equal(decode_buf(&in), more ? E_HTTP_BAD : OK);
		buf_addf(&in, "1%*s\r\nx\r\n0\r\n\r\n", 257 + more, ";"); /* 256 blanks */
		assert_int_equal(decode_buf(&in), more ? E_HTTP_BAD : OK);
		/* trailers: all lines count together, CRs and LFs as they come */
		buf_addf(&in, "0\r\na:%0*d\r\nb:%0*d\r\n\r\n", 4090, 0, 4094 + more, 0);
		assert_int_equal(decode_buf(&in), more ? E_HTTP_BAD : OK);
	}
	buf_release(&in);
}

static void passes_large_chunks_on_in_place(void **state)
{
	struct chunked c = CHUNKED_INIT;
	struct str in = STR("7fffffffffffffff\r\ndata"), data;
	struct err err;
	size_t consumed;

	(void)state;
	assert_int_equal(chunked_feed(&c, in, &consumed, &data, &err), OK);
	assert_int_equal(consumed, in.n);
	assert_ptr_equal(data.p, in.p + 18);
	assert_int_equal(data.n, 4);
	assert_true(c.left == INT64_MAX - 4);
	assert_int_equal(chunked_feed(&c, STR_NONE, &consumed, &data, &err), OK);
	assert_int_equal(consumed, 0);
	assert_int_equal(data.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(decodes),
	    cmocka_unit_test(refuses),
	    cmocka_unit_test(bounds_what_it_drops),
	    cmocka_unit_test(passes_large_chunks_on_in_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
