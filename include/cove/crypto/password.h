/*
 * password: Argon2id (RFC 9106) by libsodium, in its PHC string form, which carries its own cost. A hash or a check
 * takes tens to hundreds of milliseconds and the whole memory cost: call only from a password lane or a command.
 */
#pragma once
#include <cove/crypto/secret.h>

#define PASSWORD_HASH_MAX 128
#define PASSWORD_MIN_BYTES 8 /* of a password that a person chooses (NIST SP 800-63B §5.1.1.1) */

struct password_cost {
	uint32_t passes;
	uint64_t memory_bytes;
};

/* The cost for the memory of this process (memory.h): 64 MiB and 3 passes, or less where an eighth of the memory is
 * less (at least 19 MiB and 2 passes, the minimum of OWASP). */
struct password_cost password_cost_for_machine(void);
CHECKED enum rc password_hash(
    char out[static PASSWORD_HASH_MAX], const struct secret *password, struct password_cost cost, struct err *err);
/* OK or E_BAD_PASSWORD; E_CORRUPT when the stored string is not a hash; E_BUSY when memory is short. */
CHECKED enum rc password_check(const char *stored, const struct secret *password, struct err *err);
/* Takes the time of one check, so that an unknown user takes as long as a known one. */
void password_check_nobody(const struct secret *password, struct password_cost cost);
bool password_wants_rehash(const char *stored, struct password_cost cost);
