/* arena: alignment, the hard maximum, the latch, and what a reset keeps. */
#include <cove/base/arena.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

static void aligns_and_zeroes(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 65536);
	for (size_t size = 0; size < 300; size++) {
		unsigned char *p = arena_alloc(&a, size);

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xff, size);
	}
	arena_reset(&a);
	assert_int_equal(*(unsigned char *)arena_alloc(&a, 1), 0); /* also in memory used before */
	arena_release(&a);
}

static void copies_and_formats(void **state)
{
	struct arena a;
	struct str s;

	(void)state;
	arena_init(&a, 65536);
	s = arena_str(&a, STR("a\0b"));
	assert_int_equal(s.n, 3);
	assert_memory_equal(s.p, "a\0b", 4);
	s = arena_str(&a, STR_NONE);
	assert_int_equal(s.n, 0);
	assert_string_equal(s.p, "");
	s = arena_printf(&a, "%s=%d", "n", 7);
	assert_int_equal(s.n, 3);
	assert_string_equal(s.p, "n=7");
	arena_release(&a);
}

static void keeps_to_its_maximum(void **state)
{
	struct arena a;
	size_t given = 0;

	(void)state;
	arena_init(&a, 65536);
	while (arena_alloc(&a, 100))
		given += 100;
	assert_true(a.failed);
	assert_true(a.used <= a.max);
	assert_true(given > 65536 / 2);
	assert_null(arena_alloc(&a, 1)); /* latched */
	assert_null(arena_str(&a, STR("x")).p);
	assert_null(arena_printf(&a, "x").p);
	arena_reset(&a);
	assert_false(a.failed);
	assert_non_null(arena_alloc(&a, 1));
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_true(a.failed);
	arena_release(&a);
	assert_false(a.failed);
	assert_int_equal(a.used, 0);
}

static void takes_one_large_piece(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 20);
	assert_non_null(arena_alloc(&a, 1000000));
	assert_false(a.failed);
	assert_null(arena_alloc(&a, 100000));
	arena_release(&a);
	arena_init(&a, 100); /* smaller than a block */
	assert_non_null(arena_alloc(&a, 16));
	assert_true(a.used <= 100);
	arena_release(&a);
}

static void a_reset_keeps_little(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 20);
	arena_alloc(&a, 100);
	arena_reset(&a);
	assert_non_null(a.blocks);
	for (int i = 0; i < 50; i++)
		arena_alloc(&a, 10000);
	arena_reset(&a);
	assert_true(a.used <= 4096);
	arena_release(&a);
}

static void goes_back(void **state)
{
	struct arena a;
	struct arena_mark empty, mark;
	struct str kept;

	(void)state;
	arena_init(&a, 65536);
	empty = arena_mark(&a);
	kept = arena_str(&a, STR("kept"));
	mark = arena_mark(&a);
	for (int i = 0; i < 1000; i++) { /* many times what fits */
		assert_non_null(arena_alloc(&a, 30000));
		arena_rewind(&a, mark);
	}
	assert_memory_equal(kept.p, "kept", 5);
	arena_rewind(&a, empty);
	assert_int_equal(a.used, 0);
	assert_non_null(arena_alloc(&a, 10));
	arena_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(aligns_and_zeroes),
	    cmocka_unit_test(goes_back),
	    cmocka_unit_test(copies_and_formats),
	    cmocka_unit_test(keeps_to_its_maximum),
	    cmocka_unit_test(takes_one_large_piece),
	    cmocka_unit_test(a_reset_keeps_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
