/*
 * near: how near an address is to this machine. A server may name an address (by a redirect, as its token service), and
 * what is asked there comes from here: from inside of a network that the server itself may not reach.
 */
#include "transfer.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

struct range {
	unsigned char prefix[16];
	unsigned bits;
	enum nearness near;
};

/* The longest of those that hold an address, which are the first (IANA's special-purpose registries). */
static const struct range ranges4[] = {
    {{0}, 8, NEAR_LOOPBACK}, /* "this host": Linux connects to itself */
    {{127}, 8, NEAR_LOOPBACK},
    {{169, 254}, 16, NEAR_LINK_LOCAL},
    {{10}, 8, NEAR_PRIVATE},
    {{172, 16}, 12, NEAR_PRIVATE},
    {{192, 168}, 16, NEAR_PRIVATE},
    {{100, 64}, 10, NEAR_PRIVATE}, /* of providers, and of VPNs */
    {{192, 0, 0}, 24, NEAR_PRIVATE},
    {{198, 18}, 15, NEAR_PRIVATE},
};
static const struct range ranges6[] = {
    {{[15] = 1}, 128, NEAR_LOOPBACK},
    {{0}, 128, NEAR_LOOPBACK},
    {{0xfe, 0x80}, 10, NEAR_LINK_LOCAL},
    {{0xfc}, 7, NEAR_PRIVATE},
    {{0xfe, 0xc0}, 10, NEAR_PRIVATE},
    {{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48, NEAR_PRIVATE},
};
/* Those that have an IPv4 address in them, and where. */
static const struct {
	unsigned char prefix[16];
	unsigned bits, at;
} embedded4[] = {
    {{[10] = 0xff, [11] = 0xff}, 96, 12}, {{[8] = 0xff, [9] = 0xff}, 96, 12}, {{0}, 96, 12},
    {{0x00, 0x64, 0xff, 0x9b}, 96, 12}, /* NAT64 */
    {{0x20, 0x02}, 16, 2},              /* 6to4 */
};

static bool has_prefix(const unsigned char *address, const unsigned char *prefix, unsigned bits)
{
	unsigned char mask = (unsigned char)(0xff00 >> bits % 8);

	return memcmp(address, prefix, bits / 8) == 0 &&
	       (bits % 8 == 0 || (address[bits / 8] & mask) == (prefix[bits / 8] & mask));
}

static enum nearness look_up(const struct range *ranges, size_t count, const unsigned char *address)
{
	for (size_t i = 0; i < count; i++)
		if (has_prefix(address, ranges[i].prefix, ranges[i].bits))
			return ranges[i].near;
	return NEAR_NOT;
}

static enum nearness near4(const unsigned char *address)
{
	return look_up(ranges4, sizeof(ranges4) / sizeof(*ranges4), address);
}

static enum nearness near6(const unsigned char *address)
{
	enum nearness near = look_up(ranges6, sizeof(ranges6) / sizeof(*ranges6), address);

	for (size_t i = 0; !near && i < sizeof(embedded4) / sizeof(*embedded4); i++)
		if (has_prefix(address, embedded4[i].prefix, embedded4[i].bits))
			near = near4(address + embedded4[i].at);
	return near;
}

enum nearness nearness_of_text(const char *address)
{
	unsigned char bytes[16];
	char plain[INET6_ADDRSTRLEN];
	struct str text = str_of(address), rest;

	if (str_starts(text, STR("[")))
		str_cut(str_from(text, 1), ']', &text, &rest);
	str_cut(text, '%', &text, &rest); /* the interface of a link-local one */
	if (text.n >= sizeof(plain))
		return NEAR_NOT;
	memcpy(plain, text.p, text.n);
	plain[text.n] = '\0';
	if (inet_pton(AF_INET, plain, bytes) == 1)
		return near4(bytes);
	return inet_pton(AF_INET6, plain, bytes) == 1 ? near6(bytes) : NEAR_NOT;
}

static enum nearness nearness_of(const struct sockaddr *address)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	if (address->sa_family == AF_INET) {
		memcpy(&in, address, sizeof(in));
		return near4((const unsigned char *)&in.sin_addr);
	}
	memcpy(&in6, address, sizeof(in6));
	return address->sa_family == AF_INET6 ? near6((const unsigned char *)&in6.sin6_addr) : NEAR_NOT;
}

bool nearness_allows(enum nearness from, enum nearness to)
{
	return to == NEAR_NOT || to == from || (from == NEAR_LOOPBACK && to == NEAR_PRIVATE);
}

curl_socket_t near_open(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct transfer *t = ctx;
	long by_proxy = 0;

	(void)purpose;
	/* behind a proxy of the owner's only the proxy knows the address */
	curl_easy_getinfo(t->easy, CURLINFO_USED_PROXY, &by_proxy);
	if (t->is_led && !by_proxy && !nearness_allows(t->led_from, nearness_of(&address->addr))) {
		t->is_too_near = true;
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

enum rc near_refuse(struct transfer *t)
{
	return fail(&t->err, E_UPSTREAM_ANSWER,
	    "%s has an address inside this network or on this machine. A server outside of it may not redirect there: "
	    "cove sends no request",
	    t->host);
}
