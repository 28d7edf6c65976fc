/* cors: which web pages of other origins may read answers. */
#pragma once
#include <cove/http/exchange.h>

void cors_put(const struct exchange *x, struct buf *b);
/* What OPTIONS says to a page of an origin that is allowed. */
void cors_preflight(struct exchange *x, struct str methods);
