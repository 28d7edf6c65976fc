/* query: parameters of the request target's query, decoded one at a time. */
#include <cove/base/codec.h>
#include <cove/http/exchange.h>

bool query_next(struct exchange *x, const char *name, struct str *rest, struct str *value)
{
	struct arena_mark mark = arena_mark(x->arena);
	struct str key, v;

	while (form_next(x->arena, rest, &key, &v)) {
		if (key.p && str_eq(key, str_of(name))) {
			*value = v;
			return true;
		}
		arena_rewind(x->arena, mark); /* what nobody asked for takes no room */
	}
	return false;
}

bool query_get(struct exchange *x, const char *name, struct str *value)
{
	struct str rest = x->query;

	return query_next(x, name, &rest, value);
}
