/* primary_name: the one name and port that people are told. */
#pragma once
#include <cove/trust/trust.h>

struct primary {
	/* The names of the certificate and those of this machine: told is one that is in both. First the ones whose
	 * order counts: the owner of a certificate has the best one first, ours are sorted. */
	const struct trust_names *lists[2];
	const char *listen; /* the address; empty: all */
	uint16_t port;
	struct str names;        /* of the settings, comma-separated */
	struct str namespace_of; /* names of namespaces alone, comma-separated: never told */
};
#define PRIMARY_NAME_MAX 300
/* A name that the certificate has, or else clients would refuse it, and that is one of this box today. */
void primary_name(const struct primary *p, char out[static PRIMARY_NAME_MAX]);
