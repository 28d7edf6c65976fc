/* ca: where this machine keeps the public CAs: the same places that its other programs look at. */
#include "transfer.h"
#include <cove/io.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define BUNDLE_MAX (4u * 1024 * 1024)

const char *ca_file(void)
{
	static const char *const paths[] = {
	    "/etc/ssl/certs/ca-certificates.crt", /* Debian, Alpine, Arch */
	    "/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora, RHEL */
	    "/etc/ssl/ca-bundle.pem",             /* SUSE */
	    "/etc/ssl/cert.pem",                  /* OpenWrt, BSDs */
	};
	const char *path = getenv("SSL_CERT_FILE");

	if (path && path[0])
		return path;
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		if (access(paths[i], R_OK) == 0)
			return paths[i];
	return NULL;
}

char *ca_with(struct str pem)
{
	struct buf b = BUF_INIT(BUNDLE_MAX);
	const char *path = ca_file();

	if (path && io_read_file(AT_FDCWD, path, &b, NULL))
		buf_reset(&b); /* without the public ones */
	buf_addc(&b, '\n');
	buf_add(&b, pem);
	if (buf_ok(&b))
		return b.p;
	buf_release(&b);
	return NULL;
}
