/*
 * audit: the log of what was changed and what was refused, for the owner: rows of the database, at most so many. A
 * change writes its row in its own transaction, so that neither is there without the other. Refusals, which peers can
 * cause at will, are counted first and written rarely. Any thread; blocks on the database.
 */
#pragma once
#include <cove/db/db.h>

/* The limit of each text in a row; longer texts are cut, control characters replaced. "repository:tag" fits. */
#define AUDIT_TEXT_MAX 384
#define AUDIT_CONSOLE "console" /* the actor of a command on this machine */

struct audit_entry {
	int64_t id, at;
	struct str user;   /* the actor; of a refused login possibly a name that does not exist */
	struct str peer;   /* the client's address; empty: none */
	struct str action; /* "noun.verb" */
	struct str object; /* the object of the action */
	struct str detail; /* for people; may be empty */
	bool refused;
	int64_t count; /* the number of times within a minute from `at` */
};

/* Sets the actor on this thread from now on (copied); before the first call it is console. */
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
 * and outcome within a minute is one row, whose count is updated later. In a flood of different events (more than
 * TALLY_SLOTS a minute), one row has the number of the others. Rare rows are written at once, the others by
 * audit_tend().
 */
struct audit;
struct audit *audit_open(struct db *db);
void audit_close(struct audit *a); /* writes the counted events */
#define TALLY_SLOTS 64
/* Ignores id, at and count of the entry. A failure is logged. */
void audit_tally(struct audit *a, const struct audit_entry *entry);
/* To be called every half minute: writes the counted events, and deletes the oldest rows above that number. */
void audit_tend(struct audit *a, uint64_t rows);

/* Newest first. Zero means "all" in each member. */
struct audit_filter {
	int64_t before;          /* only ids below: for pages */
	int64_t since;           /* only those at or after this time */
	struct str user, action; /* exactly; an action may end in a dot for all of its noun: "user." */
	bool refused_only;
	uint32_t max; /* rows; 0: AUDIT_LIST_MAX, the most that a list returns */
};
#define AUDIT_LIST_MAX 10000
/* Must not call the database. The strings are valid until it returns. Another code than OK ends the list. */
typedef enum rc audit_fn(void *ctx, const struct audit_entry *e, struct err *err);
CHECKED enum rc audit_list(
    struct db *db, const struct audit_filter *filter, audit_fn *each, void *ctx, struct err *err);
