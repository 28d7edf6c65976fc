/*
 * audit: the log of what was changed and what was refused, for the owner: rows of the database, at most so many. A
 * change writes its row in its own transaction, so that neither is there without the other. Refusals, which peers can
 * cause at will, are counted first and written rarely. Any thread; blocks on the database.
 */
#pragma once
#include <cove/db/db.h>

/* What a row holds at most of each text; longer ones are cut, control characters replaced. "repository:tag" fits. */
#define AUDIT_TEXT_MAX 384
#define AUDIT_CONSOLE "console" /* who acts by a command on this machine */

struct audit_entry {
	int64_t id, at;
	struct str user;   /* who acts; may be a name that nobody has, when a login was refused */
	struct str peer;   /* the client's address; empty: none */
	struct str action; /* "noun.verb" */
	struct str object; /* what it is done to */
	struct str detail; /* for people; may be empty */
	bool refused;
	int64_t count; /* how often within the minute from `at` on */
};

/* Who acts on this thread from now on (copied): console, until it is said. */
void audit_set_actor(struct str user, struct str peer);
bool audit_actor_is(struct str user);

/* A row for a change by this thread's actor, inside the caller's db_begin(). E_AUDIT when the log takes no row: the
 * caller fails with it, so that nothing is changed without a row. */
CHECKED enum rc audit_add(struct db_conn *c, const char *action, struct str object, struct str detail, struct err *err);
/* As audit_add(), for what users do with what is their own and can repeat at will: the same user, peer, action and
 * object within a minute make one row, with the first detail and a count. */
CHECKED enum rc audit_repeat(
    struct db_conn *c, const char *action, struct str object, struct str detail, struct err *err);
/*
 * Events that a peer can repeat as it likes: refusals, logins by tokens of others. The same user, peer, action, object
 * and outcome within a minute makes one row, whose count follows later; in a flood of different ones (TALLY_SLOTS a
 * minute) the rest is one row of their number. Rows are written at once as long as they are rare, else by audit_tend().
 */
struct audit;
struct audit *audit_open(struct db *db);
void audit_close(struct audit *a); /* writes what is counted */
#define TALLY_SLOTS 64
/* id, at and count of the entry are not looked at. A failure is logged. */
void audit_tally(struct audit *a, const struct audit_entry *entry);
/* Every half minute: writes what was counted, and deletes the oldest rows beyond that number. */
void audit_tend(struct audit *a, uint64_t rows);

/* Newest first. Zero is "all" everywhere. */
struct audit_filter {
	int64_t before;          /* only ids below: for pages */
	int64_t since;           /* only those at or after this time */
	struct str user, action; /* exactly; an action may end in a dot for all of its noun: "user." */
	bool refused_only;
	uint32_t max; /* rows; 0: AUDIT_LIST_MAX, which no list passes */
};
#define AUDIT_LIST_MAX 10000
/* Must not call the database; strings are its own until it returns. Another code than OK ends the list. */
typedef enum rc audit_fn(void *ctx, const struct audit_entry *e, struct err *err);
CHECKED enum rc audit_list(
    struct db *db, const struct audit_filter *filter, audit_fn *each, void *ctx, struct err *err);
