/*
 * listener: addresses to listen on, and taking connections off them in batches. What a connection needs of its socket
 * (no delay, keep-alive, a small unsent queue) is set on the listener: Linux hands it down. When there are too many
 * connections one of them gives way (room.h); when none can, the new one goes: a queue in the kernel that nobody takes
 * from would leave its clients without any answer.
 */
#include "inside.h"
#include <arpa/inet.h>
#include <cove/base/log.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH 64
#define BACKLOG 4096 /* cut by the kernel to net.core.somaxconn */
/* What may lie in the kernel unsent: a peer that leaves costs little disk reading, a slow one little memory. */
#define UNSENT_BYTES (256 * 1024)

static bool set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

/* -1 and errno on failure. */
static int open_listener(const struct sockaddr *address, socklen_t n)
{
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	/* An IPv6 literal other than [::] takes no IPv4 in any case. */
	bool ok = set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1) &&
		  (address->sa_family != AF_INET6 || set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0)) &&
		  bind(fd, address, n) == 0 && listen(fd, BACKLOG) == 0;
	if (!ok) {
		int saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_int(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_BYTES);
	set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, 60);
	set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, 15);
	set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, 4);
	return fd;
}

static int open_all_addresses(uint16_t port)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_ANY_INIT, .sin6_port = htons(port)};
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = open_listener((const struct sockaddr *)&six, sizeof(six));

	/* A kernel without IPv6, or with it switched off. */
	if (fd < 0 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL || errno == EPROTONOSUPPORT))
		fd = open_listener((const struct sockaddr *)&four, sizeof(four));
	return fd;
}

static CHECKED enum rc open_address(const char *host, uint16_t port, int *fd, struct err *err)
{
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM}, *found = NULL;
	union {
		struct sockaddr any;
		struct sockaddr_in four;
		struct sockaddr_in6 six;
	} address;

	if (getaddrinfo(host, NULL, &hints, &found) != 0 || !found || found->ai_addrlen > sizeof(address)) {
		if (found)
			freeaddrinfo(found);
		return fail(
		    err, E_CONFIG, "cannot listen on %s: write an address such as 192.0.2.1 or 2001:db8::1", host);
	}
	memcpy(&address, found->ai_addr, found->ai_addrlen);
	if (address.any.sa_family == AF_INET6)
		address.six.sin6_port = htons(port);
	else
		address.four.sin_port = htons(port);
	*fd = open_listener(&address.any, found->ai_addrlen);
	int saved = errno;
	freeaddrinfo(found);
	errno = saved;
	return OK;
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in6 address = {0}; /* sin_port lies at the same place */
	socklen_t n = sizeof(address);

	getsockname(fd, (struct sockaddr *)&address, &n);
	return ntohs(address.sin6_port);
}

/* Enters it, and has it watched when the crew runs. The mutex is held. */
static CHECKED enum rc enter(struct net *n, int fd, unsigned tag, uint16_t *port, struct err *err)
{
	unsigned i = 0;

	while (i < LISTENERS_MAX && n->listeners[i].fd >= 0)
		i++;
	if (i == LISTENERS_MAX)
		return fail(err, E_CONFIG, "more than %u listeners", LISTENERS_MAX);
	*port = port_of(fd);
	n->listeners[i] = (struct listener){.fd = fd, .port = *port, .tag = tag};
	if (n->listeners_watched && crew_watch(n, fd, EVENT_LISTENER + i, EPOLLIN | EPOLLONESHOT, false, err)) {
		n->listeners[i].fd = -1;
		return E_IO;
	}
	return OK;
}

static enum rc cannot_listen(const char *host, uint16_t port, struct err *err)
{
	const char *where = *host ? host : "all addresses";

	switch (errno) {
	case EADDRINUSE:
		return fail(err, E_IO,
		    "cannot listen on %s port %u: another program uses it: stop that program, or choose another port",
		    where, port);
	case EACCES:
		return fail(err, E_IO,
		    "cannot listen on %s port %u: below 1024 that needs the capability CAP_NET_BIND_SERVICE (for "
		    "systemd AmbientCapabilities=CAP_NET_BIND_SERVICE): grant it, or choose another port",
		    where, port);
	case EADDRNOTAVAIL:
		return fail(err, E_IO,
		    "cannot listen on %s port %u: this machine does not have that address (`ip address` shows the "
		    "addresses that it has)",
		    where, port);
	default:
		return fail_errno(err, E_IO, "cannot listen on %s port %u", where, port);
	}
}

