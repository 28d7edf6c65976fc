/*
 * name: the names of the distribution spec as typed values. Parsed once, where a request enters; a function that takes
 * one need not check it again. They borrow the bytes they were parsed from. Pure.
 */
#pragma once
#include <cove/crypto/digest.h>

#define REPO_NAME_MAX 255
#define TAG_MAX 128

/* `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/...)*`, at most 255 bytes. */
struct repo_name {
	struct str s;
};

/* `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}` */
struct tag {
	struct str s;
};

/* A tag or a digest: <reference>. */
struct reference {
	bool is_digest;
	struct digest digest;
	struct tag tag;
};

CHECKED enum rc repo_name_parse(struct str s, struct repo_name *out, struct err *err);
CHECKED enum rc tag_parse(struct str s, struct tag *out, struct err *err);
/* With a colon it is a digest. */
CHECKED enum rc reference_parse(struct str s, struct reference *out, struct err *err);
