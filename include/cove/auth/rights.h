/*
 * rights: all that an identity may do, read once: for requests that ask of many names. It is what auth_actions() would
 * have said of each at that moment. One thread.
 */
#pragma once
#include <cove/auth/auth.h>

struct rights;
CHECKED enum rc rights_take(struct auth *auth, const struct identity *who, struct rights **out, struct err *err);
void rights_free(struct rights *r);
/* As auth_actions(). */
unsigned rights_on(struct rights *r, struct str repository);
/* Bytes of patterns that were looked at so far: for who bounds the work of a request. */
uint64_t rights_spent(const struct rights *r);

/* For lists of what may be seen: moves `at` on to the first name, itself or behind it bytewise, at which there may be a
 * repository that may be pulled, judged by what the patterns have before their first wildcard. False: none. */
struct name_at {
	char p[PATTERN_MAX + 1]; /* a repository's name, or one with a NUL byte at its end: just behind that name */
	size_t n;
};
bool rights_seek(struct rights *r, struct name_at *at);