enum rc net_listen(struct net *n, const char *host, uint16_t port, unsigned tag, uint16_t *bound_port, struct err *err)
{
	uint16_t bound = 0;
	int fd = -1;
	enum rc rc;

	if (*host)
		TRY(open_address(host, port, &fd, err));
	else
		fd = open_all_addresses(port);
	if (fd < 0)
		return cannot_listen(host, port, err);
	pthread_mutex_lock(&n->listeners_mutex);
	rc = atomic_load(&n->draining) ? fail_rc(err, E_SHUTTING_DOWN) : enter(n, fd, tag, &bound, err);
	pthread_mutex_unlock(&n->listeners_mutex);
	if (rc)
		close(fd);
	else if (bound_port)
		*bound_port = bound;
	return rc;
}

bool net_port_is_taken(uint16_t port)
{
	int fd = open_all_addresses(port);

	if (fd < 0)
		return errno == EADDRINUSE;
	close(fd);
	return false;
}

/* The mutex is held. */
static void drop(struct net *n, struct listener *l)
{
	if (l->state == LISTENER_RESTS)
		atomic_fetch_sub(&n->resting, 1);
	close(l->fd); /* epoll forgets it by itself */
	l->fd = -1;
}

void net_unlisten(struct net *n, uint16_t port)
{
	pthread_mutex_lock(&n->listeners_mutex);
	for (unsigned i = 0; i < LISTENERS_MAX; i++) {
		struct listener *l = &n->listeners[i];

		if (l->fd < 0 || l->port != port)
			continue;
		l->given_up = true;
		if (l->state != LISTENER_ACCEPTS)
			drop(n, l);
		else
			shutdown(l->fd, SHUT_RDWR); /* the thread that has it closes it; nobody gets in from now on */
	}
	pthread_mutex_unlock(&n->listeners_mutex);
}

enum rc listeners_watch(struct net *n, struct err *err)
{
	enum rc rc = OK;

	pthread_mutex_lock(&n->listeners_mutex);
	for (unsigned i = 0; i < LISTENERS_MAX && !rc; i++)
		if (n->listeners[i].fd >= 0)
			rc = crew_watch(n, n->listeners[i].fd, EVENT_LISTENER + i, EPOLLIN | EPOLLONESHOT, false, err);
	n->listeners_watched = true;
	pthread_mutex_unlock(&n->listeners_mutex);
	return rc;
}

/* The descriptors themselves are closed when no thread can be in accept(2). */
void listeners_shut(struct net *n)
{
	pthread_mutex_lock(&n->listeners_mutex);
	for (unsigned i = 0; i < LISTENERS_MAX; i++)
		if (n->listeners[i].fd >= 0)
			shutdown(n->listeners[i].fd, SHUT_RDWR);
	pthread_mutex_unlock(&n->listeners_mutex);
}

void listeners_close(struct net *n)
{
	for (unsigned i = 0; i < LISTENERS_MAX; i++)
		if (n->listeners[i].fd >= 0)
			drop(n, &n->listeners[i]);
}

static void name_peer(const struct sockaddr_in6 *address, char peer[static INET6_ADDRSTRLEN])
{
	if (address->sin6_family == AF_INET) {
		const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)address;
		inet_ntop(AF_INET, &four->sin_addr, peer, INET6_ADDRSTRLEN);
	} else if (IN6_IS_ADDR_V4MAPPED(&address->sin6_addr)) {
		inet_ntop(AF_INET, &address->sin6_addr.s6_addr[12], peer, INET6_ADDRSTRLEN);
	} else {
		inet_ntop(AF_INET6, &address->sin6_addr, peer, INET6_ADDRSTRLEN);
	}
}

/* The slot of a new connection, or NULL: no room. */
static struct conn *admit(struct net *n, int fd, const struct network *network, bool *sent)
{
	struct conn *c = NULL;

	pthread_mutex_lock(&n->mutex);
	if (!atomic_load(&n->draining) && room_make(n, POOL_CONNECTIONS, network, sent))
		c = slots_take(n);
	if (c && room_enter(c, POOL_CONNECTIONS, network)) {
		c->fd = fd;
		deadline_set(c, TIMING_OPENING);
	} else if (c) {
		slots_give(c);
		c = NULL;
	}
	pthread_mutex_unlock(&n->mutex);
	return c;
}

