/* blob_stores: directories beside the data directory: what goes where, and what a disk that is not there costs. */
#include "fixture.h"
#include <sys/mount.h>

#define R REPO("a/b")

static const struct space usb = {.blob_store = {"usb1", 4}};

/* "<data>/disks/<name>", made. */
static const char *disk(struct place *p, const char *name)
{
	static char path[200];

	snprintf(path, sizeof path, "%s/disks", p->path);
	(void)mkdir(path, 0700);
	snprintf(path, sizeof path, "%s/disks/%s", p->path, name);
	(void)mkdir(path, 0700);
	return path;
}

static void add_ok(struct place *p, const char *name)
{
	if (blob_store_add(p->db, str_of(name), str_of(disk(p, name)), &p->err))
		fail_msg("blob_store_add: %s", p->err.text);
}

static enum rc push_to(struct place *p, const struct space *space, struct repo_name repo, struct str content)
{
	struct digest d = sha256(content);
	struct upload *u;
	char id[37];

	TRY(upload_start(p->st, space, repo, DIGEST_SHA256, id, &p->err));
	TRY(upload_resume(p->st, NULL, repo, str_of(id), &u, &p->err));
	assert_int_equal(upload_write(u, content.p, content.n, &p->err), OK);
	return upload_commit(u, space, &d, &p->err);
}

static bool lies_in(struct place *p, const char *folder, struct str content)
{
	struct digest d = sha256(content);
	char path[BLOB_PATH_MAX], whole[400];
	struct stat file;

	blob_path(path, &d);
	snprintf(whole, sizeof whole, "%s%s%s", folder, folder[0] ? "/" : "", path);
	return fstatat(p->dir, whole, &file, 0) == 0;
}

/* The disk goes: its directory has another name, and an empty mount point is in its place. */
static void unplug(struct place *p)
{
	assert_int_equal(renameat(p->dir, "disks/usb1", p->dir, "disks/drawer"), 0);
	assert_int_equal(mkdirat(p->dir, "disks/usb1", 0700), 0);
}

static void plug_in(struct place *p)
{
	assert_int_equal(unlinkat(p->dir, "disks/usb1", AT_REMOVEDIR), 0);
	assert_int_equal(renameat(p->dir, "disks/drawer", p->dir, "disks/usb1"), 0);
}

static void a_blob_lies_where_its_namespace_says(void **state)
{
	struct place *p = *state;
	struct digest d = sha256(STR("on the disk"));
	struct upload *u;
	uint64_t size;
	char id[37];

	add_ok(p, "usb1");
	assert_int_equal(push_to(p, &usb, R, STR("on the disk")), OK);
	assert_true(lies_in(p, "disks/usb1", STR("on the disk")));
	assert_false(lies_in(p, "", STR("on the disk")));
	assert_blob(p->st, R, &d, STR("on the disk"));
	/* the same from another namespace: one file, and a session that goes */
	assert_int_equal(push_to(p, NULL, REPO("c"), STR("on the disk")), OK);
	assert_false(lies_in(p, "", STR("on the disk")));
	assert_int_equal(entries(p, "uploads"), 0);
	assert_blob(p->st, REPO("c"), &d, STR("on the disk"));
	/* a session is found in whichever it lies, and survives a restart */
	assert_int_equal(upload_start(p->st, &usb, R, DIGEST_SHA256, id, &p->err), OK);
	assert_int_equal(entries(p, "disks/usb1/uploads"), 1);
	assert_int_equal(upload_resume(p->st, NULL, R, str_of(id), &u, &p->err), OK);
	assert_int_equal(upload_write(u, "abc", 3, &p->err), OK);
	upload_pause(u);
	place_close(p);
	place_open(p);
	assert_int_equal(upload_size(p->st, R, str_of(id), &size, &p->err), OK);
	assert_int_equal(size, 3);
	assert_int_equal(store_expire_uploads(p->st, 3600, &p->err), OK);
	assert_int_equal(upload_cancel(p->st, R, str_of(id), &p->err), OK);
	assert_int_equal(upload_cancel(p->st, R, str_of(id), &p->err), E_UPLOAD_UNKNOWN);
	assert_int_equal(upload_start(p->st, &usb, R, DIGEST_SHA256, id, &p->err), OK);
	assert_int_equal(store_expire_uploads(p->st, -10, &p->err), OK);
	assert_int_equal(entries(p, "disks/usb1/uploads"), 0);
	assert_int_equal(
	    upload_start(p->st, &(struct space){.blob_store = STR("no")}, R, DIGEST_SHA256, id, &p->err), E_IO);
}

