/*
 * seal: encrypts secrets that the server must read again (passwords of upstreams) for the database. The key is a file
 * outside of the database, so a copy of the database alone does not reveal them. Any thread.
 */
#pragma once
#include <cove/base/buf.h>
#include <cove/crypto/secret.h>

/* The key in keys/seal.key, which the first call creates. Wipe it. E_CORRUPT: the key is then empty, and seal() and
 * seal_open() refuse it. */
CHECKED enum rc seal_key_load(int keys_dirfd, struct secret *key, struct err *err);
/* Appends the encrypted bytes as text (base64url). E_CORRUPT: an empty key. */
CHECKED enum rc seal(const struct secret *key, const struct secret *clear, struct buf *out, struct err *err);
/* E_CORRUPT: an empty key, or the text was sealed with another key or was changed. */
CHECKED enum rc seal_open(const struct secret *key, struct str sealed, struct secret *clear, struct err *err);
