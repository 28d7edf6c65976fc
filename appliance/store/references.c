/* references: see references.h. */
#include "references.h"
#include <stdio.h>

/* What is there under a descriptor's digest. */
struct stored {
	bool there;
	uint64_t size;
	char media_type[MEDIA_TYPE_MAX + 1]; /* of a manifest */
};

static enum rc find_stored(
    struct db_conn *c, int64_t repository, const struct manifest_reference *ref, struct stored *out, struct err *err)
{
	static const char blob[] = "SELECT b.size, '' FROM blobs b JOIN blob_links l ON l.repository = :repository"
				   " AND l.blob = b.id WHERE b.digest = :digest";
	static const char manifest[] =
	    "SELECT size, media_type FROM manifests WHERE repository = :repository AND digest = :digest";
	struct db_stmt *s;

	*out = (struct stored){0};
	TRY(db_prepare(c, ref->kind == REF_MANIFEST ? manifest : blob, &s, err));
	db_bind_i64(s, ":repository", repository);
	db_bind_blob(s, ":digest", digest_bytes(&ref->digest));
	TRY(db_step(s, &out->there, err));
	if (!out->there)
		return OK;
	out->size = (uint64_t)db_i64(s, 0);
	snprintf(out->media_type, sizeof out->media_type, "%.*s", STR_ARG(db_text(s, 1)));
	db_done(s);
	return OK;
}

static enum rc check_descriptor(const struct manifest_reference *ref, const struct stored *there, struct err *err)
{
	static const char remedy[] =
	    "rebuild the image, or ask the owner of this registry to set wrong_descriptors for the namespace";
	char text[DIGEST_TEXT_MAX];

	digest_text(text, &ref->digest);
	if (ref->size != there->size)
		return fail(err, E_MANIFEST_INVALID, "the manifest says that %s has %llu bytes, but it has %llu: %s",
		    text, (unsigned long long)ref->size, (unsigned long long)there->size, remedy);
	if (ref->media_type.n && !str_eq(str_of(there->media_type), ref->media_type))
		return fail(err, E_MANIFEST_INVALID, "the manifest says that %s is %.*s, but it was pushed as %s: %s",
		    text, STR_ARG(ref->media_type), there->media_type, remedy);
	return OK;
}

enum rc references_check(struct db_conn *c, int64_t repository, const struct manifest_content *content,
    struct missing *missing, struct err *err)
{
	const struct digest *first = NULL;
	bool lacks_manifests = false;
	char text[DIGEST_TEXT_MAX];
	struct stored there;

	missing->count = 0;
	for (size_t i = 0; i < content->reference_count; i++) {
		const struct manifest_reference *ref = &content->references[i];

		TRY(find_stored(c, repository, ref, &there, err));
		if (there.there && !content->wrong_descriptors)
			TRY(check_descriptor(ref, &there, err));
		if (there.there || content->sparse || ref->kind == REF_OPTIONAL)
			continue;
		if (missing->count < missing->room)
			missing->digests[missing->count] = ref->digest;
		missing->count++;
		first = first ? first : &ref->digest;
		lacks_manifests = lacks_manifests || ref->kind == REF_MANIFEST;
	}
	if (!first)
		return OK;
	digest_text(text, first);
	return fail(err, E_MANIFEST_BLOB_UNKNOWN,
	    "the manifest refers to content that this repository does not have: push that content first (%zu missing, "
	    "the first is %s)%s",
	    missing->count, text,
	    lacks_manifests
		? "; to push an index without all of its platforms, set sparse_manifests=true for the namespace"
		: "");
}

/* The same digest may be named more than once; the kind that demands most (the smallest) stays. */
enum rc references_insert(
    struct db_conn *c, int64_t repository, int64_t manifest, const struct manifest_content *content, struct err *err)
{
	static const char sql[] =
	    "INSERT INTO manifest_references (manifest, digest, kind, repository, size)"
	    " VALUES (:manifest, :digest, :kind, :repository, :size)"
	    " ON CONFLICT (manifest, digest) DO UPDATE SET kind = excluded.kind WHERE excluded.kind < kind";
	struct db_stmt *s;

	for (size_t i = 0; i < content->reference_count; i++) {
		TRY(db_prepare(c, sql, &s, err));
		db_bind_i64(s, ":manifest", manifest);
		db_bind_blob(s, ":digest", digest_bytes(&content->references[i].digest));
		db_bind_i64(s, ":kind", content->references[i].kind);
		db_bind_i64(s, ":repository", repository);
		db_bind_i64(s, ":size", (int64_t)content->references[i].size);
		TRY(db_run(s, NULL, err));
	}
	return OK;
}

/* A list of referrers names what refers to a subject, but not the subject: nothing breaks without one of them, and old
 * versions of the list stay around. The index of an image names it together with its attestations. */
enum rc references_check_unneeded(
    struct db_conn *c, int64_t repository, const struct digest *d, enum reference_kind kind, struct err *err)
{
	static const char sql[] =
	    "SELECT m.digest, coalesce((SELECT min(name) FROM tags WHERE manifest = m.id), '')"
	    " FROM manifest_references f JOIN manifests m ON m.id = f.manifest"
	    " WHERE f.repository = :repository AND f.digest = :digest AND f.kind = :kind AND NOT EXISTS"
	    " (SELECT 1 FROM manifests d WHERE d.repository = :repository AND d.digest = :digest AND d.subject IS NOT "
	    "NULL"
	    " AND NOT EXISTS (SELECT 1 FROM manifest_references s WHERE s.manifest = f.manifest AND s.digest = "
	    "d.subject))"
	    " LIMIT 1";
	char text[DIGEST_TEXT_MAX], tag[TAG_MAX + 1] = "";
	struct digest manifest;
	struct db_stmt *s;
	bool found;
	enum rc rc;

	TRY(db_prepare(c, sql, &s, err));
	db_bind_i64(s, ":repository", repository);
	db_bind_blob(s, ":digest", digest_bytes(d));
	db_bind_i64(s, ":kind", kind);
	TRY(db_step(s, &found, err));
	if (!found)
		return OK;
	snprintf(tag, sizeof tag, "%.*s", STR_ARG(db_text(s, 1)));
	rc = digest_column(s, 0, &manifest, err);
	db_done(s);
	TRY(rc);
	digest_text(text, &manifest);
	return fail(err, E_UNSUPPORTED, "%s %s%s%s%s first%s",
	    kind == REF_BLOB ? "a manifest uses the blob: delete the manifest"
			     : "an index contains the manifest: delete the index",
	    text, tag[0] ? " (tag " : "", tag, tag[0] ? ")" : "",
	    kind == REF_BLOB ? "" : "; a tag of this manifest can be deleted by its name");
}
