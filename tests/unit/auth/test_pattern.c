/* pattern: which patterns some repository's name can match. */
#include "fixture.h"
#include "../../../appliance/auth/private.h"

static void fits(void **state)
{
	static const char *const good[] = {"a", "a/b", "a.b", "a_b", "a__b", "a-b", "a---b", "*", "**", "***", "?",
	    "??", "a*", "*a", "a/*", "**/a", "a/**", "a**b", "*-*", "*/*", "?/?", "a?b", "a.?", "a_?b", "**?**?**",
	    "a/**/b"};
	static const char *const never[] = {"", "/", "/a", "a/", "a//b", "-a", ".a", "_a", "a-", "a.", "a_", "a..b",
	    "a._b", "a_.b", "a___b", "a-_b", "a/-*", "a/*-", "*/", "/*", "/**", "**/", "*//*", "a/_/b", "._*", "*._*",
	    "?/", "a/.?"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(pattern_fits_any(str_of(good[i])));
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		assert_false(pattern_fits_any(str_of(never[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(fits)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
