/* challenge: RFC 9110 §11.2 and §11.6.1. The comma separates both challenges and their parameters; what follows the
 * next token ('=' or not) tells which. */
#include <cove/client/challenge.h>

static void skip(struct str *s, struct str set)
{
	while (s->n && str_has(set, s->p[0]))
		*s = str_from(*s, 1);
}

static void skip_blanks(struct str *s)
{
	skip(s, STR(" \t"));
}

static struct str take_token(struct str *s)
{
	struct str token;
	size_t n = 0;

	while (n < s->n && ascii_is_tchar(s->p[n]))
		n++;
	token = str_first(*s, n);
	*s = str_from(*s, n);
	return token;
}

/* An element of the list must end here. */
static bool at_end(struct str s)
{
	skip_blanks(&s);
	return s.n == 0 || s.p[0] == ',';
}

/* One base64-like word in place of parameters; it is not kept. Takes nothing when there is none. */
static bool take_token68(struct str *s)
{
	struct str rest = *s;
	size_t n = 0;

	while (n < rest.n && (ascii_is_alnum(rest.p[n]) || str_has(STR("-._~+/"), rest.p[n])))
		n++;
	if (n == 0)
		return false;
	rest = str_from(rest, n);
	skip(&rest, STR("="));
	if (!at_end(rest))
		return false;
	*s = rest;
	return true;
}

static bool is_quoted_text(char c)
{
	return (unsigned char)c >= ' ' ? c != 0x7f : c == '\t';
}

/* The bytes between the quotes, still escaped. */
static bool take_quoted_raw(struct str *s, struct str *out)
{
	for (size_t i = 1; i < s->n; i++) {
		if (s->p[i] == '"') {
			*out = (struct str){s->p + 1, i - 1};
			*s = str_from(*s, i + 1);
			return true;
		}
		if (s->p[i] == '\\' && ++i == s->n)
			return false;
		if (!is_quoted_text(s->p[i]))
			return false;
	}
	return false;
}

static bool take_quoted(struct arena *a, struct str *s, struct str *out)
{
	struct str raw;
	char *p;
	size_t n = 0;

	if (!take_quoted_raw(s, &raw))
		return false;
	p = arena_alloc(a, raw.n);
	if (!p)
		return false;
	for (size_t i = 0; i < raw.n; i++) {
		if (raw.p[i] == '\\')
			i++;
		p[n++] = raw.p[i];
	}
	*out = (struct str){p, n};
	return true;
}

static bool take_value(struct arena *a, struct str *s, struct str *out)
{
	if (s->n && s->p[0] == '"')
		return take_quoted(a, s, out);
	*out = take_token(s);
	return out->n > 0;
}

/* The first of a repeated parameter counts. */
static void keep(struct challenge *c, struct str name, struct str value)
{
	const struct {
		struct str name;
		struct str *to;
	} kept[] = {
	    {STR("realm"), &c->realm},
	    {STR("service"), &c->service},
	    {STR("scope"), &c->scope},
	    {STR("error"), &c->error},
	};

	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		if (str_eqi(name, kept[i].name) && !kept[i].to->p)
			*kept[i].to = value;
}

/* `name = value`. False with *s unmoved: this is no parameter; false with *broken: it is a bad one. */
static bool take_parameter(struct arena *a, struct str *s, struct challenge *out, bool *broken)
{
	struct str rest = *s, name, value;

	skip(&rest, STR(" \t,"));
	name = take_token(&rest);
	skip_blanks(&rest);
	if (name.n == 0 || rest.n == 0 || rest.p[0] != '=')
		return false;
	rest = str_from(rest, 1);
	skip_blanks(&rest);
	if (!take_value(a, &rest, &value) || !at_end(rest)) {
		*broken = true;
		return false;
	}
	keep(out, name, value);
	*s = rest;
	return true;
}

bool challenge_next(struct arena *a, struct str *rest, struct challenge *out)
{
	bool broken = false;

	*out = (struct challenge){0};
	skip(rest, STR(" \t,"));
	if (rest->n == 0)
		return false;
	out->scheme = take_token(rest);
	broken = out->scheme.n == 0 || !(at_end(*rest) || rest->p[0] == ' ');
	if (!broken && !at_end(*rest)) {
		skip(rest, STR(" "));
		if (!take_token68(rest)) {
			bool any = false;

			while (take_parameter(a, rest, out, &broken))
				any = true;
			broken = broken || !any;
		}
	} else if (!broken) {
		skip_blanks(rest);
	}
	if (broken)
		*rest = STR_NONE;
	return !broken;
}

bool challenge_find(struct arena *a, struct str field, struct str scheme, struct challenge *out)
{
	while (challenge_next(a, &field, out))
		if (str_eqi(out->scheme, scheme))
			return true;
	*out = (struct challenge){0};
	return false;
}
