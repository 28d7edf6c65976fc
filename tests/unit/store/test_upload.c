/* upload, sessions, commit: the life of a session, with restarts, rivals and damage. */
#include "fixture.h"
#include <cove/base/clock.h>
#include <pthread.h>

#define R REPO("team/app")

static const struct str hello = STR("hello");

static struct upload *resume(struct place *p, struct repo_name repo, const char *id)
{
	struct upload *u = NULL;

	assert_int_equal(upload_resume(p->st, NULL, repo, str_of(id), &u, &p->err), OK);
	assert_string_equal(upload_id(u), id);
	return u;
}

static void chunks_add_up(void **state)
{
	struct place *p = *state;
	struct digest d = sha256(STR("hello world"));
	struct upload *u;
	uint64_t size = 99;
	char id[37];

	assert_int_equal(upload_start(p->st, NULL, R, DIGEST_SHA256, id, &p->err), OK);
	assert_int_equal(upload_size(p->st, R, str_of(id), &size, &p->err), OK);
	assert_int_equal(size, 0);
	u = resume(p, R, id);
	assert_int_equal(upload_write(u, "hello ", 6, &p->err), OK);
	upload_pause(u);
	assert_int_equal(upload_size(p->st, R, str_of(id), &size, &p->err), OK);
	assert_int_equal(size, 6);
	u = resume(p, R, id);
	assert_int_equal(upload_offset(u), 6);
	assert_true(u->hashed);
	assert_int_equal(upload_write(u, "wor", 3, &p->err), OK);
	assert_int_equal(upload_write(u, "ld", 2, &p->err), OK);
	assert_int_equal(upload_write(u, NULL, 0, &p->err), OK);
	assert_int_equal(upload_commit(u, NULL, &d, &p->err), OK);
	assert_blob(p->st, R, &d, STR("hello world"));
	assert_int_equal(entries(p, "uploads"), 0);
	assert_int_equal(upload_size(p->st, R, str_of(id), &size, &p->err), E_UPLOAD_UNKNOWN);
}

static void an_empty_blob_is_a_blob(void **state)
{
	struct place *p = *state;
	struct digest d = push_ok(p, R, STR(""));

	assert_blob(p->st, R, &d, STR(""));
}

static void a_session_is_of_one_repository_and_one_writer(void **state)
{
	static const char *const strangers[] = {"", "x", "00000000-0000-4000-8000-000000000000", "../../cove.db",
	    "00000000-0000-4000-8000-00000000000/", "00000000-0000-4000-8000-00000000000A"};
	struct place *p = *state;
	struct upload *u, *other;
	uint64_t size;
	char id[37];

	assert_int_equal(upload_start(p->st, NULL, R, DIGEST_SHA256, id, &p->err), OK);
	assert_int_equal(upload_resume(p->st, NULL, REPO("team/other"), str_of(id), &u, &p->err), E_UPLOAD_UNKNOWN);
	assert_int_equal(upload_size(p->st, REPO("team/other"), str_of(id), &size, &p->err), E_UPLOAD_UNKNOWN);
	assert_int_equal(upload_cancel(p->st, REPO("team/other"), str_of(id), &p->err), E_UPLOAD_UNKNOWN);
	for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
		assert_int_equal(upload_resume(p->st, NULL, R, str_of(strangers[i]), &u, &p->err), E_UPLOAD_UNKNOWN);
		assert_int_equal(upload_size(p->st, R, str_of(strangers[i]), &size, &p->err), E_UPLOAD_UNKNOWN);
		assert_int_equal(upload_cancel(p->st, R, str_of(strangers[i]), &p->err), E_UPLOAD_UNKNOWN);
	}
	u = resume(p, R, id);
	assert_int_equal(upload_resume(p->st, NULL, R, str_of(id), &other, &p->err), E_UPLOAD_BUSY);
	assert_int_equal(upload_cancel(p->st, R, str_of(id), &p->err), E_UPLOAD_BUSY);
	upload_pause(u);
	assert_int_equal(upload_cancel(p->st, R, str_of(id), &p->err), OK);
	assert_int_equal(upload_cancel(p->st, R, str_of(id), &p->err), E_UPLOAD_UNKNOWN);
	assert_int_equal(entries(p, "uploads"), 0);
}

