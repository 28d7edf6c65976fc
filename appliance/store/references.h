/* references: what manifests name, against what their repository has. Inside of a transaction. */
#pragma once
#include "layout.h"

/* The spec's code-4, "references a manifest or blob unknown to registry": E_MANIFEST_BLOB_UNKNOWN, and *missing tells
 * which. What is here, but is not what its descriptor says, is E_MANIFEST_INVALID, unless wrong_descriptors are taken.
 */
CHECKED enum rc references_check(struct db_conn *c, int64_t repository, const struct manifest_content *content,
    struct missing *missing, struct err *err);
CHECKED enum rc references_insert(
    struct db_conn *c, int64_t repository, int64_t manifest, const struct manifest_content *content, struct err *err);
/* E_UNSUPPORTED when a manifest of the repository needs it, as a blob or as a manifest (an index does); the sentence
 * names that one. */
CHECKED enum rc references_check_unneeded(
    struct db_conn *c, int64_t repository, const struct digest *d, enum reference_kind kind, struct err *err);
