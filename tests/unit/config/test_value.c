/* Numbers with units, switches and addresses. */
#include "config_internal.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define BAD UINT64_MAX

static const struct {
	const char *text;
	uint64_t size, duration, count; /* BAD: refused */
} numbers[] = {
    {"0", 0, 0, 0},
    {"1", BAD, BAD, 1},
    {"18446744073709551616", BAD, BAD, BAD},
    {"", BAD, BAD, BAD},
    {"-1", BAD, BAD, BAD},
    {"+1", BAD, BAD, BAD},
    {" 1", BAD, BAD, BAD},
    {"1.5h", BAD, BAD, BAD},
    {"1e3", BAD, BAD, BAD},
    {"0x10", BAD, BAD, BAD},
    {"12B", 12, BAD, BAD},
    {"2KiB", 2048, BAD, BAD},
    {"3 MiB", 3 << 20, BAD, BAD},
    {"1GiB", 1 << 30, BAD, BAD},
    {"1TiB", 1ull << 40, BAD, BAD},
    {"1MB", BAD, BAD, BAD},
    {"1mib", BAD, BAD, BAD},
    {"99999999TiB", BAD, BAD, BAD},
    {"30s", BAD, 30, BAD},
    {"15m", BAD, 900, BAD},
    {"12h", BAD, 43200, BAD},
    {"7d", BAD, 604800, BAD},
    {"2w", BAD, 1209600, BAD},
    {"1y", BAD, BAD, BAD},
    {"1d12h", BAD, BAD, BAD},
    {"99999999999999999999d", BAD, BAD, BAD},
    {"999999999999999999d", BAD, BAD, BAD},
};

typedef enum rc parse_fn(struct str text, uint64_t *out, struct err *err);

static void check_number(size_t i, parse_fn *parse, uint64_t want)
{
	uint64_t have = 0;
	enum rc rc = parse(str_of(numbers[i].text), &have, NULL);

	if (rc != (want == BAD ? E_CONFIG : OK) || (!rc && have != want))
		fail_msg("row %zu: %s", i, numbers[i].text);
}

static void test_numbers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		check_number(i, value_size, numbers[i].size);
		check_number(i, config_duration, numbers[i].duration);
		check_number(i, value_count, numbers[i].count);
	}
}

static void test_put(void **state)
{
	static const struct {
		uint64_t n;
		const char *duration, *size;
	} rows[] = {
	    {0, "0", "0"},
	    {1, "1s", "1B"},
	    {60, "1m", "60B"},
	    {90, "90s", "90B"},
	    {1024, "1024s", "1KiB"},
	    {604800, "1w", "604800B"},
	    {86400, "1d", "86400B"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct buf text = BUF_INIT(40);

		value_put_duration(&text, rows[i].n);
		assert_string_equal(text.p, rows[i].duration);
		buf_reset(&text);
		value_put_size(&text, rows[i].n);
		assert_string_equal(text.p, rows[i].size);
		buf_release(&text);
	}
}

static void test_listen(void **state)
{
	static const struct {
		const char *text, *host; /* NULL: refused */
		uint16_t port;
	} rows[] = {
	    {":5000", "", 5000},
	    {"127.0.0.1:0", "127.0.0.1", 0},
	    {"[::1]:443", "::1", 443},
	    {"[::]:65535", "::", 65535},
	    {"", NULL, 0},
	    {"5000", NULL, 0},
	    {":", NULL, 0},
	    {":65536", NULL, 0},
	    {":-1", NULL, 0},
	    {"::1:5000", NULL, 0},
	    {"[]:5000", NULL, 0},
	    {"[::1:5000", NULL, 0},
	    {"[::1]", NULL, 0},
	    {"a:b", NULL, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char host[256] = "";
		uint16_t port = 0;
		enum rc rc = value_listen(str_of(rows[i].text), host, &port, NULL);

		if (rc != (rows[i].host ? OK : E_CONFIG))
			fail_msg("row %zu: %s", i, rows[i].text);
		if (rows[i].host && (strcmp(host, rows[i].host) != 0 || port != rows[i].port))
			fail_msg("row %zu: %s", i, rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_numbers),
	    cmocka_unit_test(test_put),
	    cmocka_unit_test(test_listen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