static void a_wrong_digest_ends_the_session(void **state)
{
	struct place *p = *state;
	struct digest other = sha256(STR("other"));
	uint64_t size;

	assert_int_equal(push(p->st, R, hello, &other, &p->err), E_DIGEST_INVALID);
	assert_int_equal(entries(p, "uploads"), 0);
	assert_int_equal(blob_stat(p->st, R, &other, &size, &p->err), E_BLOB_UNKNOWN);
}

/* The announced algorithm, the wanted one, and whether the running hash was lost. */
static void the_hash_is_right_however_it_was_made(void **state)
{
	static const struct {
		enum digest_algorithm announced, wanted;
		bool restart;
	} rows[] = {
	    {DIGEST_SHA256, DIGEST_SHA256, false},
	    {DIGEST_SHA256, DIGEST_SHA256, true},
	    {DIGEST_SHA256, DIGEST_SHA512, false},
	    {DIGEST_SHA512, DIGEST_SHA512, false},
	    {DIGEST_SHA512, DIGEST_SHA512, true},
	    {DIGEST_SHA512, DIGEST_SHA256, false},
	};
	struct place *p = *state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char id[37], text[64];
		struct digest d;
		struct upload *u;

		snprintf(text, sizeof text, "content number %zu", i);
		digest_of(&d, rows[i].wanted, str_of(text));
		assert_int_equal(upload_start(p->st, NULL, R, rows[i].announced, id, &p->err), OK);
		u = resume(p, R, id);
		assert_int_equal(upload_write(u, text, 5, &p->err), OK);
		upload_pause(u);
		if (rows[i].restart) {
			place_close(p);
			place_open(p);
		}
		u = resume(p, R, id);
		assert_int_equal(u->hashed, !rows[i].restart);
		assert_int_equal(upload_write(u, text + 5, strlen(text) - 5, &p->err), OK);
		assert_int_equal(upload_commit(u, NULL, &d, &p->err), OK);
		assert_blob(p->st, R, &d, str_of(text));
	}
}

/* More sessions than hashes are kept for: the oldest ones are hashed from their files. */
static void parked_hashes_are_bounded(void **state)
{
	enum { COUNT = PARKED_MAX + 10 };
	static char ids[COUNT][37];
	struct place *p = *state;
	size_t hashed = 0;

	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(upload_start(p->st, NULL, R, DIGEST_SHA256, ids[i], &p->err), OK);
		struct upload *u = resume(p, R, ids[i]);
		assert_int_equal(upload_write(u, ids[i], 36, &p->err), OK);
		upload_pause(u);
	}
	for (size_t i = 0; i < COUNT; i++) {
		struct digest d = sha256(str_of(ids[i]));
		struct upload *u = resume(p, R, ids[i]);

		hashed += u->hashed;
		assert_int_equal(upload_commit(u, NULL, &d, &p->err), OK);
	}
	assert_int_equal(hashed, PARKED_MAX);
}

