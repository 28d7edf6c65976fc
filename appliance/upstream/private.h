/*
 * private: what the files of upstream/ share beside jobs. `mutex` guards the table of jobs, what is marked so in struct
 * job, health, tokens, absences.
 */
#pragma once
#include "job.h"
#include <pthread.h>

enum {
	JOBS_MAX = 4096,
	TOKENS_MAX = 256,
	ABSENCES_MAX = 8192,
	FAILINGS_MAX = 1024, /* contents */
	FAILING_MAX = 3,     /* repositories: with so many the upstream is said to fail */
	WORKERS = 2,
	LIMIT_RESERVE = 5, /* with so few pulls left at the upstream, copies do */
	LIST_MAX = 4 * 1024 * 1024,
	AUTHORIZATION_MAX = 32768, /* a token, or base64 of a name and a password of SECRET_MAX */
};

struct health {
	struct health *next;
	int64_t namespace_id;
	uint64_t version; /* of the namespace */
	bool wants_basic; /* instead of tokens: a password goes along at once */
	unsigned failures;
	int64_t until_ms;                   /* not asked before */
	enum rc rc;                         /* of the last failure */
	struct digest failing[FAILING_MAX]; /* repositories of which something has failed since the last success */
	size_t failing_count;
	struct upstream_status status;
	bool limit_told, is_changed; /* and not yet written: how many pulls are left; whether it fails */
	int64_t denied_after_ms;     /* that it refuses our credentials is not logged before */
	int64_t room_after_ms;       /* not made before */
};

struct token {
	struct digest key;
	char *text; /* wiped */
	int64_t until_ms;
};

/* A content that could not be had: it is spared for a while, and nothing else is. */
struct failing {
	struct digest key;
	unsigned failures;
	int64_t until_ms; /* not asked for before */
	enum rc rc;
	char why[200];
};

struct absence {
	struct digest key;
	int64_t since_ms, until_ms;
};

struct upstream {
	struct db *db;
	struct store *store;
	struct namespaces *namespaces;
	struct client *client;
	pthread_mutex_t mutex;
	pthread_cond_t news; /* for workers */
	struct job *jobs;
	size_t job_count;
	struct job *work_first, **work_last;
	bool draining, stopping;
	char pseudonym[PSEUDONYM_MAX]; /* in Via */
	struct health *health;
	struct token tokens[TOKENS_MAX];
	struct failing *failings;
	struct absence *absences; /* both a table by hash; a newer one takes the place of an older one */
	pthread_t workers[WORKERS];
};

/* ---- health.c ---- */
/* The mutex is held. Of a namespace that was changed it starts anew. */
struct health *health_of(struct upstream *u, const struct namespace *ns);
/* Fields that any answer may have: rate limits, Retry-After. */
void health_read(struct job *j, const struct client_head *head);
/* What the outcome says of the content and of the upstream. Returns in how many seconds it may be asked again, 0: now.
 */
unsigned health_note(struct job *j, enum rc rc, const struct err *err);
/* What is known from an earlier run. */
void health_start(struct upstream *u, const struct namespace *ns, const struct upstream_status *status);
/* May its cache be made smaller, since the disk is short? Once in a while: files go a little later than that. */
bool health_may_make_room(struct upstream *u, const struct namespace *ns);
/* Basic is what the upstream asks for. */
void health_note_basic(struct job *j);
bool health_wants_basic(struct job *j);
/* Why the upstream is not to be asked that now: OK when it is. With a copy in hand it is spared earlier. */
CHECKED enum rc health_permits(struct upstream *u, const struct question *q, bool has_copy, struct err *err);
/* A failure of what the status says, with its sentence; OK for 200 and 206. `absent` is the code for 404. */
CHECKED enum rc status_judge(const struct job *j, enum rc absent, struct err *err);
/* A failure of ours, for who asked an upstream and pushes nothing. */
CHECKED enum rc cannot_keep(const struct job *j, const char *what, struct err *err);
/* "Not there", or "not for you" of a whole repository, remembered. */
void absence_keep(struct job *j, const struct digest *key);
bool absence_has(struct upstream *u, const struct digest *key);
/* The same, with the sentence that says how long it is known and when it is asked again, and the code `absent`. */
CHECKED enum rc absence_judge(
    struct upstream *u, const struct namespace *ns, const struct digest *key, enum rc absent, struct err *err);

/* ---- upstream.c ---- */
/* The disk is short of so much: of a namespace with a cache_limit what was not pulled for longest goes now. */
void cache_make_room(struct upstream *u, const struct namespace *ns, uint64_t bytes);

/* ---- standing.c ---- */
CHECKED enum rc standing_load(struct upstream *u, struct err *err);
CHECKED enum rc standing_flush(struct upstream *u, struct err *err);
/* After health_note(): what has changed is logged, and written by upstream_tell(). */
void standing_note(struct job *j, enum rc rc, const struct err *err);

/* ---- via.c ---- */
/* Has the request been here before? Else `out` is what the coves that it came through say. */
bool via_leads_back(const struct upstream *u, struct exchange *x, const struct place *leaf, char out[static VIA_MAX]);

/* ---- link.c ---- */
/* The target of the link to the next page, of those in one Link field; false: there is none. */
bool link_next(struct str field, struct str *target);

/* ---- fetch_manifest.c, fetch_blob.c, fetch_list.c, probe.c: `begin` of job_take() ---- */
void manifest_begin(struct job *j, const void *manifest_question);
struct manifest_question {
	const struct reference *reference;
	const struct digest *known; /* NULL: no copy */
};
void blob_begin(struct job *j, const void *digest);
void size_begin(struct job *j, const void *digest);
void list_begin(struct job *j, const void *path_and_query);
void probe_begin(struct job *j, const void *nothing);
