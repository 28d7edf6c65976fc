/* open, migrate: whose file, which schema, which mode, whose connection. */
#include "fixture.h"
#include <dirent.h>
#include <pthread.h>

static void reopen(struct place *p, size_t migrations)
{
	db_close(p->db);
	p->db = NULL;
	place_open_db(p, migrations);
}

static size_t entries(struct place *p, const char *folder)
{
	char path[128];
	DIR *dir;
	size_t count = 0;

	snprintf(path, sizeof path, "%s/%s", p->path, folder);
	dir = opendir(path);
	if (!dir)
		return 0;
	for (struct dirent *e = readdir(dir); e; e = readdir(dir))
		count += e->d_name[0] != '.';
	closedir(dir);
	return count;
}

static void a_new_file_is_for_the_owner_only(void **state)
{
	static const char *const names[] = {"t.db", "t.db-wal", "t.db-shm"};
	struct place *p = *state;
	struct stat st;

	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(fstatat(p->dir, names[i], &st, 0), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
	}
	assert_int_equal(entries(p, "backups"), 0);
}

static void settings_hold_on_every_connection(void **state)
{
	struct place *p = *state;
	struct db_conn *c = here(p->db);

	assert_int_equal(number(c, "PRAGMA synchronous"), 1);
	assert_int_equal(number(c, "PRAGMA foreign_keys"), 1);
	assert_int_equal(number(c, "PRAGMA wal_autocheckpoint"), 0);
	assert_int_equal(number(c, "PRAGMA cache_size"), -256);
	assert_int_equal(number(c, "PRAGMA application_id"), 0x636f7665);
	assert_int_equal(number(p->db->keeper, "PRAGMA foreign_keys"), 1);
}

static void a_migration_keeps_a_copy_of_the_old_database(void **state)
{
	struct place *p = *state;
	struct db_conn *c = here(p->db);

	assert_int_equal(db_begin(c, &p->err), OK);
	assert_int_equal(insert(c, 42, &p->err), OK);
	assert_int_equal(db_commit(c, &p->err), OK);
	reopen(p, 2);
	assert_int_equal(entries(p, "backups"), 1);
	assert_int_equal(number(here(p->db), "PRAGMA user_version"), 2);
	assert_int_equal(number(here(p->db), "SELECT extra FROM a WHERE n = 42"), 7);
	reopen(p, 2); /* nothing to do: no second copy */
	assert_int_equal(entries(p, "backups"), 1);
}

static void a_failed_migration_changes_nothing(void **state)
{
	static const struct {
		struct embedded_file file;
		enum rc want;
	} rows[] = {
	    {MIGRATION("0002_bad.sql", "CREATE TABLE b (x INTEGER); INSERT INTO nowhere VALUES (1);"), E_INTERNAL},
	    {MIGRATION("0002_key.sql", "CREATE TABLE b (x INTEGER); INSERT INTO children VALUES (9);"), E_CORRUPT},
	};
	struct place *p = *state;

	for (size_t i = 0; i < 2; i++) {
		struct embedded_file files[] = {test_migrations[0], rows[i].file};

		db_close(p->db);
		p->db = NULL;
		assert_int_equal(db_open_with(p->dir, "t.db", files, 2, &p->db, &p->err), rows[i].want);
		assert_null(p->db);
		place_open_db(p, 1);
		assert_int_equal(number(here(p->db), "PRAGMA user_version"), 1);
		assert_int_equal(number(here(p->db), "SELECT count(*) FROM sqlite_schema WHERE name = 'b'"), 0);
		assert_int_equal(number(here(p->db), "PRAGMA foreign_keys"), 1);
	}
}

static void what_is_not_ours_is_refused(void **state)
{
	struct place *p = *state;
	struct db *db = NULL;
	sqlite3 *other;
	char path[128];

	reopen(p, 2);
	db_close(p->db);
	p->db = NULL;
	assert_int_equal(db_open_with(p->dir, "t.db", test_migrations, 1, &db, &p->err), E_CONFIG); /* newer */
	assert_non_null(strstr(p->err.text, "newer"));

	snprintf(path, sizeof path, "%s/foreign.db", p->path);
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "CREATE TABLE x (y)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	assert_int_equal(db_open_with(p->dir, "foreign.db", test_migrations, 1, &db, &p->err), E_CONFIG);

	char junk[8192];
	memset(junk, 'x', sizeof junk);
	assert_int_equal(io_write_file(p->dir, "junk.db", (struct str){junk, sizeof junk}, 0600, &p->err), OK);
	assert_int_equal(db_open_with(p->dir, "junk.db", test_migrations, 1, &db, &p->err), E_CORRUPT);
	assert_int_equal(mkdirat(p->dir, "folder.db", 0700), 0);
	assert_int_equal(db_open_with(p->dir, "folder.db", test_migrations, 1, &db, &p->err), E_IO);
	assert_int_equal(db_open_with(-1, "t.db", test_migrations, 1, &db, &p->err), E_IO);
	assert_null(db);
}

static void must_run(struct db *db, const char *sql)
{
	struct db_conn *c = here(db);
	struct db_stmt *s;
	struct err err;

	assert_int_equal(db_begin(c, &err), OK);
	assert_int_equal(db_prepare(c, sql, &s, &err), OK);
	assert_int_equal(db_run(s, NULL, &err), OK);
	assert_int_equal(db_commit(c, &err), OK);
}