static void idle_sessions_expire(void **state)
{
	struct place *p = *state;
	struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	char fresh[37], idle[37], busy[37], name[UPLOAD_NAME_MAX];
	struct upload *u;
	uint64_t size;

	assert_int_equal(upload_start(p->st, NULL, R, DIGEST_SHA256, fresh, &p->err), OK);
	assert_int_equal(upload_start(p->st, NULL, R, DIGEST_SHA256, idle, &p->err), OK);
	assert_int_equal(upload_start(p->st, NULL, R, DIGEST_SHA256, busy, &p->err), OK);
	u = resume(p, R, busy);
	const char *const aged[] = {idle, busy};
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(upload_name(R, str_of(aged[i]), name, &p->err), OK);
		assert_int_equal(utimensat(p->st->uploads, name, old, 0), 0);
	}
	assert_int_equal(io_write_file(p->st->uploads, "stray", hello, 0600, &p->err), OK);
	assert_int_equal(utimensat(p->st->uploads, "stray", old, 0), 0);
	assert_int_equal(store_expire_uploads(p->st, 3600, &p->err), OK);
	assert_int_equal(upload_size(p->st, R, str_of(fresh), &size, &p->err), OK);
	assert_int_equal(upload_size(p->st, R, str_of(busy), &size, &p->err), OK);
	assert_int_equal(upload_size(p->st, R, str_of(idle), &size, &p->err), E_UPLOAD_UNKNOWN);
	assert_int_equal(faccessat(p->st->uploads, "stray", F_OK, 0), 0);
	upload_pause(u);
	assert_int_equal(store_probe(p->st, &p->err), OK);
}

static void a_second_copy_is_only_linked(void **state)
{
	struct place *p = *state;
	struct digest d = push_ok(p, R, hello);
	char path[BLOB_PATH_MAX];
	struct stat before, after;

	blob_path(path, &d);
	assert_int_equal(fstatat(p->dir, path, &before, 0), 0);
	push_ok(p, REPO("other"), hello);
	push_ok(p, R, hello);
	assert_int_equal(fstatat(p->dir, path, &after, 0), 0);
	assert_true(before.st_ino == after.st_ino);
	assert_blob(p->st, REPO("other"), &d, hello);
	assert_int_equal(entries(p, "uploads"), 0);
}

/* A file without a row (a kill between rename and row), a row whose file was lost or cut: a push mends all of them. */
static void a_push_mends_what_is_damaged(void **state)
{
	static const char *const damages[] = {"no row", "lost", "cut"};
	struct place *p = *state;
	struct digest d = sha256(hello);
	char path[BLOB_PATH_MAX];
	uint64_t size;
	int fd;

	blob_path(path, &d);
	for (size_t i = 0; i < 3; i++) {
		if (i == 0) {
			struct volume data;
			int shard;

			assert_int_equal(volume_by_id(p->st, 0, &data, &p->err), OK);
			assert_int_equal(shard_open(p->st, &data, &d, &shard, &p->err), OK);
			close(shard);
			assert_int_equal(io_write_file(p->dir, path, STR("torn"), 0600, &p->err), OK);
			assert_int_equal(blob_stat(p->st, R, &d, &size, &p->err), E_BLOB_UNKNOWN);
		} else if (i == 1) {
			assert_int_equal(unlinkat(p->dir, path, 0), 0);
			assert_int_equal(blob_open(p->st, R, &d, &fd, &size, &p->err), E_CORRUPT);
		} else {
			assert_int_equal(io_write_file(p->dir, path, STR("he"), 0600, &p->err), OK);
			assert_int_equal(blob_open(p->st, R, &d, &fd, &size, &p->err), E_CORRUPT);
		}
		print_message("mending: %s\n", damages[i]);
		push_ok(p, R, hello);
		assert_blob(p->st, R, &d, hello);
	}
}

