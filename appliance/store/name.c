/* name: the grammars of the distribution spec's <name>, <tag> and <reference> ("Pulling manifests"). */
#include <cove/store/name.h>

static bool is_alnum(char c)
{
	return ascii_is_lower(c) || ascii_is_digit(c);
}

/* `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`: separators stand singly between runs of letters and digits, but for two
 * underscores and any number of dashes. */
static bool is_component(struct str s)
{
	size_t i = 0;

	for (;;) {
		size_t start = i;

		while (i < s.n && is_alnum(s.p[i]))
			i++;
		if (i == start)
			return false;
		if (i == s.n)
			return true;
		if (s.p[i] == '-')
			while (i < s.n && s.p[i] == '-')
				i++;
		else if (s.p[i] == '_')
			i += i + 1 < s.n && s.p[i + 1] == '_' ? 2 : 1;
		else if (s.p[i] == '.')
			i++;
		else
			return false;
	}
}

enum rc repo_name_parse(struct str s, struct repo_name *out, struct err *err)
{
	struct str rest = s, component;
	bool more = true;

	if (s.n > REPO_NAME_MAX)
		return fail_rc(err, E_NAME_INVALID);
	while (more) {
		more = str_cut(rest, '/', &component, &rest);
		if (!is_component(component))
			return fail_rc(err, E_NAME_INVALID);
	}
	out->s = s;
	return OK;
}

static bool is_tag_char(char c)
{
	return ascii_is_alnum(c) || c == '_' || c == '.' || c == '-';
}

enum rc tag_parse(struct str s, struct tag *out, struct err *err)
{
	if (s.n == 0 || s.n > TAG_MAX || s.p[0] == '.' || s.p[0] == '-')
		return fail_rc(err, E_TAG_INVALID);
	for (size_t i = 0; i < s.n; i++)
		if (!is_tag_char(s.p[i]))
			return fail_rc(err, E_TAG_INVALID);
	out->s = s;
	return OK;
}

enum rc reference_parse(struct str s, struct reference *out, struct err *err)
{
	struct reference ref = {.is_digest = str_has(s, ':')};

	if (ref.is_digest)
		TRY(digest_parse(s, &ref.digest, err));
	else
		TRY(tag_parse(s, &ref.tag, err));
	*out = ref;
	return OK;
}
