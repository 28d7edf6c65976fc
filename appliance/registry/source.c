/* source: the walk over the namespaces behind a name. */
#include "source.h"

static bool is_absence(enum rc rc)
{
	return rc == E_MANIFEST_UNKNOWN || rc == E_BLOB_UNKNOWN || rc == E_NAME_UNKNOWN;
}

struct walk {
	struct place leaves[LEAVES_MAX];
	size_t count, next;
	bool held;                  /* only what is here and may be asked counts */
	bool has_no_wall;           /* proxies are asked whatever hosted namespaces have */
	bool is_known;              /* whether there is a wall was looked up: */
	const struct place *wall;   /* the hosted one that has tags of that name: proxies are not asked */
	const struct place *hidden; /* a proxy that was therefore passed over */
	bool exact;                 /* whoever has it has the same */
	struct err absent;          /* of the last proxy that has it not */
	enum rc failed;             /* the first failure that is no absence */
	struct err err;
};

static enum rc walk_start(struct exchange *x, struct walk *w, bool held)
{
	*w = (struct walk){.held = held, .has_no_wall = held || x->place.ns->fall_through};
	return namespace_leaves(&x->place, x->arena, w->leaves, &w->count, &x->err);
}

/* Wherever they stand in the order, and also when they are off: the name is ours. */
static enum rc look_for_wall(struct exchange *x, struct walk *w)
{
	bool has = false;

	w->is_known = true;
	for (size_t i = 0; i < w->count && !w->wall; i++) {
		if (!is_proxy(&w->leaves[i]))
			TRY(repository_has_named(x->site->store, place_name(&w->leaves[i]), &has, &x->err));
		w->wall = has ? &w->leaves[i] : NULL;
	}
	return OK;
}

/* *out NULL: no more. */
static enum rc walk_next(struct exchange *x, struct walk *w, const struct place **out)
{
	*out = NULL;
	while (!*out && w->next < w->count) {
		const struct place *leaf = &w->leaves[w->next++];

		if (is_proxy(leaf) && !w->has_no_wall && !w->is_known)
			TRY(look_for_wall(x, w));
		if (is_proxy(leaf) && w->wall)
			w->hidden = leaf;
		else if (!(leaf->is_off && w->held))
			*out = leaf;
	}
	return OK;
}

/* One that is off cannot say what it has; that it has nothing of that name is known all the same. */
static enum rc refuse_off(struct exchange *x, const struct place *leaf)
{
	bool exists;

	TRY(repository_is_here(x->site->store, place_name(leaf), &exists, &x->err));
	return exists ? fail_rc(&x->err, E_NAMESPACE_OFFLINE) : fail_rc(&x->err, E_NAME_UNKNOWN);
}

static void walk_note(const struct exchange *x, struct walk *w, const struct place *leaf, enum rc rc)
{
	if (is_absence(rc) && is_proxy(leaf))
		w->absent = x->err;
	if (rc && !is_absence(rc) && !w->failed) {
		w->failed = rc;
		w->err = x->err;
	}
}

static enum rc ask_one(struct exchange *x, const struct place *leaf, find_fn *ask, enum ask_how how, void *ctx)
{
	return leaf->is_off ? refuse_off(x, leaf) : ask(x, leaf, how, ctx);
}

/* Has one of those that come next an answer on disk? The walk itself stays where it is. */
static bool is_held_behind(struct exchange *x, const struct walk *w, find_fn *ask, void *ctx)
{
	const struct place *leaf;
	struct walk ahead = *w;

	while (!walk_next(x, &ahead, &leaf) && leaf)
		if (!ask_one(x, leaf, ask, ASK_HELD, ctx))
			return true;
	return false;
}

/* The owner's own images may hide what the client means: who looks for it is told where to look. */
static enum rc fail_walled(struct exchange *x, const struct walk *w, enum rc unknown)
{
	return fail(&x->err, unknown,
	    "the hosted repository %.*s does not have this content and hides the repository of that name at %.*s: the "
	    "owner of this registry can remove it (cove repository remove) or set fall_through=true for the group %.*s",
	    STR_ARG(w->wall->full), STR_ARG(str_first(w->hidden->ns->upstream, 80)), STR_ARG(x->place.ns->name));
}

static enum rc find(struct exchange *x, struct walk *w, find_fn *ask, enum ask_how how, enum rc unknown, void *ctx)
{
	const struct place *leaf;
	enum rc rc = OK;

	for (;;) {
		TRY(walk_next(x, w, &leaf));
		if (!leaf)
			break;
		rc = ask_one(x, leaf, ask, how, ctx);
		if (rc == E_WANT_WAKE && !w->exact && is_held_behind(x, w, ask, ctx))
			rc = ask(x, leaf, ASK_BRIEFLY, ctx);
		if (!rc || rc == E_WANT_WAKE)
			return rc;
		walk_note(x, w, leaf, rc);
	}
	if (w->failed) {
		x->err = w->err;
		return w->failed;
	}
	if (w->hidden)
		return fail_walled(x, w, unknown);
	if (w->count == 1 && rc)
		return rc; /* with its own sentence */
	return w->absent.rc ? fail(&x->err, unknown, "%s", w->absent.text) : fail_rc(&x->err, unknown);
}

enum rc source_find(struct exchange *x, find_fn *ask, bool exact, enum rc unknown, void *ctx)
{
	struct walk w, on_disk;

	TRY(walk_start(x, &w, false));
	w.exact = exact;
	on_disk = w;
	if (exact && w.count > 1 && !find(x, &on_disk, ask, ASK_HELD, unknown, ctx))
		return OK;
	return find(x, &w, ask, ASK_FULLY, unknown, ctx);
}

enum rc source_find_held(struct exchange *x, find_fn *ask, enum rc unknown, void *ctx)
{
	struct walk w;

	TRY(walk_start(x, &w, true));
	return find(x, &w, ask, ASK_HELD, unknown, ctx);
}

enum rc source_each(struct exchange *x, ask_fn *ask, void *ctx, size_t *answered)
{
	const struct place *leaf;
	struct walk w;

	*answered = 0;
	TRY(walk_start(x, &w, false));
	for (;;) {
		enum rc rc;

		TRY(walk_next(x, &w, &leaf));
		if (!leaf)
			break;
		rc = leaf->is_off ? refuse_off(x, leaf) : ask(x, leaf, ctx);
		if (rc == E_WANT_WAKE)
			return rc;
		*answered += !rc;
		walk_note(x, &w, leaf, rc);
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

static enum rc ask_manifest(struct exchange *x, const struct place *leaf, enum ask_how how, void *ctx)
{
	struct manifest_question *q = ctx;

	if (is_proxy(leaf) && how != ASK_HELD)
		return upstream_manifest(
		    x->site->upstream, x, leaf, q->reference, how == ASK_BRIEFLY, q->out, &q->stale, &x->err);
	return manifest_find(x->site->store, place_name(leaf), q->reference, q->out, &x->err);
}

enum rc source_manifest(struct exchange *x, const struct reference *ref, struct manifest_info *out)
{
	struct manifest_question q = {.reference = ref, .out = out};

	TRY(source_find(x, ask_manifest, ref->is_digest, E_MANIFEST_UNKNOWN, &q));
	if (q.stale.n)
		reply_warning(x, q.stale);
	return OK;
}
