/* trust_internal: what the files of trust/ share; mbedTLS's types stay in here. */
#pragma once
#include <cove/base/io.h>
#include <cove/trust/trust.h>
#include <mbedtls/pk.h>
#include <mbedtls/x509_crt.h>

#define PEM_MAX (256u * 1024) /* bytes of a PEM file that we read or write */

/* ---- names.c ---- */

/* Adds a name or address in its normal form, once, and not beyond TRUST_NAMES_MAX; false when it is neither. */
bool names_add(struct trust_names *names, struct str s);
/* The address in network order: 4 or 16 bytes; 0 when text is none. */
size_t address_bytes(const char *text, uint8_t out[static 16]);

/* ---- subtrees.c: name constraints (RFC 5280 §4.2.1.10) ---- */

#define SUBTREES_MAX (TRUST_NAMES_MAX + 20)

/* One permitted subtree: a DNS suffix, or address and mask. */
struct subtree {
	char dns[254]; /* "" for addresses */
	size_t bytes;  /* 4 or 16 */
	uint8_t address[16], mask[16];
};
struct subtrees {
	struct subtree items[SUBTREES_MAX];
	size_t count;
	bool present; /* false: a certificate without the extension, which permits all */
};

/* Local suffixes, private and link-local addresses, and whatever of `names` lies outside these. */
void subtrees_for(struct subtrees *s, const struct trust_names *names);
bool subtrees_permit(const struct subtrees *s, const char *name, bool is_address);
/* DER of the NameConstraints value, into the end of out[size]; the number of bytes, or 0 when it does not fit. */
size_t subtrees_encode(const struct subtrees *s, uint8_t *out, size_t size);
/* False when the value has a form that we do not make (only permitted DNS and address subtrees are ours). */
bool subtrees_decode(struct subtrees *s, const uint8_t *p, size_t n);

/* ---- x509.c ---- */

int random_for_mbedtls(void *unused, unsigned char *out, size_t n);
enum rc fail_mbedtls(struct err *err, enum rc rc, const char *what, int code);
/* All certificates of a PEM text (NUL-terminated), first to last, into an initialised chain. Unlike mbedTLS's own
 * parser it takes critical extensions that mbedTLS does not know: name constraints are handed out, and only they are
 * taken, where `subtrees` is not NULL; nothing is enforced. */
CHECKED enum rc chain_parse(
    struct str pem, const char *what, mbedtls_x509_crt *chain, struct subtrees *subtrees, struct err *err);
CHECKED enum rc key_parse(const struct buf *pem, const char *what, mbedtls_pk_context *key, struct err *err);
bool key_fits(const mbedtls_x509_crt *certificate, mbedtls_pk_context *key);
CHECKED enum rc key_make(mbedtls_pk_context *key, struct buf *pem, struct err *err);
int64_t x509_seconds(const mbedtls_x509_time *t);
/* Whether the certificate's alternative names have this one. */
bool certificate_has(const mbedtls_x509_crt *certificate, const char *name, bool is_address);
/* Adds the names and addresses that it was made for, wildcards included. */
void certificate_names(const mbedtls_x509_crt *certificate, struct trust_names *names);
/* Wipes, then releases. */
void buf_wipe(struct buf *b);

/* ---- mint.c ---- */

/* A self-signed CA with these constraints, named after the host. */
CHECKED enum rc mint_ca(
    mbedtls_pk_context *key, const struct subtrees *subtrees, const char *host, struct buf *pem, struct err *err);
/* A leaf for these names, signed by the CA. */
CHECKED enum rc mint_leaf(const mbedtls_x509_crt *ca, mbedtls_pk_context *ca_key, mbedtls_pk_context *key,
    const struct trust_names *names, struct buf *pem, struct err *err);
