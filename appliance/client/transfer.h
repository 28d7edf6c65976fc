/* transfer: one request under way, and the thread's view of the client. Private to client/. */
#pragma once
#include <cove/client/client.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>

/* What it waits for. */
enum stage {
	STAGE_DELAYED,    /* its time to start */
	STAGE_QUEUED,     /* others to end: as many as may be are under way */
	STAGE_CONNECTING, /* a connection: curl has a deadline for that */
	STAGE_ASKED,      /* the head of the answer */
	STAGE_ANSWERED,   /* more of the body, or where a redirect leads */
};

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
	struct ca *ca;
	char *ca_pem; /* NULL: the public CAs only */
	struct ca_extra *ca_extra;
	char host[128]; /* for sentences */
	char error[CURL_ERROR_SIZE];
	enum stage stage;
	bool in_multi, head_said;
	bool was_https; /* on some hop: no later one may be plain */
	bool is_head;   /* of the methods */
	bool is_bulk;
	bool shows_redirects, is_led;
	bool is_too_near; /* an address of its host was refused */
	enum nearness led_from;
	unsigned redirects_max;
	uint64_t body_bytes, body_max;
	int64_t queue_ms, connect_ms, head_ms, stall_ms;
	int64_t due_ms; /* when the stage has lasted too long; of a delayed one: when it starts */
	enum rc rc;     /* what an event, a deadline or the request itself ended it with */
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
	struct ca *ca;
	unsigned connections_max, connections_per_host_max;
	struct transfer *transfers; /* the thread's own, as is the next; the oldest first */
	unsigned running;           /* of them: given to curl */
	pthread_mutex_t mutex;      /* guards what follows */
	struct command *first, **last;
	client_id next_id;
	unsigned alive; /* transfers that were started and did not end yet */
	bool stopping;
};

/* A transfer ready to be added; what is wrong with the request is in its rc. */
struct transfer *transfer_new(
    struct client *c, const struct client_request *request, const struct client_events *events, void *ctx);
void transfer_free(struct transfer *t);
/* curl says it ended: the code that done() gets. */
void transfer_judge(struct transfer *t, CURLcode code);
/* head() if it was not said yet. */
void transfer_say_head(struct transfer *t);
/* It may start, as soon as there is room. */
void transfer_queue(struct transfer *t, int64_t now_ms);
/* It was given to curl. */
void transfer_begun(struct transfer *t, int64_t now_ms);
/* A deadline that has passed sets rc. Returns when the next one is due. */
int64_t transfer_check(struct transfer *t, int64_t now_ms);

/* ---- near.c ---- */
/* Of an address as text; a name is NEAR_NOT. */
enum nearness nearness_of_text(const char *address);
/* May a server that lies at `from` lead there? To everywhere in public, to where it is itself, and from this machine
 * into its networks. */
bool nearness_allows(enum nearness from, enum nearness to);
/* For curl: the socket of a connection, unless that would be too near. */
curl_socket_t near_open(void *transfer, curlsocktype purpose, struct curl_sockaddr *address);
CHECKED enum rc near_refuse(struct transfer *t);

/* ---- ca.c ---- */
/* The public CAs: read with the first TLS connection, shared by all; used on the client's thread only. */
struct ca *ca_new(void);
void ca_free(struct ca *ca);
/* Beside them. It is used while a connection of the transfer makes its handshake, so it lives as long as that. */
struct ca_extra;
void ca_extra_free(struct ca_extra *extra);
/* The transfer's connections trust the public CAs and those of `pem`. */
void ca_set(struct transfer *t, struct ca *ca, struct str pem);
