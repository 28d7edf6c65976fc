/* psa_random: the random bytes of mbedTLS (MBEDTLS_PSA_CRYPTO_EXTERNAL_RNG) are the kernel's. */
#include "psa/crypto.h"
#include <cove/base/random.h>

psa_status_t mbedtls_psa_external_get_random(
    mbedtls_psa_external_random_context_t *context, uint8_t *output, size_t output_size, size_t *output_length)
{
	(void)context;
	random_bytes(output, output_size);
	*output_length = output_size;
	return PSA_SUCCESS;
}
