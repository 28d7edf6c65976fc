/*
 * db: the SQLite layer: opening, migrating, preparing, transactions, durability. It does not know the meaning of the
 * tables.
 *
 * One struct db per process. Each thread has its own connection, opened at its first use and found through db_here(); a
 * connection is never shared. Statements are string literals, prepared once per connection and found again by their
 * address; no SQL is ever made from strings. WAL; one writer at a time behind a process mutex, so SQLITE_BUSY can only
 * be caused by another process (a `cove` command beside the server); the busy timeout waits for it.
 *
 * Durability: a transaction ends in two steps. COMMIT writes the WAL (synchronous=NORMAL) under the mutex; then, with
 * the mutex free, the thread joins the group sync: one fdatasync of the WAL serves all who committed before it began.
 * db_commit() returns when that is done: acknowledged means durable. A transaction that had nothing to change must also
 * end with db_commit(): it waits until the commits that it has seen are durable. After a failed sync, db_begin()
 * returns E_IO until a restart; reading still works.
 *
 * No other code may open the database file or its -shm: closing such an fd would drop SQLite's locks.
 */
#pragma once
#include <cove/base/err.h>

struct db;
struct db_conn;
struct db_stmt;

/* Opens (or creates) the database file in the directory and migrates it. Before it migrates an existing database, it
 * saves a copy in backups/. A newer schema than this program's is refused with a sentence. */
CHECKED enum rc db_open(int dirfd, const char *name, struct db **out, struct err *err);
/* Closes the connections of all threads: other threads must have ended or must not use the database any more.
 * Checkpoints. */
void db_close(struct db *db);
/* Reserves some space while the disk has room, so that deletions can still be recorded when it is full. To be called
 * from time to time. */
void db_keep_reserve(struct db *db);

/* This thread's connection, valid until the thread ends (which rolls back and ends its SELECTs) or db_close. */
CHECKED enum rc db_here(struct db *db, struct db_conn **out, struct err *err);

/*
 * Transactions. Reads outside of one see the newest state, statement by statement. db_begin_read gives several
 * statements one snapshot. db_begin takes the writer mutex and BEGIN IMMEDIATE; db_commit makes it durable. A commit
 * ends the transaction whether it fails or not; db_rollback may be called in any state. They do not nest, and a write
 * outside of db_begin is a bug().
 */
CHECKED enum rc db_begin(struct db_conn *c, struct err *err);
CHECKED enum rc db_begin_read(struct db_conn *c, struct err *err);
CHECKED enum rc db_commit(struct db_conn *c, struct err *err);
/* Like db_commit, but does not wait for the disk: for data that may be lost (last use, pull counts). */
CHECKED enum rc db_commit_lazy(struct db_conn *c, struct err *err);
void db_rollback(struct db_conn *c);
bool db_in_transaction(const struct db_conn *c);

/* The prepared form of a string literal (the address is the key), reset and without bindings. Owned by the connection.
 */
CHECKED enum rc db_prepare(struct db_conn *c, const char *literal, struct db_stmt **out, struct err *err);
/* Parameters by name (":digest"). Bytes are not copied: they must live until the statement is reset. */
void db_bind_i64(struct db_stmt *s, const char *name, int64_t value);
void db_bind_text(struct db_stmt *s, const char *name, struct str text);
void db_bind_blob(struct db_stmt *s, const char *name, struct str bytes);
void db_bind_null(struct db_stmt *s, const char *name);
/* One step: *row says whether there is a row. At the end, or on a failure, the statement is reset. A broken UNIQUE or
 * PRIMARY KEY is E_EXISTS; a full disk is E_DISK_FULL. */
CHECKED enum rc db_step(struct db_stmt *s, bool *row, struct err *err);
/* For statements that return no rows. *changes may be NULL. */
CHECKED enum rc db_run(struct db_stmt *s, int64_t *changes, struct err *err);
/* Ends a SELECT early; a no-op on a reset statement. */
void db_done(struct db_stmt *s);
/* Columns of the current row, from 0. Text and blobs are borrowed until the next step. */
int64_t db_i64(struct db_stmt *s, int column);
struct str db_text(struct db_stmt *s, int column);
struct str db_blob(struct db_stmt *s, int column);
bool db_is_null(struct db_stmt *s, int column);
int64_t db_last_id(struct db_conn *c);

/* An online copy (SQLite's backup API) to a file that must not exist (E_EXISTS); durable, under its name, when this
 * returns. Not inside a transaction. */
CHECKED enum rc db_backup(struct db *db, int dirfd, const char *name, struct err *err);

/* For tests: the query plan of every statement that this connection has prepared, line by line. None may be in use. */
typedef void db_plan_fn(void *ctx, const char *sql, struct str line);
void db_each_plan(struct db_conn *c, db_plan_fn *each, void *ctx);
