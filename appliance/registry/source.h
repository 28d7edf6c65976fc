/*
 * source: where a pull finds what it asks for: the hosted and proxy namespaces behind the name, in their order. The
 * first that has it answers.
 */
#pragma once
#include <cove/http/exchange.h>
#include <cove/upstream/upstream.h>

static inline bool is_proxy(const struct place *leaf)
{
	return leaf->ns->kind == NAMESPACE_PROXY;
}

static inline struct repo_name place_name(const struct place *p)
{
	return (struct repo_name){p->full};
}

enum ask_how {
	ASK_FULLY,
	ASK_BRIEFLY, /* for as long as the namespace has patience: a later one has an answer on disk */
	ASK_HELD,    /* what is on disk, and no upstream */
};
/* Asks one namespace. OK: found, the walk ends. */
typedef enum rc find_fn(struct exchange *x, const struct place *leaf, enum ask_how how, void *ctx);

/*
 * Asks the leaves of x->place one after the other. None has it: `unknown`, or, where one could not say, its failure:
 * that something is nowhere is not established then. Where a hosted namespace has tags of that name, in whatever place
 * and also switched off, proxies are not asked, unless the group says so: else who takes the same name at a public
 * registry gets his image in (dependency confusion). Signatures and the like, and pushes without a tag, hide nothing.
 * What is `exact`, named by a digest, is the same wherever it lies: what is on disk goes before any upstream.
 */
CHECKED enum rc source_find(struct exchange *x, find_fn *ask, bool exact, enum rc unknown, void *ctx);
/* By ASK_HELD and without that wall: for blobs that are held here already, which somebody who may push knows by digest.
 */
CHECKED enum rc source_find_held(struct exchange *x, find_fn *ask, enum rc unknown, void *ctx);
typedef enum rc ask_fn(struct exchange *x, const struct place *leaf, void *ctx);
/* The same order, for lists: calls `ask` on every leaf that source_find() would come to, whatever it has. Failures of
 * single leaves are ignored as long as one answers; *answered counts these. */
CHECKED enum rc source_each(struct exchange *x, ask_fn *ask, void *ctx, size_t *answered);

/* The manifest of x->reference or another one; says so to the client when it is a stale copy. */
CHECKED enum rc source_manifest(struct exchange *x, const struct reference *ref, struct manifest_info *out);
