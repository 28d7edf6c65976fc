/* lists: pages, order, filters; and that every query of the store walks an index. */
#include "fixture.h"
#include <cove/store/cached.h>

#define R REPO("team/app")

struct collected {
	char text[512]; /* the entries, each with a blank after it */
	size_t count, stop_after;
};

static enum rc collect(void *ctx, struct str entry, struct err *err)
{
	struct collected *c = ctx;
	size_t n = strlen(c->text);

	snprintf(c->text + n, sizeof c->text - n, "%.*s ", STR_ARG(entry));
	return ++c->count == c->stop_after ? fail_rc(err, E_BUSY) : OK;
}

static const char *const names[] = {"b", "a", "B", "a.1", "a-1", "_", "aa", "10", "9"};

static void tags_come_in_bytewise_order_page_by_page(void **state)
{
	static const struct {
		struct str last;
		uint64_t max;
		const char *want;
		bool more;
	} rows[] = {
	    {{NULL, 0}, UINT64_MAX, "10 9 B _ a a-1 a.1 aa b ", false},
	    {{NULL, 0}, 9, "10 9 B _ a a-1 a.1 aa b ", false},
	    {{NULL, 0}, 8, "10 9 B _ a a-1 a.1 aa ", true},
	    {{NULL, 0}, 2, "10 9 ", true},
	    {{NULL, 0}, 0, "", true},
	    {STR("9"), 2, "B _ ", true},
	    {STR("a"), 10, "a-1 a.1 aa b ", false},
	    {STR("a0"), 1, "aa ", true}, /* one that is not there */
	    {STR("b"), 5, "", false},
	    {STR("zzz"), 0, "", false},
	};
	struct place *p = *state;
	bool more;

	assert_int_equal(tag_list(p->st, R, STR_NONE, 1, collect, NULL, &more, &p->err), E_NAME_UNKNOWN);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_int_equal(put(p, R, STR("m"), NULL, 0, &(struct tag){str_of(names[i])}, 1), OK);
	assert_int_equal(put(p, REPO("other"), STR("m"), NULL, 0, &TAG("elsewhere"), 1), OK);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct collected c = {.text = ""};

		assert_int_equal(tag_list(p->st, R, rows[i].last, rows[i].max, collect, &c, &more, &p->err), OK);
		assert_string_equal(c.text, rows[i].want);
		assert_int_equal(more, rows[i].more);
	}
	struct collected c = {.stop_after = 3};
	assert_int_equal(tag_list(p->st, R, STR_NONE, 9, collect, &c, &more, &p->err), E_BUSY);
	assert_int_equal(c.count, 3);
}

static void repositories_from_a_name_on(void **state)
{
	static const struct {
		struct str from;
		const char *want; /* NULL: none */
	} rows[] = {
	    {{NULL, 0}, "a-b"},
	    {STR("a"), "a-b"},
	    {STR("a-b"), "a-b"},
	    {STR("a-b\0"), "a/b"}, /* just behind the name */
	    {STR("a-b/x"), "a/b"},
	    {STR("a0"), "b"},
	    {STR("b\0"), NULL},
	    {STR("zzz"), NULL},
	};
	struct place *p = *state;
	struct repository r;
	bool found;

	assert_int_equal(repository_seek(p->st, STR_NONE, &found, &r, &p->err), OK);
	assert_false(found);
	push_ok(p, REPO("b"), STR("x"));
	push_ok(p, REPO("a/b"), STR("x"));
	push_ok(p, REPO("a-b"), STR("x"));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct repository again = {.id = 0};

		assert_int_equal(repository_seek(p->st, rows[i].from, &found, &r, &p->err), OK);
		assert_int_equal(found, rows[i].want != NULL);
		if (!found)
			continue;
		assert_string_equal(r.name, rows[i].want);
		assert_int_equal(r.n, strlen(rows[i].want));
		assert_int_equal(repository_by_id(p->st, r.id, &found, &again, &p->err), OK);
		assert_true(found);
		assert_string_equal(again.name, rows[i].want);
	}
	assert_int_equal(repository_by_id(p->st, 99, &found, &r, &p->err), OK);
	assert_false(found);
}

