/*
 * namespace: parts of the name space with one rule each, and where a name leads. The store, grants and
 * tokens know full names only: the namespace's name, a slash, the repository within it. The root namespace has the
 * empty name, is hosted, and is always there; where people write names it is "/".
 *
 * Nothing lies within a proxy or a group: a full name belongs to the namespace with the longest name in front of it.
 *
 * What is set of a namespace are attributes: one table (namespace/attributes.c) gives for each its name, type, kinds,
 * default and help, and commands, API and cove.yaml all read and show them through it. Readers work with an immutable
 * snapshot; a change made by any process is seen by the next namespaces_take().
 */
#pragma once
#include <cove/base/arena.h>
#include <cove/base/buf.h>
#include <cove/db/db.h>
#include <cove/crypto/secret.h>

enum namespace_kind { NAMESPACE_HOSTED, NAMESPACE_PROXY, NAMESPACE_GROUP };
enum redeploy { REDEPLOY_ALLOWED, REDEPLOY_REFUSED, REDEPLOY_READ_ONLY };
enum listener_kind { LISTENER_NONE, LISTENER_HTTPS, LISTENER_HTTP };

#define NAMESPACES_MAX 1000
#define NAMESPACE_NAME_MAX 128 /* path segments as in a repository name */
#define MEMBERS_MAX 32

/* Texts are never NULL. Lists are separated by one space. */
struct namespace
{
	int64_t id;
	struct str name; /* empty: the root */
	enum namespace_kind kind;
	bool declared; /* by cove.yaml: read-only elsewhere */
	int64_t created_at;
	const struct namespace_set *set; /* the snapshot that it is of */
	uint64_t version;                /* another one with every change of this namespace, and after a removal */
	/* attributes of every kind */
	bool online;                 /* off: E_NAMESPACE_OFFLINE for every request */
	enum listener_kind listener; /* a port of its own, where names need no prefix */
	uint16_t port;
	bool behind_tls; /* listener=http: outside, clients speak TLS to a proxy */
	struct str host; /* a host name of its own, likewise; empty: none */
	/* hosted */
	enum redeploy redeploy;
	struct str redeploy_except; /* globs of tags that redeploy does not hold for, such as latest */
	struct str immutable_tags;  /* globs of tags that never move nor go once they are there */
	uint64_t quota_bytes;       /* 0: none */
	struct str blob_store;      /* name of a blob store; empty: the data directory */
	bool sparse_manifests;
	bool wrong_descriptors;
	/* group */
	struct str member_names, writable_name; /* as set */
	const struct namespace *members[MEMBERS_MAX];
	size_t member_count;
	const struct namespace *writable; /* a hosted member that pushes go to; NULL: pushes are refused */
	bool fall_through;                /* ask proxies also for names that a hosted member has */
	/* proxy */
	struct str upstream;       /* https://host[:port][/path], without a slash at the end: see below */
	struct str upstream_names; /* values of ?ns= that select it; by default the upstream's host; "none": none */
	struct str username;       /* empty: anonymous */
	struct str password;       /* as sealed in the database: for namespace_password() */
	struct str password_file;  /* where it is instead, on this machine; empty: nowhere */
	struct str token_host;     /* may have the password too; empty: only hosts of the upstream's domain */
	struct str ca_pem;         /* trusted for this upstream beside the public ones; empty: none */
	struct str allow;          /* globs of repositories that may be asked for; empty: all */
	bool library;              /* one-segment names get `library/`: Docker Hub */
	bool offline;              /* never ask the upstream */
	uint64_t fresh_s;          /* how long a tag is served without asking */
	uint64_t negative_s;       /* how long "not there" is believed */
	int64_t refreshed_at;      /* what was known of the upstream before is forgotten; 0: never */
	uint64_t patience_ms;      /* how long a client waits for the upstream before it gets a stale copy */
	uint64_t cache_bytes;      /* limit of what is kept; 0: none */
};

struct namespaces;    /* the table, for the life of the process */
struct namespace_set; /* a snapshot: counted, immutable */

CHECKED enum rc namespaces_open(struct db *db, const struct secret *seal_key, struct namespaces **out, struct err *err);
void namespaces_close(struct namespaces *n);
/* The newest snapshot (one indexed query tells whether there is a newer one). Given back by namespace_set_unref(). */
CHECKED enum rc namespaces_take(struct namespaces *n, struct namespace_set **out, struct err *err);
void namespace_set_unref(struct namespace_set *set);
/* What this box calls itself in Via fields (RFC 9110 §7.6.3): the same for the life of the data directory. */
void namespaces_pseudonym(const struct namespaces *n, char *out, size_t size);
/* What it holds now, each blob once. */
CHECKED enum rc namespace_used_bytes(struct namespaces *n, const struct namespace *ns, uint64_t *used, struct err *err);
/* Changes with every change of a namespace, for who must follow (listeners). */
int64_t namespace_set_generation(const struct namespace_set *set);
size_t namespace_count(const struct namespace_set *set);
const struct namespace *namespace_at(const struct namespace_set *set, size_t i); /* ordered by name */
const struct namespace *namespace_find(const struct namespace_set *set, struct str name);
/* ---- where a name leads ---- */

/* What a request came with. */
struct approach {
	uint16_t port;   /* of a namespace's listener; 0: the main port */
	struct str host; /* of the Host field, without port */
	struct str ns;   /* ?ns=, empty: none */
	bool ns_is_own;  /* ?ns= names this box itself: no error when no proxy has it */
};
struct place {
	const struct namespace *ns;
	struct str full; /* what the store, grants and tokens know */
	struct str rest; /* within the namespace; points into full */
	bool by_ns;      /* ?ns= decided: answered by OCI-Namespace */
	bool is_bound;   /* listener or host decided: the client's name has no prefix */
	bool is_off;     /* of a group's leaves: switched off, itself or on the way */
};
/* ?ns=, then listener, then host, then the longest prefix of `asked` (a valid repository name) at a slash; the root
 * takes what is left. A listener or host of the root decides nothing. `full` is in the arena. E_NAME_INVALID when it
 * gets too long or nothing is left behind the prefix, E_NAME_UNKNOWN for a ?ns= that no proxy has, E_NAMESPACE_OFFLINE,
 * E_BUSY without memory. */
