/*
 * jwt: compact JWS (RFC 7515 §3.1) with one header only, ours, byte for byte. A token with any other header, though it
 * says the same, was not made by jwt_sign() with this key, so there is no header to parse and no algorithm to choose
 * (RFC 8725 §3.1).
 */
#include <cove/base/codec.h>
#include <cove/crypto/digest.h>
#include <cove/crypto/jwt.h>
#include <cove/base/random.h>
#include <cove/crypto/secret.h>
#include <sodium.h>

_Static_assert(crypto_sign_SECRETKEYBYTES == sizeof((struct jwt_key){0}.secret), "struct jwt_key");
_Static_assert(crypto_sign_SEEDBYTES == JWT_SEED_SIZE, "JWT_SEED_SIZE");

#define HEADER_MAX 256
#define X_SIZE 44 /* base64url of 32 bytes, and NUL */

static void public_text(char out[static X_SIZE], const struct jwt_key *key)
{
	sodium_bin2base64(out, X_SIZE, key->public, sizeof(key->public), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

void jwt_make_seed(uint8_t seed[static JWT_SEED_SIZE])
{
	random_bytes(seed, JWT_SEED_SIZE);
}

void jwt_key_from_seed(struct jwt_key *out, const uint8_t seed[static JWT_SEED_SIZE])
{
	struct buf jwk = BUF_INIT(256);
	struct digest thumb;
	char x[X_SIZE];

	crypto_sign_seed_keypair(out->public, out->secret, seed);
	/* RFC 7638 §3.2 with the members of RFC 8037 §2: in this order, without blanks */
	public_text(x, out);
	buf_addf(&jwk, "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"%s\"}", x);
	if (!buf_ok(&jwk))
		bug("no memory for a key's thumbprint");
	digest_of(&thumb, DIGEST_SHA256, buf_str(&jwk));
	sodium_bin2base64(out->kid, JWT_KID_MAX, thumb.bytes, 32, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	buf_release(&jwk);
}

/* The encoded header and its dot. */
static void put_header(struct buf *b, const struct jwt_key *key)
{
	struct buf header = BUF_INIT(HEADER_MAX);

	buf_addf(&header, "{\"alg\":\"EdDSA\",\"kid\":\"%s\",\"typ\":\"JWT\"}", key->kid);
	base64url_encode(b, buf_str(&header).p, header.n);
	buf_addc(b, '.');
	b->failed |= header.failed;
	buf_release(&header);
}

enum rc jwt_sign(const struct jwt_key *key, struct str claims, struct buf *out, struct err *err)
{
	unsigned char signature[crypto_sign_BYTES];
	struct buf token = BUF_INIT(JWT_MAX);
	enum rc rc = OK;

	put_header(&token, key);
	base64url_encode(&token, claims.p, claims.n);
	if (buf_ok(&token)) {
		crypto_sign_detached(
		    signature, NULL, (const unsigned char *)token.p, (unsigned long long)token.n, key->secret);
		buf_addc(&token, '.');
		base64url_encode(&token, signature, sizeof(signature));
	}
	buf_add(out, buf_str(&token));
	if (!buf_ok(&token) || !buf_ok(out))
		rc = fail(err, E_INTERNAL, "a token became too large");
	buf_release(&token);
	return rc;
}

static bool is_signed(const struct jwt_key *key, struct str text, struct str signature)
{
	unsigned char raw[crypto_sign_BYTES];

	return base64url_decode(raw, sizeof(raw), signature) == (ptrdiff_t)sizeof(raw) &&
	       crypto_sign_verify_detached(
		   raw, (const unsigned char *)text.p, (unsigned long long)text.n, key->public) == 0;
}

static bool header_is_ours(const struct jwt_key *key, struct str header)
{
	struct buf ours = BUF_INIT(HEADER_MAX);
	bool same;

	put_header(&ours, key);
	same = buf_ok(&ours) && str_eq(header, str_first(buf_str(&ours), ours.n - 1));
	buf_release(&ours);
	return same;
}

static enum rc parse_claims(struct str payload, struct json **claims)
{
	struct buf text = BUF_INIT(JWT_MAX);
	struct json *parsed = NULL;
	char *room = buf_room(&text, payload.n + 1);
	ptrdiff_t n = room ? base64url_decode(room, payload.n, payload) : -1;
	enum rc rc = E_TOKEN_INVALID;

	if (n < 0 || json_parse((struct str){room, (size_t)n}, &parsed, NULL) != OK || !json_is_object(parsed))
		goto out;
	*claims = parsed;
	parsed = NULL;
	rc = OK;
out:
	json_free(parsed);
	buf_release(&text);
	return rc;
}

enum rc jwt_verify(const struct jwt_key *key, struct str token, struct json **claims, struct err *err)
{
	struct str header, payload, signature, signed_text;

	if (token.n > JWT_MAX || !str_cut_last(token, '.', &signed_text, &signature) ||
	    !str_cut(signed_text, '.', &header, &payload) || !header_is_ours(key, header) ||
	    !is_signed(key, signed_text, signature) || parse_claims(payload, claims) != OK)
		return fail_rc(err, E_TOKEN_INVALID);
	return OK;
}

void jwt_jwks(const struct jwt_key *key, struct buf *out)
{
	char x[X_SIZE];

	public_text(x, key);
	buf_addf(out,
	    "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\",\"kid\":\"%s\",\"use\":\"sig\",\"alg\":"
	    "\"EdDSA\"}]}",
	    x, key->kid);
}
