/*
 * The life of the server: open what it works with, start the crew, then wait for signals: SIGTERM and SIGINT stop it in
 * order (a second one at once), SIGHUP reloads. This thread serves no one; what is done by the clock is in chores.c.
 */
#include "server.h"
#include "chores.h"
#include "data.h"
#include "first_start.h"
#include "primary_name.h"
#include <cove/app/app.h>
#include <cove/base/clock.h>
#include <cove/base/io.h>
#include <cove/base/log.h>
#include <cove/registry/registry.h>
#include <cove/token/token.h>
#include <cove/web/web.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define DRAIN_TURN_MS 100

static const struct route *const route_tables[] = {registry_routes, token_routes, web_routes, api_routes, NULL};

static bool is_own_host(const struct site *site, struct str host)
{
	const struct server *s = site->names;

	return trust_names_have(&atomic_load(&s->names)->names, host);
}

/* Who may write there can put a database of his own in the place of ours. */
static void warn_of_mode(const struct server *s)
{
	struct stat st;

	if (fstat(s->dirfd, &st) == 0 && st.st_mode & 0022)
		log_warn("start.data", "reason=%s",
		    log_quote(str_of("others than its owner may write in the data directory: chmod go-w it")));
}

/* One server per data directory: two would not know of each other's upload sessions. */
static enum rc open_data(struct server *s, struct err *err)
{
	if (mkdir(s->config->data, 0700) && errno != EEXIST)
		return fail_errno(err, E_CONFIG, "cannot create the data directory %s", s->config->data);
	s->dirfd = open(s->config->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dirfd < 0)
		return fail_errno(err, E_CONFIG, "the data directory %s cannot be opened", s->config->data);
	warn_of_mode(s);
	s->lock_fd = openat(s->dirfd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->lock_fd < 0)
		return fail_errno(err, E_CONFIG, "the data directory %s cannot be written to", s->config->data);
	if (flock(s->lock_fd, LOCK_EX | LOCK_NB))
		return fail(err, E_CONFIG, "another cove serves the data directory %s: stop it first", s->config->data);
	return OK;
}

static enum rc open_parts(struct server *s, struct err *err)
{
	static const struct client_options outgoing = {.user_agent = {"cove/" COVE_VERSION, sizeof(COVE_VERSION) + 4}};
	int keys = -1;
	enum rc rc;

	if (data_is_new(s->dirfd) && faccessat(s->dirfd, "keys/token.seed", F_OK, 0) == 0)
		log_error("data.lost",
		    "problem=\"cove.db is gone or empty, but keys/ is there: users, tags and manifests were in it\" "
		    "action=\"a new one is begun\" remedy=\"if there is a copy: stop cove, put it back, start again\"");
	rc = db_open(s->dirfd, DATABASE_FILE, &s->data.db, err);
	if (rc == E_DISK_FULL && store_give_back(s->dirfd))
		rc = db_open(s->dirfd, DATABASE_FILE, &s->data.db, err);
	TRY(rc);
	TRY(auth_open(s->data.db, &s->data.auth, err));
	TRY(data_namespaces(s->dirfd, s->data.db, &s->data.namespaces, err));
	TRY(server_declare(s, "start", err));
	TRY(store_open(s->dirfd, s->data.db, &s->store, err));
	if (store_expire_uploads(s->store, (int64_t)s->config->upload_expiry_s, err))
		log_warn("start.uploads", "reason=%s", log_quote(str_of(err->text)));
	TRY(io_open_dir(s->dirfd, "keys", 0700, &keys, err));
	rc = token_signer_open(keys, s->data.auth, &s->signer, err);
	io_close(&keys);
	TRY(rc);
	TRY(client_open(&outgoing, &s->client, err));
	TRY(upstream_open(s->data.db, s->store, s->data.namespaces, s->client, &s->upstream, err));
	return oidc_open(s->data.db, s->data.auth, s->client, &s->oidc, err);
}

/* Names of namespaces are not those of the whole registry. */
static void choose_primary_name(struct server *s)
{
	const struct trust_names *shown = &s->certificates.shown, *box = &s->certificates.names;
	bool owners = s->config->certificate[0];
	struct primary p = {
	    .lists = {owners ? shown : box, owners ? box : shown},
	    .listen = s->listeners.host,
	    .port = s->port,
	    .names = str_of(s->config->names),
	    .namespace_of = str_from(buf_str(&s->names_text), strlen(s->config->names)),
	};

	primary_name(&p, s->primary_name);
	s->site.primary_name = str_of(s->primary_name);
}

/* Before the certificates: a first start that fails here has not yet settled which names the CA vouches for. */
static enum rc open_net(struct server *s, struct err *err)
{
	struct protocol protocol;
	struct net_options options = {
	    .protocol = &protocol,
	    .threads = (unsigned)s->config->threads,
	    .tls_memory_bytes = s->config->tls_memory_bytes,
	    .max_connections = (unsigned)s->config->max_connections,
	    .stall_ms = (int64_t)s->config->stall_timeout_s * 1000,
	};
	uint16_t port;

