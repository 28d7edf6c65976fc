/* fuzz_range: eight bytes of size, then a Range or Content-Range. Ranges that are accepted lie within the content. */
#include <cove/http/range.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static enum range_kind parse(struct str value, uint64_t size)
{
	enum { ROOM = 4 };
	struct range r[ROOM];
	size_t count = ROOM;
	enum range_kind kind = range_parse(value, size, r, &count);

	check(kind <= RANGE_INVALID && count <= ROOM && (count > 0) == (kind == RANGE_SOME));
	for (size_t i = 0; i < count; i++)
		check(r[i].first <= r[i].last && r[i].last < size);
	return kind;
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
	/* whether it is a range at all does not depend on the content */
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		check((parse(value, sizes[i]) == RANGE_INVALID) == (parse(value, own) == RANGE_INVALID));
	if (content_range_parse(value, &r))
		check(r.first <= r.last && r.last <= INT64_MAX);
	return 0;
}
