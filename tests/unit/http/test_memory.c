/* memory: the budget counts what is held beyond the ordinary, and nothing once it is given back. */
#include "session.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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
	assert_true(memory_is_short(&large));
	memory_count(&large); /* not twice */
	large.body.cap = 0;
	large.x.reply.content.cap = 100000;
	memory_count(&large);
	assert_int_equal(large.memory_held, 101000);
	assert_false(memory_is_short(&large));
	memory_forget(&large);
	assert_int_equal(large.memory_held, 0);
}

/* In steps up to where that one is refused: how much it then holds. */
static uint64_t fill(struct work *w, const char *peer)
{
	w->network = network_of(str_of(peer));
	for (w->body.cap = 0; !memory_is_short(w); w->body.cap += 1u << 20)
		memory_count(w);
	memory_count(w);
	return w->memory_held;
}

static void who_holds_much_is_refused_before_others(void **state)
{
	static struct work crowd, other, third, many[200];
	uint64_t budget = fill(&crowd, "192.0.2.1");
	char peer[40];

	(void)state;
	other.network = network_of(str_of("192.0.2.2"));
	assert_false(memory_is_short(&other));
	assert_true(fill(&other, "192.0.2.2") <= budget / 8 + (2u << 20));
	assert_true(fill(&third, "2001:db8::1") > budget / 16);
	/* all of an IPv6 network are one */
	many[0].network = network_of(str_of("2001:db8::2"));
	assert_true(memory_is_short(&many[0]));
	/* however many there are, not more than twice the budget */
	for (size_t i = 0; i < 200; i++) {
		snprintf(peer, sizeof peer, "198.51.100.%zu", i);
		fill(&many[i], peer);
	}
	for (uint64_t sum = crowd.memory_held + other.memory_held + third.memory_held, i = 0; i < 200; i++) {
		sum += many[i].memory_held;
		assert_true(sum < 2 * budget + (200u << 20));
		memory_forget(&many[i]);
	}
	memory_forget(&crowd);
	memory_forget(&other);
	memory_forget(&third);
	assert_false(memory_is_short(&crowd));
	assert_true(fill(&crowd, "192.0.2.9") >= budget - (2u << 20));
	memory_forget(&crowd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(counts),
	    cmocka_unit_test(who_holds_much_is_refused_before_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
