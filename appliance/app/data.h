/* data: opening what both the server and the commands use. */
#pragma once
#include <cove/namespace/namespace.h>

#define DATABASE_FILE "cove.db"
/* Whether nothing has been kept here yet: no database, or an empty file. */
bool data_is_new(int dirfd);
/* With the sealing key in keys/, made at the first call; a damaged one is logged, and costs the passwords of upstreams
 * only. */
CHECKED enum rc data_namespaces(int dirfd, struct db *db, struct namespaces **out, struct err *err);
/* For app_data_address(). No reason not to start when it fails: that is logged. */
void data_keep_address(int dirfd, struct str address, bool has_ca);
