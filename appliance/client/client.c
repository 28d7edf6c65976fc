/*
 * client: the thread: commands in, curl's transfers, deadlines, ends. Everything of a transfer happens here but its
 * making, which is its caller's.
 */
#include "transfer.h"
#include <cove/base/clock.h>
#include <cove/base/log.h>
#include <stdlib.h>

enum {
	CONNECTIONS = 64,
	CONNECTIONS_PER_HOST = 16,
	CONNECTIONS_IDLE = 16, /* kept for later requests */
	TRANSFERS_MAX = 1024,  /* started and not yet done, delayed ones too */
	POLL_MS_MAX = 60000,
	STACK_BYTES = 512 * 1024, /* for RSA certificates, and what events do: commits of the database */
};

/* The command is the thread's from here on. */
static client_id push(struct client *c, struct command *command)
{
	client_id id;

	pthread_mutex_lock(&c->mutex);
	id = ++c->next_id;
	if (command->start) {
		command->start->id = id;
		if (c->alive++ >= TRANSFERS_MAX && !command->start->rc)
			command->start->rc = fail(&command->start->err, E_BUSY,
			    "too many requests to other registries are in progress: try again in a moment");
	}
	*c->last = command;
	c->last = &command->next;
	pthread_mutex_unlock(&c->mutex);
	curl_multi_wakeup(c->multi);
	return id;
}

client_id client_start(
    struct client *c, const struct client_request *request, const struct client_events *events, void *ctx)
{
	struct command *command = xcalloc(1, sizeof(*command));

	command->start = transfer_new(c, request, events, ctx);
	return push(c, command);
}

void client_cancel(struct client *c, client_id id)
{
	struct command *command = xcalloc(1, sizeof(*command));

	command->cancel = id;
	(void)push(c, command);
}

/* ---- the thread ---- */

static void end(struct client *c, struct transfer *t)
{
	struct transfer **at;

	for (at = &c->transfers; *at != t; at = &(*at)->next)
		;
	*at = t->next;
	if (t->in_multi) {
		curl_multi_remove_handle(c->multi, t->easy);
		c->running--;
	}
	t->events.done(t->ctx, t->rc, &t->err);
	transfer_free(t);
	pthread_mutex_lock(&c->mutex);
	c->alive--;
	pthread_mutex_unlock(&c->mutex);
}

/* Bulk leaves a quarter to others: what is small never waits for what is large. */
static bool is_free(unsigned limit, unsigned all, unsigned bulk, bool is_bulk)
{
	return all < limit && (!is_bulk || bulk < limit - limit / 4);
}

/* Who must wait for a connection does so here and not in curl, which would take it for a peer that does not answer. */
static bool has_room(const struct client *c, const struct transfer *t)
{
	unsigned all = 0, bulk = 0, all_here = 0, bulk_here = 0;

	for (const struct transfer *o = c->transfers; o && all < c->running; o = o->next) {
		bool here = o->in_multi && str_eqi(str_of(o->host), str_of(t->host));

		all += o->in_multi;
		bulk += o->in_multi && o->is_bulk;
		all_here += here;
		bulk_here += here && o->is_bulk;
	}
	return is_free(c->connections_max, all, bulk, t->is_bulk) &&
	       is_free(c->connections_per_host_max, all_here, bulk_here, t->is_bulk);
}

static void begin(struct client *c, struct transfer *t, int64_t now_ms)
{
	CURLMcode code = curl_multi_add_handle(c->multi, t->easy);

	if (code) {
		t->rc = fail(&t->err, E_BUSY, "the request to %s failed: %s", t->host, curl_multi_strerror(code));
		return;
	}
	c->running++;
	transfer_begun(t, now_ms);
}

static void take_commands(struct client *c)
{
	struct command *list, *next;
	struct transfer **at;

	pthread_mutex_lock(&c->mutex);
	list = c->first;
	c->first = NULL;
	c->last = &c->first;
	pthread_mutex_unlock(&c->mutex);
	for (; list; list = next) {
		next = list->next;
		if (list->start) {
			for (at = &c->transfers; *at; at = &(*at)->next)
				;
			*at = list->start; /* behind the others: who came first gets the next connection */
		}
		for (struct transfer *t = c->transfers; t && !list->start; t = t->next)
			if (t->id == list->cancel && !t->rc)
				t->rc = fail(&t->err, E_SHUTTING_DOWN, "the request to %s was cancelled", t->host);
		free(list);
	}
}

