/* space: tags that may not move, tags that never go, and quotas, each against what a push would really do. */
#include "fixture.h"

#define R REPO("a/b")

static const struct space once = {.redeploy_refused = true, .redeploy_except = {"latest dev-*", 12}};
static const struct space fixed = {.immutable_tags = {"v*", 2}};

static enum rc put_tag(struct place *p, const struct space *space, const char *tag, const char *text, struct digest *d)
{
	struct manifest_content content = {.bytes = str_of(text), .media_type = STR("a/b")};
	struct tag t = {str_of(tag)};

	digest_of(d, DIGEST_SHA256, content.bytes);
	return manifest_put(p->st, space, R, d, &content, &t, 1, NULL, &p->err);
}

static void tags_move_as_the_rules_say(void **state)
{
	static const struct {
		const struct space *space;
		const char *tag;
		enum rc again;
	} rows[] = {
	    {NULL, "a", OK},
	    {&once, "1.0", E_TAG_FIXED},
	    {&once, "latest", OK},
	    {&once, "dev-1", OK},
	    {&fixed, "v1", E_TAG_FIXED},
	    {&fixed, "edge", OK},
	};
	struct place *p = *state;
	struct digest d;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(put_tag(p, rows[i].space, rows[i].tag, "{\"a\":1}", &d), OK);
		assert_int_equal(
		    put_tag(p, rows[i].space, rows[i].tag, "{\"a\":1}", &d), OK); /* the same is no change */
		if (put_tag(p, rows[i].space, rows[i].tag, "{\"a\":2}", &d) != rows[i].again)
			fail_msg("tag %s: %s", rows[i].tag, p->err.text);
	}
}

static void immutable_tags_do_not_go(void **state)
{
	struct place *p = *state;
	struct reference tag = {.tag = {STR("v1")}}, digest = {.is_digest = true}, other = {.tag = {STR("edge")}};

	assert_int_equal(put_tag(p, &fixed, "v1", "{\"a\":1}", &digest.digest), OK);
	assert_int_equal(put_tag(p, &fixed, "edge", "{\"a\":1}", &digest.digest), OK);
	assert_int_equal(manifest_delete(p->st, &fixed, R, &tag, &p->err), E_TAG_FIXED);
	assert_non_null(strstr(p->err.text, "v1"));
	assert_int_equal(manifest_delete(p->st, &fixed, R, &digest, &p->err), E_TAG_FIXED);
	assert_int_equal(manifest_delete(p->st, &fixed, R, &other, &p->err), OK);
	assert_int_equal(manifest_delete(p->st, NULL, R, &digest, &p->err), OK);
}

static void quotas_count_a_blob_once(void **state)
{
	struct place *p = *state;
	struct space small = {.quota_bytes = 1000};
	char id[37], bytes[600] = "a";
	struct upload *u;
	struct digest first, second;
	uint64_t size;

	digest_of(&first, DIGEST_SHA256, (struct str){bytes, sizeof bytes});
	assert_int_equal(push(p->st, R, (struct str){bytes, sizeof bytes}, &first, &p->err), OK);
	/* the same again, into another repository too: no more than before */
	assert_int_equal(blob_mount(p->st, &small, REPO("b"), R, &first, &p->err), OK);
	bytes[0] = 'b';
	digest_of(&second, DIGEST_SHA256, (struct str){bytes, sizeof bytes});
	assert_int_equal(upload_start(p->st, NULL, R, DIGEST_SHA256, id, &p->err), OK);
	assert_int_equal(upload_resume(p->st, R, str_of(id), &u, &p->err), OK);
	assert_int_equal(upload_write(u, bytes, sizeof bytes, &p->err), OK);
	assert_int_equal(upload_commit(u, &small, &second, &p->err), E_QUOTA);
	assert_non_null(strstr(p->err.text, "1000"));
	assert_int_equal(blob_stat(p->st, R, &second, &size, &p->err), E_BLOB_UNKNOWN);
	assert_int_equal(upload_size(p->st, R, str_of(id), &size, &p->err), E_UPLOAD_UNKNOWN);
	/* what is deleted makes room */
	assert_int_equal(blob_delete(p->st, REPO("b"), &first, &p->err), OK);
	assert_int_equal(blob_delete(p->st, R, &first, &p->err), OK);
	assert_int_equal(push(p->st, R, (struct str){bytes, sizeof bytes}, &second, &p->err), OK);
	assert_int_equal(blob_mount(p->st, &small, REPO("b"), R, &second, &p->err), OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(tags_move_as_the_rules_say),
	    TEST(immutable_tags_do_not_go),
	    TEST(quotas_count_a_blob_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
