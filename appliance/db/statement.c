/* statement: prepared statements found by the address of their literal, binding, stepping, columns, and SQLite's result
 * codes as ours. */
#include "db_private.h"
#include <errno.h>
#include <limits.h>

/* A disk or file system with a fault looks the same, and has the whole database once it is mended. */
static enum rc fail_damaged(struct err *err, const char *what, const char *text)
{
	return fail(err, E_CORRUPT,
	    "%.60s: the database cannot be read (%.80s): stop cove, check the disk (dmesg, fsck), and start again. If "
	    "the error persists: move cove.db, cove.db-wal and cove.db-shm away, and copy the newest file in backups/, "
	    "or your own backup, to cove.db",
	    what, text);
}

enum rc fail_sqlite(struct err *err, sqlite3 *sqlite, int rc, const char *what)
{
	int number = sqlite ? sqlite3_system_errno(sqlite) : 0;
	const char *text = sqlite ? sqlite3_errmsg(sqlite) : sqlite3_errstr(rc);

	if (rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY || rc == SQLITE_CONSTRAINT_ROWID)
		return fail(err, E_EXISTS, "%s: %s", what, text);
	switch (rc & 0xff) {
	case SQLITE_FULL:
		return fail(err, E_DISK_FULL, "%s: %s", what, rc_sentence(E_DISK_FULL));
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return fail(err, E_BUSY, "%s: the database is in use by another process", what);
	case SQLITE_NOMEM:
		return fail(err, E_BUSY, "%s: no memory", what);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return fail_damaged(err, what, text);
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
	case SQLITE_READONLY:
		if (number == ENOSPC || number == EDQUOT || number == EFBIG)
			return fail(err, E_DISK_FULL, "%s: %s", what, rc_sentence(E_DISK_FULL));
		return fail(err, E_IO, "%.150s: %s (%d, errno %d)%s", what, text, rc, number,
		    (rc & 0xff) == SQLITE_IOERR || number == EIO ? ": the disk cannot be read or written: stop cove, "
								   "check the disk (dmesg, fsck), and start again"
								 : ": the data directory must belong to the user that "
								   "runs cove, on a file system that is not read-only");
	default:
		return fail(err, E_INTERNAL, "%s: %s (%d)", what, text, rc);
	}
}

static struct db_stmt *slot_of(struct db_conn *c, const char *literal)
{
	/* Literals lie closely together: Fibonacci hashing spreads neighbours. */
	size_t i = (size_t)(((uint64_t)(uintptr_t)literal * 0x9e3779b97f4a7c15u) >> 32) % STATEMENT_SLOTS;

	while (c->statements[i].sql && c->statements[i].sql != literal)
		i = (i + 1) % STATEMENT_SLOTS;
	return &c->statements[i];
}

enum rc db_prepare(struct db_conn *c, const char *literal, struct db_stmt **out, struct err *err)
{
	struct db_stmt *s = slot_of(c, literal);

	if (s->sql) {
		sqlite3_reset(s->stmt);
		sqlite3_clear_bindings(s->stmt);
	} else {
		int rc = sqlite3_prepare_v3(c->sqlite, literal, -1, SQLITE_PREPARE_PERSISTENT, &s->stmt, NULL);

		if (rc)
			return fail_sqlite(err, c->sqlite, rc, literal);
		if (++c->statement_count > STATEMENT_MAX)
			bug("more than %d statements", STATEMENT_MAX);
		s->sql = literal;
		s->conn = c;
	}
	s->bind_rc = SQLITE_OK;
	*out = s;
	return OK;
}

void statements_release(struct db_conn *c)
{
	for (size_t i = 0; i < STATEMENT_SLOTS; i++)
		sqlite3_finalize(c->statements[i].stmt); /* also one whose rows were not all read */
	memset(c->statements, 0, sizeof c->statements);
	c->statement_count = 0;
}

static int parameter(struct db_stmt *s, const char *name)
{
	int i = sqlite3_bind_parameter_index(s->stmt, name);

	if (i == 0)
		bug("no parameter %s in: %s", name, s->sql);
	return i;
}

static void bound(struct db_stmt *s, int rc)
{
	if (rc && !s->bind_rc)
		s->bind_rc = rc;
}

