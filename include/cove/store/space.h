/* space: the rules for writes: those of a namespace, and a client's condition. */
#pragma once
#include <cove/store/name.h>

/* What a reference pointed to a moment ago: if that has changed, no manifest is put or deleted: E_HTTP_CONDITION. */
struct expectation {
	struct reference reference;
	bool there;
	struct digest digest; /* when there */
};

/* The rules of a repository's namespace, for all functions that write. NULL, or all zero: no rules. They are checked in
 * the transaction of the write. */
struct space {
	int64_t namespace_id;  /* the repository must be in this namespace, else E_NAME_UNKNOWN; 0: in any */
	struct str blob_store; /* where new blobs go; empty: the data directory */
	uint64_t quota_bytes; /* of all blobs (each once), manifests and unfinished uploads of the namespace: E_QUOTA */
	bool redeploy_refused;      /* an existing tag cannot move: E_TAG_FIXED, */
	struct str redeploy_except; /* except for tags that match these globs, separated by spaces */
	struct str immutable_tags;  /* globs: existing tags cannot be moved (E_TAG_FIXED) or deleted (E_UNSUPPORTED) */
	int64_t user;               /* the user, whose unfinished uploads are limited together; 0: no user */
	bool pulled_through;        /* what is written came from an upstream: nobody changed anything */
	const struct expectation *expected; /* the state for which the client's condition held; NULL: no condition */
};