	s->listeners.namespaces = s->data.namespaces;
	TRY(config_listen(s->config, s->listeners.host, &port, err));
	http_protocol(&protocol, &s->site);
	TRY(net_open(&options, &s->net, err));
	s->listeners.net = s->net;
	return net_listen(s->net, s->listeners.host, port, LISTENER_TAG_MAIN, &s->port, err);
}

static enum rc open_site(struct server *s, struct err *err)
{
	struct tls_identity *identity;
	bool changed;

	TRY(server_renew_names(s, &changed, err));
	TRY(certificates_load(s->config, s->dirfd, buf_str(&s->names_text), &s->certificates, &identity, err));
	net_set_identity(s->net, identity);
	tls_identity_unref(identity);
	server_set_names(s, &s->certificates.names);
	s->site = (struct site){
	    .store = s->store,
	    .auth = s->data.auth,
	    .oidc = s->oidc,
	    .namespaces = s->data.namespaces,
	    .upstream = s->upstream,
	    .db = s->data.db,
	    .signer = s->signer,
	    .started_at = clock_wall_s(),
	    .service = STR("cove"),
	    .is_own_host = is_own_host,
	    .names = s,
	    .ca_pem = buf_str(&s->certificates.ca_pem),
	    .ca_fingerprint = str_of(s->certificates.fingerprint),
	    .access_log = s->config->access_log,
	    .sparse_manifests = s->config->sparse_manifests,
	    .cors_origins = str_of(s->config->cors_origins),
	    .route_tables = route_tables,
	};
	choose_primary_name(s);
	return OK;
}

static void wait_for_stop(struct server *s, const sigset_t *signals)
{
	for (;;) {
		int signal = sigwaitinfo(signals, NULL);

		if (signal == SIGTERM || signal == SIGINT)
			return;
		if (signal == SIGHUP)
			runner_call(s->chores, "reload");
	}
}

/* Transfers may end; whoever asks a second time does not want to wait for them. */
static void stop(struct server *s, const sigset_t *signals)
{
	static const struct timespec no_time = {0};
	int64_t until = clock_mono_ms() + (int64_t)s->config->stop_grace_s * 1000;

	log_info("stop", "grace_s=%llu", (unsigned long long)s->config->stop_grace_s);
	runner_stop(s->chores);
	upstream_drain(s->upstream);
	while (!net_drain(s->net, DRAIN_TURN_MS) && clock_mono_ms() < until) {
		int signal = sigtimedwait(signals, NULL, &no_time);

		if (signal == SIGTERM || signal == SIGINT) {
			log_info("stop", "grace_s=0 reason=\"told so again\"");
			break;
		}
	}
	net_stop(s->net, 0);
}

static void close_all(struct server *s)
{
	if (s->chores)
		runner_close(s->chores);
	/* the net has been stopped: nobody waits for an upstream or an issuer any more; but wake-ups still want it to
	 * be there */
	if (s->client)
		client_close(s->client);
	if (s->upstream)
		upstream_close(s->upstream);
	oidc_close(s->oidc);
	if (s->net)
		net_close(s->net);
	if (s->signer)
		token_signer_close(s->signer);
	if (s->store)
		store_close(s->store);
	namespaces_close(s->data.namespaces);
	if (s->data.auth)
		auth_close(s->data.auth);
	if (s->data.db)
		db_close(s->data.db);
	certificates_release(&s->certificates);
	buf_release(&s->names_text);
	for (struct names_snapshot *n = atomic_load(&s->names), *older; n; n = older) {
		older = n->older;
		free(n);
	}
	io_close(&s->lock_fd);
	io_close(&s->dirfd);
}

static enum rc serve(struct server *s, const sigset_t *signals, struct err *err)
{
	struct console console;
	bool made;
	enum rc rc;

	TRY(open_data(s, err));
	TRY(open_parts(s, err));
	TRY(open_net(s, err));
	TRY(open_site(s, err));
	TRY(listeners_follow(&s->listeners, err));
	console = (struct console){s->site.primary_name, s->site.ca_fingerprint, s->config->data};
	/* when nothing can fail any more but the threads; who comes at once is answered once these are there */
	TRY(first_start(s->data.auth, &console, &made, err));
	TRY(net_start(s->net, err));
	s->chores = chores_new(s);
	rc = runner_start(s->chores, err);
	if (rc) {
		net_stop(s->net, 0);
		return rc;
	}
	data_keep_address(s->dirfd, s->site.primary_name, s->site.ca_pem.n > 0);
	start_print(s->data.auth, &console, made);
	log_info("start", "listen=%s port=%u", s->config->listen, s->port);
	wait_for_stop(s, signals);
	stop(s, signals);
	return OK;
}

enum rc app_serve(const struct config *config, struct err *err)
{
	struct server s = {.config = config, .dirfd = -1, .lock_fd = -1, .data.dirfd = -1};
	sigset_t signals;
	enum rc rc;

	/* blocked before any thread is made: only this one takes them */
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	umask(0077);
	setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); /* it would hold keys and passwords */
	crypto_start();
	rc = serve(&s, &signals, err);
	close_all(&s);
	return rc;
}
