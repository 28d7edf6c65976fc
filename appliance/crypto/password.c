/* password: libsodium's Argon2id in its PHC string form, and what it may cost on this machine. */
#include <cove/base/memory.h>
#include <cove/crypto/password.h>
#include <errno.h>
#include <sodium.h>

_Static_assert(crypto_pwhash_STRBYTES <= PASSWORD_HASH_MAX, "password.h is too small");

#define MIB (UINT64_C(1) << 20)
#define MEMORY_MOST (64 * MIB)
#define MEMORY_LEAST (19 * MIB)
#define MEMORY_OF_THE_REST (32 * MIB) /* what the server needs beside a hash */

struct password_cost password_cost_for_machine(void)
{
	uint64_t share = memory_limit_bytes() / 8;

	if (share >= MEMORY_MOST)
		return (struct password_cost){.passes = 3, .memory_bytes = MEMORY_MOST};
	if (share > MEMORY_LEAST)
		return (struct password_cost){.passes = 3, .memory_bytes = share / MIB * MIB};
	return (struct password_cost){.passes = 2, .memory_bytes = MEMORY_LEAST};
}

static enum rc no_memory(struct err *err)
{
	return fail(err, E_BUSY, "not enough memory to check a password: try again in a moment");
}

enum rc password_hash(
    char out[static PASSWORD_HASH_MAX], const struct secret *password, struct password_cost cost, struct err *err)
{
	errno = 0;
	if (crypto_pwhash_str(out, password->p, password->n, cost.passes, (size_t)cost.memory_bytes) == 0)
		return OK;
	if (errno == EINVAL || errno == EFBIG)
		bug("password cost out of range: %u passes, %llu bytes", (unsigned)cost.passes,
		    (unsigned long long)cost.memory_bytes);
	return no_memory(err);
}

/* Made on a machine with more memory: to try would be the end of the process, not a failure. */
static bool is_too_large(const char *stored)
{
	struct str kib = STR_NONE, rest = str_of(stored), field;
	uint64_t n;

	while (!str_starts(kib, STR("m=")) && str_cut(rest, '$', &field, &rest))
		str_cut(rest, ',', &kib, &field);
	return str_starts(kib, STR("m=")) && str_u64(str_from(kib, 2), &n) &&
	       n * 1024 + MEMORY_OF_THE_REST > memory_limit_bytes();
}

enum rc password_check(const char *stored, const struct secret *password, struct err *err)
{
	/* asks only whether the string can be read: the cost does not matter */
	if (crypto_pwhash_str_needs_rehash(stored, crypto_pwhash_OPSLIMIT_MIN, crypto_pwhash_MEMLIMIT_MIN) < 0)
		return fail(err, E_CORRUPT, "a stored password hash cannot be read");
	if (is_too_large(stored))
		return fail(err, E_BUSY,
		    "this password was hashed on a machine with more memory and cannot be checked on this one: set it "
		    "again with cove user passwd");
	errno = 0;
	if (crypto_pwhash_str_verify(stored, password->p, password->n) == 0)
		return OK;
	/* libsodium sets EINVAL for a mismatch and nothing, or malloc's ENOMEM, when Argon2 could not run */
	return errno == EINVAL ? fail_rc(err, E_BAD_PASSWORD) : no_memory(err);
}

void password_check_nobody(const struct secret *password, struct password_cost cost)
{
	static const unsigned char salt[crypto_pwhash_SALTBYTES];
	unsigned char out[32];

	/* its result and its failure (no memory) mean nothing here: only the time it takes counts */
	if (crypto_pwhash(out, sizeof(out), password->p, password->n, salt, cost.passes, (size_t)cost.memory_bytes,
		crypto_pwhash_ALG_ARGON2ID13) == 0)
		sodium_memzero(out, sizeof(out));
}

bool password_wants_rehash(const char *stored, struct password_cost cost)
{
	return crypto_pwhash_str_needs_rehash(stored, cost.passes, (size_t)cost.memory_bytes) != 0;
}
