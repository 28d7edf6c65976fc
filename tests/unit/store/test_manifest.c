/* manifest: exact bytes, what must be there, tags that move, what a deletion takes along. */
#include "fixture.h"
#include <cove/audit/audit.h>
#include <cove/base/buf.h>
#include <cove/base/clock.h>

#define R REPO("team/app")

static struct reference by_tag(const char *name)
{
	return (struct reference){.tag = {str_of(name)}};
}

static struct reference by_digest(struct str bytes)
{
	return (struct reference){.is_digest = true, .digest = sha256(bytes)};
}

static struct str read_back(struct place *p, const struct reference *ref)
{
	struct manifest_info info;
	struct str bytes;

	assert_int_equal(manifest_find(p->st, R, ref, &info, &p->err), OK);
	assert_int_equal(manifest_read(p->st, &info, &p->arena, &bytes, &p->err), OK);
	assert_int_equal(info.size, bytes.n);
	return bytes;
}

static void bytes_come_back_exactly(void **state)
{
	static const struct str contents[] = {STR("{}"), STR(" {\r\n} "), STR("a\0b"), STR("")};
	struct place *p = *state;
	struct manifest_info info;

	for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
		struct reference ref = by_digest(contents[i]), tag = by_tag("t");

		assert_int_equal(put(p, R, contents[i], NULL, 0, &TAG("t"), 1), OK);
		assert_true(str_eq(read_back(p, &ref), contents[i]));
		assert_true(str_eq(read_back(p, &tag), contents[i])); /* the tag moved */
		assert_int_equal(manifest_find(p->st, R, &tag, &info, &p->err), OK);
		assert_true(digest_eq(&info.digest, &ref.digest));
		assert_string_equal(info.media_type, "application/x");
	}
}

static void what_is_not_there_has_its_code(void **state)
{
	struct place *p = *state;
	struct reference tag = by_tag("none"), digest = by_digest(STR("none"));
	struct manifest_info info;

	assert_int_equal(manifest_find(p->st, R, &tag, &info, &p->err), E_NAME_UNKNOWN);
	assert_int_equal(manifest_delete(p->st, NULL, R, &tag, &p->err), E_NAME_UNKNOWN);
	assert_int_equal(put(p, R, STR("{}"), NULL, 0, NULL, 0), OK);
	assert_int_equal(manifest_find(p->st, R, &tag, &info, &p->err), E_MANIFEST_UNKNOWN);
	assert_int_equal(manifest_find(p->st, R, &digest, &info, &p->err), E_MANIFEST_UNKNOWN);
	assert_int_equal(manifest_delete(p->st, NULL, R, &tag, &p->err), E_MANIFEST_UNKNOWN);
	assert_int_equal(manifest_delete(p->st, NULL, R, &digest, &p->err), E_MANIFEST_UNKNOWN);
}

static void missing_content_is_told(void **state)
{
	struct place *p = *state;
	struct manifest_reference refs[12];
	struct digest blob = push_ok(p, R, STR("blob")), m = sha256(STR("m"));
	struct manifest_content content = {.bytes = STR("m"), .media_type = STR("t"), .references = refs};
	struct digest first[8];
	struct missing missing = {.digests = first, .room = 8};
	char text[8];

	for (size_t i = 0; i < 10; i++) {
		snprintf(text, sizeof text, "%zu", i);
		refs[i] = (struct manifest_reference){
		    .digest = sha256(str_of(text)), .kind = i % 2 ? REF_BLOB : REF_MANIFEST};
	}
	refs[10] = (struct manifest_reference){.digest = blob, .size = 4, .kind = REF_BLOB};
	refs[11] = (struct manifest_reference){.digest = sha256(STR("foreign")), .kind = REF_OPTIONAL};
	content.reference_count = 12;
	assert_int_equal(
	    manifest_put(p->st, NULL, R, &m, &content, &TAG("t"), 1, &missing, &p->err), E_MANIFEST_BLOB_UNKNOWN);
	assert_int_equal(missing.count, 10);
	assert_true(digest_eq(&missing.digests[7], &refs[7].digest));
	/* nothing of it was stored */
	struct reference tag = by_tag("t");
	struct manifest_info info;
	assert_int_equal(manifest_find(p->st, R, &tag, &info, &p->err), E_MANIFEST_UNKNOWN);
	/* and a repository that does not exist does not come to be */
	assert_int_equal(
	    manifest_put(p->st, NULL, REPO("new"), &m, &content, NULL, 0, NULL, &p->err), E_MANIFEST_BLOB_UNKNOWN);
	assert_int_equal(manifest_find(p->st, REPO("new"), &tag, &info, &p->err), E_NAME_UNKNOWN);

	content.references = &refs[10];
	content.reference_count = 2;
	refs[10].size = 5;
	assert_int_equal(manifest_put(p->st, NULL, R, &m, &content, NULL, 0, NULL, &p->err), E_MANIFEST_INVALID);
	assert_non_null(strstr(p->err.text, "has 5 bytes, but it has 4"));
	refs[10].size = 4;
	assert_int_equal(manifest_put(p->st, NULL, R, &m, &content, NULL, 0, NULL, &p->err), OK);
	/* an index over it; in another repository it is not there */
	refs[0] = (struct manifest_reference){.digest = m, .size = 1, .kind = REF_MANIFEST};
	assert_int_equal(put(p, R, STR("index"), refs, 1, NULL, 0), OK);
	assert_int_equal(put(p, REPO("other"), STR("index"), refs, 1, NULL, 0), E_MANIFEST_BLOB_UNKNOWN);
	/* what is there must be what the descriptor says */
	refs[0].size = 2;
	assert_int_equal(put(p, R, STR("index2"), refs, 1, NULL, 0), E_MANIFEST_INVALID);
	refs[0].size = 1;
	refs[0].media_type = STR("other");
	assert_int_equal(put(p, R, STR("index2"), refs, 1, NULL, 0), E_MANIFEST_INVALID);
	assert_non_null(strstr(p->err.text, "is other, but it was pushed as t:"));
	refs[0].media_type = content.media_type;
	assert_int_equal(put(p, R, STR("index2"), refs, 1, NULL, 0), OK);
}

