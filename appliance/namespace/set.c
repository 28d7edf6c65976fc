/* set: snapshots of all namespaces: built from the database when its generation has grown, shared by count. */
#include "private.h"
#include <cove/crypto/digest.h>
#include <stdio.h>

struct str name_shown(const struct namespace *ns)
{
	return ns->name.n ? ns->name : STR("/");
}

struct str name_meant(struct str name)
{
	return str_eq(name, STR("/")) ? STR("") : name;
}

static enum rc no_memory(struct err *err)
{
	return fail(err, E_BUSY, "the namespaces take more than %u MiB of memory", SET_MAX_BYTES >> 20);
}

/* ---- from the rows ---- */

static enum rc read_number(struct db_conn *c, const char *literal, int64_t *out, struct err *err)
{
	struct db_stmt *s;
	bool row;

	TRY(db_prepare(c, literal, &s, err));
	TRY(db_step(s, &row, err));
	if (!row)
		return fail(err, E_CORRUPT, "the generation of the namespaces is missing from the database");
	*out = db_i64(s, 0);
	db_done(s);
	return OK;
}

static enum rc read_generation(struct db_conn *c, int64_t *out, struct err *err)
{
	static const char sql[] = "SELECT number FROM namespace_generation WHERE only = 1";

	return read_number(c, sql, out, err);
}

static enum rc read_row(struct namespace_set *set, struct db_stmt *s, struct err *err)
{
	struct namespace *ns = &set->items[set->count];
	int64_t kind = db_i64(s, 2);

	if (kind < NAMESPACE_HOSTED || kind > NAMESPACE_GROUP)
		return fail(err, E_CORRUPT, "a namespace in the database is of kind %lld", (long long)kind);
	ns->id = db_i64(s, 0);
	ns->name = arena_str(&set->arena, db_text(s, 1));
	ns->kind = (enum namespace_kind)kind;
	ns->declared = db_i64(s, 3) != 0;
	ns->created_at = db_i64(s, 4);
	ns->set = set;
	TRY(attributes_default(ns, &set->arena, err));
	set->count++;
	return OK;
}

static enum rc read_namespaces(struct db_conn *c, struct namespace_set *set, struct err *err)
{
	static const char count_sql[] = "SELECT count(*) FROM namespaces";
	static const char sql[] = "SELECT id, name, kind, declared, created_at FROM namespaces ORDER BY name";
	struct db_stmt *s;
	int64_t count;
	enum rc rc;
	bool row;

	TRY(read_number(c, count_sql, &count, err));
	if (count > NAMESPACES_MAX + 1)
		return fail(err, E_USAGE, "%d namespaces exist, which is the limit: remove one first", NAMESPACES_MAX);
	set->items = arena_alloc(&set->arena, (size_t)count * sizeof(*set->items));
	if (!set->items)
		return no_memory(err);
	TRY(db_prepare(c, sql, &s, err));
	while (!(rc = db_step(s, &row, err)) && row) {
		if (set->count == (size_t)count)
			bug("the count of namespaces changed within a transaction");
		rc = read_row(set, s, err);
		if (rc)
			break;
	}
	db_done(s);
	if (!rc && (!set->count || set->items[0].name.n))
		return fail(err, E_CORRUPT, "the root namespace is missing from the database");
	return rc;
}

/* What was left unset and depends on other attributes. Who has a part of a registry does not stand for it. */
static void finish(struct namespace *ns, bool library_given)
{
	struct str host;
	bool part;

	if (ns->kind != NAMESPACE_PROXY)
		return;
	host = upstream_host(ns->upstream);
	part = namespace_upstream_path(ns).n > 0;
	if (!library_given)
		ns->library = namespace_is_docker_hub(host) && !part;
	if (!ns->upstream_names.n && part)
		ns->upstream_names = STR(NO_UPSTREAM_NAMES);
	else if (!ns->upstream_names.n)
		ns->upstream_names =
		    namespace_is_docker_hub(host) ? STR("docker.io registry-1.docker.io index.docker.io") : host;
}

/* With lengths: no two lists of attributes are the same bytes. */
static void hash_text(struct hasher *hasher, struct str text)
{
	uint64_t n = text.n;

	hasher_add(hasher, &n, sizeof(n));
	hasher_add(hasher, text.p, text.n);
}

