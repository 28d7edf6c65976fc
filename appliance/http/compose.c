/*
 * compose: from a finished struct reply to the bytes of its head and the piece of body that follows: conditions
 * (RFC 9110 §13), ranges (§14), HEAD (§9.3.2), framing (RFC 9112 §6), and the fields that all replies have.
 */
#include "session.h"
#include <cove/base/clock.h>
#include <cove/base/codec.h>
#include <cove/base/io.h>

static const char *reason(int status)
{
	static const struct {
		int status;
		const char *text;
	} reasons[] = {
	    {200, "OK"},
	    {201, "Created"},
	    {202, "Accepted"},
	    {204, "No Content"},
	    {206, "Partial Content"},
	    {301, "Moved Permanently"},
	    {302, "Found"},
	    {303, "See Other"},
	    {304, "Not Modified"},
	    {307, "Temporary Redirect"},
	    {308, "Permanent Redirect"},
	    {400, "Bad Request"},
	    {401, "Unauthorized"},
	    {403, "Forbidden"},
	    {404, "Not Found"},
	    {405, "Method Not Allowed"},
	    {408, "Request Timeout"},
	    {409, "Conflict"},
	    {411, "Length Required"},
	    {413, "Content Too Large"},
	    {414, "URI Too Long"},
	    {416, "Range Not Satisfiable"},
	    {417, "Expectation Failed"},
	    {429, "Too Many Requests"},
	    {431, "Request Header Fields Too Large"},
	    {500, "Internal Server Error"},
	    {501, "Not Implemented"},
	    {502, "Bad Gateway"},
	    {503, "Service Unavailable"},
	    {504, "Gateway Timeout"},
	    {505, "HTTP Version Not Supported"},
	    {507, "Insufficient Storage"},
	};

	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
		if (reasons[i].status == status)
			return reasons[i].text;
	}
	return ""; /* may be empty: RFC 9112 §4 */
}

/* `"abc"` or `W/"abc"` against abc; If-None-Match compares weakly, If-Range strongly (RFC 9110 §8.8.3.2, §13.1.5). */
static bool etag_is(struct str tag, struct str etag, bool weak)
{
	if (weak && str_starts(tag, STR("W/")))
		tag = str_from(tag, 2);
	return tag.n == etag.n + 2 && tag.p[0] == '"' && tag.p[tag.n - 1] == '"' &&
	       memcmp(tag.p + 1, etag.p, etag.n) == 0;
}

bool etag_list_has(struct str list, struct str etag)
{
	struct str item;

	/* our tags are digests, which have no comma, so a cut inside somebody else's tag cannot make one of ours */
	while (list.n) {
		str_cut(list, ',', &item, &list);
		item = str_trim(item);
		if (str_eq(item, STR("*")) || etag_is(item, etag, true))
			return true;
	}
	return false;
}

static bool is_not_modified(const struct exchange *x)
{
	struct str value;
	size_t at = 0;

	if (!x->reply.etag.n)
		return false;
	while (head_field_next(x->head, STR("If-None-Match"), &at, &value)) {
		if (etag_list_has(value, x->reply.etag))
			return true;
	}
	return false;
}

/*
 * RFC 9110 §14.2: Range counts for GET only. Several ranges are refused with 400, on which clients fall back to one
 * range or the whole; a 200 would send them everything again and again (docs/clients.md, Blobs).
 */
static enum rc apply_range(struct work *w)
{
	struct exchange *x = &w->x;
	struct reply *r = &x->reply;
	struct str value, condition;
	struct range range;

