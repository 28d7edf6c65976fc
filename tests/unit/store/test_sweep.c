/* sweep: what nobody has any more leaves the disk after its grace, and never what somebody pushes at that moment. */
#include "fixture.h"
#include <cove/store/cached.h>
#include <cove/store/check.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#define A REPO("a")
#define B REPO("b")
#define ROOT_ID 1

static const struct sweep_grace at_once = {0, 0}, day = {86400, 86400}, evicted_only = {86400, 0};

static size_t swept(struct place *p, const struct sweep_grace *grace, size_t max)
{
	size_t removed;

	if (store_sweep(p->st, grace, max, &removed, &p->err))
		fail_msg("store_sweep: %s", p->err.text);
	return removed;
}

static bool file_is_there(struct place *p, const struct digest *d)
{
	char path[BLOB_PATH_MAX];
	struct stat file;

	blob_path(path, d);
	return fstatat(p->dir, path, &file, 0) == 0;
}

static void only_what_has_no_link_goes(void **state)
{
	struct place *p = *state;
	struct digest x = push_ok(p, A, STR("x")), y = push_ok(p, A, STR("y"));
	uint64_t size;
	char byte;
	int fd;

	assert_int_equal(blob_mount(p->st, NULL, B, A, &x, &p->err), OK);
	assert_int_equal(blob_delete(p->st, A, &x, &p->err), OK);
	assert_int_equal(swept(p, &at_once, 10), 0);
	assert_int_equal(blob_open(p->st, B, &x, &fd, &size, &p->err), OK);
	assert_int_equal(blob_delete(p->st, B, &x, &p->err), OK);
	assert_int_equal(swept(p, &day, 10), 0);
	assert_true(file_is_there(p, &x));
	assert_int_equal(swept(p, &at_once, 10), 1);
	assert_false(file_is_there(p, &x));
	/* who has it open reads on */
	assert_int_equal(read(fd, &byte, 1), 1);
	close(fd);
	assert_blob(p->st, A, &y, STR("y"));
	assert_int_equal(swept(p, &at_once, 10), 0);
	/* and it can come again */
	x = push_ok(p, A, STR("x"));
	assert_blob(p->st, A, &x, STR("x"));
}

static void a_link_takes_it_off_the_queue(void **state)
{
	struct place *p = *state;
	struct digest x = push_ok(p, A, STR("x"));

	assert_int_equal(blob_delete(p->st, A, &x, &p->err), OK);
	push_ok(p, B, STR("x"));
	assert_int_equal(swept(p, &at_once, 10), 0);
	assert_blob(p->st, B, &x, STR("x"));
	assert_int_equal(blob_delete(p->st, B, &x, &p->err), OK);
	assert_int_equal(swept(p, &at_once, 10), 1);
}

static bool is_proven(struct place *p, int64_t namespace_id, const struct digest *d)
{
	bool proven;

	assert_int_equal(blob_is_proven(p->st, namespace_id, d, &proven, &p->err), OK);
	return proven;
}

