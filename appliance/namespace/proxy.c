/* proxy: what there is of a proxy beside its attributes: the password for its upstream, and when it was last told to
 * forget what it knows of that. */
#include "private.h"
#include <cove/base/clock.h>
#include <cove/base/random.h>
#include <cove/crypto/seal.h>
#include <stdio.h>

/* ---- the password ---- */

enum rc namespace_password(struct namespaces *n, const struct namespace *ns, struct secret *out, struct err *err)
{
	if (ns->password.n)
		return seal_open(&n->key, ns->password, out, err);
	secret_wipe(out);
	return OK;
}

/* Also of a declared one: secrets do not belong into the file. An empty password takes it away. */
static enum rc set_password(struct db_conn *c, const struct change *change, struct err *err)
{
	struct buf sealed = BUF_INIT(VALUE_MAX_BYTES);
	struct namespace_row row;
	enum rc rc = OK;
	bool found;

	TRY(row_find(c, change->name, &found, &row, err));
	if (!found || row.kind != NAMESPACE_PROXY)
		return fail(err, found ? E_USAGE : E_NOT_FOUND, "there is no proxy namespace %.*s",
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

enum rc proxy_forget(struct db_conn *c, int64_t id, struct err *err)
{
	static const char sql[] = "UPDATE namespace_blobs SET proven = 0 WHERE namespace = :id";
	struct db_stmt *s;

	TRY(put_attribute(c, id, STR(PASSWORD_ATTRIBUTE), STR_NONE, err));
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
			 "there is no proxy namespace %.*s, and no group of that name that has one",
			 STR_ARG(str_first(change->name, NAMESPACE_NAME_MAX)));
}

enum rc namespace_refresh(struct namespaces *n, struct str name, struct err *err)
{
	struct change change = {.n = n, .action = "namespace.refresh", .name = name};

	return change_in_transaction(refresh, &change, err);
}
