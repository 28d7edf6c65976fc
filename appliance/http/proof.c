/*
 * proof: the Basic credential that this connection has proven last. It is known again without Argon2, an issuer's
 * signature, or the throttle, so that guesses at an account do not stop a push of its owner half way. What is kept is a
 * hash under a key of the connection; a user's end or a new password counts at once. Any other credential ends it:
 * where a proxy brings many people over one connection, it is no way to guess past the throttle.
 */
#include "session.h"
#include <cove/base/clock.h>
#include <cove/base/random.h>
#include <cove/crypto/digest.h>

static struct proof *proof_of(struct exchange *x)
{
	struct work *w = (struct work *)(void *)x;

	return w->proof;
}

static void hash_of(const struct proof *p, struct str credential, uint8_t out[static HMAC_SHA256_SIZE])
{
	hmac_sha256(out, (struct str){(const char *)p->key, sizeof p->key}, credential);
}

bool proof_holds(struct exchange *x, struct str credential)
{
	struct proof *p = proof_of(x);
	uint8_t hash[HMAC_SHA256_SIZE];

	if (!p->until_ms)
		return false;
	hash_of(p, credential, hash);
	if (bytes_eq(hash, p->hash, sizeof hash) && clock_mono_ms() < p->until_ms &&
	    !auth_still_valid(x->site->auth, p->who.user_id, 0, p->who.generation, &x->who, NULL))
		return true;
	proof_forget(p);
	return false;
}

/* Keys need none: they are neither slow nor throttled. A token of an issuer counts on for as long as the access token
 * that it would have got. */
void proof_keep(struct exchange *x, struct str credential)
{
	struct proof *p = proof_of(x);

	proof_forget(p);
	if (x->who.key_id)
		return;
	random_bytes(p->key, sizeof p->key);
	hash_of(p, credential, p->hash);
	p->who = x->who;
	p->until_ms = x->who.is_issuer_rule ? clock_mono_ms() + ACCESS_TOKEN_LIFE_S * 1000 : INT64_MAX;
}

void proof_forget(struct proof *p)
{
	wipe(p, sizeof *p);
}
