/* net: making it, starting it, stopping it. */
#include "tls.h"
#include <cove/base/log.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define CREW_STACK_BYTES (256u * 1024)

#define THREADS_PER_CORE 4
#define THREADS_MIN 8
#define THREADS_MAX 64
#define CONNECTIONS_MAX 65536
#define STALL_MS (3 * 60 * 1000)
#define DESCRIPTORS_KEPT 256 /* for files, the database, upstreams */

static unsigned choose_threads(unsigned wanted)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned threads = wanted ? wanted : (unsigned)(cores > 0 ? cores : 1) * THREADS_PER_CORE;

	if (!wanted && threads < THREADS_MIN)
		threads = THREADS_MIN;
	return threads > THREADS_MAX ? THREADS_MAX : threads;
}

/* Raises the soft limit to the hard one: it is there to be used. */
static unsigned choose_connections(unsigned wanted)
{
	struct rlimit files = {0};
	rlim_t max = CONNECTIONS_MAX;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
		getrlimit(RLIMIT_NOFILE, &files);
		rlim_t kept = files.rlim_cur / 4 < DESCRIPTORS_KEPT ? files.rlim_cur / 4 : DESCRIPTORS_KEPT;
		if (files.rlim_cur - kept < max)
			max = files.rlim_cur - kept;
	}
	return wanted && wanted < max ? wanted : (unsigned)max;
}

static unsigned choose_sessions(uint64_t memory_bytes)
{
	if (!memory_bytes)
		memory_bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) / 8;
	uint64_t sessions = memory_bytes / TLS_SESSION_BYTES;
	return sessions < 8 ? 8 : sessions > CONNECTIONS_MAX ? CONNECTIONS_MAX : (unsigned)sessions;
}

static CHECKED enum rc open_descriptors(struct net *n, struct err *err)
{
	n->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	n->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	n->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	n->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (n->epoll_fd < 0 || n->timer_fd < 0 || n->wake_fd < 0 || n->spare_fd < 0)
		return fail_errno(err, E_IO, "cannot make the event loop");
	/* Edge-triggered: each write wakes one thread, and nobody has to read it off. */
	TRY(crew_watch(n, n->wake_fd, EVENT_WAKE, EPOLLIN | EPOLLET, false, err));
	return crew_watch(n, n->timer_fd, EVENT_TICK, EPOLLIN | EPOLLET, false, err);
}

static void make_workers(struct net *n)
{
	n->workers = xcalloc(n->thread_count, sizeof(*n->workers));
	for (unsigned i = 0; i < n->thread_count; i++) {
		struct worker *w = &n->workers[i];
		w->net = n;
		/* Not from xcalloc: pages that no transfer ever touches stay unused. */
		w->scratch = malloc(SCRATCH_BYTES);
		w->in = malloc(AHEAD_BYTES);
		w->out = malloc(GATHER_BYTES);
		if (!w->scratch || !w->in || !w->out)
			bug("no memory for the crew");
	}
}

enum rc net_open(const struct net_options *options, struct net **out, struct err *err)
{
	struct net *n = xcalloc(1, sizeof(*n));
	pthread_condattr_t monotonic;

	n->epoll_fd = n->timer_fd = n->wake_fd = n->spare_fd = -1;
	n->protocol = *options->protocol;
	n->thread_count = choose_threads(options->threads);
	n->stall_ms = options->stall_ms ? options->stall_ms : STALL_MS;
	n->room[POOL_CONNECTIONS].max = choose_connections(options->max_connections);
	n->room[POOL_TLS].max = choose_sessions(options->tls_memory_bytes);
	room_init(n);
	/* Those on their way out do not count: there can be as many again. */
	n->chunk_max = 2 * n->room[POOL_CONNECTIONS].max / SLOTS_PER_CHUNK + 1;
	n->chunks = xcalloc(n->chunk_max, sizeof(*n->chunks));
	n->favourite_suite = tls_favourite();
	n->tickets = tls_tickets_new();
	for (unsigned i = 0; i < LISTENERS_MAX; i++)
		n->listeners[i].fd = -1;
	pthread_mutex_init(&n->listeners_mutex, NULL);
	pthread_mutex_init(&n->mutex, NULL);
	pthread_mutex_init(&n->ready_mutex, NULL);
	pthread_mutex_init(&n->lane_mutex, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&n->empty, &monotonic);
	pthread_condattr_destroy(&monotonic);
	lanes_init(n, n->thread_count);
	make_workers(n);
	enum rc rc = open_descriptors(n, err);
	if (rc == OK)
		*out = n;
	else
		net_close(n);
	return rc;
}

void net_set_identity(struct net *n, struct tls_identity *identity)
{
	struct tls_context *made = tls_context_new(identity, n->tickets), *old;

	pthread_mutex_lock(&n->mutex);
	old = n->tls_now;
	n->tls_now = made;
	pthread_mutex_unlock(&n->mutex);
	tls_context_unref(old);
}

