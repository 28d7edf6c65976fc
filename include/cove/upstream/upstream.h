/*
 * upstream: pull-through. Answers for proxy namespaces from the store where it can, from the upstream where it must,
 * and keeps what it fetched, proven by digest. A question that needs the upstream is asked once however many ask it:
 * the calls return E_WANT_WAKE after they have arranged that the exchange's connection is woken, and are called again
 * with the same arguments (http runs the handler again); what they found is held for the exchange until it ends.
 * `leaf` is a proxy namespace and a name in it (namespace_leaves()). Crew threads; block on disk and database only.
 */
#pragma once
#include <cove/client/client.h>
#include <cove/http/exchange.h>

struct upstream;

CHECKED enum rc upstream_open(struct db *db, struct store *store, struct namespaces *namespaces, struct client *client,
    struct upstream **out, struct err *err);
/* Before net_stop(): who waits for an upstream that has sent nothing yet gets the copy that is here, or
 * E_SHUTTING_DOWN. What is on its way goes on. */
void upstream_drain(struct upstream *u);
/* After net_stop() and client_close(). */
void upstream_close(struct upstream *u);

/*
 * The manifest of a tag (a copy that is younger than fresh_s; else HEAD at the upstream, GET on change) or of a digest
 * (kept for ever), in the store when it returns OK: for manifest_read(). E_MANIFEST_UNKNOWN or E_NAME_UNKNOWN: the
 * upstream said so (remembered for negative_s). When the upstream fails, is slower than patience_ms, is over its limit
 * or is switched off, a copy of any age is given and *stale is the sentence why, in the arena; without a copy it is
 * E_UPSTREAM_UNREACHABLE, E_UPSTREAM_ANSWER, E_UPSTREAM_DENIED, E_UPSTREAM_LIMIT or E_UPSTREAM_OFFLINE with a sentence
 * that names the upstream and the cause. `briefly`: also without a copy it waits no longer than patience_ms, since the
 * caller has another answer.
 */
CHECKED enum rc upstream_manifest(struct upstream *u, struct exchange *x, const struct place *leaf,
    const struct reference *ref, bool briefly, struct manifest_info *out, struct str *stale, struct err *err);

/* A blob: either stored (fd >= 0, the caller's) or on its way (flow, a reference for the caller). For HEAD neither,
 * when it is not stored and the upstream tells its size. E_BLOB_UNKNOWN, and failures as above. */
struct upstream_blob {
	int fd;
	struct flow *flow;
	uint64_t size;
};
CHECKED enum rc upstream_blob(struct upstream *u, struct exchange *x, const struct place *leaf, const struct digest *d,
    struct upstream_blob *out, struct err *err);

/* What is stored only. E_BLOB_UNKNOWN, E_NAME_UNKNOWN. */
CHECKED enum rc upstream_blob_held(
    struct upstream *u, const struct place *leaf, const struct digest *d, struct upstream_blob *out, struct err *err);

/* The upstream's own lists, one page, passed on as they are: JSON documents, and the query of the next page from its
 * Link field (empty: none). Both are valid until the exchange ends. Of a repository of which something is kept here it
 * waits no longer than patience_ms: E_UPSTREAM_UNREACHABLE, and so on, as above. */
#define UPSTREAM_QUERY_MAX 4096 /* ECR's are long */
CHECKED enum rc upstream_list(struct upstream *u, struct exchange *x, const struct place *leaf, struct str path,
    struct str query, struct str *document, struct str *next_query, struct err *err);
/* May it stand behind the question mark of such a question? */
bool upstream_is_query(struct str s);

/* Does the upstream answer? For who makes or changes its namespace: OK, or the failure with its sentence. */
CHECKED enum rc upstream_answers(struct upstream *u, struct exchange *x, const struct namespace *ns, struct err *err);
/* The same for commands: waits for seconds at most. */
CHECKED enum rc upstream_probe(struct client *client, const struct namespace *ns, struct err *err);

/* What is known of an upstream, since the last start (its limit also from before) or change of its namespace. */
struct upstream_status {
	bool reachable;          /* neither its connections nor several of its contents failed last */
	int64_t failed_until;    /* back-off: not asked before; 0: none, though single contents may have one */
	char failure[200];       /* the last one */
	int64_t failed_at;       /* since when it fails; 0: it does not */
	int64_t limit_remaining; /* Docker Hub's ratelimit-remaining; -1: not told */
	int64_t limit_total;
	int64_t limit_at; /* when it was told */
};
void upstream_status(struct upstream *u, const struct namespace *ns, struct upstream_status *out);
/* All but failed_until, as the database has it: for commands, beside a running server, which writes a change of failing
 * within seconds and the limit once in a while. */
CHECKED enum rc upstream_status_kept(
    struct db *db, const struct namespace *ns, struct upstream_status *out, struct err *err);
/* Writes which upstreams have begun or ceased to fail. Every few seconds. */
CHECKED enum rc upstream_tell(struct upstream *u, struct err *err);
/* Evicts the least recently pulled beyond cache_bytes, a few of each namespace, and writes what upstreams told of
 * limits. *more: there is more to evict. A chore. */
CHECKED enum rc upstream_tend(struct upstream *u, bool *more, struct err *err);
