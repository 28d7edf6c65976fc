/* The chores: what the server does by the clock, and at SIGHUP. Their table is at the end. */
#include "chores.h"
#include "server.h"
#include <cove/audit/audit.h>
#include <cove/base/clock.h>
#include <cove/base/log.h>
#include <cove/store/check.h>

#define EVICTED_GRACE_S 300
#define STRAY_GRACE_S 86400
#define SWEEP_BLOBS 64 /* each time */

/* The certificate anew: names may have changed, the leaf may near its end, the owner's files may be new. Sessions under
 * way keep the old one. */
static enum rc reload_certificates(struct server *s, struct err *err)
{
	struct certificates fresh;
	struct tls_identity *identity;

	TRY(certificates_load(s->config, s->dirfd, buf_str(&s->names_text), &fresh, &identity, err));
	net_set_identity(s->net, identity);
	tls_identity_unref(identity);
	server_set_names(s, &fresh.names);
	s->certificates.names = fresh.names;
	certificates_release(&fresh);
	log_info("reload", "certificate=loaded");
	return OK;
}

/* The file anew: which settings wait for a restart is said, and so is what is wrong with it, before anything of it is
 * taken over. */
static void reload_file(struct server *s)
{
	struct buf waiting = BUF_INIT(1024);
	struct err err;

	if (config_differences(s->config, &waiting, &err)) {
		log_error(
		    "reload", "reason=%s action=\"nothing of the file is taken over\"", log_quote(str_of(err.text)));
	} else {
		if (waiting.n)
			log_warn("reload",
			    "settings=%.*s reason=\"changed in the file: they count from the next start\"",
			    STR_ARG(buf_str(&waiting)));
		if (server_declare(s, "reload", &err))
			log_error("reload", "namespaces=unchanged reason=%s", log_quote(str_of(err.text)));
	}
	buf_release(&waiting);
}

/* Whoever sends SIGHUP is told each time what could not be had, also when it was so the last time. */
static enum rc do_reload(struct turn *t)
{
	struct server *s = t->ctx;

	reload_file(s);
	runner_call(s->chores, "listeners");
	runner_call(s->chores, "names");
	if (reload_certificates(s, &t->err))
		log_error("reload", "certificate=unchanged reason=%s", log_quote(str_of(t->err.text)));
	return OK;
}

static enum rc renew_certificate(struct turn *t)
{
	return reload_certificates(t->ctx, &t->err);
}

/* What the namespaces want of ports and names, whoever has changed them. */
static enum rc follow_listeners(struct turn *t)
{
	struct server *s = t->ctx;

	return listeners_follow(&s->listeners, &t->err);
}

static enum rc follow_names(struct turn *t)
{
	struct server *s = t->ctx;
	bool changed;

	TRY(server_renew_names(s, &changed, &t->err));
	if (changed)
		runner_call(s->chores, "certificate");
	return OK;
}

/* A certificate that was made by a clock in the past may be of no use now. */
static enum rc watch_clock(struct turn *t)
{
	struct server *s = t->ctx;

	if (clock_was_set(&s->clock_offset_s))
		runner_call(s->chores, "certificate");
	return OK;
}

/* A new address (the network came up late, the router gave another one) gets into the certificate within half a minute.
 */
static enum rc watch_addresses(struct turn *t)
{
	struct server *s = t->ctx;
	struct trust_names machine;

	if (!s->config->certificate[0] && !trust_machine_names(buf_str(&s->names_text), &machine, NULL) &&
	    !trust_names_eq(&machine, &s->certificates.names))
		runner_call(s->chores, "certificate");
	return OK;
}

static enum rc tell_of_upstreams(struct turn *t)
{
	struct server *s = t->ctx;

	return upstream_tell(s->upstream, &t->err);
}

static enum rc tend_upstreams(struct turn *t)
{
	struct server *s = t->ctx;

	return upstream_tend(s->upstream, &t->more, &t->err);
}

/* What nobody has leaves the disks, a little each time: pushes and pulls need the disks, too. */
static enum rc sweep(struct turn *t)
{
	struct server *s = t->ctx;
	struct sweep_grace grace = {(int64_t)s->config->blob_grace_s, EVICTED_GRACE_S};
	size_t removed;

	TRY(store_sweep(s->store, &grace, SWEEP_BLOBS, &removed, &t->err));
	if (removed)
		log_info("sweep", "blobs=%zu", removed);
	return OK;
}

static enum rc expire_uploads(struct turn *t)
{
	struct server *s = t->ctx;

	return store_expire_uploads(s->store, (int64_t)s->config->upload_expiry_s, &t->err);
}

/* A round of a disk's folders takes a day. */
static enum rc remove_strays(struct turn *t)
{
	struct server *s = t->ctx;
	size_t removed;

	return store_remove_strays(s->store, STRAY_GRACE_S, STRAY_FOLDERS / 24 + 1, &removed, &t->err);
}

static enum rc keep_reserve(struct turn *t)
{
	struct server *s = t->ctx;

	db_keep_reserve(s->data.db);
	return OK;
}

static enum rc tend_log(struct turn *t)
{
	(void)t;
	log_tend();
	return OK;
}

static enum rc tend_audit(struct turn *t)
{
	struct server *s = t->ctx;

	audit_tend(auth_audit(s->data.auth), s->config->audit_rows);
	return OK;
}

static const struct chore table[] = {
    {"reload", 0, do_reload},
    {"certificate", 3600, renew_certificate},
    {"listeners", 2, follow_listeners},
    {"names", 2, follow_names},
    {"clock", 2, watch_clock},
    {"upstreams", 2, tell_of_upstreams},
    {"sweep", 2, sweep},
    {"addresses", 30, watch_addresses},
    {"caches", 30, tend_upstreams},
    {"reserve", 30, keep_reserve},
    {"log", 30, tend_log},
    {"audit", 30, tend_audit},
    {"uploads", 3600, expire_uploads},
    {"strays", 3600, remove_strays},
};

struct runner *chores_new(struct server *s)
{
	s->clock_offset_s = clock_offset_s();
	return runner_new(table, sizeof(table) / sizeof(table[0]), s);
}
