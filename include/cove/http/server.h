/*
 * server: HTTP/1.1 over net's connections: HEAD -> BEFORE_BODY -> BODY -> SERVE -> SEND -> idle or close. It only makes
 * the struct protocol that app/ passes to net_open(). site must outlive the net.
 */
#pragma once
#include <cove/http/exchange.h>

/* The tags for net_listen(). */
enum {
	LISTENER_TAG_MAIN,
	LISTENER_TAG_NAMESPACE, /* the separate port of a namespace; the namespaces tell which one, and whether it has
				   TLS */
};

void http_protocol(struct protocol *out, struct site *site);
