/*
 * via: "A proxy [...] MUST send an appropriate Via header field" (RFC 9110 §7.6.3), by which loops are seen: an
 * upstream that leads back here, also through other coves. Ours say cove-<pseudonym>, which is random and names nobody.
 */
#include "private.h"
#include <cove/base/log.h>
#include <stdio.h>

enum { COVES_MAX = 8 }; /* one behind the other: more is taken for a loop */

/* "1.1 cove-0123456789abcdef (a comment)" */
static struct str pseudonym_of(struct str element)
{
	struct str protocol, rest, name;

	str_cut(str_trim(element), ' ', &protocol, &rest);
	str_cut(str_trim(rest), ' ', &name, &rest);
	return str_starts(name, STR("cove-")) && name.n < PSEUDONYM_MAX ? name : STR_NONE;
}

bool via_leads_back(const struct upstream *u, struct exchange *x, const struct place *leaf, char out[static VIA_MAX])
{
	struct str field, element, name;
	size_t at = 0, coves = 0, n = 0;
	bool leads_back = false;

	out[0] = '\0';
	while (!leads_back && head_field_next(x->head, STR("Via"), &at, &field))
		while (!leads_back && field.n) {
			str_cut(field, ',', &element, &field);
			name = pseudonym_of(element);
			if (!name.n)
				continue;
			leads_back = ++coves > COVES_MAX || str_eq(name, str_of(u->pseudonym));
			if (!leads_back)
				n += (size_t)snprintf(out + n, VIA_MAX - n, "1.1 %.*s, ", STR_ARG(name));
		}
	if (leads_back)
		log_warn("upstream.loop", "name=%s upstream=%s", log_quote(leaf->full), log_quote(leaf->ns->upstream));
	return leads_back;
}
