/* limits: what upstreams told of their limits, kept in the database: written now and then, for after a restart. */
#include "private.h"

/* The rows are few: one for each proxy of an upstream that tells. */
static enum rc find(struct db *db, const struct namespace *ns, struct upstream_status *out, struct err *err)
{
	static const char sql[] = "SELECT remaining, total, told_at FROM upstream_limits"
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
	}
	db_done(s);
	return OK;
}

enum rc upstream_limit_kept(struct db *db, const struct namespace *ns, struct upstream_status *out, struct err *err)
{
	*out = (struct upstream_status){.reachable = true, .limit_remaining = -1, .limit_total = -1};
	return find(db, ns, out, err);
}

/* Of a namespace that has gone meanwhile there is no row to be made. */
static enum rc write(struct db_conn *c, const struct health *h, struct err *err)
{
	static const char sql[] = "INSERT INTO upstream_limits (namespace, version, remaining, total, told_at)"
				  " SELECT id, :version, :remaining, :total, :at FROM namespaces WHERE id = :namespace"
				  " ON CONFLICT (namespace) DO UPDATE SET version = excluded.version,"
				  " remaining = excluded.remaining, total = excluded.total, told_at = excluded.told_at";
	struct db_stmt *s;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":namespace", h->namespace_id);
	db_bind_i64(s, ":version", (int64_t)h->version);
	db_bind_i64(s, ":remaining", h->status.limit_remaining);
	db_bind_i64(s, ":total", h->status.limit_total);
	db_bind_i64(s, ":at", h->status.limit_at);
	return db_run(s, NULL, err);
}

/* The next one that was told something since it was written last. */
static bool take_told(struct upstream *u, struct health *out)
{
	struct health *h;

	pthread_mutex_lock(&u->mutex);
	for (h = u->health; h && !h->limit_told; h = h->next)
		;
	if (h) {
		h->limit_told = false;
		*out = *h;
	}
	pthread_mutex_unlock(&u->mutex);
	return h;
}

enum rc limits_flush(struct upstream *u, struct err *err)
{
	struct health h;
	struct db_conn *c;
	enum rc rc;

	while (take_told(u, &h)) {
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

/* The health of each proxy as the last run left it. */
enum rc limits_load(struct upstream *u, struct err *err)
{
	struct upstream_status status;
	struct namespace_set *set;
	enum rc rc = OK;

	TRY(namespaces_take(u->namespaces, &set, err));
	for (size_t i = 0; i < namespace_count(set) && !rc; i++) {
		const struct namespace *ns = namespace_at(set, i);

		if (ns->kind != NAMESPACE_PROXY)
			continue;
		rc = upstream_limit_kept(u->db, ns, &status, err);
		if (!rc)
			health_start(u, ns, &status);
	}
	namespace_set_unref(set);
	return rc;
}
