#include "crypto_test.h"
#include <cove/crypto/jwt.h>

/* RFC 8037 A.1: the seed, its public key; A.3: the thumbprint */
#define SEED "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
#define X "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
#define THUMB "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"

static struct jwt_key key;

static int setup(void **state)
{
	uint8_t seed[32];

	(void)state;
	unhex(seed, SEED);
	jwt_key_from_seed(&key, seed);
	return 0;
}

static struct buf sign(struct str claims)
{
	struct buf b = BUF_INIT(2 * JWT_MAX);

	assert_int_equal(jwt_sign(&key, claims, &b, NULL), OK);
	return b;
}

/* Compact form of any header and payload, rightly signed: what an attacker could at best make us sign. */
static struct buf forge(const char *header, const char *payload)
{
	struct buf b = BUF_INIT(JWT_MAX), real;
	struct str head, rest, body, signature;

	/* the signature is that of a token with the same payload under our header: right key, wrong text */
	real = sign(str_of(payload));
	assert_true(str_cut(buf_str(&real), '.', &head, &rest));
	assert_true(str_cut(rest, '.', &body, &signature));
	base64url_encode(&b, header, strlen(header));
	buf_addc(&b, '.');
	buf_add(&b, body);
	buf_addc(&b, '.');
	buf_add(&b, signature);
	buf_release(&real);
	return b;
}

static enum rc verify(struct str token)
{
	struct json *claims = NULL;
	struct err err = {0};
	enum rc rc = jwt_verify(&key, token, &claims, &err);

	assert_int_equal(err.rc, rc);
	if (rc)
		assert_null(claims);
	json_free(claims);
	return rc;
}

static void keys(void **state)
{
	uint8_t expected[32];

	(void)state;
	assert_int_equal(base64url_decode(expected, 32, STR(X)), 32);
	assert_memory_equal(key.public, expected, 32);
	assert_string_equal(key.kid, THUMB);
}

static void signing(void **state)
{
	struct buf token = sign(STR("{\"sub\":\"anna\",\"exp\":12}"));
	struct json *claims = NULL;
	uint64_t exp;

	(void)state;
	assert_true(str_starts(buf_str(&token), STR("eyJhbGciOiJFZERTQSIsImtpZCI6I")));
	assert_int_equal(jwt_verify(&key, buf_str(&token), &claims, NULL), OK);
	assert_true(str_eq(json_string(json_member(claims, "sub")), STR("anna")));
	assert_true(json_u64(json_member(claims, "exp"), &exp));
	assert_int_equal(exp, 12);
	json_free(claims);
	buf_release(&token);
}

/* Each character of each part; a change of the last character of the signature, or of the payload, may touch only bits
 * that base64url does not use, and is refused all the same. */
static void tampering(void **state)
{
	static const char others[] = "ABQgw_-.=+/ {\n";
	struct buf token = sign(STR("{\"sub\":\"anna\"}"));

	(void)state;
	for (size_t i = 0; i < token.n; i++) {
		char right = token.p[i];

		for (size_t k = 0; k < sizeof(others); k++) { /* with the NUL */
			token.p[i] = others[k];
			if (others[k] != right)
				assert_int_equal(verify(buf_str(&token)), E_TOKEN_INVALID);
		}
		token.p[i] = right;
		assert_int_equal(verify(str_first(buf_str(&token), i)), E_TOKEN_INVALID);
	}
	assert_int_equal(verify(buf_str(&token)), OK);
	assert_int_equal(verify(str_from(buf_str(&token), 1)), E_TOKEN_INVALID);
	buf_release(&token);
}

static void additions(void **state)
{
	static const char *const tails[] = {".", "..", ".x", "=", "==", "A", " ", "\n"};
	struct buf token = sign(STR("{}"));

	(void)state;
	for (size_t i = 0; i < COUNT(tails); i++) {
		struct buf b = BUF_INIT(JWT_MAX);

		buf_add(&b, buf_str(&token));
		buf_addz(&b, tails[i]);
		assert_int_equal(verify(buf_str(&b)), E_TOKEN_INVALID);
		buf_reset(&b);
		buf_addz(&b, tails[i]);
		buf_add(&b, buf_str(&token));
		assert_int_equal(verify(buf_str(&b)), E_TOKEN_INVALID);
		buf_release(&b);
	}
	assert_int_equal(verify(STR("")), E_TOKEN_INVALID);
	assert_int_equal(verify(STR(".")), E_TOKEN_INVALID);
	assert_int_equal(verify(STR("..")), E_TOKEN_INVALID);
	assert_int_equal(verify(STR("...")), E_TOKEN_INVALID);
	assert_int_equal(verify(STR_NONE), E_TOKEN_INVALID);
	buf_release(&token);
}

