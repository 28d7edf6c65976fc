/* tls_hello: a look at a ClientHello before the library reads it (RFC 8446 §4.1.2, §5.1). */
#include "tls.h"

#define RECORD_HANDSHAKE 22
#define RECORD_HEADER 5
#define HELLO_HEADER 4
#define VERSION_AND_RANDOM 34

static size_t record_end(const unsigned char *p, size_t at)
{
	return at + RECORD_HEADER + ((size_t)p[at + 3] << 8 | p[at + 4]);
}

size_t tls_hello_wants(const unsigned char *p, size_t n)
{
	size_t at = 0, seen = 0, length = HELLO_HEADER; /* of the message */

	while (seen < length) {
		if (n < at + RECORD_HEADER)
			return at + RECORD_HEADER;
		size_t end = record_end(p, at);
		if (p[at] != RECORD_HANDSHAKE || end == at + RECORD_HEADER)
			return n;
		if (n < end)
			return end;
		for (at += RECORD_HEADER; at < end && seen < HELLO_HEADER; at++, seen++)
			if (seen)
				length += (size_t)p[at] << 8 * (HELLO_HEADER - 1 - seen);
		seen += end - at;
		at = end;
	}
	return at;
}

bool tls_hello_offers(const unsigned char *p, size_t n, unsigned suite)
{
	size_t at = RECORD_HEADER + HELLO_HEADER + VERSION_AND_RANDOM;

	if (n > RECORD_HEADER && n > record_end(p, 0))
		n = record_end(p, 0); /* what is in further records has their headers within */
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
