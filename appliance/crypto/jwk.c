/* jwk: JWK sets (RFC 7517) down to the keys that jws.h can use (RFC 7518 §6, RFC 8037 §2). */
#include <cove/base/codec.h>
#include <cove/crypto/jws.h>
#include <stdlib.h>

#define RSA_MIN_BYTES 256

/* Base64urlUInt of RFC 7518 §2: as few bytes as can be, but issuers are seen that put zeros before. */
static bool number(const struct json *key, const char *name, uint8_t *out, size_t max, size_t *size)
{
	uint8_t raw[JWK_RSA_MAX_BYTES + 8];
	ptrdiff_t n = base64url_decode(raw, sizeof(raw), json_string(json_member(key, name)));
	ptrdiff_t zeros = 0;

	while (zeros < n && raw[zeros] == 0)
		zeros++;
	if (n - zeros <= 0 || (size_t)(n - zeros) > max)
		return false;
	*size = (size_t)(n - zeros);
	memcpy(out, raw + zeros, *size);
	return true;
}

/* Exactly 32 bytes (RFC 7518 §6.2.1.2). */
static bool coordinate(const struct json *key, const char *name, uint8_t out[static 32])
{
	return base64url_decode(out, 32, json_string(json_member(key, name))) == 32;
}

static bool member_is(const struct json *key, const char *name, const char *value)
{
	return str_eq(json_string(json_member(key, name)), str_of(value));
}

static bool member_allows(const struct json *key, const char *name, const char *value)
{
	return !json_member(key, name) || member_is(key, name, value);
}

static bool read_key(const struct json *key, struct jwk *out)
{
	struct str id = json_string(json_member(key, "kid"));

	*out = (struct jwk){.n_size = 0};
	if (!member_allows(key, "use", "sig") || id.n > JWK_ID_MAX)
		return false;
	if (id.n)
		memcpy(out->id, id.p, id.n);
	if (member_is(key, "kty", "RSA") && member_allows(key, "alg", "RS256")) {
		out->kind = JWK_RSA;
		return number(key, "n", out->n, sizeof(out->n), &out->n_size) && out->n_size >= RSA_MIN_BYTES &&
		       number(key, "e", out->e, sizeof(out->e), &out->e_size);
	}
	if (member_is(key, "kty", "EC") && member_is(key, "crv", "P-256") && member_allows(key, "alg", "ES256")) {
		out->kind = JWK_P256;
		return coordinate(key, "x", out->x) && coordinate(key, "y", out->y);
	}
	out->kind = JWK_ED25519;
	return member_is(key, "kty", "OKP") && member_is(key, "crv", "Ed25519") && member_allows(key, "alg", "EdDSA") &&
	       coordinate(key, "x", out->x);
}

enum rc jwk_set_parse(struct str text, struct jwk_set *out, struct err *err)
{
	struct jwk_set set = {.count = 0};
	struct json *json = NULL;
	const struct json *keys;

	if (text.n > JWK_SET_MAX || json_parse(text, &json, NULL) != OK)
		return fail(err, E_USAGE, "the keys are not a JWK set (RFC 7517), which is JSON of at most %d bytes",
		    JWK_SET_MAX);
	keys = json_member(json, "keys");
	set.keys = xcalloc(JWK_SET_KEYS_MAX, sizeof(*set.keys));
	for (const struct json *k = json_is_array(keys) ? json_first(keys) : NULL; k; k = json_next(k))
		if (set.count < JWK_SET_KEYS_MAX && read_key(k, &set.keys[set.count]))
			set.count++;
	json_free(json);
	if (!set.count) {
		jwk_set_release(&set);
		return fail(err, E_USAGE,
		    "the JWK set has no key for RS256 (from 2048 to %d bits), ES256 or EdDSA (Ed25519)",
		    JWK_RSA_MAX_BYTES * 8);
	}
	*out = set;
	return OK;
}

void jwk_set_release(struct jwk_set *set)
{
	free(set->keys);
	*set = (struct jwk_set){.count = 0};
}
