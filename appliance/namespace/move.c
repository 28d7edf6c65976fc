/*
 * move: repositories that come to another namespace or go with theirs. What a namespace holds (namespace_blobs,
 * used_bytes) is kept by triggers where links and manifests come and go; a move changes neither, so it is counted here.
 */
#include "private.h"
#include <cove/store/event.h>
#include <cove/base/clock.h>

/* Names within `name` are those from "name/" up to "name0": '0' follows '/'. The root's are all. */
struct range {
	char low[NAMESPACE_NAME_MAX + 2], high[NAMESPACE_NAME_MAX + 2];
};

static void range_of(struct range *r, struct str name)
{
	if (name.n > NAMESPACE_NAME_MAX)
		bug("a namespace's name of %zu bytes", name.n);
	snprintf(r->low, sizeof(r->low), "%.*s%s", STR_ARG(name), name.n ? "/" : "");
	snprintf(r->high, sizeof(r->high), "%.*s%s", STR_ARG(name), name.n ? "0" : "~");
}

#define WITHIN " namespace = :from AND name > :low AND name < :high"
#define MOVED "SELECT id FROM repositories WHERE" WITHIN

static const char count_held[] =
    "INSERT INTO namespace_blobs (namespace, blob, links, last_used_at)"
    " SELECT :to, blob, count(*), :now FROM blob_links WHERE repository IN (" MOVED ") GROUP BY blob"
    " ON CONFLICT (namespace, blob) DO UPDATE SET links = links + excluded.links";
static const char count_off[] =
    "UPDATE namespace_blobs SET links = links -"
    " (SELECT count(*) FROM blob_links l WHERE l.blob = namespace_blobs.blob AND l.repository IN (" MOVED "))"
    " WHERE namespace = :from AND blob IN (SELECT blob FROM blob_links WHERE repository IN (" MOVED "))";
static const char let_go[] = "DELETE FROM namespace_blobs WHERE namespace = :from AND links = 0";
static const char weigh[] =
    "UPDATE namespaces SET used_bytes = used_bytes + iif(id = :to, 1, -1) *"
    " (SELECT coalesce(sum(size), 0) FROM manifests WHERE repository IN (" MOVED ")) WHERE id IN (:from, :to)";
static const char move[] = "UPDATE repositories SET namespace = :to WHERE" WITHIN;

enum rc repositories_move(struct db_conn *c, struct str name, int64_t from, int64_t to, struct err *err)
{
	static const struct {
		const char *sql;
		bool has_range, has_to, has_now;
	} steps[] = {
	    {count_held, true, true, true},
	    {count_off, true, false, false},
	    {let_go, false, false, false},
	    {weigh, true, true, false},
	    {move, true, true, false},
	};
	struct range range;
	struct db_stmt *s;

	range_of(&range, name);
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		TRY(db_prepare(c, steps[i].sql, &s, err));
		db_bind_i64(s, ":from", from);
		if (steps[i].has_range) {
			db_bind_text(s, ":low", str_of(range.low));
			db_bind_text(s, ":high", str_of(range.high));
		}
		if (steps[i].has_to)
			db_bind_i64(s, ":to", to);
		if (steps[i].has_now)
			db_bind_i64(s, ":now", clock_wall_s());
		TRY(db_run(s, NULL, err));
	}
	return OK;
}

enum rc repositories_count(struct db_conn *c, struct str name, int64_t namespace, int64_t *count, struct err *err)
{
	static const char sql[] = "SELECT count(*) FROM repositories WHERE" WITHIN;
	struct range range;
	struct db_stmt *s;
	bool row;

	range_of(&range, name);
	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":from", namespace);
	db_bind_text(s, ":low", str_of(range.low));
	db_bind_text(s, ":high", str_of(range.high));
	TRY(db_step(s, &row, err));
	if (!row)
		bug("count(*) without a row");
	*count = db_i64(s, 0);
	db_done(s);
	return OK;
}

enum rc repository_exists(struct db_conn *c, struct str name, bool *exists, struct err *err)
{
	static const char sql[] = "SELECT 1 FROM repositories WHERE name = :name";
	struct db_stmt *s;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_text(s, ":name", name);
	TRY(db_step(s, exists, err));
	db_done(s);
	return OK;
}

