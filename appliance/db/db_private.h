/*
 * db_private: what the files of db/ share. Lock order: writer, then sync.mutex or conns_mutex (leaves).
 */
#pragma once
#include <cove/db/db.h>
#include <cove/base/embed.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

/* How long a statement waits for another process (a `cove` command beside the server). */
#define DB_BUSY_MS 5000

/* Slots of a connection's statement table; a program has a fixed number of literals, far fewer than these. */
#define STATEMENT_SLOTS 512
#define STATEMENT_MAX (STATEMENT_SLOTS / 2)

struct db_stmt {
	const char *sql; /* the literal: the key */
	sqlite3_stmt *stmt;
	struct db_conn *conn;
	int bind_rc; /* the first failure of a bind, reported by the next step */
};

struct db_conn {
	struct db *db;
	sqlite3 *sqlite;
	struct db_conn *next;
	bool writing;   /* between db_begin and its end: holds db->writer */
	int wal_frames; /* frames in the WAL after our last commit, by the WAL hook; 0: that commit wrote nothing */
	size_t statement_count;
	struct db_stmt statements[STATEMENT_SLOTS]; /* open addressing by the literal's address */
};

/* The group sync (sync.c). */
struct db_sync {
	pthread_mutex_t mutex;
	pthread_cond_t ended;
	int fd;           /* of the -wal file: ours, for fdatasync only */
	uint64_t written; /* commits whose frames are in the file */
	uint64_t synced;  /* of these, the first so many are on disk */
	bool running;     /* a leader is in fdatasync */
	bool broken;      /* an fdatasync failed: nothing can be promised any more */
};

struct db {
	char *path; /* absolute */
	int dirfd;
	struct db_conn *keeper; /* never used by a thread's work; while it is open no process deletes the -wal file */
	pthread_key_t key;      /* -> this thread's struct db_conn */
	pthread_mutex_t conns_mutex;
	struct db_conn *conns; /* of all threads */
	pthread_mutex_t writer;
	struct db_sync sync;
	char reserve[224]; /* name of the file that keeps room */
	atomic_bool has_reserve;
	pthread_mutex_t checkpoint_mutex; /* held by the thread that checkpoints; nobody waits for it */
	int checkpoint_at;                /* frames; under checkpoint_mutex */
};

/* open.c */
/* db_open with another table of migrations: for the tests. */
CHECKED enum rc db_open_with(int dirfd, const char *name, const struct embedded_file *migrations, size_t count,
    struct db **out, struct err *err);
CHECKED enum rc conn_open(struct db *db, struct db_conn **out, struct err *err);
void conn_close(struct db_conn *c);

/* path.c */
/* A path that SQLite can open for a name inside a directory. E_IO when it is too long. */
CHECKED enum rc db_path(int dirfd, const char *name, char *out, size_t size, struct err *err);

/* statement.c: the failure `rc` of `sqlite` as ours; `what` names the work. */
enum rc fail_sqlite(struct err *err, sqlite3 *sqlite, int rc, const char *what) __attribute__((cold));
/* Runs a literal that gives no rows and may be a BEGIN, a COMMIT or a ROLLBACK. */
CHECKED enum rc run_control(struct db_conn *c, const char *literal, struct err *err);
void statements_release(struct db_conn *c);

/* migrate.c */
CHECKED enum rc migrate(struct db *db, const struct embedded_file *migrations, size_t count, struct err *err);

/* reserve.c */
void reserve_open(struct db *db, const char *name);
/* When the disk is full: before anything is written. */
void reserve_give(struct db *db);

/* backup.c: an online copy of what `from` sees. */
CHECKED enum rc copy_database(sqlite3 *from, int dirfd, const char *name, struct err *err);

/* sync.c */
/* Opens sync.fd, once a connection has made the file. */
CHECKED enum rc sync_open(struct db *db, struct err *err);
/* Counts a commit whose COMMIT is done; under db->writer. Returns the number to wait for. */
uint64_t sync_written(struct db *db, bool wrote);
CHECKED enum rc sync_wait(struct db *db, uint64_t commit, struct err *err);
/* E_IO after a failed sync. */
CHECKED enum rc sync_check(struct db *db, struct err *err);
/* Keeps the WAL short; after a commit, without locks. */
void checkpoint_if_due(struct db_conn *c);
