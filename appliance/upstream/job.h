/*
 * job: one question to one upstream. Crew threads make jobs and look at their outcome; its conversation runs on the
 * client's thread, one event at a time; what blocks on the disk for long (a commit) on a worker's.
 */
#pragma once
#include <cove/store/store.h>
#include <cove/upstream/upstream.h>

enum {
	PSEUDONYM_MAX = 32,
	VIA_MAX = 8 * (PSEUDONYM_MAX + 6) + 1,
};

enum job_kind { JOB_MANIFEST, JOB_BLOB, JOB_SIZE, JOB_LIST, JOB_PROBE };

struct job;

enum ask_next { NEXT_NOTHING, NEXT_LOCATION, NEXT_CREDENTIALS };

/* One request of a job, with its redirects and credentials: see ask.c. */
struct ask {
	enum client_method method;
	char *path; /* behind the upstream's address; owned */
	const char *accept;
	uint64_t from, body_max;
	int64_t delay_ms;
	/* the answer; redirects and 401s that credentials may mend are not shown, the body only of 200 and 206 */
	enum rc (*head)(struct job *j, const struct client_head *head, struct err *err);
	enum rc (*body)(struct job *j, const void *p, size_t n, struct err *err);
	void (*done)(struct job *j, enum rc rc, const struct err *err);
	/* kept by ask.c: where it stands */
	char *url;               /* of this hop */
	char origin[ORIGIN_MAX]; /* of that */
	bool is_own;             /* it is the upstream's own; else a redirect has led there */
	bool connected;          /* the request has gone out */
	enum nearness near;      /* where the upstream is */
	unsigned redirects, challenges;
	bool authorized; /* this origin has got what it asked for */
	bool basic;
	enum ask_next next;
	char *location;   /* of the next hop */
	uint64_t dropped; /* bytes of a body that nobody wants */
	/* kept by token.c */
	char *token_url, token_origin[ORIGIN_MAX];
	struct buf token_answer;
	int token_status;
};

struct job {
	struct job *next; /* in the table */
	struct upstream *u;
	unsigned references; /* guarded; one is the conversation's until the end */
	struct digest key, content_key, repository_key;
	enum job_kind kind;
	struct namespace_set *set; /* holds ns */
	const struct namespace *ns;
	char full[REPO_NAME_MAX + 1];
	const char *rest; /* within the namespace: the upstream's name */
	char via[VIA_MAX];
	struct ask ask;

	/* the question */
	struct digest digest; /* of a blob, or a manifest by digest */
	bool by_digest;
	char tag[TAG_MAX + 1];
	struct digest known; /* where the kept tag points */
	bool has_known;
	bool link_only; /* the namespace has the blob already: the upstream need only say that this repository has it */

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
	uint64_t size; /* FLOW_SIZE_UNKNOWN: not before its end */
	struct flow *flow;
	char *next_query; /* of a list; NULL: it was the last page */
	struct conn_ref *waiting;
	size_t waiting_count, waiting_room;
};

/* ---- job.c ---- */
/* The job of that key, made by `fill` and begun if there is none; referenced for the exchange. E_BUSY. */
struct question {
	enum job_kind kind;
	const struct place *leaf;
	struct str what;   /* reference, digest or path and query: with kind, full name and via it is the key */
	char via[VIA_MAX]; /* the coves that it came through, each with ", " behind it: they get answers of their own */
};
/* The one that is there; *out is NULL without. The outcome of one that this exchange has waited for is found so,
 * whatever it has done to the upstream's standing. */
CHECKED enum rc job_find(struct upstream *u, struct exchange *x, const struct digest *key, struct job **out);
CHECKED enum rc job_take(struct upstream *u, struct exchange *x, const struct question *q,
    void (*begin)(struct job *j, const void *ctx), const void *ctx, struct job **out, struct err *err);
struct digest question_key(const struct question *q);
/* Of what it is about, whoever asks and however. */
struct digest content_key(const struct question *q);
/* Of all questions about manifests of the repository. */
struct digest repository_key(const struct place *leaf);
/* Not over yet: the exchange's connection is woken at the end or at the next news. patience_ms 0: no copy in hand. */
bool job_wait(struct job *j, struct exchange *x, int64_t patience_ms, bool *late);
/* The end, once; wakes all. err may be NULL with OK. */
void job_finish(struct job *j, enum rc rc, const struct err *err);
/* What is kept goes to the namespace that was asked, or nowhere. */
static inline struct space job_space(const struct job *j)
{
	return (struct space){.namespace_id = j->ns->id, .blob_store = j->ns->blob_store, .pulled_through = true};
}
/* Wakes all who wait for any job. */
void jobs_wake(struct upstream *u);
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
/* The next hop, as j->ask says. */
void ask_send(struct job *j);
/* Who answers or fails, for sentences: the upstream, or where it redirects to. */
#define WHO_MAX 1024
void ask_who(const struct job *j, char out[static WHO_MAX]);
/* "/v2/<rest>/<what>" */
char *ask_path(const struct job *j, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- token.c: all of it for the origin of j->ask's hop ---- */
/* Can one of the challenges be met? Then j->ask.basic says by what, else a token is to be fetched. */
bool token_can_meet(struct job *j, const struct client_head *head);
/* Fetches it, keeps it, and sends the hop once more. */
void token_fetch(struct job *j);
/* "Bearer ...", if one is kept. */
void token_find(struct job *j, struct buf *out);
/* "Basic ..." */
CHECKED enum rc basic_value(struct job *j, struct buf *out, struct err *err);
/* From https to http. */
bool is_downgrade(const char *from, const char *to);
