/* token: the token endpoint, where clients turn credentials into an access token (docs/clients.md, Tokens). */
#pragma once
#include <cove/http/route.h>

/* GET and POST /token, and the public key for other programs that check our tokens. Ended by ROUTES_END. */
extern const struct route token_routes[];
