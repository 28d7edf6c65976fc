/* primary_name: which of the certificate's names is told to people. */
#include "primary_name.h"
#include <stdio.h>

/* From the best to the worst. Of names that are alike the first is taken: the host name comes before host.local and
 * what the network calls it. */
enum rank { LISTENED_AT, GIVEN, NAME, ADDRESS, LOCALHOST, LOOPBACK, NEVER };

static bool is_in_list(struct str list, struct str name)
{
	struct str one;

	while (list.n) {
		str_cut(list, ',', &one, &list);
		if (str_eqi(str_trim(one), name))
			return true;
	}
	return false;
}

/* Whoever listens at one address may be reached by no other one. */
static enum rank rank_of(const struct primary *p, struct str name, bool is_address)
{
	if (name.p[0] == '*' || is_in_list(p->namespace_of, name))
		return NEVER;
	if (str_eq(name, str_of(p->listen)))
		return LISTENED_AT;
	if (is_in_list(p->names, name))
		return GIVEN;
	if (is_address)
		return str_starts(name, STR("127.")) || str_eq(name, STR("::1")) ? LOOPBACK : ADDRESS;
	return str_eq(name, STR("localhost")) ? LOCALHOST : NAME;
}

static void as_in_url(char out[static PRIMARY_NAME_MAX], const char *name)
{
	bool has_colon = str_has(str_of(name), ':');

	snprintf(out, PRIMARY_NAME_MAX, "%s%s%s", has_colon ? "[" : "", name, has_colon ? "]" : "");
}

void primary_name(const struct primary *p, char out[static PRIMARY_NAME_MAX])
{
	enum rank least = NEVER;
	char text[PRIMARY_NAME_MAX];
	size_t n;

	as_in_url(out, "localhost");
	for (size_t k = 0; k < 2; k++)
		for (size_t i = 0; i < p->lists[k]->count; i++) {
			const char *name = p->lists[k]->items[i].text;
			enum rank rank = rank_of(p, str_of(name), p->lists[k]->items[i].is_address);

			as_in_url(text, name);
			if (rank < least && trust_names_have(p->lists[1 - k], str_of(text))) {
				least = rank;
				memcpy(out, text, sizeof(text));
			}
		}
	n = strlen(out);
	if (p->port != 443)
		snprintf(out + n, PRIMARY_NAME_MAX - n, ":%u", p->port);
}