	reply_field(x, "Accept-Ranges", "bytes");
	if (x->head->method != METHOD_GET || !head_field(x->head, STR("Range"), &value))
		return OK;
	if (head_field(x->head, STR("If-Range"), &condition) && !(r->etag.n && etag_is(condition, r->etag, false)))
		return OK;
	switch (range_parse(value, r->size, &range)) {
	case RANGE_NONE:
	case RANGE_INVALID:
		return OK;
	case RANGE_MANY:
		return fail(&x->err, E_HTTP_BAD, "ask for one range at a time");
	case RANGE_UNSATISFIABLE:
		reply_field(x, "Content-Range", "bytes */%llu", (unsigned long long)r->size);
		return fail_rc(&x->err, E_HTTP_RANGE);
	case RANGE_ONE:
		break;
	}
	reply_field(x, "Content-Range", "bytes %llu-%llu/%llu", (unsigned long long)range.first,
	    (unsigned long long)range.last, (unsigned long long)r->size);
	r->status = 206;
	w->file_from = range.first;
	r->size = range.last - range.first + 1;
	return OK;
}

/* What depends on the request's conditions; changes x->reply. */
static enum rc apply_conditions(struct work *w)
{
	struct exchange *x = &w->x;
	struct reply *r = &x->reply;

	if (!x->head || r->status != 200 || (x->head->method != METHOD_GET && x->head->method != METHOD_HEAD))
		return OK;
	if (is_not_modified(x)) {                  /* goes before Range: RFC 9110 §13.2.2 */
		struct str type = r->content_type; /* of what the peer has */

		reply_empty(x, 304);
		r->content_type = type;
		return OK;
	}
	return r->kind == REPLY_FILE || r->kind == REPLY_FLOW ? apply_range(w) : OK;
}

static void put_fields(struct work *w, uint64_t length)
{
	struct reply *r = &w->x.reply;
	struct buf *b = &w->out;
	char date[30];

	clock_imf_fixdate(date, clock_wall_s());
	buf_addf(b, "HTTP/1.1 %d %s\r\nDate: %s\r\nServer: cove\r\nX-Request-Id: %s\r\n", r->status, reason(r->status),
	    date, w->x.id);
	if (w->x.head && (str_starts(w->x.head->path, STR("/v2/")) || str_eq(w->x.head->path, STR("/v2"))))
		buf_addz(b, "Docker-Distribution-Api-Version: registry/2.0\r\n");
	if (r->content_type.n)
		buf_addf(b, "Content-Type: %.*s\r\nX-Content-Type-Options: nosniff\r\n", STR_ARG(r->content_type));
	if (r->etag.n)
		buf_addf(b, "ETag: \"%.*s\"\r\n", STR_ARG(r->etag));
	if (r->status != 204 && r->status != 304) /* RFC 9110 §8.6 */
		buf_addf(b, "Content-Length: %llu\r\n", (unsigned long long)length);
	if (!w->keep)
		buf_addz(b, "Connection: close\r\n");
	else if (w->x.head && w->x.head->minor == 0)
		buf_addz(b, "Connection: keep-alive\r\n");
	buf_add(b, buf_str(&r->fields));
	buf_addz(b, "\r\n");
}

enum rc reply_compose(struct work *w)
{
	struct exchange *x = &w->x;
	struct reply *r = &x->reply;
	bool is_head = x->head && x->head->method == METHOD_HEAD;
	uint64_t length;

	w->file_from = 0;
	TRY(apply_conditions(w));
	length = r->kind == REPLY_BYTES ? r->bytes.n : r->size;
	buf_reset(&w->out);
	put_fields(w, length);
	if (!buf_ok(&w->out) || !buf_ok(&r->fields))
		return fail(&x->err, E_INTERNAL, "the reply's fields do not fit");
	if (is_head)
		length = 0;
	w->bytes = r->kind == REPLY_BYTES && !is_head ? r->bytes : STR_NONE;
	w->fd = is_head ? -1 : r->kind == REPLY_FILE ? r->fd : r->kind == REPLY_FLOW ? flow_fd(r->flow) : -1;
	w->flow = r->kind == REPLY_FLOW && !is_head ? r->flow : NULL;
	w->send_size = w->out.n + length;
	w->sent = w->window_end = 0;
	return OK;
}
