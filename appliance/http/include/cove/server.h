/*
 * server: HTTP/1.1 over net's connections: HEAD -> BEFORE_BODY -> BODY -> SERVE -> SEND -> idle or close. Its only
 * product is the struct protocol that app/ gives to net_open(). site must outlive the net.
 */
#pragma once
#include <cove/exchange.h>

void http_protocol(struct protocol *out, struct site *site);
