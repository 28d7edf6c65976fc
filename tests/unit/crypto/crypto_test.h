/* crypto_test: what the tests of crypto/ share: cmocka, bytes from hex, bytes that repeat from run to run. */
#pragma once
#include <cove/base/codec.h>
#include <cove/base/err.h> /* before cmocka, which makes fail a macro */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Decodes a literal of ours; returns its bytes. */
static inline size_t unhex(uint8_t *out, const char *hex)
{
	size_t n = strlen(hex) / 2;

	if (!hex_decode(out, n, (struct str){hex, 2 * n}))
		fail_msg("bad hex in a test: %s", hex);
	return n;
}

/* xorshift: the same bytes in each run. seed != 0. */
static inline void fill(void *p, size_t n, uint32_t seed)
{
	uint8_t *b = p;

	for (size_t i = 0; i < n; i++) {
		seed ^= seed << 13;
		seed ^= seed >> 17;
		seed ^= seed << 5;
		b[i] = (uint8_t)seed;
	}
}

static inline bool all_zero(const uint8_t *p, size_t n)
{
	uint8_t any = 0;

	for (size_t i = 0; i < n; i++)
		any |= p[i];
	return any == 0;
}
