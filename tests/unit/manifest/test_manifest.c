/* manifest_parse: what is accepted, what is refused and with which code, what is extracted. */
#include <cove/base/buf.h>
#include <cove/manifest/manifest.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define D "\"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""
#define DESC(type) "{\"mediaType\":\"" type "\",\"digest\":" D ",\"size\":3}"
#define SIZED(size) "{\"mediaType\":\"l/t\",\"digest\":" D ",\"size\":" size "}"
#define URLS(urls) "{\"mediaType\":\"l/t\",\"digest\":" D ",\"size\":3,\"urls\":" urls "}"
#define OCI "application/vnd.oci.image.manifest.v1+json"
#define INDEX "application/vnd.oci.image.index.v1+json"
#define CONFIG "\"config\":" DESC("c/t")

static const struct {
	const char *bytes;
	const char *content_type;
	enum rc rc;
	size_t references;
} cases[] = {
    {"{\"schemaVersion\":2," CONFIG ",\"layers\":[]}", OCI, OK, 1},
    {"{\"schemaVersion\":2,\"mediaType\":\"" OCI "\"," CONFIG ",\"layers\":[" DESC("l/t") "," DESC("l/t") "]}", "", OK,
	3},
    {"{\"schemaVersion\":2,\"x\":{\"y\":[1]}," CONFIG ",\"layers\":[]}", OCI "; charset=utf-8", OK, 1},
    {"{\"schemaVersion\":2,\"manifests\":[]}", INDEX, OK, 0},
    {"{\"schemaVersion\":2,\"manifests\":[" DESC(OCI) "]}", INDEX, OK, 1},
    {"{\"schemaVersion\":2," CONFIG ",\"layers\":[]}", "", E_MANIFEST_INVALID, 0},
    {"{\"schemaVersion\":2," CONFIG ",\"layers\":[]}", "text/plain", E_MANIFEST_INVALID, 0},
    {"{\"schemaVersion\":2,\"mediaType\":\"" INDEX "\"," CONFIG ",\"layers\":[]}", OCI, E_MANIFEST_INVALID, 0},
    {"{\"schemaVersion\":2," CONFIG ",\"layers\":[],\"manifests\":[]}", OCI, E_MANIFEST_INVALID, 0},
    {"{\"schemaVersion\":2,\"manifests\":[],\"layers\":[]}", INDEX, E_MANIFEST_INVALID, 0},
    {"{\"schemaVersion\":2,\"layers\":[]}", OCI, E_MANIFEST_INVALID, 0},
    {"{\"schemaVersion\":2," CONFIG ",\"layers\":{}}", OCI, E_MANIFEST_INVALID, 0},
    {"{\"schemaVersion\":2," CONFIG ",\"layers\":[1]}", OCI, E_MANIFEST_INVALID, 0},
    {"{\"schemaVersion\":2,\"config\":{\"mediaType\":\"x\",\"digest\":\"sha256:0\",\"size\":1},\"layers\":[]}", OCI,
	E_MANIFEST_INVALID, 0},
    {"{\"schemaVersion\":2,\"config\":{\"mediaType\":\"x\",\"digest\":" D ",\"size\":-1},\"layers\":[]}", OCI,
	E_MANIFEST_INVALID, 0},
    {"{\"schemaVersion\":2,\"config\":{\"digest\":" D ",\"size\":1},\"layers\":[]}", OCI, E_MANIFEST_INVALID, 0},
    {"{\"schemaVersion\":2," CONFIG ",\"layers\":[],\"annotations\":{\"a\":1}}", OCI, E_MANIFEST_INVALID, 0},
    {"{\"schemaVersion\":2," CONFIG ",\"layers\":[],\"annotations\":[]}", OCI, E_MANIFEST_INVALID, 0},
    {"{\"schemaVersion\":2," CONFIG ",\"layers\":[],\"subject\":1}", OCI, E_MANIFEST_INVALID, 0},
    {"{\"schemaVersion\":2," CONFIG ",\"layers\":[],\"layers\":[]}", OCI, E_MANIFEST_INVALID, 0},
    {"{\"schemaVersion\":2," CONFIG ",\"layers\":[" SIZED("3.0") "]}", OCI, E_MANIFEST_INVALID, 0},
    {"{\"schemaVersion\":2," CONFIG ",\"layers\":[" SIZED("3e0") "]}", OCI, E_MANIFEST_INVALID, 0},
    {"{\"schemaVersion\":2," CONFIG ",\"layers\":[" SIZED("0.3e1") "]}", OCI, E_MANIFEST_INVALID, 0},
    {"{\"schemaVersion\":2," CONFIG ",\"layers\":[" SIZED("3") "]}", OCI, OK, 2},
    {"{\"schemaVersion\":2.0," CONFIG ",\"layers\":[]}", OCI, E_MANIFEST_INVALID, 0},
    {"{\"schemaVersion\":2,\"mediaType\":5," CONFIG ",\"layers\":[]}", OCI, E_MANIFEST_INVALID, 0},
    {"{\"schemaVersion\":2,\"mediaType\":null," CONFIG ",\"layers\":[]}", OCI, OK, 1},
    {"{\"schemaVersion\":2,\"artifactType\":5," CONFIG ",\"layers\":[]}", OCI, E_MANIFEST_INVALID, 0},
    {"{\"schemaVersion\":2,\"artifactType\":[\"a\"]," CONFIG ",\"layers\":[]}", OCI, E_MANIFEST_INVALID, 0},
    {"{\"schemaVersion\":2," CONFIG ",\"layers\":[" URLS("{\"a\":1}") "]}", OCI, E_MANIFEST_INVALID, 0},
    {"{\"schemaVersion\":2," CONFIG ",\"layers\":[" URLS("[5]") "]}", OCI, E_MANIFEST_INVALID, 0},
    {"{\"schemaVersion\":2," CONFIG ",\"layers\":[" URLS("[\"https://x\",\"\"]") "]}", OCI, E_MANIFEST_INVALID, 0},
    {"{\"schemaVersion\":2," CONFIG ",\"layers\":[" URLS("\"https://x\"") "]}", OCI, E_MANIFEST_INVALID, 0},
    {"{\"schemaVersion\":2," CONFIG ",\"layers\":[" URLS("[]") "," URLS("null") "]}", OCI, OK, 3},
    {"{\"schemaVersion\":1}", OCI, E_SCHEMA1, 0},
    {"{\"schemaVersion\":1}", "application/vnd.docker.distribution.manifest.v1+prettyjws", E_SCHEMA1, 0},
    {"{\"schemaVersion\":3}", OCI, E_MANIFEST_INVALID, 0},
    {"{}", OCI, E_MANIFEST_INVALID, 0},
    {"[]", OCI, E_MANIFEST_INVALID, 0},
    {"", OCI, E_MANIFEST_INVALID, 0},
    {"{", OCI, E_MANIFEST_INVALID, 0},
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct arena a;
		struct manifest_content m;
		struct err err = {.rc = OK};

		arena_init(&a, 65536);
		enum rc rc = manifest_parse(
		    &a, str_of(cases[i].bytes), str_of(cases[i].content_type), MANIFEST_PUSHED, &m, &err);
		if (rc != cases[i].rc)
			print_error("case %zu: %s, wanted %s: %s (%s)\n", i, rc_name(rc), rc_name(cases[i].rc),
			    cases[i].bytes, err.text);
		assert_int_equal(rc, cases[i].rc);
		if (rc)
			assert_true(err.rc == rc && err.text[0]);
		else
			assert_int_equal(m.reference_count, cases[i].references);
		arena_release(&a);
	}
}

