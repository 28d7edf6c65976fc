/* change: creating, changing, removing and declaring, each one transaction: rows, then the check of the whole. What a
 * removed namespace held is purged before, in many. */
#include "private.h"
#include <cove/audit/audit.h>
#include <cove/base/clock.h>

static enum rc finish_change(struct db_conn *c, struct err *err)
{
	static const char grow[] = "UPDATE namespace_generation SET number = number + 1";
	struct namespace_set *set;
	struct db_stmt *s;
	enum rc rc;

	TRY(db_prepare(c, grow, &s, err));
	TRY(db_run(s, NULL, err));
	TRY(set_build(c, &set, err));
	rc = set_check(c, set, err);
	namespace_set_unref(set);
	return rc;
}

static enum rc audit_change(struct db_conn *c, const struct change *change, struct err *err)
{
	struct buf detail = BUF_INIT(AUDIT_TEXT_MAX);
	enum rc rc;

	for (size_t i = 0; i < change->count; i++)
		buf_addf(&detail, "%s%.*s=%.*s", i ? " " : "", STR_ARG(change->attributes[i].name),
		    STR_ARG(change->attributes[i].value));
	if (change->purge)
		buf_addz(&detail, "with all that it held");
	rc = audit_add(c, change->action, change->name.n ? change->name : STR("/"), buf_str(&detail), err);
	buf_release(&detail);
	return rc;
}

enum rc change_in_transaction(change_fn *fn, const struct change *change, struct err *err)
{
	struct db_conn *c;
	enum rc rc;

	TRY(db_here(change->n->db, &c, err));
	TRY(db_begin(c, err));
	rc = fn(c, change, err);
	if (!rc)
		rc = finish_change(c, err);
	if (!rc && change->action)
		rc = audit_change(c, change, err);
	if (!rc && !change->rehearse)
		rc = db_commit(c, err);
	if (rc || change->rehearse)
		db_rollback(c);
	return rc;
}

/* ---- rows ---- */

enum rc row_find(struct db_conn *c, struct str name, bool *found, struct namespace_row *out, struct err *err)
{
	static const char sql[] = "SELECT id, kind, declared FROM namespaces WHERE name = :name";
	struct db_stmt *s;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_text(s, ":name", name_meant(name));
	TRY(db_step(s, found, err));
	if (*found)
		*out = (struct namespace_row){db_i64(s, 0), (enum namespace_kind)db_i64(s, 1), db_i64(s, 2) != 0};
	db_done(s);
	return OK;
}

/* One that may be changed by hand. */
static enum rc row_of_hand(struct db_conn *c, struct str name, struct namespace_row *out, struct err *err)
{
	bool found;

	TRY(row_find(c, name, &found, out, err));
	if (!found)
		return fail(err, E_NOT_FOUND, "the namespace %.*s does not exist: see `cove namespace list`",
		    STR_ARG(str_first(name, NAMESPACE_NAME_MAX)));
	if (out->declared)
		return fail(err, E_USAGE, "namespace %.*s is declared in cove.yaml: change it there, then reload",
		    STR_ARG(name));
	return OK;
}

enum rc put_attribute(struct db_conn *c, int64_t id, struct str name, struct str value, struct err *err)
{
	static const char put[] =
	    "INSERT INTO namespace_attributes (namespace, name, value) VALUES (:id, :name, :value)"
	    " ON CONFLICT (namespace, name) DO UPDATE SET value = excluded.value";
	static const char drop[] = "DELETE FROM namespace_attributes WHERE namespace = :id AND name = :name";
	struct db_stmt *s;

	TRY(db_prepare(c, value.n ? put : drop, &s, err));
	db_bind_i64(s, ":id", id);
	db_bind_text(s, ":name", name);
	if (value.n)
		db_bind_text(s, ":value", value);
	return db_run(s, NULL, err);
}

