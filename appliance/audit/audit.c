/* audit: rows of the table, who acts on a thread, and lists. */
#include "private.h"
#include <cove/base/clock.h>

static _Thread_local struct {
	char user[AUDIT_NAME_MAX + 1];
	char peer[AUDIT_NAME_MAX + 1];
} actor = {.user = AUDIT_CONSOLE};

void audit_set_actor(struct str user, struct str peer)
{
	str_print(actor.user, AUDIT_NAME_MAX, user);
	str_print(actor.peer, AUDIT_NAME_MAX, peer);
}

bool audit_actor_is(struct str user)
{
	return str_eq(user, str_of(actor.user));
}

enum rc audit_insert(struct db_conn *c, const struct audit_entry *e, int64_t *id, struct err *err)
{
	static const char sql[] = "INSERT INTO audit (at, user, peer, action, object, refused, detail, count)"
				  " VALUES (:at, :user, :peer, :action, :object, :refused, :detail, :count)";
	struct db_stmt *s;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":at", e->at);
	db_bind_text(s, ":user", e->user);
	db_bind_text(s, ":peer", e->peer);
	db_bind_text(s, ":action", e->action);
	db_bind_text(s, ":object", e->object);
	db_bind_i64(s, ":refused", e->refused);
	db_bind_text(s, ":detail", e->detail);
	db_bind_i64(s, ":count", e->count);
	TRY(db_run(s, NULL, err));
	*id = db_last_id(c);
	return OK;
}

struct row {
	char object[AUDIT_TEXT_MAX + 1], detail[AUDIT_TEXT_MAX + 1];
	struct audit_entry entry;
};

static void fill(struct row *row, const char *action, struct str object, struct str detail)
{
	str_print(row->object, AUDIT_TEXT_MAX, object);
	str_print(row->detail, AUDIT_TEXT_MAX, detail);
	row->entry = (struct audit_entry){
	    .at = clock_wall_s(),
	    .user = str_of(actor.user),
	    .peer = str_of(actor.peer),
	    .action = str_of(action),
	    .object = str_of(row->object),
	    .detail = str_of(row->detail),
	    .count = 1,
	};
}

/* A disk that is full, or has a fault, has a sentence of its own. */
static enum rc refuse_change(enum rc rc, struct err *err)
{
	char why[sizeof(err->text)];

	if (rc != E_INTERNAL)
		return rc;
	snprintf(why, sizeof(why), "%s", err ? err->text : "");
	return fail(err, E_AUDIT, "nothing was changed: the audit log cannot be written: %s", why);
}

enum rc audit_add(struct db_conn *c, const char *action, struct str object, struct str detail, struct err *err)
{
	struct row row;
	int64_t id;

	fill(&row, action, object, detail);
	return refuse_change(audit_insert(c, &row.entry, &id, err), err);
}

enum rc audit_repeat(struct db_conn *c, const char *action, struct str object, struct str detail, struct err *err)
{
	enum { WITHIN_S = 60, AMONG_ROWS = 256 };
	static const char sql[] =
	    "UPDATE audit SET count = count + 1 WHERE id = (SELECT id FROM audit"
	    " WHERE id > (SELECT max(id) FROM audit) - :rows AND at > :since AND user = :user AND peer = :peer"
	    " AND action = :action AND object = :object AND refused = 0 ORDER BY id DESC LIMIT 1)";
	int64_t changes, id;
	struct db_stmt *s;
	struct row row;

	fill(&row, action, object, detail);
	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":rows", AMONG_ROWS);
	db_bind_i64(s, ":since", row.entry.at - WITHIN_S);
	db_bind_text(s, ":user", row.entry.user);
	db_bind_text(s, ":peer", row.entry.peer);
	db_bind_text(s, ":action", row.entry.action);
	db_bind_text(s, ":object", row.entry.object);
	TRY(refuse_change(db_run(s, &changes, err), err));
	return changes ? OK : refuse_change(audit_insert(c, &row.entry, &id, err), err);
}

/* ---- lists ---- */

static void read_row(struct db_stmt *s, struct audit_entry *e)
{
	*e = (struct audit_entry){
	    .id = db_i64(s, 0),
	    .at = db_i64(s, 1),
	    .user = db_text(s, 2),
	    .peer = db_text(s, 3),
	    .action = db_text(s, 4),
	    .object = db_text(s, 5),
	    .refused = db_i64(s, 6),
	    .detail = db_text(s, 7),
	    .count = db_i64(s, 8),
	};
}

enum rc audit_list(struct db *db, const struct audit_filter *filter, audit_fn *each, void *ctx, struct err *err)
{
	static const char sql[] =
	    "SELECT id, at, user, peer, action, object, refused, detail, count FROM audit WHERE id < :before"
	    " AND at >= :since AND (:user = '' OR user = :user) AND refused >= :refused AND (:action = ''"
	    " OR action = :action OR (:noun AND substr(action, 1, length(:action)) = :action))"
	    " ORDER BY id DESC LIMIT :max";
	bool few = filter->max && filter->max < AUDIT_LIST_MAX;
	struct audit_entry e;
	struct db_conn *c;
	struct db_stmt *s;
	enum rc rc;
	bool row;

	TRY(db_here(db, &c, err));
	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":before", filter->before ? filter->before : INT64_MAX);
	db_bind_i64(s, ":since", filter->since);
	db_bind_text(s, ":user", filter->user);
	db_bind_i64(s, ":refused", filter->refused_only);
	db_bind_text(s, ":action", filter->action);
	db_bind_i64(s, ":noun", str_ends(filter->action, STR(".")));
	db_bind_i64(s, ":max", few ? filter->max : AUDIT_LIST_MAX);
	while (!(rc = db_step(s, &row, err)) && row) {
		read_row(s, &e);
		rc = each(ctx, &e, err);
		if (rc)
			break;
	}
	db_done(s);
	return rc;
}