/* Allowed to be sparse: what is missing is no fault, a lie about what is there still is one. */
static void sparse_manifests_are_taken_where_asked(void **state)
{
	struct place *p = *state;
	struct digest blob = push_ok(p, R, STR("blob")), m = sha256(STR("m"));
	struct manifest_reference refs[] = {{.digest = blob, .size = 4, .kind = REF_BLOB},
	    {.digest = sha256(STR("lost")), .size = 4, .kind = REF_BLOB},
	    {.digest = sha256(STR("child")), .size = 5, .kind = REF_MANIFEST}};
	struct manifest_content content = {
	    .bytes = STR("m"), .media_type = STR("t"), .references = refs, .reference_count = 3};

	assert_int_equal(manifest_put(p->st, NULL, R, &m, &content, NULL, 0, NULL, &p->err), E_MANIFEST_BLOB_UNKNOWN);
	content.sparse = true;
	refs[0].size = 5;
	assert_int_equal(manifest_put(p->st, NULL, R, &m, &content, NULL, 0, NULL, &p->err), E_MANIFEST_INVALID);
	refs[0].size = 4;
	assert_int_equal(manifest_put(p->st, NULL, R, &m, &content, NULL, 0, NULL, &p->err), OK);
	/* what it does have is still kept from being deleted */
	assert_int_equal(blob_delete(p->st, R, &blob, &p->err), E_UNSUPPORTED);
}

/* What an index of the same repository needs stays while that does, also within another index. */
static void platforms_stay_with_their_index(void **state)
{
	struct place *p = *state;
	struct digest m[3] = {sha256(STR("platform")), sha256(STR("inner")), sha256(STR("outer"))};
	struct reference refs[3], tag = by_tag("platform");
	struct manifest_reference child = {.kind = REF_MANIFEST};

	for (size_t i = 0; i < 3; i++)
		refs[i] = (struct reference){.is_digest = true, .digest = m[i]};
	assert_int_equal(put(p, R, STR("platform"), NULL, 0, &TAG("platform"), 1), OK);
	child.digest = m[0];
	child.size = strlen("platform");
	assert_int_equal(put(p, R, STR("inner"), &child, 1, &TAG("multi"), 1), OK);
	child.digest = m[1];
	child.size = strlen("inner");
	assert_int_equal(put(p, R, STR("outer"), &child, 1, NULL, 0), OK);
	assert_int_equal(manifest_delete(p->st, NULL, R, &refs[0], &p->err), E_UNSUPPORTED);
	assert_non_null(strstr(p->err.text, "(tag multi)"));
	assert_int_equal(manifest_delete(p->st, NULL, R, &refs[1], &p->err), E_UNSUPPORTED);
	assert_int_equal(manifest_delete(p->st, NULL, R, &tag, &p->err), OK);
	/* elsewhere nothing needs it */
	assert_int_equal(put(p, REPO("other"), STR("platform"), NULL, 0, NULL, 0), OK);
	assert_int_equal(manifest_delete(p->st, NULL, REPO("other"), &refs[0], &p->err), OK);
	for (size_t i = 3; i-- > 0;)
		assert_int_equal(manifest_delete(p->st, NULL, R, &refs[i], &p->err), OK);
}

