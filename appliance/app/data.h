/* data: opening what both the server and the commands use. */
#pragma once
#include <cove/namespace.h>

/* With the sealing key in keys/, made at the first call. */
CHECKED enum rc data_namespaces(int dirfd, struct db *db, struct namespaces **out, struct err *err);
/* For app_data_address(). No reason not to start when it fails: that is logged. */
void data_keep_address(int dirfd, struct str address);
