/* memory: the budget counts what is held beyond the ordinary, and nothing once it is given back. */
#include "session.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void counts(void **state)
{
	static struct work small, large;

	(void)state;
	small.arena.used = LARGE_BYTES;
	memory_count(&small);
	assert_int_equal(small.memory_held, 0);

	large.arena.used = 1000;
	large.body.cap = SIZE_MAX / 4;
	memory_count(&large);
	assert_true(memory_is_short());
	memory_count(&large); /* not twice */
	large.body.cap = 0;
	large.x.reply.content.cap = 100000;
	memory_count(&large);
	assert_int_equal(large.memory_held, 101000);
	assert_false(memory_is_short());
	memory_forget(&large);
	assert_int_equal(large.memory_held, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(counts)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
