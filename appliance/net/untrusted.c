/* untrusted: clients that refuse our certificate are told about to the owner, who can mend it; each address once a
 * minute, and no more addresses a minute than the table has places. */
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
} refusals[] = {
    {42, "bad_certificate"}, /* what Go sends for every failed verification */
    {46, "certificate_unknown"},
    {48, "unknown_ca"},
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

/* The address the client came to, as it stands in a URL. */
static void local_address(int fd, char *out, size_t n)
{
	struct sockaddr_in6 address = {0};
	socklen_t size = sizeof(address);
	char text[INET6_ADDRSTRLEN] = "";

	getsockname(fd, (struct sockaddr *)&address, &size);
	if (address.sin6_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)&address)->sin_addr, text, sizeof(text));
	else if (IN6_IS_ADDR_V4MAPPED(&address.sin6_addr))
		inet_ntop(AF_INET, &address.sin6_addr.s6_addr[12], text, sizeof(text));
	else
		inet_ntop(AF_INET6, &address.sin6_addr, text, sizeof(text));
	bool six = strchr(text, ':') != NULL;
	snprintf(out, n, "%s%s%s", six ? "[" : "", text, six ? "]" : "");
}

void untrusted_saw(struct conn *c, unsigned alert)
{
	char host[INET6_ADDRSTRLEN + 2];
	const char *name = NULL;

	for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++)
		if (refusals[i].alert == alert)
			name = refusals[i].name;
	if (!name)
		return;
	atomic_fetch_add_explicit(&c->net->unknown_ca, 1, memory_order_relaxed);
	if (!may_log(c->peer))
		return;
	local_address(c->fd, host, sizeof(host));
	log_warn("tls.untrusted",
	    "peer=%s alert=%s hint=\"that machine does not trust this server's CA yet: http://%s:%u/ca.crt is the CA, "
	    "https://%s:%u/ shows where its client looks for it\"",
	    c->peer, name, host, c->local_port, host, c->local_port);
}
