/*
 * seal: secrets that must be read again (passwords of upstreams), kept sealed in the database under a key that is a
 * file beside it: a copy of the database alone does not give them away. Any thread.
 */
#pragma once
#include <cove/base/buf.h>
#include <cove/crypto/secret.h>

/* The key in keys/seal.key, made at the first call. Wipe it. E_CORRUPT; the key is empty then, and the others refuse
 * it. */
CHECKED enum rc seal_key_load(int keys_dirfd, struct secret *key, struct err *err);
/* Appends the sealed bytes as text (base64url). E_CORRUPT: an empty key. */
CHECKED enum rc seal(const struct secret *key, const struct secret *clear, struct buf *out, struct err *err);
/* E_CORRUPT with an empty key, and when it was sealed under another key, or changed. */
CHECKED enum rc seal_open(const struct secret *key, struct str sealed, struct secret *clear, struct err *err);
