/* json_put: writing JSON to a buffer; the one place that escapes strings. */
#include <cove/base/json.h>

static void put_escaped(struct buf *b, char c)
{
	static const char shorts[] = "\"\"\\\\\bb\ff\nn\rr\tt"; /* pairs: the character, its letter */

	for (size_t i = 0; i < sizeof shorts - 1; i += 2)
		if (c == shorts[i]) {
			buf_addc(b, '\\');
			buf_addc(b, shorts[i + 1]);
			return;
		}
	buf_addf(b, "\\u%04x", (unsigned char)c);
}

/* Bytes at the start of s that can be copied as they are. What need not be escaped is not, so that a text that is read
 * and written again never gets longer. */
static size_t plain_run(struct str s)
{
	size_t n = 0;

	while (n < s.n) {
		unsigned char c = (unsigned char)s.p[n];
		size_t step = c < 0x80 ? 1 : str_utf8_step(str_from(s, n));

		if (step == 0 || c < ' ' || c == '"' || c == '\\')
			break;
		n += step;
	}
	return n;
}

void json_put_str(struct buf *b, struct str s)
{
	buf_addc(b, '"');
	while (s.n) {
		size_t n = plain_run(s);

		buf_add(b, str_first(s, n));
		s = str_from(s, n);
		if (s.n == 0)
			break;
		if ((unsigned char)s.p[0] >= 0x80)
			buf_addz(b, "\xef\xbf\xbd");
		else
			put_escaped(b, s.p[0]);
		s = str_from(s, 1);
	}
	buf_addc(b, '"');
}

void json_put_comma(struct buf *b)
{
	if (b->n && !str_has(STR("{[:,"), b->p[b->n - 1]))
		buf_addc(b, ',');
}

void json_put_name(struct buf *b, const char *name)
{
	json_put_comma(b);
	json_put_str(b, str_of(name));
	buf_addc(b, ':');
}

void json_put_member_str(struct buf *b, const char *name, struct str value)
{
	json_put_name(b, name);
	json_put_str(b, value);
}

void json_put_member_u64(struct buf *b, const char *name, uint64_t value)
{
	json_put_name(b, name);
	buf_addf(b, "%llu", (unsigned long long)value);
}
