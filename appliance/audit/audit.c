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

void audit_read_actor(struct audit_entry *e)
{
	e->user = str_of(actor.user);
	e->peer = str_of(actor.peer);
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

enum rc audit_add(struct db_conn *c, const char *action, struct str object, struct str detail, struct err *err)
{
	char object_text[AUDIT_TEXT_MAX + 1], detail_text[AUDIT_TEXT_MAX + 1];
	struct audit_entry e = {
	    .at = clock_wall_s(),
	    .action = str_of(action),
	    .count = 1,
	};
	int64_t id;

	audit_read_actor(&e);
	str_print(object_text, AUDIT_TEXT_MAX, object);
	str_print(detail_text, AUDIT_TEXT_MAX, detail);
	e.object = str_of(object_text);
	e.detail = str_of(detail_text);
	return audit_insert(c, &e, &id, err);
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
