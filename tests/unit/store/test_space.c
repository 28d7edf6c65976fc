/* space: tags that may not move, tags that never go, and quotas, each against what a push would really do. */
#include "fixture.h"
#include <cove/store/cached.h>

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
	assert_int_equal(manifest_delete(p->st, &fixed, R, &tag, &p->err), E_UNSUPPORTED);
	assert_non_null(strstr(p->err.text, "v1"));
	assert_int_equal(manifest_delete(p->st, &fixed, R, &digest, &p->err), E_UNSUPPORTED);
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
	assert_int_equal(upload_resume(p->st, NULL, R, str_of(id), &u, &p->err), OK);
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

static void a_full_namespace_starts_no_upload(void **state)
{
	struct place *p = *state;
	struct space small = {.quota_bytes = 3}, roomy = {.quota_bytes = 4};
	char id[37];

	assert_int_equal(upload_start(p->st, &small, R, DIGEST_SHA256, id, &p->err), OK);
	push_ok(p, R, STR("abc"));
	assert_int_equal(upload_start(p->st, &small, R, DIGEST_SHA256, id, &p->err), E_QUOTA);
	assert_non_null(strstr(p->err.text, "3 of 3"));
	assert_int_equal(upload_start(p->st, &roomy, R, DIGEST_SHA256, id, &p->err), OK);
}

/* Unfinished uploads take room as well: neither many at once nor a long one pass the quota. */
static void unfinished_uploads_count(void **state)
{
	struct space small = {.quota_bytes = 1000};
	char id[37], other[37], bytes[400] = "a";
	struct place *p = *state;
	struct upload *u, *second;
	uint64_t size;

	assert_int_equal(upload_start(p->st, &small, R, DIGEST_SHA256, id, &p->err), OK);
	assert_int_equal(upload_start(p->st, &small, REPO("b"), DIGEST_SHA256, other, &p->err), OK);
	assert_int_equal(upload_resume(p->st, &small, R, str_of(id), &u, &p->err), OK);
	assert_int_equal(upload_resume(p->st, &small, REPO("b"), str_of(other), &second, &p->err), OK);
	assert_int_equal(upload_write(u, bytes, sizeof bytes, &p->err), OK);
	assert_int_equal(upload_write(second, bytes, sizeof bytes, &p->err), OK);
	upload_pause(u);
	assert_int_equal(upload_write(second, bytes, sizeof bytes, &p->err), E_QUOTA);
	assert_non_null(strstr(p->err.text, "1000"));
	upload_pause(second);
	/* what was refused is gone, what was not stays and may go on with what is left */
	assert_int_equal(upload_size(p->st, REPO("b"), str_of(other), &size, &p->err), E_UPLOAD_UNKNOWN);
	assert_int_equal(upload_size(p->st, R, str_of(id), &size, &p->err), OK);
	assert_int_equal(upload_resume(p->st, &small, R, str_of(id), &u, &p->err), OK);
	assert_int_equal(upload_write(u, bytes, sizeof bytes, &p->err), OK);
	assert_int_equal(upload_write(u, bytes, 200, &p->err), OK);
	upload_pause(u);
	assert_int_equal(upload_start(p->st, &small, REPO("b"), DIGEST_SHA256, other, &p->err), E_QUOTA);
	assert_int_equal(upload_cancel(p->st, R, str_of(id), &p->err), OK);
	assert_int_equal(upload_start(p->st, &small, REPO("b"), DIGEST_SHA256, other, &p->err), OK);
}

