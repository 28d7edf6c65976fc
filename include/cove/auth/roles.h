/*
 * roles: sets of grants under a name, which any number of users may have; and the decision told to a person. The
 * built-in roles are there from the start, stay, and do not change: admin (** admin), developer (** pull,push), reader
 * (** pull). What auth.h says of its management holds here. Changes count from the next auth_actions() on.
 */
#pragma once
#include <cove/auth/auth.h>
#include <cove/base/buf.h>

struct role_info {
	int64_t id;
	struct str name;
	bool built_in;
	int64_t created_at;
	int64_t users; /* how many have it */
};
typedef enum rc role_fn(void *ctx, const struct role_info *r, struct err *err);

/* Named like users. */
CHECKED enum rc role_add(struct auth *auth, struct str name, struct err *err);
/* E_USAGE while somebody has it. */
CHECKED enum rc role_remove(struct auth *auth, struct str name, struct err *err);
/* As grant_set() and grant_add() for a user. */
CHECKED enum rc role_grant(struct auth *auth, struct str role, struct str pattern, unsigned actions, struct err *err);
CHECKED enum rc role_grant_add(
    struct auth *auth, struct str role, struct str pattern, unsigned actions, unsigned *now, struct err *err);
CHECKED enum rc role_list(struct auth *auth, role_fn *each, void *ctx, struct err *err);
CHECKED enum rc role_grant_list(struct auth *auth, struct str role, grant_fn *each, void *ctx, struct err *err);

/* Gives the role to the user, or takes it away; nothing happens when it is so already. A role with admin is never
 * anonymous's. */
#define USER_ROLES_MAX 32
CHECKED enum rc user_role_set(struct auth *auth, struct str user, struct str role, bool has, struct err *err);
CHECKED enum rc user_role_list(struct auth *auth, struct str user, role_fn *each, void *ctx, struct err *err);

/* Whether the user, with that key (0: with the password), may do all of `actions` with the repository (full name), and
 * why: lines of text for a person, each ended by a newline, with the command that would help where it is not so. */
CHECKED enum rc auth_explain(struct auth *auth, struct str user, int64_t key_id, struct str repository,
    unsigned actions, bool *may, struct buf *why, struct err *err);
