/* transaction, sync: isolation, the writer mutex, groups, kill -9, a full disk, the length of the WAL. */
#include "fixture.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mount.h>

enum { THREADS = 8, PER_THREAD = 100 };

static void a_rollback_leaves_nothing(void **state)
{
	struct place *p = *state;
	struct db_conn *c = here(p->db);

	db_rollback(c); /* allowed in any state */
	assert_int_equal(db_begin(c, &p->err), OK);
	assert_true(db_in_transaction(c));
	assert_int_equal(insert(c, 1, &p->err), OK);
	db_rollback(c);
	assert_false(db_in_transaction(c));
	assert_int_equal(number(c, "SELECT count(*) FROM a"), 0);
	assert_int_equal(db_begin(c, &p->err), OK);
	assert_int_equal(insert(c, 1, &p->err), OK);
	assert_int_equal(db_commit(c, &p->err), OK);
	assert_int_equal(number(c, "SELECT count(*) FROM a"), 1);
	assert_int_equal(p->db->sync.written, p->db->sync.synced);
}

static void *insert_one(void *arg)
{
	struct place *p = arg;
	struct db_conn *c = here(p->db);
	struct err err;

	assert_int_equal(db_begin(c, &err), OK);
	assert_int_equal(insert(c, 1, &err), OK);
	assert_int_equal(db_commit(c, &err), OK);
	return NULL;
}

static void a_read_transaction_is_one_snapshot(void **state)
{
	struct place *p = *state;
	struct db_conn *c = here(p->db);
	pthread_t thread;

	assert_int_equal(db_begin_read(c, &p->err), OK);
	assert_int_equal(number(c, "SELECT count(*) FROM a"), 0);
	assert_int_equal(pthread_create(&thread, NULL, insert_one, p), 0);
	pthread_join(thread, NULL);
	assert_int_equal(number(c, "SELECT count(*) FROM a"), 0);
	assert_int_equal(db_commit(c, &p->err), OK);
	assert_int_equal(number(c, "SELECT count(*) FROM a"), 1);
}

static void a_lazy_commit_is_synced_by_the_next(void **state)
{
	struct place *p = *state;
	struct db_conn *c = here(p->db);

	assert_int_equal(db_begin(c, &p->err), OK);
	assert_int_equal(insert(c, 1, &p->err), OK);
	assert_int_equal(db_commit_lazy(c, &p->err), OK);
	assert_int_equal(p->db->sync.synced + 1, p->db->sync.written);
	/* one that changes nothing may be acknowledged only when what it saw is durable */
	assert_int_equal(db_begin(c, &p->err), OK);
	assert_int_equal(number(c, "SELECT count(*) FROM a"), 1);
	assert_int_equal(db_commit(c, &p->err), OK);
	assert_int_equal(p->db->sync.synced, p->db->sync.written);
}

static void *insert_many(void *arg)
{
	struct place *p = ((void **)arg)[0];
	int64_t first = (int64_t)(intptr_t)((void **)arg)[1] * PER_THREAD;
	struct db_conn *c = here(p->db);
	struct err err;

	for (int64_t i = first; i < first + PER_THREAD; i++) {
		assert_int_equal(db_begin(c, &err), OK);
		assert_int_equal(insert(c, i, &err), OK);
		assert_int_equal(i % 10 ? db_commit(c, &err) : db_commit_lazy(c, &err), OK);
	}
	return NULL;
}

