/*
 * challenge: parses the challenges of a registry in WWW-Authenticate (RFC 9110 §11.6.1). One field may hold several
 * challenges; only the parameters that a token fetch needs are kept (distribution, token.md). Strings are unescaped
 * into the arena and live as long as it. Pure otherwise.
 */
#pragma once
#include <cove/base/arena.h>
#include <cove/base/str.h>

/* Absent: STR_NONE; present but empty: p is not NULL. */
struct challenge {
	struct str scheme; /* a slice of the field */
	struct str realm, service, scope, error;
};

/* Takes the next challenge from the start of *rest. False at the end, and at invalid syntax (*rest is then empty): the
 * challenges before that stay valid. */
bool challenge_next(struct arena *a, struct str *rest, struct challenge *out);
/* The first challenge of that scheme (any case) in the field. */
bool challenge_find(struct arena *a, struct str field, struct str scheme, struct challenge *out);
