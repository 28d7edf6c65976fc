#include "crypto_test.h"
#include <cove/crypto/jws.h>
#include <cove/crypto/jwt.h>
#include <cove/crypto/secret.h>

/* RFC 7515 A.2 and A.3 */
#define RSA_N                                                                                                          \
	"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZ" \
	"S-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2" \
	"R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcD" \
	"TW9gb54h4FRWyuXpoQ"
#define RSA_KEY "{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\"}"
#define EC_KEY                                                                                                         \
	"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":"               \
	"\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"
#define PAYLOAD "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
#define RSA_SIGNATURE                                                                                                  \
	"cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CU" \
	"Ar7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_d" \
	"O--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0ig" \
	"cN_IoypGlUPQGe77Rw"
#define RSA_TOKEN "eyJhbGciOiJSUzI1NiJ9." PAYLOAD "." RSA_SIGNATURE
#define EC_TOKEN                                                                                                       \
	"eyJhbGciOiJFUzI1NiJ9." PAYLOAD                                                                                \
	".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
#define SET(keys) "{\"keys\":[" keys "]}"

/* Key found and signature good. */
static bool verifies(const char *set_text, struct str token)
{
	struct jwk_set set;
	struct jws t;
	const struct jwk *key;
	bool good;

	assert_int_equal(jwk_set_parse(str_of(set_text), &set, NULL), OK);
	if (jws_parse(token, &t, NULL) != OK) {
		jwk_set_release(&set);
		return false;
	}
	key = jws_key(&t, &set);
	good = key && jws_verify(&t, key, NULL) == OK;
	jws_release(&t);
	jwk_set_release(&set);
	return good;
}

static void vectors(void **state)
{
	struct jws t;

	(void)state;
	assert_true(verifies(SET(RSA_KEY), str_of(RSA_TOKEN)));
	assert_true(verifies(SET(EC_KEY), str_of(EC_TOKEN)));
	assert_true(verifies(SET(RSA_KEY "," EC_KEY), str_of(RSA_TOKEN)));
	assert_true(verifies(SET(RSA_KEY "," EC_KEY), str_of(EC_TOKEN)));
	assert_int_equal(jws_parse(str_of(RSA_TOKEN), &t, NULL), OK);
	assert_true(str_eq(json_string(json_member(t.claims, "iss")), STR("joe")));
	jws_release(&t);
}

/* Each bit of header, payload and signature counts. */
static void any_change_is_seen(void **state)
{
	static const struct {
		const char *set, *token;
	} rows[] = {{SET(RSA_KEY), RSA_TOKEN}, {SET(EC_KEY), EC_TOKEN}};
	char changed[1024];

	(void)state;
	for (size_t r = 0; r < COUNT(rows); r++) {
		size_t n = strlen(rows[r].token);

		for (size_t i = 0; i < n; i++) {
			memcpy(changed, rows[r].token, n);
			changed[i] = changed[i] == 'A' ? 'E' : 'A';
			assert_false(verifies(rows[r].set, (struct str){changed, n}));
		}
		assert_false(verifies(rows[r].set, (struct str){rows[r].token, n - 1}));
	}
}

/* The key says what the algorithm is, not the token (RFC 8725 §3.1). */
static void algorithms(void **state)
{
	static const char *const headers[] = {
	    "{\"alg\":\"none\"}",
	    "{\"alg\":\"None\"}",
	    "{\"alg\":\"\"}",
	    "{}",
	    "{\"alg\":\"HS256\"}",
	    "{\"alg\":\"RS384\"}",
	    "{\"alg\":\"PS256\"}",
	    "{\"alg\":\"ES256\"}",
	    "{\"alg\":\"EdDSA\"}",
	    "{\"alg\":[\"RS256\"]}",
	    "{\"alg\":\"RS256\",\"crit\":[\"exp\"]}",
	    "{\"alg\":\"RS256\",\"kid\":\"other\"}",
	    "{\"alg\":\"RS256\",\"alg\":\"RS256\"}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(headers); i++) {
		struct buf token = BUF_INIT(2048);

		base64url_encode(&token, headers[i], strlen(headers[i]));
		buf_addz(&token, "." PAYLOAD "." RSA_SIGNATURE);
		assert_false(verifies(SET(RSA_KEY "," EC_KEY), buf_str(&token)));
		buf_release(&token);
	}
}

