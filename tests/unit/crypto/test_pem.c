/* Certificates out of PEM text. */
#include <cove/crypto/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define BLOCK(base64) "-----BEGIN CERTIFICATE-----\n" base64 "\n-----END CERTIFICATE-----\n"

static const struct {
	const char *text;
	const char *ders; /* of all certificates, joined; NULL: refused */
	size_t count;
} rows[] = {
    {"", "", 0},
    {"no block\n", "", 0},
    {BLOCK("YWJj"), "abc", 1},
    {"text\n" BLOCK("YWJj") "more\n" BLOCK("ZGVm"), "abcdef", 2},
    {"-----BEGIN CERTIFICATE-----\r\nYWJj\r\n-----END CERTIFICATE-----", "abc", 1},
    {"-----BEGIN PRIVATE KEY-----\nYWJj\n-----END PRIVATE KEY-----\n" BLOCK("ZGVm"), "def", 1},
    {"-----BEGIN CERTIFICATE-----\nYWJj\n", NULL, 0},
    {BLOCK("YW*j"), NULL, 0},
    {BLOCK("YWJj") "-----BEGIN CERTIFICATE-----\n", NULL, 0},
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct str rest = str_of(rows[i].text);
		struct buf der = BUF_INIT(100), all = BUF_INIT(100);
		size_t count = 0;
		bool found = true;
		enum rc rc = OK;

		while (!rc && found) {
			rc = pem_next_certificate(&rest, &der, &found, NULL);
			if (!rc && found) {
				buf_add(&all, buf_str(&der));
				count++;
			}
		}
		if (rc != (rows[i].ders ? OK : E_CONFIG))
			fail_msg("row %zu", i);
		if (!rc && (count != rows[i].count || !str_eq(buf_str(&all), str_of(rows[i].ders))))
			fail_msg("row %zu: %.*s", i, STR_ARG(buf_str(&all)));
		buf_release(&der);
		buf_release(&all);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
