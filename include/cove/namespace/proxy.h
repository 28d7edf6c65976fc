/*
 * proxy: the rest of a proxy namespace beside its attributes: the password for its upstream, and the refresh, which
 * makes it forget what it learned from the upstream. Any thread; blocks on the database or a file.
 */
#pragma once
#include <cove/namespace/namespace.h>

/* The decrypted password; the caller wipes it after its use. A password file is read each time, so that a new one takes
 * effect with the next request: E_UPSTREAM_DENIED with a sentence when that fails. */
CHECKED enum rc namespace_password(
    struct namespaces *n, const struct namespace *ns, struct secret *out, struct err *err);
static inline bool namespace_has_password(const struct namespace *ns)
{
	return ns->password.n || ns->password_file.n;
}
/* When it expires, if the password itself contains that (ECR's, JSON web tokens); 0: unknown. */
CHECKED enum rc namespace_password_expiry(
    struct namespaces *n, const struct namespace *ns, int64_t *at, struct err *err);
/* Sets the password of a proxy, even of a declared one; an empty one removes it. E_NOT_FOUND, E_USAGE. */
CHECKED enum rc namespace_set_password(
    struct namespaces *n, struct str name, const struct secret *password, struct err *err);
/* Makes a proxy forget missing content, tokens, failures and the age of cached tags; the cached content stays. For a
 * group, this applies to the proxies behind it. E_NOT_FOUND, E_USAGE. */
CHECKED enum rc namespace_refresh(struct namespaces *n, struct str name, struct err *err);
