/*
 * migrate: brings the schema to that of this binary. PRAGMA user_version is the number of migrations applied; each runs
 * in its own transaction, which sets it. On the keeper, before any other connection of this process exists.
 */
#include "db_private.h"
#include <cove/base/clock.h>
#include <cove/base/io.h>
#include <cove/base/log.h>
#include <limits.h>
#include <stdio.h>

/* "cove" in ASCII; set by 0001_init.sql */
enum { APPLICATION_ID = 0x636f7665 };

static enum rc read_number(struct db_conn *c, const char *literal, int64_t *out, struct err *err)
{
	struct db_stmt *s;
	bool row;

	TRY(db_prepare(c, literal, &s, err));
	TRY(db_step(s, &row, err));
	*out = row ? db_i64(s, 0) : 0;
	db_done(s);
	return OK;
}

static enum rc read_version(struct db_conn *c, int64_t *out, struct err *err)
{
	return read_number(c, "PRAGMA user_version", out, err);
}

/* Ours, or empty. */
static enum rc check_owner(struct db *db, struct err *err)
{
	int64_t id, tables;

	TRY(read_number(db->keeper, "PRAGMA application_id", &id, err));
	TRY(read_number(db->keeper, "SELECT count(*) FROM sqlite_schema", &tables, err));
	if (id == APPLICATION_ID || (id == 0 && tables == 0))
		return OK;
	return fail(err, E_CONFIG, "%s is not a cove database: choose another data directory", db->path);
}

/* backups/before-schema-2-20261123T210405Z.db */
static enum rc keep_copy(struct db *db, int64_t version, struct err *err)
{
	char now[21], name[64];
	int backups;
	enum rc rc;

	clock_rfc3339(now, clock_wall_s());
	snprintf(name, sizeof name, "before-schema-%lld-%.4s%.2s%.5s%.2s%.3s.db", (long long)version, now, now + 5,
	    now + 8, now + 14, now + 17);
	TRY(io_open_dir(db->dirfd, "backups", 0700, &backups, err));
	rc = copy_database(db->keeper->sqlite, backups, name, err);
	io_close(&backups);
	if (!rc)
		log_info("db.backup", "file=backups/%s", name);
	return rc == E_EXISTS ? OK : rc; /* of this very second */
}

static enum rc run_script(struct db_conn *c, const char *sql, const char *what, struct err *err)
{
	int rc = sqlite3_exec(c->sqlite, sql, NULL, NULL, NULL);

	return rc ? fail_sqlite(err, c->sqlite, rc, what) : OK;
}

/* Foreign keys are off, so that a migration may build a table anew; they must hold at its end. */
static enum rc check_keys(struct db_conn *c, const char *what, struct err *err)
{
	struct db_stmt *s;
	bool row;

	TRY(db_prepare(c, "PRAGMA foreign_key_check", &s, err));
	TRY(db_step(s, &row, err));
	db_done(s);
	return row ? fail(err, E_CORRUPT, "%s: rows refer to rows that do not exist", what) : OK;
}

/* Another process may have applied it in between: the version is read again inside. */
static enum rc apply_inside(struct db_conn *c, const struct embedded_file *file, int64_t number, struct err *err)
{
	char set_version[48];
	int64_t version;

	TRY(read_version(c, &version, err));
	if (version >= number)
		return OK;
	TRY(run_script(c, (const char *)file->bytes, file->path, err));
	TRY(check_keys(c, file->path, err));
	/* a PRAGMA takes no parameters; the number is ours */
	snprintf(set_version, sizeof set_version, "PRAGMA user_version = %lld", (long long)number);
	return run_script(c, set_version, file->path, err);
}

static enum rc apply(struct db_conn *c, const struct embedded_file *file, int64_t number, struct err *err)
{
	enum rc rc;

	TRY(db_begin(c, err));
	rc = apply_inside(c, file, number, err);
	if (!rc)
		return db_commit(c, err);
	db_rollback(c);
	return rc;
}

enum rc migrate(struct db *db, const struct embedded_file *migrations, size_t count, struct err *err)
{
	struct db_conn *c = db->keeper;
	int64_t version;
	enum rc rc;

	TRY(check_owner(db, err));
	TRY(read_version(c, &version, err));
	if (version > (int64_t)count)
		return fail(err, E_CONFIG,
		    "the database was written by a newer cove (schema %lld; this version supports up to %zu): install "
		    "that version, or restore a copy from backups/",
		    (long long)version, count);
	if (version == (int64_t)count)
		return OK;
	if (version > 0)
		TRY(keep_copy(db, version, err));
	TRY(run_script(c, "PRAGMA foreign_keys = OFF", "migration", err));
	rc = OK;
	for (int64_t i = version; !rc && i < (int64_t)count; i++)
		rc = apply(c, &migrations[i], i + 1, err);
	TRY(rc);
	if (version)
		log_info("db.migrated", "from=%lld to=%zu", (long long)version, count);
	/* statements prepared during a migration know old tables */
	statements_release(c);
	return run_script(c, "PRAGMA foreign_keys = ON", "migration", err);
}
