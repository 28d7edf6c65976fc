/*
 * Reading a manifest: which type it is, what it refers to. Bytes are kept as they came; parsing only extracts. Unknown
 * members are left alone (image-spec: implementations MUST NOT fail on them). null is as good as absent everywhere:
 * some encoders write it, and all clients read it so. What a push must keep to beyond that is not asked of what a cache
 * fetched: the clients that pull it may well not look at the member at fault.
 */
#include <cove/manifest/manifest.h>
#include <cove/base/codec.h>
#include <cove/base/json.h>

enum shape { SHAPE_IMAGE, SHAPE_INDEX, SHAPE_SCHEMA1 };

static const struct {
	struct str type;
	enum shape shape;
} types[] = {
    {STR("application/vnd.oci.image.manifest.v1+json"), SHAPE_IMAGE},
    {STR("application/vnd.docker.distribution.manifest.v2+json"), SHAPE_IMAGE},
    {STR("application/vnd.oci.image.index.v1+json"), SHAPE_INDEX},
    {STR("application/vnd.docker.distribution.manifest.list.v2+json"), SHAPE_INDEX},
    {STR("application/vnd.docker.distribution.manifest.v1+json"), SHAPE_SCHEMA1},
    {STR("application/vnd.docker.distribution.manifest.v1+prettyjws"), SHAPE_SCHEMA1},
};

/* Layers that are never pushed (image-spec layer.md "Non-Distributable Layers"; Docker's foreign layers). */
static const struct str foreign[] = {
    STR("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"),
    STR("application/vnd.docker.image.rootfs.foreign.diff.tar"),
    STR("application/vnd.oci.image.layer.nondistributable.v1.tar"),
    STR("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"),
    STR("application/vnd.oci.image.layer.nondistributable.v1.tar+zstd"),
};

static bool is_foreign(struct str media_type, const struct json *descriptor)
{
	for (size_t i = 0; i < sizeof(foreign) / sizeof(*foreign); i++)
		if (str_eq(media_type, foreign[i]))
			return true;
	return json_count(json_member(descriptor, "urls")) > 0;
}

/* The type of the document: Content-Type and mediaType must agree where both are there. */
static enum rc find_type(
    struct str content_type, struct str media_type, struct manifest_content *out, enum shape *shape, struct err *err)
{
	struct str parameters;

	(void)str_cut(content_type, ';', &content_type, &parameters);
	content_type = str_trim(content_type);
	if (!content_type.n)
		content_type = media_type;
	if (!content_type.n)
		return fail(err, E_MANIFEST_INVALID,
		    "the media type is missing: send a Content-Type, or set mediaType in the manifest");
	if (media_type.n && !str_eq(content_type, media_type))
		return fail(
		    err, E_MANIFEST_INVALID, "the Content-Type differs from the manifest's mediaType: make them equal");
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (str_eq(content_type, types[i].type)) {
			out->media_type = types[i].type;
			*shape = types[i].shape;
			return OK;
		}
	return fail(err, E_MANIFEST_INVALID,
	    "the media type is not that of an image manifest or index: push other content as blobs of an OCI image "
	    "manifest with an artifactType");
}

static const struct json *member(const struct json *object, const char *name)
{
	const struct json *v = json_member(object, name);

	return json_is_null(v) ? NULL : v;
}

/* image-spec descriptor.md: embedded content "MUST be identical to the referenced content", in base64. */
static enum rc check_data(
    const struct json *data, const char *where, const struct manifest_reference *ref, struct err *err)
{
	struct str text = json_string(data);
	struct digest d;
	ptrdiff_t n;
	char *bytes;

	if (!data)
		return OK;
	bytes = malloc(text.n + 1);
	if (!bytes)
		return fail_rc(err, E_BUSY);
	n = json_is_string(data) ? base64_decode(bytes, text.n, text) : -1;
	if (n >= 0)
		digest_of(&d, ref->digest.algorithm, (struct str){bytes, (size_t)n});
	free(bytes);
	if (n < 0)
		return fail(err, E_MANIFEST_INVALID, "%s has data that is not base64", where);
	if ((uint64_t)n != ref->size || !digest_eq(&d, &ref->digest))
		return fail(err, E_MANIFEST_INVALID, "%s has data that does not match its size or digest", where);
	return OK;
}

