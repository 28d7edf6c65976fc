/* router: paths against a table of the shapes that the specification has. */
#include <cove/http/route.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define DIGEST "sha256:" HEX

static const struct route spec[] = {
    {.id = "base", .method = METHOD_GET, .pattern = "/v2/"},
    {.id = "blob", .method = METHOD_GET, .pattern = "/v2/<name>/blobs/<digest>"},
    {.id = "blob-delete", .method = METHOD_DELETE, .pattern = "/v2/<name>/blobs/<digest>"},
    {.id = "manifest", .method = METHOD_GET, .pattern = "/v2/<name>/manifests/<reference>"},
    {.id = "manifest-put", .method = METHOD_PUT, .pattern = "/v2/<name>/manifests/<reference>"},
    {.id = "start", .method = METHOD_POST, .pattern = "/v2/<name>/blobs/uploads/"},
    {.id = "patch", .method = METHOD_PATCH, .pattern = "/v2/<name>/blobs/uploads/<id>"},
    {.id = "tags", .method = METHOD_GET, .pattern = "/v2/<name>/tags/list"},
    {.id = "catalog", .method = METHOD_GET, .pattern = "/v2/_catalog"},
    ROUTES_END,
};
static const struct route other[] = {
    {.id = "front", .method = METHOD_GET, .pattern = "/"},
    {.id = "acme", .method = METHOD_GET, .pattern = "/.well-known/acme-challenge/<id>"},
    {.id = "token", .method = METHOD_GET, .pattern = "/token"},
    {.id = "token-post", .method = METHOD_POST, .pattern = "/token"},
    {.id = "thing", .method = METHOD_GET, .pattern = "/api/v1/things/<object>"},
    {.id = "part", .method = METHOD_GET, .pattern = "/api/v1/things/<object>/parts/<id>"},
    ROUTES_END,
};
static const struct route *const tables[] = {spec, other, NULL};
static const struct site site = {.route_tables = tables};