static void take_results(struct client *c)
{
	struct CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(c->multi, &left))) {
		struct transfer *t = NULL;
		CURLcode code = m->data.result;

		if (m->msg != CURLMSG_DONE || curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t) || !t)
			continue;
		if (code == CURLE_OK)
			transfer_say_head(t);
		transfer_judge(t, code);
		end(c, t);
	}
}

/* Starts what is due, ends what is over; how long there is nothing to do. */
static int look_after(struct client *c)
{
	int64_t now_ms = clock_mono_ms(), due = now_ms + POLL_MS_MAX;

	for (struct transfer *t = c->transfers, *next; t; t = next) {
		int64_t at;

		next = t->next;
		if (!t->rc && t->stage == STAGE_DELAYED && now_ms >= t->due_ms)
			transfer_queue(t, now_ms);
		if (!t->rc && t->stage == STAGE_QUEUED && has_room(c, t))
			begin(c, t, now_ms);
		at = transfer_check(t, now_ms);
		if (!t->rc && at < due)
			due = at;
		if (t->rc) {
			end(c, t);
			due = now_ms; /* somebody in front may have waited for its connection */
		}
	}
	return due > now_ms ? (int)(due - now_ms) : 0;
}

struct news {
	bool stopping, commands;
};

static struct news look_for_news(struct client *c)
{
	struct news news;

	pthread_mutex_lock(&c->mutex);
	news = (struct news){c->stopping, c->first};
	pthread_mutex_unlock(&c->mutex);
	return news;
}

static void *run(void *ctx)
{
	struct client *c = ctx;
	struct news news = {.commands = true};
	int running, wait_ms;

	while (!news.stopping) {
		take_commands(c);
		curl_multi_perform(c->multi, &running);
		take_results(c);
		/* last, since all of the above moves deadlines; what it starts makes the poll return at once */
		wait_ms = look_after(c);
		/* perform swallows a wake-up that came before it: only one after this look ends the poll */
		news = look_for_news(c);
		if (wait_ms && !news.commands && !news.stopping)
			curl_multi_poll(c->multi, NULL, 0, wait_ms, NULL);
		news = look_for_news(c);
	}
	/* an end may ask for more: that ends as well */
	do {
		take_commands(c);
		for (struct transfer *t = c->transfers; t; t = t->next)
			if (!t->rc)
				t->rc = fail_rc(&t->err, E_SHUTTING_DOWN);
		while (c->transfers)
			end(c, c->transfers);
	} while (look_for_news(c).commands);
	return NULL;
}

static void release(struct client *c)
{
	curl_multi_cleanup(c->multi);
	curl_global_cleanup();
	ca_free(c->ca);
	pthread_mutex_destroy(&c->mutex);
	free(c->user_agent);
	free(c);
}

enum rc client_open(const struct client_options *options, struct client **out, struct err *err)
{
	struct client *c = xcalloc(1, sizeof(*c));
	pthread_attr_t attributes;
	int failed;

	if (curl_global_init(CURL_GLOBAL_DEFAULT))
		bug("libcurl does not start");
	c->last = &c->first;
	c->connections_max = options->connections_max ? options->connections_max : CONNECTIONS;
	c->connections_per_host_max =
	    options->connections_per_host_max ? options->connections_per_host_max : CONNECTIONS_PER_HOST;
	pthread_mutex_init(&c->mutex, NULL);
	c->user_agent = xstrdup(options->user_agent);
	c->ca = ca_new();
	c->multi = curl_multi_init();
	if (!c->multi)
		bug("no memory for the client");
	curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_IDLE);
	/* a name server that does not answer does not keep the program from stopping */
	curl_multi_setopt(c->multi, CURLMOPT_QUICK_EXIT, 1L);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	failed = pthread_create(&c->thread, &attributes, run, c);
	pthread_attr_destroy(&attributes);
	if (failed) {
		release(c);
		return fail(err, E_BUSY, "no thread for outgoing requests");
	}
	*out = c;
	return OK;
}

void client_close(struct client *c)
{
	pthread_mutex_lock(&c->mutex);
	c->stopping = true;
	pthread_mutex_unlock(&c->mutex);
	curl_multi_wakeup(c->multi);
	pthread_join(c->thread, NULL);
	release(c);
}
