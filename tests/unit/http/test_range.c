/* range: Range against sizes, and the Content-Range of chunks. */
#include <cove/http/range.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

static void ranges(void **state)
{
	static const struct {
		const char *value;
		uint64_t size;
		enum range_kind kind;
		uint64_t first, last;
	} rows[] = {
	    {"bytes=0-499", 1000, RANGE_SOME, 0, 499},
	    {"bytes=500-", 1000, RANGE_SOME, 500, 999},
	    {"bytes=0-", 1000, RANGE_SOME, 0, 999},
	    {"bytes=-500", 1000, RANGE_SOME, 500, 999},
	    {"bytes=-1", 1000, RANGE_SOME, 999, 999},
	    {"bytes=-2000", 1000, RANGE_SOME, 0, 999},
	    {"bytes=999-999", 1000, RANGE_SOME, 999, 999},
	    {"bytes=0-1000", 1000, RANGE_SOME, 0, 999},
	    {"bytes=0-99999999999999999999999", 1000, RANGE_SOME, 0, 999},
	    {"bytes=-99999999999999999999999", 1000, RANGE_SOME, 0, 999},
	    {"Bytes=0-0", 1, RANGE_SOME, 0, 0},
	    {"bytes= 0-1 ", 1000, RANGE_SOME, 0, 1},
	    {"bytes=0-18446744073709551615", UINT64_MAX, RANGE_SOME, 0, UINT64_MAX - 1},
	    {"bytes=1000-", 1000, RANGE_UNSATISFIABLE, 0, 0},
	    {"bytes=1000-2000", 1000, RANGE_UNSATISFIABLE, 0, 0},
	    {"bytes=99999999999999999999999-", 1000, RANGE_UNSATISFIABLE, 0, 0},
	    {"bytes=500-0", 1000, RANGE_UNSATISFIABLE, 0, 0}, /* the conformance suite wants 416 */
	    {"bytes=-0", 1000, RANGE_UNSATISFIABLE, 0, 0},
	    {"bytes=0-", 0, RANGE_UNSATISFIABLE, 0, 0},
	    {"bytes=-1", 0, RANGE_UNSATISFIABLE, 0, 0},
	    {"bytes=0-1,", 1000, RANGE_SOME, 0, 1}, /* RFC 9110 §5.6.1.2: empty elements are ignored */
	    {"bytes=, ,0-1", 1000, RANGE_SOME, 0, 1},
	    {"bytes=0-1,2000-", 1000, RANGE_SOME, 0, 1}, /* §14.2: those that can be satisfied */
	    {"bytes=2000-,1-0,-0", 1000, RANGE_UNSATISFIABLE, 0, 0},
	    {"bytes=0-1,2-3", 1000, RANGE_TOO_MANY, 0, 0},
	    {"bytes=0-1,2-3,x", 1000, RANGE_INVALID, 0, 0},
	    {"bytes=,", 1000, RANGE_INVALID, 0, 0},
	    {"items=0-1", 1000, RANGE_NONE, 0, 0},
	    {"=0-1", 1000, RANGE_NONE, 0, 0},
	    {"", 1000, RANGE_INVALID, 0, 0},
	    {"bytes", 1000, RANGE_INVALID, 0, 0},
	    {"bytes 0-1", 1000, RANGE_INVALID, 0, 0},
	    {"bytes=", 1000, RANGE_INVALID, 0, 0},
	    {"bytes=-", 1000, RANGE_INVALID, 0, 0},
	    {"bytes=5", 1000, RANGE_INVALID, 0, 0},
	    {"bytes=a-b", 1000, RANGE_INVALID, 0, 0},
	    {"bytes=1-b", 1000, RANGE_INVALID, 0, 0},
	    {"bytes=--1", 1000, RANGE_INVALID, 0, 0},
	    {"bytes=1-2-3", 1000, RANGE_INVALID, 0, 0},
	    {"bytes=0x1-2", 1000, RANGE_INVALID, 0, 0},
	    {"bytes=1 - 2", 1000, RANGE_INVALID, 0, 0},
	    {"bytes=+1-2", 1000, RANGE_INVALID, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct range r = {7, 7};
		size_t count = 1;
		enum range_kind kind = range_parse(str_of(rows[i].value), rows[i].size, &r, &count);

		if (kind != rows[i].kind)
			fail_msg("%s: %d", rows[i].value, (int)kind);
		assert_int_equal(count, kind == RANGE_SOME);
		assert_true(kind != RANGE_SOME || (r.first == rows[i].first && r.last == rows[i].last));
	}
}

static void several_ranges(void **state)
{
	struct range r[3];
	size_t count = 3;

	(void)state;
	assert_int_equal(range_parse(STR("bytes=5-6, 0-1,9000-,-10"), 1000, r, &count), RANGE_SOME);
	assert_int_equal(count, 3); /* in the order of the field */
	assert_true(r[0].first == 5 && r[0].last == 6 && r[1].first == 0 && r[1].last == 1);
	assert_true(r[2].first == 990 && r[2].last == 999);
	assert_int_equal(range_parse(STR("bytes=0-0,1-1,2-2,3-3"), 1000, r, &count), RANGE_TOO_MANY);
	assert_int_equal(count, 0);
}

static void content_ranges(void **state)
{
	static const struct {
		const char *value;
		bool ok;
		uint64_t first, last;
	} rows[] = {
	    {"0-0", true, 0, 0},
	    {"100-199", true, 100, 199},
	    {"bytes 0-99/*", true, 0, 99},
	    {"bytes 0-99/100", true, 0, 99},
	    {"Bytes 5-9/1000", true, 5, 9},
	    {"0-9223372036854775807", true, 0, INT64_MAX},
	    {"0-9223372036854775808", false, 0, 0},
	    {"bytes 0-99/99", false, 0, 0},
	    {"bytes 0-99/", false, 0, 0},
	    {"bytes 0-99", false, 0, 0},
	    {"bytes */100", false, 0, 0},
	    {"bytes 0-99/x", false, 0, 0},
	    {"bytes=0-99", false, 0, 0},
	    {"0-99/100", false, 0, 0},
	    {"0-99/*", false, 0, 0},
	    {"99-0", false, 0, 0},
	    {"0", false, 0, 0},
	    {"-5", false, 0, 0},
	    {"5-", false, 0, 0},
	    {"0--1", false, 0, 0},
	    {"0-1-2", false, 0, 0},
	    {"0 - 1", false, 0, 0},
	    {"", false, 0, 0},
	    {"99999999999999999999-99999999999999999999", false, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct range r = {7, 7};

		if (content_range_parse(str_of(rows[i].value), &r) != rows[i].ok)
			fail_msg("%s", rows[i].value);
		assert_true(r.first == (rows[i].ok ? rows[i].first : 7));
		assert_true(r.last == (rows[i].ok ? rows[i].last : 7));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ranges),
	    cmocka_unit_test(several_ranges),
	    cmocka_unit_test(content_ranges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
