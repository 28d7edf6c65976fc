/* credential: the secrets that we make for others: tokens that show a typo, and passwords that are easy to type. */
#include <cove/crypto/secret.h>
#include <cove/base/random.h>
#include <cove/crypto/digest.h>
#include <sodium.h>

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
