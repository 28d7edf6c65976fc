/* units: the tables of units, and the one reader and writer of them. */
#include <cove/base/units.h>

struct unit {
	const char *name;
	uint64_t factor;
};

/* Each ascending, and ended by a unit without name. */
static const struct {
	const char *example;
	struct unit units[6];
} TABLE[] = {
    [UNITS_BYTES] = {"512KiB, 64MiB or 2GiB",
	{{"B", 1}, {"KiB", 1ull << 10}, {"MiB", 1ull << 20}, {"GiB", 1ull << 30}, {"TiB", 1ull << 40}}},
    [UNITS_SECONDS] = {"30s, 15m, 12h, 7d or 2w", {{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}, {"w", 604800}}},
    [UNITS_MILLISECONDS] = {"500ms, 10s or 1m", {{"ms", 1}, {"s", 1000}, {"m", 60000}}},
};

enum rc units_parse(struct str text, enum units units, uint64_t *out, struct err *err)
{
	const char *example = TABLE[units].example;
	struct str number = text, name;
	uint64_t n;

	while (number.n && !ascii_is_digit(number.p[number.n - 1]))
		number.n--;
	name = str_trim(str_from(text, number.n));
	if (!str_u64(number, &n))
		return fail(err, E_CONFIG, "\"%.*s\" is not a whole number with a unit: write it like %s",
		    STR_ARG(text), example);
	if (n == 0 && name.n == 0) {
		*out = 0;
		return OK;
	}
	for (const struct unit *u = TABLE[units].units; u->name; u++)
		if (str_eq(name, str_of(u->name))) {
			if (n > UINT64_MAX / u->factor)
				return fail(err, E_CONFIG, "\"%.*s\" is too large", STR_ARG(text));
			*out = n * u->factor;
			return OK;
		}
	return fail(err, E_CONFIG, "\"%.*s\" has an unknown unit: write it like %s", STR_ARG(text), example);
}

void units_put(struct buf *out, enum units units, uint64_t n)
{
	const struct unit *best = TABLE[units].units;

	for (const struct unit *u = best; n && u->name; u++)
		if (n % u->factor == 0)
			best = u;
	buf_addf(out, "%llu%s", (unsigned long long)(n / best->factor), n ? best->name : "");
}
