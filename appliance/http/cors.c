/*
 * cors: which web pages of other origins may read answers (Fetch standard, "CORS protocol"). Only of the registry API
 * and the token endpoint: what manages the registry stays out of reach. Credentials that a browser adds by itself go
 * along for origins that are named, never for "*".
 */
#include "cors.h"

/* Beyond those that scripts always see or may always set. */
#define EXPOSED                                                                                                        \
	"Accept-Ranges, Content-Range, Docker-Content-Digest, Docker-Distribution-Api-Version, Docker-Upload-UUID, "   \
	"ETag, "                                                                                                       \
	"Link, Location, OCI-Filters-Applied, OCI-Subject, OCI-Tag, Range, Retry-After, Warning, WWW-Authenticate, "   \
	"X-Request-Id"
#define ALLOWED                                                                                                        \
	"Accept, Authorization, Cache-Control, Content-Range, Content-Type, If-Match, If-None-Match, If-Range, Range"

static bool is_open_path(struct str path)
{
	return str_starts(path, STR("/v2/")) || str_eq(path, STR("/v2")) || str_eq(path, STR("/token"));
}

/* *any: it is not named, but all are allowed. */
static bool is_allowed(struct str list, struct str origin, bool *any)
{
	struct str one;

	*any = false;
	while (list.n) {
		str_cut(list, ',', &one, &list);
		one = str_trim(one);
		if (str_eq(one, origin)) {
			*any = false;
			return true;
		}
		*any = *any || str_eq(one, STR("*"));
	}
	return *any;
}

static bool find_origin(const struct exchange *x, struct str *origin, bool *any)
{
	return x->head && is_open_path(x->path) && head_field(x->head, STR("Origin"), origin) &&
	       is_allowed(x->site->cors_origins, *origin, any);
}

void cors_put(const struct exchange *x, struct buf *b)
{
	struct str origin;
	bool any;

	if (!x->site->cors_origins.n)
		return;
	buf_addz(b, "Vary: Origin\r\n"); /* also where this one is not allowed: caches must not mix them up */
	if (!find_origin(x, &origin, &any))
		return;
	buf_addf(b, "Access-Control-Allow-Origin: %.*s\r\nAccess-Control-Expose-Headers: " EXPOSED "\r\n",
	    STR_ARG(any ? STR("*") : origin));
	if (!any)
		buf_addz(b, "Access-Control-Allow-Credentials: true\r\n");
}

void cors_preflight(struct exchange *x, struct str methods)
{
	struct str origin, method;
	bool any;

	if (!head_field(x->head, STR("Access-Control-Request-Method"), &method) || !find_origin(x, &origin, &any))
		return;
	reply_field(x, "Access-Control-Allow-Methods", "%.*s", STR_ARG(methods));
	reply_field(x, "Access-Control-Allow-Headers", "%s", ALLOWED);
	reply_field(x, "Access-Control-Max-Age", "600");
}
