/* open: the database's file, its connections, and whose they are. */
#include "db_private.h"
#include <cove/base/io.h>
#include <cove/base/log.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * Per connection. cache_size is KiB: many threads have one each, and the kernel's page cache is behind it.
 * wal_autocheckpoint is off because sync.c decides; the size limit gives the space of a WAL that had to grow back.
 */
static const char settings[] = "PRAGMA journal_mode = WAL;"
			       "PRAGMA synchronous = NORMAL;"
			       "PRAGMA wal_autocheckpoint = 0;"
			       "PRAGMA journal_size_limit = 8388608;"
			       "PRAGMA foreign_keys = ON;"
			       "PRAGMA cache_size = -256;"
			       "PRAGMA mmap_size = 0;"
			       "PRAGMA trusted_schema = OFF;"
			       /* the first read: makes the -wal file and shows whether this is a database */
			       "PRAGMA user_version;";

static int after_commit(void *ctx, sqlite3 *sqlite, const char *schema, int frames)
{
	struct db_conn *c = ctx;

	(void)sqlite;
	(void)schema;
	c->wal_frames = frames;
	return SQLITE_OK;
}

static enum rc conn_set_up(struct db_conn *c, const char *path, struct err *err)
{
	int rc = sqlite3_open_v2(path, &c->sqlite, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

	if (rc)
		return fail_sqlite(err, c->sqlite, rc, "cannot open the database");
	sqlite3_extended_result_codes(c->sqlite, 1);
	sqlite3_busy_timeout(c->sqlite, DB_BUSY_MS);
	sqlite3_db_config(c->sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	rc = sqlite3_exec(c->sqlite, settings, NULL, NULL, NULL);
	if (rc)
		return fail_sqlite(err, c->sqlite, rc, "cannot open the database");
	sqlite3_wal_hook(c->sqlite, after_commit, c);
	return OK;
}

enum rc conn_open(struct db *db, struct db_conn **out, struct err *err)
{
	struct db_conn *c = xcalloc(1, sizeof *c);
	enum rc rc;

	c->db = db;
	rc = conn_set_up(c, db->path, err);
	if (rc)
		conn_close(c);
	else
		*out = c;
	return rc;
}

void conn_close(struct db_conn *c)
{
	if (c->sqlite)
		db_rollback(c);
	statements_release(c);
	if (sqlite3_close(c->sqlite) != SQLITE_OK)
		bug("a connection with live statements");
	free(c);
}

static void forget(struct db_conn *c)
{
	struct db_conn **at;

	pthread_mutex_lock(&c->db->conns_mutex);
	for (at = &c->db->conns; *at != c; at = &(*at)->next)
		;
	*at = c->next;
	pthread_mutex_unlock(&c->db->conns_mutex);
}

/* Destructor of the thread's value. */
static void thread_ends(void *value)
{
	forget(value);
	conn_close(value);
}

enum rc db_here(struct db *db, struct db_conn **out, struct err *err)
{
	struct db_conn *c = pthread_getspecific(db->key);

	if (!c) {
		TRY(conn_open(db, &c, err));
		if (pthread_setspecific(db->key, c)) {
			conn_close(c);
			return fail(err, E_BUSY, "no memory for a database connection");
		}
		pthread_mutex_lock(&db->conns_mutex);
		c->next = db->conns;
		db->conns = c;
		pthread_mutex_unlock(&db->conns_mutex);
	}
	*out = c;
	return OK;
}

/* 0600 from its first moment: it holds password hashes. SQLite gives the -wal and -shm files the same mode. Closing the
 * fd drops no lock, as this process has no connection yet. */
static enum rc make_file(int dirfd, const char *name, struct err *err)
{
	int fd = openat(dirfd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 && errno != EEXIST)
		return fail_errno(err, E_IO, "cannot make the database %s", name);
	io_close(&fd);
	return OK;
}

static enum rc open_files(struct db *db, const char *name, struct err *err)
{
	char path[PATH_MAX];

	reserve_open(db, name);
	TRY(make_file(db->dirfd, name, err));
	TRY(db_path(db->dirfd, name, path, sizeof path, err));
	db->path = xstrdup(str_of(path));
	TRY(conn_open(db, &db->keeper, err));
	/* the real path, so that later connections do not depend on dirfd's number */
	free(db->path);
	db->path = xstrdup(str_of(sqlite3_db_filename(db->keeper->sqlite, "main")));
	return sync_open(db, err);
}

enum rc db_open_with(
    int dirfd, const char *name, const struct embedded_file *migrations, size_t count, struct db **out, struct err *err)
{
	struct db *db = xcalloc(1, sizeof *db);
	enum rc rc;

	db->sync.fd = -1;
	pthread_mutex_init(&db->conns_mutex, NULL);
	pthread_mutex_init(&db->writer, NULL);
	pthread_mutex_init(&db->checkpoint_mutex, NULL);
	pthread_mutex_init(&db->sync.mutex, NULL);
	pthread_cond_init(&db->sync.ended, NULL);
	if (pthread_key_create(&db->key, thread_ends))
		bug("no key for the connections of threads");
	db->dirfd = fcntl(dirfd, F_DUPFD_CLOEXEC, 0);
	rc = db->dirfd < 0 ? fail_errno(err, E_IO, "cannot open the database's directory") : open_files(db, name, err);
	if (!rc)
		rc = migrate(db, migrations, count, err);
	if (rc)
		db_close(db);
	else
		db_keep_reserve(*out = db);
	return rc;
}

enum rc db_open(int dirfd, const char *name, struct db **out, struct err *err)
{
	return db_open_with(dirfd, name, embedded_migrations, embedded_migrations_count, out, err);
}

void db_close(struct db *db)
{
	pthread_key_delete(db->key);
	while (db->conns) {
		struct db_conn *c = db->conns;

		db->conns = c->next;
		if (c->writing)
			bug("the database is closed inside a transaction");
		conn_close(c);
	}
	if (db->keeper)
		conn_close(db->keeper); /* the last one: checkpoints, and removes the -wal file */
	io_close(&db->sync.fd);
	io_close(&db->dirfd);
	pthread_cond_destroy(&db->sync.ended);
	pthread_mutex_destroy(&db->sync.mutex);
	pthread_mutex_destroy(&db->checkpoint_mutex);
	pthread_mutex_destroy(&db->writer);
	pthread_mutex_destroy(&db->conns_mutex);
	free(db->path);
	free(db);
}

enum rc db_backup(struct db *db, int dirfd, const char *name, struct err *err)
{
	struct db_conn *c;

	TRY(db_here(db, &c, err));
	if (db_in_transaction(c))
		bug("a backup inside a transaction");
	return copy_database(c->sqlite, dirfd, name, err);
}