/* Without HEAD or mount: the same blob once more counts once, also where it would not fit a second time. */
static void an_upload_of_what_is_there_fits(void **state)
{
	struct space small = {.quota_bytes = 1000};
	char id[37], bytes[700] = "a";
	struct place *p = *state;
	struct digest d, other;
	struct upload *u;

	digest_of(&d, DIGEST_SHA256, (struct str){bytes, 600});
	assert_int_equal(push(p->st, R, (struct str){bytes, 600}, &d, &p->err), OK);
	assert_int_equal(upload_start(p->st, &small, REPO("b"), DIGEST_SHA256, id, &p->err), OK);
	assert_int_equal(upload_resume(p->st, &small, REPO("b"), str_of(id), &u, &p->err), OK);
	assert_int_equal(upload_write(u, bytes, 600, &p->err), OK);
	assert_int_equal(upload_commit(u, &small, &d, &p->err), OK);
	/* another one of that size is seen at the commit, a larger one as it comes */
	bytes[0] = 'b';
	digest_of(&other, DIGEST_SHA256, (struct str){bytes, 600});
	assert_int_equal(upload_start(p->st, &small, R, DIGEST_SHA256, id, &p->err), OK);
	assert_int_equal(upload_resume(p->st, &small, R, str_of(id), &u, &p->err), OK);
	assert_int_equal(upload_write(u, bytes, 600, &p->err), OK);
	assert_int_equal(upload_commit(u, &small, &other, &p->err), E_QUOTA);
	assert_int_equal(upload_start(p->st, &small, R, DIGEST_SHA256, id, &p->err), OK);
	assert_int_equal(upload_resume(p->st, &small, R, str_of(id), &u, &p->err), OK);
	assert_int_equal(upload_write(u, bytes, 700, &p->err), OK); /* 100 more than the largest: 600 + 100 fit */
	assert_int_equal(upload_write(u, bytes, 301, &p->err), E_QUOTA);
	upload_pause(u);
	assert_int_equal(entries(p, "uploads"), 0);
}

/* ---- what the triggers keep, against the same counted anew ---- */

static void run_sql(struct place *p, const char *sql)
{
	struct db_conn *c;
	struct db_stmt *s;

	assert_int_equal(db_here(p->db, &c, &p->err), OK);
	assert_int_equal(db_begin(c, &p->err), OK);
	assert_int_equal(db_prepare(c, sql, &s, &p->err), OK);
	if (db_run(s, NULL, &p->err))
		fail_msg("%s: %s", sql, p->err.text);
	assert_int_equal(db_commit(c, &p->err), OK);
}

static void assert_books_agree(struct place *p, int step)
{
	static const char used[] =
	    "SELECT n.id, n.used_bytes, coalesce((SELECT sum(b.size) FROM blobs b WHERE EXISTS (SELECT 1 FROM "
	    "blob_links l"
	    " JOIN repositories r ON r.id = l.repository WHERE l.blob = b.id AND r.namespace = n.id)), 0)"
	    " + coalesce((SELECT sum(m.size) FROM manifests m JOIN repositories r ON r.id = m.repository"
	    " WHERE r.namespace = n.id), 0) AS counted FROM namespaces n WHERE n.used_bytes <> counted";
	static const char held[] =
	    "SELECT namespace, blob, links FROM namespace_blobs EXCEPT SELECT r.namespace, l.blob, count(*)"
	    " FROM blob_links l JOIN repositories r ON r.id = l.repository GROUP BY 1, 2";
	static const char queue[] =
	    "SELECT blob, 0, 0 FROM unlinked_blobs WHERE blob IN (SELECT blob FROM blob_links)"
	    " UNION ALL SELECT id, 1, 1 FROM blobs WHERE id NOT IN (SELECT blob FROM blob_links)"
	    " AND id NOT IN (SELECT blob FROM unlinked_blobs)";
	static const char *const questions[] = {used, held, queue};
	struct db_conn *c;
	struct db_stmt *s;
	bool row;

	assert_int_equal(db_here(p->db, &c, &p->err), OK);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(db_prepare(c, questions[i], &s, &p->err), OK);
		assert_int_equal(db_step(s, &row, &p->err), OK);
		if (row)
			fail_msg("step %d, question %zu: %lld %lld %lld", step, i, (long long)db_i64(s, 0),
			    (long long)db_i64(s, 1), (long long)db_i64(s, 2));
		db_done(s);
	}
}