/* The triggers look the repository up: it goes last. */
#define PURGE(WHICH)                                                                                                   \
	{                                                                                                              \
		"DELETE FROM manifests WHERE id IN (SELECT m.id FROM repositories r JOIN manifests m ON m.repository " \
		"= r.id"                                                                                               \
		" WHERE " WHICH " = :id LIMIT :max)",                                                                  \
		    "DELETE FROM blob_links WHERE (repository, blob) IN (SELECT l.repository, l.blob FROM "            \
		    "repositories r"                                                                                   \
		    " JOIN blob_links l ON l.repository = r.id WHERE " WHICH " = :id LIMIT :max)",                     \
		    "DELETE FROM repositories WHERE id IN (SELECT r.id FROM repositories r WHERE " WHICH               \
		    " = :id LIMIT :max)",                                                                              \
	}
#define PURGE_STEPS 3

static enum rc purge(
    struct db_conn *c, const char *const steps[PURGE_STEPS], int64_t id, int64_t max, bool *more, struct err *err)
{
	struct db_stmt *s;
	int64_t changes;

	*more = false;
	for (size_t i = 0; i < PURGE_STEPS && !*more; i++) {
		TRY(db_prepare(c, steps[i], &s, err));
		db_bind_i64(s, ":id", id);
		db_bind_i64(s, ":max", max);
		TRY(db_run(s, &changes, err));
		*more = changes == max;
	}
	return OK;
}

enum rc repositories_purge(struct db_conn *c, int64_t namespace, int64_t max, bool *more, struct err *err)
{
	static const char *const steps[PURGE_STEPS] = PURGE("r.namespace");

	return purge(c, steps, namespace, max, more, err);
}

enum rc purge_in_steps(struct db_conn *c, step_fn *step, record_fn *record, const void *ctx, struct err *err)
{
	bool more = true;

	for (bool is_first = true; more; is_first = false) {
		enum rc rc;

		TRY(db_begin(c, err));
		rc = step(c, ctx, &more, err);
		if (!rc && is_first)
			rc = record(c, ctx, err);
		if (!rc)
			rc = db_commit(c, err);
		if (rc) {
			db_rollback(c);
			return rc;
		}
	}
	return OK;
}

/* ---- one of them (commands) ---- */

static enum rc purge_one(struct db_conn *c, const void *ctx, bool *more, struct err *err)
{
	struct str name = *(const struct str *)ctx;
	static const char sql[] = "SELECT id FROM repositories WHERE name = :name";
	static const char *const steps[PURGE_STEPS] = PURGE("r.id");
	struct db_stmt *s;
	int64_t id = 0;
	bool found;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_text(s, ":name", name);
	TRY(db_step(s, &found, err));
	if (!found)
		return fail(err, E_NOT_FOUND, "the repository %.*s does not exist: see `cove repository list`",
		    STR_ARG(str_first(name, FULL_NAME_MAX)));
	id = db_i64(s, 0);
	db_done(s);
	return purge(c, steps, id, PURGE_STEP, more, err);
}

static enum rc record_one(struct db_conn *c, const void *ctx, struct err *err)
{
	struct event event = {.kind = EVENT_REPOSITORY_REMOVE, .repository = {*(const struct str *)ctx}};

	return event_record(c, &event, err);
}

enum rc repository_remove(struct namespaces *n, struct str name, struct err *err)
{
	struct db_conn *c;

	TRY(db_here(n->db, &c, err));
	return purge_in_steps(c, purge_one, record_one, &name, err);
}

enum rc repositories_each(struct namespaces *n, repository_fn *each, void *ctx, struct err *err)
{
	static const char sql[] =
	    "SELECT name, (SELECT count(*) FROM tags WHERE repository = r.id),"
	    " (SELECT count(*) FROM manifests WHERE repository = r.id) FROM repositories r ORDER BY name";
	struct db_conn *c;
	struct db_stmt *s;
	enum rc rc;
	bool row;

	TRY(db_here(n->db, &c, err));
	TRY(db_prepare(c, sql, &s, err));
	while (!(rc = db_step(s, &row, err)) && row) {
		rc = each(ctx, db_text(s, 0), db_i64(s, 1), db_i64(s, 2), err);
		if (rc)
			break;
	}
	db_done(s);
	return rc;
}
