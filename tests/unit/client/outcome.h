/* One request and what came of it, for the tests of client/. */
#pragma once
#include <cove/base/buf.h>
#include <cove/client/client.h>
#include <pthread.h>
#include <stdio.h>

struct outcome {
	pthread_mutex_t mutex;
	pthread_cond_t ended;
	bool over;
	int status, dones;
	char two[8];
	struct buf body;
	enum rc refuse; /* what body() returns */
	enum rc rc;
	struct err err;
};

static inline enum rc on_head(void *ctx, const struct client_head *head, struct err *err)
{
	struct outcome *o = ctx;
	struct str value;

	(void)err;
	o->status = head->status;
	if (client_field(head, "x-two", &value))
		snprintf(o->two, sizeof o->two, "%.*s", STR_ARG(value));
	return OK;
}

static inline enum rc on_body(void *ctx, const void *p, size_t n, struct err *err)
{
	struct outcome *o = ctx;

	buf_add(&o->body, (struct str){p, n});
	return o->refuse ? fail_rc(err, o->refuse) : OK;
}

static inline void on_done(void *ctx, enum rc rc, const struct err *err)
{
	struct outcome *o = ctx;

	pthread_mutex_lock(&o->mutex);
	o->rc = rc;
	if (rc)
		o->err = *err;
	o->dones++;
	o->over = true;
	pthread_cond_signal(&o->ended);
	pthread_mutex_unlock(&o->mutex);
}

static const struct client_events events = {.head = on_head, .body = on_body, .done = on_done};

static inline void outcome_init(struct outcome *o)
{
	*o = (struct outcome){.body = BUF_INIT(8u << 20)};
	pthread_mutex_init(&o->mutex, NULL);
	pthread_cond_init(&o->ended, NULL);
}

static inline void outcome_wait(struct outcome *o)
{
	pthread_mutex_lock(&o->mutex);
	while (!o->over)
		pthread_cond_wait(&o->ended, &o->mutex);
	pthread_mutex_unlock(&o->mutex);
}
