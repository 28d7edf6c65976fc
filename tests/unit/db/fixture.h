/* A temporary directory with a database of two tables of its own, for the tests of db/. */
#pragma once
#include "db_private.h"
#include <cove/base/io.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <setjmp.h>
#include <stdlib.h>
#include <time.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define MIGRATION(path, sql)                                                                                           \
	{                                                                                                              \
		path, (const unsigned char *)(sql), sizeof(sql) - 1                                                    \
	}

static const struct embedded_file test_migrations[] = {
    MIGRATION("0001_a.sql", "PRAGMA application_id = 0x636f7665;"
			    "CREATE TABLE a (id INTEGER PRIMARY KEY, n INTEGER UNIQUE, t TEXT, b BLOB) STRICT;"
			    "CREATE TABLE parents (id INTEGER PRIMARY KEY) STRICT;"
			    "CREATE TABLE children (parent INTEGER REFERENCES parents (id)) STRICT;"),
    MIGRATION("0002_b.sql", "ALTER TABLE a ADD COLUMN extra INTEGER NOT NULL DEFAULT 7;"),
};

struct place {
	char path[64];
	int dir;
	struct db *db;
	struct err err;
};

static inline void place_open_db(struct place *p, size_t migrations)
{
	assert_int_equal(db_open_with(p->dir, "t.db", test_migrations, migrations, &p->db, &p->err), OK);
}

static inline int place_set_up(void **state)
{
	struct place *p = xcalloc(1, sizeof *p);

	snprintf(p->path, sizeof p->path, "/tmp/cove-db-XXXXXX");
	if (!mkdtemp(p->path))
		return -1;
	p->dir = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	place_open_db(p, 1);
	*state = p;
	return 0;
}

static inline int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

static inline int place_tear_down(void **state)
{
	struct place *p = *state;

	if (p->db)
		db_close(p->db);
	io_close(&p->dir);
	if (nftw(p->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS))
		return -1;
	free(p);
	return 0;
}

static inline struct db_conn *here(struct db *db)
{
	struct db_conn *c;
	struct err err;

	assert_int_equal(db_here(db, &c, &err), OK);
	return c;
}

/* One number from a literal without parameters. */
static inline int64_t number(struct db_conn *c, const char *literal)
{
	struct db_stmt *s;
	struct err err;
	bool row;
	int64_t n;

	assert_int_equal(db_prepare(c, literal, &s, &err), OK);
	assert_int_equal(db_step(s, &row, &err), OK);
	assert_true(row);
	n = db_i64(s, 0);
	db_done(s);
	return n;
}

/* Inserts n into a, inside a transaction of the caller's. */
static inline enum rc insert(struct db_conn *c, int64_t n, struct err *err)
{
	struct db_stmt *s;

	TRY(db_prepare(c, "INSERT INTO a (n) VALUES (:n)", &s, err));
	db_bind_i64(s, ":n", n);
	return db_run(s, NULL, err);
}
