/* Names and addresses: their normal form, the machine's own, and the host part of a Host value. */
#include "trust_internal.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static bool has(const struct trust_names *names, const char *text)
{
	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->items[i].text, text) == 0)
			return true;
	return false;
}

static void test_normal_form(void **state)
{
	static const struct {
		const char *given, *want; /* NULL: refused */
		bool is_address;
	} rows[] = {
	    {"box", "box", false},
	    {"Box.Example.COM.", "box.example.com", false},
	    {"my_nas", "my_nas", false},
	    {"192.168.1.5", "192.168.1.5", true},
	    {"2001:DB8:0:0::1", "2001:db8::1", true},
	    {"::1", "::1", true},
	    {"", NULL, false},
	    {".", NULL, false},
	    {"a..b", NULL, false},
	    {"box..", NULL, false},
	    {"-a", NULL, false},
	    {"a-.b", NULL, false},
	    {"*.example.com", NULL, false},
	    {"1.2.3", NULL, false},
	    {"300.1.1.1", NULL, false},
	    {"box:5000", NULL, false},
	    {"https://box", NULL, false},
	    {"b\xc3\xb6x", NULL, false},
	    {"[::1]", NULL, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct trust_names names = {.count = 0};
		bool ok = names_add(&names, str_of(rows[i].given));

		if (ok != (rows[i].want != NULL))
			fail_msg("row %zu: %s", i, rows[i].given);
		if (!ok)
			continue;
		assert_string_equal(names.items[0].text, rows[i].want);
		assert_int_equal(names.items[0].is_address, rows[i].is_address);
	}
}

static void test_lengths(void **state)
{
	struct trust_names names = {.count = 0};
	char text[400];

	(void)state;
	memset(text, 'a', sizeof text);
	assert_true(names_add(&names, (struct str){text, 63}));
	assert_false(names_add(&names, (struct str){text, 64}));
	for (size_t i = 60; i < sizeof text; i += 61)
		text[i] = '.';
	assert_true(names_add(&names, (struct str){text, 253}));
	assert_false(names_add(&names, (struct str){text, 254}));
	assert_false(names_add(&names, (struct str){text, 400}));
	assert_false(names_add(&names, (struct str){"a\0b", 3}));
}

static void test_once_and_bounded(void **state)
{
	struct trust_names names = {.count = 0};
	char text[16];

	(void)state;
	assert_true(names_add(&names, STR("box")));
	assert_true(names_add(&names, STR("BOX.")));
	assert_int_equal(names.count, 1);
	for (int i = 0; i < 2 * TRUST_NAMES_MAX; i++) {
		snprintf(text, sizeof text, "n%d", i);
		assert_true(names_add(&names, str_of(text)));
	}
	assert_int_equal(names.count, TRUST_NAMES_MAX);
}

static void test_machine(void **state)
{
	struct trust_names names;
	struct err err;

	(void)state;
	assert_int_equal(trust_machine_names(STR(" registry.example.com , 203.0.113.9,,"), &names, &err), OK);
	assert_string_equal(names.items[0].text, "registry.example.com");
	assert_string_equal(names.items[1].text, "203.0.113.9");
	assert_true(has(&names, "localhost") && has(&names, "127.0.0.1") && has(&names, "::1"));
	for (size_t i = 0; i < names.count; i++)
		assert_true(strncmp(names.items[i].text, "fe80:", 5) != 0);
	assert_int_equal(trust_machine_names(STR("ok, https://x"), &names, &err), E_CONFIG);
	assert_non_null(strstr(err.text, "https://x"));
}

static void test_host_value(void **state)
{
	static const struct {
		const char *host;
		bool want;
	} rows[] = {
	    {"box", true},
	    {"BOX:5000", true},
	    {"box.:5000", true},
	    {"192.168.1.5:5000", true},
	    {"[2001:db8::1]:5000", true},
	    {"[2001:DB8:0::1]", true},
	    {"boxy", false},
	    {"evil:box", false},
	    {"", false},
	    {"[", false},
	    {":", false},
	    {"192.168.1.50", false},
	};
	struct trust_names names = {.count = 0};

	(void)state;
	names_add(&names, STR("box"));
	names_add(&names, STR("192.168.1.5"));
	names_add(&names, STR("2001:db8::1"));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (trust_names_have(&names, str_of(rows[i].host)) != rows[i].want)
			fail_msg("row %zu: %s", i, rows[i].host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_normal_form),
	    cmocka_unit_test(test_lengths),
	    cmocka_unit_test(test_once_and_bounded),
	    cmocka_unit_test(test_machine),
	    cmocka_unit_test(test_host_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