static enum rc put_attributes(struct db_conn *c, struct str name, const struct namespace_row *row,
    const struct attribute *attributes, size_t count, struct err *err)
{
	const struct attribute_type *type;

	for (size_t i = 0; i < count; i++) {
		TRY(attribute_of(name_meant(name), row->kind, attributes[i].name, &type, err));
		TRY(put_attribute(c, row->id, attributes[i].name, str_trim(attributes[i].value), err));
	}
	return OK;
}

/* As it is written; empty: none. */
static enum rc read_upstream(struct db_conn *c, int64_t id, struct buf *out, struct err *err)
{
	static const char sql[] = "SELECT value FROM namespace_attributes WHERE namespace = :id AND name = 'upstream'";
	struct db_stmt *s;
	bool found;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":id", id);
	TRY(db_step(s, &found, err));
	if (found)
		buf_add(out, db_text(s, 0));
	db_done(s);
	return OK;
}

static enum rc follow_upstream(struct db_conn *c, int64_t id, struct str before, bool has_new_file, struct err *err)
{
	struct buf now = BUF_INIT(VALUE_MAX_BYTES);
	enum rc rc = read_upstream(c, id, &now, err);

	if (!rc && before.n && !str_eq(before, buf_str(&now)))
		rc = proxy_forget(c, id, has_new_file, err);
	buf_release(&now);
	return rc;
}

static bool names_local_file(const struct attribute *attributes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (namespace_attribute_is_local(attributes[i].name))
			return true;
	return false;
}

static enum rc drop_attributes(struct db_conn *c, int64_t id, struct err *err)
{
	static const char sql[] = "DELETE FROM namespace_attributes WHERE namespace = :id"
				  " AND name NOT IN ('" PASSWORD_ATTRIBUTE "', '" REFRESHED_ATTRIBUTE "')";
	struct db_stmt *s;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":id", id);
	return db_run(s, NULL, err);
}

/* Of one that is there. `all`: what is not among them becomes the default. */
static enum rc replace_attributes(struct db_conn *c, struct str name, const struct namespace_row *row,
    const struct attribute *attributes, size_t count, bool all, struct err *err)
{
	struct buf before = BUF_INIT(VALUE_MAX_BYTES);
	enum rc rc = read_upstream(c, row->id, &before, err);

	if (!rc && all)
		rc = drop_attributes(c, row->id, err);
	if (!rc)
		rc = put_attributes(c, name, row, attributes, count, err);
	if (!rc)
		rc = follow_upstream(c, row->id, buf_str(&before), names_local_file(attributes, count), err);
	buf_release(&before);
	return rc;
}

/* The namespace whose repositories those of `name` are as long as there is none of that name. */
static enum rc around(struct db_conn *c, struct str name, int64_t *id, struct err *err)
{
	struct str head = name, tail;
	struct namespace_row row;
	bool found = false;

	while (!found) {
		str_cut_last(head, '/', &head, &tail);
		if (!tail.n)
			head = STR("");
		TRY(row_find(c, head, &found, &row, err));
		if (!found && !head.n)
			return fail(err, E_CORRUPT, "the root namespace is missing from the database");
	}
	*id = row.id;
	return OK;
}

/* ---- create ---- */

/* What has such a name already comes to a hosted namespace; it cannot come from an upstream. */
static enum rc take_over(
    struct db_conn *c, struct str name, enum namespace_kind kind, int64_t id, int64_t from, struct err *err)
{
	int64_t count;
	bool exists;

	TRY(repository_exists(c, name, &exists, err));
	if (exists)
		return fail(err, E_USAGE,
		    "a repository %.*s exists, and a namespace of that name would hide it: choose another name",
		    STR_ARG(name));
	if (kind == NAMESPACE_HOSTED)
		return repositories_move(c, name, from, id, err);
	TRY(repositories_count(c, name, from, &count, err));
	if (count)
		return fail(err, E_USAGE,
		    "%lld repositories have names that begin with %.*s/: a %s namespace would hide them; choose "
		    "another "
		    "name, or remove them first",
		    (long long)count, STR_ARG(name), namespace_kind_text(kind));
	return OK;
}

