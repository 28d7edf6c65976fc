/* transfer: one request under way, and the thread's view of the client. Private to client/. */
#pragma once
#include <cove/client.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>

/* Owned by the client's thread once it is in its list. */
struct transfer {
	struct transfer *next;
	client_id id;
	struct client_events events;
	void *ctx;
	CURL *easy;
	struct curl_slist *fields;
	char *authorization, *body; /* wiped */
	size_t authorization_n, body_n;
	char host[128]; /* for sentences */
	char error[CURL_ERROR_SIZE];
	bool in_multi, head_said;
	uint64_t body_bytes, body_max;
	int64_t start_at_ms; /* a delayed one: not before */
	int64_t head_by_ms;  /* deadline of the head, once started */
	int64_t head_ms, stall_ms;
	int64_t last_byte_ms;
	enum rc rc; /* what an event, a deadline or the request itself ended it with */
	struct err err;
};

struct command {
	struct command *next;
	struct transfer *start; /* NULL: a cancel */
	client_id cancel;
};

struct client {
	CURLM *multi;
	pthread_t thread;
	char *user_agent;
	struct transfer *transfers; /* the thread's own */
	pthread_mutex_t mutex;      /* guards what follows */
	struct command *first, **last;
	client_id next_id;
	bool stopping;
	pthread_mutex_t trust_mutex; /* guards: */
	struct trust *trusts;
};

/* A transfer ready to be added; what is wrong with the request is in its rc. */
struct transfer *transfer_new(
    struct client *c, const struct client_request *request, const struct client_events *events, void *ctx);
void transfer_free(struct transfer *t);
/* curl says it ended: the code that done() gets. */
void transfer_judge(struct transfer *t, CURLcode code);
/* head() if it was not said yet. */
void transfer_say_head(struct transfer *t);
/* A deadline has passed: sets rc. Returns when the next one is due, INT64_MAX for never. */
int64_t transfer_check(struct transfer *t, int64_t now_ms);

/* ---- ca.c ---- */
/* The request trusts the public CAs and those of `pem`. */
void trust_set(struct client *c, CURL *easy, struct str pem);
void trust_free_all(struct client *c);
