/*
 * Any bytes as a token: none is accepted but what the key has signed. The first byte chooses: the bytes as they are, or
 * behind our own header and under a right signature, so that the payload's parser is reached.
 */
#include <cove/base/codec.h>
#include <cove/crypto/jwt.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The seed is public in this file: nobody signs with it. */
static const uint8_t seed[JWT_SEED_SIZE] = {1};

static void verify_raw(const struct jwt_key *key, struct str token)
{
	struct json *claims = NULL;
	struct err err;

	/* Ed25519 is deterministic: a token that verifies is the one that signing its payload again gives */
	if (jwt_verify(key, token, &claims, &err) == OK) {
		struct buf payload = BUF_INIT(JWT_MAX), again = BUF_INIT(JWT_MAX);
		struct str head, rest, body, signature;
		ptrdiff_t n;

		if (!str_cut(token, '.', &head, &rest) || !str_cut(rest, '.', &body, &signature))
			abort();
		n = base64url_decode(buf_room(&payload, JWT_MAX - 1), JWT_MAX - 1, body);
		if (n < 0 || jwt_sign(key, (struct str){payload.p, (size_t)n}, &again, NULL) != OK ||
		    !str_eq(token, buf_str(&again)))
			abort();
		buf_release(&payload);
		buf_release(&again);
	}
	json_free(claims);
}

static void verify_signed(const struct jwt_key *key, struct str payload)
{
	struct buf token = BUF_INIT(JWT_MAX);
	struct json *claims = NULL, *parsed = NULL;
	bool is_object;

	if (jwt_sign(key, payload, &token, NULL) == OK) {
		is_object = json_parse(payload, &parsed, NULL) == OK && json_is_object(parsed);
		if ((jwt_verify(key, buf_str(&token), &claims, NULL) == OK) != is_object)
			abort();
	}
	json_free(parsed);
	json_free(claims);
	buf_release(&token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct jwt_key key;
	struct str rest;

	if (size == 0)
		return 0;
	rest = (struct str){(const char *)data + 1, size - 1};
	if (!key.kid[0])
		jwt_key_from_seed(&key, seed);
	if (data[0] % 2)
		verify_signed(&key, rest);
	else
		verify_raw(&key, rest);
	return 0;
}