static void cut_annotations_are_read_again(void **state)
{
	static const char cut[] =
	    "INSERT INTO manifests (repository, digest, media_type, size, pushed_at, subject, annotations,"
	    " bytes) VALUES (1, zeroblob(32), 't', 1, 1, zeroblob(32), '{\"a\":\"',"
	    " CAST('{\"b\":1, \"annotations\": {\"a\": \"c\"}}' AS BLOB))";
	struct place *p = *state;
	struct db *db;

	assert_int_equal(db_open_with(p->dir, "real.db", embedded_migrations, 5, &db, &p->err), OK);
	must_run(db, "INSERT INTO repositories (name, created_at) VALUES ('r', 1)");
	must_run(db, cut);
	db_close(db);
	assert_int_equal(db_open(p->dir, "real.db", &db, &p->err), OK);
	assert_int_equal(number(here(db), "SELECT count(*) FROM manifests WHERE annotations = '{\"a\":\"c\"}'"), 1);
	db_close(db);
}

/* Our own migrations apply, in order, to an empty database. */
static void the_real_schema_opens(void **state)
{
	struct place *p = *state;
	struct db *db;

	assert_int_equal(db_open(p->dir, "real.db", &db, &p->err), OK);
	assert_int_equal(number(here(db), "PRAGMA user_version"), (int64_t)embedded_migrations_count);
	assert_int_equal(number(here(db), "SELECT count(*) FROM sqlite_schema WHERE name = 'repositories'"), 1);
	db_close(db);
	for (size_t i = 0; i < embedded_migrations_count; i++) {
		uint64_t n;
		assert_true(str_u64(str_first(str_of(embedded_migrations[i].path), 4), &n));
		assert_int_equal(n, i + 1);
	}
}

static void *use_and_end(void *arg)
{
	struct place *p = arg;
	struct db_conn *c = here(p->db);
	struct db_stmt *s;
	struct err err;
	bool row;

	assert_ptr_equal(c, here(p->db));
	assert_ptr_not_equal(c, p->db->keeper);
	/* left unfinished on purpose */
	assert_int_equal(db_prepare(c, "SELECT 1 UNION ALL SELECT 2", &s, &err), OK);
	assert_int_equal(db_step(s, &row, &err), OK);
	return NULL;
}

static void *end_inside_a_transaction(void *arg)
{
	struct place *p = arg;
	struct db_conn *c = here(p->db);
	struct err err;

	assert_int_equal(db_begin(c, &err), OK);
	assert_int_equal(insert(c, 1, &err), OK);
	return NULL;
}

static void a_thread_takes_its_connection_with_it(void **state)
{
	struct place *p = *state;
	struct db_conn *c = here(p->db);
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, use_and_end, p), 0);
	pthread_join(thread, NULL);
	assert_ptr_equal(p->db->conns, c);
	assert_null(c->next);
	assert_int_equal(pthread_create(&thread, NULL, end_inside_a_transaction, p), 0);
	pthread_join(thread, NULL);
	assert_int_equal(db_begin(c, &p->err), OK); /* the mutex is free, and nothing was stored */
	db_rollback(c);
	assert_int_equal(number(c, "SELECT count(*) FROM a"), 0);
}

static void *open_and_wait(void *arg)
{
	pthread_barrier_t *barrier = ((void **)arg)[0];
	struct place *p = ((void **)arg)[1];

	use_and_end(p);
	pthread_barrier_wait(barrier);
	pthread_barrier_wait(barrier); /* closed in between */
	return NULL;
}

static void closing_takes_the_connections_of_living_threads(void **state)
{
	struct place *p = *state;
	pthread_barrier_t barrier;
	void *arg[] = {&barrier, p};
	pthread_t thread;

	pthread_barrier_init(&barrier, NULL, 2);
	assert_int_equal(pthread_create(&thread, NULL, open_and_wait, arg), 0);
	pthread_barrier_wait(&barrier);
	db_close(p->db);
	p->db = NULL;
	pthread_barrier_wait(&barrier);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&barrier);
	assert_int_equal(faccessat(p->dir, "t.db-wal", F_OK, 0), -1); /* checkpointed */
	place_open_db(p, 1);
}

static void a_backup_is_a_whole_database(void **state)
{
	struct place *p = *state;
	struct db_conn *c = here(p->db);
	struct db *copy;

	assert_int_equal(db_begin(c, &p->err), OK);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(insert(c, i, &p->err), OK);
	assert_int_equal(db_commit(c, &p->err), OK);
	assert_int_equal(db_backup(p->db, p->dir, "copy.db", &p->err), OK);
	assert_int_equal(db_backup(p->db, p->dir, "copy.db", &p->err), E_EXISTS);
	assert_int_equal(db_backup(p->db, -1, "copy.db", &p->err), E_IO);
	assert_int_equal(faccessat(p->dir, "copy.db.tmp", F_OK, 0), -1);
	assert_int_equal(db_begin(c, &p->err), OK);
	assert_int_equal(insert(c, 1000, &p->err), OK);
	assert_int_equal(db_commit(c, &p->err), OK);
	assert_int_equal(db_open_with(p->dir, "copy.db", test_migrations, 1, &copy, &p->err), OK);
	assert_int_equal(number(here(copy), "SELECT count(*) FROM a"), 1000);
	db_close(copy);
	assert_int_equal(number(c, "SELECT count(*) FROM a"), 1001);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, place_set_up, place_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_new_file_is_for_the_owner_only),
	    TEST(settings_hold_on_every_connection),
	    TEST(a_migration_keeps_a_copy_of_the_old_database),
	    TEST(a_failed_migration_changes_nothing),
	    TEST(what_is_not_ours_is_refused),
	    TEST(the_real_schema_opens),
	    TEST(cut_annotations_are_read_again),
	    TEST(a_thread_takes_its_connection_with_it),
	    TEST(closing_takes_the_connections_of_living_threads),
	    TEST(a_backup_is_a_whole_database),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
