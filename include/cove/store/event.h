/*
 * event: what happened to content: the one place where it is recorded, in the transaction that does it. Who and when
 * are the thread's actor and the clock.
 */
#pragma once
#include <cove/db/db.h>
#include <cove/store/name.h>

enum event_kind {
	EVENT_TAG_ADD, /* a tag's first push, or the first after it was deleted */
	EVENT_TAG_MOVE,
	EVENT_TAG_DELETE,
	EVENT_MANIFEST_DELETE, /* with all its tags */
	EVENT_BLOB_DELETE,
	EVENT_REPOSITORY_REMOVE,
};

struct event {
	enum event_kind kind;
	struct repo_name repository;
	struct tag tag;         /* of EVENT_TAG_* */
	struct digest from, to; /* what was there, and what is there now, as far as the kind has them */
	bool pulled_through;    /* from an upstream */
};

/* Inside a transaction, which must end with a rollback when this fails. */
CHECKED enum rc event_record(struct db_conn *c, const struct event *e, struct err *err);
