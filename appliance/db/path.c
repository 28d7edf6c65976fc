/* path: names inside a directory, for SQLite. */
#include "db_private.h"
#include <stdio.h>

/* SQLite wants a path; it resolves this one to the real path when it opens it. */
enum rc db_path(int dirfd, const char *name, char *out, size_t size, struct err *err)
{
	if ((size_t)snprintf(out, size, "/proc/self/fd/%d/%s", dirfd, name) >= size)
		return fail(err, E_IO, "the path is too long: %s", name);
	return OK;
}