static enum rc create_row(struct db_conn *c, struct str name, enum namespace_kind kind, int64_t *id, struct err *err)
{
	static const char sql[] = "INSERT INTO namespaces (name, kind, created_at) VALUES (:name, :kind, :now)";
	struct db_stmt *s;
	int64_t from;
	enum rc rc;

	TRY(name_check(name, err));
	TRY(around(c, name, &from, err));
	TRY(db_prepare(c, sql, &s, err));
	db_bind_text(s, ":name", name);
	db_bind_i64(s, ":kind", (int64_t)kind);
	db_bind_i64(s, ":now", clock_wall_s());
	rc = db_run(s, NULL, err);
	if (rc == E_EXISTS)
		return fail(err, rc, "the namespace %.*s already exists", STR_ARG(name));
	TRY(rc);
	*id = db_last_id(c);
	return take_over(c, name, kind, *id, from, err);
}

static enum rc create(struct db_conn *c, const struct change *change, struct err *err)
{
	struct namespace_row row = {.kind = change->kind};

	TRY(create_row(c, change->name, change->kind, &row.id, err));
	return put_attributes(c, change->name, &row, change->attributes, change->count, err);
}

enum rc namespace_create(struct namespaces *n, struct str name, enum namespace_kind kind,
    const struct attribute *attributes, size_t count, struct err *err)
{
	struct change change = {
	    .n = n, .action = "namespace.create", .name = name, .kind = kind, .attributes = attributes, .count = count};

	return change_in_transaction(create, &change, err);
}

/* ---- change ---- */

static enum rc alter(struct db_conn *c, const struct change *change, struct err *err)
{
	struct namespace_row row;

	TRY(row_of_hand(c, change->name, &row, err));
	return replace_attributes(c, change->name, &row, change->attributes, change->count, false, err);
}

enum rc namespace_change(
    struct namespaces *n, struct str name, const struct attribute *attributes, size_t count, struct err *err)
{
	struct change change = {
	    .n = n, .action = "namespace.change", .name = name, .attributes = attributes, .count = count};

	return change_in_transaction(alter, &change, err);
}

/* ---- remove ---- */

static enum rc delete_row(struct db_conn *c, int64_t id, struct err *err)
{
	static const char sql[] = "DELETE FROM namespaces WHERE id = :id";
	struct db_stmt *s;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":id", id);
	return db_run(s, NULL, err);
}

static enum rc remove_row(
    struct db_conn *c, struct str name, const struct namespace_row *row, bool purge, struct err *err)
{
	int64_t count, to;
	bool more;

	TRY(repositories_count(c, name, row->id, &count, err));
	if (count && !purge && row->kind != NAMESPACE_HOSTED)
		return fail(err, E_USAGE,
		    "namespace %.*s caches %lld repositories of its upstream: remove it with --purge to delete them",
		    STR_ARG(name), (long long)count);
	if (count && purge) {
		TRY(repositories_purge(c, row->id, INT64_MAX, &more, err));
	} else if (count) {
		TRY(around(c, name, &to, err));
		TRY(repositories_move(c, name, row->id, to, err));
	}
	return delete_row(c, row->id, err);
}

static enum rc is_no_member(struct db_conn *c, struct str name, struct err *err)
{
	struct namespace_set *set;
	enum rc rc = OK;

	TRY(set_build(c, &set, err));
	for (size_t i = 0; i < namespace_count(set) && !rc; i++) {
		const struct namespace *group = namespace_at(set, i);

		for (size_t k = 0; k < group->member_count && !rc; k++)
			if (str_eq(group->members[k]->name, name))
				rc = fail(err, E_USAGE,
				    "namespace %.*s is a member of the group %.*s: take it out of that group's "
				    "members first",
				    STR_ARG(name), STR_ARG(group->name));
	}
	namespace_set_unref(set);
	return rc;
}

