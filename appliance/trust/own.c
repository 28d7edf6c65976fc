/* own: a certificate that the owner brings: two PEM files, checked before anything is served with them. */
#include "trust_internal.h"
#include <cove/base/clock.h>
#include <cove/base/log.h>
#include <fcntl.h>

static enum rc read_files(const char *chain_path, const char *key_path, struct trust_certificate *out,
    mbedtls_x509_crt *chain, mbedtls_pk_context *key, struct err *err)
{
	TRY(io_read_file(AT_FDCWD, chain_path, &out->chain_pem, err));
	TRY(io_read_file(AT_FDCWD, key_path, &out->key_pem, err));
	TRY(chain_parse(buf_str(&out->chain_pem), chain_path, chain, NULL, err));
	TRY(key_parse(&out->key_pem, key_path, key, err));
	if (!key_fits(chain, key))
		return fail(err, E_CONFIG,
		    "%s is not the key of the first certificate in %s (the server's own certificate must come first, "
		    "then those above it)",
		    key_path, chain_path);
	if (!chain->subject_alt_names.buf.p)
		return fail(err, E_CONFIG,
		    "%s has no subject alternative names: clients ignore the common name and would refuse it",
		    chain_path);
	return OK;
}

/* What is odd but may be meant: served all the same. */
static void complain(const mbedtls_x509_crt *leaf, const char *chain_path, const struct trust_names *names)
{
	struct buf missing = BUF_INIT(512);
	int64_t now = clock_wall_s();

	if (x509_seconds(&leaf->valid_to) < now)
		log_error("trust.certificate", "problem=\"the certificate has expired\" file=%s",
		    log_quote(str_of(chain_path)));
	else if (x509_seconds(&leaf->valid_from) > now)
		log_error("trust.certificate", "problem=\"the certificate is not valid yet\" file=%s",
		    log_quote(str_of(chain_path)));
	for (size_t i = 0; i < names->count; i++)
		if (!certificate_has(leaf, names->items[i].text, names->items[i].is_address))
			buf_addf(&missing, "%s%s", missing.n ? "," : "", names->items[i].text);
	if (missing.n)
		log_info("trust.certificate", "names_not_covered=%s", missing.p);
	buf_release(&missing);
}

enum rc trust_own_files(const char *chain_path, const char *key_path, struct trust_names *names,
    struct trust_certificate *out, struct err *err)
{
	mbedtls_x509_crt chain;
	mbedtls_pk_context key;
	enum rc rc;

	*out = (struct trust_certificate){.chain_pem = BUF_INIT(PEM_MAX), .key_pem = BUF_INIT(PEM_MAX)};
	mbedtls_x509_crt_init(&chain);
	mbedtls_pk_init(&key);
	rc = read_files(chain_path, key_path, out, &chain, &key, err);
	if (rc) {
		trust_certificate_release(out);
	} else {
		out->not_after = x509_seconds(&chain.valid_to);
		complain(&chain, chain_path, names);
		certificate_names(&chain, &out->names);
		certificate_names(&chain, names);
	}
	mbedtls_pk_free(&key);
	mbedtls_x509_crt_free(&chain);
	return rc == E_NOT_FOUND ? E_CONFIG : rc;
}