static uint64_t number_of(struct hasher *hasher)
{
	struct digest d;
	uint64_t number;

	hasher_end(hasher, &d);
	memcpy(&number, d.bytes, sizeof(number));
	return number;
}

static enum rc read_attributes(struct db_conn *c, struct namespace_set *set, struct err *err)
{
	static const char sql[] = "SELECT name, value FROM namespace_attributes WHERE namespace = :id ORDER BY name";
	struct db_stmt *s;
	struct hasher hasher;
	enum rc rc = OK;
	bool row, library_given;

	TRY(db_prepare(c, sql, &s, err));
	for (size_t i = 0; i < set->count && !rc; i++) {
		struct namespace *ns = &set->items[i];

		library_given = false;
		hasher_init(&hasher, DIGEST_SHA256);
		hasher_add(&hasher, &ns->id, sizeof(ns->id));
		db_bind_i64(s, ":id", ns->id);
		while (!(rc = db_step(s, &row, err)) && row) {
			hash_text(&hasher, db_text(s, 0));
			hash_text(&hasher, db_text(s, 1));
			if (str_eq(db_text(s, 0), STR(PASSWORD_ATTRIBUTE)))
				ns->password = arena_str(&set->arena, db_text(s, 1));
			else if (str_eq(db_text(s, 0), STR(REFRESHED_ATTRIBUTE)))
				ns->refreshed_at = refreshed_at(db_text(s, 1));
			else
				rc = attribute_store(ns, db_text(s, 0), db_text(s, 1), &set->arena, err);
			if (rc)
				break;
			library_given |= str_eq(db_text(s, 0), STR("library"));
		}
		ns->version = number_of(&hasher);
		finish(ns, library_given);
	}
	db_done(s);
	return rc;
}

/* ---- what belongs together ---- */

static enum rc link_members(struct namespace_set *set, struct namespace *group, struct err *err)
{
	struct str rest = group->member_names, name;

	while (list_next(&rest, &name)) {
		const struct namespace *member = namespace_find(set, name);

		if (!member)
			return fail(err, E_USAGE, "namespace %.*s: members: the namespace %.*s does not exist",
			    STR_ARG(name_shown(group)), STR_ARG(name));
		if (group->member_count == MEMBERS_MAX)
			return fail(err, E_USAGE, "namespace %.*s: members: a group can have at most %d",
			    STR_ARG(name_shown(group)), MEMBERS_MAX);
		group->members[group->member_count++] = member;
	}
	if (!group->writable_name.n)
		return OK;
	group->writable = namespace_find(set, group->writable_name);
	if (!group->writable)
		return fail(err, E_USAGE, "namespace %.*s: writable: the namespace %.*s does not exist",
		    STR_ARG(name_shown(group)), STR_ARG(group->writable_name));
	return OK;
}

static enum rc make_lists(struct namespace_set *set, struct err *err)
{
	const struct namespace **room = arena_alloc(&set->arena, 3 * set->count * sizeof(*room));

	if (!room)
		return no_memory(err);
	set->with_port = room;
	set->with_host = room + set->count;
	set->proxies = room + 2 * set->count;
	for (size_t i = 0; i < set->count; i++) {
		const struct namespace *ns = &set->items[i];

		if (ns->listener != LISTENER_NONE)
			set->with_port[set->port_count++] = ns;
		if (ns->host.n)
			set->with_host[set->host_count++] = ns;
		if (ns->kind == NAMESPACE_PROXY)
			set->proxies[set->proxy_count++] = ns;
	}
	return OK;
}

static void set_free(struct namespace_set *set)
{
	arena_release(&set->arena);
	free(set);
}

enum rc set_build(struct db_conn *c, struct namespace_set **out, struct err *err)
{
	struct namespace_set *set = xcalloc(1, sizeof(*set));
	enum rc rc;

	atomic_init(&set->references, 1);
	arena_init(&set->arena, SET_MAX_BYTES);
	rc = read_generation(c, &set->generation, err);
	if (!rc)
		rc = read_namespaces(c, set, err);
	if (!rc)
		rc = read_attributes(c, set, err);
	for (size_t i = 0; i < set->count && !rc; i++)
		rc = link_members(set, &set->items[i], err);
	if (!rc)
		rc = make_lists(set, err);
	if (!rc && set->arena.failed)
		rc = no_memory(err);
	if (rc) {
		set_free(set);
		return rc;
	}
	*out = set;
	return OK;
}

