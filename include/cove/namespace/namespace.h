/*
 * namespace: parts of the name space with their own rules, and how names are resolved. The store, grants and tokens
 * know only full names: the name of the namespace, a slash, and the repository in it. The root namespace has the empty
 * name, is hosted, and always exists; people write it as "/".
 *
 * A proxy or a group cannot contain other namespaces. A full name belongs to the namespace with the longest name that
 * is a prefix of it.
 *
 * A namespace is configured by attributes. One table (namespace/attributes.c) defines for each its name, type, kinds,
 * default and help; commands, API and cove.yaml read and show attributes through it. Readers use an immutable snapshot;
 * the next namespaces_take() sees a change by any process.
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
	const struct namespace_set *set; /* the snapshot that contains it */
	uint64_t version;                /* changes with every change of this namespace, and after a removal */
	/* attributes of every kind */
	bool online;                 /* off: E_NAMESPACE_OFFLINE for every request */
	enum listener_kind listener; /* a separate port, where names need no prefix */
	uint16_t port;
	bool behind_tls; /* listener=http: clients use TLS, up to a proxy in front */
	struct str host; /* a separate host name, where names need no prefix; empty: none */
	/* hosted */
	enum redeploy redeploy;
	struct str redeploy_except; /* globs of tags to which redeploy does not apply, such as latest */
	struct str immutable_tags;  /* globs of tags that cannot be moved or deleted once they exist */
	uint64_t quota_bytes;       /* 0: none */
	struct str blob_store;      /* name of a blob store; empty: the data directory */
	bool sparse_manifests;
	bool wrong_descriptors;
	/* group */
	struct str member_names, writable_name; /* as set */
	const struct namespace *members[MEMBERS_MAX];
	size_t member_count;
	const struct namespace *writable; /* the hosted member that receives pushes; NULL: pushes are refused */
	bool fall_through;                /* ask proxies also for names that a hosted member has */
	/* proxy */
	struct str upstream;       /* https://host[:port][/path], without a slash at the end: see below */
	struct str upstream_names; /* values of ?ns= that select it; by default the upstream's host; "none": none */
	struct str username;       /* empty: anonymous */
	struct str password;       /* as sealed in the database: for namespace_password() */
	struct str password_file;  /* a file on this machine that contains the password instead; empty: none */
	struct str token_host;     /* may receive the password too; empty: only hosts of the upstream's domain */
	struct str ca_pem;         /* trusted for this upstream in addition to the public CAs; empty: none */
	struct str allow;          /* globs of repositories that clients may pull; empty: all */
	bool library;              /* one-segment names get `library/`: Docker Hub */
	bool offline;              /* never ask the upstream */
	uint64_t fresh_s;          /* how long a tag is served without asking the upstream */
	uint64_t negative_s;       /* how long a "not found" of the upstream is remembered */
	int64_t refreshed_at;      /* what was learned from the upstream before is ignored; 0: never */
	uint64_t patience_ms;      /* how long a client waits for the upstream before it gets a stale copy */
	uint64_t cache_bytes;      /* limit of the cached content; 0: none */
};

struct namespaces;    /* the table, for the life of the process */
struct namespace_set; /* a snapshot: counted, immutable */

CHECKED enum rc namespaces_open(struct db *db, const struct secret *seal_key, struct namespaces **out, struct err *err);
void namespaces_close(struct namespaces *n);
/* The newest snapshot (one indexed query checks for a newer one). Release it with namespace_set_unref(). */
CHECKED enum rc namespaces_take(struct namespaces *n, struct namespace_set **out, struct err *err);
void namespace_set_unref(struct namespace_set *set);
/* The name of this registry in Via fields (RFC 9110 §7.6.3): the same for the life of the data directory. */
void namespaces_pseudonym(const struct namespaces *n, char *out, size_t size);
/* The size of its current content, with each blob counted once. */
CHECKED enum rc namespace_used_bytes(struct namespaces *n, const struct namespace *ns, uint64_t *used, struct err *err);
/* Changes with every change of a namespace, for code that must follow changes (listeners). */
int64_t namespace_set_generation(const struct namespace_set *set);
size_t namespace_count(const struct namespace_set *set);
const struct namespace *namespace_at(const struct namespace_set *set, size_t i); /* ordered by name */
const struct namespace *namespace_find(const struct namespace_set *set, struct str name);
/* ---- where a name leads ---- */

/* How a request reached the server. */
struct approach {
	uint16_t port;   /* of a namespace's listener; 0: the main port */
	struct str host; /* of the Host field, without port */
	struct str ns;   /* ?ns=, empty: none */
	bool ns_is_own;  /* ?ns= names this registry itself: not an error when no proxy has that name */
};
struct place {
	const struct namespace *ns;
	struct str full; /* the full name, as in the store, grants and tokens */
	struct str rest; /* within the namespace; points into full */
	bool by_ns;      /* ?ns= selected it: the reply has OCI-Namespace */
	bool is_bound;   /* the listener or host selected it: the client's name has no prefix */
	bool is_off;     /* of a group's leaves: switched off, itself or a group on the path to it */
};
/* ?ns=, then listener, then host, then the longest prefix of `asked` (a valid repository name) at a slash; other names
 * belong to the root. A listener or host of the root selects nothing. `full` is in the arena. E_NAME_INVALID when it
 * becomes too long or nothing follows the prefix, E_NAME_UNKNOWN for a ?ns= that no proxy has, E_NAMESPACE_OFFLINE,
 * E_BUSY without memory. */
