/* link: where a Link field (RFC 8288) says that the next page is. */
#include "private.h"

/* What is left of the field. */
struct scan {
	struct str rest;
};

static void skip(struct scan *s, const char *bytes)
{
	while (s->rest.n && str_has(str_of(bytes), s->rest.p[0]))
		s->rest = str_from(s->rest, 1);
}

static bool take(struct scan *s, char c)
{
	bool is = s->rest.n && s->rest.p[0] == c;

	if (is)
		s->rest = str_from(s->rest, 1);
	return is;
}

/* Up to one of the bytes, or the end. */
static struct str take_until(struct scan *s, const char *bytes)
{
	size_t n = 0;

	while (n < s->rest.n && !str_has(str_of(bytes), s->rest.p[n]))
		n++;
	struct str taken = str_first(s->rest, n);

	s->rest = str_from(s->rest, n);
	return taken;
}

/* Of a relation type there is no quote to be escaped; one that is ends at the wrong place and is none that we know. */
static struct str take_value(struct scan *s)
{
	struct str value;

	if (!take(s, '"'))
		return str_trim(take_until(s, ";,"));
	value = take_until(s, "\"");
	take(s, '"');
	return value;
}

/* "prev next": one of several relation types. */
static bool has_next(struct str types)
{
	struct scan s = {types};

	while (skip(&s, " \t"), s.rest.n)
		if (str_eqi(take_until(&s, " \t"), STR("next")))
			return true;
	return false;
}

/* One `<target>; name=value; ...`: is it the next page's? The first `rel` counts (§3.3). */
static bool take_link(struct scan *s, struct str *target)
{
	bool is_next = false, has_rel = false;

	*target = str_trim(take_until(s, ">"));
	take(s, '>');
	for (skip(s, " \t"); take(s, ';'); skip(s, " \t")) {
		skip(s, " \t");
		struct str name = str_trim(take_until(s, "=;,")), value = STR_NONE;

		if (take(s, '=')) {
			skip(s, " \t");
			value = take_value(s);
		}
		if (str_eqi(name, STR("rel")) && !has_rel) {
			has_rel = true;
			is_next = has_next(value);
		}
	}
	return is_next;
}

bool link_next(struct str field, struct str *target)
{
	struct scan s = {field};

	while (skip(&s, " \t,"), take(&s, '<')) {
		if (take_link(&s, target))
			return true;
		(void)take_until(&s, ",");
	}
	return false;
}