/* `captures` is "name digest-hex tag id", each - when empty */
static const struct {
	enum method method;
	const char *path;
	enum rc rc;
	const char *found; /* the row's id, or Allow */
	const char *captures;
} rows[] = {
    {METHOD_GET, "/v2/", OK, "base", "- - - -"},
    {METHOD_HEAD, "/v2/", OK, "base", "- - - -"},
    {METHOD_GET, "/", OK, "front", "- - - -"},
    {METHOD_GET, "/v2/_catalog", OK, "catalog", "- - - -"},
    {METHOD_POST, "/token", OK, "token-post", "- - - -"},
    {METHOD_GET, "/.well-known/acme-challenge/aZ_-9", OK, "acme", "- - - aZ_-9"},
    {METHOD_GET, "/v2/a/blobs/" DIGEST, OK, "blob", "a e3b0 - -"},
    {METHOD_GET, "/v2/a/blobs/sha256%3A" HEX, OK, "blob", "a e3b0 - -"},
    {METHOD_GET, "/v2/a/blobs/sha256%3a" HEX, OK, "blob", "a e3b0 - -"},
    {METHOD_GET, "/v2/te%61m/app/tags/list", OK, "tags", "team/app - - -"},
    {METHOD_GET, "/v2/a/b/c/manifests/v1.0", OK, "manifest", "a/b/c - v1.0 -"},
    {METHOD_GET, "/v2/a/manifests/" DIGEST, OK, "manifest", "a e3b0 - -"},
    {METHOD_POST, "/v2/a/blobs/uploads/", OK, "start", "a - - -"},
    {METHOD_PATCH, "/v2/a/blobs/uploads/x-1", OK, "patch", "a - - x-1"},

    /* names made of the API's own words: compared from the right */
    {METHOD_GET, "/v2/blobs/blobs/" DIGEST, OK, "blob", "blobs e3b0 - -"},
    {METHOD_GET, "/v2/a/blobs/uploads/blobs/" DIGEST, OK, "blob", "a/blobs/uploads e3b0 - -"},
    {METHOD_PUT, "/v2/a/manifests/b/manifests/c", OK, "manifest-put", "a/manifests/b - c -"},
    {METHOD_GET, "/v2/tags/list/tags/list", OK, "tags", "tags/list - - -"},
    {METHOD_PATCH, "/v2/blobs/uploads/blobs/uploads/y", OK, "patch", "blobs/uploads - - y"},

    /* the API's segments are decoded after they were found, once; object is looked at below */
    {METHOD_GET, "/api/v1/things/a", OK, "thing", "- - - -"},
    {METHOD_GET, "/api/v1/things/a%2Fb/parts/c%2fd", OK, "part", "- - - c/d"},
    {METHOD_GET, "/api/v1/things/a/parts/%252F", OK, "part", "- - - %2F"},
    {METHOD_GET, "/api/v1/things/a/b", E_NOT_FOUND, "", ""},
    {METHOD_GET, "/api/v1/things/", E_NOT_FOUND, "", ""},
    {METHOD_GET, "/api/v1/thing%73/a", E_NOT_FOUND, "", ""},
    {METHOD_GET, "/api/v1/things/%00", E_HTTP_BAD, "thing", ""},
    {METHOD_GET, "/api/v1/things/a%", E_HTTP_BAD, "thing", ""},

    {METHOD_GET, "/v2", E_NOT_FOUND, "", ""},
    {METHOD_GET, "//v2/", E_NOT_FOUND, "", ""},
    {METHOD_GET, "/v2//", E_NOT_FOUND, "", ""},
    {METHOD_GET, "/v2//tags/list", E_NOT_FOUND, "", ""},
    {METHOD_GET, "/v2/tags/list", E_NOT_FOUND, "", ""},
    {METHOD_GET, "/v2/a/tags/list/", E_NOT_FOUND, "", ""},
    {METHOD_GET, "/v2/a/blobs/", E_NOT_FOUND, "", ""},
    {METHOD_GET, "/x/v2/", E_NOT_FOUND, "", ""},
    {METHOD_GET, "*", E_NOT_FOUND, "", ""},
    {METHOD_GET, "/.well-known/acme-challenge/", E_NOT_FOUND, "", ""},
    {METHOD_GET, "/.well-known/acme-challenge/a/b", E_NOT_FOUND, "", ""},

    {METHOD_DELETE, "/v2/", E_HTTP_METHOD, "GET, HEAD", ""},
    {METHOD_PATCH, "/token", E_HTTP_METHOD, "GET, HEAD, POST", ""},
    {METHOD_POST, "/v2/a/blobs/" DIGEST, E_HTTP_METHOD, "GET, HEAD, DELETE", ""},
    {METHOD_HEAD, "/v2/a/blobs/uploads/", E_HTTP_METHOD, "POST", ""},
    {METHOD_OPTIONS, "/v2/a/manifests/b", E_HTTP_METHOD, "GET, HEAD, PUT", ""},

    {METHOD_GET, "/v2/A/tags/list", E_NAME_INVALID, "tags", ""},
    {METHOD_GET, "/v2/a/../b/tags/list", E_NAME_INVALID, "tags", ""},
    {METHOD_GET, "/v2/a//b/tags/list", E_NAME_INVALID, "tags", ""},
    {METHOD_GET, "/v2/a/blobs/sha256:xyz", E_DIGEST_INVALID, "blob", ""},
    {METHOD_GET, "/v2/a/blobs/uploads", E_DIGEST_INVALID, "blob", ""},
    {METHOD_GET, "/v2/a/manifests/sha256:e3", E_MANIFEST_UNKNOWN, "manifest", ""},
    {METHOD_GET, "/v2/a/manifests/.x", E_MANIFEST_UNKNOWN, "manifest", ""},
    {METHOD_HEAD, "/v2/a/manifests/a%20b", E_MANIFEST_UNKNOWN, "manifest", ""},
    {METHOD_PUT, "/v2/a/manifests/sha256:e3", E_DIGEST_INVALID, "manifest-put", ""},
    {METHOD_PUT, "/v2/a/manifests/.x", E_TAG_INVALID, "manifest-put", ""},

    /* what is encoded is the same name as what is not, also a slash or a dot */
    {METHOD_GET, "/v2/a%2fb/tags/list", OK, "tags", "a/b - - -"},
    {METHOD_GET, "/v2/a%2Fb/tags/list", OK, "tags", "a/b - - -"},
    {METHOD_GET, "/v2/a%2Fb%2Ftags%2Flist", OK, "tags", "a/b - - -"},
    {METHOD_GET, "/v2/a%2Eb/tags/list", OK, "tags", "a.b - - -"},
    {METHOD_GET, "/%76%32/", OK, "base", "- - - -"},
    {METHOD_GET, "/v2/a/%2e%2e/b/tags/list", E_NAME_INVALID, "tags", ""},
    {METHOD_GET, "/v2/a%2F..%2Fb/tags/list", E_NAME_INVALID, "tags", ""},
    {METHOD_GET, "/v2/%2e/tags/list", E_NAME_INVALID, "tags", ""},
    {METHOD_GET, "/v2/a%2F%2Fb/tags/list", E_NAME_INVALID, "tags", ""},
    {METHOD_GET, "/v2/%2Fa/tags/list", E_NAME_INVALID, "tags", ""},
    {METHOD_GET, "/v2/a%0Ab/tags/list", E_NAME_INVALID, "tags", ""},
    {METHOD_GET, "/v2/a%3Fb/tags/list", E_NAME_INVALID, "tags", ""},
    {METHOD_GET, "/v2/a%00b/tags/list", E_HTTP_BAD, "", ""},
    /* decoded once only, and nothing is left for who decodes again */
    {METHOD_GET, "/v2/a%252Fb/tags/list", E_HTTP_BAD, "", ""},
    {METHOD_GET, "/v2/a%252e%252e/tags/list", E_HTTP_BAD, "", ""},
    {METHOD_GET, "/v2/a/manifests/%2541", E_HTTP_BAD, "", ""},
    {METHOD_GET, "/v2/a/tags/list%00", E_HTTP_BAD, "", ""},
    {METHOD_GET, "/v2/a/tags/list%", E_HTTP_BAD, "", ""},
    {METHOD_GET, "/v2/a/tags/list%4", E_HTTP_BAD, "", ""},
    {METHOD_GET, "/v2/a/tags/%zz", E_HTTP_BAD, "", ""},
};

