/* range: which bytes are meant. */
#include <cove/http/range.h>

/* Digits only; more than fits is as good as the largest number, as it lies past every end. */
static bool saturating(struct str digits, uint64_t *out)
{
	for (size_t i = 0; i < digits.n; i++)
		if (!ascii_is_digit(digits.p[i]))
			return false;
	if (digits.n && !str_u64(digits, out))
		*out = UINT64_MAX;
	return digits.n > 0;
}

/* `-n`: the last n bytes. */
static enum range_kind parse_suffix(struct str digits, uint64_t size, struct range *out)
{
	uint64_t n;

	if (!saturating(digits, &n))
		return RANGE_INVALID;
	if (n == 0 || size == 0)
		return RANGE_UNSATISFIABLE;
	*out = (struct range){n < size ? size - n : 0, size - 1};
	return RANGE_SOME;
}

static enum range_kind parse_one(struct str text, uint64_t size, struct range *out)
{
	struct str first_text, last_text;
	uint64_t first, last = UINT64_MAX;

	if (!str_cut(text, '-', &first_text, &last_text))
		return RANGE_INVALID;
	if (first_text.n == 0)
		return parse_suffix(last_text, size, out);
	if (!saturating(first_text, &first) || (last_text.n && !saturating(last_text, &last)))
		return RANGE_INVALID;
	if (first >= size || last < first)
		return RANGE_UNSATISFIABLE;
	*out = (struct range){first, last < size ? last : size - 1};
	return RANGE_SOME;
}

enum range_kind range_parse(struct str value, uint64_t size, struct range *out, size_t *count)
{
	struct str unit, set, one;
	size_t room = *count, given = 0, found = 0;
	struct range range;

	*count = 0;
	if (!str_cut(value, '=', &unit, &set))
		return RANGE_INVALID;
	if (!str_eqi(unit, STR("bytes")))
		return RANGE_NONE;
	while (set.n) {
		enum range_kind kind;

		str_cut(set, ',', &one, &set);
		one = str_trim(one);
		if (!one.n) /* RFC 9110 §5.6.1.2: "MUST parse and ignore a reasonable number of empty list elements" */
			continue;
		kind = parse_one(one, size, &range);
		if (kind == RANGE_INVALID)
			return RANGE_INVALID;
		given++;
		if (kind == RANGE_SOME && found++ < room)
			out[found - 1] = range;
	}
	if (found > room)
		return RANGE_TOO_MANY;
	*count = found;
	return !given ? RANGE_INVALID : found ? RANGE_SOME : RANGE_UNSATISFIABLE;
}

bool content_range_parse(struct str value, struct range *out)
{
	struct str first_text, last_text, size_text;
	uint64_t first, last, size = UINT64_MAX;

	if (value.n >= 6 && str_eqi(str_first(value, 6), STR("bytes "))) {
		if (!str_cut(str_from(value, 6), '/', &value, &size_text))
			return false;
		if (!str_eq(size_text, STR("*")) && !str_u64(size_text, &size))
			return false;
	}
	str_cut(value, '-', &first_text, &last_text);
	if (!str_u64(first_text, &first) || !str_u64(last_text, &last))
		return false;
	if (first > last || last >= size || last > INT64_MAX)
		return false;
	*out = (struct range){first, last};
	return true;
}
