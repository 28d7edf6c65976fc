/*
 * tally: events that peers can cause as they like. They are counted in memory, by key in TALLY_SLOTS slots and one more
 * for the rest, and reach the database in batches: at once while the bucket of writes has one left, else with the next
 * audit_tend(). So a flood costs two small commits a minute, none of which waits for the disk: an attacker neither
 * fills the log nor wears out an SD card.
 */
#include "private.h"
#include <cove/base/clock.h>
#include <cove/base/log.h>
#include <pthread.h>

enum {
	WINDOW_MS = 60 * 1000,
	WRITES_AT_ONCE = 20, /* size of the bucket */
	WRITE_EVERY_MS = 30 * 1000,
	REST = TALLY_SLOTS, /* the slot of all that has none */
	TRIM_STEP = 1000,   /* rows a transaction */
};

struct slot {
	char user[AUDIT_NAME_MAX + 1], peer[AUDIT_NAME_MAX + 1], action[AUDIT_NAME_MAX + 1];
	char object[AUDIT_TEXT_MAX + 1], detail[AUDIT_TEXT_MAX + 1];
	bool refused;
	int64_t at;         /* seconds, wall clock */
	int64_t started_ms; /* monotonic */
	int64_t count, written, row;
};

struct audit {
	struct db *db;
	pthread_mutex_t lock;    /* of the members below; nothing else is called under it */
	pthread_mutex_t writing; /* one batch at a time; taken before `lock` */
	int64_t bucket_ms;       /* when the bucket of writes would be full again */
	struct slot slots[TALLY_SLOTS + 1];
};

struct audit *audit_open(struct db *db)
{
	struct audit *a = xcalloc(1, sizeof(*a));

	a->db = db;
	pthread_mutex_init(&a->lock, NULL);
	pthread_mutex_init(&a->writing, NULL);
	return a;
}

static bool is_dirty(const struct slot *s)
{
	return s->count != s->written;
}

/* It may take another event of a new window: also at its first use. */
static bool is_over(const struct slot *s, int64_t now)
{
	return !is_dirty(s) && (!s->count || now - s->started_ms >= WINDOW_MS);
}

static void fill(struct slot *s, const struct audit_entry *e, int64_t now)
{
	*s = (struct slot){.at = clock_wall_s(), .started_ms = now, .refused = e->refused};
	str_print(s->user, AUDIT_NAME_MAX, e->user);
	str_print(s->peer, AUDIT_NAME_MAX, e->peer);
	str_print(s->action, AUDIT_NAME_MAX, e->action);
	str_print(s->object, AUDIT_TEXT_MAX, e->object);
	str_print(s->detail, AUDIT_TEXT_MAX, e->detail);
}

static bool is_same(const struct slot *a, const struct slot *b)
{
	return a->refused == b->refused && strcmp(a->user, b->user) == 0 && strcmp(a->peer, b->peer) == 0 &&
	       strcmp(a->action, b->action) == 0 && strcmp(a->object, b->object) == 0;
}

/* The slot that counts this event, begun anew where need be. Under the lock. */
static struct slot *find(struct audit *a, const struct slot *fresh, int64_t now)
{
	static const struct audit_entry rest = {
	    .action = STR("flood"), .detail = STR("too many different events to record each of them"), .refused = true};
	struct slot *empty = NULL;

	for (size_t i = 0; i < TALLY_SLOTS; i++) {
		struct slot *s = &a->slots[i];

		if (is_over(s, now))
			empty = empty ? empty : s;
		else if (is_same(s, fresh))
			return s;
	}
	if (empty) {
		*empty = *fresh;
		return empty;
	}
	if (is_over(&a->slots[REST], now))
		fill(&a->slots[REST], &rest, now);
	return &a->slots[REST];
}

/* Under the lock. */
static bool may_write(struct audit *a, int64_t now)
{
	if (a->bucket_ms < now)
		a->bucket_ms = now;
	if (a->bucket_ms - now > (WRITES_AT_ONCE - 1) * (int64_t)WRITE_EVERY_MS)
		return false;
	a->bucket_ms += WRITE_EVERY_MS;
	return true;
}

static enum rc write_slot(struct db_conn *c, struct slot *s, struct err *err)
{
	static const char update[] = "UPDATE audit SET count = :count WHERE id = :id";
	struct db_stmt *stmt;