struct seen {
	char text[512];
	int64_t last_id;
};

static enum rc see(void *ctx, const struct referrer *r, struct err *err)
{
	struct seen *seen = ctx;
	size_t n = strlen(seen->text);

	(void)err;
	snprintf(seen->text + n, sizeof seen->text - n, "%s/%llu/%.*s/%.*s ", r->manifest.media_type,
	    (unsigned long long)r->manifest.size, STR_ARG(r->artifact_type), STR_ARG(r->annotations));
	seen->last_id = r->manifest.id;
	return OK;
}

static void put_referrer(struct place *p, const char *bytes, struct digest subject, const char *type)
{
	struct digest d = sha256(str_of(bytes));
	struct manifest_content content = {.bytes = str_of(bytes),
	    .media_type = STR("t"),
	    .has_subject = true,
	    .subject = subject,
	    .artifact_type = str_of(type),
	    .annotations = STR("{\"k\":1}")};

	assert_int_equal(manifest_put(p->st, NULL, R, &d, &content, NULL, 0, NULL, &p->err), OK);
}

/* A repository belongs to the namespace with the longest name before it. */
static void repositories_of_namespaces(void **state)
{
	static const char make[] = "INSERT INTO namespaces (id, name, kind, created_at) VALUES"
				   " (7, 'team', 0, 0), (8, 'team/inner', 0, 0), (9, 'te', 0, 0)";
	static const char look[] = "SELECT namespace FROM repositories WHERE name = :name";
	static const struct {
		const char *name;
		int64_t namespace;
	} rows[] = {
	    {"app", 1},
	    {"team", 1},
	    {"teams/app", 1},
	    {"team/app", 7},
	    {"team/inner", 7},
	    {"team/inner/a/b", 8},
	    {"te/team/inner/a", 9},
	};
	struct place *p = *state;
	struct db_conn *c;
	struct db_stmt *s;
	int64_t id;
	bool row;

	assert_int_equal(db_here(p->db, &c, &p->err), OK);
	assert_int_equal(db_begin(c, &p->err), OK);
	assert_int_equal(db_prepare(c, make, &s, &p->err), OK);
	assert_int_equal(db_run(s, NULL, &p->err), OK);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(repository_make(c, NULL, (struct repo_name){str_of(rows[i].name)}, &id, &p->err), OK);
		assert_int_equal(db_prepare(c, look, &s, &p->err), OK);
		db_bind_text(s, ":name", str_of(rows[i].name));
		assert_int_equal(db_step(s, &row, &p->err), OK);
		assert_int_equal(db_i64(s, 0), rows[i].namespace);
		db_done(s);
	}
	db_rollback(c);
}