static enum rc find_removable(struct db_conn *c, struct str name, struct namespace_row *row, struct err *err)
{
	TRY(row_of_hand(c, name, row, err));
	if (!name_meant(name).n)
		return fail(err, E_USAGE,
		    "the root namespace cannot be removed: it holds every repository that belongs to no other "
		    "namespace");
	return is_no_member(c, name_meant(name), err);
}

static enum rc remove_one(struct db_conn *c, const struct change *change, struct err *err)
{
	struct namespace_row row;

	TRY(find_removable(c, change->name, &row, err));
	return remove_row(c, change->name, &row, change->purge, err);
}

/* Everything that speaks against the removal, without doing it. */
static enum rc rehearse(struct db_conn *c, struct str name, struct namespace_row *row, struct err *err)
{
	enum rc rc;

	TRY(db_begin(c, err));
	rc = find_removable(c, name, row, err);
	if (!rc)
		rc = delete_row(c, row->id, err);
	if (!rc)
		rc = finish_change(c, err);
	db_rollback(c);
	return rc;
}

struct purge {
	const struct change *change;
	int64_t id;
};

static enum rc purge_all(struct db_conn *c, const void *ctx, bool *more, struct err *err)
{
	const struct purge *purge = ctx;

	return repositories_purge(c, purge->id, PURGE_STEP, more, err);
}

static enum rc record_purge(struct db_conn *c, const void *ctx, struct err *err)
{
	const struct purge *purge = ctx;

	return audit_add(c, "namespace.purge", purge->change->name, STR_NONE, err);
}

static enum rc purge_namespace(const struct change *change, struct err *err)
{
	struct namespace_row row = {.id = 0};
	struct db_conn *c;

	TRY(db_here(change->n->db, &c, err));
	TRY(rehearse(c, change->name, &row, err));
	return purge_in_steps(c, purge_all, record_purge, &(struct purge){change, row.id}, err);
}

enum rc namespace_remove(struct namespaces *n, struct str name, bool purge, struct err *err)
{
	struct change change = {.n = n, .action = "namespace.remove", .name = name, .purge = purge};

	if (purge)
		TRY(purge_namespace(&change, err));
	return change_in_transaction(remove_one, &change, err);
}

/* ---- declare ---- */

static enum rc set_declared(struct db_conn *c, int64_t id, bool declared, struct err *err)
{
	static const char sql[] = "UPDATE namespaces SET declared = :declared WHERE id = :id";
	struct db_stmt *s;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":declared", declared);
	db_bind_i64(s, ":id", id);
	return db_run(s, NULL, err);
}

static enum rc declare_one(struct db_conn *c, const struct declaration *d, struct err *err)
{
	struct namespace_row row;
	bool found;

	TRY(row_find(c, d->name, &found, &row, err));
	if (!found)
		TRY(create_row(c, d->name, row.kind = d->kind, &row.id, err));
	else if (row.kind != d->kind)
		return fail(err, E_USAGE, "namespace %.*s exists with kind %s: remove it first, then declare it as %s",
		    STR_ARG(d->name), namespace_kind_text(row.kind), namespace_kind_text(d->kind));
	TRY(replace_attributes(c, d->name, &row, d->attributes, d->count, true, err));
	return set_declared(c, row.id, true, err);
}

/* The next that is declared in the database after `after`. */
static enum rc next_declared(struct db_conn *c, char name[static NAMESPACE_NAME_MAX + 1], bool *found,
    struct namespace_row *row, struct err *err)
{
	static const char sql[] =
	    "SELECT id, kind, name FROM namespaces WHERE declared = 1 AND name > :after ORDER BY name LIMIT 1";
	struct db_stmt *s;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_text(s, ":after", str_of(name));
	TRY(db_step(s, found, err));
	if (*found) {
		*row = (struct namespace_row){db_i64(s, 0), (enum namespace_kind)db_i64(s, 1), true};
		snprintf(name, NAMESPACE_NAME_MAX + 1, "%.*s", STR_ARG(db_text(s, 2)));
	}
	db_done(s);
	return OK;
}

