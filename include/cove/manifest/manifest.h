/* manifest: what the bytes of a manifest say (OCI image-spec manifest.md, image-index.md; Docker schema 2). Pure. */
#pragma once
#include <cove/base/arena.h>
#include <cove/store/store.h>

/* Whose bytes they are: a push keeps to the specification, or learns what is wrong; what a cache fetched from its
 * upstream need only be what some client can pull. */
enum manifest_origin { MANIFEST_PUSHED, MANIFEST_FETCHED };

/*
 * Parses and checks `bytes`; content_type is the request's field (may be empty, parameters are dropped). *out borrows
 * from bytes and the arena. E_MANIFEST_INVALID or E_SCHEMA1, with a sentence that names the member at fault; E_BUSY
 * when the arena is too small.
 */
CHECKED enum rc manifest_parse(struct arena *a, struct str bytes, struct str content_type, enum manifest_origin origin,
    struct manifest_content *out, struct err *err);
