/* random: the shape of what comes; randomness itself is the kernel's. */
#include <cove/base/random.h>
#include <cove/base/str.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

static void fills_all_bytes(void **state)
{
	unsigned char bytes[1000] = {0};
	size_t zeroes = 0;

	(void)state;
	random_bytes(bytes, sizeof bytes);
	for (size_t i = 0; i < sizeof bytes; i++)
		zeroes += bytes[i] == 0;
	assert_true(zeroes < 100); /* about 4 are expected */
	random_bytes(bytes, 0);
}

static void makes_uuids(void **state)
{
	char a[37], b[37];

	(void)state;
	for (int round = 0; round < 100; round++) {
		random_uuid(a);
		random_uuid(b);
		assert_int_equal(strlen(a), 36);
		assert_string_not_equal(a, b);
		assert_int_equal(a[14], '4');
		assert_true(str_has(STR("89ab"), a[19]));
		for (int i = 0; i < 36; i++) {
			bool dash = i == 8 || i == 13 || i == 18 || i == 23;

			assert_true(dash ? a[i] == '-' : str_has(STR("0123456789abcdef"), a[i]));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(fills_all_bytes),
	    cmocka_unit_test(makes_uuids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
