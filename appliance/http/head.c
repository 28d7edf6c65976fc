/* head: finds the end of a request's head, then parses it in place. Interprets only what decides the body's framing. */
#include <cove/http/head.h>

static enum rc bad(struct err *err, const char *why)
{
	return fail(err, E_HTTP_BAD, "the request is not valid HTTP/1.1: %s", why);
}

static enum rc too_large(struct err *err)
{
	return fail_rc(err, E_HTTP_HEAD_TOO_LARGE);
}

/* RFC 9112 §3: "SHOULD respond with a 501" to a method that is longer than any that is known, "MUST respond with a 414"
 * where it is the target that is too long. `line` begins at the method. */
static enum rc line_too_long(struct str line, struct err *err)
{
	if (!str_has(str_first(line, HEAD_LINE_MAX_BYTES), ' '))
		return fail_rc(err, E_HTTP_METHOD_UNKNOWN);
	return fail_rc(err, E_HTTP_URI_TOO_LONG);
}

/* `end` is one more than the line's bytes, its LF not counted, so that a piece and the whole get the same answer. */
static enum rc check_caps(struct str bytes, const struct head_scan *scan, size_t end, struct err *err)
{
	if (scan->lines == 0 && end - scan->line_start > HEAD_LINE_MAX_BYTES + 1)
		return line_too_long(str_from(bytes, scan->line_start), err);
	if (end >= HEAD_MAX_BYTES)
		return too_large(err);
	return OK;
}

enum rc head_complete(struct str bytes, struct head_scan *scan, size_t *length, struct err *err)
{
	*length = 0;
	for (;;) {
		struct str rest = str_from(bytes, scan->at);
		const char *lf = rest.n ? memchr(rest.p, '\n', rest.n) : NULL;
		size_t end = lf ? (size_t)(lf - bytes.p) : bytes.n;
		size_t start = scan->line_start;

		TRY(check_caps(bytes, scan, end, err));
		scan->at = end;
		if (!lf)
			return OK;
		if (end == start || bytes.p[end - 1] != '\r')
			return bad(err, "a line must end in CRLF");
		scan->at = scan->line_start = end + 1;
		if (end - 1 > start) {
			if (++scan->lines > 1 + HEAD_FIELDS_MAX)
				return too_large(err);
		} else if (start > 0) { /* RFC 9112 §2.2: one empty line before the request is forgiven */
			*length = end + 1;
			return OK;
		}
	}
}

/* The next line without its CRLF. CR and LF occur nowhere else. */
static bool next_line(struct str *rest, struct str *line)
{
	struct str tail;

	if (!str_cut(*rest, '\n', line, &tail) || line->n == 0 || line->p[line->n - 1] != '\r')
		return false;
	line->n--;
	*rest = tail;
	return !str_has(*line, '\r');
}

/* RFC 9110 §2.5: a higher minor version is processed as the highest one of the same major version that is known. */
static enum rc parse_version(struct str text, int *minor, struct err *err)
{
	if (text.n != 8 || !str_starts(text, STR("HTTP/")) || !ascii_is_digit(text.p[5]) || text.p[6] != '.' ||
	    !ascii_is_digit(text.p[7]))
		return bad(err, "the request line must end in HTTP/1.1");
	if (text.p[5] != '1')
		return fail_rc(err, E_HTTP_VERSION);
	*minor = text.p[7] > '0';
	return OK;
}

static enum rc parse_method(struct str text, enum method *out, struct err *err)
{
	static const struct str names[] = {
	    [METHOD_GET] = {"GET", 3},
	    [METHOD_HEAD] = {"HEAD", 4},
	    [METHOD_POST] = {"POST", 4},
	    [METHOD_PUT] = {"PUT", 3},
	    [METHOD_PATCH] = {"PATCH", 5},
	    [METHOD_DELETE] = {"DELETE", 6},
	    [METHOD_OPTIONS] = {"OPTIONS", 7},
	};

	if (!str_is_token(text))
		return bad(err, "the method is not a token");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (str_eq(text, names[i])) {
			*out = (enum method)i;
			return OK;
		}
	return fail_rc(err, E_HTTP_METHOD_UNKNOWN);
}

/* RFC 3986, and the few more that browsers leave as they are in a query. */
static bool is_target_char(char c)
{
	return c > ' ' && c < 0x7f && !str_has(STR("\"#<>\\"), c);
}

static bool host_name_is_valid(struct str name)
{
	if (name.n == 0 || name.n > 255)
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (!ascii_is_alnum(name.p[i]) && !str_has(STR("-._~"), name.p[i]))
			return false;
	return true;
}

