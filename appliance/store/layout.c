/* layout: names of files; see layout.h for the drawing. */
#include "layout.h"
#include <cove/base/codec.h>
#include <cove/base/io.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

void blob_path(char out[static BLOB_PATH_MAX], const struct digest *d)
{
	char hex[129];

	digest_hex(hex, d);
	snprintf(out, BLOB_PATH_MAX, "blobs/%s/%.2s/%s", digest_algorithm_name(d->algorithm), hex, hex);
}

enum rc shard_open(struct store *st, const struct volume *v, const struct digest *d, int *fd, struct err *err)
{
	atomic_bool *made = &st->shard_made[d->algorithm == DIGEST_SHA512][d->bytes[0]];
	char path[32];

	snprintf(path, sizeof path, "blobs/%s/%02x", digest_algorithm_name(d->algorithm), d->bytes[0]);
	if (v->id || !atomic_load(made)) {
		/* That it is there says nothing: who made it may have been killed before its sync. Once per process,
		 * but disks come and go. */
		TRY(io_open_dir(v->dirfd, path, 0700, fd, err));
		if (!v->id)
			atomic_store(made, true);
		return OK;
	}
	*fd = openat(v->dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *fd < 0 ? fail_errno(err, E_IO, "cannot open %s", path) : OK;
}

static bool is_uuid(struct str s)
{
	if (s.n != UPLOAD_ID_SIZE)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		char c = s.p[i];

		if (dash ? c != '-' : !(ascii_is_digit(c) || (c >= 'a' && c <= 'f')))
			return false;
	}
	return true;
}

enum rc upload_name(struct repo_name repo, struct str id, char out[static UPLOAD_NAME_MAX], struct err *err)
{
	struct digest d;
	char hex[33];

	if (!is_uuid(id))
		return fail_rc(err, E_UPLOAD_UNKNOWN);
	digest_of(&d, DIGEST_SHA256, repo.s);
	hex_encode(hex, d.bytes, 16);
	snprintf(out, UPLOAD_NAME_MAX, "%.*s.%s", STR_ARG(id), hex);
	return OK;
}
