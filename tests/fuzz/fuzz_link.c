/* fuzz_link: a Link field. The target that is found lies within it, without its brackets. */
#include "../../appliance/upstream/private.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str field = {(const char *)data, size}, target;

	if (!link_next(field, &target))
		return 0;
	check(target.p >= field.p && target.p + target.n <= field.p + field.n);
	check(!str_has(target, '>'));
	check(str_has(field, '<'));
	return 0;
}
