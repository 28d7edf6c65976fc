/* str: tables of cuts, numbers, characters and patterns. */
#include <cove/base/str.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

static void assert_str(struct str got, const char *want)
{
	assert_int_equal(got.n, strlen(want));
	if (got.n)
		assert_memory_equal(got.p, want, got.n);
}

static void compares(void **state)
{
	static const struct {
		const char *a, *b;
		int order;
		bool eqi;
	} rows[] = {
	    {"", "", 0, true},
	    {"a", "", 1, false},
	    {"a", "b", -1, false},
	    {"ab", "a", 1, false},
	    {"A", "a", -1, true},
	    {"a-b", "a.b", -1, false},
	    {"@", "`", -1, false}, /* differ in the case bit only, and are no letters */
	    {"\xff", "a", 1, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct str a = str_of(rows[i].a), b = str_of(rows[i].b);
		int order = str_cmp(a, b);

		assert_int_equal((order > 0) - (order < 0), rows[i].order);
		assert_int_equal(str_eq(a, b), rows[i].order == 0);
		assert_int_equal(str_eqi(a, b), rows[i].eqi);
	}
	assert_true(str_eq(STR_NONE, STR("")));
	assert_int_equal(str_cmp(STR_NONE, STR("")), 0);
}

static void parts(void **state)
{
	(void)state;
	assert_true(str_starts(STR("abc"), STR("ab")));
	assert_true(str_starts(STR_NONE, STR("")));
	assert_false(str_starts(STR("a"), STR("ab")));
	assert_true(str_ends(STR("abc"), STR("bc")));
	assert_true(str_ends(STR("abc"), STR("")));
	assert_false(str_ends(STR("c"), STR("bc")));
	assert_str(str_from(STR("abc"), 1), "bc");
	assert_str(str_from(STR("abc"), 9), "");
	assert_str(str_from(STR_NONE, 3), "");
	assert_str(str_first(STR("abc"), 2), "ab");
	assert_str(str_first(STR("abc"), 9), "abc");
	assert_str(str_trim(STR(" \ta b\t ")), "a b");
	assert_str(str_trim(STR(" \t ")), "");
	assert_str(str_trim(STR("\na\n")), "\na\n");
	assert_true(str_has(STR("a\0b"), '\0'));
	assert_false(str_has(STR("ab"), '\0'));
	assert_false(str_has(STR_NONE, 'a'));
}

static void cuts(void **state)
{
	static const struct {
		const char *s, *head, *tail, *last_head, *last_tail;
		bool found;
	} rows[] = {
	    {"a:b:c", "a", "b:c", "a:b", "c", true},
	    {":", "", "", "", "", true},
	    {"a:", "a", "", "a", "", true},
	    {":a", "", "a", "", "a", true},
	    {"abc", "abc", "", "abc", "", false},
	    {"", "", "", "", "", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct str head, tail, s = str_of(rows[i].s);

		assert_int_equal(str_cut(s, ':', &head, &tail), rows[i].found);
		assert_str(head, rows[i].head);
		assert_str(tail, rows[i].tail);
		assert_int_equal(str_cut_last(s, ':', &head, &tail), rows[i].found);
		assert_str(head, rows[i].last_head);
		assert_str(tail, rows[i].last_tail);
		str_cut(s, ':', &head, &s); /* may alias */
		assert_str(s, rows[i].tail);
	}
}

static void decimals(void **state)
{
	static const struct {
		const char *s;
		bool ok;
		uint64_t value;
	} rows[] = {
	    {"0", true, 0},
	    {"007", true, 7},
	    {"18446744073709551615", true, UINT64_MAX},
	    {"18446744073709551616", false, 0},
	    {"99999999999999999999999", false, 0},
	    {"", false, 0},
	    {"+1", false, 0},
	    {"-1", false, 0},
	    {" 1", false, 0},
	    {"1 ", false, 0},
	    {"0x1", false, 0},
	    {"1e3", false, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint64_t value = 42;

		assert_int_equal(str_u64(str_of(rows[i].s), &value), rows[i].ok);
		assert_true(value == (rows[i].ok ? rows[i].value : 42));
	}
}

static void hexadecimals(void **state)
{
	static const struct {
		const char *s;
		bool ok;
		uint64_t value;
	} rows[] = {
	    {"0", true, 0},
	    {"fF", true, 255},
	    {"ffffffffffffffff", true, UINT64_MAX},
	    {"0ffffffffffffffff", false, 0},
	    {"", false, 0},
	    {"g", false, 0},
	    {"0x1", false, 0},
	    {"@", false, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint64_t value = 42;

		assert_int_equal(str_hex_u64(str_of(rows[i].s), &value), rows[i].ok);
		assert_true(value == (rows[i].ok ? rows[i].value : 42));
	}
}

static void characters(void **state)
{
	static const struct {
		const char *s;
		size_t step;
	} rows[] = {
	    {"", 0},
	    {"a", 1},
	    {"\xc3\xa4", 2},
	    {"\xe2\x82\xac!", 3},
	    {"\xf0\x9f\x90\xb3", 4},
	    {"\xf4\x8f\xbf\xbf", 4},
	    {"\xc3", 0},             /* cut */
	    {"\xe2\x82", 0},         /* cut */
	    {"\x80", 0},             /* no first byte */
	    {"\xc0\xaf", 0},         /* longer than needed */
	    {"\xe0\x80\xaf", 0},     /* longer than needed */
	    {"\xed\xa0\x80", 0},     /* a surrogate */
	    {"\xf4\x90\x80\x80", 0}, /* beyond U+10FFFF */
	    {"\xf5\x80\x80\x80", 0},
	    {"\xff", 0},
	    {"\xe2\x28\xa1", 0},
	    {"\xe2\x82\x28", 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(str_utf8_step(str_of(rows[i].s)), rows[i].step);
	assert_int_equal(str_utf8_step(STR("\0")), 1);
	assert_true(str_is_token(STR("X-Foo_1!")));
	assert_false(str_is_token(STR("")));
	assert_false(str_is_token(STR("a b")));
	assert_false(str_is_token(STR("a\0")));
	assert_false(str_is_token(STR("a:")));
	assert_false(str_is_token(STR("\xc3\xa4")));
}

/* What moves a terminal's cursor, or turns the direction of what follows, is not shown as it is. */
static void printable(void **state)
{
	static const char *const good[] = {"a", " ", "~", "\xc2\xa0", "\xc3\xa4", "\xd8\x9b", "\xe2\x80\xa7",
	    "\xe2\x80\xaf", "\xe2\x81\xaa", "\xf0\x9f\x98\x80"};
	static const char *const bad[] = {"", "\x01", "\x1b", "\x1f", "\x7f", "\xc2\x80", "\xc2\x9b", "\xc2\x9f",
	    "\xd8\x9c", "\xe2\x80\x8e", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xae", "\xe2\x81\xa6", "\xe2\x81\xa9",
	    "\x9b", "\xe2\x80"};
	char out[9];

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		assert_int_equal(str_printable_step(str_of(good[i])), strlen(good[i]));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(str_printable_step(str_of(bad[i])), 0);
	assert_int_equal(str_printable_step(STR("\0")), 0);
	assert_string_equal(str_print(out, 8,
				STR("a\xc2\x9b"
				    "31m\xe2\x80\xae"
				    "b\n\xff")),
	    "a?31m?b?");
	assert_string_equal(str_print(out, 8, STR("1234567\xc3\xa4")), "1234567");
	assert_string_equal(str_print(out, 8, STR("")), "");
}

/* All ways, one after the other: what str_glob() must say, for short patterns. */
static bool glob_by_trying(struct str p, struct str s)
{
	bool twice = p.n > 1 && p.p[0] == '*' && p.p[1] == '*';

	if (!p.n)
		return !s.n;
	if (p.p[0] == '*')
		return glob_by_trying(str_from(p, 1 + (size_t)twice), s) ||
		       (s.n && (twice || s.p[0] != '/') && glob_by_trying(p, str_from(s, 1)));
	return s.n && (p.p[0] == '?' ? s.p[0] != '/' : p.p[0] == s.p[0]) &&
	       glob_by_trying(str_from(p, 1), str_from(s, 1));
}

/* Behind a long beginning, so that the states of what follows lie in each place of their words. */
static void globs_like_who_tries_all_ways(void **state)
{
	static const char of_pattern[] = "**?/ab", of_text[] = "/aab";
	char pattern[300], text[300], more_p[320], more_t[320];
	uint32_t seed = 1;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		size_t n[2], before = (size_t)round % 140;

		for (int i = 0; i < 2; i++) {
			char *to = i ? text : pattern;

			seed = seed * 1664525 + 1013904223;
			n[i] = (seed >> 16) % 8;
			for (size_t k = 0; k < n[i]; k++) {
				seed = seed * 1664525 + 1013904223;
				to[k] = i ? of_text[(seed >> 16) % (sizeof(of_text) - 1)]
					  : of_pattern[(seed >> 16) % (sizeof(of_pattern) - 1)];
			}
		}
		memset(more_p, 'x', before);
		memset(more_t, 'x', before);
		memcpy(more_p + before, pattern, n[0]);
		memcpy(more_t + before, text, n[1]);
		if (str_glob((struct str){more_p, before + n[0]}, (struct str){more_t, before + n[1]}) !=
		    glob_by_trying((struct str){pattern, n[0]}, (struct str){text, n[1]}))
			fail_msg("%.*s against %.*s behind %zu", (int)n[0], pattern, (int)n[1], text, before);
	}
}

static void globs(void **state)
{
	static const struct {
		const char *pattern, *s;
		bool match;
	} rows[] = {
	    {"", "", true},
	    {"", "a", false},
	    {"a", "", false},
	    {"team/app", "team/app", true},
	    {"team/*", "team/app", true},
	    {"team/*", "team/", true},
	    {"team/*", "team/a/b", false},
	    {"team/**", "team/a/b", true},
	    {"**", "", true},
	    {"**", "a/b/c", true},
	    {"*", "a/b", false},
	    {"**/app", "a/b/app", true},
	    {"**/app", "app", false},
	    {"**app", "app", true},
	    {"*-*-*", "a-b-c-d", true},
	    {"v?.?", "v1.2", true},
	    {"v?.?", "v1.22", false},
	    {"a?b", "a/b", false},
	    {"?", "", false},
	    {"***", "a/b", true},
	    {"a*b*c", "aXbXbXc", true},
	    {"a*b*c", "aXbXbX", false},
	    {"**/x/*", "a/x/b/x/c", true},
	    {"[ab]", "a", false},
	};
	char stars[STR_GLOB_MAX + 1], text[4096];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (str_glob(str_of(rows[i].pattern), str_of(rows[i].s)) != rows[i].match)
			fail_msg("%s against %s", rows[i].pattern, rows[i].s);

	/* exponential for one who tries all ways */
	memset(text, 'a', sizeof text);
	for (size_t i = 0; i < STR_GLOB_MAX; i++)
		stars[i] = i % 2 ? 'a' : '*';
	stars[STR_GLOB_MAX - 1] = 'b';
	assert_false(str_glob((struct str){stars, STR_GLOB_MAX}, (struct str){text, sizeof text}));
	memset(stars, '*', sizeof stars);
	assert_true(str_glob((struct str){stars, STR_GLOB_MAX}, (struct str){text, sizeof text}));
	assert_false(str_glob((struct str){stars, sizeof stars}, (struct str){text, sizeof text}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(compares),
	    cmocka_unit_test(parts),
	    cmocka_unit_test(cuts),
	    cmocka_unit_test(decimals),
	    cmocka_unit_test(hexadecimals),
	    cmocka_unit_test(characters),
	    cmocka_unit_test(printable),
	    cmocka_unit_test(globs),
	    cmocka_unit_test(globs_like_who_tries_all_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
