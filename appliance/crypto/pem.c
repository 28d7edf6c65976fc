/* pem: mbedTLS decodes the blocks; its own reader of whole chains fails at critical extensions that it does not know.
 */
#include <cove/crypto/pem.h>
#include <mbedtls/pem.h>

enum rc pem_next_certificate(struct str *rest, struct buf *der, bool *found, struct err *err)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----", end[] = "-----END CERTIFICATE-----";
	const char *at = rest->n ? strstr(rest->p, begin) : NULL;
	mbedtls_pem_context block;
	size_t used = 0, n;
	int code;

	buf_reset(der);
	*found = at != NULL;
	if (!at)
		return OK;
	mbedtls_pem_init(&block);
	code = mbedtls_pem_read_buffer(&block, begin, end, (const unsigned char *)at, NULL, 0, &used);
	if (!code) {
		const unsigned char *p = mbedtls_pem_get_buffer(&block, &n);

		buf_add(der, (struct str){(const char *)p, n});
	}
	mbedtls_pem_free(&block);
	if (code || !buf_ok(der))
		return fail(err, E_CONFIG, "a certificate is not valid PEM: copy it again");
	*rest = str_from(*rest, (size_t)(at - rest->p) + used);
	return OK;
}