/* A failure behind the rename: the bytes are a session again, and the retry works. */
static void a_failed_transaction_gives_the_session_back(void **state)
{
	struct place *p = *state;
	struct digest d = sha256(hello);
	char id[37], path[BLOB_PATH_MAX], shard[BLOB_PATH_MAX];
	struct upload *u;
	uint64_t size;
	struct db_conn *c;
	struct db_stmt *s;

	assert_int_equal(db_here(p->db, &c, &p->err), OK);
	assert_int_equal(db_begin(c, &p->err), OK);
	assert_int_equal(
	    db_prepare(c, "CREATE TRIGGER no BEFORE INSERT ON blobs BEGIN SELECT raise(ABORT, 'no'); END", &s, &p->err),
	    OK);
	assert_int_equal(db_run(s, NULL, &p->err), OK);
	assert_int_equal(db_commit(c, &p->err), OK);
	assert_int_equal(upload_start(p->st, NULL, R, DIGEST_SHA256, id, &p->err), OK);
	u = resume(p, R, id);
	assert_int_equal(upload_write(u, hello.p, hello.n, &p->err), OK);
	assert_int_equal(upload_commit(u, NULL, &d, &p->err), E_INTERNAL);
	assert_int_equal(upload_size(p->st, R, str_of(id), &size, &p->err), OK);
	assert_int_equal(size, hello.n);
	blob_path(path, &d);
	assert_int_equal(faccessat(p->dir, path, F_OK, 0), -1);

	/* and one before the rename: the shard directory cannot be made */
	snprintf(shard, sizeof shard, "%.*s", 15, path);
	assert_int_equal(unlinkat(p->dir, shard, AT_REMOVEDIR), 0);
	assert_int_equal(io_write_file(p->dir, shard, STR(""), 0600, &p->err), OK);
	u = resume(p, R, id);
	assert_int_equal(upload_commit(u, NULL, &d, &p->err), E_IO);
	assert_int_equal(unlinkat(p->dir, shard, 0), 0);
	p->st->shard_made[0][d.bytes[0]] = false;

	assert_int_equal(db_begin(c, &p->err), OK);
	assert_int_equal(db_prepare(c, "DROP TRIGGER no", &s, &p->err), OK);
	assert_int_equal(db_run(s, NULL, &p->err), OK);
	assert_int_equal(db_commit(c, &p->err), OK);
	u = resume(p, R, id);
	assert_int_equal(upload_commit(u, NULL, &d, &p->err), OK);
	assert_blob(p->st, R, &d, hello);
}

/* The same size, on this disk or on another one: what is pushed again is hashed, and mends it. */
static void a_flipped_bit_is_mended(void **state)
{
	struct place *p = *state;
	struct digest d = push_ok(p, R, hello);
	char path[BLOB_PATH_MAX];
	struct stat before, after;

	blob_path(path, &d);
	assert_int_equal(fstatat(p->dir, path, &before, 0), 0);
	assert_int_equal(io_write_file(p->dir, path, STR("hallo"), 0600, &p->err), OK);
	assert_blob(p->st, R, &d, STR("hallo")); /* a pull does not see it */
	push_ok(p, REPO("other"), hello);
	assert_blob(p->st, R, &d, hello);
	/* and one that is whole is neither written nor moved */
	assert_int_equal(fstatat(p->dir, path, &before, 0), 0);
	push_ok(p, R, hello);
	assert_int_equal(fstatat(p->dir, path, &after, 0), 0);
	assert_true(before.st_ino == after.st_ino);
}

static size_t count_sessions(struct place *p)
{
	assert_int_equal(p->st->sessions.count, entries(p, "uploads"));
	return p->st->sessions.count;
}

static void a_user_has_so_many_sessions(void **state)
{
	struct space ann = {.user = 7}, ben = {.user = 8};
	char first[37], second[37], id[37], of_ben[37];
	struct place *p = *state;
	struct upload *u;
	uint64_t size;

	assert_int_equal(upload_start(p->st, &ben, R, DIGEST_SHA256, of_ben, &p->err), OK);
	assert_int_equal(upload_start(p->st, &ann, R, DIGEST_SHA256, first, &p->err), OK);
	assert_int_equal(upload_start(p->st, &ann, R, DIGEST_SHA256, second, &p->err), OK);
	assert_int_equal(upload_resume(p->st, &ann, R, str_of(first), &u, &p->err), OK);
	for (int i = 2; i < SESSIONS_OF_USER + 3; i++)
		assert_int_equal(upload_start(p->st, &ann, R, DIGEST_SHA256, id, &p->err), OK);
	assert_int_equal(count_sessions(p), SESSIONS_OF_USER + 1);
	/* who writes keeps his, and others keep theirs; the oldest one gave way */
	assert_int_equal(upload_size(p->st, R, str_of(first), &size, &p->err), OK);
	assert_int_equal(upload_size(p->st, R, str_of(of_ben), &size, &p->err), OK);
	assert_int_equal(upload_size(p->st, R, str_of(id), &size, &p->err), OK);
	assert_int_equal(upload_size(p->st, R, str_of(second), &size, &p->err), E_UPLOAD_UNKNOWN);
	upload_pause(u);
	/* so it is after a restart, once they are used again */
	place_close(p);
	place_open(p);
	assert_int_equal(store_expire_uploads(p->st, 3600, &p->err), OK);
	assert_int_equal(count_sessions(p), SESSIONS_OF_USER + 1);
	assert_int_equal(upload_cancel(p->st, R, str_of(id), &p->err), OK);
	assert_int_equal(count_sessions(p), SESSIONS_OF_USER);
}

