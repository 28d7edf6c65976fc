/* fuzz_range: eight bytes of size, then a Range or Content-Range. A range that is accepted lies within the content. */
#include <cove/http/range.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t sizes[] = {0, 1, 1000, INT64_MAX, UINT64_MAX};
	struct str value;
	struct range r;
	uint64_t own;

	if (size < sizeof own)
		return 0;
	memcpy(&own, data, sizeof own);
	value = (struct str){(const char *)data + sizeof own, size - sizeof own};
	if (range_parse(value, own, &r) == RANGE_ONE)
		check(r.first <= r.last && r.last < own);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		enum range_kind kind = range_parse(value, sizes[i], &r);

		check(kind <= RANGE_INVALID);
		if (kind == RANGE_ONE)
			check(r.first <= r.last && r.last < sizes[i]);
		/* whether it is a range at all does not depend on the content */
		check((kind == RANGE_INVALID) == (range_parse(value, own, &r) == RANGE_INVALID));
	}
	if (content_range_parse(value, &r))
		check(r.first <= r.last && r.last <= INT64_MAX);
	return 0;
}
