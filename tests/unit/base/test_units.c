/* Numbers with units, from text and back. (config/test_value.c has the many ways to be wrong.) */
#include <cove/base/units.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void test_back_and_forth(void **state)
{
	static const struct {
		enum units units;
		const char *text;
		uint64_t n;
		const char *back;
	} rows[] = {
	    {UNITS_BYTES, "0", 0, "0"},
	    {UNITS_BYTES, "2048KiB", 2 << 20, "2MiB"},
	    {UNITS_BYTES, "1025 B", 1025, "1025B"},
	    {UNITS_SECONDS, "3600s", 3600, "1h"},
	    {UNITS_SECONDS, "14d", 1209600, "2w"},
	    {UNITS_MILLISECONDS, "10s", 10000, "10s"},
	    {UNITS_MILLISECONDS, "1500ms", 1500, "1500ms"},
	    {UNITS_MILLISECONDS, "2m", 120000, "2m"},
	};
	struct buf out = BUF_INIT(64);
	uint64_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(units_parse(str_of(rows[i].text), rows[i].units, &n, NULL), OK);
		assert_int_equal(n, rows[i].n);
		buf_reset(&out);
		units_put(&out, rows[i].units, n);
		assert_string_equal(out.p, rows[i].back);
	}
	buf_release(&out);
}

static void test_refused(void **state)
{
	static const char *const texts[] = {"", "1", "1h", "ms", "1.5s", "-1s", "99999999999999999999s"};
	struct err err;
	uint64_t n = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_int_equal(units_parse(str_of(texts[i]), UNITS_MILLISECONDS, &n, &err), E_CONFIG);
	assert_int_equal(n, 7);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_back_and_forth),
	    cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
