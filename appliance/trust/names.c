/*
 * names: which names and addresses this machine goes by. Reads the host name, the resolver's search domain and the
 * interfaces; asks no name server, so that a start never waits for one.
 */
#include "trust_internal.h"
#include <cove/base/log.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/utsname.h>

/* Labels of letters, digits, '-' and (met in home networks) '_'; the last one not all digits, which would be an address
 * written badly (RFC 1123 §2.1). */
static bool is_dns_name(struct str s)
{
	struct str label = STR_NONE;

	if (s.n == 0 || s.n > 253)
		return false;
	for (struct str rest = s; rest.n;) {
		bool more = str_cut(rest, '.', &label, &rest);

		if (label.n == 0 || label.n > 63 || label.p[0] == '-' || label.p[label.n - 1] == '-' ||
		    (more && !rest.n))
			return false;
		for (size_t i = 0; i < label.n; i++)
			if (!ascii_is_alnum(label.p[i]) && label.p[i] != '-' && label.p[i] != '_')
				return false;
	}
	for (size_t i = 0; i < label.n; i++)
		if (!ascii_is_digit(label.p[i]))
			return true;
	return false;
}

/* An address in the one spelling of inet_ntop, or a name in lower case without trailing dot. */
static bool normalize(struct str s, char out[static 254], bool *is_address)
{
	char text[254];
	uint8_t bytes[16];

	if (s.n > 1 && s.p[s.n - 1] == '.')
		s.n--;
	if (s.n == 0 || s.n >= sizeof text)
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	for (int i = 0; i < 2; i++) {
		int family = i ? AF_INET6 : AF_INET;

		if (strlen(text) == s.n && inet_pton(family, text, bytes) == 1) {
			*is_address = true;
			return inet_ntop(family, bytes, out, 254) != NULL;
		}
	}
	if (!is_dns_name(s))
		return false;
	for (size_t i = 0; i <= s.n; i++)
		out[i] = ascii_lower(text[i]);
	*is_address = false;
	return true;
}

bool names_add(struct trust_names *names, struct str s)
{
	char text[254];
	bool is_address;

	if (!normalize(s, text, &is_address))
		return false;
	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->items[i].text, text) == 0)
			return true;
	if (names->count == TRUST_NAMES_MAX)
		return true;
	memcpy(names->items[names->count].text, text, sizeof text);
	names->items[names->count++].is_address = is_address;
	return true;
}

size_t address_bytes(const char *text, uint8_t out[static 16])
{
	if (inet_pton(AF_INET, text, out) == 1)
		return 4;
	return inet_pton(AF_INET6, text, out) == 1 ? 16 : 0;
}

static enum rc add_extra(struct trust_names *out, struct str extra, struct err *err)
{
	while (extra.n) {
		struct str one;

		str_cut(extra, ',', &one, &extra);
		one = str_trim(one);
		if (one.n && !names_add(out, one))
			return fail(err, E_CONFIG,
			    "\"%.*s\" is neither a host name nor an address (write host names without port and "
			    "scheme)",
			    STR_ARG(one));
	}
	return OK;
}

/* The first domain of resolv.conf(5): what a DHCP server calls this network ("lan", "fritz.box"). */
static void add_in_search_domain(struct trust_names *out, struct str host)
{
	struct buf file = BUF_INIT(16384);
	struct str rest, line, word;
	char name[254];

	if (io_read_file(AT_FDCWD, "/etc/resolv.conf", &file, NULL))
		file.n = 0;
	for (rest = buf_str(&file); rest.n;) {
		str_cut(rest, '\n', &line, &rest);
		for (size_t i = 0; i < line.n; i++)
			if (line.p[i] == '\t' || line.p[i] == '\r')
				file.p[(size_t)(line.p - file.p) + i] = ' ';
		str_cut(line, ' ', &word, &line);
		if (!str_eq(word, STR("search")) && !str_eq(word, STR("domain")))
			continue;
		str_cut(str_trim(line), ' ', &word, &line);
		if (word.n > 1 && host.n + 1 + word.n < sizeof name) {
			int n = snprintf(name, sizeof name, "%.*s.%.*s", STR_ARG(host), STR_ARG(word));

			names_add(out, (struct str){name, (size_t)n});
		}
		break;
	}
	buf_release(&file);
}

static void add_host_names(struct trust_names *out)
{
	struct utsname machine;
	struct str whole, host, domain;
	char name[80];

	if (uname(&machine) < 0)
		return;
	whole = str_of(machine.nodename);
	if (!is_dns_name(whole) || str_eqi(whole, STR("localhost")))
		return;
	names_add(out, whole);
	str_cut(whole, '.', &host, &domain);
	names_add(out, host);
	snprintf(name, sizeof name, "%.*s.local", STR_ARG(host));
	names_add(out, str_of(name));
	add_in_search_domain(out, host);
}

/* Link-local IPv6 addresses are left out: they mean nothing without an interface, and no URL of a client carries one.
 */
static void add_addresses(struct trust_names *out)
{
	struct ifaddrs *all = NULL;
	char text[INET6_ADDRSTRLEN];

	if (getifaddrs(&all) < 0)
		return;
	for (struct ifaddrs *one = all; one; one = one->ifa_next) {
		const void *bytes;

		if (!one->ifa_addr || !(one->ifa_flags & IFF_UP))
			continue;
		if (one->ifa_addr->sa_family == AF_INET)
			bytes = &((const struct sockaddr_in *)(const void *)one->ifa_addr)->sin_addr;
		else if (one->ifa_addr->sa_family == AF_INET6)
			bytes = &((const struct sockaddr_in6 *)(const void *)one->ifa_addr)->sin6_addr;
		else
			continue;
		if (one->ifa_addr->sa_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL((const struct in6_addr *)bytes))
			continue;
		if (inet_ntop(one->ifa_addr->sa_family, bytes, text, sizeof text))
			names_add(out, str_of(text));
	}
	freeifaddrs(all);
}

enum rc trust_machine_names(struct str extra, struct trust_names *out, struct err *err)
{
	out->count = 0;
	TRY(add_extra(out, extra, err));
	names_add(out, STR("localhost"));
	names_add(out, STR("127.0.0.1"));
	names_add(out, STR("::1"));
	add_host_names(out);
	add_addresses(out);
	if (out->count == TRUST_NAMES_MAX)
		log_warn("trust.names", "reason=\"a certificate can have at most %d names: the others are left out\"",
		    TRUST_NAMES_MAX);
	return OK;
}

bool trust_names_eq(const struct trust_names *a, const struct trust_names *b)
{
	for (size_t i = 0; i < a->count && i < b->count; i++)
		if (strcmp(a->items[i].text, b->items[i].text) != 0)
			return false;
	return a->count == b->count;
}

bool trust_names_have(const struct trust_names *names, struct str host_and_port)
{
	struct str host, port;
	char text[254];
	bool is_address;

	if (host_and_port.n && host_and_port.p[0] == '[')
		str_cut(str_from(host_and_port, 1), ']', &host, &port);
	else
		str_cut(host_and_port, ':', &host, &port);
	if (!normalize(host, text, &is_address))
		return false;
	for (size_t i = 0; i < names->count; i++) {
		const char *item = names->items[i].text, *parent = strchr(text, '.');

		if (strcmp(item, text) == 0)
			return true;
		if (item[0] == '*' && !is_address && parent && strcmp(item + 1, parent) == 0)
			return true;
	}
	return false;
}
