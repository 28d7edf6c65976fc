/*
 * outside: what a proxy in front of a plain listener says of the request that it took: by which host and scheme.
 * Forwarded (RFC 7239) before the X-Forwarded- fields; each of them is a list, to which every proxy on the way adds, so
 * its first value is what the client wrote. Believed as Host is there: a client that lies misleads itself.
 */
#include "session.h"

/* One parameter of a forwarded-element: token=token or token="text". Escapes are for nothing that we read. */
static bool parameter(struct str element, struct str name, struct str *value)
{
	struct str pair, key;

	while (element.n) {
		str_cut(element, ';', &pair, &element);
		if (!str_cut(str_trim(pair), '=', &key, value) || !str_eqi(key, name))
			continue;
		if (value->n >= 2 && value->p[0] == '"' && value->p[value->n - 1] == '"')
			*value = (struct str){value->p + 1, value->n - 2};
		return true;
	}
	return false;
}

static bool said(const struct exchange *x, struct str name, struct str field, struct str *value)
{
	struct str list, rest;

	if (head_field(x->head, STR("Forwarded"), &list)) {
		str_cut(list, ',', &list, &rest);
		if (parameter(list, name, value))
			return true;
	}
	if (!head_field(x->head, field, value))
		return false;
	str_cut(*value, ',', value, &rest);
	*value = str_trim(*value);
	return true;
}

struct str outside_host(const struct exchange *x)
{
	struct str host;

	if (said(x, STR("host"), STR("X-Forwarded-Host"), &host) && host.n && host_is_valid(host))
		return host;
	return x->head->host;
}

bool outside_is_https(const struct exchange *x)
{
	struct str scheme;

	return said(x, STR("proto"), STR("X-Forwarded-Proto"), &scheme) && str_eqi(scheme, STR("https"));
}
