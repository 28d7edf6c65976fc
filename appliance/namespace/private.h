/* private: what the files of namespace/ share. */
#pragma once
#include <cove/namespace/namespace.h>
#include <pthread.h>
#include <stdatomic.h>

#define SET_MAX_BYTES (32u << 20)
#define VALUE_MAX_BYTES 4096
#define CA_MAX_BYTES 65536
#define FULL_NAME_MAX 255
/* Set by functions of their own, and no rows of the table of attributes. */
#define PASSWORD_ATTRIBUTE "password"
#define REFRESHED_ATTRIBUTE "refreshed"
#define NO_UPSTREAM_NAMES "none"
#define PURGE_STEP 1000 /* rows in one transaction: pushes elsewhere need not wait */

struct namespaces {
	struct db *db;
	struct secret key;
	pthread_mutex_t mutex; /* guards newest */
	struct namespace_set *newest;
};

struct namespace_set {
	atomic_size_t references;
	int64_t generation;
	struct namespace *items; /* ordered by name: the first is the root */
	size_t count;
	/* those that have one, so that a request looks at few */
	const struct namespace **with_port, **with_host, **proxies;
	size_t port_count, host_count, proxy_count;
	struct arena arena;
};

/* ---- values.c ---- */
/* Checks the text and stores it in the member of ns; texts go to the arena. The sentence says what is wrong with the
 * text, not where it stands. E_USAGE, E_BUSY. */
CHECKED enum rc value_store(
    struct namespace *ns, const struct attribute_type *type, struct str text, struct arena *a, struct err *err);
/* host[:port] of an upstream. */
struct str upstream_host(struct str url);
/* The next item of a list; false at the end. */
bool list_next(struct str *rest, struct str *item);

/* ---- attributes.c ---- */
const struct attribute_type *attribute_find(struct str name);
/* That which a namespace of this name and kind has. E_USAGE: none. */
CHECKED enum rc attribute_of(struct str namespace, enum namespace_kind kind, struct str name,
    const struct attribute_type **out, struct err *err);
/* The defaults of its kind. */
CHECKED enum rc attributes_default(struct namespace *ns, struct arena *a, struct err *err);
/* One attribute as a person writes it. The sentence names namespace and attribute. */
CHECKED enum rc attribute_store(
    struct namespace *ns, struct str name, struct str value, struct arena *a, struct err *err);

/* ---- set.c ---- */
/* What the database has, as this connection sees it, also within a transaction. */
CHECKED enum rc set_build(struct db_conn *c, struct namespace_set **out, struct err *err);
/* "/" for the root. */
struct str name_shown(const struct namespace *ns);
/* The other way: "/" is the root's empty name. */
struct str name_meant(struct str name);

/* ---- check.c ---- */
/* What must hold between namespaces. E_USAGE. */
CHECKED enum rc set_check(struct db_conn *c, const struct namespace_set *set, struct err *err);
CHECKED enum rc name_check(struct str name, struct err *err);

/* ---- resolve.c ---- */
/* Is it selected by ?ns=? */
bool upstream_names_have(const struct namespace *proxy, struct str ns);
/* All that lies behind a group, through all levels. */
struct walk {
	const struct namespace *seen[LEAVES_MAX * 2], *leaves[LEAVES_MAX];
	size_t seen_count, leaf_count;
	bool online_only; /* as a request sees it; else all, which is what must be checked */
	bool in_circle;   /* a group leads back to where the walk began */
	bool overfull;
};
void walk_group(const struct namespace *group, bool online_only, struct walk *w);

/* ---- change.c ---- */
struct change {
	struct namespaces *n;
	const char *action; /* of the audit log; NULL: by the file, which is its own record */
	struct str name;
	enum namespace_kind kind;
	const struct attribute *attributes;
	size_t count;
	const struct secret *password;
	bool purge;
	const struct declaration *list;
	size_t list_count;
	bool rehearse; /* all but the commit */
};
/* One transaction: fn, the check of the whole, the audit log's row. */
typedef enum rc change_fn(struct db_conn *c, const struct change *change, struct err *err);
CHECKED enum rc change_in_transaction(change_fn *fn, const struct change *change, struct err *err);
struct namespace_row {
	int64_t id;
	enum namespace_kind kind;
	bool declared;
};
CHECKED enum rc row_find(struct db_conn *c, struct str name, bool *found, struct namespace_row *out, struct err *err);
/* An empty value is the default, which has no row. */
CHECKED enum rc put_attribute(struct db_conn *c, int64_t id, struct str name, struct str value, struct err *err);

/* ---- proxy.c ---- */
/* The time in the text of REFRESHED_ATTRIBUTE. */
int64_t refreshed_at(struct str text);
/* Of another upstream nothing counts that was known, the blobs are not from it, and the password was not for it, unless
 * its file is named anew. */
CHECKED enum rc proxy_forget(struct db_conn *c, int64_t id, bool has_new_file, struct err *err);

/* ---- move.c ---- */
/* Inside a transaction. Those whose names lie within `name`, from one namespace to another. */
CHECKED enum rc repositories_move(struct db_conn *c, struct str name, int64_t from, int64_t to, struct err *err);
/* How many there are of the namespace, among those whose names lie within `name`. */
CHECKED enum rc repositories_count(
    struct db_conn *c, struct str name, int64_t namespace, int64_t *count, struct err *err);
CHECKED enum rc repository_exists(struct db_conn *c, struct str name, bool *exists, struct err *err);
/* Inside a transaction. Those of the namespace, with manifests and tags, at most so many rows of each; *more: not all.
 * Blobs that nothing links to any more are for the store's sweep. */
CHECKED enum rc repositories_purge(struct db_conn *c, int64_t namespace, int64_t max, bool *more, struct err *err);
/* Runs `step` in one transaction after the other until it says that there is no more: so much at a time that pushes
 * elsewhere need not wait. `record` writes the audit log's row in the first one: what is cut short has its row, too. */
typedef enum rc step_fn(struct db_conn *c, const void *ctx, bool *more, struct err *err);
typedef enum rc record_fn(struct db_conn *c, const void *ctx, struct err *err);
CHECKED enum rc purge_in_steps(struct db_conn *c, step_fn *step, record_fn *record, const void *ctx, struct err *err);
/* Has the database namespaces that a file declared? (set.c) */
CHECKED enum rc any_declared(struct db *db, bool *any, struct err *err);