/* What docker-registry takes and clients pull is taken, what they do not pull is refused to who pushes it, and kept by
 * a cache, which is no judge of its upstream's content. */
static const struct {
	const char *bytes;
	const char *content_type;
	enum rc pushed, fetched;
} lenient[] = {
    {"{\"schemaVersion\":2," CONFIG "}", OCI, OK, OK},
    {"{\"schemaVersion\":2," CONFIG ",\"layers\":null}", OCI, OK, OK},
    {"{\"schemaVersion\":2}", INDEX, OK, OK},
    {"{\"schemaVersion\":2,\"manifests\":null}", INDEX, OK, OK},
    {"{\"schemaVersion\":2," CONFIG ",\"layers\":[],\"manifests\":null}", OCI, OK, OK},
    {"{\"schemaVersion\":2,\"manifests\":[],\"layers\":null}", INDEX, OK, OK},
    {"{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"mediaType\":\"l/t\",\"digest\":" D ",\"size\":3,\"data\":null}]}",
	OCI, OK, OK},
    {"{\"schemaVersion\":2," CONFIG ",\"annotations\":null,\"subject\":null,\"artifactType\":null}", OCI, OK, OK},
    {"{\"schemaVersion\":2," CONFIG ",\"annotations\":{\"a\":null}}", OCI, OK, OK},
    {"{\"schemaVersion\":2," CONFIG ",\"subject\":{\"digest\":" D ",\"size\":3}}", OCI, OK, OK},
    {"{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"mediaType\":\"l/t\",\"digest\":" D "}]}", OCI, OK, OK},
    {"{\"schemaVersion\":2," CONFIG ",\"layers\":[" SIZED("null") "]}", OCI, OK, OK},

    {"{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"digest\":" D ",\"size\":3}]}", OCI, E_MANIFEST_INVALID, OK},
    {"{\"schemaVersion\":2,\"config\":{\"mediaType\":null,\"digest\":" D ",\"size\":3}}", OCI, E_MANIFEST_INVALID, OK},
    {"{\"schemaVersion\":2,\"manifests\":[{\"digest\":" D ",\"size\":3}]}", INDEX, E_MANIFEST_INVALID, OK},
    {"{\"schemaVersion\":2," CONFIG ",\"layers\":[" SIZED("-1") "," SIZED("3.5") "," SIZED("\"3\"") "]}", OCI,
	E_MANIFEST_INVALID, OK},
    {"{\"schemaVersion\":2," CONFIG ",\"layers\":[" URLS("[5]") "]}", OCI, E_MANIFEST_INVALID, OK},
    {"{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"mediaType\":\"l/t\",\"digest\":" D
     ",\"size\":3,\"data\":\"AAAA\"}]}",
	OCI, E_MANIFEST_INVALID, OK},
    {"{\"schemaVersion\":2," CONFIG ",\"annotations\":{\"a\":1}}", OCI, E_MANIFEST_INVALID, OK},
    {"{\"schemaVersion\":2," CONFIG ",\"annotations\":[],\"artifactType\":5}", OCI, E_MANIFEST_INVALID, OK},
    {"{" CONFIG "}", OCI, E_MANIFEST_INVALID, OK},

    {"{\"schemaVersion\":1}", OCI, E_SCHEMA1, E_SCHEMA1},
    {"{\"schemaVersion\":2," CONFIG ",\"manifests\":[]}", OCI, E_MANIFEST_INVALID, E_MANIFEST_INVALID},
    {"{\"schemaVersion\":2," CONFIG ",\"layers\":{}}", OCI, E_MANIFEST_INVALID, E_MANIFEST_INVALID},
    {"{\"schemaVersion\":2,\"config\":null}", OCI, E_MANIFEST_INVALID, E_MANIFEST_INVALID},
    {"{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"mediaType\":\"l/t\",\"digest\":\"sha256:0\",\"size\":3}]}", OCI,
	E_MANIFEST_INVALID, E_MANIFEST_INVALID},
    {"{\"schemaVersion\":2," CONFIG "}", "text/plain", E_MANIFEST_INVALID, E_MANIFEST_INVALID},
    {"null", OCI, E_MANIFEST_INVALID, E_MANIFEST_INVALID},
};

