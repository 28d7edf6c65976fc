/*
 * proxy: what there is of a proxy namespace beside its attributes: the password for its upstream, and making it forget
 * what it knows of that. Any thread; blocks on the database or a file.
 */
#pragma once
#include <cove/namespace/namespace.h>

/* The clear password, for the moment of its use; the caller wipes it. A password file is read each time, so that a new
 * one counts from the next question on: E_UPSTREAM_DENIED with a sentence when that fails. */
CHECKED enum rc namespace_password(
    struct namespaces *n, const struct namespace *ns, struct secret *out, struct err *err);
static inline bool namespace_has_password(const struct namespace *ns)
{
	return ns->password.n || ns->password_file.n;
}
/* When it ends, where the password itself tells that (ECR's, JSON web tokens); 0: it does not. */
CHECKED enum rc namespace_password_expiry(
    struct namespaces *n, const struct namespace *ns, int64_t *at, struct err *err);
/* Of a proxy, also a declared one; an empty one takes it away. E_NOT_FOUND, E_USAGE. */
CHECKED enum rc namespace_set_password(
    struct namespaces *n, struct str name, const struct secret *password, struct err *err);
/* What a proxy knows of its upstream is forgotten: what is not there, tokens, failures, and when its tags were looked
 * at; what it keeps stays. Of a group: of the proxies behind it. E_NOT_FOUND, E_USAGE. */
CHECKED enum rc namespace_refresh(struct namespaces *n, struct str name, struct err *err);
