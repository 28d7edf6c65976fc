/* json: what is accepted, what is refused and why, the limits, and writing. */
#include <cove/base/json.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <cmocka.h>

#define TEXT(literal)                                                                                                  \
	{                                                                                                              \
		literal, sizeof literal - 1                                                                            \
	}
#define COUNT(table) (sizeof(table) / sizeof *(table))

static struct json *parse(const char *text)
{
	struct json *v = NULL;
	struct err err = {0};

	if (json_parse(str_of(text), &v, &err))
		fail_msg("%s: %s", text, err.text);
	return v;
}

/* Each text, and what json_write makes of it (NULL: the same). */
static void reads_and_writes(void **state)
{
	static const struct {
		const char *text, *written;
	} rows[] = {
	    {"{}", NULL},
	    {"[]", NULL},
	    {" \t\r\n[ ] \n", "[]"},
	    {"{\"a\":[1,2,{\"b\":null}],\"c\":true,\"d\":false}", NULL},
	    {"[{},[],\"\"]", NULL},
	    {"\"x\"", NULL},
	    {"0", NULL},
	    {"-0", NULL},
	    {"-1.5", NULL},
	    {"1e2", "100"},
	    {"1E+2", "100"},
	    {"12345678901234", NULL},
	    {"9007199254740991", NULL},
	    {"0.1", "0.10000000000000001"},
	    {"null", NULL},
	    {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\""},
	    {"\"\\u0041\\u00e4\\ud83d\\udc33\"", "\"A\xc3\xa4\xf0\x9f\x90\xb3\""},
	    {"\"\\uD83D\\uDC33\"", "\"\xf0\x9f\x90\xb3\""},
	    {"\"\\u0001\x7f\"", "\"\\u0001\x7f\""},
	    {"\"\xf0\x9f\x90\xb3\"", NULL},
	    {"{\"\":1}", NULL},
	    {"{\"a\":1,\"A\":2}", NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct json *v = parse(rows[i].text);
		struct buf b = BUF_INIT(1000);

		json_write(&b, v);
		assert_string_equal(buf_str(&b).p, rows[i].written ? rows[i].written : rows[i].text);
		buf_release(&b);
		json_free(v);
	}
}

static const struct {
	struct str text;
	const char *why;
} refused[] = {
    {TEXT(""), "byte 0: a value is missing"},
    {TEXT(" "), "byte 1: a value is missing"},
    {TEXT("\xef\xbb\xbf{}"), "byte 0: a value is missing"}, /* RFC 8259 §8.1: no byte order mark */
    {TEXT("{} x"), "byte 3: something follows"},
    {TEXT("{}{}"), "byte 2: something follows"},
    {TEXT("{}\0"), "byte 2: something follows"},
    {TEXT("1 2"), "something follows"},
    {TEXT("[1,]"), "byte 3: a value is missing"},
    {TEXT("[,1]"), "a value is missing"},
    {TEXT("[1 2]"), "a comma or an end"},
    {TEXT("[1}"), "a comma or an end"},
    {TEXT("["), "a value is missing"},
    {TEXT("[1"), "a comma or an end"},
    {TEXT("]"), "a value is missing"},
    {TEXT("{\"a\":1,}"), "a member name"},
    {TEXT("{\"a\"}"), "a colon"},
    {TEXT("{\"a\":}"), "a value is missing"},
    {TEXT("{a:1}"), "a member name"},
    {TEXT("{1:1}"), "a member name"},
    {TEXT("{,}"), "a member name"},
    {TEXT("{\"a\":1]"), "a comma or an end"},
    {TEXT("{\"a\" 1}"), "a colon"},
    {TEXT("{\"a\":1 \"b\":2}"), "a comma or an end"},
    {TEXT("'a'"), "a value is missing"},
    {TEXT("True"), "a value is missing"},
    {TEXT("nul"), "a value is missing"},
    {TEXT("truex"), "something follows"},
    {TEXT("01"), "something follows"},
    {TEXT("+1"), "a value is missing"},
    {TEXT("-"), "a digit"},
    {TEXT(".5"), "a value is missing"},
    {TEXT("1."), "a digit"},
    {TEXT("1.e1"), "a digit"},
    {TEXT("1e"), "a digit"},
    {TEXT("1e+"), "a digit"},
    {TEXT("0x10"), "something follows"},
    {TEXT("NaN"), "a value is missing"},
    {TEXT("1e999"), "too large"},
    {TEXT("[-1e999]"), "too large"},
    {TEXT("11111111111111111111111111111111111111111111111111111111111111111"), "too long"},
    {TEXT("\""), "does not end"},
    {TEXT("\"abc"), "does not end"},
    {TEXT("\"\\"), "unknown escape"},
    {TEXT("\"\\\""), "does not end"},
    {TEXT("\"\\x\""), "unknown escape"},
    {TEXT("\"\\\0\""), "unknown escape"},
    {TEXT("\"\\u12\""), "four hexadecimal"},
    {TEXT("\"\\u12g4\""), "four hexadecimal"},
    {TEXT("\"\\u0000\""), "NUL"},
    {TEXT("\"a\0b\""), "control character"},
    {TEXT("\"a\nb\""), "control character"},
    {TEXT("\"\\ud83d\""), "surrogate"},
    {TEXT("\"\\ud83d\\u0041\""), "surrogate"},
    {TEXT("\"\\ud83dx\""), "surrogate"},
    {TEXT("\"\\ud83d\\ud83d\""), "surrogate"},
    {TEXT("\"\\udc33\""), "surrogate"},
    {TEXT("\"\\ud83d\\"), "surrogate"},
    {TEXT("\"\xff\""), "byte 1: not UTF-8"},
    {TEXT("\"\xc3\""), "not UTF-8"},
    {TEXT("\"\xed\xa0\x80\""), "not UTF-8"},
    {TEXT("[1]//"), "something follows"},
    {TEXT("[1,/**/2]"), "a value is missing"},
    {TEXT("\f1"), "a value is missing"},
    {TEXT("{\"a\":1,\"a\":1}"), "\"a\" occurs twice"},
    {TEXT("{\"a\":1,\"\\u0061\":1}"), "\"a\" occurs twice"},
    {TEXT("[{\"x\":{\"a\":1,\"b\":2,\"a\":3}}]"), "\"a\" occurs twice"},
    {TEXT("{\"a\":0,\"b\":0,\"c\":0,\"d\":0,\"e\":0,\"f\":0,\"g\":0,\"h\":0,\"i\":0,\"c\":0}"), "\"c\" occurs twice"},
};

static void refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		struct json *v = NULL;
		struct err err = {0};
		char *exact = malloc(refused[i].text.n + 1); /* so that a sanitizer sees a read past the end */
		char *end = exact + 1;
		enum rc rc;

		assert_non_null(exact);
		memcpy(end, refused[i].text.p, refused[i].text.n);
		rc = json_parse((struct str){end, refused[i].text.n}, &v, &err);
		free(exact);
		if (rc != E_HTTP_BAD || !strstr(err.text, refused[i].why) || v)
			fail_msg("%s: %d %s", refused[i].text.p, (int)rc, err.text);
	}
}

