/*
 * network: the unit by which work, memory and failures are counted per client. A client with one IPv6 address usually
 * has 2^64 of them, so the unit is its /64. A link-local address is its own unit, because all neighbours share that
 * prefix; so is an IPv4 address. Pure.
 */
#pragma once
#include <cove/base/str.h>

/* Equal for two addresses of the same unit; no padding. */
struct network {
	uint8_t kind; /* private to network.c */
	uint8_t bytes[16];
};

/* The network of the text that conn_peer() gives; a zone ("%eth0") is cut off. Text that is not an address is
 * identified by its first bytes. */
struct network network_of(struct str peer);

/* The one around it, which often is one owner's as well: the /24 of IPv4, the /48 of IPv6. Others are their own. */
struct network network_around(const struct network *n);

static inline bool network_eq(const struct network *a, const struct network *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}
