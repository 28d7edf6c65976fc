/*
 * standing: what people are told of an upstream while nobody pulls: lines in the log, and in the database whether it
 * fails and how many pulls it has left. That is written now and then: for commands, and for after a restart.
 */
#include "private.h"
#include <cove/base/clock.h>
#include <cove/base/log.h>
#include <stdio.h>

enum { DENIED_EVERY_MS = 60 * 1000 };

/* Nobody sees it otherwise but the clients: what they are told names the upstream. Once a minute is enough. */
void standing_note(struct job *j, enum rc rc, const struct err *err)
{
	int64_t now_ms = clock_mono_ms();
	bool fails, changes, denied;
	struct health *h;

	pthread_mutex_lock(&j->u->mutex);
	h = health_of(j->u, j->ns);
	fails = !h->status.reachable;
	changes = fails != (h->status.failed_at != 0);
	if (changes)
		h->status.failed_at = fails ? clock_wall_s() : 0;
	h->is_changed = h->is_changed || changes;
	denied = rc == E_UPSTREAM_DENIED && j->ns->username.n && now_ms >= h->denied_after_ms;
	if (denied)
		h->denied_after_ms = now_ms + DENIED_EVERY_MS;
	pthread_mutex_unlock(&j->u->mutex);
	if (denied)
		log_warn("upstream.denied", "namespace=%s user=%s error=%s", log_quote(j->ns->name),
		    log_quote(j->ns->username), log_quote(str_of(err->text)));
	if (changes && fails)
		log_warn(
		    "upstream.fails", "namespace=%s error=%s", log_quote(j->ns->name), log_quote(str_of(err->text)));
	else if (changes)
		log_info("upstream.answers", "namespace=%s", log_quote(j->ns->name));
}

/* ---- in the database ---- */

/* The rows are few: one for each proxy of an upstream that tells. */
static enum rc find(struct db *db, const struct namespace *ns, struct upstream_status *out, struct err *err)
{
	static const char sql[] = "SELECT remaining, total, told_at, failure, failed_at FROM upstream_limits"
				  " WHERE namespace = :namespace AND version = :version";
	struct db_conn *c;
	struct db_stmt *s;
	bool found;

	TRY(db_here(db, &c, err));
	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":namespace", ns->id);
	db_bind_i64(s, ":version", (int64_t)ns->version);
	TRY(db_step(s, &found, err));
	if (found) {
		out->limit_remaining = db_i64(s, 0);
		out->limit_total = db_i64(s, 1);
		out->limit_at = db_i64(s, 2);
		snprintf(out->failure, sizeof(out->failure), "%.*s", STR_ARG(db_text(s, 3)));
		out->failed_at = db_i64(s, 4);
		out->reachable = !out->failed_at;
	}
	db_done(s);
	return OK;
}

enum rc upstream_status_kept(struct db *db, const struct namespace *ns, struct upstream_status *out, struct err *err)
{
	*out = (struct upstream_status){.reachable = true, .limit_remaining = -1, .limit_total = -1};
	return find(db, ns, out, err);
}

/* Of a namespace that has gone meanwhile there is no row to be made. */
static enum rc write(struct db_conn *c, const struct health *h, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO upstream_limits (namespace, version, remaining, total, told_at, failure, failed_at)"
	    " SELECT id, :version, :remaining, :total, :at, :failure, :failed_at FROM namespaces WHERE id = :namespace"
	    " ON CONFLICT (namespace) DO UPDATE SET version = excluded.version,"
	    " remaining = excluded.remaining, total = excluded.total, told_at = excluded.told_at,"
	    " failure = excluded.failure, failed_at = excluded.failed_at";
	struct db_stmt *s;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":namespace", h->namespace_id);
	db_bind_i64(s, ":version", (int64_t)h->version);
	db_bind_i64(s, ":remaining", h->status.limit_remaining);
	db_bind_i64(s, ":total", h->status.limit_total);
	db_bind_i64(s, ":at", h->status.limit_at);
	db_bind_text(s, ":failure", h->status.failed_at ? str_of(h->status.failure) : STR(""));
	db_bind_i64(s, ":failed_at", h->status.failed_at);
	return db_run(s, NULL, err);
}

/* The next one of which something is new since it was written last. How many pulls are left changes with each: that
 * alone may wait. */
static bool take_changed(struct upstream *u, bool limits, struct health *out)
{
	struct health *h;

	pthread_mutex_lock(&u->mutex);
	for (h = u->health; h && !h->is_changed && !(limits && h->limit_told); h = h->next)
		;
	if (h) {
		h->limit_told = h->is_changed = false;
		*out = *h;
	}
	pthread_mutex_unlock(&u->mutex);
	return h;
}

static enum rc flush(struct upstream *u, bool limits, struct err *err)
{
	struct health h;
	struct db_conn *c;
	enum rc rc;

	while (take_changed(u, limits, &h)) {
		TRY(db_here(u->db, &c, err));
		TRY(db_begin(c, err));
		rc = write(c, &h, err);
		if (rc)
			db_rollback(c);
		else
			rc = db_commit_lazy(c, err);
		TRY(rc);
	}
	return OK;
}

enum rc standing_flush(struct upstream *u, struct err *err)
{
	return flush(u, true, err);
}

enum rc upstream_tell(struct upstream *u, struct err *err)
{
	return flush(u, false, err);
}

/* The health of each proxy as the last run left it. */
enum rc standing_load(struct upstream *u, struct err *err)
{
	struct upstream_status status;
	struct namespace_set *set;
	enum rc rc = OK;

	TRY(namespaces_take(u->namespaces, &set, err));
	for (size_t i = 0; i < namespace_count(set) && !rc; i++) {
		const struct namespace *ns = namespace_at(set, i);

		if (ns->kind != NAMESPACE_PROXY)
			continue;
		rc = upstream_status_kept(u->db, ns, &status, err);
		if (!rc)
			health_start(u, ns, &status);
	}
	namespace_set_unref(set);
	return rc;
}