/* Appends s n times. */
static void repeat(struct buf *b, const char *s, size_t n)
{
	while (n--)
		buf_addz(b, s);
}

static enum rc parse_buf(struct buf *b, struct err *err)
{
	struct json *v = NULL;
	enum rc rc;

	assert_true(buf_ok(b));
	rc = json_parse(buf_str(b), &v, err);
	json_free(v);
	buf_reset(b);
	return rc;
}

static void keeps_to_its_limits(void **state)
{
	struct buf b = BUF_INIT(5 << 20);
	struct err err;

	(void)state;
	for (size_t depth = 32; depth <= 33; depth++) {
		repeat(&b, "[", depth);
		repeat(&b, "]", depth);
		assert_int_equal(parse_buf(&b, &err), depth == 32 ? OK : E_HTTP_BAD);
	}
	assert_non_null(strstr(err.text, "nested too deeply"));
	repeat(&b, "{\"a\":", 2000000 / 5); /* must not recurse */
	assert_int_equal(parse_buf(&b, &err), E_HTTP_BAD);

	for (size_t values = 131071; values <= 131072; values++) { /* and the array itself */
		buf_addz(&b, "[0");
		repeat(&b, ",0", values - 1);
		buf_addz(&b, "]");
		assert_int_equal(parse_buf(&b, &err), values == 131071 ? OK : E_HTTP_BAD);
	}
	assert_non_null(strstr(err.text, "too many values"));

	for (size_t more = 0; more <= 1; more++) {
		buf_addz(&b, "\"");
		repeat(&b, "x", (4 << 20) - 2 + more);
		buf_addz(&b, "\"");
		assert_int_equal(parse_buf(&b, &err), more ? E_HTTP_BAD : OK);
	}
	assert_non_null(strstr(err.text, "4194304"));
	buf_release(&b);
}