CHECKED enum rc namespace_resolve(const struct namespace_set *set, const struct approach *from, struct str asked,
    struct arena *a, struct place *out, struct err *err);
/* The namespace that the listener or the host is bound to; NULL: none, or the root. For lists and tokens. */
const struct namespace *namespace_bound(const struct namespace_set *set, const struct approach *from);
/* The one whose listener has that port, also the root; NULL: none. */
const struct namespace *namespace_at_port(const struct namespace_set *set, uint16_t port);
#define LEAVES_MAX 64
/* The hosted and proxy namespaces that requests to ns reach, in order, each once: itself, or a group's members through
 * all levels. How many. */
size_t namespace_behind(const struct namespace *ns, const struct namespace *out[static LEAVES_MAX]);
/* That which a full name belongs to: the longest name with a slash behind it in front of `full`. */
const struct namespace *namespace_of_name(const struct namespace_set *set, struct str full);
/* The same for a name: with its `full` names, in the arena. Left out are proxies whose `allow` does not fit, and those
 * in which the name would be too long or another namespace's. Of those that are off there are the hosted ones, which
 * are not to be asked, but what they have is still ours. */
CHECKED enum rc namespace_leaves(
    const struct place *p, struct arena *a, struct place out[static LEAVES_MAX], size_t *count, struct err *err);
/* Can anything be pushed there, by its kind? */
bool namespace_takes_pushes(const struct namespace *ns);
/* The hosted namespace that a push to p goes to. E_DENIED with a sentence: a proxy, a group without a writable member.
 */
CHECKED enum rc namespace_writable(const struct place *p, struct arena *a, struct place *out, struct err *err);

/* ---- change and show (commands, API, cove.yaml) ---- */

struct attribute {
	struct str name, value;
};
/* Names must be free of other namespaces' and of repositories (a hosted one may take repositories over; others are
 * refused with their number). Values are checked together, one transaction each: E_USAGE with a sentence that names the
 * attribute, E_EXISTS, E_NOT_FOUND. `declared` ones are changed by the file only: E_USAGE. An empty value sets the
 * default. */
CHECKED enum rc namespace_create(struct namespaces *n, struct str name, enum namespace_kind kind,
    const struct attribute *attributes, size_t count, struct err *err);
/* With another upstream the password for it goes, and its tags count as not looked at. */
CHECKED enum rc namespace_change(
    struct namespaces *n, struct str name, const struct attribute *attributes, size_t count, struct err *err);
/* E_USAGE when a group has it as a member. A hosted one's repositories go on under the same names in the namespace
 * around it; a proxy that has some is E_USAGE. With `purge` repositories go with it. The root stays. */
CHECKED enum rc namespace_remove(struct namespaces *n, struct str name, bool purge, struct err *err);
/* By its full name, with all that it holds. E_NOT_FOUND. */
CHECKED enum rc repository_remove(struct namespaces *n, struct str name, struct err *err);
typedef enum rc repository_fn(void *ctx, struct str name, int64_t tags, int64_t manifests, struct err *err);
CHECKED enum rc repositories_each(struct namespaces *n, repository_fn *each, void *ctx, struct err *err);
/* Makes the declared ones exactly these, all or nothing: for cove.yaml, at the start and at a reload. One of the same
 * name and kind is taken over. One that is declared no more is removed, or, when it holds repositories or is a member
 * of a group that was made by hand, stays as one that was made by hand. `rehearse`: only says what would fail. */
struct declaration {
	struct str name;
	enum namespace_kind kind;
	const struct attribute *attributes;
	size_t count;
};
CHECKED enum rc namespaces_declare(
    struct namespaces *n, const struct declaration *list, size_t count, bool rehearse, struct err *err);

/* As namespace_kind_text() has it; false: none. */
bool namespace_kind_parse(struct str text, enum namespace_kind *out);
/* One attribute by itself: known, of this kind, well written. E_USAGE, as a change would say it. */
CHECKED enum rc namespace_attribute_check(
    struct str name, enum namespace_kind kind, const struct attribute *attribute, struct err *err);
/* Does it name a file of this machine? Who manages the registry over the network must not set it: the server would read
 * any file and send it to an upstream of his. */
bool namespace_attribute_is_local(struct str name);
/* The table of attributes, for help, API documents and checks. */
struct attribute_type {
	const char *name;
	const char *type;     /* a row of namespace/values.c: "text", "list", "bool", "bytes", "seconds", ... */
	const char *choices;  /* of "choice": separated by spaces */
	const char *fallback; /* default as text */
	unsigned kinds;       /* bit set: 1 << enum namespace_kind */
	size_t offset;        /* of its member of struct namespace */
	const char *help;
};
const struct attribute_type *namespace_attributes(size_t *count);
/* The value of one attribute as text, for showing; never a secret. */
void namespace_attribute_text(const struct namespace *ns, const struct attribute_type *type, struct buf *out);
const char *namespace_kind_text(enum namespace_kind kind);
/* What names at the upstream begin with, such as a Harbor project: the path of its address; empty: nothing. */
struct str namespace_upstream_path(const struct namespace *proxy);
/* A host that is Docker Hub, by any of its names. */
bool namespace_is_docker_hub(struct str host);
