/* codec: the encodings that HTTP, tokens and forms need. */
#include <cove/base/codec.h>

static const char hex_lower[] = "0123456789abcdef";
static const char base64_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64url_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void hex_encode(char *out, const void *bytes, size_t n)
{
	const unsigned char *p = bytes;

	for (size_t i = 0; i < n; i++) {
		*out++ = hex_lower[p[i] >> 4];
		*out++ = hex_lower[p[i] & 15];
	}
	*out = '\0';
}

static int hex_lower_digit(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hex_decode(void *out, size_t n, struct str hex)
{
	unsigned char *to = out;

	if (hex.n / 2 != n || hex.n % 2)
		return false;
	for (size_t i = 0; i < hex.n; i++)
		if (hex_lower_digit(hex.p[i]) < 0)
			return false;
	for (size_t i = 0; i < n; i++)
		to[i] = (unsigned char)(hex_lower_digit(hex.p[2 * i]) << 4 | hex_lower_digit(hex.p[2 * i + 1]));
	return true;
}

static void encode64(struct buf *b, const char *alphabet, bool pad, const void *bytes, size_t n)
{
	const unsigned char *p = bytes;

	for (size_t i = 0; i < n; i += 3) {
		size_t have = n - i < 3 ? n - i : 3;
		uint32_t three = (uint32_t)p[i] << 16;
		char four[4] = {'=', '=', '=', '='};

		if (have > 1)
			three |= (uint32_t)p[i + 1] << 8;
		if (have > 2)
			three |= p[i + 2];
		for (size_t k = 0; k <= have; k++)
			four[k] = alphabet[three >> (18 - 6 * k) & 63];
		buf_add(b, (struct str){four, pad ? 4 : have + 1});
	}
}

/* The value of a digit; the two alphabets differ in the last two digits only. -1: none. */
static int digit64(const char *alphabet, char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (ascii_is_digit(c))
		return c - '0' + 52;
	if (c == alphabet[62])
		return 62;
	return c == alphabet[63] ? 63 : -1;
}

/* s without padding. A last group of one digit holds no byte; bits that fill no byte must be zero (RFC 4648 §3.5). */
static ptrdiff_t decode64(const char *alphabet, void *out, size_t max, struct str s)
{
	unsigned char *to = out;
	uint32_t bits = 0;
	unsigned have = 0;
	size_t n = 0;

	if (s.n % 4 == 1 || s.n / 4 * 3 + (s.n % 4 ? s.n % 4 - 1 : 0) > max)
		return -1;
	for (size_t i = 0; i < s.n; i++) {
		int digit = digit64(alphabet, s.p[i]);

		if (digit < 0)
			return -1;
		bits = bits << 6 | (uint32_t)digit;
		have += 6;
		if (have >= 8) {
			have -= 8;
			to[n++] = (unsigned char)(bits >> have);
			bits &= (1u << have) - 1;
		}
	}
	return bits ? -1 : (ptrdiff_t)n;
}

void base64url_encode(struct buf *b, const void *bytes, size_t n)
{
	encode64(b, base64url_alphabet, false, bytes, n);
}

ptrdiff_t base64url_decode(void *out, size_t max, struct str s)
{
	return decode64(base64url_alphabet, out, max, s);
}

void base64_encode(struct buf *b, const void *bytes, size_t n)
{
	encode64(b, base64_alphabet, true, bytes, n);
}

ptrdiff_t base64_decode(void *out, size_t max, struct str s)
{
	if (s.n % 4)
		return -1;
	for (int i = 0; i < 2 && s.n && s.p[s.n - 1] == '='; i++)
		s.n--;
	return decode64(base64_alphabet, out, max, s);
}

bool percent_decode(struct arena *a, struct str s, bool plus_is_space, struct str *out)
{
	char *p = arena_alloc(a, s.n + 1); /* decoding never makes it longer */
	size_t n = 0;

	*out = STR_NONE;
	if (!p)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		uint64_t byte = (unsigned char)s.p[i];

		if (byte == '+' && plus_is_space)
			byte = ' ';
		if (byte == '%') {
			if (s.n - i < 3 || !str_hex_u64((struct str){s.p + i + 1, 2}, &byte))
				return false;
			i += 2;
		}
		if (byte == 0)
			return false;
		p[n++] = (char)byte;
	}
	*out = (struct str){p, n};
	return true;
}

void percent_encode(struct buf *b, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (ascii_is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~')
			buf_addc(b, c);
		else
			buf_addf(b, "%%%02X", (unsigned char)c);
	}
}

bool form_next(struct arena *a, struct str *rest, struct str *name, struct str *value)
{
	struct str field = STR_NONE;

	*name = *value = STR_NONE;
	while (field.n == 0) { /* "a=1&&b=2" has two fields */
		if (rest->n == 0)
			return false;
		str_cut(*rest, '&', &field, rest);
	}
	str_cut(field, '=', name, value);
	if (!percent_decode(a, *name, true, name) || !percent_decode(a, *value, true, value))
		*name = *value = STR_NONE;
	return true;
}
