/* The commands that people copy: they must work as they stand. */
#include <cove/trust/howto.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void test_ca_url(void **state)
{
	static const struct {
		const char *host, *url;
	} rows[] = {
	    {"box:5000", " http://box:5000/ca.crt\n"},
	    {"box", " http://box:443/ca.crt\n"}, /* not port 80, where nobody listens */
	    {"[fd00::1]:5000", " http://[fd00::1]:5000/ca.crt\n"},
	    {"[fd00::1]", " http://[fd00::1]:443/ca.crt\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct buf text = BUF_INIT(16384);

		howto_trust(&text, str_of(rows[i].host), STR("AB:CD"));
		assert_true(buf_ok(&text));
		assert_non_null(strstr(text.p, rows[i].url));
		assert_non_null(strstr(text.p, "docker pull nginx\n"));
		buf_release(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_ca_url)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
