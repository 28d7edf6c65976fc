/* The data directory as commands use it, beside a running server or without one. */
#include "data.h"
#include <cove/app/app.h>
#include <cove/base/io.h>
#include <cove/base/log.h>
#include <cove/crypto/seal.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

enum rc data_namespaces(int dirfd, struct db *db, struct namespaces **out, struct err *err)
{
	struct secret key;
	int keys = -1;
	enum rc rc;

	TRY(io_open_dir(dirfd, "keys", 0700, &keys, err));
	rc = seal_key_load(keys, &key, err);
	io_close(&keys);
	if (rc == E_CORRUPT || rc == E_IO) { /* nothing but the passwords of upstreams needs it */
		log_error("data.seal", "reason=%s", log_quote(str_of(err->text)));
		secret_wipe(&key); /* one that could not be kept counts no more than none */
		rc = OK;
	}
	if (!rc)
		rc = namespaces_open(db, &key, out, err);
	secret_wipe(&key);
	return rc;
}

bool data_is_new(int dirfd)
{
	struct stat st;

	return fstatat(dirfd, DATABASE_FILE, &st, 0) < 0 ? errno == ENOENT : st.st_size == 0;
}

enum rc app_data_open(const struct config *config, struct app_data *out, struct err *err)
{
	enum rc rc;

	*out = (struct app_data){.config = config, .dirfd = -1};
	/* a command never makes a data directory: a mistyped path would seem to have no users */
	out->dirfd = open(config->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (out->dirfd < 0)
		return fail_errno(err, E_CONFIG,
		    "the data directory %s does not exist: start `cove serve` once, or name another one with --data",
		    config->data);
	rc = data_is_new(out->dirfd)
		 ? fail(err, E_CONFIG, "cove.db is missing in %s: start `cove serve` once, or restore it from a backup",
		       config->data)
		 : db_open(out->dirfd, DATABASE_FILE, &out->db, err);
	if (!rc)
		rc = auth_open(out->db, &out->auth, err);
	if (!rc)
		rc = data_namespaces(out->dirfd, out->db, &out->namespaces, err);
	if (rc)
		app_data_close(out);
	return rc;
}

#define ADDRESS_FILE "address"
#define ADDRESS_BYTES 512

#define OWN_CERTIFICATE "the certificate is the owner's\n" /* the second line, then */

void data_keep_address(int dirfd, struct str address, bool has_ca)
{
	struct buf kept = BUF_INIT(ADDRESS_BYTES), now = BUF_INIT(ADDRESS_BYTES);
	struct err err;

	buf_addf(&now, "%.*s\n%s", STR_ARG(address), has_ca ? "" : OWN_CERTIFICATE);
	if (io_read_file(dirfd, ADDRESS_FILE, &kept, &err) || !str_eq(buf_str(&kept), buf_str(&now)))
		if (io_write_file(dirfd, ADDRESS_FILE, buf_str(&now), 0644, &err))
			log_warn("start.address", "reason=%s", log_quote(str_of(err.text)));
	buf_release(&kept);
	buf_release(&now);
}

enum rc app_data_address(const struct app_data *d, struct buf *out, bool *has_ca, struct err *err)
{
	struct buf kept = BUF_INIT(ADDRESS_BYTES);
	struct str address, rest;
	enum rc rc = io_read_file(d->dirfd, ADDRESS_FILE, &kept, err);

	if (rc == E_NOT_FOUND)
		rc = fail(err, E_USAGE, "no server has run with this data directory yet: pass --address NAME:PORT");
	str_cut(buf_str(&kept), '\n', &address, &rest);
	*has_ca = !str_eq(rest, STR(OWN_CERTIFICATE));
	buf_add(out, address);
	buf_release(&kept);
	return rc;
}

void app_data_close(struct app_data *d)
{
	namespaces_close(d->namespaces);
	if (d->auth)
		auth_close(d->auth);
	if (d->db)
		db_close(d->db);
	io_close(&d->dirfd);
	*d = (struct app_data){.dirfd = -1};
}
