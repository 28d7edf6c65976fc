/* lists: tags (end-8), repositories (the catalog), referrers (end-12), page by page along an index. */
#include "layout.h"

/* Gives the first column of at most max rows; one row more was asked for. */
static enum rc give_names(struct db_stmt *s, uint64_t max, list_fn *each, void *ctx, bool *more, struct err *err)
{
	*more = false;
	for (uint64_t i = 0;; i++) {
		bool row;
		enum rc rc;

		TRY(db_step(s, &row, err));
		if (!row)
			return OK;
		if (i == max) {
			*more = true;
			db_done(s);
			return OK;
		}
		rc = each(ctx, db_text(s, 0), err);
		if (rc) {
			db_done(s);
			return rc;
		}
	}
}

enum rc tag_list(struct store *st, struct repo_name repo, struct str last, uint64_t max, list_fn *each, void *ctx,
    bool *more, struct err *err)
{
	static const char sql[] = "SELECT name FROM tags WHERE repository = :repository AND name > :last"
				  " ORDER BY name LIMIT :limit";
	struct db_conn *c;
	struct db_stmt *s;
	int64_t repository;

	TRY(db_here(st->db, &c, err));
	TRY(repository_find(c, repo, &repository, err));
	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":repository", repository);
	db_bind_text(s, ":last", last);
	db_bind_i64(s, ":limit", page_limit(max));
	return give_names(s, max, each, ctx, more, err);
}

static enum rc find_repository(struct db_stmt *s, bool *found, struct repository *out, struct err *err)
{
	struct str name;

	TRY(db_step(s, found, err));
	if (!*found)
		return OK;
	name = db_text(s, 1);
	out->id = db_i64(s, 0);
	out->n = name.n <= REPO_NAME_MAX ? name.n : 0;
	memcpy(out->name, name.p, out->n);
	out->name[out->n] = '\0';
	db_done(s);
	return out->n ? OK : fail(err, E_CORRUPT, "the name of repository %lld is too long", (long long)out->id);
}

enum rc repository_seek(struct store *st, struct str from, bool *found, struct repository *out, struct err *err)
{
	static const char sql[] = "SELECT id, name FROM repositories WHERE name >= :from ORDER BY name LIMIT 1";
	struct db_conn *c;
	struct db_stmt *s;

	TRY(db_here(st->db, &c, err));
	TRY(db_prepare(c, sql, &s, err));
	db_bind_text(s, ":from", from);
	return find_repository(s, found, out, err);
}

enum rc repository_by_id(struct store *st, int64_t id, bool *found, struct repository *out, struct err *err)
{
	static const char sql[] = "SELECT id, name FROM repositories WHERE id = :id";
	struct db_conn *c;
	struct db_stmt *s;

	TRY(db_here(st->db, &c, err));
	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":id", id);
	return find_repository(s, found, out, err);
}

static enum rc prepare_referrers(struct db_conn *c, struct str artifact_type, struct db_stmt **out, struct err *err)
{
	static const char all[] =
	    "SELECT m.id, m.digest, m.media_type, m.size, m.artifact_type, m.annotations"
	    " FROM repositories r JOIN manifests m ON m.repository = r.id AND m.subject = :subject AND m.id > :after"
	    " WHERE r.name = :repository ORDER BY m.id LIMIT :limit";
	static const char of_type[] =
	    "SELECT m.id, m.digest, m.media_type, m.size, m.artifact_type, m.annotations"
	    " FROM repositories r JOIN manifests m ON m.repository = r.id AND m.subject = :subject"
	    " AND m.artifact_type = :artifact_type AND m.id > :after"
	    " WHERE r.name = :repository ORDER BY m.id LIMIT :limit";

	if (artifact_type.n == 0)
		return db_prepare(c, all, out, err);
	TRY(db_prepare(c, of_type, out, err));
	db_bind_text(*out, ":artifact_type", artifact_type);
	return OK;
}

