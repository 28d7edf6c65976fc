/*
 * json_scan: RFC 8259, one pass, no recursion and no memory. cJSON is lenient (+1, 01, control characters, garbage
 * after the value, lone surrogates) and recurses; what passes here is what it then reads without surprises.
 */
#include "json_scan.h"

enum { NUMBER_MAX_BYTES = 64 }; /* keeps the work of strtod small; 2^53 has 16 digits */

enum expect { VALUE, VALUE_OR_END, NAME, NAME_OR_END, COLON, COMMA_OR_END };

struct scan {
	struct str text;
	size_t at;
	size_t values, strings;
	size_t depth;
	char closers[JSON_DEPTH_MAX]; /* what ends each open array or object */
	const char *wrong;            /* why it is not JSON */
};

static int peek(const struct scan *s)
{
	return s->at < s->text.n ? (unsigned char)s->text.p[s->at] : -1;
}

static struct str ahead(const struct scan *s)
{
	return str_from(s->text, s->at);
}

static bool wrong(struct scan *s, const char *why)
{
	s->wrong = why;
	return false;
}

static void skip_blanks(struct scan *s)
{
	for (int c = peek(s); c == ' ' || c == '\t' || c == '\n' || c == '\r'; c = peek(s))
		s->at++;
}

/* The four digits after "\u"; at stays. */
static bool hex4(const struct scan *s, size_t at, uint64_t *unit)
{
	struct str digits = str_first(str_from(s->text, at), 4);

	return digits.n == 4 && str_hex_u64(digits, unit);
}

static bool scan_unicode_escape(struct scan *s)
{
	uint64_t unit, low;

	if (!hex4(s, s->at + 2, &unit))
		return wrong(s, "\\u must be followed by four hexadecimal digits");
	if (unit == 0)
		return wrong(s, "a string must not contain NUL");
	if (unit >= 0xdc00 && unit <= 0xdfff)
		return wrong(s, "half a surrogate pair");
	if (unit >= 0xd800 && unit <= 0xdbff) {
		if (!str_starts(str_from(s->text, s->at + 6), STR("\\u")) || !hex4(s, s->at + 8, &low) ||
		    low < 0xdc00 || low > 0xdfff)
			return wrong(s, "half a surrogate pair");
		s->at += 6;
	}
	s->at += 6;
	return true;
}

static bool scan_escape(struct scan *s)
{
	struct str two = str_first(ahead(s), 2);

	if (two.n == 2 && two.p[1] == 'u')
		return scan_unicode_escape(s);
	if (two.n < 2 || two.p[1] == '\0' || !str_has(STR("\"\\/bfnrt"), two.p[1]))
		return wrong(s, "unknown escape");
	s->at += 2;
	return true;
}

static bool scan_string(struct scan *s)
{
	s->strings++;
	for (s->at++;;) {
		int c = peek(s);
		size_t step;

		if (c < 0)
			return wrong(s, "a string does not end");
		if (c < ' ')
			return wrong(s, "a control character in a string");
		if (c == '"') {
			s->at++;
			return true;
		}
		if (c == '\\') {
			if (!scan_escape(s))
				return false;
			continue;
		}
		step = str_utf8_step(ahead(s));
		if (step == 0)
			return wrong(s, "not UTF-8");
		s->at += step;
	}
}

static size_t skip_digits(struct scan *s)
{
	size_t from = s->at;

	while (peek(s) >= '0' && peek(s) <= '9')
		s->at++;
	return s->at - from;
}

/* number = [ "-" ] int [ frac ] [ exp ] */
static bool scan_number(struct scan *s)
{
	size_t from = s->at;

	if (peek(s) == '-')
		s->at++;
	if (peek(s) == '0')
		s->at++;
	else if (skip_digits(s) == 0)
		return wrong(s, "a digit is missing");
	if (peek(s) == '.') {
		s->at++;
		if (skip_digits(s) == 0)
			return wrong(s, "a digit is missing");
	}
	if (peek(s) == 'e' || peek(s) == 'E') {
		s->at++;
		if (peek(s) == '+' || peek(s) == '-')
			s->at++;
		if (skip_digits(s) == 0)
			return wrong(s, "a digit is missing");
	}
	if (s->at - from > NUMBER_MAX_BYTES)
		return wrong(s, "a number is too long");
	return true;
}

static bool scan_word(struct scan *s)
{
	static const struct str words[] = {{"true", 4}, {"false", 5}, {"null", 4}};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (str_starts(ahead(s), words[i])) {
			s->at += words[i].n;
			return true;
		}
	return wrong(s, "a value is missing");
}

static bool scan_open(struct scan *s, char closer)
{
	if (s->depth == JSON_DEPTH_MAX)
		return wrong(s, "nested too deeply");
	s->closers[s->depth++] = closer;
	s->at++;
	return true;
}

/* A scalar, or the opening of an array or object. */
static bool scan_value(struct scan *s, enum expect *expect)
{
	int c = peek(s);

	if (++s->values > JSON_VALUES_MAX)
		return wrong(s, "too many values");
	*expect = c == '{' ? NAME_OR_END : c == '[' ? VALUE_OR_END : COMMA_OR_END;
	switch (c) {
	case '{':
		return scan_open(s, '}');
	case '[':
		return scan_open(s, ']');
	case '"':
		return scan_string(s);
	default:
		return c == '-' || (c >= '0' && c <= '9') ? scan_number(s) : scan_word(s);
	}
}

static bool scan_punctuation(struct scan *s, enum expect *expect)
{
	char closer = s->closers[s->depth - 1];
	int c = peek(s);

	if (*expect == COLON) {
		if (c != ':')
			return wrong(s, "a colon is missing");
		*expect = VALUE;
	} else if (c == closer) {
		s->depth--;
		*expect = COMMA_OR_END;
	} else {
		if (c != ',')
			return wrong(s, "a comma or an end is missing");
		*expect = closer == '}' ? NAME : VALUE;
	}
	s->at++;
	return true;
}

/* One step: a value, a name or a punctuation mark. */
static bool scan_step(struct scan *s, enum expect *expect)
{
	switch (*expect) {
	case VALUE_OR_END:
	case NAME_OR_END:
		if (peek(s) == s->closers[s->depth - 1])
			return scan_punctuation(s, expect);
		*expect = *expect == NAME_OR_END ? NAME : VALUE;
		return true;
	case VALUE:
		return scan_value(s, expect);
	case NAME:
		if (peek(s) != '"')
			return wrong(s, "a member name is missing");
		*expect = COLON;
		return scan_string(s);
	default:
		return scan_punctuation(s, expect);
	}
}

static bool scan_text(struct scan *s)
{
	enum expect expect = VALUE;

	do {
		skip_blanks(s);
		if (!scan_step(s, &expect))
			return false;
	} while (s->depth || expect != COMMA_OR_END);
	skip_blanks(s);
	return s->at == s->text.n || wrong(s, "something follows the value");
}

enum rc json_scan(struct str text, size_t *memory, struct err *err)
{
	struct scan s = {.text = text};

	if (text.n > JSON_TEXT_MAX)
		return fail(err, E_HTTP_BAD, "the JSON is larger than %d bytes", (int)JSON_TEXT_MAX);
	if (!scan_text(&s))
		return fail(err, E_HTTP_BAD, "not valid JSON at byte %zu: %s", s.at, s.wrong);
	*memory = s.values * JSON_VALUE_BYTES + s.strings * JSON_STRING_BYTES + 2 * text.n;
	return OK;
}
