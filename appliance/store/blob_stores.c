/* blob_stores: adding, listing and removing blob stores. */
#include "layout.h"
#include <cove/audit/audit.h>
#include <cove/base/clock.h>
#include <cove/base/codec.h>
#include <cove/base/io.h>
#include <cove/base/random.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

static enum rc check_words(struct str name, struct str path, struct err *err)
{
	bool is_name = name.n > 0 && name.n <= BLOB_STORE_NAME_MAX;

	for (size_t i = 0; i < name.n && is_name; i++) {
		char ch = name.p[i];

		is_name =
		    (ch >= 'a' && ch <= 'z') || ascii_is_digit(ch) || (i && (ch == '.' || ch == '_' || ch == '-'));
	}
	if (!is_name)
		return fail(err, E_USAGE,
		    "the name of a blob store must begin with a letter or digit and have at most %d lower-case "
		    "letters, digits and . _ -",
		    BLOB_STORE_NAME_MAX);
	if (!str_starts(path, STR("/")) || path.n > BLOB_STORE_PATH_MAX)
		return fail(err, E_USAGE, "the path of a blob store must begin with / and have at most %d bytes",
		    BLOB_STORE_PATH_MAX);
	return OK;
}

static enum rc insert_row(struct db_conn *c, struct str name, struct str path, const char *marker, struct err *err)
{
	static const char sql[] = "INSERT INTO blob_stores (name, path, created_at, marker)"
				  " VALUES (:name, :path, :now, :marker)";
	struct db_stmt *s;
	enum rc rc;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_text(s, ":name", name);
	db_bind_text(s, ":path", path);
	db_bind_i64(s, ":now", clock_wall_s());
	db_bind_text(s, ":marker", str_of(marker));
	rc = db_run(s, NULL, err);
	return rc == E_EXISTS ? fail(err, E_EXISTS, "a blob store with that name or path already exists") : rc;
}

/* The directories and, last, the marker. */
static enum rc prepare_directory(int dirfd, struct str path, const char *marker, struct err *err)
{
	char line[MARKER_SIZE + 2];

	if (faccessat(dirfd, MARKER_FILE, F_OK, 0) == 0)
		return fail(err, E_USAGE,
		    "%.*s is already a blob store: remove the file " MARKER_FILE
		    " in it if no registry uses it any more",
		    STR_ARG(path));
	if (faccessat(dirfd, "cove.db", F_OK, 0) == 0)
		return fail(err, E_USAGE, "%.*s is a data directory: choose another directory", STR_ARG(path));
	TRY(volume_make_dirs(dirfd, err));
	snprintf(line, sizeof(line), "%s\n", marker);
	return io_write_file(dirfd, MARKER_FILE, str_of(line), 0600, err);
}

static enum rc add(struct db *db, int dirfd, struct str name, struct str path, struct err *err)
{
	unsigned char random[MARKER_SIZE / 2];
	char marker[MARKER_SIZE + 1];
	struct db_conn *c;
	bool is_ready;
	enum rc rc;

	random_bytes(random, sizeof(random));
	hex_encode(marker, random, sizeof(random));
	TRY(db_here(db, &c, err));
	TRY(db_begin(c, err));
	rc = insert_row(c, name, path, marker, err);
	if (!rc)
		rc = audit_add(c, "blob-store.add", name, path, err);
	if (!rc)
		rc = prepare_directory(dirfd, path, marker, err);
	is_ready = !rc;
	rc = end_transaction(c, rc, err);
	if (rc && is_ready)
		unlinkat(dirfd, MARKER_FILE, 0);
	return rc;
}

enum rc blob_store_add(struct db *db, struct str name, struct str path, struct err *err)
{
	char z[BLOB_STORE_PATH_MAX + 1];
	enum rc rc;
	int dirfd;

