/* fuzz_challenge: a WWW-Authenticate field. Each challenge takes something from the field, until nothing is left. */
#include <cove/client/challenge.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_value(struct str value)
{
	for (size_t i = 0; i < value.n; i++)
		check((unsigned char)value.p[i] >= ' ' ? value.p[i] != 0x7f : value.p[i] == '\t');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str field = {(const char *)data, size}, rest = field;
	struct challenge c, found;
	size_t before = rest.n;
	struct arena a;

	arena_init(&a, 1 << 20);
	while (challenge_next(&a, &rest, &c)) {
		check(str_is_token(c.scheme));
		check(c.scheme.p >= field.p && c.scheme.p + c.scheme.n <= field.p + field.n);
		check(rest.n < before);
		before = rest.n;
		check_value(c.realm);
		check_value(c.service);
		check_value(c.scope);
		check_value(c.error);
		if (!a.failed)
			check(challenge_find(&a, field, c.scheme, &found) || a.failed);
	}
	check(rest.n == 0);
	arena_release(&a);
	return 0;
}