static void all_users_have_so_many_sessions(void **state)
{
	struct place *p = *state;
	char id[37];

	for (int i = 0; i < SESSIONS_MAX + 5; i++) {
		struct space space = {.user = 1 + i % 9};

		assert_int_equal(upload_start(p->st, &space, R, DIGEST_SHA256, id, &p->err), OK);
	}
	assert_int_equal(count_sessions(p), SESSIONS_MAX);
	/* files that were there before are bound as well */
	place_close(p);
	for (int i = 0; i < 5; i++) {
		char name[sizeof("uploads/") + UPLOAD_NAME_MAX] = "uploads/";

		snprintf(id, sizeof id, "00000000-0000-4000-8000-%012d", i);
		assert_int_equal(upload_name(R, str_of(id), name + 8, &p->err), OK);
		assert_int_equal(io_write_file(p->dir, name, STR(""), 0600, &p->err), OK);
	}
	place_open(p);
	assert_int_equal(store_expire_uploads(p->st, 3600, &p->err), OK);
	assert_int_equal(count_sessions(p), SESSIONS_MAX);
}

static void who_has_few_sessions_keeps_them(void **state)
{
	struct space ann = {.user = 7}, ben = {.user = 8}, crowd = {.user = 100};
	char of_ann[37], of_ben[37], id[37];
	struct place *p = *state;
	struct upload *u;
	uint64_t size;

	assert_int_equal(upload_start(p->st, &ann, R, DIGEST_SHA256, of_ann, &p->err), OK);
	for (int i = 0; i < SESSIONS_MAX + 500; i++) {
		crowd.user = 100 + i % 5;
		assert_int_equal(upload_start(p->st, &crowd, R, DIGEST_SHA256, id, &p->err), OK);
	}
	assert_int_equal(upload_start(p->st, &ben, R, DIGEST_SHA256, of_ben, &p->err), OK);
	assert_int_equal(count_sessions(p), SESSIONS_MAX);
	assert_int_equal(upload_size(p->st, R, str_of(of_ann), &size, &p->err), OK);
	assert_int_equal(upload_resume(p->st, &ben, R, str_of(of_ben), &u, &p->err), OK);
	upload_pause(u);
}

static void a_store_needs_its_folders(void **state)
{
	struct place *p = *state;
	struct store *st = NULL;
	int file = openat(p->dir, "plain", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	assert_int_equal(store_open(file, p->db, &st, &p->err), E_IO);
	assert_int_equal(store_open(-1, p->db, &st, &p->err), E_IO);
	assert_null(st);
	close(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(chunks_add_up),
	    TEST(an_empty_blob_is_a_blob),
	    TEST(a_session_is_of_one_repository_and_one_writer),
	    TEST(a_wrong_digest_ends_the_session),
	    TEST(the_hash_is_right_however_it_was_made),
	    TEST(parked_hashes_are_bounded),
	    TEST(idle_sessions_expire),
	    TEST(a_second_copy_is_only_linked),
	    TEST(a_push_mends_what_is_damaged),
	    TEST(a_failed_transaction_gives_the_session_back),
	    TEST(a_flipped_bit_is_mended),
	    TEST(a_user_has_so_many_sessions),
	    TEST(all_users_have_so_many_sessions),
	    TEST(who_has_few_sessions_keeps_them),
	    TEST(a_store_needs_its_folders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
