/* web: what is not the registry API: the CA certificate, health, the front page, and the JSON API of management. */
#pragma once
#include <cove/http/route.h>

extern const struct route web_routes[];
/* The JSON API of management, /api/v1; its rows are web/api.def. */
extern const struct route api_routes[];
