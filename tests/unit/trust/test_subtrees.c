/* Name constraints: what they permit, and that the DER says the same. */
#include "trust_internal.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const struct {
	const char *name;
	bool is_address, permitted;
} rows[] = {
    {"localhost", false, true},
    {"box.local", false, true},
    {"a.b.lan", false, true},
    {"LAN", false, true},
    {"box.home.arpa", false, true},
    {"arpa", false, false},
    {"box.internal", false, true},
    {"box.home", false, true},
    {"notlan", false, false},
    {"lan.example.com", false, false},
    {"google.com", false, false},
    {"box", false, true},
    {"sub.box", false, true},
    {"mybox", false, false},
    {"registry.example.com", false, true},
    {"example.com", false, false},
    {"10.255.0.1", true, true},
    {"11.0.0.1", true, false},
    {"172.16.0.1", true, true},
    {"172.31.255.255", true, true},
    {"172.32.0.1", true, false},
    {"192.168.7.7", true, true},
    {"192.169.0.1", true, false},
    {"100.64.0.1", true, true},
    {"100.128.0.1", true, false},
    {"169.254.3.4", true, true},
    {"127.1.2.3", true, true},
    {"8.8.8.8", true, false},
    {"203.0.113.9", true, true},
    {"203.0.113.8", true, false},
    {"::1", true, true},
    {"::2", true, false},
    {"fd12::1", true, true},
    {"fe80::1", true, true},
    {"fec0::1", true, false},
    {"2001:db8::1", true, true},
    {"2001:db8::2", true, false},
};

static void make(struct subtrees *s)
{
	struct trust_names names = {.count = 0};

	assert_true(names_add(&names, STR("box")));
	assert_true(names_add(&names, STR("box.local")));
	assert_true(names_add(&names, STR("192.168.1.5")));
	assert_true(names_add(&names, STR("registry.example.com")));
	assert_true(names_add(&names, STR("203.0.113.9")));
	assert_true(names_add(&names, STR("2001:db8::1")));
	subtrees_for(s, &names);
}

static void check(const struct subtrees *s)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (subtrees_permit(s, rows[i].name, rows[i].is_address) != rows[i].permitted)
			fail_msg("row %zu: %s", i, rows[i].name);
}

static void test_permit(void **state)
{
	struct subtrees s;

	(void)state;
	make(&s);
	assert_int_equal(s.count, 6 + 9 + 4); /* box.local and 192.168.1.5 are permitted already */
	check(&s);
}

static void test_there_and_back(void **state)
{
	struct subtrees s, back;
	uint8_t der[4096];
	size_t n;

	(void)state;
	make(&s);
	n = subtrees_encode(&s, der, sizeof der);
	assert_true(n > 0);
	assert_true(subtrees_decode(&back, der + sizeof der - n, n));
	assert_int_equal(back.count, s.count);
	check(&back);
	for (size_t size = 0; size < n; size++)
		assert_int_equal(subtrees_encode(&s, der, size), 0);
}

/* Heap copies of exact size, so that the sanitizer sees a read past the end. */
static void test_damage(void **state)
{
	struct subtrees s, back;
	uint8_t der[4096], *copy;
	size_t n;

	(void)state;
	make(&s);
	n = subtrees_encode(&s, der, sizeof der);
	for (size_t cut = 0; cut < n; cut++) {
		copy = malloc(cut + 1);
		assert_non_null(copy);
		memcpy(copy, der + sizeof der - n, cut);
		assert_false(subtrees_decode(&back, copy, cut));
		free(copy);
	}
	for (size_t i = 0; i < n * 8; i++) {
		copy = malloc(n);
		assert_non_null(copy);
		memcpy(copy, der + sizeof der - n, n);
		copy[i / 8] = (uint8_t)(copy[i / 8] ^ 1u << i % 8);
		(void)subtrees_decode(&back, copy, n);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_permit),
	    cmocka_unit_test(test_there_and_back),
	    cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
