/* password: libsodium's Argon2id in its PHC string form, and what it may cost on this machine. */
#include <cove/base/io.h>
#include <cove/crypto/password.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <unistd.h>

_Static_assert(crypto_pwhash_STRBYTES <= PASSWORD_HASH_MAX, "password.h is too small");

#define MIB (UINT64_C(1) << 20)
#define MEMORY_MOST (64 * MIB)
#define MEMORY_LEAST (19 * MIB)

/* UINT64_MAX where there is no limit ("max") or no cgroup v2. */
static uint64_t memory_of_cgroup(void)
{
	struct buf b = BUF_INIT(64);
	uint64_t bytes;

	if (io_read_file(AT_FDCWD, "/sys/fs/cgroup/memory.max", &b, NULL) != OK ||
	    !str_u64(str_trim(str_first(buf_str(&b), b.n ? b.n - 1 : 0)), &bytes))
		bytes = UINT64_MAX;
	buf_release(&b);
	return bytes;
}

static uint64_t memory_of_machine(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
	uint64_t bytes = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : UINT64_MAX;
	uint64_t limit = memory_of_cgroup();

	return limit < bytes ? limit : bytes;
}

struct password_cost password_cost_for_machine(void)
{
	uint64_t share = memory_of_machine() / 8;

	if (share >= MEMORY_MOST)
		return (struct password_cost){.passes = 3, .memory_bytes = MEMORY_MOST};
	if (share > MEMORY_LEAST)
		return (struct password_cost){.passes = 3, .memory_bytes = share / MIB * MIB};
	return (struct password_cost){.passes = 2, .memory_bytes = MEMORY_LEAST};
}

static enum rc no_memory(struct err *err)
{
	return fail(err, E_BUSY, "there is not enough memory to check a password: try again in a moment");
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

enum rc password_check(const char *stored, const struct secret *password, struct err *err)
{
	/* asks only whether the string can be read: the cost does not matter */
	if (crypto_pwhash_str_needs_rehash(stored, crypto_pwhash_OPSLIMIT_MIN, crypto_pwhash_MEMLIMIT_MIN) < 0)
		return fail(err, E_CORRUPT, "a stored password hash cannot be read");
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
