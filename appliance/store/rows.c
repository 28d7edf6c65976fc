/* rows: what several files of store/ do with the database. */
#include "layout.h"
#include <cove/base/clock.h>

enum rc digest_column(struct db_stmt *s, int column, struct digest *out, struct err *err)
{
	struct str bytes = db_blob(s, column);

	*out = (struct digest){.algorithm = bytes.n == 32 ? DIGEST_SHA256 : DIGEST_SHA512};
	if (bytes.n != digest_size(out->algorithm))
		return fail(err, E_CORRUPT, "a digest in the database has %zu bytes", bytes.n);
	memcpy(out->bytes, bytes.p, bytes.n);
	return OK;
}

static enum rc find(
    struct db_conn *c, struct repo_name repo, bool *found, int64_t *id, int64_t *namespace, struct err *err)
{
	static const char sql[] = "SELECT id, namespace FROM repositories WHERE name = :name";
	struct db_stmt *s;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_text(s, ":name", repo.s);
	TRY(db_step(s, found, err));
	if (*found) {
		*id = db_i64(s, 0);
		*namespace = db_i64(s, 1);
	}
	db_done(s);
	return OK;
}

enum rc repository_find(struct db_conn *c, struct repo_name repo, int64_t *id, struct err *err)
{
	int64_t namespace;
	bool found;

	TRY(find(c, repo, &found, id, &namespace, err));
	return found ? OK : fail_rc(err, E_NAME_UNKNOWN);
}

/* That with the longest name in front of it, as of this moment. */
enum rc namespace_of(struct db_conn *c, struct str name, int64_t *id, struct err *err)
{
	static const char sql[] = "SELECT id FROM namespaces WHERE name = :name";
	struct db_stmt *s;
	struct str tail;
	bool found = false;

	*id = 0;
	for (bool more = true; more && !found;) {
		more = str_cut_last(name, '/', &name, &tail);
		TRY(db_prepare(c, sql, &s, err));
		db_bind_text(s, ":name", more ? name : STR(""));
		TRY(db_step(s, &found, err));
		if (found)
			*id = db_i64(s, 0);
		db_done(s);
	}
	return OK;
}

enum rc repository_make(
    struct db_conn *c, const struct space *space, struct repo_name repo, int64_t *id, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO repositories (name, created_at, namespace) VALUES (:name, :now, :namespace)";
	struct db_stmt *s;
	int64_t namespace;
	bool found;

	TRY(find(c, repo, &found, id, &namespace, err));
	if (!found)
		TRY(namespace_of(c, repo.s, &namespace, err));
	if (space && space->namespace_id && space->namespace_id != namespace)
		return fail(err, E_NAME_UNKNOWN,
		    "the namespace of %.*s was removed or changed during the request: try again", STR_ARG(repo.s));
	if (found)
		return OK;
	TRY(db_prepare(c, sql, &s, err));
	db_bind_text(s, ":name", repo.s);
	db_bind_i64(s, ":now", clock_wall_s());
	db_bind_i64(s, ":namespace", namespace);
	TRY(db_run(s, NULL, err));
	*id = db_last_id(c);
	return OK;
}

/* The triggers of manifests and links look it up, so it is not theirs to do. */
enum rc repository_drop_empty(struct db_conn *c, int64_t id, struct err *err)
{
	static const char sql[] = "DELETE FROM repositories WHERE id = :id"
				  " AND NOT EXISTS (SELECT 1 FROM manifests WHERE repository = :id)"
				  " AND NOT EXISTS (SELECT 1 FROM blob_links WHERE repository = :id)";
	struct db_stmt *s;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":id", id);
	return db_run(s, NULL, err);
}

/* The bytes were hashed a moment ago: a row that says another size is wrong, or another place, and is mended. */
enum rc blob_make_row(struct db_conn *c, const struct digest *d, uint64_t size, int64_t volume, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO blobs (digest, size, created_at, blob_store) VALUES (:digest, :size, :now, :volume)"
	    " ON CONFLICT (digest) DO UPDATE SET size = excluded.size, blob_store = excluded.blob_store"
	    " WHERE size <> excluded.size OR blob_store <> excluded.blob_store";
	struct db_stmt *s;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_blob(s, ":digest", digest_bytes(d));
	db_bind_i64(s, ":size", (int64_t)size);
	db_bind_i64(s, ":volume", volume);
	db_bind_i64(s, ":now", clock_wall_s());
	return db_run(s, NULL, err);
}

enum rc blob_link(struct db_conn *c, int64_t repository, const struct digest *d, struct err *err)
{
	static const char sql[] = "INSERT INTO blob_links (repository, blob)"
				  " SELECT :repository, id FROM blobs WHERE digest = :digest"
				  " ON CONFLICT DO NOTHING";
	struct db_stmt *s;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":repository", repository);
	db_bind_blob(s, ":digest", digest_bytes(d));
	return db_run(s, NULL, err);
}

enum rc end_transaction(struct db_conn *c, enum rc rc, struct err *err)
{
	if (!rc)
		return db_commit(c, err);
	db_rollback(c);
	return rc;
}

int64_t page_limit(uint64_t max)
{
	return max < INT64_MAX ? (int64_t)max + 1 : INT64_MAX;
}
