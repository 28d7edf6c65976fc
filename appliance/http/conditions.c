/*
 * conditions: If-Match and If-None-Match (RFC 9110 §13.1, in the order of §13.2.2). Nothing here has a modification
 * date, so If-Unmodified-Since and If-Modified-Since "MUST" be ignored (§13.1.3, §13.1.4).
 */
#include "session.h"

bool etag_is(struct str tag, struct str etag)
{
	return tag.n == etag.n + 2 && tag.p[0] == '"' && tag.p[tag.n - 1] == '"' &&
	       memcmp(tag.p + 1, etag.p, etag.n) == 0;
}

/* Our tags are digests, which have no comma, so a cut inside somebody else's tag cannot make one of ours. `exists`: an
 * asterisk stands for whatever there is. */
static bool list_has(struct str list, bool exists, struct str etag, bool weakly)
{
	struct str item;

	while (list.n) {
		str_cut(list, ',', &item, &list);
		item = str_trim(item);
		if (weakly && str_starts(item, STR("W/")))
			item = str_from(item, 2);
		if ((exists && str_eq(item, STR("*"))) || (etag.n && etag_is(item, etag)))
			return true;
	}
	return false;
}

bool etag_list_has(struct str list, struct str etag)
{
	return list_has(list, true, etag, true);
}

/* *present: there is such a field. */
static bool fields_have(
    const struct head *head, struct str name, bool exists, struct str etag, bool weakly, bool *present)
{
	bool found = false;
	struct str value;
	size_t at = 0;

	*present = false;
	while (head_field_next(head, name, &at, &value)) {
		*present = true;
		found = found || list_has(value, exists, etag, weakly);
	}
	return found;
}

/* §13.1.1: If-Match compares strongly, §13.1.2: If-None-Match weakly. */
enum precondition precondition_judge(const struct head *head, bool exists, struct str etag)
{
	bool present;

	if (!fields_have(head, STR("If-Match"), exists, etag, false, &present) && present)
		return PRECONDITION_FAILED;
	if (fields_have(head, STR("If-None-Match"), exists, etag, true, &present))
		return PRECONDITION_NONE_MATCH;
	return PRECONDITION_HOLDS;
}

bool exchange_has_condition(const struct exchange *x)
{
	struct str value;

	return head_field(x->head, STR("If-Match"), &value) || head_field(x->head, STR("If-None-Match"), &value);
}

enum rc exchange_check_condition(struct exchange *x, const struct digest *there)
{
	char text[DIGEST_TEXT_MAX] = "";

	if (there)
		digest_text(text, there);
	return precondition_judge(x->head, there, str_of(text)) == PRECONDITION_HOLDS
		   ? OK
		   : fail_rc(&x->err, E_HTTP_CONDITION);
}
