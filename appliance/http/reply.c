/*
 * reply: what handlers say, as data, and the only place that turns a failure into a status and the OCI error body
 * (distribution spec "Error Codes"; docs/clients.md, Errors: application/json exactly, on every 4xx and 5xx).
 */
#include "session.h"
#include <cove/base/io.h>
#include <cove/base/json.h>
#include <cove/base/log.h>
#include <stdio.h>

#define ERROR_BODY_BYTES 32768 /* mostly the digests that a manifest misses */

void reply_init(struct reply *r)
{
	*r = (struct reply){.status = 500, .fields = BUF_INIT(REPLY_FIELDS_BYTES), .fd = -1};
}

void reply_release(struct reply *r)
{
	buf_release(&r->fields);
	buf_drop_wiped(&r->content, r->content.n); /* it may be a token or a key */
	buf_release(&r->content);
	io_close(&r->fd);
	if (r->flow)
		flow_unref(r->flow);
	r->flow = NULL;
}

/* A body that was set before is replaced: a handler may change its mind. */
static void set_body(struct exchange *x, int status, enum reply_kind kind, const char *content_type)
{
	struct reply *r = &x->reply;

	io_close(&r->fd);
	if (r->flow)
		flow_unref(r->flow);
	r->flow = NULL;
	r->status = status;
	r->kind = kind;
	r->content_type = str_of(content_type);
	r->bytes = STR_NONE;
	r->size = 0;
}

enum rc reply_empty(struct exchange *x, int status)
{
	set_body(x, status, REPLY_NONE, NULL);
	return OK;
}

enum rc reply_bytes(struct exchange *x, int status, const char *content_type, struct str bytes)
{
	set_body(x, status, REPLY_BYTES, content_type);
	x->reply.bytes = bytes;
	return OK;
}

enum rc reply_file(struct exchange *x, int status, const char *content_type, int fd, uint64_t size)
{
	set_body(x, status, REPLY_FILE, content_type);
	x->reply.fd = fd;
	x->reply.size = size;
	return OK;
}

enum rc reply_flow(struct exchange *x, int status, const char *content_type, struct flow *flow)
{
	set_body(x, status, REPLY_FLOW, content_type);
	x->reply.flow = flow;
	x->reply.size = flow_size(flow);
	return OK;
}

void reply_field(struct exchange *x, const char *name, const char *format, ...)
{
	struct buf *b = &x->reply.fields;
	size_t value_at;
	va_list ap;

	buf_addf(b, "%s: ", name);
	value_at = b->n;
	va_start(ap, format);
	buf_vaddf(b, format, ap);
	va_end(ap);
	/* A line end inside a value would let a peer write fields of its own (RFC 9110 §5.5). */
	for (size_t i = value_at; i < b->n; i++) {
		if (b->p[i] == '\r' || b->p[i] == '\n' || b->p[i] == '\0')
			bug("reply field %s holds a line end or a NUL", name);
	}
	buf_addz(b, "\r\n");
}

/* RFC 7234 §5.5: warn-text is a quoted-string. What does not fit into the spec's bytes for one answer is left out. */
void reply_warning(struct exchange *x, struct str text)
{
	enum { TEXT_MAX = 400 };
	static const char name[] = "Warning";
	char quoted[2 * TEXT_MAX + 1];
	size_t n = 0, before = x->reply.fields.n, line;

	text = str_first(text, TEXT_MAX);
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '"' || text.p[i] == '\\')
			quoted[n++] = '\\';
		quoted[n++] = text.p[i] >= ' ' && text.p[i] <= '~' ? text.p[i] : ' ';
	}
	line = n + sizeof name + sizeof "299 - \"\"\r\n";
	if (x->reply.warning_bytes + line > WARNINGS_MAX_BYTES)
		return;
	reply_field(x, name, "299 - \"%.*s\"", (int)n, quoted);
	x->reply.warning_bytes += x->reply.fields.n - before;
}

void reply_digest(struct exchange *x, const struct digest *d)
{
	char text[DIGEST_TEXT_MAX];

	digest_text(text, d);
	x->reply.etag = arena_str(x->arena, str_of(text));
	reply_field(x, "Docker-Content-Digest", "%s", text);
}

/* Whoever reaches the port can ask for what HTTP has and we have not. */
static bool is_peers_fault(enum rc rc)
{
	return rc_status(rc) == 501 || rc_status(rc) == 505;
}

/* Internal text stays in the log; a person who asks about it has the request id. */
static void log_failure(const struct exchange *x, enum rc rc, const char *text)
{
	if (!rc_wire(rc))
		log_error("http.failed", "code=%s error=%s", rc_name(rc), log_quote(str_of(text)));
	else if (rc_status(rc) >= 500 && !is_peers_fault(rc))
		log_warn("http.failed", "code=%s error=%s", rc_name(rc), log_quote(str_of(text)));
	else
		log_debug("http.refused", "code=%s peer=%.*s error=%s", rc_name(rc), STR_ARG(conn_peer(x->conn)),
		    log_quote(str_of(text)));
}

static void error_body(struct exchange *x, enum rc rc, const char *text)
{
	struct buf *b = &x->reply.content;
	const char *wire = rc_wire(rc);

	buf_release(b);
	buf_init(b, ERROR_BODY_BYTES);
	buf_addz(b, "{\"errors\":[{");
	json_put_member_str(b, "code", str_of(wire ? wire : "UNKNOWN"));
	json_put_name(b, "message");
	if (wire) {
		json_put_str(b, str_of(text));
	} else {
		char with_id[256];

		snprintf(with_id, sizeof with_id, "%s (request %s)", rc_sentence(rc), x->id);
		json_put_str(b, str_of(with_id));
	}
	if (x->detail.n) {
		json_put_name(b, "detail");
		buf_add(b, x->detail);
	}
	buf_addz(b, "}]}\n");
	if (buf_ok(b))
		reply_bytes(x, rc_status(rc), "application/json", buf_str(b));
	else
		reply_bytes(x, rc_status(rc), "application/json",
		    STR("{\"errors\":[{\"code\":\"UNKNOWN\",\"message\":\"the server is out of memory\"}]}\n"));
}

static unsigned retry_after_s(const struct exchange *x, enum rc rc)
{
	if (x->err.rc == rc && x->err.retry_after_s)
		return x->err.retry_after_s;
	return rc_status(rc) == 503 ? 2 : 0;
}

/* Who manages the registry is told what was wrong with the request. */
static enum rc code_told(const struct exchange *x, enum rc rc)
{
	if (!x->route || !(x->route->flags & ROUTE_MANAGEMENT))
		return rc;
	return rc == E_USAGE || rc == E_CONFIG ? E_REQUEST : rc == E_EXISTS ? E_CONFLICT : rc;
}

void reply_error(struct exchange *x, enum rc rc)
{
	const char *text = x->err.rc == rc && x->err.text[0] ? x->err.text : rc_sentence(rc);

	rc = code_told(x, rc);
	if (rc_status(rc) == 403 && x->route)
		access_note_refusal(x);
	log_failure(x, rc, text);
	x->reply.etag = STR_NONE;
	if (!buf_ok(&x->reply.fields))
		buf_reset(&x->reply.fields);
	if (rc_status(rc) == 401)
		access_add_challenge(x, rc);
	if (rc == E_UNSUPPORTED) /* RFC 9110 §15.5.6; it is deletes that can be switched off */
		reply_field(x, "Allow", "GET, HEAD");
	if (retry_after_s(x, rc))
		reply_field(x, "Retry-After", "%u", retry_after_s(x, rc));
	error_body(x, rc, text);
}
