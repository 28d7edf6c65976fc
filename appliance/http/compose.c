/*
 * compose: from a finished struct reply to the bytes of its head and the piece of body that follows: conditions
 * (RFC 9110 §13), ranges (§14), HEAD (§9.3.2), framing (RFC 9112 §6), and the fields that all replies have.
 */
#include "cors.h"
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
	    {412, "Precondition Failed"},
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

/* Of a comma-separated list, at most. */
static size_t elements(struct str list)
{
	size_t n = 1;

	for (size_t i = 0; i < list.n; i++)
		n += list.p[i] == ',';
	return n;
}

static void send_one(struct work *w, const struct range *range)
{
	struct reply *r = &w->x.reply;

	reply_field(&w->x, "Content-Range", "bytes %llu-%llu/%llu", (unsigned long long)range->first,
	    (unsigned long long)range->last, (unsigned long long)r->size);
	r->status = 206;
	w->file_from = range->first;
	r->size = range->last - range->first + 1;
}

/* All of it is less than what overlaps, and what is still coming is not sent in pieces: "MAY ignore the Range". */
static void send_several(struct work *w, const struct range *ranges, size_t count)
{
	struct reply *r = &w->x.reply;
	uint64_t sum = 0;

	for (size_t i = 0; i < count && sum <= r->size; i++)
		sum += ranges[i].last - ranges[i].first + 1;
	if (sum > r->size || r->kind != REPLY_FILE)
		return;
	w->multipart = (struct multipart){
	    .ranges = ranges, .count = count, .size = r->size, .type = r->content_type, .boundary = w->x.id};
	r->status = 206;
	r->size = multipart_size(&w->multipart);
	r->content_type = arena_printf(w->x.arena, "multipart/byteranges; boundary=%s", w->x.id);
}

/* RFC 9110 §14.2: Range counts for GET only. "MAY ignore or reject" what asks for very many: who is told so asks for
 * fewer (podman), who is not gets all each time. */
static enum rc apply_range(struct work *w)
{
	struct exchange *x = &w->x;
	struct reply *r = &x->reply;
	struct range *ranges;
	struct str value, condition;
	size_t count;

	reply_field(x, "Accept-Ranges", "bytes");
	if (x->head->method != METHOD_GET || !head_field(x->head, STR("Range"), &value))
		return OK;
	if (head_field(x->head, STR("If-Range"), &condition) && !(r->etag.n && etag_is(condition, r->etag)))
		return OK;
	count = elements(value) < RANGES_MAX ? elements(value) : RANGES_MAX;
	ranges = arena_alloc(x->arena, count * sizeof *ranges);
	if (!ranges)
		return fail_rc(&x->err, E_BUSY);
	switch (range_parse(value, r->size, ranges, &count)) {
	case RANGE_NONE:
	case RANGE_INVALID:
		return OK;
	case RANGE_TOO_MANY:
		return fail(&x->err, E_HTTP_BAD, "too many ranges: request at most %d at a time", RANGES_MAX);
	case RANGE_UNSATISFIABLE:
		reply_field(x, "Content-Range", "bytes */%llu", (unsigned long long)r->size);
		return fail_rc(&x->err, E_HTTP_RANGE);
	case RANGE_SOME:
		break;
	}
	if (count == 1)
		send_one(w, ranges);
	else
		send_several(w, ranges, count);
	return OK;
}

static void reply_not_modified(struct exchange *x)
{
	struct str type = x->reply.content_type; /* of what the peer has */

	reply_empty(x, 304);
	x->reply.content_type = type;
}

/* What depends on the request's conditions; changes x->reply. */
static enum rc apply_conditions(struct work *w)
{
	struct exchange *x = &w->x;
	struct reply *r = &x->reply;

	if (!x->head || r->status != 200 || (x->head->method != METHOD_GET && x->head->method != METHOD_HEAD))
		return OK;
	switch (precondition_judge(x->head, true, r->etag)) { /* goes before Range: RFC 9110 §13.2.2 */
	case PRECONDITION_FAILED:
		return fail_rc(&x->err, E_HTTP_CONDITION);
	case PRECONDITION_NONE_MATCH:
		reply_not_modified(x);
		return OK;
	case PRECONDITION_HOLDS:
		break;
	}
	return (r->kind == REPLY_FILE || r->kind == REPLY_FLOW) && r->size != FLOW_SIZE_UNKNOWN ? apply_range(w) : OK;
}

static void put_framing(struct work *w, uint64_t length)
{
	if (w->x.reply.status == 204 || w->x.reply.status == 304) /* RFC 9110 §8.6 */
		return;
	if (w->chunks.is_on)
		buf_addz(&w->out, "Transfer-Encoding: chunked\r\n");
	else
		buf_addf(&w->out, "Content-Length: %llu\r\n", (unsigned long long)length);
}

static void put_fields(struct work *w, uint64_t length)
{
	struct reply *r = &w->x.reply;
	struct buf *b = &w->out;
	char date[30];

	clock_imf_fixdate(date, clock_wall_s());
	buf_addf(b, "HTTP/1.1 %d %s\r\nDate: %s\r\nServer: cove\r\nX-Request-Id: %s\r\n", r->status, reason(r->status),
	    date, w->x.id);
	if (w->x.head && (str_starts(w->x.path, STR("/v2/")) || str_eq(w->x.path, STR("/v2"))))
		buf_addz(b, "Docker-Distribution-Api-Version: registry/2.0\r\n");
	if (r->content_type.n)
		buf_addf(b, "Content-Type: %.*s\r\nX-Content-Type-Options: nosniff\r\n", STR_ARG(r->content_type));
	if (r->etag.n)
		buf_addf(b, "ETag: \"%.*s\"\r\n", STR_ARG(r->etag));
	put_framing(w, length);
	if (!w->keep)
		buf_addz(b, "Connection: close\r\n");
	else if (w->x.head && w->x.head->minor == 0)
		buf_addz(b, "Connection: keep-alive\r\n");
	cors_put(&w->x, b);
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
	w->multipart.count = 0;
	TRY(apply_conditions(w));
	length = r->kind == REPLY_BYTES ? r->bytes.n : r->size;
	w->chunks.is_on = r->kind == REPLY_FLOW && length == FLOW_SIZE_UNKNOWN;
	if (w->chunks.is_on && x->head->minor == 0)
		return fail(&x->err, E_HTTP_VERSION, "the size is not known yet: use HTTP/1.1");
	buf_reset(&w->out);
	put_fields(w, length);
	if (!buf_ok(&w->out) || !buf_ok(&r->fields))
		return fail(&x->err, E_INTERNAL, "the reply's fields do not fit");
	if (is_head)
		length = 0;
	w->bytes = r->kind == REPLY_BYTES && !is_head ? r->bytes : STR_NONE;
	w->fd = is_head ? -1 : r->kind == REPLY_FILE ? r->fd : r->kind == REPLY_FLOW ? flow_fd(r->flow) : -1;
	w->flow = r->kind == REPLY_FLOW && !is_head ? r->flow : NULL;
	w->chunks.is_on = w->chunks.is_on && !is_head;
	w->send_size = w->chunks.is_on ? UINT64_MAX : w->out.n + length;
	w->sent = w->window_end = w->chunks.at = 0;
	w->chunks.has_one = false;
	return OK;
}
