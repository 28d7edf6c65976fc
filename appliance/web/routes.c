/* The routes for people and machines around the registry. None needs a credential, none tells more than it must. */
#include <cove/web/web.h>
#include "pages.h"

const struct route web_routes[] = {
    {"ca", METHOD_GET, "/ca.crt", ACCESS_ANY, BODY_NONE, 0, ROUTE_PLAIN, NULL, ca_get},
    {"live", METHOD_GET, "/livez", ACCESS_ANY, BODY_NONE, 0, 0, NULL, live_get},
    {"ready", METHOD_GET, "/readyz", ACCESS_ANY, BODY_NONE, 0, 0, NULL, ready_get},
    {"front", METHOD_GET, "/", ACCESS_ANY, BODY_NONE, 0, 0, NULL, front_get},
    ROUTES_END,
};
