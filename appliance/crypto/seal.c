/* seal: libsodium's secretbox (XSalsa20-Poly1305) with a random nonce in front. */
#include <cove/base/codec.h>
#include <cove/base/io.h>
#include <cove/base/random.h>
#include <cove/crypto/seal.h>
#include <sodium.h>

#define KEY_FILE "seal.key"
#define KEY_SIZE crypto_secretbox_KEYBYTES
#define NONCE_SIZE crypto_secretbox_NONCEBYTES
#define MAC_SIZE crypto_secretbox_MACBYTES

_Static_assert(KEY_SIZE <= SECRET_MAX, "the key is a secret");

enum rc seal_key_load(int keys_dirfd, struct secret *key, struct err *err)
{
	struct buf file = BUF_INIT(KEY_SIZE + 1);
	enum rc rc = io_read_file(keys_dirfd, KEY_FILE, &file, err);

	secret_wipe(key);
	if (rc == E_NOT_FOUND) {
		key->n = KEY_SIZE;
		random_bytes(key->p, KEY_SIZE);
		rc = io_write_file(keys_dirfd, KEY_FILE, secret_str(key), 0600, err);
	} else if (!rc && file.n == KEY_SIZE) {
		key->n = KEY_SIZE;
		memcpy(key->p, file.p, KEY_SIZE);
	} else if (!rc) {
		rc = fail(err, E_CORRUPT,
		    "keys/" KEY_FILE
		    " has %zu bytes instead of %u: put it back from a backup, or remove it and set the "
		    "passwords of upstreams again",
		    file.n, KEY_SIZE);
	}
	if (file.p)
		wipe(file.p, file.cap);
	buf_release(&file);
	return rc;
}

static enum rc check_key(const struct secret *key, struct err *err)
{
	return key->n == KEY_SIZE
		   ? OK
		   : fail(err, E_CORRUPT,
			 "keys/" KEY_FILE " could not be read when this program started: put it back from a "
			 "backup, or remove it, and start again; in the latter case set the passwords of "
			 "upstreams again");
}

enum rc seal(const struct secret *key, const struct secret *clear, struct buf *out, struct err *err)
{
	unsigned char box[NONCE_SIZE + MAC_SIZE + SECRET_MAX];

	TRY(check_key(key, err));
	random_bytes(box, NONCE_SIZE);
	crypto_secretbox_easy(
	    box + NONCE_SIZE, (const unsigned char *)clear->p, clear->n, box, (const unsigned char *)key->p);
	base64url_encode(out, box, NONCE_SIZE + MAC_SIZE + clear->n);
	return OK;
}

enum rc seal_open(const struct secret *key, struct str sealed, struct secret *clear, struct err *err)
{
	unsigned char box[NONCE_SIZE + MAC_SIZE + SECRET_MAX];
	ptrdiff_t n = base64url_decode(box, sizeof(box), sealed);

	secret_wipe(clear);
	TRY(check_key(key, err));
	if (n < NONCE_SIZE + MAC_SIZE || crypto_secretbox_open_easy((unsigned char *)clear->p, box + NONCE_SIZE,
					     (unsigned long long)n - NONCE_SIZE, box, (const unsigned char *)key->p)) {
		secret_wipe(clear);
		return fail(
		    err, E_CORRUPT, "a stored password cannot be decrypted with keys/" KEY_FILE ": set it again");
	}
	clear->n = (size_t)n - NONCE_SIZE - MAC_SIZE;
	return OK;
}