static bool is_listed(const struct change *change, struct str name)
{
	for (size_t i = 0; i < change->list_count; i++)
		if (str_eq(name_meant(change->list[i].name), name))
			return true;
	return false;
}

typedef enum rc forgotten_fn(
    struct db_conn *c, struct str name, const struct namespace_row *row, bool *stays, struct err *err);

/* Has a group that was made by hand the namespace as a member? */
static enum rc is_member_by_hand(struct db_conn *c, struct str name, bool *is, struct err *err)
{
	static const char sql[] = "SELECT a.value FROM namespaces n JOIN namespace_attributes a ON a.namespace = n.id"
				  " WHERE n.declared = 0 AND a.name = 'members'";
	struct db_stmt *s;
	struct str rest, member;
	enum rc rc;
	bool row;

	*is = false;
	TRY(db_prepare(c, sql, &s, err));
	while (!(rc = db_step(s, &row, err)) && row)
		for (rest = db_text(s, 0); list_next(&rest, &member);)
			*is = *is || str_eq(name_meant(member), name);
	db_done(s);
	return rc;
}

/* What goes on as if made by hand: those that hold something, and what hand-made groups are made of. */
static enum rc let_stay(
    struct db_conn *c, struct str name, const struct namespace_row *row, bool *stays, struct err *err)
{
	int64_t count;

	TRY(repositories_count(c, name, row->id, &count, err));
	*stays = count > 0;
	if (!*stays)
		TRY(is_member_by_hand(c, name, stays, err));
	return *stays ? set_declared(c, row->id, false, err) : OK;
}

static enum rc forget(struct db_conn *c, struct str name, const struct namespace_row *row, bool *stays, struct err *err)
{
	*stays = false;
	return remove_row(c, name, row, false, err);
}

/* Calls fn for all that are declared in the database and not in the file, but the root. */
static enum rc each_forgotten(
    struct db_conn *c, const struct change *change, forgotten_fn *fn, bool *stayed, struct err *err)
{
	char name[NAMESPACE_NAME_MAX + 1] = "";
	struct namespace_row row;
	bool found, stays;

	*stayed = false;
	TRY(next_declared(c, name, &found, &row, err));
	while (found) {
		stays = false;
		if (!is_listed(change, str_of(name)))
			TRY(fn(c, str_of(name), &row, &stays, err));
		*stayed |= stays;
		TRY(next_declared(c, name, &found, &row, err));
	}
	return OK;
}

static enum rc declare(struct db_conn *c, const struct change *change, struct err *err)
{
	struct namespace_row row;
	bool found, stayed = true;

	/* a group that stays has members that must stay; each time one more at least, so it ends */
	while (stayed)
		TRY(each_forgotten(c, change, let_stay, &stayed, err));
	/* they go first: another may have their name's place, port or host */
	TRY(each_forgotten(c, change, forget, &stayed, err));
	/* the root, which is not after the empty name */
	TRY(row_find(c, STR(""), &found, &row, err));
	if (found && row.declared && !is_listed(change, STR("")))
		TRY(set_declared(c, row.id, false, err));
	for (size_t i = 0; i < change->list_count; i++)
		TRY(declare_one(c, &change->list[i], err));
	return OK;
}

enum rc namespaces_declare(
    struct namespaces *n, const struct declaration *list, size_t count, bool rehearse, struct err *err)
{
	struct change change = {.n = n, .list = list, .list_count = count, .rehearse = rehearse};
	bool any;

	TRY(any_declared(n->db, &any, err));
	if (!count && !any)
		return OK; /* nothing to write, on a disk that is full perhaps */

	return change_in_transaction(declare, &change, err);
}
