/* volume: the directories that blobs lie in, found by their rows, opened, and known by their markers. */
#include "layout.h"
#include <cove/base/io.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define COLUMNS "id, name, path, marker"

static void copy_column(char *out, size_t size, struct str value)
{
	size_t n = value.n < size ? value.n : size - 1;

	memcpy(out, value.p, n);
	out[n] = '\0';
}

static enum rc read_row(struct db_stmt *s, struct volume *out, bool *found, struct err *err)
{
	TRY(db_step(s, found, err));
	if (!*found)
		return OK;
	*out = (struct volume){.id = db_i64(s, 0), .dirfd = -1, .uploads = -1};
	copy_column(out->name, sizeof(out->name), db_text(s, 1));
	copy_column(out->path, sizeof(out->path), db_text(s, 2));
	copy_column(out->marker, sizeof(out->marker), db_text(s, 3));
	db_done(s);
	return OK;
}

enum rc volume_next(struct db_conn *c, int64_t after, struct volume *out, bool *found, struct err *err)
{
	static const char sql[] = "SELECT " COLUMNS " FROM blob_stores WHERE id > :after ORDER BY id LIMIT 1";
	struct db_stmt *s;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":after", after);
	return read_row(s, out, found, err);
}

enum rc volume_find(struct db_conn *c, struct str name, struct volume *out, bool *found, struct err *err)
{
	static const char sql[] = "SELECT " COLUMNS " FROM blob_stores WHERE name = :name";
	struct db_stmt *s;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_text(s, ":name", name);
	return read_row(s, out, found, err);
}

static enum rc find_id(struct db_conn *c, int64_t id, struct volume *out, bool *found, struct err *err)
{
	static const char sql[] = "SELECT " COLUMNS " FROM blob_stores WHERE id = :id";
	struct db_stmt *s;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":id", id);
	return read_row(s, out, found, err);
}

/* Is this the directory that was added, and not the empty mount point, or another disk? */
static bool has_marker(const struct volume *v)
{
	struct buf text = BUF_INIT(2 * MARKER_SIZE);
	bool fits = v->marker[0] && io_read_file(v->dirfd, MARKER_FILE, &text, NULL) == OK &&
		    str_starts(buf_str(&text), str_of(v->marker));

	buf_release(&text);
	return fits;
}

enum rc volume_open(struct volume *v, struct err *err)
{
	v->dirfd = open(v->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (v->dirfd < 0 && errno != ENOENT)
		return fail_errno(err, E_IO, "the blob store %s at %s cannot be opened", v->name, v->path);
	if (v->dirfd >= 0 && has_marker(v))
		v->uploads = openat(v->dirfd, "uploads", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (v->uploads >= 0)
		return OK;
	volume_close(v);
	return fail(err, E_IO, "the blob store %s is missing at %s: mount its disk", v->name, v->path);
}

void volume_close(struct volume *v)
{
	if (!v->id)
		return;
	io_close(&v->uploads);
	io_close(&v->dirfd);
}

static void data_directory(struct store *st, struct volume *out)
{
	*out = (struct volume){.id = 0, .dirfd = st->dirfd, .uploads = st->uploads};
}

enum rc volume_by_id(struct store *st, int64_t id, struct volume *out, struct err *err)
{
	struct db_conn *c;
	bool found;

	if (!id) {
		data_directory(st, out);
		return OK;
	}
	TRY(db_here(st->db, &c, err));
	TRY(find_id(c, id, out, &found, err));
	return found ? volume_open(out, err)
		     : fail(err, E_CORRUPT, "the blob store %lld does not exist", (long long)id);
}

enum rc volume_by_name(struct store *st, struct str name, struct volume *out, struct err *err)
{
	struct db_conn *c;
	bool found;

	if (!name.n) {
		data_directory(st, out);
		return OK;
	}
	TRY(db_here(st->db, &c, err));
	TRY(volume_find(c, name, out, &found, err));
	return found ? volume_open(out, err) : fail(err, E_IO, "the blob store %.*s has been removed", STR_ARG(name));
}

/* With the marker: the row of another one may have got its number since. */
enum rc volume_check(struct db_conn *c, const struct volume *v, struct err *err)
{
	struct volume now;
	bool found;

	if (!v->id)
		return OK;
	TRY(find_id(c, v->id, &now, &found, err));
	return found && str_eq(str_of(now.marker), str_of(v->marker))
		   ? OK
		   : fail(err, E_IO, "the blob store %s has been removed", v->name);
}

enum rc volume_make_dirs(int dirfd, struct err *err)
{
	static const char *const paths[] = {"blobs", "blobs/sha256", "blobs/sha512", "uploads"};
	int fd;

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		TRY(io_open_dir(dirfd, paths[i], 0700, &fd, err));
		io_close(&fd);
	}
	return OK;
}

enum rc volume_of_session(struct store *st, const char *name, struct volume *out, struct err *err)
{
	struct db_conn *c;
	struct stat file;
	bool found;

	TRY(db_here(st->db, &c, err));
	data_directory(st, out);
	while (fstatat(out->uploads, name, &file, AT_SYMLINK_NOFOLLOW) < 0) {
		int64_t id = out->id;

		volume_close(out);
		/* on a disk that is missing nobody finds it */
		do {
			TRY(volume_next(c, id, out, &found, err));
			if (!found) {
				*out = (struct volume){.dirfd = -1, .uploads = -1};
				return fail_rc(err, E_UPLOAD_UNKNOWN);
			}
			id = out->id;
		} while (volume_open(out, NULL));
	}
	return OK;
}
