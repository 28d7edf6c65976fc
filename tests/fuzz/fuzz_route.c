/*
 * fuzz_route: a path (first byte: the method) against the shapes of the route table. What is found has valid captures,
 * which written down again lead to the same row and the same captures.
 */
#include <cove/http/route.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct route routes[] = {
    {.id = "base", .method = METHOD_GET, .pattern = "/v2/"},
    {.id = "blob", .method = METHOD_GET, .pattern = "/v2/<name>/blobs/<digest>"},
    {.id = "start", .method = METHOD_POST, .pattern = "/v2/<name>/blobs/uploads/"},
    {.id = "patch", .method = METHOD_PATCH, .pattern = "/v2/<name>/blobs/uploads/<id>"},
    {.id = "manifest", .method = METHOD_PUT, .pattern = "/v2/<name>/manifests/<reference>"},
    {.id = "tags", .method = METHOD_GET, .pattern = "/v2/<name>/tags/list"},
    {.id = "catalog", .method = METHOD_GET, .pattern = "/v2/_catalog"},
    ROUTES_END,
};
static const struct route *const tables[] = {routes, NULL};
static const struct site site = {.route_tables = tables};

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void exchange_init(struct exchange *x, struct arena *a)
{
	*x = (struct exchange){.site = &site, .arena = a};
	arena_init(a, 1u << 20);
}

/* The pattern with the captures in their places. */
static struct str path_of(struct exchange *x)
{
	struct str pattern = str_of(x->route->pattern), segment, path = STR_NONE;
	char text[DIGEST_TEXT_MAX];

	pattern = str_from(pattern, 1);
	for (bool more = true; more;) {
		more = str_cut(pattern, '/', &segment, &pattern);
		if (str_eq(segment, STR("<name>"))) {
			segment = x->name.s;
		} else if (str_eq(segment, STR("<id>"))) {
			segment = x->upload_id;
		} else if (str_eq(segment, STR("<reference>")) && !x->reference.is_digest) {
			segment = x->reference.tag.s;
		} else if (segment.n && segment.p[0] == '<') {
			digest_text(text, x->reference.is_digest ? &x->reference.digest : &x->digest);
			segment = str_of(text);
		}
		path = arena_printf(x->arena, "%.*s/%.*s", STR_ARG(path), STR_ARG(segment));
	}
	return path;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum method methods[] = {
	    METHOD_GET, METHOD_HEAD, METHOD_POST, METHOD_PUT, METHOD_PATCH, METHOD_DELETE};
	struct exchange x, again;
	struct arena a, b;
	struct str allow, path;
	enum method method;
	enum rc rc;

	if (size < 2 || size > 8192 || data[1] != '/' || memchr(data + 1, 0, size - 1))
		return 0; /* head_parse() lets none of these through */
	method = methods[data[0] % (sizeof methods / sizeof *methods)];
	exchange_init(&x, &a);
	exchange_init(&again, &b);
	rc = route_find(&x, (struct str){(const char *)data + 1, size - 1}, method, &allow);
	check(rc != E_HTTP_METHOD || allow.n > 0);
	if (!rc) {
		/* one name: nothing encoded is left, and what the captures give is what was routed and is logged */
		path = path_of(&x);
		check(!str_has(path, '%') && str_eq(path, x.path));
		check(route_find(&again, path, method, &allow) == OK);
		check(again.route == x.route && str_eq(again.name.s, x.name.s));
		check(str_eq(again.upload_id, x.upload_id) && digest_eq(&again.digest, &x.digest));
	}
	arena_release(&a);
	arena_release(&b);
	return 0;
}
