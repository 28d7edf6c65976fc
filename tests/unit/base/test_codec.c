/* codec: published vectors, and what the strict decoders refuse. */
#include <cove/base/codec.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

static void hexes(void **state)
{
	static const char *const bad[] = {"0", "000", "00000", "0G00", "FF00", "-100", "0x00", "00 0"};
	unsigned char bytes[2] = {1, 2};
	char text[5];

	(void)state;
	hex_encode(text, "\x00\xff", 2);
	assert_string_equal(text, "00ff");
	hex_encode(text, NULL, 0);
	assert_string_equal(text, "");
	assert_true(hex_decode(bytes, 2, STR("a0ff")));
	assert_memory_equal(bytes, "\xa0\xff", 2);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(hex_decode(bytes, 2, str_of(bad[i])));
	assert_memory_equal(bytes, "\xa0\xff", 2);
}

static void base64_vectors(void **state)
{
	static const struct {
		const char *plain, *coded, *url;
	} rows[] = {
	    {"", "", ""},
	    {"f", "Zg==", "Zg"},
	    {"fo", "Zm8=", "Zm8"},
	    {"foo", "Zm9v", "Zm9v"},
	    {"foob", "Zm9vYg==", "Zm9vYg"},
	    {"fooba", "Zm9vYmE=", "Zm9vYmE"},
	    {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
	    {"\xfb\xff\xfe", "+//+", "-__-"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf b = BUF_INIT(100);
		char back[16];
		size_t n = strlen(rows[i].plain);

		base64_encode(&b, rows[i].plain, n);
		assert_string_equal(buf_str(&b).p, rows[i].coded);
		assert_int_equal(base64_decode(back, sizeof back, buf_str(&b)), n);
		assert_memory_equal(back, rows[i].plain, n);
		buf_reset(&b);
		base64url_encode(&b, rows[i].plain, n);
		assert_string_equal(buf_str(&b).p, rows[i].url);
		assert_int_equal(base64url_decode(back, n, buf_str(&b)), n);
		assert_memory_equal(back, rows[i].plain, n);
		if (n)
			assert_int_equal(base64url_decode(back, n - 1, buf_str(&b)), -1);
		buf_release(&b);
	}
}

static void base64_refuses(void **state)
{
	static const char *const bad[] = {
	    "Zg", "Zg=", "Zg===", "====", "Z===", "=Zg=", "Zh==", "Zm9=", "Zm9v\n", "Zm 9", "-__-"};
	static const char *const bad_url[] = {"Zg==", "Zh", "Zm9", "Z", "Zm9vY", "+//+", "Zm9v "};
	char back[16];

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(base64_decode(back, sizeof back, str_of(bad[i])), -1);
	for (size_t i = 0; i < sizeof bad_url / sizeof *bad_url; i++)
		assert_int_equal(base64url_decode(back, sizeof back, str_of(bad_url[i])), -1);
}

static void percents(void **state)
{
	static const struct {
		const char *s;
		bool plus;
		const char *want; /* NULL: refused */
	} rows[] = {
	    {"", false, ""},
	    {"a%2Fb%3a", false, "a/b:"},
	    {"a+b", false, "a+b"},
	    {"a+b%2B", true, "a b+"},
	    {"100%", false, NULL},
	    {"%2", false, NULL},
	    {"%zz", false, NULL},
	    {"%-1", false, NULL},
	    {"a%00b", false, NULL},
	    {"%252F", false, "%2F"},
	};
	struct arena a;
	struct buf b = BUF_INIT(100);

	(void)state;
	arena_init(&a, 65536);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct str out;

		assert_int_equal(percent_decode(&a, str_of(rows[i].s), rows[i].plus, &out), rows[i].want != NULL);
		if (rows[i].want)
			assert_string_equal(out.p, rows[i].want); /* the arena gave zeroed memory: NUL-terminated */
		else
			assert_null(out.p);
	}
	percent_encode(&b, STR("aZ09-._~ /\xc3%"));
	assert_string_equal(buf_str(&b).p, "aZ09-._~%20%2F%C3%25");
	buf_release(&b);
	arena_release(&a);
}

static void forms(void **state)
{
	static const struct {
		const char *name, *value; /* name NULL: bad escape */
	} want[] = {{"scope", "repository:a/b:pull,push"}, {"scope", ""}, {"flag", ""}, {"", "x"}, {NULL, NULL},
	    {"k", "a=b c"}};
	struct str rest = STR("scope=repository%3Aa%2Fb%3Apull%2Cpush&scope=&&flag&=x&bad=%&k=a=b+c&");
	struct str name, value;
	struct arena a;

	(void)state;
	arena_init(&a, 65536);
	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		assert_true(form_next(&a, &rest, &name, &value));
		if (!want[i].name) {
			assert_null(name.p);
			continue;
		}
		assert_non_null(name.p);
		assert_string_equal(name.p, want[i].name);
		assert_string_equal(value.p, want[i].value);
	}
	assert_false(form_next(&a, &rest, &name, &value));
	assert_null(name.p);
	arena_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hexes),
	    cmocka_unit_test(base64_vectors),
	    cmocka_unit_test(base64_refuses),
	    cmocka_unit_test(percents),
	    cmocka_unit_test(forms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
