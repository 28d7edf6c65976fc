/* X25519: what mbedTLS's ECP, ECDH and PSA give through the wrap (libsodium) is RFC 7748's answer and mbedTLS's own. */
#include "crypto_test.h"
#include "mbedtls/ecdh.h"
#include "mbedtls/ecp.h"
#include <cove/base/random.h>
#include <cove/crypto/secret.h>
#include <psa/crypto.h>

typedef int multiplication(mbedtls_ecp_group *, mbedtls_ecp_point *, const mbedtls_mpi *, const mbedtls_ecp_point *,
    int (*f_rng)(void *, unsigned char *, size_t), void *);

multiplication __wrap_mbedtls_ecp_mul, __real_mbedtls_ecp_mul;

static int rng(void *context, unsigned char *out, size_t n)
{
	(void)context;
	random_bytes(out, n);
	return 0;
}

static multiplication *const engines[] = {mbedtls_ecp_mul, __real_mbedtls_ecp_mul};

/* Clamps as RFC 7748 §5 says. out: 32 bytes. Returns mbedTLS's code. */
static int multiply(multiplication *mul, const uint8_t scalar[32], const uint8_t u[32], uint8_t out[32])
{
	mbedtls_ecp_group grp;
	mbedtls_ecp_point point, result;
	mbedtls_mpi m;
	uint8_t k[32];
	size_t n;
	int ret;

	memcpy(k, scalar, 32);
	k[0] &= 248;
	k[31] = (uint8_t)((k[31] & 127) | 64);
	mbedtls_ecp_group_init(&grp);
	mbedtls_ecp_point_init(&point);
	mbedtls_ecp_point_init(&result);
	mbedtls_mpi_init(&m);
	assert_int_equal(mbedtls_ecp_group_load(&grp, MBEDTLS_ECP_DP_CURVE25519), 0);
	assert_int_equal(mbedtls_mpi_read_binary_le(&m, k, 32), 0);
	assert_int_equal(mbedtls_ecp_point_read_binary(&grp, &point, u, 32), 0);
	ret = mul(&grp, &result, &m, &point, rng, NULL);
	if (ret == 0)
		assert_int_equal(
		    mbedtls_ecp_point_write_binary(&grp, &result, MBEDTLS_ECP_PF_UNCOMPRESSED, &n, out, 32), 0);
	mbedtls_mpi_free(&m);
	mbedtls_ecp_point_free(&result);
	mbedtls_ecp_point_free(&point);
	mbedtls_ecp_group_free(&grp);
	return ret;
}

static void is_wrapped(void **state)
{
	(void)state;
	assert_true(mbedtls_ecp_mul == __wrap_mbedtls_ecp_mul);
	assert_false(mbedtls_ecp_mul == __real_mbedtls_ecp_mul);
}

#define NINE "0900000000000000000000000000000000000000000000000000000000000000"

/* RFC 7748 §5.2 and §6.1 */
static const struct vector {
	const char *scalar, *u, *out;
} vectors[] = {
    {"a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
	"e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
	"c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"},
    {"4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
	"e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
	"95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"},
    {NINE, NINE, "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079"},
    {"77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a", NINE,
	"8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"},
    {"5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
	"8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
	"4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"},
};

static void known_answers(void **state)
{
	uint8_t k[32], u[32], expected[32], out[32];

	(void)state;
	for (size_t e = 0; e < COUNT(engines); e++) {
		for (size_t i = 0; i < COUNT(vectors); i++) {
			unhex(k, vectors[i].scalar);
			unhex(u, vectors[i].u);
			unhex(expected, vectors[i].out);
			assert_int_equal(multiply(engines[e], k, u, out), 0);
			assert_memory_equal(out, expected, 32);
		}
	}
}

/* RFC 7748 §5.2: the output becomes the scalar, the scalar the point. */
static void iterated(void **state)
{
	uint8_t k[32], u[32], out[32], expected[32];

	(void)state;
	unhex(k, NINE);
	unhex(u, NINE);
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(multiply(mbedtls_ecp_mul, k, u, out), 0);
		memcpy(u, k, 32);
		memcpy(k, out, 32);
	}
	unhex(expected, "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
	assert_memory_equal(k, expected, 32);
}