/* A signature goes whatever lists of referrers name it, but not one that belongs to an image's index with its subject.
 */
static void lists_of_referrers_hold_nothing(void **state)
{
	struct place *p = *state;
	struct digest image = sha256(STR("image")), signature = sha256(STR("signature"));
	struct reference by = {.is_digest = true, .digest = signature},
			 whole = {.is_digest = true, .digest = sha256(STR("whole"))};
	struct manifest_content content = {
	    .bytes = STR("signature"), .media_type = STR("application/x"), .has_subject = true, .subject = image};
	struct manifest_reference refs[] = {
	    {.digest = signature, .size = 9, .kind = REF_MANIFEST}, {.digest = image, .size = 5, .kind = REF_MANIFEST}};

	assert_int_equal(put(p, R, STR("image"), NULL, 0, NULL, 0), OK);
	assert_int_equal(manifest_put(p->st, NULL, R, &signature, &content, NULL, 0, NULL, &p->err), OK);
	assert_int_equal(put(p, R, STR("list"), refs, 1, &TAG("sha256-aa"), 1), OK);
	assert_int_equal(put(p, R, STR("whole"), refs, 2, NULL, 0), OK);
	assert_int_equal(manifest_delete(p->st, NULL, R, &by, &p->err), E_UNSUPPORTED);
	assert_int_equal(manifest_delete(p->st, NULL, R, &whole, &p->err), OK);
	assert_int_equal(manifest_delete(p->st, NULL, R, &by, &p->err), OK);
}

static void limits_hold(void **state)
{
	struct place *p = *state;
	char *big = xcalloc(1, MANIFEST_MAX + 1);
	struct str whole = {big, MANIFEST_MAX}, over = {big, MANIFEST_MAX + 1};
	struct digest d = sha256(whole);
	struct manifest_content content = {.bytes = over, .media_type = STR("t")};
	struct manifest_info info;
	struct arena arena;
	struct str bytes;
	struct reference ref = {.is_digest = true, .digest = d};

	assert_int_equal(manifest_put(p->st, NULL, R, &d, &content, NULL, 0, NULL, &p->err), E_MANIFEST_TOO_LARGE);
	content.bytes = whole;
	content.media_type = (struct str){big, MEDIA_TYPE_MAX + 1};
	assert_int_equal(manifest_put(p->st, NULL, R, &d, &content, NULL, 0, NULL, &p->err), E_MANIFEST_INVALID);
	content.media_type = STR("t");
	assert_int_equal(manifest_put(p->st, NULL, R, &d, &content, NULL, 0, NULL, &p->err), OK);
	assert_int_equal(manifest_find(p->st, R, &ref, &info, &p->err), OK);
	arena_init(&arena, 1000);
	assert_int_equal(manifest_read(p->st, &info, &arena, &bytes, &p->err), E_BUSY);
	arena_release(&arena);
	arena_init(&arena, MANIFEST_MAX + 1000);
	assert_int_equal(manifest_read(p->st, &info, &arena, &bytes, &p->err), OK);
	assert_true(str_eq(bytes, whole));
	arena_release(&arena);
	free(big);
}

static void a_second_push_only_moves_tags(void **state)
{
	struct place *p = *state;
	struct digest d = sha256(STR("m"));
	struct manifest_content content = {.bytes = STR("m"), .media_type = STR("first")};
	struct tag tags[] = {TAG("one"), TAG("two")};
	struct manifest_info before, after;
	struct reference one = by_tag("one"), two = by_tag("two");

	assert_int_equal(manifest_put(p->st, NULL, R, &d, &content, &tags[0], 1, NULL, &p->err), OK);
	assert_int_equal(manifest_find(p->st, R, &one, &before, &p->err), OK);
	content.media_type = STR("second");
	assert_int_equal(manifest_put(p->st, NULL, R, &d, &content, tags, 2, NULL, &p->err), OK);
	assert_int_equal(manifest_find(p->st, R, &two, &after, &p->err), OK);
	assert_int_equal(before.id, after.id);
	assert_string_equal(after.media_type, "first");
}

static enum rc put_event(void *ctx, const struct audit_entry *e, struct err *err)
{
	(void)err;
	buf_addf(ctx, "%.*s %.*s %.*s\n", STR_ARG(e->action), STR_ARG(e->object), STR_ARG(e->detail));
	return OK;
}

