/* space: what whoever writes must keep to: the rules of a namespace, and a client's condition. */
#pragma once
#include <cove/store/name.h>

/* What a reference led to a moment ago: if it does no more, a manifest is neither put nor deleted: E_HTTP_CONDITION. */
struct expectation {
	struct reference reference;
	bool there;
	struct digest digest; /* when there */
};

/* The rules of the namespace that a repository is in: for whatever writes. NULL, or all zero: none. They are judged in
 * the transaction that would break them. */
struct space {
	int64_t namespace_id;  /* the repository must be of it, else E_NAME_UNKNOWN; 0: of any */
	struct str blob_store; /* where new blobs go; empty: the data directory */
	uint64_t quota_bytes; /* of all blobs (each once), manifests and unfinished uploads of the namespace: E_QUOTA */
	bool redeploy_refused;      /* a tag that is there does not move: E_TAG_FIXED, */
	struct str redeploy_except; /* but for those that fit these globs, separated by spaces */
	struct str immutable_tags;  /* globs: neither moved (E_TAG_FIXED) nor deleted (E_UNSUPPORTED) once there */
	int64_t user;               /* whose unfinished uploads have a bound together; 0: nobody's */
	bool pulled_through;        /* what is written came from an upstream: nobody changed anything */
	const struct expectation *expected; /* the client's condition was judged by this; NULL: it had none */
};
