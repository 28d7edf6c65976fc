/* listeners: the ports that namespaces have of their own; opened and closed as the namespaces change. One thread at a
 * time. */
#pragma once
#include <cove/namespace/namespace.h>
#include <cove/net/net.h>

struct listeners {
	struct net *net;
	struct namespaces *namespaces;
	char host[256]; /* the address of the main port */
	struct {
		uint16_t port;
		enum listener_kind kind;
		bool is_open;
	} items[NAMESPACES_MAX];
	size_t count;
};

/* Opens and closes what the namespaces want now. A port that cannot be had is logged once, and tried again at the next
 * call. */
CHECKED enum rc listeners_follow(struct listeners *l, struct err *err);
/* The host names of namespaces, comma-separated, appended to `out`. */
CHECKED enum rc namespace_hosts(struct namespaces *n, struct buf *out, struct err *err);