static void same_as_stock(void **state)
{
	uint8_t k[32], u[32], a[32], b[32];

	(void)state;
	for (uint32_t i = 1; i <= 50; i++) {
		fill(k, 32, i);
		fill(u, 32, i + 1000); /* also with the top bit, which is ignored */
		assert_int_equal(multiply(mbedtls_ecp_mul, k, u, a), 0);
		assert_int_equal(multiply(__real_mbedtls_ecp_mul, k, u, b), 0);
		assert_memory_equal(a, b, 32);
	}
	/* not canonical: 2^255 - 1 is read as 18 (RFC 7748 §5) */
	unhex(u, "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f");
	assert_int_equal(multiply(mbedtls_ecp_mul, k, u, a), 0);
	assert_int_equal(multiply(__real_mbedtls_ecp_mul, k, u, b), 0);
	assert_memory_equal(a, b, 32);
}

/* The points of small order and their unreduced forms, from the curve's author (cr.yp.to/ecdh.html#validate): the
 * result would be zero whatever the scalar. */
static void low_order_points(void **state)
{
	static const char *const points[] = {
	    "0000000000000000000000000000000000000000000000000000000000000000",
	    "0100000000000000000000000000000000000000000000000000000000000000",
	    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b880",
	    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	};
	uint8_t k[32], u[32], out[32];

	(void)state;
	fill(k, 32, 77);
	for (size_t e = 0; e < COUNT(engines); e++) {
		for (size_t i = 0; i < COUNT(points); i++) {
			unhex(u, points[i]);
			assert_int_equal(multiply(engines[e], k, u, out), MBEDTLS_ERR_ECP_INVALID_KEY);
		}
	}
}

/* The checks of mbedTLS stay: an unclamped scalar, a point too long, no source of randomness. */
static void refusals(void **state)
{
	mbedtls_ecp_group grp;
	mbedtls_ecp_point result;
	mbedtls_mpi m;
	uint8_t k[32];

	(void)state;
	mbedtls_ecp_group_init(&grp);
	mbedtls_ecp_point_init(&result);
	mbedtls_mpi_init(&m);
	assert_int_equal(mbedtls_ecp_group_load(&grp, MBEDTLS_ECP_DP_CURVE25519), 0);
	fill(k, 32, 5);
	k[0] |= 1;
	k[31] = 0x47;
	assert_int_equal(mbedtls_mpi_read_binary_le(&m, k, 32), 0);
	assert_int_equal(mbedtls_ecp_mul(&grp, &result, &m, &grp.G, rng, NULL), MBEDTLS_ERR_ECP_INVALID_KEY);
	k[0] &= 0xf8;
	k[31] = 0x87;
	assert_int_equal(mbedtls_mpi_read_binary_le(&m, k, 32), 0);
	assert_int_equal(mbedtls_ecp_mul(&grp, &result, &m, &grp.G, rng, NULL), MBEDTLS_ERR_ECP_INVALID_KEY);
	k[31] = 0x47;
	assert_int_equal(mbedtls_mpi_read_binary_le(&m, k, 32), 0);
	assert_int_equal(mbedtls_ecp_mul(&grp, &result, &m, &grp.G, NULL, NULL), MBEDTLS_ERR_ECP_BAD_INPUT_DATA);
	assert_int_equal(mbedtls_ecp_mul(&grp, &result, &m, &result, rng, NULL), MBEDTLS_ERR_ECP_INVALID_KEY);
	assert_int_equal(mbedtls_ecp_mul(&grp, &result, &m, &grp.G, rng, NULL), 0);
	/* the result may take the place of the point */
	assert_int_equal(mbedtls_ecp_mul(&grp, &result, &m, &result, rng, NULL), 0);
	mbedtls_mpi_free(&m);
	mbedtls_ecp_point_free(&result);
	mbedtls_ecp_group_free(&grp);
}

