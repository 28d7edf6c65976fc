/*
 * upstream: pull-through. It answers for proxy namespaces from the store if it can, and otherwise from the upstream; it
 * caches what it fetches and verifies it by digest. It sends each request to the upstream only once, even when many
 * clients need the answer: the calls return E_WANT_WAKE after they have arranged to wake the exchange's connection, and
 * are called again with the same arguments (http runs the handler again). The result is held for the exchange until it
 * ends. `leaf` is a proxy namespace and a name in it (namespace_leaves()). For crew threads; blocks only on disk and
 * database.
 */
#pragma once
#include <cove/client/client.h>
#include <cove/http/exchange.h>

struct upstream;

CHECKED enum rc upstream_open(struct db *db, struct store *store, struct namespaces *namespaces, struct client *client,
    struct upstream **out, struct err *err);
/* Before net_stop(): exchanges that wait for an upstream that has sent nothing yet get the cached copy, or
 * E_SHUTTING_DOWN. Running transfers continue. */
void upstream_drain(struct upstream *u);
/* After net_stop() and client_close(). */
void upstream_close(struct upstream *u);

/*
 * The manifest of a tag (a copy that is younger than fresh_s; otherwise HEAD at the upstream, and GET if it has
 * changed) or of a digest (a copy never expires). After OK it is in the store, for manifest_read(). E_MANIFEST_UNKNOWN
 * or E_NAME_UNKNOWN: the answer of the upstream (remembered for negative_s). When the upstream fails, is slower than
 * patience_ms, is over its limit or is switched off, the result is a copy of any age, and *stale is a sentence with the
 * reason, in the arena. Without a copy it is E_UPSTREAM_UNREACHABLE, E_UPSTREAM_ANSWER, E_UPSTREAM_DENIED,
 * E_UPSTREAM_LIMIT or E_UPSTREAM_OFFLINE with a sentence that names the upstream and the cause. `briefly`: waits no
 * longer than patience_ms even without a copy, because the caller has another answer.
 */
CHECKED enum rc upstream_manifest(struct upstream *u, struct exchange *x, const struct place *leaf,
    const struct reference *ref, bool briefly, struct manifest_info *out, struct str *stale, struct err *err);

/* A blob: either stored (fd >= 0, owned by the caller) or being fetched (flow, a reference for the caller). For HEAD
 * neither, if it is not stored and the upstream reports its size. E_BLOB_UNKNOWN, and failures as above. */
struct upstream_blob {
	int fd;
	struct flow *flow;
	uint64_t size;
};
CHECKED enum rc upstream_blob(struct upstream *u, struct exchange *x, const struct place *leaf, const struct digest *d,
    struct upstream_blob *out, struct err *err);

/* Only a stored blob, without asking the upstream. E_BLOB_UNKNOWN, E_NAME_UNKNOWN. */
CHECKED enum rc upstream_blob_held(
    struct upstream *u, const struct place *leaf, const struct digest *d, struct upstream_blob *out, struct err *err);

/* One page of the upstream's own lists, unchanged: a JSON document, and the query of the next page from its Link field
 * (empty: none). Both are valid until the exchange ends. For a repository with cached content it waits no longer than
 * patience_ms. E_UPSTREAM_UNREACHABLE and the others as above. */
#define UPSTREAM_QUERY_MAX 4096 /* ECR's are long */
CHECKED enum rc upstream_list(struct upstream *u, struct exchange *x, const struct place *leaf, struct str path,
    struct str query, struct str *document, struct str *next_query, struct err *err);
/* Whether the text is valid as the query of such a request. */
bool upstream_is_query(struct str s);

/* Checks whether the upstream answers, when its namespace is created or changed: OK, or the failure with its
 * sentence. */
CHECKED enum rc upstream_answers(struct upstream *u, struct exchange *x, const struct namespace *ns, struct err *err);
/* The same for commands: waits at most a few seconds. */
CHECKED enum rc upstream_probe(struct client *client, const struct namespace *ns, struct err *err);

/* The state of an upstream since the last start (its limit also from before) or the last change of its namespace. */
struct upstream_status {
	bool reachable; /* false after failed connections, or after failures of several contents */
	int64_t
	    failed_until;  /* the upstream is not asked before this time; 0: none, but single contents may have one */
	char failure[200]; /* the last failure */
	int64_t failed_at; /* when the failures began; 0: no failure */
	int64_t limit_remaining; /* Docker Hub's ratelimit-remaining; -1: unknown */
	int64_t limit_total;
	int64_t limit_at; /* when the upstream reported it */
};
void upstream_status(struct upstream *u, const struct namespace *ns, struct upstream_status *out);
/* Everything except failed_until, from the database: for commands beside a running server, which writes the begin and
 * end of failures within seconds, and the limit from time to time. */
CHECKED enum rc upstream_status_kept(
    struct db *db, const struct namespace *ns, struct upstream_status *out, struct err *err);
/* Writes which upstreams have begun or stopped failing. To be called every few seconds. */
CHECKED enum rc upstream_tell(struct upstream *u, struct err *err);
/* Evicts the least recently pulled content above cache_bytes, a little of each namespace at a time, and writes the
 * reported limits. *more: it must evict more. A chore. */
CHECKED enum rc upstream_tend(struct upstream *u, bool *more, struct err *err);
