/* web: everything outside the registry API: the CA certificate, health, the front page and the management API. */
#pragma once
#include <cove/http/route.h>

extern const struct route web_routes[];
/* The management API (JSON), /api/v1; its rows are in web/api.def. */
extern const struct route api_routes[];