static void referrers_of_a_subject(void **state)
{
	struct place *p = *state;
	struct digest subject = sha256(STR("subject")), other = sha256(STR("other subject"));
	struct seen none = {.text = ""}, all = {.text = ""}, filtered = {.text = ""}, first = {.text = ""},
		    rest = {.text = ""};
	bool more;

	/* a repository that does not exist has none either (the spec: 200 with an empty list) */
	assert_int_equal(referrer_list(p->st, R, &subject, STR_NONE, 0, 9, see, &none, &more, &p->err), OK);
	put_referrer(p, "1", subject, "sig");
	put_referrer(p, "22", subject, "sbom");
	put_referrer(p, "333", other, "sig");
	put_referrer(p, "4444", subject, "sig");
	assert_int_equal(put(p, R, STR("no subject"), NULL, 0, NULL, 0), OK);
	assert_int_equal(referrer_list(p->st, R, &subject, STR_NONE, 0, 9, see, &all, &more, &p->err), OK);
	assert_string_equal(all.text, "t/1/sig/{\"k\":1} t/2/sbom/{\"k\":1} t/4/sig/{\"k\":1} ");
	assert_false(more);
	assert_int_equal(referrer_list(p->st, R, &subject, STR("sig"), 0, 9, see, &filtered, &more, &p->err), OK);
	assert_string_equal(filtered.text, "t/1/sig/{\"k\":1} t/4/sig/{\"k\":1} ");
	assert_int_equal(referrer_list(p->st, R, &subject, STR_NONE, 0, 2, see, &first, &more, &p->err), OK);
	assert_true(more);
	assert_int_equal(referrer_list(p->st, R, &subject, STR_NONE, first.last_id, 2, see, &rest, &more, &p->err), OK);
	assert_string_equal(rest.text, "t/4/sig/{\"k\":1} ");
	assert_false(more);
	assert_int_equal(referrer_list(p->st, R, &subject, STR("x"), 0, 9, see, &none, &more, &p->err), OK);
	assert_int_equal(referrer_list(p->st, REPO("no"), &subject, STR_NONE, 0, 9, see, &none, &more, &p->err), OK);
	assert_string_equal(none.text, "");
}

static void check_plan(void *ctx, const char *sql, struct str line)
{
	size_t *lines = ctx;

	++*lines;
	/* "SCAN CONSTANT ROW" reads no table */
	if ((str_starts(line, STR("SCAN")) && !str_eq(line, STR("SCAN CONSTANT ROW"))) ||
	    strstr(line.p, "TEMP B-TREE") || strstr(line.p, "AUTOMATIC"))
		fail_msg("%s: %.*s", sql, STR_ARG(line));
}

static enum rc see_store(void *ctx, const struct blob_store *b, struct err *err)
{
	(void)ctx;
	(void)b;
	(void)err;
	return OK;
}

