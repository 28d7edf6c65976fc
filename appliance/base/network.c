/* network: see network.h. */
#include <arpa/inet.h>
#include <cove/base/network.h>

enum { KIND_TEXT, KIND_IPV4, KIND_IPV6_NETWORK, KIND_IPV6_ADDRESS };

_Static_assert(sizeof(struct network) == 17, "network_eq() compares all of it");

struct network network_of(struct str peer)
{
	struct network out = {.kind = KIND_TEXT};
	char text[INET6_ADDRSTRLEN] = "";
	struct str address, zone;
	struct in6_addr six;

	str_cut(peer, '%', &address, &zone);
	if (address.n && address.n < sizeof(text))
		memcpy(text, address.p, address.n);
	if (inet_pton(AF_INET, text, out.bytes) == 1) {
		out.kind = KIND_IPV4;
	} else if (inet_pton(AF_INET6, text, &six) == 1) {
		bool local = IN6_IS_ADDR_LINKLOCAL(&six);

		out.kind = local ? KIND_IPV6_ADDRESS : KIND_IPV6_NETWORK;
		memcpy(out.bytes, &six, local ? 16 : 8);
	} else if (peer.n) {
		memcpy(out.bytes, peer.p, peer.n < sizeof(out.bytes) ? peer.n : sizeof(out.bytes));
	}
	return out;
}

struct network network_around(const struct network *n)
{
	struct network out = *n;
	size_t kept = n->kind == KIND_IPV4 ? 3 : n->kind == KIND_IPV6_NETWORK ? 6 : sizeof(out.bytes);

	memset(out.bytes + kept, 0, sizeof(out.bytes) - kept);
	return out;
}
