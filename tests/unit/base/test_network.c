/* network: which addresses count as one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cove/base/network.h>
#include <cmocka.h>

static bool same(const char *a, const char *b)
{
	struct network one = network_of(str_of(a)), other = network_of(str_of(b));

	return network_eq(&one, &other);
}

static void ipv4_counts_by_address(void **state)
{
	(void)state;
	assert_true(same("192.0.2.1", "192.0.2.1"));
	assert_false(same("192.0.2.1", "192.0.2.2"));
	assert_false(same("192.0.2.1", "192.0.3.1"));
}

static void ipv6_counts_by_its_first_half(void **state)
{
	(void)state;
	assert_true(same("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"));
	assert_true(same("2001:db8:1:2::1", "2001:0db8:0001:0002:0:0:0:7"));
	assert_false(same("2001:db8:1:2::1", "2001:db8:1:3::1"));
	assert_false(same("::1", "2001:db8::1"));
}

static void link_local_counts_by_address(void **state)
{
	(void)state;
	assert_false(same("fe80::1", "fe80::2"));
	assert_true(same("fe80::1%eth0", "fe80::1%eth1"));
}

static void other_text_is_itself(void **state)
{
	(void)state;
	assert_true(same("", ""));
	assert_false(same("", "0.0.0.0"));
	assert_false(same("", "::"));
	assert_false(same("a", "b"));
	assert_true(same("a", "a"));
	assert_true(same("0123456789abcdef-one", "0123456789abcdef-other"));
	assert_false(same("2001:db8::1:2:3:4:5:6:7:8:9:0:1:2:3:4:5", "2001:db8::"));
}

static bool around(const char *a, const char *b)
{
	struct network one = network_of(str_of(a)), other = network_of(str_of(b));

	one = network_around(&one);
	other = network_around(&other);
	return network_eq(&one, &other);
}

static void the_one_around(void **state)
{
	(void)state;
	assert_true(around("192.0.2.1", "192.0.2.200"));
	assert_false(around("192.0.2.1", "192.0.3.1"));
	assert_true(around("2001:db8:1:2::1", "2001:db8:1:ffff::1"));
	assert_false(around("2001:db8:1:2::1", "2001:db8:2:2::1"));
	assert_false(around("fe80::1", "fe80::2"));
	assert_false(around("a", "b"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ipv4_counts_by_address),
	    cmocka_unit_test(ipv6_counts_by_its_first_half),
	    cmocka_unit_test(link_local_counts_by_address),
	    cmocka_unit_test(other_text_is_itself),
	    cmocka_unit_test(the_one_around),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
