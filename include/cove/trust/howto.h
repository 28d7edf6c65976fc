/*
 * howto: the exact commands that make a client trust this registry (docs/clients.md, Trust stores), for the console at
 * the first start and for the front page. Pure.
 */
#pragma once
#include <cove/base/buf.h>

/* host: "box.local:5000". fingerprint: "AB:CD:…" of the CA; empty when the owner's certificate is in use; then the text
 * only has the login commands. Appends plain text. */
void howto_trust(struct buf *out, struct str host, struct str fingerprint);
