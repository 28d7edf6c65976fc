/* source: the walk over the namespaces behind a name. */
#include "source.h"

static bool is_absence(enum rc rc)
{
	return rc == E_MANIFEST_UNKNOWN || rc == E_BLOB_UNKNOWN || rc == E_NAME_UNKNOWN;
}

struct walk {
	struct place leaves[LEAVES_MAX];
	size_t count, next;
	bool walled; /* a hosted namespace has the repository: proxies are not asked any more */
	bool fall_through;
	enum rc failed; /* the first failure that is no absence */
	struct err err;
};

static enum rc walk_start(struct exchange *x, struct walk *w, bool fall_through)
{
	*w = (struct walk){.fall_through = fall_through || x->place.ns->fall_through};
	return namespace_leaves(&x->place, x->arena, w->leaves, &w->count, &x->err);
}

/* NULL: no more. */
static const struct place *walk_next(struct walk *w)
{
	while (w->next < w->count) {
		const struct place *leaf = &w->leaves[w->next++];

		if (!w->walled || !is_proxy(leaf))
			return leaf;
	}
	return NULL;
}

static enum rc walk_note(struct exchange *x, struct walk *w, const struct place *leaf, enum rc rc)
{
	bool exists = false;

	if (rc && !is_absence(rc) && !w->failed) {
		w->failed = rc;
		w->err = x->err;
	}
	if (is_proxy(leaf) || w->walled || w->fall_through || w->next == w->count)
		return OK;
	TRY(repository_is_here(x->site->store, place_name(leaf), &exists, &x->err));
	w->walled = exists;
	return OK;
}

static enum rc find(struct exchange *x, ask_fn *ask, enum rc unknown, void *ctx, bool fall_through)
{
	const struct place *leaf;
	struct walk w;
	enum rc rc = unknown;

	TRY(walk_start(x, &w, fall_through));
	while ((leaf = walk_next(&w))) {
		rc = ask(x, leaf, ctx);
		if (!rc || rc == E_WANT_WAKE)
			return rc;
		TRY(walk_note(x, &w, leaf, rc));
	}
	if (w.failed) {
		x->err = w.err;
		return w.failed;
	}
	if (w.count == 1)
		return rc; /* with its own sentence */
	return fail_rc(&x->err, unknown);
}

enum rc source_find(struct exchange *x, ask_fn *ask, enum rc unknown, void *ctx)
{
	return find(x, ask, unknown, ctx, false);
}

enum rc source_find_held(struct exchange *x, ask_fn *ask, enum rc unknown, void *ctx)
{
	return find(x, ask, unknown, ctx, true);
}

enum rc source_each(struct exchange *x, ask_fn *ask, void *ctx, size_t *answered)
{
	const struct place *leaf;
	struct walk w;

	*answered = 0;
	TRY(walk_start(x, &w, false));
	while ((leaf = walk_next(&w))) {
		enum rc rc = ask(x, leaf, ctx);

		if (rc == E_WANT_WAKE)
			return rc;
		*answered += !rc;
		TRY(walk_note(x, &w, leaf, rc));
	}
	if (!*answered && w.failed) {
		x->err = w.err;
		return w.failed;
	}
	return OK;
}

struct manifest_question {
	const struct reference *reference;
	struct manifest_info *out;
	struct str stale;
};

static enum rc ask_manifest(struct exchange *x, const struct place *leaf, void *ctx)
{
	struct manifest_question *q = ctx;

	if (is_proxy(leaf))
		return upstream_manifest(x->site->upstream, x, leaf, q->reference, q->out, &q->stale, &x->err);
	return manifest_find(x->site->store, place_name(leaf), q->reference, q->out, &x->err);
}

enum rc source_manifest(struct exchange *x, const struct reference *ref, struct manifest_info *out)
{
	struct manifest_question q = {.reference = ref, .out = out};

	TRY(source_find(x, ask_manifest, E_MANIFEST_UNKNOWN, &q));
	if (q.stale.n)
		reply_warning(x, q.stale);
	return OK;
}