/* Failures are part of it: a blob that is in use, a mount of what is not there. */
static void do_something(struct place *p, unsigned what, unsigned a, unsigned b)
{
	static const struct repo_name repos[] = {{{"x", 1}}, {{"y/z", 3}}, {{"n/x", 3}}, {{"n/y", 3}}};
	static const char *const contents[] = {"a", "bb", "cccc", "dddddddd"};
	static const struct sweep_grace at_once = {0, 0};
	struct repo_name repo = repos[a % 4], other = repos[b % 4];
	struct str content = str_of(contents[b / 4 % 4]);
	struct digest d = sha256(content);
	struct manifest_reference ref = {.digest = d, .size = content.n, .kind = REF_BLOB};
	struct str bytes = str_of(contents[3 - b / 4 % 4]);
	struct reference manifest = {.is_digest = true, .digest = sha256(bytes)};
	enum rc rc = OK;
	size_t removed;
	unsigned freed;

	switch (what % 8) {
	case 0:
	case 1:
		rc = push(p->st, repo, content, &d, &p->err);
		break;
	case 2:
		rc = blob_mount(p->st, NULL, repo, other, &d, &p->err);
		break;
	case 3:
		rc = blob_delete(p->st, repo, &d, &p->err);
		break;
	case 4:
		rc = put(p, repo, bytes, &ref, b % 2, &TAG("t"), 1);
		break;
	case 5:
		rc = manifest_delete(p->st, NULL, repo, &manifest, &p->err);
		break;
	case 6:
		rc = blob_evict(p->st, a % 2 ? 1 : 2, b, 2, &freed, &p->err);
		break;
	default:
		rc = store_sweep(p->st, &at_once, 10, &removed, &p->err);
	}
	if (rc == E_INTERNAL || rc == E_IO || rc == E_CORRUPT)
		fail_msg("%u: %s", what % 8, p->err.text);
}

static void triggers_keep_the_books(void **state)
{
	static const char make[] = "INSERT INTO namespaces (name, kind, created_at) VALUES ('n', 0, 0)";
	static const char age[] = "UPDATE namespace_blobs SET last_used_at = 1";
	/* as a namespace is removed with all it holds */
	static const char *const purge[] = {
	    "DELETE FROM manifests WHERE repository IN (SELECT id FROM repositories WHERE namespace = 2)",
	    "DELETE FROM blob_links WHERE repository IN (SELECT id FROM repositories WHERE namespace = 2)",
	    "DELETE FROM repositories WHERE namespace = 2",
	};
	struct place *p = *state;
	uint32_t random = 20261124;

	run_sql(p, make);
	for (int step = 0; step < 600; step++) {
		random = random * 1664525u + 1013904223u;
		do_something(p, random >> 28, random >> 20, random >> 12);
		if (step % 16 == 0)
			run_sql(p, age);
		if (step % 150 == 149)
			for (size_t i = 0; i < 3; i++)
				run_sql(p, purge[i]);
		assert_books_agree(p, step);
	}
}

static void a_size_that_was_wrong_is_mended_in_the_books(void **state)
{
	static const char damage[] = "UPDATE blobs SET size = 1000";
	struct place *p = *state;

	push_ok(p, R, STR("abc"));
	run_sql(p, damage);
	assert_books_agree(p, 0);
	push_ok(p, R, STR("abc"));
	assert_books_agree(p, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(tags_move_as_the_rules_say),
	    TEST(immutable_tags_do_not_go),
	    TEST(quotas_count_a_blob_once),
	    TEST(a_full_namespace_starts_no_upload),
	    TEST(unfinished_uploads_count),
	    TEST(an_upload_of_what_is_there_fits),
	    TEST(triggers_keep_the_books),
	    TEST(a_size_that_was_wrong_is_mended_in_the_books),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
