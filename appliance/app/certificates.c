/* The certificate: the owner's files where the settings name them, else a leaf of our own CA. */
#include "certificates.h"
#include <cove/app/app.h>
#include <cove/base/io.h>
#include <cove/base/log.h>

static enum rc own_ca(int data_dirfd, struct certificates *c, struct trust_certificate *leaf, struct err *err)
{
	enum rc ca_rc, leaf_rc;
	bool made, issued;
	int tls = -1;

	TRY(io_open_dir(data_dirfd, "tls", 0700, &tls, err));
	ca_rc = trust_ca(tls, &c->names, &c->ca_pem, c->fingerprint, &made, err);
	leaf_rc = trust_leaf(tls, &c->names, leaf, &issued, ca_rc ? NULL : err);
	io_close(&tls);
	if (leaf_rc)
		return ca_rc ? ca_rc : leaf_rc;
	if (ca_rc) { /* clients that trust the CA already need its certificate no more */
		log_error("trust.ca", "problem=%s", log_quote(str_of(err->text)));
		buf_reset(&c->ca_pem);
		c->fingerprint[0] = '\0';
	}
	if (made)
		log_info("trust.ca_made", "fingerprint=%s", c->fingerprint);
	if (issued)
		log_info("trust.leaf_issued", "names=%zu", c->names.count);
	return OK;
}

enum rc app_own_certificate(
    const struct config *config, struct trust_names *names, struct trust_certificate *out, struct err *err)
{
	struct err why;

	if (!trust_own_files(config->certificate, config->certificate_key, names, out, &why))
		return OK;
	*err = why;
	/* the sentence names the file that it is about */
	return config_blame(config, strstr(why.text, config->certificate_key) ? "certificate_key" : "certificate", err);
}

enum rc certificates_load(const struct config *config, int data_dirfd, struct str names, struct certificates *out,
    struct tls_identity **identity, struct err *err)
{
	struct trust_certificate leaf = {.not_after = 0};
	enum rc rc;

	*out = (struct certificates){.ca_pem = BUF_INIT(16384)};
	rc = trust_machine_names(names, &out->names, err);
	if (rc)
		rc = config_blame(config, "names", err);
	else if (config->certificate[0])
		rc = app_own_certificate(config, &out->names, &leaf, err);
	else
		rc = own_ca(data_dirfd, out, &leaf, err);
	if (!rc)
		rc = tls_identity_new(buf_str(&leaf.chain_pem), buf_str(&leaf.key_pem), identity, err);
	out->shown = leaf.names;
	trust_certificate_release(&leaf);
	if (rc)
		certificates_release(out);
	return rc;
}

void certificates_release(struct certificates *c)
{
	buf_release(&c->ca_pem);
}
