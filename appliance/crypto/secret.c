/* secret: the constant-time and wiping verbs of libsodium under our names. */
#include <cove/crypto/secret.h>
#include <psa/crypto.h>
#include <errno.h>
#include <sodium.h>
#include <unistd.h>

void crypto_start(void)
{
	if (sodium_init() < 0)
		bug("libsodium does not start");
	if (psa_crypto_init() != PSA_SUCCESS)
		bug("PSA does not start");
}

bool secret_set(struct secret *secret, struct str s)
{
	if (s.n > SECRET_MAX || str_has(s, '\0'))
		return false;
	secret_wipe(secret);
	if (s.n)
		memcpy(secret->p, s.p, s.n);
	secret->n = s.n;
	return true;
}

enum rc secret_read(struct secret *secret, int fd, struct err *err)
{
	char bytes[SECRET_MAX + 3]; /* with a line end, and one that tells that there are more */
	ssize_t got = 1;
	size_t n = 0, all;
	bool fits;

	while (got && n < sizeof(bytes)) {
		got = read(fd, bytes + n, sizeof(bytes) - n);
		if (got < 0 && errno != EINTR)
			return fail_errno(err, E_USAGE, "the password cannot be read");
		n += got > 0 ? (size_t)got : 0;
	}
	all = n;
	if (n && n < sizeof(bytes) && bytes[n - 1] == '\n')
		n--;
	if (n < all && n && bytes[n - 1] == '\r')
		n--;
	fits = secret_set(secret, (struct str){bytes, n});
	wipe(bytes, sizeof(bytes));
	if (!all)
		return fail(err, E_USAGE, "the password is empty");
	return fits ? OK
		    : fail(err, E_USAGE, "the password is not valid: use at most %d bytes, none of them NUL",
			  SECRET_MAX);
}

void secret_wipe(struct secret *secret)
{
	sodium_memzero(secret, sizeof(*secret));
}

struct str secret_str(const struct secret *secret)
{
	return (struct str){secret->p, secret->n};
}

void wipe(void *p, size_t n)
{
	sodium_memzero(p, n);
}

bool bytes_eq(const void *a, const void *b, size_t n)
{
	return sodium_memcmp(a, b, n) == 0;
}
