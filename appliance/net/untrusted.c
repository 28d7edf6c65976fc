/*
 * untrusted: clients that refuse our certificate are told about to the owner, who can mend it; each address once a
 * minute, and no more addresses a minute than the table has places. Only unknown_ca says why: Go (docker, podman,
 * containerd) sends bad_certificate for every reason, OpenSSL for a wrong name, Java certificate_unknown. So of these
 * it is told first whether the certificate has the name that was asked for.
 */
#include "tls.h"
#include <arpa/inet.h>
#include <cove/base/clock.h>
#include <cove/base/log.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define PLACES 16
#define QUIET_MS 60000

static const struct {
	unsigned alert;
	const char *name;
	bool is_certain; /* that it is the CA */
} refusals[] = {
    {42, "bad_certificate", false},
    {46, "certificate_unknown", false},
    {48, "unknown_ca", true},
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct {
	char peer[46];
	int64_t logged_at_ms;
} places[PLACES];

/* Takes the place of this peer, or one that is free again. */
static bool may_log(const char *peer)
{
	int64_t now = clock_mono_ms();
	int free_place = -1;
	bool may = false;

	pthread_mutex_lock(&mutex);
	for (int i = 0; i < PLACES; i++) {
		bool is_free = !places[i].peer[0] || now - places[i].logged_at_ms >= QUIET_MS;
		if (strcmp(places[i].peer, peer) == 0) {
			free_place = is_free ? i : -1;
			break;
		}
		if (is_free)
			free_place = i;
	}
	if (free_place >= 0) {
		memcpy(places[free_place].peer, peer, strlen(peer) + 1);
		places[free_place].logged_at_ms = now;
		may = true;
	}
	pthread_mutex_unlock(&mutex);
	return may;
}

/* The address the client came to: 4 or 16 bytes in it. */
static struct str local_address(int fd, struct sockaddr_in6 *address)
{
	socklen_t size = sizeof(*address);
	const char *p;

	*address = (struct sockaddr_in6){0};
	getsockname(fd, (struct sockaddr *)address, &size);
	if (address->sin6_family == AF_INET)
		return (struct str){(const char *)&((const struct sockaddr_in *)(const void *)address)->sin_addr, 4};
	p = (const char *)address->sin6_addr.s6_addr;
	return IN6_IS_ADDR_V4MAPPED(&address->sin6_addr) ? (struct str){p + 12, 4} : (struct str){p, 16};
}

/* As it stands in a URL. */
static void print_address(struct str address, char *out, size_t n)
{
	char text[INET6_ADDRSTRLEN] = "";

	inet_ntop(address.n == 4 ? AF_INET : AF_INET6, address.p, text, sizeof(text));
	snprintf(out, n, "%s%s%s", address.n == 4 ? "" : "[", text, address.n == 4 ? "" : "]");
}

void untrusted_saw(struct conn *c, unsigned alert)
{
	struct str asked = tls_asked_name(c), address;
	struct sockaddr_in6 storage;
	char host[INET6_ADDRSTRLEN + 2];
	size_t i = 0;

	while (i < sizeof(refusals) / sizeof(*refusals) && refusals[i].alert != alert)
		i++;
	if (i == sizeof(refusals) / sizeof(*refusals))
		return;
	atomic_fetch_add_explicit(&c->net->unknown_ca, 1, memory_order_relaxed);
	if (!may_log(c->peer))
		return;
	address = local_address(c->fd, &storage);
	print_address(address, host, sizeof(host));
	if (refusals[i].is_certain || tls_context_has(tls_context_of(c), asked, address))
		log_warn("tls.untrusted",
		    "peer=%s alert=%s hint=\"that machine does not trust this server's CA yet%s: fetch the CA from "
		    "http://%s:%u/ca.crt; https://%s:%u/ shows where to install it\"",
		    c->peer, refusals[i].name,
		    refusals[i].is_certain
			? ""
			: ", or its clock is wrong, or it connected to another address than it asked for",
		    host, c->local_port, host, c->local_port);
	else
		log_warn("tls.wrong_name",
		    "peer=%s alert=%s asked_for=%s hint=\"the certificate does not contain that name: add it to the "
		    "setting names, or let the client use one of the names that https://%s:%u/ shows\"",
		    c->peer, refusals[i].name, log_quote(asked.n ? asked : str_of(host)), host, c->local_port);
}
