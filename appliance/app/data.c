/* The data directory as commands use it, beside a running server or without one. */
#include <cove/app.h>
#include <cove/io.h>
#include <cove/seal.h>
#include <fcntl.h>

static enum rc open_namespaces(struct app_data *d, struct err *err)
{
	struct secret key;
	int keys = -1;
	enum rc rc;

	TRY(io_open_dir(d->dirfd, "keys", 0700, &keys, err));
	rc = seal_key_load(keys, &key, err);
	io_close(&keys);
	if (!rc)
		rc = namespaces_open(d->db, &key, &d->namespaces, err);
	secret_wipe(&key);
	return rc;
}

enum rc app_data_open(const struct config *config, struct app_data *out, struct err *err)
{
	enum rc rc;

	*out = (struct app_data){.dirfd = -1};
	/* a command never makes a data directory: a mistyped path would seem to have no users */
	out->dirfd = open(config->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (out->dirfd < 0)
		return fail_errno(err, E_CONFIG,
		    "there is no data directory at %s: start `cove serve` once, or name another with --data",
		    config->data);
	rc = db_open(out->dirfd, "cove.db", &out->db, err);
	if (!rc)
		rc = auth_open(out->db, &out->auth, err);
	if (!rc)
		rc = open_namespaces(out, err);
	if (rc)
		app_data_close(out);
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
