/* str: comparing, cutting and reading byte strings. Owns no memory. */
#include <cove/base/str.h>

bool str_eqi(struct str a, struct str b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
			return false;
	return true;
}

int str_cmp(struct str a, struct str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n ? memcmp(a.p, b.p, n) : 0;

	if (order)
		return order;
	return (a.n > b.n) - (a.n < b.n);
}

bool str_starts(struct str s, struct str prefix)
{
	return s.n >= prefix.n && str_eq(str_first(s, prefix.n), prefix);
}

bool str_ends(struct str s, struct str suffix)
{
	return s.n >= suffix.n && str_eq(str_from(s, s.n - suffix.n), suffix);
}

struct str str_from(struct str s, size_t from)
{
	if (from == 0)
		return s;
	if (from >= s.n)
		return (struct str){s.p ? s.p + s.n : NULL, 0};
	return (struct str){s.p + from, s.n - from};
}

struct str str_first(struct str s, size_t n)
{
	return (struct str){s.p, n < s.n ? n : s.n};
}

static bool cut_at(struct str s, const char *at, struct str *head, struct str *tail)
{
	if (!at) {
		*head = s;
		*tail = str_from(s, s.n);
		return false;
	}
	*head = str_first(s, (size_t)(at - s.p));
	*tail = str_from(s, (size_t)(at - s.p) + 1);
	return true;
}

bool str_cut(struct str s, char sep, struct str *head, struct str *tail)
{
	return cut_at(s, s.n ? memchr(s.p, sep, s.n) : NULL, head, tail);
}

bool str_cut_last(struct str s, char sep, struct str *head, struct str *tail)
{
	return cut_at(s, s.n ? memrchr(s.p, sep, s.n) : NULL, head, tail);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct str str_trim(struct str s)
{
	while (s.n && is_blank(s.p[0]))
		s = str_from(s, 1);
	while (s.n && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

bool str_has(struct str s, char c)
{
	return s.n && memchr(s.p, c, s.n);
}

bool str_u64(struct str s, uint64_t *out)
{
	uint64_t value = 0;

	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (!ascii_is_digit(s.p[i]))
			return false;
		if (__builtin_mul_overflow(value, 10u, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(s.p[i] - '0'), &value))
			return false;
	}
	*out = value;
	return true;
}

static int hex_digit(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool str_hex_u64(struct str s, uint64_t *out)
{
	uint64_t value = 0;

	if (s.n == 0 || s.n > 16)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		int digit = hex_digit(s.p[i]);

		if (digit < 0)
			return false;
		value = value << 4 | (uint64_t)digit;
	}
	*out = value;
	return true;
}

size_t str_utf8_step(struct str s)
{
	/* Unicode 15, table 3-7: the first byte fixes the length and the range of the second. */
	static const struct {
		uint8_t first, last, second_from, second_to, length;
	} rows[] = {
	    {0x00, 0x7f, 0, 0, 1},
	    {0xc2, 0xdf, 0x80, 0xbf, 2},
	    {0xe0, 0xe0, 0xa0, 0xbf, 3},
	    {0xe1, 0xec, 0x80, 0xbf, 3},
	    {0xed, 0xed, 0x80, 0x9f, 3},
	    {0xee, 0xef, 0x80, 0xbf, 3},
	    {0xf0, 0xf0, 0x90, 0xbf, 4},
	    {0xf1, 0xf3, 0x80, 0xbf, 4},
	    {0xf4, 0xf4, 0x80, 0x8f, 4},
	};
	const uint8_t *p = (const uint8_t *)s.p;

	for (size_t i = 0; s.n && i < sizeof rows / sizeof *rows; i++) {
		if (p[0] < rows[i].first || p[0] > rows[i].last)
			continue;
		if (s.n < rows[i].length)
			return 0;
		if (rows[i].length > 1 && (p[1] < rows[i].second_from || p[1] > rows[i].second_to))
			return 0;
		for (size_t k = 2; k < rows[i].length; k++)
			if (p[k] < 0x80 || p[k] > 0xbf)
				return 0;
		return rows[i].length;
	}
	return 0;
}

bool ascii_is_tchar(char c)
{
	static const char others[] = "!#$%&'*+-.^_`|~";

	return ascii_is_alnum(c) || (c && strchr(others, c));
}

size_t str_printable_step(struct str s)
{
	/* ranges of characters of as many bytes, as their encodings */
	static const struct {
		const char *from, *to;
	} unsafe[] = {
	    {"\x01", "\x1f"}, {"\x7f", "\x7f"}, {"\xc2\x80", "\xc2\x9f"}, {"\xd8\x9c", "\xd8\x9c"}, /* ALM */
	    {"\xe2\x80\x8e", "\xe2\x80\x8f"},                                                       /* LRM, RLM */
	    {"\xe2\x80\xa8", "\xe2\x80\xae"}, /* separators, embeddings, overrides */
	    {"\xe2\x81\xa6", "\xe2\x81\xa9"}, /* isolates */
	};
	size_t n = str_utf8_step(s);

	if (n == 1 && s.p[0] == '\0')
		return 0;
	for (size_t i = 0; i < sizeof unsafe / sizeof *unsafe; i++)
		if (n == strlen(unsafe[i].from) && memcmp(s.p, unsafe[i].from, n) >= 0 &&
		    memcmp(s.p, unsafe[i].to, n) <= 0)
			return 0;
	return n;
}

const char *str_print(char *out, size_t max, struct str s)
{
	size_t at = 0;

	while (s.n) {
		size_t whole = str_utf8_step(s), good = str_printable_step(s);

		if (at + (good ? good : 1) > max)
			break;
		if (good)
			memcpy(out + at, s.p, good);
		else
			out[at] = '?';
		at += good ? good : 1;
		s = str_from(s, whole ? whole : 1);
	}
	out[at] = '\0';
	return out;
}

bool str_is_token(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_is_tchar(s.p[i]))
			return false;
	return s.n > 0;
}
