/* tls_hello: where a ClientHello ends, however it lies in records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include "tls.h"
#include <cmocka.h>

/* A message of that length (as its header says it) in records of at most `record` bytes; returns the size. */
static size_t make(unsigned char *out, size_t length, size_t record)
{
	size_t n = 0;

	for (size_t at = 0; at < length + 4;) {
		size_t piece = length + 4 - at < record ? length + 4 - at : record;

		out[n++] = 22;
		out[n++] = 3;
		out[n++] = 1;
		out[n++] = (unsigned char)(piece >> 8);
		out[n++] = (unsigned char)piece;
		for (size_t i = 0; i < piece; i++, at++)
			out[n++] = (unsigned char)(at == 0 ? 1 : at < 4 ? length >> 8 * (3 - at) : at * 7);
	}
	return n;
}

static void its_end_is_found(void **state)
{
	static const size_t lengths[] = {0, 1, 40, 512, 1700, 16000}, records[] = {1, 3, 4, 5, 512, 16384};
	unsigned char *p = xcalloc(1, 7 * 16384);

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++)
		for (size_t j = 0; j < sizeof(records) / sizeof(*records); j++) {
			size_t n = make(p, lengths[i], records[j]), wanted = 0, steps = 0;

			/* who waits for what is wanted comes to the end, and never waits for more than there is */
			for (size_t here = 1; (wanted = tls_hello_wants(p, here)) > here; here = wanted, steps++)
				assert_true(wanted <= n);
			assert_int_equal(wanted, n);
			assert_true(steps <= 2 * (lengths[i] / records[j] + 5));
			/* what follows it is not looked at */
			assert_int_equal(tls_hello_wants(p, n + 10), n);
		}
	free(p);
}

static void what_is_none_is_left_to_the_library(void **state)
{
	static const unsigned char alert[] = {21, 3, 1, 0, 2, 2, 40}, empty[] = {22, 3, 1, 0, 0, 0, 0};
	static const unsigned char broken_off[] = {22, 3, 1, 0, 2, 1, 0, 23, 3, 3, 0, 9};

	(void)state;
	assert_int_equal(tls_hello_wants(alert, sizeof(alert)), sizeof(alert));
	assert_int_equal(tls_hello_wants(empty, sizeof(empty)), sizeof(empty));
	assert_int_equal(tls_hello_wants(broken_off, sizeof(broken_off)), sizeof(broken_off));
}

/* A suite is not looked for where another record's header may lie. */
static void suites_of_the_first_record_only(void **state)
{
	unsigned char p[200] = {0};
	size_t n = make(p, 60, 16384);

	(void)state;
	memset(p + 9, 0, 60);
	p[9 + 34] = 0;     /* session id */
	p[9 + 35 + 1] = 4; /* two suites */
	p[9 + 37 + 2] = 0x13;
	p[9 + 37 + 3] = 0x02;
	assert_true(tls_hello_offers(p, n, 0x1302));
	assert_false(tls_hello_offers(p, n, 0x1301));
	p[4] = 4 + 34 + 1 + 2 + 2; /* the first record ends behind the first suite */
	assert_false(tls_hello_offers(p, n, 0x1302));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(its_end_is_found),
	    cmocka_unit_test(what_is_none_is_left_to_the_library),
	    cmocka_unit_test(suites_of_the_first_record_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
