/* "Pulling blobs" and "Deleting Blobs" of the distribution spec. */
#include "handlers.h"

/* end-2: the blob's bytes, or its size for HEAD. Range is http's work. */
enum rc blob_get(struct exchange *x)
{
	uint64_t size;
	int fd;

	TRY(blob_open(x->site->store, x->name, &x->digest, &fd, &size, &x->err));
	reply_digest(x, &x->digest);
	/* what a digest names never changes; but only who may pull it may keep it */
	reply_field(x, "Cache-Control", "private, max-age=31536000, immutable");
	return reply_file(x, 200, "application/octet-stream", fd, size);
}

/* end-10: gone from this repository at once, whoever else links to it. */
enum rc blob_remove(struct exchange *x)
{
	char text[DIGEST_TEXT_MAX];

	TRY(blob_delete(x->site->store, x->name, &x->digest, &x->err));
	digest_text(text, &x->digest);
	audit_note(auth_audit(x->site->auth), "blob.delete", x->name.s, str_of(text));
	return reply_empty(x, 202);
}
