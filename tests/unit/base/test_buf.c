/* buf: growth up to the maximum, and the sticky failure. */
#include <cove/base/buf.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

static void starts_empty(void **state)
{
	struct buf b = BUF_INIT(10);

	(void)state;
	assert_true(buf_ok(&b));
	assert_int_equal(buf_str(&b).n, 0);
	assert_non_null(buf_str(&b).p);
	buf_add(&b, STR_NONE);
	assert_true(buf_ok(&b));
	assert_string_equal(buf_str(&b).p, "");
	buf_release(&b);
	buf_release(&b);
}

static void appends(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	buf_addc(&b, 'a');
	buf_add(&b, STR("b\0c"));
	buf_addz(&b, "d");
	buf_addf(&b, "%d-%s", 42, "x");
	assert_int_equal(b.n, 9);
	assert_memory_equal(b.p, "ab\0cd42-x", 10); /* with the NUL */
	buf_drop(&b, 3);
	assert_string_equal(b.p, "cd42-x");
	buf_drop(&b, 6);
	assert_int_equal(b.n, 0);
	assert_string_equal(b.p, "");
	buf_release(&b);
}

static void reaches_its_maximum_and_no_more(void **state)
{
	struct buf b = BUF_INIT(200);
	char hundred[100];

	(void)state;
	memset(hundred, 'x', sizeof hundred);
	buf_add(&b, (struct str){hundred, 100});
	buf_add(&b, (struct str){hundred, 100});
	assert_true(buf_ok(&b));
	assert_int_equal(b.n, 200);
	assert_true(b.cap <= 201);
	buf_addc(&b, 'y');
	assert_false(buf_ok(&b));
	assert_int_equal(b.n, 200);
	buf_drop(&b, 100);
	buf_addc(&b, 'y'); /* sticky, although there would be room */
	assert_false(buf_ok(&b));
	assert_int_equal(b.n, 100);
	buf_reset(&b);
	buf_addf(&b, "%s", "again");
	assert_true(buf_ok(&b));
	assert_string_equal(b.p, "again");
	buf_addf(&b, "%300s", "");
	assert_false(buf_ok(&b));
	assert_string_equal(b.p, "again");
	buf_release(&b);
}

static void gives_room(void **state)
{
	struct buf b = BUF_INIT(8);
	char *room = buf_room(&b, 8);

	(void)state;
	assert_non_null(room);
	memcpy(room, "12345678", 8);
	buf_grown(&b, 5);
	assert_string_equal(b.p, "12345");
	assert_non_null(buf_room(&b, 3));
	assert_null(buf_room(&b, 4));
	assert_false(buf_ok(&b));
	buf_release(&b);
	assert_null(buf_room(&b, SIZE_MAX));
	buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(starts_empty),
	    cmocka_unit_test(appends),
	    cmocka_unit_test(reaches_its_maximum_and_no_more),
	    cmocka_unit_test(gives_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