/* What may stand between the brackets; whether it is an address is for those to find out who connect to it. */
static bool ipv6_is_valid(struct str address)
{
	uint64_t ignored;

	if (address.n < 2 || address.n > 45 || !str_has(address, ':'))
		return false;
	for (size_t i = 0; i < address.n; i++)
		if (!str_has(STR(":."), address.p[i]) && !str_hex_u64((struct str){address.p + i, 1}, &ignored))
			return false;
	return true;
}

/* Stricter than RFC 3986 §3.2.2: no percent-escapes, no sub-delims, no empty port. No client sends them, and the value
 * goes into URLs that we hand out. */
bool host_is_valid(struct str host)
{
	struct str name = host, port = STR("443");
	uint64_t number;

	if (host.n && host.p[host.n - 1] != ']' && str_has(host, ':'))
		str_cut_last(host, ':', &name, &port);
	if (port.n > 5 || !str_u64(port, &number) || number < 1 || number > 65535)
		return false;
	if (name.n > 2 && name.p[0] == '[' && name.p[name.n - 1] == ']')
		return ipv6_is_valid((struct str){name.p + 1, name.n - 2});
	return host_name_is_valid(name);
}

/* absolute-form: a server must accept it, and its authority replaces Host (RFC 9112 §3.2.2). */
static enum rc parse_absolute(struct head *head, struct str *path_and_query, struct err *err)
{
	struct str scheme, rest;
	size_t n = 0;

	str_cut(head->target, ':', &scheme, &rest);
	if (!(str_eqi(scheme, STR("http")) || str_eqi(scheme, STR("https"))) || !str_starts(rest, STR("//")))
		return bad(err, "the request target must begin with a slash");
	rest = str_from(rest, 2);
	while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
		n++;
	head->host = str_first(rest, n);
	if (!host_is_valid(head->host))
		return bad(err, "the host in the request target is not valid");
	*path_and_query = str_from(rest, n);
	return OK;
}

static enum rc parse_target(struct head *head, struct err *err)
{
	struct str rest = head->target;

	if (rest.n == 0)
		return bad(err, "the request target is missing");
	for (size_t i = 0; i < rest.n; i++)
		if (!is_target_char(rest.p[i]))
			return bad(err, "a character in the request target must be percent-encoded");
	if (str_eq(rest, STR("*"))) {
		if (head->method != METHOD_OPTIONS)
			return bad(err, "the target * is for OPTIONS only");
		head->path = rest;
		return OK;
	}
	if (rest.p[0] != '/')
		TRY(parse_absolute(head, &rest, err));
	if (!str_cut(rest, '?', &head->path, &head->query))
		head->query = STR_NONE;
	if (head->path.n == 0) /* http://host or http://host?query */
		head->path = STR("/");
	return OK;
}

static enum rc parse_request_line(struct str line, struct head *head, struct err *err)
{
	struct str rest, version;

	if (line.n > HEAD_LINE_MAX_BYTES)
		return line_too_long(line, err);
	if (!str_cut(line, ' ', &head->method_text, &rest) || !str_cut(rest, ' ', &head->target, &version))
		return bad(err, "the request line needs a method, a target and a version");
	TRY(parse_version(version, &head->minor, err)); /* first: the preface of HTTP/2 looks like a method PRI */
	TRY(parse_method(head->method_text, &head->method, err));
	return parse_target(head, err);
}

static enum rc parse_field(struct str line, struct head *head, struct err *err)
{
	struct field *f = &head->fields[head->field_count];

	if (head->field_count == HEAD_FIELDS_MAX)
		return too_large(err);
	/* A name that is a token leaves no room for folded lines or a blank before the colon. */
	if (!str_cut(line, ':', &f->name, &f->value) || !str_is_token(f->name))
		return bad(err, "a field line must begin with a name and a colon");
	f->value = str_trim(f->value);
	for (size_t i = 0; i < f->value.n; i++) {
		unsigned char c = (unsigned char)f->value.p[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return bad(err, "a control character in a field");
	}
	head->field_count++;
	return OK;
}

/* *value of the only field of that name; STR_NONE without. More than one is refused: two readers could differ. */
static enum rc only_field(const struct head *head, struct str name, struct str *value, bool *present, struct err *err)
{
	struct str second;
	size_t at = 0;

	*present = head_field_next(head, name, &at, value);
	if (*present && head_field_next(head, name, &at, &second))
		return fail(err, E_HTTP_BAD, "the request is not valid HTTP/1.1: more than one %.*s", STR_ARG(name));
	return OK;
}

static enum rc find_host(struct head *head, struct err *err)
{
	struct str host;
	bool present;