static void test_lenient(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * sizeof(lenient) / sizeof(*lenient); i++) {
		enum manifest_origin origin = i % 2 ? MANIFEST_FETCHED : MANIFEST_PUSHED;
		enum rc wanted = i % 2 ? lenient[i / 2].fetched : lenient[i / 2].pushed, rc;
		struct manifest_content m;
		struct arena a;
		struct err err = {.rc = OK};

		arena_init(&a, 65536);
		rc = manifest_parse(
		    &a, str_of(lenient[i / 2].bytes), str_of(lenient[i / 2].content_type), origin, &m, &err);
		if (rc != wanted)
			fail_msg(
			    "%s: %s (%s), wanted %s", lenient[i / 2].bytes, rc_name(rc), err.text, rc_name(wanted));
		assert_true(!rc || err.text[0]);
		arena_release(&a);
	}
}

static void test_extracted(void **state)
{
	static const char bytes[] = "{\"schemaVersion\":2," CONFIG ",\"layers\":[" DESC(
	    "l/t") ","
		   "{\"mediaType\":\"l\",\"digest\":" D ",\"size\":9,\"urls\":[\"https://x\"]}," DESC(
		       "application/vnd.oci.image.layer.nondistributable.v1.tar") "],"
										  "\"subject\":" DESC(
										      OCI) ",\"annotations\":{\"k\":"
											   "\"v\\u00e9\"}}";
	struct arena a;
	struct manifest_content m;
	struct err err;

	(void)state;
	arena_init(&a, 65536);
	assert_int_equal(manifest_parse(&a, str_of(bytes), STR(OCI), MANIFEST_PUSHED, &m, &err), OK);
	assert_ptr_equal(m.bytes.p, bytes);
	assert_true(str_eq(m.media_type, STR(OCI)));
	assert_true(m.has_subject);
	assert_int_equal(m.subject.bytes[0], 0xaa);
	assert_true(str_eq(m.artifact_type, STR("c/t")));
	assert_true(str_eq(m.annotations, STR("{\"k\":\"v\xc3\xa9\"}")));
	assert_int_equal(m.reference_count, 4);
	assert_int_equal(m.references[0].kind, REF_BLOB);
	assert_int_equal(m.references[1].kind, REF_BLOB);
	assert_int_equal(m.references[2].kind, REF_OPTIONAL);
	assert_int_equal(m.references[2].size, 9);
	assert_int_equal(m.references[3].kind, REF_OPTIONAL);
	arena_release(&a);
}

