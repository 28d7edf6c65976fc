/* manifest: parses the bytes of a manifest (OCI image-spec manifest.md, image-index.md; Docker schema 2). Pure. */
#pragma once
#include <cove/base/arena.h>
#include <cove/store/store.h>

/* The origin of the bytes: a push must follow the specification, or gets an error; a manifest that a cache has fetched
 * need only be one that some client can pull. */
enum manifest_origin { MANIFEST_PUSHED, MANIFEST_FETCHED };

/*
 * Parses and checks `bytes`; content_type is the request's field (may be empty, parameters are dropped). *out borrows
 * from bytes and the arena. E_MANIFEST_INVALID or E_SCHEMA1, with a sentence that names the wrong member; E_BUSY when
 * the arena is too small.
 */
CHECKED enum rc manifest_parse(struct arena *a, struct str bytes, struct str content_type, enum manifest_origin origin,
    struct manifest_content *out, struct err *err);
