/*
 * x25519_wrap: Curve25519 by libsodium. mbedTLS has hooks for a whole ECDH (MBEDTLS_ECDH_*_ALT), but its TLS 1.3 makes
 * its key shares through PSA, which calls mbedtls_ecp_mul() and knows no hook; so the linker's --wrap sends the two
 * multiplications here and all other curves back. mbedTLS's checks of scalar and point are kept.
 */
#include "mbedtls/ecp.h"
#include <sodium.h>
#include <string.h>

typedef int random_function(void *, unsigned char *, size_t);

int __real_mbedtls_ecp_mul_restartable(mbedtls_ecp_group *grp, mbedtls_ecp_point *R, const mbedtls_mpi *m,
    const mbedtls_ecp_point *P, random_function *f_rng, void *p_rng, mbedtls_ecp_restart_ctx *rs_ctx);
int __wrap_mbedtls_ecp_mul_restartable(mbedtls_ecp_group *grp, mbedtls_ecp_point *R, const mbedtls_mpi *m,
    const mbedtls_ecp_point *P, random_function *f_rng, void *p_rng, mbedtls_ecp_restart_ctx *rs_ctx);
int __wrap_mbedtls_ecp_mul(mbedtls_ecp_group *grp, mbedtls_ecp_point *R, const mbedtls_mpi *m,
    const mbedtls_ecp_point *P, random_function *f_rng, void *p_rng);

/* The base point has u = 9 (RFC 7748 §4.1). */
static int multiply(unsigned char out[32], const unsigned char scalar[32], const unsigned char u[32])
{
	static const unsigned char base[32] = {9};

	return memcmp(u, base, sizeof(base)) == 0 ? crypto_scalarmult_base(out, scalar)
						  : crypto_scalarmult(out, scalar, u);
}

static int x25519(mbedtls_ecp_group *grp, mbedtls_ecp_point *R, const mbedtls_mpi *m, const mbedtls_ecp_point *P)
{
	unsigned char scalar[32], u[32], out[32];
	size_t n;
	int ret;

	if ((ret = mbedtls_ecp_check_privkey(grp, m)) != 0 || (ret = mbedtls_ecp_check_pubkey(grp, P)) != 0)
		return ret;
	if ((ret = mbedtls_mpi_write_binary_le(m, scalar, sizeof(scalar))) != 0 ||
	    (ret = mbedtls_ecp_point_write_binary(grp, P, MBEDTLS_ECP_PF_COMPRESSED, &n, u, sizeof(u))) != 0)
		goto out;
	/* fails on an all-zero result, as RFC 8446 §7.4.2 demands */
	if (multiply(out, scalar, u) != 0) {
		ret = MBEDTLS_ERR_ECP_INVALID_KEY;
		goto out;
	}
	ret = mbedtls_ecp_point_read_binary(grp, R, out, sizeof(out));
out:
	sodium_memzero(scalar, sizeof(scalar));
	sodium_memzero(out, sizeof(out));
	return ret;
}

int __wrap_mbedtls_ecp_mul_restartable(mbedtls_ecp_group *grp, mbedtls_ecp_point *R, const mbedtls_mpi *m,
    const mbedtls_ecp_point *P, random_function *f_rng, void *p_rng, mbedtls_ecp_restart_ctx *rs_ctx)
{
	if (grp->id != MBEDTLS_ECP_DP_CURVE25519)
		return __real_mbedtls_ecp_mul_restartable(grp, R, m, P, f_rng, p_rng, rs_ctx);
	return f_rng ? x25519(grp, R, m, P) : MBEDTLS_ERR_ECP_BAD_INPUT_DATA;
}

int __wrap_mbedtls_ecp_mul(mbedtls_ecp_group *grp, mbedtls_ecp_point *R, const mbedtls_mpi *m,
    const mbedtls_ecp_point *P, random_function *f_rng, void *p_rng)
{
	return __wrap_mbedtls_ecp_mul_restartable(grp, R, m, P, f_rng, p_rng, NULL);
}
