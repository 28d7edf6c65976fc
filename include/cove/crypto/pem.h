/* pem: reads certificates from PEM text (RFC 7468). Pure; any thread. */
#pragma once
#include <cove/base/buf.h>
#include <cove/base/err.h>

/* The next certificate of the text, as DER into `der` (emptied first); *rest moves past it. *found is false when no
 * certificate is left. The text must end in a NUL, as in a struct buf. E_CONFIG: a block that is not valid PEM. */
CHECKED enum rc pem_next_certificate(struct str *rest, struct buf *der, bool *found, struct err *err);
