/* value: from text to numbers and back, with the units that people write. */
#include "config_internal.h"

struct unit {
	const char *name;
	uint64_t factor;
};

/* Ascending; the first is the one of a bare number. */
static const struct unit sizes[] = {
    {"B", 1},
    {"KiB", 1ull << 10},
    {"MiB", 1ull << 20},
    {"GiB", 1ull << 30},
    {"TiB", 1ull << 40},
    {NULL, 0},
};
static const struct unit durations[] = {
    {"s", 1},
    {"m", 60},
    {"h", 3600},
    {"d", 86400},
    {"w", 604800},
    {NULL, 0},
};

static enum rc with_unit(struct str text, const struct unit *units, const char *example, uint64_t *out, struct err *err)
{
	struct str number = text, name;
	uint64_t n;

	while (number.n && !ascii_is_digit(number.p[number.n - 1]))
		number.n--;
	name = str_trim(str_from(text, number.n));
	if (!str_u64(number, &n))
		return fail(
		    err, E_CONFIG, "\"%.*s\" is not a whole number with a unit, such as %s", STR_ARG(text), example);
	if (n == 0 && name.n == 0) {
		*out = 0;
		return OK;
	}
	for (const struct unit *u = units; u->name; u++)
		if (str_eq(name, str_of(u->name))) {
			if (n > UINT64_MAX / u->factor)
				return fail(err, E_CONFIG, "\"%.*s\" is too large", STR_ARG(text));
			*out = n * u->factor;
			return OK;
		}
	return fail(err, E_CONFIG, "\"%.*s\" has no unit that is known here: write it as %s", STR_ARG(text), example);
}

enum rc config_duration(struct str text, uint64_t *seconds, struct err *err)
{
	return with_unit(text, durations, "30s, 15m, 12h, 7d or 2w", seconds, err);
}

enum rc value_size(struct str text, uint64_t *bytes, struct err *err)
{
	return with_unit(text, sizes, "512KiB, 64MiB or 2GiB", bytes, err);
}

enum rc value_count(struct str text, uint64_t *out, struct err *err)
{
	if (!str_u64(text, out))
		return fail(err, E_CONFIG, "\"%.*s\" is not a whole number", STR_ARG(text));
	return OK;
}

enum rc value_bool(struct str text, bool *out, struct err *err)
{
	bool yes = str_eq(text, STR("true"));

	if (!yes && !str_eq(text, STR("false")))
		return fail(err, E_CONFIG, "\"%.*s\" is neither true nor false", STR_ARG(text));
	*out = yes;
	return OK;
}

enum rc value_listen(struct str text, char host[static 256], uint16_t *port, struct err *err)
{
	struct str head, tail;
	uint64_t n = 0;
	bool ok = str_cut_last(text, ':', &head, &tail) && str_u64(tail, &n) && n <= UINT16_MAX && head.n < 256;

	if (ok && head.n && head.p[0] == '[') {
		ok = head.n > 2 && head.p[head.n - 1] == ']';
		if (ok)
			head = (struct str){head.p + 1, head.n - 2};
	} else if (ok) {
		ok = !str_has(head, ':');
	}
	if (!ok)
		return fail(err, E_CONFIG,
		    "\"%.*s\" is no address to listen on: write host:port, such as :5000, 192.168.1.5:5000 or "
		    "[::1]:5000",
		    STR_ARG(text));
	memcpy(host, head.n ? head.p : "", head.n);
	host[head.n] = '\0';
	*port = (uint16_t)n;
	return OK;
}

static void put_with_unit(struct buf *out, const struct unit *units, uint64_t n)
{
	const struct unit *best = units;

	for (const struct unit *u = units; n && u->name; u++)
		if (n % u->factor == 0)
			best = u;
	buf_addf(out, "%llu%s", (unsigned long long)(n / best->factor), n ? best->name : "");
}

void value_put_duration(struct buf *out, uint64_t seconds)
{
	put_with_unit(out, durations, seconds);
}

void value_put_size(struct buf *out, uint64_t bytes)
{
	put_with_unit(out, sizes, bytes);
}
