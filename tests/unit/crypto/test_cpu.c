/* cpu: agrees with what the kernel tells in /proc/cpuinfo, where that names the flags of this CPU. */
#include "crypto_test.h"
#include <cove/crypto/cpu.h>
#include <stdio.h>

/* the name of the flags' line: an emulator shows the file of the machine that it runs on, which has another */
#if defined(__x86_64__)
#define FLAGS "flags\t"
#define MULTIPLY " pclmulqdq"
#else
#define FLAGS "Features\t"
#define MULTIPLY " pmull"
#endif

static void as_the_kernel_says(void **state)
{
	char line[8192];
	bool has = false, named = false;
	FILE *f = fopen("/proc/cpuinfo", "re");

	(void)state;
	assert_non_null(f);
	while (!named && fgets(line, sizeof(line), f)) {
		named = str_starts(str_of(line), STR(FLAGS));
		has = strstr(line, " aes") && strstr(line, MULTIPLY);
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
