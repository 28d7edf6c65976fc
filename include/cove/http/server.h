/*
 * server: HTTP/1.1 over net's connections: HEAD -> BEFORE_BODY -> BODY -> SERVE -> SEND -> idle or close. Its only
 * product is the struct protocol that app/ gives to net_open(). site must outlive the net.
 */
#pragma once
#include <cove/http/exchange.h>

/* What net_listen() gives as the tag. */
enum {
	LISTENER_TAG_MAIN,
	LISTENER_TAG_NAMESPACE, /* a port of a namespace's own; which one, and whether in plain, the namespaces say */
};

void http_protocol(struct protocol *out, struct site *site);
