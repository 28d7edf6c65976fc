/*
 * network: whom an address counts as where work, room or failures are counted by client. Who has one address of IPv6
 * mostly has 2^64 of them, so there it is the /64; a link-local address counts by itself, since all neighbours share
 * that prefix; an IPv4 address too. Pure.
 */
#pragma once
#include <cove/base/str.h>

/* The same for two addresses that count as one; no padding. */
struct network {
	uint8_t kind; /* private to network.c */
	uint8_t bytes[16];
};

/* Of the text that conn_peer() gives; a zone ("%eth0") is cut off. What is no address counts by its first bytes. */
struct network network_of(struct str peer);

/* The one around it, which often is one owner's as well: the /24 of IPv4, the /48 of IPv6. Others are their own. */
struct network network_around(const struct network *n);

static inline bool network_eq(const struct network *a, const struct network *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}
