/* log: makes one line and writes it with one write(2), so that lines of several threads do not mix. */
#include <cove/base/log.h>
#include <cove/base/buf.h>
#include <cove/base/clock.h>
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 2048, QUOTE_INPUT_MAX = 200, QUOTE_BUFFERS = 4 };

static _Atomic int current_level = LOG_INFO;
static _Thread_local char request_id[32];

void log_set_level(enum log_level level)
{
	current_level = (int)level;
}

bool log_wants(enum log_level level)
{
	return (int)level <= current_level;
}

void log_set_request(const char *id)
{
	size_t n = strnlen(id, sizeof request_id - 1);

	memcpy(request_id, id, n);
	request_id[n] = '\0';
}

const char *log_request(void)
{
	return request_id;
}

/* One event stays one line, whatever a format brought in. */
static void blank_controls(char *p, size_t n)
{
	for (size_t step; n; p += step, n -= step) {
		step = str_printable_step((struct str){p, n});
		if (!step) {
			*p = ' ';
			step = 1;
		}
	}
}

/* Appends at `at` and returns the new length; what does not fit is cut. */
static size_t put(char *line, size_t at, const char *format, va_list ap)
{
	size_t room = LINE_MAX_BYTES - at;
	int n = vsnprintf(line + at, room, format, ap);

	if (n < 0)
		return at;
	return at + ((size_t)n < room ? (size_t)n : room - 1);
}

static __attribute__((format(printf, 3, 4))) size_t putf(char *line, size_t at, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	at = put(line, at, format, ap);
	va_end(ap);
	return at;
}

void log_at(enum log_level level, const char *event, const char *format, ...)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};
	int saved = errno;
	char line[LINE_MAX_BYTES + 64], now[21];
	size_t n;
	va_list ap;

	if (!log_wants(level))
		return;
	clock_rfc3339(now, clock_wall_s());
	n = putf(line, 0, "time=%s level=%s event=%s ", now, names[level], event);
	va_start(ap, format);
	n = put(line, n, format, ap);
	va_end(ap);
	while (n && line[n - 1] == ' ')
		n--;
	if (request_id[0]) /* the 64 bytes above the maximum are for this */
		n += (size_t)snprintf(line + n, sizeof line - n, " request=%s", request_id);
	blank_controls(line, n);
	line[n++] = '\n';
	for (size_t done = 0; done < n;) {
		ssize_t wrote = write(STDERR_FILENO, line + done, n - done);

		if (wrote < 0 && errno != EINTR)
			break;
		if (wrote > 0)
			done += (size_t)wrote;
	}
	errno = saved;
}

/* Length of the character at the start of s that may stand within quotes; 0: it must be escaped. */
static size_t printable(struct str s)
{
	return s.p[0] == '"' || s.p[0] == '\\' ? 0 : str_printable_step(s);
}

static bool is_plain(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f || s.p[i] == '=' || s.p[i] == '"' || s.p[i] == '\\')
			return false;
	return s.n > 0;
}

const char *log_quote(struct str s)
{
	static _Thread_local char buffers[QUOTE_BUFFERS][4 * QUOTE_INPUT_MAX + 8];
	static _Thread_local unsigned turn;
	char *start = buffers[turn++ % QUOTE_BUFFERS];
	char *out = start;
	bool cut = s.n > QUOTE_INPUT_MAX;
	bool plain;

	s = str_first(s, QUOTE_INPUT_MAX);
	plain = is_plain(s);
	if (!plain)
		*out++ = '"';
	while (s.n) {
		size_t n = printable(s);

		if (n) {
			memcpy(out, s.p, n);
			out += n;
		} else if (s.p[0] == '"' || s.p[0] == '\\') {
			*out++ = '\\';
			*out++ = s.p[0];
		} else {
			out += snprintf(out, 5, "\\x%02x", (unsigned char)s.p[0]);
		}
		s = str_from(s, n ? n : 1);
	}
	if (cut)
		out = (char *)memcpy(out, "...", 3) + 3;
	if (!plain)
		*out++ = '"';
	*out = '\0';
	return start;
}