static void a_missing_disk_costs_only_what_lies_on_it(void **state)
{
	struct place *p = *state;
	struct digest here = push_ok(p, R, STR("here")), there = sha256(STR("there"));
	size_t removed;
	uint64_t size;
	int fd;

	add_ok(p, "usb1");
	assert_int_equal(push_to(p, &usb, R, STR("there")), OK);
	unplug(p);
	place_close(p);
	place_open(p);
	assert_int_equal(blob_open(p->st, R, &there, &fd, &size, &p->err), E_IO);
	assert_non_null(strstr(p->err.text, "the blob store usb1 is missing at "));
	assert_non_null(strstr(p->err.text, "/disks/usb1: mount its disk"));
	assert_int_equal(blob_stat(p->st, R, &there, &size, &p->err), OK);
	assert_blob(p->st, R, &here, STR("here"));
	/* the mount point stays empty */
	assert_int_equal(push_to(p, &usb, R, STR("more")), E_IO);
	assert_int_equal(entries(p, "disks/usb1"), 0);
	/* with the directory gone as well */
	assert_int_equal(unlinkat(p->dir, "disks/usb1", AT_REMOVEDIR), 0);
	assert_int_equal(blob_open(p->st, R, &there, &fd, &size, &p->err), E_IO);
	assert_int_equal(mkdirat(p->dir, "disks/usb1", 0700), 0);
	/* chores pass it by */
	assert_int_equal(store_expire_uploads(p->st, 0, &p->err), OK);
	assert_int_equal(blob_delete(p->st, R, &there, &p->err), OK);
	assert_int_equal(store_sweep(p->st, &(struct sweep_grace){0, 0}, 10, &removed, &p->err), OK);
	assert_int_equal(removed, 0);
	plug_in(p);
	assert_int_equal(store_sweep(p->st, &(struct sweep_grace){0, 0}, 10, &removed, &p->err), OK);
	assert_int_equal(removed, 1);
	assert_false(lies_in(p, "disks/usb1", STR("there")));
	assert_int_equal(push_to(p, &usb, R, STR("more")), OK);
}

static void another_disk_is_not_taken_for_it(void **state)
{
	struct place *p = *state;
	struct digest d = sha256(STR("x"));
	uint64_t size;
	int fd;

	add_ok(p, "usb1");
	add_ok(p, "usb2");
	assert_int_equal(push_to(p, &usb, R, STR("x")), OK);
	assert_int_equal(renameat2(p->dir, "disks/usb1", p->dir, "disks/usb2", RENAME_EXCHANGE), 0);
	assert_int_equal(blob_open(p->st, R, &d, &fd, &size, &p->err), E_IO);
	assert_int_equal(push_to(p, &usb, R, STR("y")), E_IO);
}

/* What is pushed again while its disk is missing is there again, elsewhere. */
static void a_push_mends_what_lies_on_a_missing_disk(void **state)
{
	struct place *p = *state;
	struct digest d = sha256(STR("x"));

	add_ok(p, "usb1");
	assert_int_equal(push_to(p, &usb, R, STR("x")), OK);
	unplug(p);
	assert_int_equal(push_to(p, NULL, REPO("c"), STR("x")), OK);
	assert_blob(p->st, R, &d, STR("x"));
	assert_blob(p->st, REPO("c"), &d, STR("x"));
}

static enum rc see_one(void *ctx, const struct blob_store *b, struct err *err)
{
	char *text = ctx;

	(void)err;
	snprintf(text + strlen(text), 300 - strlen(text), "%.*s %llu/%llu%s ", STR_ARG(b->name),
	    (unsigned long long)b->blobs, (unsigned long long)b->bytes,
	    b->failure.n    ? " missing"
	    : b->free_bytes ? ""
			    : "?");
	return OK;
}

static void assert_list(struct place *p, const char *want)
{
	char text[300] = "";

	assert_int_equal(blob_store_list(p->db, see_one, text, &p->err), OK);
	assert_string_equal(text, want);
}

static void run_sql(struct place *p, const char *sql)
{
	struct db_conn *c;
	struct db_stmt *s;

	assert_int_equal(db_here(p->db, &c, &p->err), OK);
	assert_int_equal(db_begin(c, &p->err), OK);
	assert_int_equal(db_prepare(c, sql, &s, &p->err), OK);
	assert_int_equal(db_run(s, NULL, &p->err), OK);
	assert_int_equal(db_commit(c, &p->err), OK);
}

