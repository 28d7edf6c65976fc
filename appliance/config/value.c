/* value: from text to numbers, switches and addresses, and back. */
#include "config_internal.h"
#include <cove/base/units.h>

enum rc config_duration(struct str text, uint64_t *seconds, struct err *err)
{
	return units_parse(text, UNITS_SECONDS, seconds, err);
}

enum rc value_size(struct str text, uint64_t *bytes, struct err *err)
{
	return units_parse(text, UNITS_BYTES, bytes, err);
}

enum rc value_count(struct str text, uint64_t *out, struct err *err)
{
	if (!str_u64(text, out))
		return fail(err, E_CONFIG, "\"%.*s\" is not a whole number", STR_ARG(text));
	return OK;
}

enum rc value_bool(struct str text, bool *out, struct err *err)
{
	bool yes = str_eq(text, STR("true"));

	if (!yes && !str_eq(text, STR("false")))
		return fail(err, E_CONFIG, "\"%.*s\" is not a boolean: write true or false", STR_ARG(text));
	*out = yes;
	return OK;
}

enum rc value_listen(struct str text, char host[static 256], uint16_t *port, struct err *err)
{
	struct str head, tail;
	uint64_t n = 0;
	bool ok = str_cut_last(text, ':', &head, &tail) && str_u64(tail, &n) && n <= UINT16_MAX && head.n < 256;

	if (ok && head.n && head.p[0] == '[') {
		ok = head.n > 2 && head.p[head.n - 1] == ']';
		if (ok)
			head = (struct str){head.p + 1, head.n - 2};
	} else if (ok) {
		ok = !str_has(head, ':');
	}
	if (!ok)
		return fail(err, E_CONFIG,
		    "\"%.*s\" is not an address to listen on: write host:port, such as :5000, 192.168.1.5:5000 or "
		    "[::1]:5000",
		    STR_ARG(text));
	memcpy(host, head.n ? head.p : "", head.n);
	host[head.n] = '\0';
	*port = (uint16_t)n;
	return OK;
}

/* As browsers write it in Origin: scheme and host in lower case, no path. */
static bool is_origin(struct str s)
{
	struct str host = STR_NONE;

	if (str_eq(s, STR("*")))
		return true;
	if (str_starts(s, STR("https://")))
		host = str_from(s, strlen("https://"));
	else if (str_starts(s, STR("http://")))
		host = str_from(s, strlen("http://"));
	for (size_t i = 0; i < host.n; i++)
		if (!ascii_is_lower(host.p[i]) && !ascii_is_digit(host.p[i]) && !str_has(STR(".-_:[]"), host.p[i]))
			return false;
	return host.n;
}

enum rc value_origins(struct str text, struct err *err)
{
	struct str rest = text, one;

	while (rest.n) {
		str_cut(rest, ',', &one, &rest);
		if (!is_origin(str_trim(one)))
			return fail(err, E_CONFIG,
			    "\"%.*s\" is not an origin: write https://host or https://host:port, without a path, or *",
			    STR_ARG(one));
	}
	return OK;
}

void value_put_duration(struct buf *out, uint64_t seconds)
{
	units_put(out, UNITS_SECONDS, seconds);
}

void value_put_size(struct buf *out, uint64_t bytes)
{
	units_put(out, UNITS_BYTES, bytes);
}
