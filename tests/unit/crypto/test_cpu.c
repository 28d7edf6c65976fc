/* cpu: agrees with what the kernel tells in /proc/cpuinfo, where that names the flags of this CPU. */
#include "crypto_test.h"
#include <cove/cpu.h>
#include <stdio.h>

static void as_the_kernel_says(void **state)
{
	char line[8192];
	bool has = false, named = false;
	FILE *f = fopen("/proc/cpuinfo", "re");

	(void)state;
	if (!f)
		skip();
	while (!named && fgets(line, sizeof(line), f)) {
		named = str_starts(str_of(line), STR("flags\t")) || str_starts(str_of(line), STR("Features\t"));
		has = strstr(line, " aes") && (strstr(line, " pclmulqdq") || strstr(line, " pmull"));
	}
	fclose(f);
#if defined(__arm__)
	assert_false(cpu_has_aes());
#else
	if (named)
		assert_int_equal(cpu_has_aes(), has);
#endif
	assert_int_equal(cpu_has_aes(), cpu_has_aes());
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(as_the_kernel_says)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