/* A member that is a text where it is there. */
static enum rc read_text(
    const struct json *doc, const char *name, enum manifest_origin origin, struct str *out, struct err *err)
{
	const struct json *v = member(doc, name);

	*out = json_string(v);
	if (v && !json_is_string(v) && origin == MANIFEST_PUSHED)
		return fail(err, E_MANIFEST_INVALID, "%s is not a string", name);
	return OK;
}

/* image-spec descriptor.md: urls is an "array of strings", each an URI. */
static enum rc check_urls(const struct json *urls, const char *where, struct err *err)
{
	bool good = !urls || json_is_array(urls);

	for (const struct json *v = json_first(urls); v && good; v = json_next(v))
		good = json_string(v).n;
	return good ? OK : fail(err, E_MANIFEST_INVALID, "%s has urls that are not an array of URLs", where);
}

/* A size that is not there reads as 0, as Go's clients read it, and is then compared as any other. */
static enum rc read_descriptor(const struct json *v, const char *where, enum manifest_origin origin,
    struct manifest_reference *out, struct err *err)
{
	const struct json *size;

	out->media_type = STR_NONE;
	if (!json_is_object(v))
		return fail(err, E_MANIFEST_INVALID, "%s is not a descriptor", where);
	if (digest_parse(json_string(member(v, "digest")), &out->digest, NULL))
		return fail(err, E_MANIFEST_INVALID, "%s has no valid digest", where);
	size = member(v, "size");
	if (!json_integer(size, &out->size)) {
		if (size && origin == MANIFEST_PUSHED)
			return fail(err, E_MANIFEST_INVALID, "%s has no valid size", where);
		out->size = 0;
	}
	if (origin == MANIFEST_FETCHED)
		return OK;
	TRY(check_urls(member(v, "urls"), where, err));
	return check_data(member(v, "data"), where, out, err);
}

/* image-spec: REQUIRED, and containerd, docker and crane pull nothing without it. */
static enum rc read_media_type(
    const struct json *v, const char *where, enum manifest_origin origin, struct str *out, struct err *err)
{
	*out = json_string(json_member(v, "mediaType"));
	if (!out->n && origin == MANIFEST_PUSHED)
		return fail(err, E_MANIFEST_INVALID, "%s has no mediaType", where);
	return OK;
}

/*
 * What a descriptor in an index asks for. Not only manifests are listed: the cache of BuildKit is an index over layers,
 * which are blobs (image-spec image-index.md: other media types "MUST NOT generate an error").
 */
static void read_child(struct str media_type, struct manifest_reference *r)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (str_eq(media_type, types[i].type)) {
			r->media_type = types[i].type;
			return;
		}
	r->kind = REF_BLOB;
}

/* The elements of an array of descriptors, appended to list. None at all is an empty one, as docker-registry and all
 * clients take it. */
static enum rc read_descriptors(const struct json *array, const char *where, enum reference_kind kind,
    enum manifest_origin origin, struct manifest_reference *list, size_t *count, struct err *err)
{
	struct str media_type;

	if (array && !json_is_array(array))
		return fail(err, E_MANIFEST_INVALID, "%s is not an array of descriptors", where);
	for (const struct json *v = json_first(array); v; v = json_next(v)) {
		struct manifest_reference *r = &list[*count];

		TRY(read_descriptor(v, where, origin, r, err));
		TRY(read_media_type(v, where, origin, &media_type, err));
		r->kind = kind;
		if (kind == REF_MANIFEST)
			read_child(media_type, r);
		if (r->kind == REF_BLOB && is_foreign(media_type, v))
			r->kind = REF_OPTIONAL;
		(*count)++;
	}
	return OK;
}

static enum rc read_image(const struct json *doc, enum manifest_origin origin, struct manifest_reference *list,
    size_t *count, struct manifest_content *out, struct err *err)
{
	const struct json *config = member(doc, "config");
	struct str config_type;

	TRY(read_descriptor(config, "config", origin, &list[0], err));
	TRY(read_media_type(config, "config", origin, &config_type, err));
	list[0].kind = REF_BLOB;
	*count = 1;
	/* spec "Listing Referrers": artifactType falls back to the config's media type */
	if (!out->artifact_type.n)
		out->artifact_type = config_type;
	return read_descriptors(member(doc, "layers"), "layers", REF_BLOB, origin, list, count, err);
}