/* A key of an own, with and without kid. */
static void ed25519_and_ids(void **state)
{
	struct buf set = BUF_INIT(4096), token = BUF_INIT(JWT_MAX);
	uint8_t seed[JWT_SEED_SIZE] = {7};
	struct jwt_key key, other;
	struct jwk_set parsed;

	(void)state;
	jwt_key_from_seed(&key, seed);
	seed[0] = 8;
	jwt_key_from_seed(&other, seed);
	assert_int_equal(jwt_sign(&key, STR("{\"iss\":\"x\"}"), &token, NULL), OK);
	jwt_jwks(&key, &set);
	assert_true(verifies(set.p, buf_str(&token)));
	buf_reset(&set);
	jwt_jwks(&other, &set);
	assert_false(verifies(set.p, buf_str(&token))); /* another kid */
	memcpy(other.kid, key.kid, sizeof(key.kid));
	buf_reset(&set);
	jwt_jwks(&other, &set);
	assert_false(verifies(set.p, buf_str(&token))); /* the kid, but not the key */
	/* without a kid in the token: only when there is no choice */
	assert_true(verifies(SET("{\"kid\":\"a\",\"use\":\"sig\",\"alg\":\"RS256\","
				 "\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\"}"),
	    str_of(RSA_TOKEN)));
	assert_false(verifies(SET(RSA_KEY "," RSA_KEY), str_of(RSA_TOKEN)));
	assert_int_equal(jwk_set_parse(str_of(SET(RSA_KEY "," EC_KEY)), &parsed, NULL), OK);
	assert_int_equal(parsed.count, 2);
	jwk_set_release(&parsed);
	buf_release(&set);
	buf_release(&token);
}

static void sets(void **state)
{
	static const char *const bad[] = {
	    "",
	    "{}",
	    "[]",
	    "{\"keys\":{}}",
	    SET(""),
	    SET("1,\"x\",null,{}"),
	    SET("{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}"),
	    SET("{\"kty\":\"RSA\",\"n\":\"c2hvcnQ\",\"e\":\"AQAB\"}"),
	    SET("{\"kty\":\"RSA\",\"n\":\"" RSA_N "\"}"),
	    SET("{\"kty\":\"RSA\",\"use\":\"enc\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\"}"),
	    SET("{\"kty\":\"RSA\",\"alg\":\"RS512\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\"}"),
	    SET("{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"AA\",\"y\":\"AA\"}"),
	    SET("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}"),
	    SET("{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"),
	};
	struct jwk_set set;
	struct err err;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(jwk_set_parse(str_of(bad[i]), &set, &err), E_USAGE);
		assert_true(err.text[0]);
	}
	/* what is not understood is passed over (RFC 7517 §5) */
	assert_true(verifies(SET("{\"kty\":\"XYZ\",\"kid\":\"q\"}," RSA_KEY ",{\"kty\":1}"), str_of(RSA_TOKEN)));
}

/* A point that is not on the curve, an even modulus: the key is refused when it is used. */
static void broken_keys(void **state)
{
	(void)state;
	assert_false(
	    verifies(SET("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
			 "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5aA\"}"),
		str_of(EC_TOKEN)));
	assert_false(verifies(SET("{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAA\"}"), str_of(RSA_TOKEN)));
	assert_false(verifies(SET("{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQ\"}"), str_of(RSA_TOKEN)));
}

static void looks(void **state)
{
	(void)state;
	assert_true(jws_is_one(STR(RSA_TOKEN)));
	assert_true(jws_is_one(STR("eyJ.a.b")));
	assert_false(jws_is_one(STR("eyJ.a")));
	assert_false(jws_is_one(STR("eyJ..b")));
	assert_false(jws_is_one(STR("eyJ.a.b.c")));
	assert_false(jws_is_one(STR("a password. with. dots")));
	assert_false(jws_is_one(STR("")));
}

static int setup(void **state)
{
	(void)state;
	crypto_start();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(vectors),
	    cmocka_unit_test(any_change_is_seen),
	    cmocka_unit_test(algorithms),
	    cmocka_unit_test(ed25519_and_ids),
	    cmocka_unit_test(sets),
	    cmocka_unit_test(broken_keys),
	    cmocka_unit_test(looks),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
