/* jws: the form of a token, and its signature. */
#include <cove/base/codec.h>
#include <cove/crypto/digest.h>
#include <cove/crypto/jws.h>
#include <mbedtls/ecdsa.h>
#include <mbedtls/rsa.h>
#include <sodium.h>

#define P256_SIZE 32

static const char *const algorithms[] = {[JWK_RSA] = "RS256", [JWK_P256] = "ES256", [JWK_ED25519] = "EdDSA"};

/* ---- the form ---- */

bool jws_is_one(struct str text)
{
	struct str header, payload, signature, rest;

	/* "{" and a quote begin so in base64url */
	return text.n <= JWS_MAX && str_starts(text, STR("eyJ")) && str_cut(text, '.', &header, &rest) &&
	       str_cut(rest, '.', &payload, &signature) && payload.n && signature.n && !str_has(signature, '.');
}

static struct json *part(struct str encoded)
{
	struct buf text = BUF_INIT(JWS_MAX);
	char *room = buf_room(&text, encoded.n + 1);
	ptrdiff_t n = room ? base64url_decode(room, encoded.n, encoded) : -1;
	struct json *parsed = NULL;

	if (n < 0 || json_parse((struct str){room, (size_t)n}, &parsed, NULL) != OK || !json_is_object(parsed)) {
		json_free(parsed);
		parsed = NULL;
	}
	buf_release(&text);
	return parsed;
}

enum rc jws_parse(struct str token, struct jws *out, struct err *err)
{
	struct str header, payload;

	*out = (struct jws){.header = NULL};
	if (!jws_is_one(token) || !str_cut_last(token, '.', &out->signed_text, &out->signature) ||
	    !str_cut(out->signed_text, '.', &header, &payload))
		return fail_rc(err, E_TOKEN_INVALID);
	out->header = part(header);
	out->claims = out->header ? part(payload) : NULL;
	if (!out->claims || json_member(out->header, "crit")) {
		jws_release(out);
		return fail(err, E_TOKEN_INVALID, "the token is not a JSON Web Token that cove can read");
	}
	out->algorithm = json_string(json_member(out->header, "alg"));
	out->key_id = json_string(json_member(out->header, "kid"));
	return OK;
}

void jws_release(struct jws *t)
{
	json_free(t->header);
	json_free(t->claims);
	*t = (struct jws){.header = NULL};
}

const struct jwk *jws_key(const struct jws *t, const struct jwk_set *set)
{
	const struct jwk *found = NULL;

	for (size_t i = 0; i < set->count; i++) {
		const struct jwk *key = &set->keys[i];

		if (!str_eq(str_of(algorithms[key->kind]), t->algorithm))
			continue;
		if (t->key_id.n && str_eq(str_of(key->id), t->key_id))
			return key;
		if (!t->key_id.n && found)
			return NULL; /* it could be either */
		if (!t->key_id.n)
			found = key;
	}
	return found;
}

/* ---- the signature ---- */

/* RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3). */
static bool rsa_fits(const struct jwk *key, const struct digest *hash, struct str signature)
{
	uint8_t raw[JWK_RSA_MAX_BYTES];
	mbedtls_rsa_context rsa;
	bool fits;

	if (base64url_decode(raw, sizeof(raw), signature) != (ptrdiff_t)key->n_size)
		return false;
	mbedtls_rsa_init(&rsa);
	fits = mbedtls_rsa_import_raw(&rsa, key->n, key->n_size, NULL, 0, NULL, 0, NULL, 0, key->e, key->e_size) == 0 &&
	       mbedtls_rsa_complete(&rsa) == 0 && mbedtls_rsa_check_pubkey(&rsa) == 0 &&
	       mbedtls_rsa_get_len(&rsa) == key->n_size &&
	       mbedtls_rsa_pkcs1_verify(&rsa, MBEDTLS_MD_SHA256, 32, hash->bytes, raw) == 0;
	mbedtls_rsa_free(&rsa);
	return fits;
}

/* ECDSA over P-256 with SHA-256: the signature is R and S, 32 bytes each (RFC 7518 §3.4). */
static bool p256_fits(const struct jwk *key, const struct digest *hash, struct str signature)
{
	uint8_t raw[2 * P256_SIZE], point[1 + 2 * P256_SIZE] = {4};
	mbedtls_ecp_group group;
	mbedtls_ecp_point q;
	mbedtls_mpi r, s;
	bool fits;

	if (base64url_decode(raw, sizeof(raw), signature) != (ptrdiff_t)sizeof(raw))
		return false;
	memcpy(point + 1, key->x, P256_SIZE);
	memcpy(point + 1 + P256_SIZE, key->y, P256_SIZE);
	mbedtls_ecp_group_init(&group);
	mbedtls_ecp_point_init(&q);
	mbedtls_mpi_init(&r);
	mbedtls_mpi_init(&s);
	fits = mbedtls_ecp_group_load(&group, MBEDTLS_ECP_DP_SECP256R1) == 0 &&
	       mbedtls_ecp_point_read_binary(&group, &q, point, sizeof(point)) == 0 &&
	       mbedtls_ecp_check_pubkey(&group, &q) == 0 && mbedtls_mpi_read_binary(&r, raw, P256_SIZE) == 0 &&
	       mbedtls_mpi_read_binary(&s, raw + P256_SIZE, P256_SIZE) == 0 &&
	       mbedtls_ecdsa_verify(&group, hash->bytes, 32, &q, &r, &s) == 0;
	mbedtls_mpi_free(&r);
	mbedtls_mpi_free(&s);
	mbedtls_ecp_point_free(&q);
	mbedtls_ecp_group_free(&group);
	return fits;
}

static bool ed25519_fits(const struct jwk *key, struct str text, struct str signature)
{
	unsigned char raw[crypto_sign_BYTES];

	return base64url_decode(raw, sizeof(raw), signature) == (ptrdiff_t)sizeof(raw) &&
	       crypto_sign_verify_detached(raw, (const unsigned char *)text.p, (unsigned long long)text.n, key->x) == 0;
}

enum rc jws_verify(const struct jws *t, const struct jwk *key, struct err *err)
{
	struct digest hash;
	bool fits = false;

	if (str_eq(str_of(algorithms[key->kind]), t->algorithm)) {
		digest_of(&hash, DIGEST_SHA256, t->signed_text);
		switch (key->kind) {
		case JWK_RSA:
			fits = rsa_fits(key, &hash, t->signature);
			break;
		case JWK_P256:
			fits = p256_fits(key, &hash, t->signature);
			break;
		case JWK_ED25519:
			fits = ed25519_fits(key, t->signed_text, t->signature);
			break;
		}
	}
	return fits ? OK : fail(err, E_TOKEN_INVALID, "the token's signature does not match its issuer's key");
}