static enum rc give_referrer(struct db_stmt *s, referrer_fn *each, void *ctx, struct err *err)
{
	struct referrer r = {.artifact_type = db_text(s, 4), .annotations = db_text(s, 5)};

	TRY(manifest_info_columns(s, &r.manifest, err));
	return each(ctx, &r, err);
}

enum rc referrer_list(struct store *st, struct repo_name repo, const struct digest *d, struct str artifact_type,
    int64_t after, uint64_t max, referrer_fn *each, void *ctx, bool *more, struct err *err)
{
	struct db_conn *c;
	struct db_stmt *s;
	enum rc rc = OK;
	bool row;

	*more = false;
	TRY(db_here(st->db, &c, err));
	TRY(prepare_referrers(c, artifact_type, &s, err));
	db_bind_text(s, ":repository", repo.s);
	db_bind_blob(s, ":subject", digest_bytes(d));
	db_bind_i64(s, ":after", after);
	db_bind_i64(s, ":limit", page_limit(max));
	for (uint64_t i = 0; !rc && !*more; i++) {
		TRY(db_step(s, &row, err));
		if (!row)
			return OK;
		if (i == max)
			*more = true;
		else
			rc = give_referrer(s, each, ctx, err);
	}
	db_done(s);
	return rc;
}

enum rc subject_complete(struct store *st, struct repo_name repo, struct digest *d, struct err *err)
{
	static const char sql[] =
	    "SELECT m.subject FROM repositories r JOIN manifests m ON m.repository = r.id AND m.subject > :prefix"
	    " AND m.subject < :end WHERE r.name = :repository ORDER BY m.subject LIMIT 1";
	uint8_t end[sizeof d->bytes + 1]; /* behind every digest with that prefix */
	struct db_conn *c;
	struct db_stmt *s;
	bool found;
	enum rc rc = OK;

	if (digest_size(d->algorithm) == SUBJECT_PREFIX)
		return OK;
	memset(end, 0xff, sizeof end);
	memcpy(end, d->bytes, SUBJECT_PREFIX);
	TRY(db_here(st->db, &c, err));
	TRY(db_prepare(c, sql, &s, err));
	db_bind_text(s, ":repository", repo.s);
	db_bind_blob(s, ":prefix", str_first(digest_bytes(d), SUBJECT_PREFIX));
	db_bind_blob(s, ":end", (struct str){(const char *)end, sizeof end});
	TRY(db_step(s, &found, err));
	if (found)
		rc = digest_column(s, 0, d, err);
	db_done(s);
	return rc;
}

enum rc repository_is_here(struct store *st, struct repo_name repo, bool *exists, struct err *err)
{
	struct db_conn *c;
	int64_t id;
	enum rc rc;

	TRY(db_here(st->db, &c, err));
	rc = repository_find(c, repo, &id, err);
	*exists = rc == OK;
	return rc == E_NAME_UNKNOWN ? OK : rc;
}

/* A dot is what comes behind a dash: all that lies between begins with that prefix. */
enum rc repository_has_named(struct store *st, struct repo_name repo, bool *has, struct err *err)
{
	static const char sql[] =
	    "SELECT 1 FROM repositories r WHERE r.name = :repository AND ("
	    "EXISTS (SELECT 1 FROM tags t WHERE t.repository = r.id AND t.name < 'sha256-')"
	    " OR EXISTS (SELECT 1 FROM tags t WHERE t.repository = r.id AND t.name >= 'sha256.' AND t.name < 'sha512-')"
	    " OR EXISTS (SELECT 1 FROM tags t WHERE t.repository = r.id AND t.name >= 'sha512.'))";
	struct db_conn *c;
	struct db_stmt *s;

	TRY(db_here(st->db, &c, err));
	TRY(db_prepare(c, sql, &s, err));
	db_bind_text(s, ":repository", repo.s);
	TRY(db_step(s, has, err));
	db_done(s);
	return OK;
}
