/* certificates: which names this box has, and which certificate it shows; again at SIGHUP and every hour. */
#pragma once
#include <cove/config/config.h>
#include <cove/net/net.h>
#include <cove/trust/trust.h>

struct certificates {
	struct trust_names names; /* of this box: a Host that is one of them is ours */
	struct trust_names shown; /* those that the certificate has */
	struct buf ca_pem;        /* empty when the certificate is the owner's */
	char fingerprint[TRUST_FINGERPRINT_MAX];
};

/* Opens tls/, makes the CA and the leaf where needed, and gives the identity for net (the caller's reference). */
/* names: comma-separated, beside those that the machine has. */
CHECKED enum rc certificates_load(const struct config *config, int data_dirfd, struct str names,
    struct certificates *out, struct tls_identity **identity, struct err *err);
void certificates_release(struct certificates *c);