/* As TLS 1.2 does it: both sides of an ECDH come to one secret, on the other curves too. */
static void ecdh(void **state)
{
	static const mbedtls_ecp_group_id curves[] = {
	    MBEDTLS_ECP_DP_CURVE25519, MBEDTLS_ECP_DP_SECP256R1, MBEDTLS_ECP_DP_SECP384R1};

	(void)state;
	for (size_t i = 0; i < COUNT(curves); i++) {
		mbedtls_ecdh_context a, b;
		unsigned char wire[200], secret_a[66], secret_b[66];
		const unsigned char *p = wire;
		size_t n, size_a, size_b;

		mbedtls_ecdh_init(&a);
		mbedtls_ecdh_init(&b);
		assert_int_equal(mbedtls_ecdh_setup(&a, curves[i]), 0);
		assert_int_equal(mbedtls_ecdh_make_params(&a, &n, wire, sizeof(wire), rng, NULL), 0);
		assert_int_equal(mbedtls_ecdh_read_params(&b, &p, wire + n), 0);
		assert_int_equal(mbedtls_ecdh_make_public(&b, &n, wire, sizeof(wire), rng, NULL), 0);
		assert_int_equal(mbedtls_ecdh_read_public(&a, wire, n), 0);
		assert_int_equal(mbedtls_ecdh_calc_secret(&a, &size_a, secret_a, sizeof(secret_a), rng, NULL), 0);
		assert_int_equal(mbedtls_ecdh_calc_secret(&b, &size_b, secret_b, sizeof(secret_b), rng, NULL), 0);
		assert_int_equal(size_a, size_b);
		assert_memory_equal(secret_a, secret_b, size_a);
		mbedtls_ecdh_free(&a);
		mbedtls_ecdh_free(&b);
	}
}

/* As TLS 1.3 does it: through PSA, with a peer that is RFC 7748 §6.1's Alice; and her point of order 8 is refused. */
static void psa(void **state)
{
	psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
	psa_key_id_t id;
	uint8_t bob[32], alice[32], expected[32], out[32];
	size_t n;

	(void)state;
	unhex(bob, vectors[4].scalar);
	unhex(alice, vectors[4].u);
	unhex(expected, vectors[4].out);
	psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_DERIVE);
	psa_set_key_algorithm(&attributes, PSA_ALG_ECDH);
	psa_set_key_type(&attributes, PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_MONTGOMERY));
	psa_set_key_bits(&attributes, 255);
	assert_int_equal(psa_import_key(&attributes, bob, 32, &id), PSA_SUCCESS);
	assert_int_equal(psa_export_public_key(id, out, sizeof(out), &n), PSA_SUCCESS);
	unhex(bob, "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
	assert_memory_equal(out, bob, 32);
	assert_int_equal(psa_raw_key_agreement(PSA_ALG_ECDH, id, alice, 32, out, sizeof(out), &n), PSA_SUCCESS);
	assert_memory_equal(out, expected, 32);
	unhex(alice, "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800");
	assert_int_equal(
	    psa_raw_key_agreement(PSA_ALG_ECDH, id, alice, 32, out, sizeof(out), &n), PSA_ERROR_INVALID_ARGUMENT);
	assert_int_equal(psa_destroy_key(id), PSA_SUCCESS);
	assert_int_equal(psa_generate_key(&attributes, &id), PSA_SUCCESS);
	assert_int_equal(psa_export_public_key(id, out, sizeof(out), &n), PSA_SUCCESS);
	assert_int_equal(n, 32);
	assert_int_equal(psa_destroy_key(id), PSA_SUCCESS);
	psa_reset_key_attributes(&attributes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(is_wrapped),
	    cmocka_unit_test(known_answers),
	    cmocka_unit_test(iterated),
	    cmocka_unit_test(same_as_stock),
	    cmocka_unit_test(low_order_points),
	    cmocka_unit_test(refusals),
	    cmocka_unit_test(ecdh),
	    cmocka_unit_test(psa),
	};
	crypto_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