static void ask_of_caches_and_blob_stores(struct place *p, const struct digest *d)
{
	static const struct space usb = {.blob_store = {"usb", 3}, .quota_bytes = 1 << 20};
	static const struct sweep_grace at_once = {0, 0};
	static const struct space root = {.namespace_id = 1};
	struct digest on_disk = sha256(STR("on disk")), y = push_ok(p, R, STR("y"));
	struct upload *u;
	char id[37], path[100];
	int64_t at;
	unsigned freed;
	size_t removed;
	uint64_t size;
	bool proven, named;

	assert_int_equal(tag_checked(p->st, R, TAG("t"), &at, &p->err), OK);
	assert_int_equal(tag_set_checked(p->st, R, TAG("t"), 1, &p->err), OK);
	assert_int_equal(blob_is_proven(p->st, root.namespace_id, d, &proven, &p->err), OK);
	assert_int_equal(blob_link_proven(p->st, &root, REPO("c"), d, &p->err), OK);
	assert_int_equal(blob_size_named(p->st, R, d, &named, &size, &p->err), OK);
	assert_int_equal(blob_touch(p->st, R, d, &p->err), OK);
	assert_int_equal(blob_evict(p->st, 1, 1, 1, &freed, &p->err), OK);
	snprintf(path, sizeof path, "%s/usb", p->path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(blob_store_add(p->db, STR("usb"), str_of(path), &p->err), OK);
	assert_int_equal(upload_start(p->st, &usb, R, DIGEST_SHA256, id, &p->err), OK);
	assert_int_equal(upload_resume(p->st, NULL, R, str_of(id), &u, &p->err), OK);
	assert_int_equal(upload_write(u, "on disk", 7, &p->err), OK);
	assert_int_equal(upload_commit(u, &usb, &on_disk, &p->err), OK);
	assert_blob(p->st, R, &on_disk, STR("on disk"));
	assert_int_equal(store_expire_uploads(p->st, 3600, &p->err), OK);
	assert_int_equal(blob_store_list(p->db, see_store, NULL, &p->err), OK);
	assert_int_equal(blob_store_remove(p->db, STR("usb"), &p->err), E_USAGE);
	assert_int_equal(blob_delete(p->st, R, &on_disk, &p->err), OK);
	assert_int_equal(blob_delete(p->st, R, &y, &p->err), OK);
	assert_int_equal(store_sweep(p->st, &at_once, 10, &removed, &p->err), OK);
	assert_int_equal(removed, 2);
	assert_int_equal(blob_store_remove(p->db, STR("usb"), &p->err), OK);
}

/* What costs the same with a hundred rows and with a hundred thousand. */
static void every_query_walks_an_index(void **state)
{
	struct place *p = *state;
	struct manifest_reference refs[] = {{.digest = push_ok(p, R, STR("x")), .size = 1, .kind = REF_BLOB},
	    {.digest = sha256(STR("m")), .size = 1, .kind = REF_MANIFEST}};
	struct reference tag = {.tag = TAG("t")}, digest = {.is_digest = true, .digest = sha256(STR("index"))};
	struct digest cut = {.algorithm = DIGEST_SHA512};
	struct repo_name found[2];
	struct manifest_info info;
	struct seen seen = {.text = ""};
	struct collected c = {.text = ""};
	struct repository repository;
	struct db_conn *conn;
	struct str bytes;
	size_t count, lines = 0;
	int64_t after = 0;
	bool more;

	assert_int_equal(put(p, R, STR("m"), NULL, 0, &TAG("t"), 1), OK);
	assert_int_equal(put(p, R, STR("index"), refs, 2, &TAG("t"), 1), OK);
	assert_int_equal(blob_mount(p->st, NULL, REPO("b"), R, &refs[0].digest, &p->err), OK);
	assert_blob(p->st, R, &refs[0].digest, STR("x"));
	assert_int_equal(blob_delete(p->st, R, &refs[0].digest, &p->err), E_UNSUPPORTED);
	assert_int_equal(blob_delete(p->st, REPO("b"), &refs[0].digest, &p->err), OK);
	assert_int_equal(blob_repositories(p->st, &refs[0].digest, &after, &p->arena, found, 2, &count, &p->err), OK);
	assert_int_equal(manifest_find(p->st, R, &tag, &info, &p->err), OK);
	assert_int_equal(manifest_find(p->st, R, &digest, &info, &p->err), OK);
	assert_int_equal(manifest_read(p->st, &info, &p->arena, &bytes, &p->err), OK);
	assert_int_equal(tag_list(p->st, R, STR_NONE, 1, collect, &c, &more, &p->err), OK);
	assert_int_equal(repository_seek(p->st, STR_NONE, &more, &repository, &p->err), OK);
	assert_int_equal(repository_by_id(p->st, repository.id, &more, &repository, &p->err), OK);
	assert_int_equal(referrer_list(p->st, R, &info.digest, STR_NONE, 0, 1, see, &seen, &more, &p->err), OK);
	assert_int_equal(referrer_list(p->st, R, &info.digest, STR("t"), 0, 1, see, &seen, &more, &p->err), OK);
	assert_int_equal(subject_complete(p->st, R, &cut, &p->err), OK);
	assert_int_equal(manifest_delete(p->st, NULL, R, &tag, &p->err), OK);
	assert_int_equal(manifest_delete(p->st, NULL, R, &digest, &p->err), OK);
	ask_of_caches_and_blob_stores(p, &refs[0].digest);
	assert_int_equal(db_here(p->db, &conn, &p->err), OK);
	db_each_plan(conn, check_plan, &lines);
	assert_true(lines > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(tags_come_in_bytewise_order_page_by_page),
	    TEST(repositories_from_a_name_on),
	    TEST(repositories_of_namespaces),
	    TEST(referrers_of_a_subject),
	    TEST(every_query_walks_an_index),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
