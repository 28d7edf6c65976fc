/*
 * private: what the files of upstream/ share. A struct job is one question to one upstream. Crew threads make jobs and
 * look at their outcome; its conversation runs on the client's thread, one event at a time; what blocks on the disk for
 * long (a commit) on a worker's. `mutex` guards the table of jobs, what is marked so in struct job, health, tokens,
 * absences.
 */
#pragma once
#include <cove/store.h>
#include <cove/upstream.h>
#include <pthread.h>

enum {
	JOBS_MAX = 4096,
	TOKENS_MAX = 256,
	ABSENCES_MAX = 8192,
	WORKERS = 2,
	LIMIT_RESERVE = 5, /* with so few pulls left at the upstream, copies do */
	LIST_MAX = 4 * 1024 * 1024,
};

enum job_kind { JOB_MANIFEST, JOB_BLOB, JOB_SIZE, JOB_LIST };

struct job;

/* One request of a job, with its credentials: see ask.c. */
struct ask {
	enum client_method method;
	char *path; /* behind the upstream's address; owned */
	const char *accept;
	uint64_t from, body_max;
	int64_t delay_ms;
	/* the answer; 401s that credentials may mend are not shown */
	enum rc (*head)(struct job *j, const struct client_head *head, struct err *err);
	enum rc (*body)(struct job *j, const void *p, size_t n, struct err *err);
	void (*done)(struct job *j, enum rc rc, const struct err *err);
	/* kept by ask.c */
	bool authorized, again, basic;
	char *token_url;
	struct buf token_answer;
	int token_status;
};

struct job {
	struct job *next; /* in the table */
	struct upstream *u;
	unsigned references; /* guarded; one is the conversation's until the end */
	struct digest key;
	enum job_kind kind;
	struct namespace_set *set; /* holds ns */
	const struct namespace *ns;
	char full[REPO_NAME_MAX + 1];
	const char *rest; /* within the namespace: the upstream's name */
	struct ask ask;

	/* the question */
	struct digest digest; /* of a blob, or a manifest by digest */
	bool by_digest;
	char tag[TAG_MAX + 1];
	struct digest known; /* where the kept tag points */
	bool has_known;
	bool link_only; /* the blob is in the store already: the upstream need only say that it has it */

	/* the conversation */
	int status;
	struct buf bytes; /* of a manifest or a list */
	char media_type[MEDIA_TYPE_MAX + 1];
	struct digest told; /* Docker-Content-Digest */
	bool has_told;
	int64_t retry_after_s;
	struct upload *upload;
	struct job *followers, *next_follower; /* guarded: of other repositories of the namespace, for this blob */
	bool leads;                            /* guarded: it fetches the blob */
	char upload_id[37];
	uint64_t got, skip, size_told;
	bool has_size;
	unsigned tries; /* without a byte of progress */
	uint64_t got_at_try;
	void (*work)(struct job *j); /* for a worker */
	struct job *next_work;

	/* guarded */
	bool finished, late;
	int64_t late_at_ms; /* 0: nobody waits with a copy in hand */
	enum rc rc;
	struct err err;
	uint64_t size;
	struct flow *flow;
	char next_query[UPSTREAM_QUERY_MAX];
	struct conn_ref *waiting;
	size_t waiting_count, waiting_room;
};

struct health {
	struct health *next;
	int64_t namespace_id;
	uint64_t version; /* of the namespace */
	bool wants_basic; /* instead of tokens: a password goes along at once */
	unsigned failures;
	int64_t until_ms; /* not asked before */
	enum rc rc;       /* of the last failure */
	struct upstream_status status;
};

struct token {
	struct digest key;
	char *text; /* wiped */
	int64_t until_ms;
};

struct absence {
	struct digest key;
	int64_t until_ms;
};

struct upstream {
	struct store *store;
	struct namespaces *namespaces;
	struct client *client;
	pthread_mutex_t mutex;
	pthread_cond_t news; /* for workers */
	struct job *jobs;
	size_t job_count;
	struct job *work_first, **work_last;
	bool stopping;
	struct health *health;
	struct token tokens[TOKENS_MAX];
	struct absence *absences; /* a table by hash; a newer one takes the place of an older one */
	pthread_t workers[WORKERS];
};

/* ---- job.c ---- */
/* The job of that key, made by `fill` and begun if there is none; referenced for the exchange. E_BUSY. */
struct question {
	enum job_kind kind;
	const struct place *leaf;
	struct str what; /* reference, digest or path and query: with kind and full name it is the key */
};
/* The one that is there; *out is NULL without. The outcome of one that this exchange has waited for is found so,
 * whatever it has done to the upstream's standing. */
CHECKED enum rc job_find(struct upstream *u, struct exchange *x, const struct digest *key, struct job **out);
CHECKED enum rc job_take(struct upstream *u, struct exchange *x, const struct question *q,
    void (*begin)(struct job *j, const void *ctx), const void *ctx, struct job **out, struct err *err);
struct digest question_key(const struct question *q);
/* Not over yet: the exchange's connection is woken at the end or at the next news. patience_ms 0: no copy in hand. */
bool job_wait(struct job *j, struct exchange *x, int64_t patience_ms, bool *late);
/* The end, once; wakes all. err may be NULL with OK. */
void job_finish(struct job *j, enum rc rc, const struct err *err);
/* What is kept goes to the namespace that was asked, or nowhere. */
static inline struct space job_space(const struct job *j)
{
	return (struct space){.namespace_id = j->ns->id, .blob_store = j->ns->blob_store};
}
/* Something changed that who waits may want to see. */
void job_wake(struct job *j);
/* Gives the job to a worker. */
void job_hand_over(struct job *j, void (*work)(struct job *j));
void *job_worker(void *upstream);

/* ---- ask.c ---- */
/* Sends j->ask; the path is taken over. Any thread. */
void ask_start(struct job *j, enum client_method method, char *path, const char *accept);
/* The same request once more, from byte `from`, later. */
void ask_again(struct job *j, uint64_t from, int64_t delay_ms);
void ask_release(struct job *j);
/* "/v2/<rest>/<what>" */
char *ask_path(const struct job *j, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- health.c ---- */
/* Fields that any answer may have: rate limits, Retry-After. */
void health_read(struct job *j, const struct client_head *head);
/* What the outcome says of the upstream. */
void health_note(struct job *j, enum rc rc, const struct err *err);
/* Basic is what the upstream asks for. */
void health_note_basic(struct job *j);
bool health_wants_basic(struct job *j);
/* Why the upstream is not to be asked now: OK when it is. With a copy in hand it is spared earlier. */
CHECKED enum rc health_permits(struct upstream *u, const struct namespace *ns, bool has_copy, struct err *err);
/* A failure of what the status says, with its sentence; OK for 200 and 206. `absent` is the code for 404. */
CHECKED enum rc status_judge(const struct job *j, enum rc absent, struct err *err);
/* A failure of ours, for who asked an upstream and pushes nothing. */
CHECKED enum rc cannot_keep(const struct job *j, const char *what, struct err *err);
/* "Not there", remembered. */
void absence_keep(struct job *j);
bool absence_has(struct upstream *u, const struct digest *key);

/* ---- fetch_manifest.c, fetch_blob.c, fetch_list.c: `begin` of job_take() ---- */
void manifest_begin(struct job *j, const void *manifest_question);
struct manifest_question {
	const struct reference *reference;
	const struct digest *known; /* NULL: no copy */
};
void blob_begin(struct job *j, const void *digest);
void size_begin(struct job *j, const void *digest);
void list_begin(struct job *j, const void *path_and_query);