/* What becomes of a tag is there with who did it, once; what a proxy fetches is no change by anybody. */
static void tags_leave_events(void **state)
{
	struct place *p = *state;
	struct digest first = sha256(STR("first")), second = sha256(STR("second"));
	struct reference one = by_tag("one"), m = by_digest(STR("first"));
	struct space fetched = {.pulled_through = true};
	struct manifest_content content = {.bytes = STR("first"), .media_type = STR("type")};
	struct tag twice[] = {TAG("one"), TAG("one")}, other = TAG("other");
	struct buf events = BUF_INIT(4096), wanted = BUF_INIT(4096);
	char a[DIGEST_TEXT_MAX], b[DIGEST_TEXT_MAX];

	digest_text(a, &first);
	digest_text(b, &second);
	assert_int_equal(manifest_put(p->st, &fetched, R, &first, &content, &other, 1, NULL, &p->err), OK);
	assert_int_equal(put(p, R, STR("first"), NULL, 0, twice, 2), OK);
	assert_int_equal(put(p, R, STR("first"), NULL, 0, twice, 1), OK);
	assert_int_equal(put(p, R, STR("second"), NULL, 0, twice, 2), OK);
	assert_int_equal(manifest_put(p->st, &fetched, R, &first, &content, twice, 1, NULL, &p->err), OK);
	assert_int_equal(manifest_delete(p->st, NULL, R, &one, &p->err), OK);
	assert_int_equal(manifest_delete(p->st, NULL, R, &one, &p->err), E_MANIFEST_UNKNOWN);
	assert_int_equal(manifest_delete(p->st, NULL, R, &m, &p->err), OK);
	assert_int_equal(audit_list(p->db, &(struct audit_filter){0}, put_event, &events, &p->err), OK);
	buf_addf(&wanted,
	    "manifest.delete team/app %s\ntag.delete team/app:one %s\ntag.move team/app:one from %s to %s\n"
	    "tag.add team/app:one %s\n",
	    a, a, a, b, a);
	assert_string_equal(events.p, wanted.p);
	buf_release(&events);
	buf_release(&wanted);
}

static void a_manifest_takes_its_tags_along(void **state)
{
	struct place *p = *state;
	struct tag tags[] = {TAG("one"), TAG("two")};
	struct reference one = by_tag("one"), two = by_tag("two"), m = by_digest(STR("m")), other = by_tag("other");
	struct manifest_info info, gone;
	struct str bytes;

	assert_int_equal(put(p, R, STR("m"), NULL, 0, tags, 2), OK);
	assert_int_equal(put(p, R, STR("other"), NULL, 0, &TAG("other"), 1), OK);
	assert_int_equal(manifest_delete(p->st, NULL, R, &one, &p->err), OK);
	assert_int_equal(manifest_find(p->st, R, &one, &info, &p->err), E_MANIFEST_UNKNOWN);
	assert_int_equal(manifest_find(p->st, R, &two, &info, &p->err), OK);
	assert_int_equal(manifest_find(p->st, R, &m, &gone, &p->err), OK);
	assert_int_equal(manifest_delete(p->st, NULL, R, &m, &p->err), OK);
	assert_int_equal(manifest_find(p->st, R, &two, &info, &p->err), E_MANIFEST_UNKNOWN);
	assert_int_equal(manifest_find(p->st, R, &m, &info, &p->err), E_MANIFEST_UNKNOWN);
	assert_int_equal(manifest_find(p->st, R, &other, &info, &p->err), OK);
	/* who had found it before does not get another one's bytes */
	gone.id = info.id;
	assert_int_equal(manifest_read(p->st, &gone, &p->arena, &bytes, &p->err), E_MANIFEST_UNKNOWN);
}

/* A subject may be missing, may be deleted, and does not keep its referrers or the other way round. */
static void a_subject_need_not_exist(void **state)
{
	struct place *p = *state;
	struct digest d = sha256(STR("sig"));
	struct manifest_content content = {
	    .bytes = STR("sig"), .media_type = STR("t"), .has_subject = true, .subject = sha256(STR("m"))};
	struct reference m = by_digest(STR("m")), sig = by_digest(STR("sig"));
	struct manifest_info info;

	assert_int_equal(manifest_put(p->st, NULL, R, &d, &content, NULL, 0, NULL, &p->err), OK);
	assert_int_equal(put(p, R, STR("m"), NULL, 0, NULL, 0), OK);
	assert_int_equal(manifest_delete(p->st, NULL, R, &m, &p->err), OK);
	assert_int_equal(manifest_find(p->st, R, &sig, &info, &p->err), OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(bytes_come_back_exactly),
	    TEST(what_is_not_there_has_its_code),
	    TEST(missing_content_is_told),
	    TEST(sparse_manifests_are_taken_where_asked),
	    TEST(platforms_stay_with_their_index),
	    TEST(lists_of_referrers_hold_nothing),
	    TEST(limits_hold),
	    TEST(a_second_push_only_moves_tags),
	    TEST(tags_leave_events),
	    TEST(a_manifest_takes_its_tags_along),
	    TEST(a_subject_need_not_exist),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