static void other_headers(void **state)
{
	static const char *const headers[] = {
	    "{\"alg\":\"none\"}",
	    "{\"alg\":\"none\",\"kid\":\"" THUMB "\",\"typ\":\"JWT\"}",
	    "{\"alg\":\"HS256\",\"kid\":\"" THUMB "\",\"typ\":\"JWT\"}",
	    "{\"alg\":\"EdDSA\",\"typ\":\"JWT\"}",
	    "{\"alg\":\"EdDSA\",\"kid\":\"\",\"typ\":\"JWT\"}",
	    "{\"alg\":\"EdDSA\",\"kid\":\"" THUMB "\",\"typ\":\"JWT\",\"crit\":[\"x\"]}",
	    "{\"alg\":\"EdDSA\",\"jwk\":{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" X "\"},\"typ\":\"JWT\"}",
	    "{}",
	    "",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(headers); i++) {
		struct buf b = forge(headers[i], "{}");
		struct str unsigned_part, signature;

		assert_int_equal(verify(buf_str(&b)), E_TOKEN_INVALID);
		/* "alg":"none" comes with an empty signature */
		assert_true(str_cut_last(buf_str(&b), '.', &unsigned_part, &signature));
		assert_int_equal(verify(str_first(buf_str(&b), unsigned_part.n + 1)), E_TOKEN_INVALID);
		buf_release(&b);
	}
}

static void other_key(void **state)
{
	struct jwt_key other;
	struct buf token = BUF_INIT(JWT_MAX);
	struct str head, rest, mine, theirs;
	struct buf own = sign(STR("{}"));
	uint8_t seed[JWT_SEED_SIZE];

	(void)state;
	jwt_make_seed(seed);
	jwt_key_from_seed(&other, seed);
	assert_string_not_equal(other.kid, key.kid);
	assert_int_equal(jwt_sign(&other, STR("{}"), &token, NULL), OK);
	assert_int_equal(verify(buf_str(&token)), E_TOKEN_INVALID);
	/* the other's signature under our header */
	assert_true(str_cut_last(buf_str(&own), '.', &head, &mine));
	assert_true(str_cut_last(buf_str(&token), '.', &rest, &theirs));
	struct buf mixed = BUF_INIT(JWT_MAX);
	buf_add(&mixed, head);
	buf_addc(&mixed, '.');
	buf_add(&mixed, theirs);
	assert_int_equal(verify(buf_str(&mixed)), E_TOKEN_INVALID);
	buf_release(&mixed);
	buf_release(&token);
	buf_release(&own);
}

/* Signed by us, yet no claims. */
static void payloads(void **state)
{
	static const char *const bad[] = {
	    "", "null", "[]", "\"x\"", "1", "{", "{}x", "{\"a\":1,\"a\":2}", "{\"a\":\"\\u0000\"}"};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct buf b = sign(str_of(bad[i]));

		assert_int_equal(verify(buf_str(&b)), E_TOKEN_INVALID);
		buf_release(&b);
	}
}

static void sizes(void **state)
{
	static char text[2 * JWT_MAX];
	struct buf out = BUF_INIT(sizeof(text)), small = BUF_INIT(64);
	size_t n = 12000;

	(void)state;
	memset(text, ' ', sizeof(text));
	text[0] = '{';
	text[n - 1] = '}';
	assert_int_equal(jwt_sign(&key, (struct str){text, n}, &out, NULL), OK);
	assert_in_range(out.n, 16000, JWT_MAX);
	assert_int_equal(verify(buf_str(&out)), OK);
	assert_int_equal(jwt_sign(&key, (struct str){text, 13000}, &out, NULL), E_INTERNAL);
	assert_int_equal(jwt_sign(&key, STR("{}"), &small, NULL), E_INTERNAL);
	memset(text, 'A', sizeof(text));
	assert_int_equal(verify((struct str){text, sizeof(text)}), E_TOKEN_INVALID);
	text[100] = text[200] = '.';
	assert_int_equal(verify((struct str){text, sizeof(text)}), E_TOKEN_INVALID);
	assert_int_equal(verify((struct str){text, JWT_MAX}), E_TOKEN_INVALID);
	buf_release(&out);
	buf_release(&small);
}

static void jwks(void **state)
{
	struct buf b = BUF_INIT(1024);
	struct json *set = NULL;
	const struct json *jwk;

	(void)state;
	jwt_jwks(&key, &b);
	assert_true(buf_ok(&b));
	assert_int_equal(json_parse(buf_str(&b), &set, NULL), OK);
	assert_int_equal(json_count(json_member(set, "keys")), 1);
	jwk = json_first(json_member(set, "keys"));
	assert_true(str_eq(json_string(json_member(jwk, "kty")), STR("OKP")));
	assert_true(str_eq(json_string(json_member(jwk, "crv")), STR("Ed25519")));
	assert_true(str_eq(json_string(json_member(jwk, "alg")), STR("EdDSA")));
	assert_true(str_eq(json_string(json_member(jwk, "use")), STR("sig")));
	assert_true(str_eq(json_string(json_member(jwk, "x")), STR(X)));
	assert_true(str_eq(json_string(json_member(jwk, "kid")), STR(THUMB)));
	assert_null(json_member(jwk, "d"));
	json_free(set);
	buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keys),
	    cmocka_unit_test(signing),
	    cmocka_unit_test(tampering),
	    cmocka_unit_test(additions),
	    cmocka_unit_test(other_headers),
	    cmocka_unit_test(other_key),
	    cmocka_unit_test(payloads),
	    cmocka_unit_test(sizes),
	    cmocka_unit_test(jwks),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
