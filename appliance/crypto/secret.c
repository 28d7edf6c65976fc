/* secret: the constant-time and wiping verbs of libsodium under our names, and the secrets that we make for others. */
#include <cove/crypto/digest.h>
#include <cove/base/random.h>
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
		return fail(err, E_USAGE, "there is no password");
	return fits ? OK : fail(err, E_USAGE, "a password has at most %d bytes, none of them NUL", SECRET_MAX);
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

#define BODY_SIZE 43 /* base64url characters of 32 bytes */
#define SUM_SIZE 6

/* The first characters of base64url of SHA-256: no secret, it only tells a typo from a credential. */
static void checksum(char out[static BODY_SIZE + 1], struct str text)
{
	struct digest d;

	digest_of(&d, DIGEST_SHA256, text);
	sodium_bin2base64(out, BODY_SIZE + 1, d.bytes, 32, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static void hash_text(uint8_t hash[static CREDENTIAL_HASH_SIZE], struct str text)
{
	struct digest d;

	digest_of(&d, DIGEST_SHA256, text);
	memcpy(hash, d.bytes, CREDENTIAL_HASH_SIZE);
}

void credential_make(
    const char *prefix, char text[static CREDENTIAL_TEXT_MAX], uint8_t hash[static CREDENTIAL_HASH_SIZE])
{
	uint8_t random[32];
	char sum[BODY_SIZE + 1];
	size_t n = strlen(prefix);

	if (n + BODY_SIZE + SUM_SIZE >= CREDENTIAL_TEXT_MAX)
		bug("credential prefix too long: %s", prefix);
	memcpy(text, prefix, n);
	random_bytes(random, sizeof(random));
	sodium_bin2base64(text + n, BODY_SIZE + 1, random, sizeof(random), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	n += BODY_SIZE;
	checksum(sum, (struct str){text, n});
	memcpy(text + n, sum, SUM_SIZE);
	text[n + SUM_SIZE] = '\0';
	hash_text(hash, (struct str){text, n + SUM_SIZE});
	sodium_memzero(random, sizeof(random));
}

bool credential_hash(const char *prefix, struct str text, uint8_t hash[static CREDENTIAL_HASH_SIZE])
{
	char sum[BODY_SIZE + 1];
	size_t n = strlen(prefix) + BODY_SIZE;

	if (text.n != n + SUM_SIZE || !str_starts(text, str_of(prefix)))
		return false;
	checksum(sum, str_first(text, n));
	if (memcmp(sum, text.p + n, SUM_SIZE) != 0)
		return false;
	hash_text(hash, text);
	return true;
}

#define GROUP 4

void password_make(char out[static PASSWORD_TEXT_MAX])
{
	/* without 0 and o, 1 and l */
	static const char letters[] = "23456789abcdefghijkmnpqrstuvwxyz";
	uint8_t random[20];
	char *p = out;

	_Static_assert(sizeof(letters) == 32 + 1, "five bits each");
	random_bytes(random, sizeof(random));
	for (size_t i = 0; i < sizeof(random); i++) {
		if (i && i % GROUP == 0)
			*p++ = '-';
		*p++ = letters[random[i] & 31];
	}
	*p = '\0';
	sodium_memzero(random, sizeof(random));
}
