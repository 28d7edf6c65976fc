/* name: the grammars, row by row. */
#include <cove/store/name.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

static void repository_names(void **state)
{
	static const struct {
		const char *text;
		bool ok;
	} rows[] = {
	    {"a", true},
	    {"0", true},
	    {"team/app", true},
	    {"a/b/c/d/e/f", true},
	    {"a.b", true},
	    {"a_b", true},
	    {"a__b", true},
	    {"a-b", true},
	    {"a-----b", true},
	    {"a.b_c__d-e--f/g", true},
	    {"docker.io/library/nginx", true},
	    {"blobs/uploads/manifests", true},
	    {"", false},
	    {"/", false},
	    {"/a", false},
	    {"a/", false},
	    {"a//b", false},
	    {"A", false},
	    {"a/B", false},
	    {".a", false},
	    {"a.", false},
	    {"a..b", false},
	    {"a___b", false},
	    {"a._b", false},
	    {"a-_b", false},
	    {"_a", false},
	    {"a_", false},
	    {"-a", false},
	    {"a-", false},
	    {"a/.", false},
	    {"a/..", false},
	    {"a b", false},
	    {"a:b", false},
	    {"a\xc3\xa4", false},
	    {"a%2fb", false},
	};
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct repo_name name = {STR_NONE};
		enum rc want = rows[i].ok ? OK : E_NAME_INVALID;

		if (repo_name_parse(str_of(rows[i].text), &name, &err) != want)
			fail_msg("'%s' was judged wrongly", rows[i].text);
		assert_int_equal(name.s.n, rows[i].ok ? strlen(rows[i].text) : 0);
	}
	assert_int_equal(repo_name_parse(STR("a\0b"), &(struct repo_name){STR_NONE}, &err), E_NAME_INVALID);
}

static void lengths_end_where_the_spec_says(void **state)
{
	char text[400];
	struct repo_name name;
	struct tag tag;

	(void)state;
	memset(text, 'a', sizeof text);
	assert_int_equal(repo_name_parse((struct str){text, 255}, &name, NULL), OK);
	assert_int_equal(repo_name_parse((struct str){text, 256}, &name, NULL), E_NAME_INVALID);
	assert_int_equal(tag_parse((struct str){text, 128}, &tag, NULL), OK);
	assert_int_equal(tag_parse((struct str){text, 129}, &tag, NULL), E_TAG_INVALID);
}

static void tags(void **state)
{
	static const struct {
		const char *text;
		bool ok;
	} rows[] = {
	    {"latest", true},
	    {"1", true},
	    {"_", true},
	    {"A.b-C_", true},
	    {"sha256-0123abc", true},
	    {"v1..2", true},
	    {"", false},
	    {".a", false},
	    {"-a", false},
	    {"a/b", false},
	    {"a:b", false},
	    {"a b", false},
	    {"a+b", false},
	    {"\xc3\xa4", false},
	};
	struct tag tag;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (tag_parse(str_of(rows[i].text), &tag, NULL) != (rows[i].ok ? OK : E_TAG_INVALID))
			fail_msg("'%s' was judged wrongly", rows[i].text);
}

#define HEX32 "0123456789abcdef0123456789abcdef"

static void references(void **state)
{
	static const struct {
		const char *text;
		enum rc want;
		bool is_digest;
	} rows[] = {
	    {"latest", OK, false},
	    {"sha256:" HEX32 HEX32, OK, true},
	    {"sha512:" HEX32 HEX32 HEX32 HEX32, OK, true},
	    {"sha256:" HEX32, E_DIGEST_INVALID, false},
	    {"sha256:baddigeststring", E_DIGEST_INVALID, false},
	    {"md5:" HEX32, E_DIGEST_INVALID, false},
	    {":", E_DIGEST_INVALID, false},
	    {"", E_TAG_INVALID, false},
	    {"-", E_TAG_INVALID, false},
	};
	struct reference ref;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		ref = (struct reference){.is_digest = false};
		assert_int_equal(reference_parse(str_of(rows[i].text), &ref, NULL), rows[i].want);
		assert_int_equal(ref.is_digest, rows[i].is_digest);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(repository_names),
	    cmocka_unit_test(lengths_end_where_the_spec_says),
	    cmocka_unit_test(tags),
	    cmocka_unit_test(references),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
