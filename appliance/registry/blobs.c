/* "Pulling blobs" and "Deleting Blobs" of the distribution spec. */
#include "handlers.h"
#include "source.h"
#include "target.h"

static enum rc ask_blob(struct exchange *x, const struct place *leaf, enum ask_how how, void *ctx)
{
	struct upstream_blob *blob = ctx;

	if (is_proxy(leaf) && how == ASK_HELD)
		return upstream_blob_held(x->site->upstream, leaf, &x->digest, blob, &x->err);
	if (is_proxy(leaf))
		return upstream_blob(x->site->upstream, x, leaf, &x->digest, blob, &x->err);
	return blob_open(x->site->store, place_name(leaf), &x->digest, &blob->fd, &blob->size, &x->err);
}

/* A client pushes a damaged blob again only when it hears that there is none. */
static enum rc find(struct exchange *x, struct upstream_blob *blob)
{
	bool before_push;
	enum rc rc;

	TRY(asks_before_push(x, &before_push));
	if (before_push) /* what only an upstream has would be missing for the manifest that comes next */
		rc = source_find_held(x, ask_blob, E_BLOB_UNKNOWN, blob);
	else
		rc = source_find(x, ask_blob, true, E_BLOB_UNKNOWN, blob);
	return rc == E_CORRUPT && x->head->method == METHOD_HEAD ? fail_rc(&x->err, E_BLOB_UNKNOWN) : rc;
}

/* end-2: the blob's bytes, or its size for HEAD. Range is http's work. */
enum rc blob_get(struct exchange *x)
{
	struct upstream_blob blob = {.fd = -1};

	TRY(find(x, &blob));
	reply_digest(x, &x->digest);
	/* what a digest names never changes; but only who may pull it may keep it */
	reply_field(x, "Cache-Control", "private, max-age=31536000, immutable");
	if (blob.flow)
		return reply_flow(x, 200, "application/octet-stream", blob.flow);
	return reply_file(x, 200, "application/octet-stream", blob.fd, blob.size);
}

/* end-10: gone from this repository at once, whoever else links to it. */
enum rc blob_remove(struct exchange *x)
{
	struct target to;
	uint64_t size;

	TRY(target_of_delete(x, &to));
	TRY(blob_stat(x->site->store, to.name, &x->digest, &size, &x->err));
	TRY(exchange_check_condition(x, &x->digest));
	TRY(blob_delete(x->site->store, to.name, &x->digest, &x->err));
	return reply_empty(x, 202);
}