CHECKED enum rc namespace_resolve(const struct namespace_set *set, const struct approach *from, struct str asked,
    struct arena *a, struct place *out, struct err *err);
/* The namespace that the listener or the host is bound to; NULL: none, or the root. For lists and tokens. */
const struct namespace *namespace_bound(const struct namespace_set *set, const struct approach *from);
/* The namespace whose listener has that port, possibly the root; NULL: none. */
const struct namespace *namespace_at_port(const struct namespace_set *set, uint16_t port);
#define LEAVES_MAX 64
/* The hosted and proxy namespaces that requests to ns reach, in order, each once: itself, or a group's members on all
 * levels. Returns their number. */
size_t namespace_behind(const struct namespace *ns, const struct namespace *out[static LEAVES_MAX]);
/* The namespace of a full name: the longest name that, with a slash, is a prefix of `full`. */
const struct namespace *namespace_of_name(const struct namespace_set *set, struct str full);
/* Like namespace_behind() for a name, with the `full` names in the arena. It leaves out proxies whose `allow` does not
 * match, and namespaces in which the name would be too long or belong to another namespace. Of namespaces that are
 * switched off it includes the hosted ones: they must not be asked, but their names are still ours. */
CHECKED enum rc namespace_leaves(
    const struct place *p, struct arena *a, struct place out[static LEAVES_MAX], size_t *count, struct err *err);
/* Whether its kind allows pushes. */
bool namespace_takes_pushes(const struct namespace *ns);
/* The hosted namespace that a push to p goes to. E_DENIED with a sentence: a proxy, a group without a writable member.
 */
CHECKED enum rc namespace_writable(const struct place *p, struct arena *a, struct place *out, struct err *err);

/* ---- change and show (commands, API, cove.yaml) ---- */

struct attribute {
	struct str name, value;
};
/* The name must not be in use by another namespace or by repositories (a hosted one may take over repositories; other
 * kinds are refused, and the sentence has their number). Values are checked together; each call is one transaction:
 * E_USAGE with a sentence that names the attribute, E_EXISTS, E_NOT_FOUND. `declared` namespaces can be changed only by
 * the file: E_USAGE. An empty value restores the default. */
CHECKED enum rc namespace_create(struct namespaces *n, struct str name, enum namespace_kind kind,
    const struct attribute *attributes, size_t count, struct err *err);
/* A change of the upstream removes its password and makes the cached tags stale. */
CHECKED enum rc namespace_change(
    struct namespaces *n, struct str name, const struct attribute *attributes, size_t count, struct err *err);
/* E_USAGE when a group has it as a member. The repositories of a hosted one keep their names and move to the namespace
 * above it; a proxy with repositories is E_USAGE. With `purge` its repositories are removed too. The root cannot be
 * removed. */
CHECKED enum rc namespace_remove(struct namespaces *n, struct str name, bool purge, struct err *err);
/* By its full name, with all that it holds. E_NOT_FOUND. */
CHECKED enum rc repository_remove(struct namespaces *n, struct str name, struct err *err);
typedef enum rc repository_fn(void *ctx, struct str name, int64_t tags, int64_t manifests, struct err *err);
CHECKED enum rc repositories_each(struct namespaces *n, repository_fn *each, void *ctx, struct err *err);
/* Makes the declared namespaces exactly these, all or nothing: for cove.yaml, at the start and at a reload. An existing
 * one of the same name and kind becomes declared. One that is no longer declared is removed; if it has repositories, or
 * is a member of a group that was created by command, it stays as if created by command. `rehearse`: only reports what
 * would fail. */
struct declaration {
	struct str name;
	enum namespace_kind kind;
	const struct attribute *attributes;
	size_t count;
};
CHECKED enum rc namespaces_declare(
    struct namespaces *n, const struct declaration *list, size_t count, bool rehearse, struct err *err);

/* Parses the text of namespace_kind_text(); false: not a kind. */
bool namespace_kind_parse(struct str text, enum namespace_kind *out);
/* Checks a single attribute: known, allowed for this kind, valid value. E_USAGE with the same sentence as a change. */
CHECKED enum rc namespace_attribute_check(
    struct str name, enum namespace_kind kind, const struct attribute *attribute, struct err *err);
/* Whether its value is the path of a file on this machine. An admin must not set it over the network: the server would
 * read any file and send it to an upstream that this admin chose. */
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
/* The value of one attribute as text to show; never a secret. */
void namespace_attribute_text(const struct namespace *ns, const struct attribute_type *type, struct buf *out);
const char *namespace_kind_text(enum namespace_kind kind);
/* The prefix of names at the upstream, such as a Harbor project: the path of its URL; empty: none. */
struct str namespace_upstream_path(const struct namespace *proxy);
/* Whether the host is one of the names of Docker Hub. */
bool namespace_is_docker_hub(struct str host);
