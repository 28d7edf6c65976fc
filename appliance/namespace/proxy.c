/* proxy: what there is of a proxy beside its attributes: the password for its upstream, and when it was last told to
 * forget what it knows of that. */
#include "private.h"
#include <cove/base/clock.h>
#include <cove/base/codec.h>
#include <cove/base/io.h>
#include <cove/base/json.h>
#include <cove/base/random.h>
#include <cove/crypto/seal.h>
#include <cove/namespace/proxy.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define SEALED_MAX_BYTES (2 * SECRET_MAX)

/* ---- the password ---- */

/* A pipe or a device would keep everybody waiting. */
static enum rc read_file(int fd, struct secret *out, struct err *err)
{
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return fail_errno(err, E_UPSTREAM_DENIED, "cannot open it");
	if (!S_ISREG(st.st_mode))
		return fail(err, E_UPSTREAM_DENIED, "it is not a regular file");
	TRY(secret_read(out, fd, err));
	return out->n ? OK : fail(err, E_UPSTREAM_DENIED, "it is empty");
}

static enum rc read_password_file(const struct namespace *ns, struct secret *out, struct err *err)
{
	int fd = open(ns->password_file.p, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct err why;
	enum rc rc;

	rc = read_file(fd, out, &why);
	io_close(&fd);
	if (!rc)
		return OK;
	secret_wipe(out);
	return fail(err, E_UPSTREAM_DENIED,
	    "cannot read the upstream password of the namespace %.*s from %.*s on the registry's machine: %s",
	    STR_ARG(ns->name), STR_ARG(str_first(ns->password_file, 120)), why.text);
}

enum rc namespace_password(struct namespaces *n, const struct namespace *ns, struct secret *out, struct err *err)
{
	if (ns->password_file.n)
		return read_password_file(ns, out, err);
	if (ns->password.n)
		return seal_open(&n->key, ns->password, out, err);
	secret_wipe(out);
	return OK;
}

/* The number that a JSON object has under that name; 0: none. */
static int64_t number_in(struct str json, const char *name)
{
	struct json *doc;
	uint64_t number = 0;

	if (json_parse(json, &doc, NULL))
		return 0;
	(void)json_floor(json_member(doc, name), &number);
	json_free_wiped(doc);
	return (int64_t)number;
}

/* ECR's are the base64 of {"payload":..,"expiration":1530647893}; others are JSON web tokens. */
static int64_t expiry_of(struct str password)
{
	struct str head, rest, claims, signature;
	char *bytes = xcalloc(1, SECRET_MAX);
	int64_t at = 0;
	ptrdiff_t n;

	if ((n = base64_decode(bytes, SECRET_MAX, password)) > 0)
		at = number_in((struct str){bytes, (size_t)n}, "expiration");
	else if (str_cut(password, '.', &head, &rest) && str_cut(rest, '.', &claims, &signature) &&
		 (n = base64url_decode(bytes, SECRET_MAX, claims)) > 0)
		at = number_in((struct str){bytes, (size_t)n}, "exp");
	wipe(bytes, SECRET_MAX);
	free(bytes);
	return at;
}

enum rc namespace_password_expiry(struct namespaces *n, const struct namespace *ns, int64_t *at, struct err *err)
{
	struct secret password;

	*at = 0;
	TRY(namespace_password(n, ns, &password, err));
	*at = expiry_of(secret_str(&password));
	secret_wipe(&password);
	return OK;
}

/* Also of a declared one: secrets do not belong into the file. An empty password takes it away. */
static enum rc set_password(struct db_conn *c, const struct change *change, struct err *err)
{
	struct buf sealed = BUF_INIT(SEALED_MAX_BYTES);
	struct namespace_row row;
	enum rc rc = OK;
	bool found;

	TRY(row_find(c, change->name, &found, &row, err));
	if (!found || row.kind != NAMESPACE_PROXY)
		return fail(err, found ? E_USAGE : E_NOT_FOUND,
		    "%.*s is not a proxy namespace: see `cove namespace list`",
		    STR_ARG(str_first(change->name, NAMESPACE_NAME_MAX)));
	if (change->password->n)
		rc = seal(&change->n->key, change->password, &sealed, err);
	if (!rc)
		rc = put_attribute(c, row.id, STR(PASSWORD_ATTRIBUTE), buf_str(&sealed), err);
	buf_release(&sealed);
	return rc;
}

enum rc namespace_set_password(struct namespaces *n, struct str name, const struct secret *password, struct err *err)
{
	struct change change = {.n = n, .action = "namespace.password", .name = name, .password = password};

	return change_in_transaction(set_password, &change, err);
}

/* ---- forgetting ---- */

/* With a random part: two at one second are two versions of the namespace. */
static enum rc mark_refreshed(struct db_conn *c, int64_t id, struct err *err)
{
	char text[64];
	uint32_t more;

	random_bytes(&more, sizeof(more));
	snprintf(text, sizeof(text), "%lld.%08x", (long long)clock_wall_s(), more);
	return put_attribute(c, id, STR(REFRESHED_ATTRIBUTE), str_of(text), err);
}

int64_t refreshed_at(struct str text)
{
	struct str seconds, more;
	uint64_t at;

	str_cut(text, '.', &seconds, &more);
	return str_u64(seconds, &at) && at <= INT64_MAX ? (int64_t)at : 0;
}

enum rc proxy_forget(struct db_conn *c, int64_t id, bool has_new_file, struct err *err)
{
	static const char sql[] = "UPDATE namespace_blobs SET proven = 0 WHERE namespace = :id";
	struct db_stmt *s;

	TRY(put_attribute(c, id, STR(PASSWORD_ATTRIBUTE), STR_NONE, err));
	if (!has_new_file)
		TRY(put_attribute(c, id, STR("password_file"), STR_NONE, err));
	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":id", id);
	TRY(db_run(s, NULL, err));
	return mark_refreshed(c, id, err);
}

static enum rc refresh_each(
    struct db_conn *c, const struct namespace *const *list, size_t count, bool *any, struct err *err)
{
	for (size_t i = 0; i < count; i++)
		if (list[i]->kind == NAMESPACE_PROXY) {
			*any = true;
			TRY(mark_refreshed(c, list[i]->id, err));
		}
	return OK;
}

static enum rc refresh(struct db_conn *c, const struct change *change, struct err *err)
{
	const struct namespace *ns;
	struct namespace_set *set;
	struct walk w = {.leaf_count = 1};
	enum rc rc = OK;
	bool any = false;

	TRY(set_build(c, &set, err));
	ns = namespace_find(set, change->name);
	w.leaves[0] = ns;
	if (ns && ns->kind == NAMESPACE_GROUP)
		walk_group(ns, false, &w);
	if (ns)
		rc = refresh_each(c, w.leaves, w.leaf_count, &any, err);
	namespace_set_unref(set);
	TRY(rc);
	return any ? OK
		   : fail(err, ns ? E_USAGE : E_NOT_FOUND,
			 "%.*s is neither a proxy namespace nor a group with a proxy member: see `cove namespace list`",
			 STR_ARG(str_first(change->name, NAMESPACE_NAME_MAX)));
}

enum rc namespace_refresh(struct namespaces *n, struct str name, struct err *err)
{
	struct change change = {.n = n, .action = "namespace.refresh", .name = name};

	return change_in_transaction(refresh, &change, err);
}
