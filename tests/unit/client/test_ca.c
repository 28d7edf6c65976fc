/* client: the public CAs that are built in can all be read by the library that is to trust them. */
#include <cove/base/embed.h>
#include <mbedtls/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void all_of_mozillas(void **state)
{
	mbedtls_x509_crt list;
	unsigned count = 0;

	(void)state;
	assert_int_equal(embedded_cas_count, 1);
	mbedtls_x509_crt_init(&list);
	assert_int_equal(mbedtls_x509_crt_parse(&list, embedded_cas[0].bytes, embedded_cas[0].size + 1), 0);
	for (const mbedtls_x509_crt *c = &list; c; c = c->next) {
		assert_true(mbedtls_x509_crt_get_ca_istrue(c) || c->version == 1);
		count++;
	}
	assert_in_range(count, 100, 500);
	mbedtls_x509_crt_free(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(all_of_mozillas),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
