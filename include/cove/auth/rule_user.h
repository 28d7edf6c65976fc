/*
 * rule_user: the users of issuers' rules, for oidc/: users of kind USER_ISSUER_RULE, which can log in only with tokens
 * of that issuer. Their roles, grants, state and tokens work like those of other users. The first two work inside the
 * caller's db_begin().
 */
#pragma once
#include <cove/auth/auth.h>

#define RULE_NAME_MAX 59 /* "oidc." and this are the name of the user */

/* E_USAGE: no name; E_EXISTS. */
CHECKED enum rc rule_user_add(struct db_conn *c, struct str rule, int64_t *user_id, struct err *err);
CHECKED enum rc rule_user_remove(struct db_conn *c, int64_t user_id, struct err *err);
/* As user_role_set(), inside the caller's transaction. */
CHECKED enum rc rule_user_role(struct db_conn *c, struct str rule, struct str role, bool has, struct err *err);
/* The identity of that user, if it is enabled; E_BAD_PASSWORD otherwise. */
CHECKED enum rc rule_user_identity(struct auth *auth, int64_t user_id, struct identity *out, struct err *err);
