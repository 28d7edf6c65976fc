/* transaction: begin, commit, roll back; who holds the writer mutex. */
#include "db_private.h"

enum rc db_begin(struct db_conn *c, struct err *err)
{
	enum rc rc;

	if (db_in_transaction(c))
		bug("transactions do not nest");
	TRY(sync_check(c->db, err));
	reserve_give(c->db);
	pthread_mutex_lock(&c->db->writer);
	rc = run_control(c, "BEGIN IMMEDIATE", err);
	if (rc) {
		pthread_mutex_unlock(&c->db->writer);
		return rc;
	}
	c->writing = true;
	c->wal_frames = 0;
	return OK;
}

enum rc db_begin_read(struct db_conn *c, struct err *err)
{
	if (db_in_transaction(c))
		bug("transactions do not nest");
	return run_control(c, "BEGIN", err);
}

/* Ends the transaction whatever happens. *commit is the number to wait for. */
static enum rc commit(struct db_conn *c, uint64_t *number, struct err *err)
{
	enum rc rc;

	*number = 0;
	if (!db_in_transaction(c) && !c->writing)
		bug("a commit without a transaction");
	rc = run_control(c, "COMMIT", err);
	if (rc || !c->writing) {
		db_rollback(c);
		return rc;
	}
	*number = sync_written(c->db, c->wal_frames > 0);
	c->writing = false;
	pthread_mutex_unlock(&c->db->writer);
	return OK;
}

enum rc db_commit(struct db_conn *c, struct err *err)
{
	uint64_t number;

	TRY(commit(c, &number, err));
	if (number == 0)
		return OK;
	TRY(sync_wait(c->db, number, err));
	checkpoint_if_due(c);
	return OK;
}

enum rc db_commit_lazy(struct db_conn *c, struct err *err)
{
	uint64_t number;

	TRY(commit(c, &number, err));
	if (number)
		checkpoint_if_due(c);
	return OK;
}

void db_rollback(struct db_conn *c)
{
	/* SQLite ends the transaction itself on some failures (disk full, I/O, memory); there is nothing left to do
	 * then. */
	if (!sqlite3_get_autocommit(c->sqlite))
		sqlite3_exec(c->sqlite, "ROLLBACK", NULL, NULL, NULL);
	if (c->writing) {
		c->writing = false;
		pthread_mutex_unlock(&c->db->writer);
	}
}

bool db_in_transaction(const struct db_conn *c)
{
	return !sqlite3_get_autocommit(c->sqlite);
}
