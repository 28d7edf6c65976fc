/*
 * trust: cove's own certificate authority and the leaf certificate (the requirements of clients are in docs/clients.md,
 * Certificates).
 *
 * tls/ of the data directory:  ca.key ca.crt  leaf.key leaf.crt (chain)   PEM, keys 0600
 *
 * The CA is ECDSA P-256, name-constrained to local names, private addresses and the names given at its making. The leaf
 * holds every name and address of this machine and is issued anew when they change, when it nears its end, or when the
 * CA does not sign it. Nothing is minted while the clock is before the build date. Called by one thread at a time.
 */
#pragma once
#include <cove/base/buf.h>
#include <cove/base/err.h>

#define TRUST_NAMES_MAX 64

/* The names and addresses of a certificate: DNS names in lower case without trailing dot, addresses as text. */
struct trust_names {
	struct {
		char text[254];
		bool is_address;
	} items[TRUST_NAMES_MAX];
	size_t count;
};

/* localhost and loopback, the host name, host.local, the host name in the resolver's search domain, every address of
 * every interface that is up (link-local IPv6 left out), and the names in `extra` (comma-separated; E_CONFIG when one
 * is not a name or address). More than TRUST_NAMES_MAX are left out with a line in the log; extra ones come first. */
CHECKED enum rc trust_machine_names(struct str extra, struct trust_names *out, struct err *err);
/* Whether the host part of a Host value ("box:5000", "[::1]:5000") is among the names. Case-insensitive; a wildcard
 * matches one label. */
bool trust_names_have(const struct trust_names *names, struct str host_and_port);

/* The same names in the same order. */
bool trust_names_eq(const struct trust_names *a, const struct trust_names *b);

struct trust_certificate {
	struct buf chain_pem; /* leaf first; without cove's own CA, which clients either have or do not trust (RFC 8446
				 §4.4.2) */
	struct buf key_pem;   /* wiped by trust_certificate_release */
	struct trust_names names; /* those in the leaf */
	int64_t not_after;
	bool from_own_ca;
};
void trust_certificate_release(struct trust_certificate *c);

/* The CA as PEM, and "AB:CD:…" of its DER's SHA-256; made at the first call for a directory. `names` that lie outside
 * the local suffixes and private addresses become permitted subtrees at its making. E_CLOCK: there is none and the
 * clock is before the build date. */
#define TRUST_FINGERPRINT_MAX 96
CHECKED enum rc trust_ca(int tls_dirfd, const struct trust_names *names, struct buf *ca_pem,
    char fingerprint[static TRUST_FINGERPRINT_MAX], bool *made, struct err *err);
/* May a leaf of the CA in this directory have that name? Also true when there is no CA yet. */
CHECKED enum rc trust_ca_permits(int tls_dirfd, struct str name, bool *permits, struct err *err);
/* The leaf for these names, kept if it still fits, else issued anew (*issued). Names that the CA does not permit are
 * left out with a line in the log. When none can be issued (clock, disk, no ca.key) a usable old one is given, whatever
 * its date: a name or date that does not match is better than no answer. */
CHECKED enum rc trust_leaf(
    int tls_dirfd, const struct trust_names *names, struct trust_certificate *out, bool *issued, struct err *err);
/* A certificate of the owner's: PEM files, checked to be a pair and to have names; E_CONFIG with a sentence. What it
 * does not cover of `names` is for the log; its own names, "*.example.org" too, are added to them. */
CHECKED enum rc trust_own_files(const char *chain_path, const char *key_path, struct trust_names *names,
    struct trust_certificate *out, struct err *err);