	TRY(only_field(head, STR("Host"), &host, &present, err));
	if (!present && head->minor == 1)
		return bad(err, "Host is missing");
	if (present && !host_is_valid(host))
		return bad(err, "Host is not valid");
	if (head->host.n == 0)
		head->host = host;
	return OK;
}

/* Has a comma-separated list this element (any case)? */
static bool list_has(struct str list, struct str element)
{
	struct str one;

	while (list.n) {
		str_cut(list, ',', &one, &list);
		if (str_eqi(str_trim(one), element))
			return true;
	}
	return false;
}

/* RFC 9112 §6.3: with a final coding that is not chunked the body's end is not known: "the server MUST respond with the
 * 400". §6.1: "SHOULD respond with 501" to codings before it, which are not known here; chunked itself comes once. */
static enum rc judge_coding(struct head *head, struct str codings, struct err *err)
{
	struct str before, last;

	if (!str_cut_last(codings, ',', &before, &last)) {
		last = codings;
		before = STR_NONE;
	}
	if (!str_eqi(str_trim(last), STR("chunked")) || list_has(before, STR("chunked")))
		return bad(err, "chunked must be the last transfer coding, and come once");
	if (before.p)
		return fail_rc(err, E_HTTP_TRANSFER_CODING);
	head->chunked = true;
	return OK;
}

/* RFC 9112 §6: how long the body is. Everything that two readers may understand differently is refused. */
static enum rc find_framing(struct head *head, struct err *err)
{
	struct str length, coding, first;
	bool has_coding = head_field(head, STR("Transfer-Encoding"), &first);
	bool one_coding;

	TRY(only_field(head, STR("Content-Length"), &length, &head->has_length, err));
	if (head->has_length && (!str_u64(length, &head->length) || head->length > INT64_MAX))
		return bad(err, "Content-Length is not a length");
	if (!has_coding)
		return OK;
	if (head->has_length)
		return bad(err, "Content-Length and Transfer-Encoding exclude each other");
	if (head->minor == 0)
		return bad(err, "Transfer-Encoding is not known in HTTP/1.0");
	TRY(only_field(head, STR("Transfer-Encoding"), &coding, &one_coding, err));
	return judge_coding(head, coding, err);
}

static enum rc find_expectation(struct head *head, struct err *err)
{
	struct str value;
	size_t at = 0;

	if (head->minor == 0) /* RFC 9110 §10.1.1: ignored in HTTP/1.0 */
		return OK;
	while (head_field_next(head, STR("Expect"), &at, &value)) {
		if (!str_eqi(value, STR("100-continue")))
			return fail_rc(err, E_HTTP_EXPECT);
		head->expect_continue = true;
	}
	return OK;
}

enum rc head_parse(struct str bytes, struct head *head, struct err *err)
{
	struct str line;

	*head = (struct head){0};
	if (bytes.n > HEAD_MAX_BYTES)
		return too_large(err);
	if (str_starts(bytes, STR("\r\n")))
		bytes = str_from(bytes, 2);
	if (!next_line(&bytes, &line))
		return bad(err, "a line must end in CRLF");
	TRY(parse_request_line(line, head, err));
	for (;;) {
		if (!next_line(&bytes, &line))
			return bad(err, "a line must end in CRLF");
		if (line.n == 0)
			break;
		TRY(parse_field(line, head, err));
	}
	if (bytes.n)
		return bad(err, "something follows the head");
	TRY(find_host(head, err));
	TRY(find_framing(head, err));
	TRY(find_expectation(head, err));
	head->keep_alive = head->minor == 1 || head_list_has(head, STR("Connection"), STR("keep-alive"));
	if (head_list_has(head, STR("Connection"), STR("close")))
		head->keep_alive = false;
	return OK;
}

bool head_field(const struct head *head, struct str name, struct str *value)
{
	size_t at = 0;

	return head_field_next(head, name, &at, value);
}

bool head_field_next(const struct head *head, struct str name, size_t *at, struct str *value)
{
	while (*at < head->field_count) {
		const struct field *f = &head->fields[(*at)++];

		if (str_eqi(f->name, name)) {
			*value = f->value;
			return true;
		}
	}
	*value = STR_NONE;
	return false;
}

bool head_list_has(const struct head *head, struct str name, struct str element)
{
	struct str list;
	size_t at = 0;

	while (head_field_next(head, name, &at, &list))
		if (list_has(list, element))
			return true;
	return false;
}
