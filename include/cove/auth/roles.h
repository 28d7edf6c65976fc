/*
 * roles: named sets of grants that any number of users may have, and the explanation of a decision. The built-in roles
 * always exist and cannot be changed: admin (** admin), developer (** pull,push), reader (** pull). The rules for
 * management in auth.h apply here too. Changes take effect with the next auth_actions().
 */
#pragma once
#include <cove/auth/auth.h>
#include <cove/base/buf.h>

struct role_info {
	int64_t id;
	struct str name;
	bool built_in;
	int64_t created_at;
	int64_t users; /* the number of users that have it */
};
typedef enum rc role_fn(void *ctx, const struct role_info *r, struct err *err);

/* Named like users. */
CHECKED enum rc role_add(struct auth *auth, struct str name, struct err *err);
/* E_USAGE while a user has it. */
CHECKED enum rc role_remove(struct auth *auth, struct str name, struct err *err);
/* Like grant_set() and grant_add() for a user. */
CHECKED enum rc role_grant(struct auth *auth, struct str role, struct str pattern, unsigned actions, struct err *err);
CHECKED enum rc role_grant_add(
    struct auth *auth, struct str role, struct str pattern, unsigned actions, unsigned *now, struct err *err);
CHECKED enum rc role_list(struct auth *auth, role_fn *each, void *ctx, struct err *err);
CHECKED enum rc role_grant_list(struct auth *auth, struct str role, grant_fn *each, void *ctx, struct err *err);

/* Gives the role to the user, or takes it away; does nothing if that is already so. anonymous cannot have a role with
 * admin. */
#define USER_ROLES_MAX 32
CHECKED enum rc user_role_set(struct auth *auth, struct str user, struct str role, bool has, struct err *err);
CHECKED enum rc user_role_list(struct auth *auth, struct str user, role_fn *each, void *ctx, struct err *err);

/* Whether the user, with that key (0: with the password), may do all of `actions` on the repository (full name), and
 * why: lines of text for a person, each with a newline at the end. If a right is missing, a line shows the command that
 * grants it. */
CHECKED enum rc auth_explain(struct auth *auth, struct str user, int64_t key_id, struct str repository,
    unsigned actions, bool *may, struct buf *why, struct err *err);