static enum rc read_references(struct arena *a, const struct json *doc, enum shape shape, enum manifest_origin origin,
    struct manifest_content *out, struct err *err)
{
	const struct json *array = member(doc, shape == SHAPE_IMAGE ? "layers" : "manifests");
	struct manifest_reference *list = arena_alloc(a, (json_count(array) + 1) * sizeof(*list));
	size_t count = 0;

	if (!list)
		return fail_rc(err, E_BUSY);
	if (shape == SHAPE_IMAGE)
		TRY(read_image(doc, origin, list, &count, out, err));
	else
		TRY(read_descriptors(array, "manifests", REF_MANIFEST, origin, list, &count, err));
	out->references = list;
	out->reference_count = count;
	return OK;
}

/* A null among them is read as an empty text by Go's clients. */
static enum rc check_annotations(const struct json *annotations, struct err *err)
{
	if (!json_is_object(annotations))
		return fail(err, E_MANIFEST_INVALID, "annotations is not an object");
	for (const struct json *v = json_first(annotations); v; v = json_next(v))
		if (!json_is_string(v) && !json_is_null(v))
			return fail(err, E_MANIFEST_INVALID, "annotations may contain only strings");
	return OK;
}

/* What referrers list of this manifest: subject, artifactType, annotations. */
static enum rc read_relations(
    struct arena *a, const struct json *doc, enum manifest_origin origin, struct manifest_content *out, struct err *err)
{
	const struct json *subject = member(doc, "subject");
	const struct json *annotations = member(doc, "annotations");
	struct manifest_reference r;
	struct err why;
	enum rc rc;

	if (subject) {
		TRY(read_descriptor(subject, "subject", origin, &r, err));
		out->has_subject = true;
		out->subject = r.digest;
	}
	if (!annotations)
		return OK;
	rc = check_annotations(annotations, &why);
	if (rc && origin == MANIFEST_FETCHED) /* as if it had none */
		return OK;
	if (rc)
		return fail(err, rc, "%s", why.text);
	if (!out->has_subject)
		return OK;                     /* only referrers are listed with their annotations */
	struct buf b = BUF_INIT(MANIFEST_MAX); /* strings do not grow when they are written again */

	json_write(&b, annotations);
	if (buf_ok(&b))
		out->annotations = arena_str(a, buf_str(&b));
	buf_release(&b);
	return out->annotations.n ? OK : fail_rc(err, E_BUSY);
}

static enum rc read_document(struct arena *a, const struct json *doc, struct str content_type,
    enum manifest_origin origin, struct manifest_content *out, struct err *err)
{
	enum shape shape = SHAPE_SCHEMA1;
	uint64_t version = 0;
	struct str artifact_type, media_type;

	if (!json_is_object(doc))
		return fail(err, E_MANIFEST_INVALID, "the manifest is not a JSON object");
	(void)json_integer(json_member(doc, "schemaVersion"), &version);
	if (version == 1)
		return fail_rc(err, E_SCHEMA1);
	if (version != 2 && origin == MANIFEST_PUSHED)
		return fail(err, E_MANIFEST_INVALID, "schemaVersion is not 2");
	TRY(read_text(doc, "mediaType", origin, &media_type, err));
	TRY(read_text(doc, "artifactType", origin, &artifact_type, err));
	TRY(find_type(content_type, media_type, out, &shape, err));
	if (shape == SHAPE_SCHEMA1)
		return fail_rc(err, E_SCHEMA1);
	/* image-spec: one shape must not hold the other's members, or clients may be made to see two different images
	 */
	if (member(doc, shape == SHAPE_IMAGE ? "manifests" : "layers"))
		return fail(err, E_MANIFEST_INVALID, "the manifest has the members of both an image and an index");
	out->artifact_type = arena_str(a, artifact_type);
	TRY(read_references(a, doc, shape, origin, out, err));
	out->artifact_type = arena_str(a, out->artifact_type);
	return read_relations(a, doc, origin, out, err);
}

enum rc manifest_parse(struct arena *a, struct str bytes, struct str content_type, enum manifest_origin origin,
    struct manifest_content *out, struct err *err)
{
	struct json *doc;
	struct err why = {.rc = OK};
	enum rc rc;

	*out = (struct manifest_content){.bytes = bytes};
	rc = json_parse(bytes, &doc, &why);
	if (rc)
		return fail(
		    err, rc == E_HTTP_BAD ? E_MANIFEST_INVALID : rc, "the manifest is not valid JSON: %s", why.text);
	rc = read_document(a, doc, content_type, origin, out, err);
	json_free(doc);
	return rc;
}