void db_bind_i64(struct db_stmt *s, const char *name, int64_t value)
{
	bound(s, sqlite3_bind_int64(s->stmt, parameter(s, name), value));
}

void db_bind_text(struct db_stmt *s, const char *name, struct str text)
{
	/* a NULL pointer would bind NULL */
	const char *p = text.p ? text.p : "";

	bound(s, sqlite3_bind_text64(s->stmt, parameter(s, name), p, text.n, SQLITE_STATIC, SQLITE_UTF8));
}

void db_bind_blob(struct db_stmt *s, const char *name, struct str bytes)
{
	const char *p = bytes.p ? bytes.p : "";

	bound(s, sqlite3_bind_blob64(s->stmt, parameter(s, name), p, bytes.n, SQLITE_STATIC));
}

void db_bind_null(struct db_stmt *s, const char *name)
{
	bound(s, sqlite3_bind_null(s->stmt, parameter(s, name)));
}

static enum rc step(struct db_stmt *s, bool *row, struct err *err)
{
	int rc = s->bind_rc ? s->bind_rc : sqlite3_step(s->stmt);
	enum rc failed;

	*row = rc == SQLITE_ROW;
	if (rc == SQLITE_ROW)
		return OK;
	failed = rc == SQLITE_DONE ? OK : fail_sqlite(err, s->conn->sqlite, rc, s->sql);
	sqlite3_reset(s->stmt);
	return failed;
}

enum rc db_step(struct db_stmt *s, bool *row, struct err *err)
{
	/* A write outside of db_begin would bypass the writer mutex and the sync: it would be acknowledged and not
	 * durable. */
	if (!s->conn->writing && !sqlite3_stmt_readonly(s->stmt))
		bug("a write outside of a transaction: %s", s->sql);
	return step(s, row, err);
}

enum rc run_control(struct db_conn *c, const char *literal, struct err *err)
{
	struct db_stmt *s;
	bool row;

	TRY(db_prepare(c, literal, &s, err));
	TRY(step(s, &row, err));
	if (row)
		sqlite3_reset(s->stmt);
	return OK;
}

enum rc db_run(struct db_stmt *s, int64_t *changes, struct err *err)
{
	bool row;

	TRY(db_step(s, &row, err));
	if (row)
		bug("a row from: %s", s->sql);
	if (changes)
		*changes = sqlite3_changes64(s->conn->sqlite);
	return OK;
}

void db_done(struct db_stmt *s)
{
	sqlite3_reset(s->stmt);
}

int64_t db_i64(struct db_stmt *s, int column)
{
	return sqlite3_column_int64(s->stmt, column);
}

struct str db_text(struct db_stmt *s, int column)
{
	const unsigned char *p = sqlite3_column_text(s->stmt, column);

	return p ? (struct str){(const char *)p, (size_t)sqlite3_column_bytes(s->stmt, column)} : STR_NONE;
}

struct str db_blob(struct db_stmt *s, int column)
{
	const void *p = sqlite3_column_blob(s->stmt, column);

	return p ? (struct str){p, (size_t)sqlite3_column_bytes(s->stmt, column)} : STR_NONE;
}

bool db_is_null(struct db_stmt *s, int column)
{
	return sqlite3_column_type(s->stmt, column) == SQLITE_NULL;
}

int64_t db_last_id(struct db_conn *c)
{
	return sqlite3_last_insert_rowid(c->sqlite);
}

static void give_plan(struct db_stmt *s, db_plan_fn *each, void *ctx)
{
	sqlite3_reset(s->stmt);
	if (sqlite3_stmt_explain(s->stmt, 2))
		bug("a statement in use: %s", s->sql);
	while (sqlite3_step(s->stmt) == SQLITE_ROW)
		each(ctx, s->sql, db_text(s, 3));
	sqlite3_reset(s->stmt);
	sqlite3_stmt_explain(s->stmt, 0);
}

void db_each_plan(struct db_conn *c, db_plan_fn *each, void *ctx)
{
	for (size_t i = 0; i < STATEMENT_SLOTS; i++)
		if (c->statements[i].sql)
			give_plan(&c->statements[i], each, ctx);
}