static CHECKED enum rc start_threads(struct net *n, struct err *err)
{
	pthread_attr_t attributes;
	int failed = 0;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, CREW_STACK_BYTES);
	for (n->started = 0; n->started < n->thread_count && !failed; n->started += !failed)
		failed =
		    pthread_create(&n->workers[n->started].thread, &attributes, crew_main, &n->workers[n->started]);
	pthread_attr_destroy(&attributes);
	errno = failed;
	return failed ? fail_errno(err, E_IO, "cannot start a thread") : OK;
}

enum rc net_start(struct net *n, struct err *err)
{
	if (!n->tls_now)
		bug("net_start without an identity");
	TRY(listeners_watch(n, err));
	enum rc rc = start_threads(n, err);
	if (rc)
		net_stop(n, 0);
	return rc;
}

/* Until nobody is left, or for so long (-1: without end). Mutex held. */
static void wait_until_empty(struct net *n, int64_t ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(ms / 1000);
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	while (n->room[POOL_CONNECTIONS].open) {
		int ret = ms < 0 ? pthread_cond_wait(&n->empty, &n->mutex)
				 : pthread_cond_timedwait(&n->empty, &n->mutex, &until);
		if (ret == ETIMEDOUT)
			return;
	}
}

/* Those who are in no exchange. Mutex held. */
static void cut_idle(struct net *n)
{
	static const enum timing idle[] = {TIMING_OPENING, TIMING_IDLE_PLAIN, TIMING_IDLE_TLS};

	for (size_t i = 0; i < sizeof(idle) / sizeof(*idle); i++)
		while (n->timings[idle[i]].first)
			deadline_cut(n->timings[idle[i]].first, false);
}

/* Mutex held. */
static void shut_all(struct net *n)
{
	for (uint32_t i = 0; i < n->chunk_count * SLOTS_PER_CHUNK; i++) {
		struct conn *c = slots_at(n, i);
		if (c->fd < 0)
			continue;
		atomic_store(&c->cut, true);
		shutdown(c->fd, SHUT_RDWR);
	}
}

bool net_drain(struct net *n, int64_t ms)
{
	bool empty;

	atomic_store(&n->draining, true);
	/* The kernel stops queueing; the descriptor itself is closed when no thread can be in accept(2). */
	listeners_shut(n);
	pthread_mutex_lock(&n->mutex);
	cut_idle(n);
	wait_until_empty(n, ms > 0 ? ms : 0);
	empty = !n->room[POOL_CONNECTIONS].open;
	pthread_mutex_unlock(&n->mutex);
	return empty;
}

void net_stop(struct net *n, int64_t grace_ms)
{
	(void)net_drain(n, grace_ms);
	pthread_mutex_lock(&n->mutex);
	if (n->room[POOL_CONNECTIONS].open)
		log_info("net.cut", "connections=%u", n->room[POOL_CONNECTIONS].open);
	shut_all(n);
	if (n->started)
		wait_until_empty(n, -1);
	pthread_mutex_unlock(&n->mutex);
	atomic_store(&n->ended, true);
	crew_nudge(n);
	for (unsigned i = 0; i < n->started; i++)
		pthread_join(n->workers[i].thread, NULL);
	n->started = 0;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void net_close(struct net *n)
{
	if (!n)
		return;
	if (n->started)
		bug("net_close before net_stop");
	listeners_close(n);
	for (unsigned i = 0; i < n->thread_count; i++) {
		free(n->workers[i].scratch);
		free(n->workers[i].in);
		free(n->workers[i].out);
	}
	for (uint32_t i = 0; i < n->chunk_count; i++)
		free(n->chunks[i]);
	room_free(n);
	close_fd(n->epoll_fd);
	close_fd(n->timer_fd);
	close_fd(n->wake_fd);
	close_fd(n->spare_fd);
	tls_context_unref(n->tls_now);
	tls_tickets_free(n->tickets);
	pthread_mutex_destroy(&n->listeners_mutex);
	pthread_mutex_destroy(&n->mutex);
	pthread_mutex_destroy(&n->ready_mutex);
	pthread_mutex_destroy(&n->lane_mutex);
	pthread_cond_destroy(&n->empty);
	free(n->workers);
	free(n->chunks);
	free(n);
}

void net_read_figures(struct net *n, struct net_figures *out)
{
	*out = (struct net_figures){
	    .accepted = n->accepted,
	    .refused = n->refused,
	    .handshakes = n->handshakes,
	    .handshakes_resumed = n->resumed,
	    .handshakes_failed = n->failed,
	    .unknown_ca = n->unknown_ca,
	    .bytes_in = n->bytes_in,
	    .bytes_out = n->bytes_out,
	};
	pthread_mutex_lock(&n->mutex);
	out->open = n->room[POOL_CONNECTIONS].open;
	out->tls_open = n->room[POOL_TLS].open;
	pthread_mutex_unlock(&n->mutex);
}