static void what_lost_its_file_is_not_proven(void **state)
{
	struct place *p = *state;
	struct digest x = push_ok(p, A, STR("x"));
	char path[BLOB_PATH_MAX];

	blob_path(path, &x);
	assert_int_equal(unlinkat(p->dir, path, 0), 0);
	assert_false(is_proven(p, ROOT_ID, &x));
	push_ok(p, A, STR("x"));
	assert_true(is_proven(p, ROOT_ID, &x));
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

/* What only lies on the same disk is nobody's to give: neither another namespace's, nor what an earlier upstream sent.
 */
static void only_what_was_fetched_for_the_namespace_is_linked(void **state)
{
	struct place *p = *state;
	struct digest x = push_ok(p, A, STR("x"));
	struct space ours = {.namespace_id = ROOT_ID}, another = {.namespace_id = ROOT_ID + 1};

	assert_false(is_proven(p, another.namespace_id, &x));
	assert_int_equal(blob_link_proven(p->st, &another, B, &x, &p->err), E_BLOB_UNKNOWN);
	run_sql(p, "UPDATE namespace_blobs SET proven = 0"); /* the upstream is another one now */
	assert_false(is_proven(p, ROOT_ID, &x));
	assert_int_equal(blob_link_proven(p->st, &ours, B, &x, &p->err), E_BLOB_UNKNOWN);
	push_ok(p, REPO("c"), STR("x"));
	assert_true(is_proven(p, ROOT_ID, &x));
	assert_int_equal(blob_link_proven(p->st, &ours, B, &x, &p->err), OK);
	assert_blob(p->st, B, &x, STR("x"));
}

static void what_a_cache_lets_go_of_goes_sooner(void **state)
{
	static const char age[] = "UPDATE namespace_blobs SET last_used_at = 1";
	struct place *p = *state;
	struct digest old, pushed = push_ok(p, A, STR("pushed")), fresh;
	unsigned freed;

	assert_int_equal(blob_delete(p->st, A, &pushed, &p->err), OK);
	old = push_ok(p, A, STR("old"));
	run_sql(p, age);
	fresh = push_ok(p, A, STR("fresh"));
	assert_int_equal(blob_evict(p->st, 1, 1, 10, &freed, &p->err), OK);
	assert_int_equal(freed, 1); /* the other was used in the last minutes */
	assert_int_equal(swept(p, &evicted_only, 10), 1);
	assert_false(file_is_there(p, &old));
	assert_true(file_is_there(p, &pushed));
	assert_blob(p->st, A, &fresh, STR("fresh"));
	assert_int_equal(blob_evict(p->st, 1, 1000, 10, &freed, &p->err), OK);
	assert_int_equal(freed, 0);
}

static void what_was_pulled_last_stays(void **state)
{
	static const char age[] = "UPDATE namespace_blobs SET last_used_at = 1 + blob";
	enum { COUNT = TOUCHES_MAX + 10 };
	struct place *p = *state;
	struct digest d[COUNT];
	char text[16];
	uint64_t size;
	unsigned freed;

	for (int i = 0; i < COUNT; i++)
		d[i] = push_ok(p, A, (struct str){text, (size_t)snprintf(text, sizeof text, "%04d", i)});
	run_sql(p, age);
	/* all but the last two, more than are kept in memory; the first one twice */
	for (int i = 0; i < COUNT - 2; i++)
		assert_int_equal(blob_touch(p->st, A, &d[i], &p->err), OK);
	assert_int_equal(blob_touch(p->st, A, &d[0], &p->err), OK);
	assert_int_equal(blob_touch(p->st, B, &d[0], &p->err), OK); /* nobody has it there */
	assert_int_equal(blob_evict(p->st, 1, 0, 1000, &freed, &p->err), OK);
	assert_int_equal(freed, 2);
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(blob_stat(p->st, A, &d[i], &size, &p->err), i < COUNT - 2 ? OK : E_BLOB_UNKNOWN);
	/* what is in memory at the end is written */
	run_sql(p, age);
	assert_int_equal(blob_touch(p->st, A, &d[5], &p->err), OK);
	place_close(p);
	place_open(p);
	assert_int_equal(blob_evict(p->st, 1, 0, 1000, &freed, &p->err), OK);
	assert_int_equal(freed, COUNT - 3);
	assert_int_equal(blob_stat(p->st, A, &d[5], &size, &p->err), OK);
}

static void many_go_in_steps(void **state)
{
	enum { COUNT = 100 };
	struct place *p = *state;
	struct digest d[COUNT];
	char text[16];

	for (int i = 0; i < COUNT; i++)
		d[i] = push_ok(p, A, (struct str){text, (size_t)snprintf(text, sizeof text, "%d", i)});
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(blob_delete(p->st, A, &d[i], &p->err), OK);
	assert_int_equal(swept(p, &at_once, 40), 40);
	assert_int_equal(swept(p, &at_once, 1000), 60);
	for (int i = 0; i < COUNT; i++)
		assert_false(file_is_there(p, &d[i]));
}

/* As after a crash between the rows and the files. */
static void a_file_without_a_row_is_replaced(void **state)
{
	static const char forget[] = "DELETE FROM blobs";
	struct place *p = *state;
	struct digest x = push_ok(p, A, STR("x"));

	assert_int_equal(blob_delete(p->st, A, &x, &p->err), OK);
	run_sql(p, forget);
	assert_int_equal(swept(p, &at_once, 10), 0);
	assert_true(file_is_there(p, &x));
	x = push_ok(p, A, STR("x"));
	assert_blob(p->st, A, &x, STR("x"));
}

/* ---- pushes, mounts, deletes and sweeps of the same few digests ---- */

enum { PUSHERS = 4, ROUNDS = 60, CONTENTS = 3 };

struct stress {
	struct place *p;
	atomic_int running;
	atomic_int failures;
	char text[300]; /* of some failure */
};
struct pusher {
	struct stress *stress;
	struct repo_name repo, other;
	unsigned seed;
};

static bool reads_back(
    struct store *st, struct repo_name repo, const struct digest *d, struct str content, struct err *err)
{
	char bytes[64];
	uint64_t size;
	bool same;
	int fd;

	if (blob_open(st, repo, d, &fd, &size, err))
		return false;
	same = read(fd, bytes, sizeof bytes) == (ssize_t)content.n && memcmp(bytes, content.p, content.n) == 0;
	close(fd);
	return same;
}

static enum rc one_round(struct pusher *me, unsigned n, struct err *err)
{
	static const char *const contents[CONTENTS] = {"one", "two", "three"};
	struct store *st = me->stress->p->st;
	struct str content = str_of(contents[(me->seed + n) % CONTENTS]);
	struct digest d = sha256(content);
	enum rc rc;

	TRY(push(st, me->repo, content, &d, err));
	if (!reads_back(st, me->repo, &d, content, err))
		return E_CORRUPT;
	/* a neighbour may have it or not; what was mounted is there */
	rc = blob_mount(st, NULL, me->repo, me->other, &d, err);
	if (rc && rc != E_BLOB_UNKNOWN)
		return rc;
	if (!reads_back(st, me->repo, &d, content, err))
		return E_CORRUPT;
	return blob_delete(st, me->repo, &d, err);
}

static void *push_and_delete(void *arg)
{
	struct pusher *me = arg;
	struct err err = {.text = ""};

	for (unsigned n = 0; n < ROUNDS; n++)
		if (one_round(me, n, &err) && atomic_fetch_add(&me->stress->failures, 1) == 0)
			snprintf(me->stress->text, sizeof me->stress->text, "round %u: %.200s", n, err.text);
	atomic_fetch_sub(&me->stress->running, 1);
	return NULL;
}

static void *sweep_on(void *arg)
{
	struct stress *stress = arg;
	struct err err;
	size_t removed;

	while (atomic_load(&stress->running))
		if (store_sweep(stress->p->st, &at_once, 100, &removed, &err))
			atomic_fetch_add(&stress->failures, 1);
	return NULL;
}

static void a_push_never_loses_its_file(void **state)
{
	static const struct repo_name repos[PUSHERS] = {{{"p/a", 3}}, {{"p/b", 3}}, {{"p/c", 3}}, {{"p/d", 3}}};
	struct stress stress = {.p = *state, .running = PUSHERS};
	struct pusher pushers[PUSHERS];
	pthread_t threads[PUSHERS], sweeper;

	for (unsigned i = 0; i < PUSHERS; i++) {
		pushers[i] = (struct pusher){&stress, repos[i], repos[(i + 1) % PUSHERS], i};
		assert_int_equal(pthread_create(&threads[i], NULL, push_and_delete, &pushers[i]), 0);
	}
	assert_int_equal(pthread_create(&sweeper, NULL, sweep_on, &stress), 0);
	for (size_t i = 0; i < PUSHERS; i++)
		pthread_join(threads[i], NULL);
	pthread_join(sweeper, NULL);
	if (atomic_load(&stress.failures))
		fail_msg("%d failures: %s", atomic_load(&stress.failures), stress.text);
	(void)swept(*state, &at_once, 100);
}

/* ---- kill -9 in the middle ---- */

/* The child: many blobs of which every other one is deleted and swept, for ever; says each round that is done. */
static void push_and_sweep(struct place *p, int fd)
{
	struct err err;
	char text[32];
	size_t removed;

	if (db_open(p->dir, "cove.db", &p->db, &err) || store_open(p->dir, p->db, &p->st, &err))
		_exit(1);
	for (int64_t n = 0;; n++) {
		struct str content = {
		    text, (size_t)snprintf(text, sizeof text, "%d %lld", (int)getpid(), (long long)n)};
		struct digest d = sha256(content);

		if (push(p->st, A, content, &d, &err) || (n % 2 && blob_delete(p->st, A, &d, &err)) ||
		    (n % 8 == 7 && store_sweep(p->st, &at_once, 10, &removed, &err)) ||
		    io_write_all(fd, &n, sizeof n, &err))
			_exit(1);
	}
}

static void kill_after(struct place *p, int rounds)
{
	int64_t n;
	int fds[2];
	pid_t child;

	assert_int_equal(pipe(fds), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		push_and_sweep(p, fds[1]);
	close(fds[1]);
	for (int i = 0; i < rounds; i++)
		assert_int_equal(read(fds[0], &n, sizeof n), sizeof n);
	kill(child, SIGKILL);
	close(fds[0]);
	waitpid(child, NULL, 0);
}

static void after_a_kill_every_row_has_its_file(void **state)
{
	static const char all[] = "SELECT digest, size FROM blobs";
	struct place *p = *state;
	struct db_conn *c;
	struct db_stmt *s;
	size_t count = 0;
	bool row;

	place_close(p);
	for (int round = 0; round < 10; round++)
		kill_after(p, 14 + round % 3);
	place_open(p);
	assert_int_equal(db_here(p->db, &c, &p->err), OK);
	assert_int_equal(db_prepare(c, all, &s, &p->err), OK);
	for (; !db_step(s, &row, &p->err) && row; count++) {
		struct digest d;

		assert_int_equal(digest_column(s, 0, &d, &p->err), OK);
		assert_true(file_is_there(p, &d));
	}
	assert_true(count >= 70); /* what was not deleted */
	(void)swept(p, &at_once, 1000);
}

static size_t strays(struct place *p, int64_t grace_s, unsigned folders)
{
	size_t removed;

	if (store_remove_strays(p->st, grace_s, folders, &removed, &p->err))
		fail_msg("store_remove_strays: %s", p->err.text);
	return removed;
}

/* A file as a kill leaves it: with the bytes of a blob, and no row. */
static struct digest stray(struct place *p, struct str content, int64_t age_s)
{
	struct timespec times[2] = {{.tv_sec = time(NULL) - age_s}, {.tv_sec = time(NULL) - age_s}};
	struct digest d = sha256(content);
	char path[BLOB_PATH_MAX];
	struct volume data;
	int shard;

	assert_int_equal(volume_by_id(p->st, 0, &data, &p->err), OK);
	assert_int_equal(shard_open(p->st, &data, &d, &shard, &p->err), OK);
	close(shard);
	blob_path(path, &d);
	assert_int_equal(io_write_file(p->dir, path, content, 0600, &p->err), OK);
	assert_int_equal(utimensat(p->dir, path, times, 0), 0);
	return d;
}

static void files_without_a_row_go(void **state)
{
	static const char older_database[] = "UPDATE namespaces SET created_at = 1 WHERE id = 1";
	struct place *p = *state;
	struct digest kept = push_ok(p, A, STR("kept")), old = stray(p, STR("old"), 7200),
		      fresh = stray(p, STR("fresh"), 60);
	struct claim claim;
	struct db_conn *c;
	struct db_stmt *s;

	/* the database is younger than all of them: it may have taken the place of one that was lost */
	assert_int_equal(strays(p, 3600, STRAY_FOLDERS), 0);
	assert_int_equal(db_here(p->db, &c, &p->err), OK);
	assert_int_equal(db_begin(c, &p->err), OK);
	assert_int_equal(db_prepare(c, older_database, &s, &p->err), OK);
	assert_int_equal(db_run(s, NULL, &p->err), OK);
	assert_int_equal(db_commit(c, &p->err), OK);
	/* an upload is about to give it its row */
	assert_true(claim_try(p->st, &claim, &old));
	assert_int_equal(strays(p, 3600, STRAY_FOLDERS), 0);
	claim_end(p->st, &claim);
	/* in turns */
	size_t removed = 0;
	for (unsigned i = 0; i < 64; i++)
		removed += strays(p, 3600, STRAY_FOLDERS / 64);
	assert_int_equal(removed, 1);
	assert_false(file_is_there(p, &old));
	assert_true(file_is_there(p, &fresh));
	assert_blob(p->st, A, &kept, STR("kept"));
	assert_int_equal(strays(p, 0, 2 * STRAY_FOLDERS), 1);
	assert_false(file_is_there(p, &fresh));
	assert_int_equal(io_write_file(p->dir, "blobs/sha256/00-note", STR("mine"), 0600, &p->err), OK);
	assert_int_equal(strays(p, 0, 2 * STRAY_FOLDERS), 0);
	assert_blob(p->st, A, &kept, STR("kept"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(only_what_has_no_link_goes),
	    TEST(a_link_takes_it_off_the_queue),
	    TEST(what_lost_its_file_is_not_proven),
	    TEST(only_what_was_fetched_for_the_namespace_is_linked),
	    TEST(what_a_cache_lets_go_of_goes_sooner),
	    TEST(what_was_pulled_last_stays),
	    TEST(many_go_in_steps),
	    TEST(a_file_without_a_row_is_replaced),
	    TEST(a_push_never_loses_its_file),
	    TEST(files_without_a_row_go),
	    TEST(after_a_kill_every_row_has_its_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