static void finds(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct arena arena;
		struct exchange x = {.site = &site, .arena = &arena};
		struct str allow;
		char captures[200], hex[5] = "-";
		enum rc rc;

		arena_init(&arena, 4096);
		rc = route_find(&x, str_of(rows[i].path), rows[i].method, &allow);
		if (rc != rows[i].rc)
			fail_msg("%s: %s", rows[i].path, rc_name(rc));
		if (rc == E_HTTP_METHOD) {
			assert_true(str_eq(allow, str_of(rows[i].found)));
		} else {
			assert_string_equal(x.route ? x.route->id : "", rows[i].found);
		}
		if (!rc) {
			const struct digest *d = x.reference.is_digest ? &x.reference.digest : &x.digest;
			bool tag = !x.reference.is_digest && x.reference.tag.s.n;

			if (d->bytes[0])
				snprintf(hex, sizeof hex, "%02x%02x", d->bytes[0], d->bytes[1]);
			snprintf(captures, sizeof captures, "%.*s %s %.*s %.*s",
			    STR_ARG(x.name.s.n ? x.name.s : STR("-")), hex, STR_ARG(tag ? x.reference.tag.s : STR("-")),
			    STR_ARG(x.upload_id.n ? x.upload_id : STR("-")));
			assert_string_equal(captures, rows[i].captures);
		}
		arena_release(&arena);
	}
}

static void objects(void **state)
{
	struct arena arena;
	struct exchange x = {.site = &site, .arena = &arena};
	struct str allow;

	(void)state;
	arena_init(&arena, 4096);
	assert_int_equal(route_find(&x, STR("/api/v1/things/a%2Fb%3A1/parts/2"), METHOD_GET, &allow), OK);
	assert_true(str_eq(x.object, STR("a/b:1")));
	arena_release(&arena);
}

static void parameters(void **state)
{
	struct arena arena;
	struct exchange x = {.arena = &arena, .query = STR("tag=a&empty=&tag=b%3Ac&bad=%zz&plus=1+2&tag=&flag")};
	struct str value, rest = x.query;

	(void)state;
	arena_init(&arena, 65536);
	assert_true(query_get(&x, "tag", &value) && str_eq(value, STR("a")));
	assert_true(query_get(&x, "empty", &value) && value.n == 0);
	assert_true(query_get(&x, "plus", &value) && str_eq(value, STR("1 2")));
	assert_true(query_get(&x, "flag", &value) && value.n == 0);
	assert_false(query_get(&x, "bad", &value));
	assert_false(query_get(&x, "ta", &value));
	assert_false(query_get(&x, "tagg", &value));
	assert_true(query_next(&x, "tag", &rest, &value) && str_eq(value, STR("a")));
	assert_true(query_next(&x, "tag", &rest, &value) && str_eq(value, STR("b:c")));
	assert_true(query_next(&x, "tag", &rest, &value) && value.n == 0);
	assert_false(query_next(&x, "tag", &rest, &value));
	x.query = STR_NONE;
	assert_false(query_get(&x, "tag", &value));
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds),
	    cmocka_unit_test(objects),
	    cmocka_unit_test(parameters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