	TRY(check_words(name, path, err));
	while (path.n > 1 && path.p[path.n - 1] == '/')
		path.n--;
	snprintf(z, sizeof(z), "%.*s", STR_ARG(path));
	dirfd = open(z, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return fail_errno(
		    err, E_USAGE, "the directory %s cannot be opened: create it, and mount its disk first", z);
	rc = add(db, dirfd, name, path, err);
	io_close(&dirfd);
	return rc;
}

static enum rc count_blobs(struct db_conn *c, int64_t id, uint64_t *blobs, uint64_t *bytes, struct err *err)
{
	static const char sql[] = "SELECT count(*), coalesce(sum(size), 0) FROM blobs"
				  " WHERE blob_store = :id AND blob_store <> 0";
	struct db_stmt *s;
	bool row;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":id", id);
	TRY(db_step(s, &row, err));
	if (!row)
		bug("count(*) without a row");
	*blobs = (uint64_t)db_i64(s, 0);
	*bytes = (uint64_t)db_i64(s, 1);
	db_done(s);
	return OK;
}

static enum rc check_unused(struct db_conn *c, const struct volume *v, struct err *err)
{
	static const char sql[] = "SELECT n.name FROM namespace_attributes a JOIN namespaces n ON n.id = a.namespace"
				  " WHERE a.name = 'blob_store' AND a.value = :name LIMIT 1";
	uint64_t blobs, bytes;
	struct db_stmt *s;
	enum rc rc = OK;
	bool used;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_text(s, ":name", str_of(v->name));
	TRY(db_step(s, &used, err));
	if (used) {
		struct str name = db_text(s, 0);

		rc = fail(err, E_USAGE,
		    "the namespace %.*s uses the blob store %s: change its attribute blob_store first",
		    STR_ARG(name.n ? name : STR("/")), v->name);
		db_done(s);
		return rc;
	}
	TRY(count_blobs(c, v->id, &blobs, &bytes, err));
	if (blobs)
		return fail(err, E_USAGE,
		    "the blob store %s still holds %llu blobs: delete their images first; the server then removes the "
		    "files after the time that the setting blob_grace gives",
		    v->name, (unsigned long long)blobs);
	return OK;
}

static enum rc remove_row(struct db_conn *c, struct str name, struct volume *v, struct err *err)
{
	static const char sql[] = "DELETE FROM blob_stores WHERE id = :id";
	struct db_stmt *s;
	bool found;

	TRY(volume_find(c, name, v, &found, err));
	if (!found)
		return fail(
		    err, E_NOT_FOUND, "the blob store %.*s does not exist: see `cove blob-store list`", STR_ARG(name));
	TRY(check_unused(c, v, err));
	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":id", v->id);
	TRY(db_run(s, NULL, err));
	return audit_add(c, "blob-store.remove", name, STR_NONE, err);
}

enum rc blob_store_remove(struct db *db, struct str name, struct err *err)
{
	struct volume v;
	struct db_conn *c;

	TRY(db_here(db, &c, err));
	TRY(db_begin(c, err));
	TRY(end_transaction(c, remove_row(c, name, &v, err), err));
	/* what is left of it belongs to nobody: without its marker the directory can be added again */
	if (!volume_open(&v, NULL))
		unlinkat(v.dirfd, MARKER_FILE, 0);
	volume_close(&v);
	return OK;
}

static enum rc show(struct db_conn *c, struct volume *v, blob_store_fn *each, void *ctx, struct err *err)
{
	struct blob_store b = {.name = str_of(v->name), .path = str_of(v->path)};
	struct statvfs disk;
	struct err why;

	TRY(count_blobs(c, v->id, &b.blobs, &b.bytes, err));
	if (volume_open(v, &why))
		b.failure = str_of(why.text);
	else if (fstatvfs(v->dirfd, &disk) == 0)
		b.free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
	volume_close(v);
	return each(ctx, &b, err);
}

enum rc blob_store_list(struct db *db, blob_store_fn *each, void *ctx, struct err *err)
{
	struct volume v = {.id = 0};
	struct db_conn *c;
	bool found;

	TRY(db_here(db, &c, err));
	for (;;) {
		TRY(volume_next(c, v.id, &v, &found, err));
		if (!found)
			return OK;
		TRY(show(c, &v, each, ctx, err));
	}
}
