/* target: where a push or a delete goes: the one hosted namespace behind the name, and its rules. */
#pragma once
#include <cove/http/exchange.h>

struct target {
	struct repo_name name;
	struct space space;
	bool sparse;            /* manifests may name what is not here, */
	bool wrong_descriptors; /* and say of it what it is not */
};

/* For whatever writes. E_DENIED with a sentence: a proxy, a group without a writable member, a read-only namespace. */
CHECKED enum rc target_of(struct exchange *x, struct target *out);
/* For deletes: as target_of(), but also a proxy's, whose copy may go. E_UNSUPPORTED ("If tag deletion is disabled, the
 * registry MUST respond with either a 400 Bad Request or a 405 Method Not Allowed"): a read-only namespace, and a
 * group: which member's is meant? */
CHECKED enum rc target_of_delete(struct exchange *x, struct target *out);
