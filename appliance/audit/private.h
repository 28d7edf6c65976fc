/* private: what the files of audit/ share. */
#pragma once
#include <cove/audit/audit.h>

#define AUDIT_NAME_MAX 80 /* of users, addresses and actions */

/* Writes all members but id as they are. */
CHECKED enum rc audit_insert(struct db_conn *c, const struct audit_entry *e, int64_t *id, struct err *err);