/* What is stored for the list of referrers is never cut, whatever characters it is made of. */
static void test_annotations_do_not_grow(void **state)
{
	static const char head[] =
	    "{\"schemaVersion\":2," CONFIG ",\"layers\":[],\"subject\":" DESC(OCI) ",\"annotations\":{\"k\":\"";
	enum { FILL = 3 * 1024 * 1024 };
	struct buf b = BUF_INIT(MANIFEST_MAX);
	struct arena a;
	struct manifest_content m;
	struct err err;

	(void)state;
	buf_addz(&b, head);
	memset(buf_room(&b, FILL), 0x7f, FILL);
	buf_grown(&b, FILL);
	buf_addz(&b, "\"}}");
	assert_true(buf_ok(&b));
	arena_init(&a, 2 * MANIFEST_MAX);
	assert_int_equal(manifest_parse(&a, buf_str(&b), STR(OCI), MANIFEST_PUSHED, &m, &err), OK);
	assert_int_equal(m.annotations.n, FILL + strlen("{'k':''}"));
	assert_true(str_starts(m.annotations, STR("{\"k\":\"\x7f")));
	assert_int_equal(m.annotations.p[m.annotations.n - 1], '}');
	arena_release(&a);
	buf_release(&b);
}

#define CHILD(type) "{\"schemaVersion\":2,\"manifests\":[" DESC(type) "]}"

/* An index lists manifests, and with BuildKit's cache blobs. */
static void test_children(void **state)
{
	static const struct {
		const char *bytes, *media_type;
		enum reference_kind kind;
	} children[] = {
	    {CHILD(OCI), OCI, REF_MANIFEST},
	    {CHILD(INDEX), INDEX, REF_MANIFEST},
	    {CHILD("application/vnd.oci.image.layer.v1.tar+gzip"), "", REF_BLOB},
	    {CHILD("application/vnd.buildkit.cacheconfig.v0"), "", REF_BLOB},
	    {CHILD("application/vnd.oci.image.layer.nondistributable.v1.tar"), "", REF_OPTIONAL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(children) / sizeof(*children); i++) {
		struct arena a;
		struct manifest_content m;
		struct err err;

		arena_init(&a, 65536);
		assert_int_equal(
		    manifest_parse(&a, str_of(children[i].bytes), STR(INDEX), MANIFEST_PUSHED, &m, &err), OK);
		assert_int_equal(m.references[0].kind, children[i].kind);
		assert_true(str_eq(m.references[0].media_type, str_of(children[i].media_type)));
		arena_release(&a);
	}
}

#define DATA(value, size)                                                                                              \
	"{\"schemaVersion\":2,\"layers\":[],\"config\":{\"mediaType\":\"c/t\",\"size\":" size                          \
	",\"digest\":\"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\",\"data\":" value "}}"

/* Embedded content is what its descriptor says, or the manifest is refused. */
static void test_data(void **state)
{
	static const struct {
		const char *bytes;
		enum rc rc;
	} data[] = {
	    {DATA("\"e30=\"", "2"), OK},
	    {DATA("\"e30=\"", "3"), E_MANIFEST_INVALID},
	    {DATA("\"W10=\"", "2"), E_MANIFEST_INVALID},
	    {DATA("\"e30\"", "2"), E_MANIFEST_INVALID},
	    {DATA("\"\"", "2"), E_MANIFEST_INVALID},
	    {DATA("{}", "2"), E_MANIFEST_INVALID},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(data) / sizeof(*data); i++) {
		struct arena a;
		struct manifest_content m;
		struct err err;

		arena_init(&a, 65536);
		assert_int_equal(
		    manifest_parse(&a, str_of(data[i].bytes), STR(OCI), MANIFEST_PUSHED, &m, &err), data[i].rc);
		arena_release(&a);
	}
}

static void test_small_arena(void **state)
{
	struct arena a;
	struct manifest_content m;
	struct err err;

	(void)state;
	arena_init(&a, 64);
	assert_int_equal(manifest_parse(&a, str_of(cases[1].bytes), STR(""), MANIFEST_PUSHED, &m, &err), E_BUSY);
	arena_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_cases),
	    cmocka_unit_test(test_lenient),
	    cmocka_unit_test(test_extracted),
	    cmocka_unit_test(test_annotations_do_not_grow),
	    cmocka_unit_test(test_children),
	    cmocka_unit_test(test_data),
	    cmocka_unit_test(test_small_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