	if (!s->row)
		return audit_insert(c,
		    &(struct audit_entry){.at = s->at,
			.user = str_of(s->user),
			.peer = str_of(s->peer),
			.action = str_of(s->action),
			.object = str_of(s->object),
			.detail = str_of(s->detail),
			.refused = s->refused,
			.count = s->count},
		    &s->row, err);
	TRY(db_prepare(c, update, &stmt, err));
	db_bind_i64(stmt, ":count", s->count);
	db_bind_i64(stmt, ":id", s->row);
	return db_run(stmt, NULL, err);
}

static enum rc write_batch(struct audit *a, struct slot *batch, struct err *err)
{
	struct db_conn *c;
	enum rc rc = OK;

	TRY(db_here(a->db, &c, err));
	TRY(db_begin(c, err));
	for (size_t i = 0; i <= REST && !rc; i++)
		if (is_dirty(&batch[i]))
			rc = write_slot(c, &batch[i], err);
	if (!rc)
		rc = db_commit_lazy(c, err);
	if (rc)
		db_rollback(c);
	return rc;
}

/* A slot is not begun anew while it is dirty, so what was copied is still in its place afterwards. */
static void write_all(struct audit *a)
{
	struct slot *batch = xcalloc(REST + 1, sizeof(*batch));
	bool any = false;
	struct err err;

	pthread_mutex_lock(&a->writing);
	pthread_mutex_lock(&a->lock);
	memcpy(batch, a->slots, sizeof(a->slots));
	pthread_mutex_unlock(&a->lock);
	for (size_t i = 0; i <= REST; i++)
		any = any || is_dirty(&batch[i]);
	if (any && write_batch(a, batch, &err)) {
		log_warn("audit", "error=%s", log_quote(str_of(err.text)));
	} else if (any) {
		pthread_mutex_lock(&a->lock);
		for (size_t i = 0; i <= REST; i++) {
			if (!is_dirty(&batch[i]))
				continue;
			a->slots[i].row = batch[i].row;
			a->slots[i].written = batch[i].count;
		}
		pthread_mutex_unlock(&a->lock);
	}
	pthread_mutex_unlock(&a->writing);
	free(batch);
}

void audit_close(struct audit *a)
{
	if (!a)
		return;
	write_all(a);
	pthread_mutex_destroy(&a->lock);
	pthread_mutex_destroy(&a->writing);
	free(a);
}

void audit_tally(struct audit *a, const struct audit_entry *entry)
{
	int64_t now = clock_mono_ms();
	struct slot fresh, *s;
	bool write;

	fill(&fresh, entry, now);
	pthread_mutex_lock(&a->lock);
	s = find(a, &fresh, now);
	s->count++;
	write = s->count == 1 && may_write(a, now);
	pthread_mutex_unlock(&a->lock);
	if (write)
		write_all(a);
}

/* ---- the bound ---- */

static enum rc too_many(struct db_conn *c, uint64_t rows, bool *many, struct err *err)
{
	static const char sql[] =
	    "SELECT coalesce((SELECT max(id) FROM audit) - (SELECT min(id) FROM audit) + 1, 0) > :rows";
	struct db_stmt *s;
	bool row;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":rows", (int64_t)rows);
	TRY(db_step(s, &row, err));
	*many = row && db_i64(s, 0);
	db_done(s);
	return OK;
}

static enum rc trim_some(struct db_conn *c, uint64_t rows, struct err *err)
{
	static const char sql[] = "DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - :rows"
				  " AND id < (SELECT min(id) FROM audit) + :step";
	struct db_stmt *s;

	TRY(db_begin(c, err));
	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":rows", (int64_t)rows);
	db_bind_i64(s, ":step", TRIM_STEP);
	TRY(db_run(s, NULL, err));
	return db_commit_lazy(c, err);
}

void audit_tend(struct audit *a, uint64_t rows)
{
	struct db_conn *c = NULL;
	bool many = true;
	struct err err;
	enum rc rc;

	write_all(a);
	rc = db_here(a->db, &c, &err);
	while (!rc && many) {
		rc = too_many(c, rows, &many, &err);
		if (!rc && many)
			rc = trim_some(c, rows, &err);
	}
	if (!rc)
		return;
	if (c)
		db_rollback(c);
	log_warn("audit", "error=%s", log_quote(str_of(err.text)));
}
