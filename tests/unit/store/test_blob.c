/* blob: each repository sees its own links only. */
#include "fixture.h"

#define A REPO("a")
#define B REPO("b/c")

static void a_blob_is_seen_where_it_is_linked(void **state)
{
	struct place *p = *state;
	struct digest d = push_ok(p, A, STR("x")), other = sha256(STR("never pushed"));
	uint64_t size = 0;
	int fd;

	assert_int_equal(blob_stat(p->st, A, &d, &size, &p->err), OK);
	assert_int_equal(size, 1);
	assert_int_equal(blob_stat(p->st, B, &d, &size, &p->err), E_BLOB_UNKNOWN);
	assert_int_equal(blob_open(p->st, B, &d, &fd, &size, &p->err), E_BLOB_UNKNOWN);
	assert_int_equal(blob_stat(p->st, A, &other, &size, &p->err), E_BLOB_UNKNOWN);
}

static void a_mount_links(void **state)
{
	struct place *p = *state;
	struct digest d = push_ok(p, A, STR("x")), other = sha256(STR("never pushed"));
	struct str last = STR_NONE;
	bool more;
	uint64_t size;

	assert_int_equal(blob_mount(p->st, NULL, B, A, &other, &p->err), E_BLOB_UNKNOWN);
	assert_int_equal(blob_mount(p->st, NULL, B, REPO("nowhere"), &d, &p->err), E_BLOB_UNKNOWN);
	/* neither made a repository */
	assert_int_equal(tag_list(p->st, B, last, 1, NULL, NULL, &more, &p->err), E_NAME_UNKNOWN);
	assert_int_equal(blob_mount(p->st, NULL, B, A, &d, &p->err), OK);
	assert_int_equal(blob_mount(p->st, NULL, B, A, &d, &p->err), OK);
	assert_int_equal(blob_stat(p->st, B, &d, &size, &p->err), OK);
	assert_blob(p->st, B, &d, STR("x"));
}

static void deleting_takes_effect_at_once_and_here_only(void **state)
{
	struct place *p = *state;
	struct digest d = push_ok(p, A, STR("x"));
	uint64_t size;

	assert_int_equal(blob_mount(p->st, NULL, B, A, &d, &p->err), OK);
	assert_int_equal(blob_delete(p->st, A, &d, &p->err), OK);
	assert_int_equal(blob_stat(p->st, A, &d, &size, &p->err), E_BLOB_UNKNOWN);
	assert_int_equal(blob_delete(p->st, A, &d, &p->err), E_BLOB_UNKNOWN);
	assert_blob(p->st, B, &d, STR("x"));
	push_ok(p, A, STR("x"));
	assert_blob(p->st, A, &d, STR("x"));
}

static void a_blob_that_a_manifest_needs_stays(void **state)
{
	struct place *p = *state;
	struct digest needed = push_ok(p, A, STR("needed")), optional = push_ok(p, A, STR("optional"));
	struct manifest_reference refs[] = {
	    {.digest = optional, .size = 8, .kind = REF_OPTIONAL}, {.digest = needed, .size = 6, .kind = REF_BLOB},
	    {.digest = needed, .size = 6, .kind = REF_OPTIONAL}, /* named twice: the stronger kind counts */
	};
	struct digest m = sha256(STR("m"));
	struct reference by_digest = {.is_digest = true, .digest = m};

	assert_int_equal(put(p, A, STR("m"), refs, 3, NULL, 0), OK);
	assert_int_equal(blob_mount(p->st, NULL, B, A, &needed, &p->err), OK);
	assert_int_equal(blob_delete(p->st, A, &needed, &p->err), E_UNSUPPORTED);
	assert_non_null(strstr(p->err.text, "delete the manifest sha256:"));
	assert_int_equal(blob_delete(p->st, A, &optional, &p->err), OK);
	assert_int_equal(blob_delete(p->st, B, &needed, &p->err), OK); /* other repositories' manifests do not count */
	assert_int_equal(manifest_delete(p->st, NULL, A, &by_digest, &p->err), OK);
	assert_int_equal(blob_delete(p->st, A, &needed, &p->err), OK);
}

static void repositories_of_a_blob(void **state)
{
	struct place *p = *state;
	struct digest d = push_ok(p, A, STR("x")), other = sha256(STR("never pushed"));
	struct repo_name names[4];
	struct arena tiny;
	int64_t after = 0;
	size_t count;

	assert_int_equal(blob_mount(p->st, NULL, B, A, &d, &p->err), OK);
	assert_int_equal(blob_repositories(p->st, &d, &after, &p->arena, names, 4, &count, &p->err), OK);
	assert_int_equal(count, 2);
	assert_true(str_eq(names[0].s, STR("a")));
	assert_true(str_eq(names[1].s, STR("b/c")));
	after = 0;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(blob_repositories(p->st, &d, &after, &p->arena, names, 1, &count, &p->err), OK);
		assert_int_equal(count, i < 2);
		assert_true(i == 2 || str_eq(names[0].s, i ? STR("b/c") : STR("a")));
	}
	after = 0;
	assert_int_equal(blob_repositories(p->st, &other, &after, &p->arena, names, 4, &count, &p->err), OK);
	assert_int_equal(count, 0);
	arena_init(&tiny, 1);
	assert_int_equal(blob_repositories(p->st, &d, &after, &tiny, names, 4, &count, &p->err), E_BUSY);
	arena_release(&tiny);
}

static void both_algorithms_have_their_folder(void **state)
{
	struct place *p = *state;
	struct str content = STR("x");
	struct digest d;
	char path[BLOB_PATH_MAX];

	digest_of(&d, DIGEST_SHA512, content);
	assert_int_equal(push(p->st, A, content, &d, &p->err), OK);
	assert_blob(p->st, A, &d, content);
	blob_path(path, &d);
	assert_true(str_starts(str_of(path), STR("blobs/sha512/")));
	assert_int_equal(faccessat(p->dir, path, F_OK, 0), 0);
	assert_int_equal(entries(p, "blobs/sha256"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_blob_is_seen_where_it_is_linked),
	    TEST(a_mount_links),
	    TEST(deleting_takes_effect_at_once_and_here_only),
	    TEST(a_blob_that_a_manifest_needs_stays),
	    TEST(repositories_of_a_blob),
	    TEST(both_algorithms_have_their_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