/* *sent: another one was sent away for it. */
static void take(struct net *n, const struct listener *l, int fd, const struct sockaddr_in6 *address, bool *sent)
{
	char peer[INET6_ADDRSTRLEN];
	struct network network;
	struct conn *c;

	name_peer(address, peer);
	network = network_of(str_of(peer));
	c = admit(n, fd, &network, sent);
	if (!c) {
		close(fd);
		atomic_fetch_add_explicit(&n->refused, 1, memory_order_relaxed);
		return;
	}
	atomic_fetch_add_explicit(&n->accepted, 1, memory_order_relaxed);
	c->local_port = l->port;
	c->listener_tag = l->tag;
	c->peer_n = (uint8_t)strlen(peer);
	memcpy(c->peer, peer, sizeof(peer));
	c->network = network;
	crew_arm(c, EPOLLIN);
}

/* No descriptor is left: with the spare one, tell the first in the kernel's queue to go away. False: not even that. */
static bool turn_one_away(struct net *n, const struct listener *l)
{
	int fd = -1;

	pthread_mutex_lock(&n->mutex);
	if (n->spare_fd >= 0) {
		close(n->spare_fd);
		fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			close(fd);
		n->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	}
	pthread_mutex_unlock(&n->mutex);
	if (fd >= 0)
		atomic_fetch_add_explicit(&n->refused, 1, memory_order_relaxed);
	return fd >= 0;
}

/* The mutex is held. */
static void listen_again(struct net *n, unsigned index)
{
	struct err err;

	n->listeners[index].state = LISTENER_ARMED;
	if (crew_watch(n, n->listeners[index].fd, EVENT_LISTENER + index, EPOLLIN | EPOLLONESHOT, true, &err))
		bug("%s", err.text);
}

/* False: another thread has it, or it is gone, and the event is an old one. */
static bool begin(struct net *n, unsigned index, struct listener *out)
{
	struct listener *l = &n->listeners[index];
	bool mine;

	pthread_mutex_lock(&n->listeners_mutex);
	mine = l->fd >= 0 && l->state == LISTENER_ARMED;
	if (mine)
		l->state = LISTENER_ACCEPTS;
	*out = *l;
	pthread_mutex_unlock(&n->listeners_mutex);
	return mine;
}

/* exhausted: it is listened again with the next tick, since an event that stays would be a busy loop. */
static void end(struct net *n, unsigned index, bool exhausted)
{
	struct listener *l = &n->listeners[index];

	pthread_mutex_lock(&n->listeners_mutex);
	if (l->given_up) {
		drop(n, l);
	} else if (exhausted) {
		l->state = LISTENER_RESTS;
		atomic_fetch_add(&n->resting, 1);
	} else if (!atomic_load(&n->draining)) {
		listen_again(n, index);
	}
	pthread_mutex_unlock(&n->listeners_mutex);
	if (!exhausted)
		return;
	pthread_mutex_lock(&n->mutex);
	deadline_start_ticking(n);
	pthread_mutex_unlock(&n->mutex);
}

/* False: neither descriptors nor memory are left. */
static bool accept_batch(struct net *n, const struct listener *l)
{
	bool sent = false; /* then who was sent away comes first: only his end gives his descriptor back */

	for (int i = 0; i < BATCH && !sent && !atomic_load(&n->draining); i++) {
		struct sockaddr_in6 address = {0};
		socklen_t size = sizeof(address);
		int fd = accept4(l->fd, (struct sockaddr *)&address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			take(n, l, fd, &address, &sent);
		} else if (errno == EAGAIN) {
			break;
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			int why = errno;

			if (turn_one_away(n, l))
				continue;
			log_warn("net.exhausted", "port=%u reason=\"%s\"", l->port, strerror(why));
			return false;
		} /* anything else is a connection that ended before its turn (accept(2), "Error handling") */
	}
	return true;
}

void listener_accept(struct net *n, unsigned index)
{
	struct listener l;

	if (begin(n, index, &l))
		end(n, index, !accept_batch(n, &l));
}

void listener_wake_resting(struct net *n)
{
	if (!atomic_load(&n->resting))
		return;
	pthread_mutex_lock(&n->listeners_mutex);
	for (unsigned i = 0; i < LISTENERS_MAX; i++) {
		if (n->listeners[i].fd < 0 || n->listeners[i].state != LISTENER_RESTS || atomic_load(&n->draining))
			continue;
		atomic_fetch_sub(&n->resting, 1);
		listen_again(n, i);
	}
	pthread_mutex_unlock(&n->listeners_mutex);
}