/* Duplicates are found among many members, too; comparing all pairs would take minutes here. */
static void finds_one_duplicate_among_many(void **state)
{
	struct buf b = BUF_INIT(4 << 20);
	struct err err;

	(void)state;
	for (int twice = 0; twice <= 1; twice++) {
		buf_addz(&b, "{\"n0\":0");
		for (int i = 1; i < 100000; i++)
			buf_addf(&b, ",\"n%d\":0", i);
		buf_addz(&b, twice ? ",\"n4711\":0}" : "}");
		assert_int_equal(parse_buf(&b, &err), twice ? E_HTTP_BAD : OK);
	}
	assert_non_null(strstr(err.text, "\"n4711\" occurs twice"));
	buf_release(&b);
}

static void whole_numbers(void **state)
{
	static const struct {
		const char *text;
		bool ok;
		uint64_t value;
	} rows[] = {
	    {"0", true, 0},
	    {"-0", true, 0},
	    {"4294967296", true, 4294967296},
	    {"9007199254740991", true, 9007199254740991},
	    {"1e3", true, 1000},
	    {"5.0", true, 5},
	    {"0.5E1", true, 5},
	    {"9007199254740992", false, 0},
	    {"9007199254740993", false, 0},
	    {"18446744073709551616", false, 0},
	    {"-1", false, 0},
	    {"1.5", false, 0},
	    {"\"1\"", false, 0},
	    {"true", false, 0},
	    {"[]", false, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct json *v = parse(rows[i].text);
		uint64_t value = 42;

		assert_int_equal(json_u64(v, &value), rows[i].ok);
		assert_true(value == (rows[i].ok ? rows[i].value : 42));
		json_free(v);
	}
}

/* Which of a document's numbers are integers, between texts that look like numbers. */
static void integers_in_their_places(void **state)
{
	struct json *v = parse("{\"1.5\":\"2e\\\"3\",\"a\":[7,7.0,{\"-1\":7e0},true,-0,7,0.5E1]}");
	static const bool expected[] = {true, false, false, false, true, true, false};
	uint64_t value;
	size_t i = 0;

	(void)state;
	for (const struct json *e = json_first(json_member(v, "a")); e; e = json_next(e))
		assert_int_equal(json_integer(json_is_object(e) ? json_first(e) : e, &value), expected[i++]);
	assert_int_equal(i, 7);
	json_free(v);
}

static void walks(void **state)
{
	struct json *v = parse("{\"s\":\"text\",\"t\":true,\"n\":null,\"a\":[1,2,3],\"o\":{\"k\":1},\"S\":\"other\"}");
	static const char *const names[] = {"s", "t", "n", "a", "o", "S"};
	const struct json *a = json_member(v, "a");
	size_t i = 0;
	uint64_t number;
	bool yes = false;

	(void)state;
	assert_int_equal(json_count(v), 6);
	for (const struct json *m = json_first(v); m; m = json_next(m))
		assert_true(str_eq(json_name(m), str_of(names[i++])));
	assert_int_equal(i, 6);
	assert_true(str_eq(json_string(json_member(v, "s")), STR("text")));
	assert_true(str_eq(json_string(json_member(v, "S")), STR("other")));
	assert_true(json_bool(json_member(v, "t"), &yes) && yes);
	assert_true(json_is_null(json_member(v, "n")));
	assert_true(json_is_array(a) && json_count(a) == 3);
	assert_true(json_u64(json_next(json_first(a)), &number) && number == 2);
	assert_true(json_is_object(json_member(v, "o")));
	assert_int_equal(json_name(json_first(a)).n, 0);

	/* absent, or of another kind */
	assert_null(json_member(v, "x"));
	assert_null(json_member(a, "s"));
	assert_null(json_member(NULL, "s"));
	assert_int_equal(json_string(json_member(v, "t")).n, 0);
	assert_null(json_string(NULL).p);
	assert_false(json_bool(json_member(v, "s"), &yes));
	assert_false(json_bool(NULL, &yes));
	assert_false(json_u64(NULL, &number));
	assert_false(json_is_object(NULL) || json_is_array(NULL) || json_is_string(NULL) || json_is_null(NULL));
	assert_null(json_first(NULL));
	assert_null(json_first(json_member(v, "s")));
	assert_int_equal(json_count(NULL), 0);
	json_free(v);
	json_free(NULL);
}

static void puts_strings(void **state)
{
	static const struct {
		struct str s;
		const char *want;
	} rows[] = {
	    {{"", 0}, "\"\""},
	    {{NULL, 0}, "\"\""},
	    {{"a\"b\\c/", 6}, "\"a\\\"b\\\\c/\""},
	    {{"\b\f\n\r\t", 5}, "\"\\b\\f\\n\\r\\t\""},
	    {{"\0\x1f", 2}, "\"\\u0000\\u001f\""},
	    {{"\xc3\xa4", 2}, "\"\xc3\xa4\""},
	    {{"\xc3", 1}, "\"\xef\xbf\xbd\""},
	    {{"a\xff\xfe"
	      "b",
		 4},
		"\"a\xef\xbf\xbd\xef\xbf\xbd"
		"b\""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf b = BUF_INIT(100);

		json_put_str(&b, rows[i].s);
		assert_string_equal(b.p, rows[i].want);
		buf_release(&b);
	}
}

static void puts_members(void **state)
{
	struct buf b = BUF_INIT(200);

	(void)state;
	json_put_comma(&b);
	buf_addc(&b, '{');
	json_put_member_str(&b, "a", STR("ends in {"));
	json_put_member_u64(&b, "n", UINT64_MAX);
	json_put_name(&b, "list");
	buf_addc(&b, '[');
	for (int i = 0; i < 3; i++) {
		json_put_comma(&b);
		buf_addf(&b, "%d", i);
	}
	buf_addz(&b, "]");
	json_put_name(&b, "o");
	buf_addz(&b, "{");
	json_put_member_str(&b, "k", STR(""));
	buf_addz(&b, "}}");
	assert_string_equal(
	    b.p, "{\"a\":\"ends in {\",\"n\":18446744073709551615,\"list\":[0,1,2],\"o\":{\"k\":\"\"}}");
	buf_release(&b);
}

/* [0,"text",... and that end. */
static struct buf large_text(const char *end)
{
	struct buf b = BUF_INIT(4 << 20);

	buf_addz(&b, "[0");
	for (int i = 0; i < 131000 - 10; i++)
		buf_addz(&b, ",\"text\"");
	buf_addz(&b, end);
	assert_true(buf_ok(&b));
	return b;
}

static atomic_bool second_is_read;

static void *read_large(void *text)
{
	struct json *v = NULL;

	if (json_parse(*(struct str *)text, &v, NULL) == OK)
		atomic_store(&second_is_read, true);
	json_free(v);
	return NULL;
}

static void large_documents_take_turns(void **state)
{
	struct buf good = large_text("]"), bad = large_text(",{\"a\":1,\"a\":1}]"), lone = BUF_INIT(4 << 20);
	struct str text = buf_str(&good);
	struct json *v;
	struct timespec moment = {.tv_nsec = 50 * 1000 * 1000};
	pthread_t thread;

	(void)state;
	for (int i = 0; i < 1000000; i++)
		buf_addc(&lone, ' ');
	buf_addz(&lone, "7");
	for (int i = 0; i < 3;
	     i++) { /* what was taken is given back, whatever came of it: else this would wait for ever */
		assert_int_equal(json_parse(buf_str(&bad), &v, NULL), E_HTTP_BAD);
		for (int j = 0; j < 10; j++) {
			assert_int_equal(json_parse(buf_str(&lone), &v, NULL), OK);
			json_free(v);
		}
		assert_int_equal(json_parse(text, &v, NULL), OK);
		json_free(v);
	}
	v = NULL;
	assert_int_equal(json_parse(text, &v, NULL), OK);
	assert_int_equal(pthread_create(&thread, NULL, read_large, &text), 0);
	json_free(parse("[1]")); /* small ones need no turn */
	nanosleep(&moment, NULL);
	assert_false(atomic_load(&second_is_read));
	json_free(v);
	pthread_join(thread, NULL);
	assert_true(atomic_load(&second_is_read));
	buf_release(&good);
	buf_release(&bad);
	buf_release(&lone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_and_writes),
	    cmocka_unit_test(refuses),
	    cmocka_unit_test(keeps_to_its_limits),
	    cmocka_unit_test(finds_one_duplicate_among_many),
	    cmocka_unit_test(whole_numbers),
	    cmocka_unit_test(integers_in_their_places),
	    cmocka_unit_test(walks),
	    cmocka_unit_test(puts_strings),
	    cmocka_unit_test(puts_members),
	    cmocka_unit_test(large_documents_take_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
