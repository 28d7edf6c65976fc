/* The CA certificate, health for supervisors, and a front page that says how to trust and use this registry. */
#include "pages.h"
#include <cove/base/clock.h>
#include <cove/trust/howto.h>
#include <pthread.h>

/* The certificate is public; its fingerprint is on the server's console, for whoever fetches it in plain text. */
enum rc ca_get(struct exchange *x)
{
	if (!x->site->ca_pem.n)
		return fail(&x->err, E_NOT_FOUND, "this registry uses its owner's certificate, not its own CA");
	reply_field(x, "Content-Disposition", "attachment; filename=\"cove-ca.crt\"");
	return reply_bytes(x, 200, "application/x-x509-ca-cert", x->site->ca_pem);
}

enum rc live_get(struct exchange *x)
{
	return reply_bytes(x, 200, "text/plain; charset=utf-8", STR("ok\n"));
}

#define PROBE_EVERY_MS 2000

static enum rc probe(const struct site *site, struct err *err)
{
	int64_t users;

	TRY(store_probe(site->store, err));
	return user_count(site->auth, &users, err);
}

/* Ready means: the disk takes a write and the database answers. Anybody may ask, however often: who asks in between
 * hears the last result. */
enum rc ready_get(struct exchange *x)
{
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	static struct err last;
	static int64_t next_ms;

	pthread_mutex_lock(&mutex);
	if (clock_mono_ms() >= next_ms) {
		last.rc = probe(x->site, &last);
		next_ms = clock_mono_ms() + PROBE_EVERY_MS;
	}
	x->err = last;
	pthread_mutex_unlock(&mutex);
	TRY(x->err.rc);
	return reply_bytes(x, 200, "text/plain; charset=utf-8", STR("ok\n"));
}

static void put_html(struct buf *b, struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		switch (s.p[i]) {
		case '<':
			buf_addz(b, "&lt;");
			break;
		case '>':
			buf_addz(b, "&gt;");
			break;
		case '&':
			buf_addz(b, "&amp;");
			break;
		case '"':
			buf_addz(b, "&quot;");
			break;
		default:
			buf_addc(b, s.p[i]);
		}
}

/* Ports only: who may know the names of namespaces is a matter of rights. */
static enum rc put_plain_listeners(struct exchange *x, struct buf *out)
{
	bool any = false;

	TRY(exchange_namespaces(x));
	for (size_t i = 0; i < namespace_count(x->namespaces); i++) {
		const struct namespace *ns = namespace_at(x->namespaces, i);

		if (ns->listener != LISTENER_HTTP)
			continue;
		buf_addz(out, any ? ", " : "<p role=\"alert\"><strong>Warning: plain HTTP is open on port ");
		buf_addf(out, "%u", ns->port);
		any = true;
	}
	if (any)
		buf_addz(out, ". Anyone on the network path can read and change all traffic, including passwords. "
			      "Allow only a TLS proxy to connect to it.</strong></p>");
	return OK;
}

/* Behind a TLS proxy clients see its certificate: our CA is of no use to them, and cannot be fetched in plain text. */
static struct str ca_to_trust(const struct exchange *x)
{
	return x->is_plain && str_eq(str_of(x->scheme), STR("https")) ? STR_NONE : x->site->ca_fingerprint;
}

enum rc front_get(struct exchange *x)
{
	struct buf *out = &x->reply.content;
	struct buf text = BUF_INIT(16384);

	buf_init(out, 65536);
	buf_addz(out, "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>cove</title>"
		      "<meta name=\"viewport\" content=\"width=device-width\">"
		      "<h1>cove: a container registry</h1>");
	TRY(put_plain_listeners(x, out));
	if (x->site->ca_pem.n)
		buf_addz(out,
		    "<p><a href=\"/ca.crt\">The CA certificate</a>. Compare its fingerprint with the one on the "
		    "server's console before you trust it.</p>");
	buf_addz(out, "<pre>");
	howto_trust(&text, x->host, ca_to_trust(x));
	put_html(out, buf_str(&text));
	buf_addz(out, "</pre></html>\n");
	buf_release(&text);
	if (!buf_ok(out))
		return fail_rc(&x->err, E_INTERNAL);
	reply_field(x, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
	return reply_bytes(x, 200, "text/html; charset=utf-8", buf_str(out));
}
