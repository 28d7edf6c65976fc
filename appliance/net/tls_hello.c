/* tls_hello: a look at a ClientHello before the library reads it (RFC 8446 §4.1.2, §5.1). */
#include "tls.h"

#define RECORD_HEADER 5
#define HELLO_HEADER 4
#define VERSION_AND_RANDOM 34

bool tls_hello_offers(const unsigned char *p, size_t n, unsigned suite)
{
	size_t at = RECORD_HEADER + HELLO_HEADER + VERSION_AND_RANDOM;

	if (n <= at)
		return false;
	at += 1 + (size_t)p[at]; /* legacy_session_id */
	if (n < at + 2)
		return false;
	size_t end = at + 2 + ((size_t)p[at] << 8 | p[at + 1]);
	for (at += 2; at + 2 <= end && at + 2 <= n; at += 2)
		if (((unsigned)p[at] << 8 | p[at + 1]) == suite)
			return true;
	return false;
}
