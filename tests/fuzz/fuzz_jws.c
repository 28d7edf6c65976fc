/*
 * Any bytes as a token of others, and as a set of keys: nothing is accepted that was not signed. The first byte chooses
 * what they are.
 */
#include <cove/crypto/jws.h>
#include <cove/crypto/jwt.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Nobody has signed with this key here: whatever names it must fail. */
static const uint8_t seed[JWT_SEED_SIZE] = {2};

static void as_token(struct str text, const struct jwk_set *set)
{
	const struct jwk *key;
	struct jws token;

	if (jws_parse(text, &token, NULL) != OK)
		return;
	if (!jws_is_one(text) || !json_is_object(token.claims))
		abort();
	key = jws_key(&token, set);
	if (key && jws_verify(&token, key, NULL) == OK)
		abort();
	jws_release(&token);
}

/* The keys are tried on a token of each algorithm. */
static void as_set(struct str text)
{
	static const char *const tokens[] = {
	    "eyJhbGciOiJSUzI1NiJ9.e30.AAAA", "eyJhbGciOiJFUzI1NiJ9.e30.AAAA", "eyJhbGciOiJFZERTQSJ9.e30.AAAA"};
	struct jwk_set set;

	if (jwk_set_parse(text, &set, NULL) != OK)
		return;
	if (!set.count || set.count > JWK_SET_KEYS_MAX)
		abort();
	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++)
		as_token(str_of(tokens[i]), &set);
	jwk_set_release(&set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct jwk_set ours;
	struct str rest;

	if (size == 0)
		return 0;
	if (!ours.count) {
		struct buf text = BUF_INIT(4096);
		struct jwt_key key;

		jwt_key_from_seed(&key, seed);
		jwt_jwks(&key, &text);
		if (jwk_set_parse(buf_str(&text), &ours, NULL) != OK)
			abort();
		buf_release(&text);
	}
	rest = (struct str){(const char *)data + 1, size - 1};
	if (data[0] % 2)
		as_set(rest);
	else
		as_token(rest, &ours);
	return 0;
}