/* ---- the newest ---- */

static enum rc build_now(struct db_conn *c, struct namespace_set **out, struct err *err)
{
	enum rc rc;

	TRY(db_begin_read(c, err));
	rc = set_build(c, out, err);
	db_rollback(c);
	return rc;
}

enum rc namespaces_open(struct db *db, const struct secret *seal_key, struct namespaces **out, struct err *err)
{
	struct namespace_set *set;
	struct namespaces *n;
	struct db_conn *c;

	TRY(db_here(db, &c, err));
	TRY(build_now(c, &set, err));
	n = xcalloc(1, sizeof(*n));
	n->db = db;
	n->key = *seal_key;
	n->newest = set;
	pthread_mutex_init(&n->mutex, NULL);
	*out = n;
	return OK;
}

/* From the key, which is random: so it need not be kept, and tells nothing. */
void namespaces_pseudonym(const struct namespaces *n, char *out, size_t size)
{
	struct hasher hasher;

	hasher_init(&hasher, DIGEST_SHA256);
	hash_text(&hasher, STR("pseudonym"));
	hash_text(&hasher, secret_str(&n->key));
	snprintf(out, size, "cove-%016llx", (unsigned long long)number_of(&hasher));
}

void namespaces_close(struct namespaces *n)
{
	if (!n)
		return;
	namespace_set_unref(n->newest);
	pthread_mutex_destroy(&n->mutex);
	secret_wipe(&n->key);
	free(n);
}

/* Who finds a newer generation builds, with the mutex held: the others would only build the same. */
enum rc namespaces_take(struct namespaces *n, struct namespace_set **out, struct err *err)
{
	struct namespace_set *fresh;
	struct db_conn *c;
	int64_t generation;
	enum rc rc = OK;

	TRY(db_here(n->db, &c, err));
	TRY(read_generation(c, &generation, err));
	pthread_mutex_lock(&n->mutex);
	if (n->newest->generation < generation) {
		rc = build_now(c, &fresh, err);
		if (!rc) {
			namespace_set_unref(n->newest);
			n->newest = fresh;
		}
	}
	if (!rc) {
		atomic_fetch_add_explicit(&n->newest->references, 1, memory_order_relaxed);
		*out = n->newest;
	}
	pthread_mutex_unlock(&n->mutex);
	return rc;
}

void namespace_set_unref(struct namespace_set *set)
{
	if (set && atomic_fetch_sub_explicit(&set->references, 1, memory_order_acq_rel) == 1)
		set_free(set);
}

int64_t namespace_set_generation(const struct namespace_set *set)
{
	return set->generation;
}

size_t namespace_count(const struct namespace_set *set)
{
	return set->count;
}

const struct namespace *namespace_at(const struct namespace_set *set, size_t i)
{
	return &set->items[i];
}

const struct namespace *namespace_find(const struct namespace_set *set, struct str name)
{
	size_t low = 0, high = set->count;

	name = name_meant(name);
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = str_cmp(set->items[middle].name, name);

		if (order == 0)
			return &set->items[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

enum rc namespace_used_bytes(struct namespaces *n, const struct namespace *ns, uint64_t *used, struct err *err)
{
	static const char sql[] = "SELECT used_bytes FROM namespaces WHERE id = :id";
	struct db_conn *c;
	struct db_stmt *s;
	bool found;

	*used = 0;
	TRY(db_here(n->db, &c, err));
	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":id", ns->id);
	TRY(db_step(s, &found, err));
	if (found)
		*used = (uint64_t)db_i64(s, 0);
	db_done(s);
	return OK;
}

enum rc any_declared(struct db *db, bool *any, struct err *err)
{
	static const char sql[] = "SELECT 1 FROM namespaces WHERE declared = 1 LIMIT 1";
	struct db_conn *c;
	struct db_stmt *s;

	TRY(db_here(db, &c, err));
	TRY(db_prepare(c, sql, &s, err));
	TRY(db_step(s, any, err));
	db_done(s);
	return OK;
}
