/*
 * rights: a snapshot of all rights of an identity, for requests about many names. It gives the same answers as
 * auth_actions() at the time of the snapshot. One thread.
 */
#pragma once
#include <cove/auth/auth.h>

struct rights;
CHECKED enum rc rights_take(struct auth *auth, const struct identity *who, struct rights **out, struct err *err);
void rights_free(struct rights *r);
/* As auth_actions(). */
unsigned rights_on(struct rights *r, struct str repository);
/* The number of pattern bytes that were compared so far, to limit the work of a request. */
uint64_t rights_spent(const struct rights *r);

/* For lists of visible repositories: moves `at` forward, in byte order, to the first name from which on a repository
 * may be pulled, judged by the part of each pattern before its first wildcard. False: no such name. */
struct name_at {
	char p[PATTERN_MAX +
	       1]; /* the name of a repository; a NUL byte at the end means the position right after that name */
	size_t n;
};
bool rights_seek(struct rights *r, struct name_at *at);
