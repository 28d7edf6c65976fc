/* clock: the pin, and dates at the edges of the calendar. */
#include <cove/base/clock.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

static void pins(void **state)
{
	int64_t before;

	(void)state;
	clock_pin(1000, 2000);
	assert_int_equal(clock_wall_s(), 1000);
	assert_int_equal(clock_mono_ms(), 2000);
	clock_pin(-1, -1);
	assert_true(clock_wall_s() > 1700000000);
	before = clock_mono_ms();
	assert_true(before > 0);
	assert_true(clock_mono_ms() >= before);
}

static void writes_dates(void **state)
{
	static const struct {
		int64_t at_s;
		const char *rfc3339, *imf;
	} rows[] = {
	    {784111777, "1994-11-06T08:49:37Z", "Sun, 06 Nov 1994 08:49:37 GMT"}, /* RFC 9110 §5.6.7 */
	    {0, "1970-01-01T00:00:00Z", "Thu, 01 Jan 1970 00:00:00 GMT"},
	    {-1, "1969-12-31T23:59:59Z", "Wed, 31 Dec 1969 23:59:59 GMT"},
	    {951782400, "2000-02-29T00:00:00Z", "Tue, 29 Feb 2000 00:00:00 GMT"},
	    {4107542400, "2100-03-01T00:00:00Z", "Mon, 01 Mar 2100 00:00:00 GMT"},
	    {253402300799, "9999-12-31T23:59:59Z", "Fri, 31 Dec 9999 23:59:59 GMT"},
	    {INT64_MAX, "9999-12-31T23:59:59Z", "Fri, 31 Dec 9999 23:59:59 GMT"},
	    {INT64_MIN, "0000-01-01T00:00:00Z", "Sat, 01 Jan 0000 00:00:00 GMT"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char rfc3339[21], imf[30];

		clock_rfc3339(rfc3339, rows[i].at_s);
		clock_imf_fixdate(imf, rows[i].at_s);
		assert_string_equal(rfc3339, rows[i].rfc3339);
		assert_string_equal(imf, rows[i].imf);
	}
}

/* NTP sets the clock of a machine that started in the past; pulling it slowly is no jump. */
static void tells_when_it_was_set(void **state)
{
	int64_t offset;

	(void)state;
	clock_pin(1000, 5000);
	offset = clock_offset_s();
	clock_pin(1060, 65000); /* a minute later */
	assert_false(clock_was_set(&offset));
	for (int i = 1; i < 100; i++) {
		clock_pin(1060 + 7 * i, 65000 + 2000 * i);
		assert_false(clock_was_set(&offset));
	}
	clock_pin(1764374400, 265000);
	assert_true(clock_was_set(&offset));
	assert_false(clock_was_set(&offset));
	clock_pin(1764374400 - 3600, 267000);
	assert_true(clock_was_set(&offset));
	assert_false(clock_was_set(&offset));
	clock_pin(-1, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pins),
	    cmocka_unit_test(writes_dates),
	    cmocka_unit_test(tells_when_it_was_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