static void only_an_empty_one_is_removed(void **state)
{
	static const char use[] = "INSERT INTO namespace_attributes VALUES (1, 'blob_store', 'usb1')";
	static const char leave[] = "DELETE FROM namespace_attributes";
	struct place *p = *state;
	struct digest d = sha256(STR("xyz"));
	struct upload *u;
	size_t removed;
	char id[37];

	add_ok(p, "usb1");
	run_sql(p, use);
	assert_int_equal(blob_store_remove(p->db, STR("usb1"), &p->err), E_USAGE);
	assert_non_null(strstr(p->err.text, "namespace /"));
	run_sql(p, leave);
	assert_int_equal(push_to(p, &usb, R, STR("xyz")), OK);
	assert_list(p, "usb1 1/3 ");
	assert_int_equal(blob_store_remove(p->db, STR("usb1"), &p->err), E_USAGE);
	assert_int_equal(blob_store_remove(p->db, STR("usb2"), &p->err), E_NOT_FOUND);
	unplug(p);
	assert_list(p, "usb1 1/3 missing ");
	plug_in(p);
	assert_int_equal(blob_delete(p->st, R, &d, &p->err), OK);
	assert_int_equal(blob_store_remove(p->db, STR("usb1"), &p->err), E_USAGE);
	assert_int_equal(store_sweep(p->st, &(struct sweep_grace){0, 0}, 10, &removed, &p->err), OK);
	/* an upload that is under way cannot end in what is no blob store any more, nor in the next one of that number
	 */
	assert_int_equal(upload_start(p->st, &usb, R, DIGEST_SHA256, id, &p->err), OK);
	assert_int_equal(upload_resume(p->st, NULL, R, str_of(id), &u, &p->err), OK);
	assert_int_equal(upload_write(u, "xyz", 3, &p->err), OK);
	assert_int_equal(blob_store_remove(p->db, STR("usb1"), &p->err), OK);
	assert_list(p, "");
	add_ok(p, "usb2");
	assert_int_equal(upload_commit(u, &usb, &d, &p->err), E_IO);
	assert_list(p, "usb2 0/0 ");
	add_ok(p, "usb1");
	assert_list(p, "usb2 0/0 usb1 0/0 ");
}

static void what_may_be_added(void **state)
{
	static const struct {
		const char *name, *path;
		enum rc rc;
	} rows[] = {
	    {"", "/tmp", E_USAGE},
	    {"Usb", "/tmp", E_USAGE},
	    {"-x", "/tmp", E_USAGE},
	    {"a/b", "/tmp", E_USAGE},
	    {"ok", "relative", E_USAGE},
	    {"ok", "", E_USAGE},
	    {"ok", "/nowhere/at/all", E_USAGE},
	    {"ok", "/proc/version", E_USAGE},
	};
	struct place *p = *state;
	char slash[210];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (blob_store_add(p->db, str_of(rows[i].name), str_of(rows[i].path), &p->err) != rows[i].rc)
			fail_msg("%s at %s", rows[i].name, rows[i].path);
	assert_int_equal(blob_store_add(p->db, STR("data"), str_of(p->path), &p->err), E_USAGE);
	add_ok(p, "usb1");
	assert_int_equal(blob_store_add(p->db, STR("usb1"), str_of(disk(p, "other")), &p->err), E_EXISTS);
	snprintf(slash, sizeof slash, "%s/", disk(p, "usb1"));
	assert_int_equal(blob_store_add(p->db, STR("again"), str_of(slash), &p->err), E_EXISTS);
	/* that of another registry */
	assert_int_equal(io_write_file(p->dir, "disks/other/" MARKER_FILE, STR("theirs\n"), 0600, &p->err), OK);
	assert_int_equal(blob_store_add(p->db, STR("other"), str_of(disk(p, "other")), &p->err), E_USAGE);
	assert_list(p, "usb1 0/0 ");
}

static void a_full_disk_is_full_alone(void **state)
{
	struct place *p = *state;
	struct str content = {xcalloc(1, 2u << 20), 2u << 20};
	const char *path = disk(p, "usb1");
	struct digest d = sha256(content);

	/* a missing right to mount is a failure of the run, not a skip */
	assert_int_equal(mount("tmpfs", path, "tmpfs", 0, "size=1m,mode=700"), 0);
	add_ok(p, "usb1");
	assert_int_equal(push(p->st, R, content, &d, &p->err), OK);
	assert_int_equal(blob_delete(p->st, R, &d, &p->err), OK);
	struct upload *u;
	char id[37];

	assert_int_equal(upload_start(p->st, &usb, R, DIGEST_SHA256, id, &p->err), OK);
	assert_int_equal(upload_resume(p->st, NULL, R, str_of(id), &u, &p->err), OK);
	assert_int_equal(upload_write(u, content.p, content.n, &p->err), E_DISK_FULL);
	upload_pause(u);
	assert_int_equal(push(p->st, R, content, &d, &p->err), OK);
	assert_int_equal(upload_cancel(p->st, R, str_of(id), &p->err), E_UPLOAD_UNKNOWN);
	assert_int_equal(push_to(p, &usb, R, STR("fits")), OK);
	assert_int_equal(umount2(disk(p, "usb1"), 0), 0); /* nothing keeps it busy */
	assert_int_equal(push_to(p, &usb, R, STR("lost?")), E_IO);
	free((char *)(uintptr_t)content.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_blob_lies_where_its_namespace_says),
	    TEST(a_missing_disk_costs_only_what_lies_on_it),
	    TEST(another_disk_is_not_taken_for_it),
	    TEST(a_push_mends_what_lies_on_a_missing_disk),
	    TEST(only_an_empty_one_is_removed),
	    TEST(what_may_be_added),
	    TEST(a_full_disk_is_full_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