static void threads_commit_side_by_side(void **state)
{
	struct place *p = *state;
	pthread_t threads[THREADS];
	void *args[THREADS][2];

	for (int i = 0; i < THREADS; i++) {
		args[i][0] = p;
		args[i][1] = (void *)(intptr_t)i;
		assert_int_equal(pthread_create(&threads[i], NULL, insert_many, args[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(number(here(p->db), "SELECT count(*) FROM a"), THREADS * PER_THREAD);
}

/* Every number that the child wrote to the pipe was committed before. */
static void acknowledged_commits_survive_a_kill(void **state)
{
	struct place *p = *state;
	int64_t acknowledged = -1;

	db_close(p->db);
	p->db = NULL;
	for (int round = 0; round < 5; round++) {
		int fds[2];
		int64_t n;
		pid_t child;

		assert_int_equal(pipe(fds), 0);
		child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			struct err err;
			struct db *db;
			struct db_conn *c;

			if (db_open_with(p->dir, "t.db", test_migrations, 1, &db, &err) || db_here(db, &c, &err))
				_exit(1);
			for (n = acknowledged + 1;; n++)
				if (db_begin(c, &err) || (insert(c, n, &err) && err.rc != E_EXISTS) ||
				    db_commit(c, &err) || io_write_all(fds[1], &n, sizeof n, &err))
					_exit(1);
		}
		close(fds[1]);
		for (int i = 0; i < 20 + round * 7; i++) {
			assert_int_equal(read(fds[0], &n, sizeof n), sizeof n);
			acknowledged = n;
		}
		kill(child, SIGKILL);
		while (read(fds[0], &n, sizeof n) == sizeof n)
			acknowledged = n;
		close(fds[0]);
		waitpid(child, NULL, 0);
		place_open_db(p, 1);
		assert_true(number(here(p->db), "SELECT count(*) FROM a") > acknowledged);
		db_close(p->db);
		p->db = NULL;
	}
}

/* After a failed sync nothing is acknowledged any more; reading goes on. */
static void a_failed_sync_stops_writing(void **state)
{
	struct place *p = *state;
	struct db_conn *c = here(p->db);
	int fds[2], kept = p->db->sync.fd;

	assert_int_equal(pipe(fds), 0); /* fdatasync of a pipe fails */
	p->db->sync.fd = fds[0];
	assert_int_equal(db_begin(c, &p->err), OK);
	assert_int_equal(insert(c, 1, &p->err), OK);
	assert_int_equal(db_commit(c, &p->err), E_IO);
	p->db->sync.fd = kept;
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(db_begin(c, &p->err), E_IO);
	assert_non_null(strstr(p->err.text, "restart"));
	assert_int_equal(number(c, "SELECT count(*) FROM a"), 1);
}

static enum rc insert_big(struct db_conn *c, size_t size, struct err *err)
{
	struct db_stmt *s;
	enum rc rc;

	TRY(db_begin(c, err));
	rc = db_prepare(c, "INSERT INTO a (b) VALUES (zeroblob(:size))", &s, err);
	if (!rc) {
		db_bind_i64(s, ":size", (int64_t)size);
		rc = db_run(s, NULL, err);
	}
	if (!rc)
		return db_commit(c, err);
	db_rollback(c);
	return rc;
}

static void the_log_does_not_grow_without_bound(void **state)
{
	struct place *p = *state;
	struct db_conn *c = here(p->db);
	struct stat st;

	for (int i = 0; i < 100; i++)
		assert_int_equal(insert_big(c, 1 << 20, &p->err), OK);
	assert_int_equal(fstat(p->db->sync.fd, &st), 0);
	assert_true(st.st_size < 16 << 20);
}

struct reader {
	struct place *p;
	pthread_barrier_t *barrier;
};

static void *read_for_long(void *arg)
{
	struct reader *r = arg;
	struct db_conn *c = here(r->p->db);
	struct err err;

	assert_int_equal(db_begin_read(c, &err), OK);
	assert_int_equal(number(c, "SELECT count(*) FROM a"), 0);
	pthread_barrier_wait(r->barrier);
	pthread_barrier_wait(r->barrier);
	assert_int_equal(number(c, "SELECT count(*) FROM a"), 0);
	db_rollback(c);
	return NULL;
}

/* A long reader keeps the WAL from restarting; once it has gone the WAL is short again. */
static void a_reader_only_delays_the_checkpoint(void **state)
{
	struct place *p = *state;
	struct db_conn *c = here(p->db);
	pthread_barrier_t barrier;
	struct reader r = {p, &barrier};
	pthread_t thread;

	pthread_barrier_init(&barrier, NULL, 2);
	assert_int_equal(pthread_create(&thread, NULL, read_for_long, &r), 0);
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < 30; i++)
		assert_int_equal(insert_big(c, 1 << 20, &p->err), OK);
	assert_true(c->wal_frames > 4000);
	pthread_barrier_wait(&barrier);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&barrier);
	for (int i = 0; i < 8; i++)
		assert_int_equal(insert_big(c, 1 << 20, &p->err), OK);
	assert_true(c->wal_frames < 4000);
}

static void a_full_disk_is_told_and_survived(void **state)
{
	struct place *p = *state;
	struct place small = {.dir = -1};
	struct db_conn *c;
	enum rc rc = OK;

	snprintf(small.path, sizeof small.path, "%.50s/small", p->path);
	assert_int_equal(mkdir(small.path, 0700), 0);
	if (mount("tmpfs", small.path, "tmpfs", 0, "size=1m"))
		fail_msg("this test mounts a tmpfs: run it as root (errno %d)", errno);
	small.dir = open(small.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	place_open_db(&small, 1);
	c = here(small.db);
	for (int i = 0; i < 100 && !rc; i++)
		rc = insert_big(c, 50000, &small.err);
	assert_int_equal(rc, E_DISK_FULL);
	int64_t count = number(c, "SELECT count(*) FROM a");
	assert_true(count > 0);
	if (mount("tmpfs", small.path, "tmpfs", MS_REMOUNT, "size=4m"))
		fail_msg("the tmpfs cannot be made larger (errno %d)", errno);
	assert_int_equal(insert_big(c, 50000, &small.err), OK);
	db_close(small.db);
	place_open_db(&small, 1);
	assert_int_equal(number(here(small.db), "SELECT count(*) FROM a"), count + 1);
	db_close(small.db);
	io_close(&small.dir);
	assert_int_equal(umount(small.path), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, place_set_up, place_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_rollback_leaves_nothing),
	    TEST(a_read_transaction_is_one_snapshot),
	    TEST(a_lazy_commit_is_synced_by_the_next),
	    TEST(threads_commit_side_by_side),
	    TEST(acknowledged_commits_survive_a_kill),
	    TEST(a_failed_sync_stops_writing),
	    TEST(the_log_does_not_grow_without_bound),
	    TEST(a_reader_only_delays_the_checkpoint),
	    TEST(a_full_disk_is_told_and_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
