/* random: bytes from the kernel, nothing kept in the process. */
#include <cove/base/random.h>
#include <cove/base/codec.h>
#include <cove/base/err.h>
#include <errno.h>
#include <sys/random.h>

void random_bytes(void *out, size_t n)
{
	unsigned char *p = out;

	while (n) {
		ssize_t got = getrandom(p, n, 0);

		if (got < 0 && errno != EINTR)
			bug("getrandom: %s", strerror(errno));
		if (got > 0) {
			p += got;
			n -= (size_t)got;
		}
	}
}

void random_uuid(char out[static 37])
{
	static const size_t groups[] = {4, 2, 2, 2, 6};
	unsigned char bytes[16];
	const unsigned char *p = bytes;

	random_bytes(bytes, sizeof bytes);
	bytes[6] = (unsigned char)(0x40 | (bytes[6] & 0x0f)); /* version 4 */
	bytes[8] = (unsigned char)(0x80 | (bytes[8] & 0x3f)); /* variant of RFC 9562 */
	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
		if (i)
			*out++ = '-';
		hex_encode(out, p, groups[i]);
		out += 2 * groups[i];
		p += groups[i];
	}
}
