/* log: makes one line and writes it with one write(2), so that lines of several threads do not mix. */
#include <cove/base/log.h>
#include <cove/base/buf.h>
#include <cove/base/clock.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	LINE_MAX_BYTES = 2048,
	QUOTE_INPUT_MAX = 200,
	QUOTE_BUFFERS = 4,
	EVENTS_MAX = 96, /* more than the program has */
	LINES_AT_ONCE = 60,
	LINE_EVERY_MS = 30 * 1000,
};

/* What peers can cause at will must neither fill a disk nor push out what matters: of each event so many lines at once,
 * then one every half minute, which counts those that were left out. */
static struct event {
	const char *name;
	int64_t bucket_ms; /* when it may again write as many at once */
	uint64_t left_out;
} events[EVENTS_MAX];
static pthread_mutex_t events_mutex = PTHREAD_MUTEX_INITIALIZER;

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

/* The event's row, found by its name or made; the last one is for all that find no place. Under the mutex. */
static struct event *event_of(const char *name)
{
	struct event *e = events;

	while (e < &events[EVENTS_MAX - 1] && e->name && strcmp(e->name, name) != 0)
		e++;
	e->name = e->name ? e->name : name;
	return e;
}

/* *left_out: lines of this event since the last one that was written. `lines`: what is left out now if it may not. */
static bool may_write(const char *name, uint64_t lines, uint64_t *left_out)
{
	int64_t now = clock_mono_ms();
	struct event *e;
	bool may;

	pthread_mutex_lock(&events_mutex);
	e = event_of(name);
	if (e->bucket_ms < now)
		e->bucket_ms = now;
	may = e->bucket_ms - now <= (LINES_AT_ONCE - 1) * (int64_t)LINE_EVERY_MS;
	if (may)
		e->bucket_ms += LINE_EVERY_MS;
	else
		e->left_out += lines;
	*left_out = may ? e->left_out : 0;
	if (may)
		e->left_out = 0;
	pthread_mutex_unlock(&events_mutex);
	return may;
}

/* systemd says in the environment which stream it reads; there a line may begin with its priority (sd-daemon(3)). */
static bool is_journal(void)
{
	const char *told = getenv("JOURNAL_STREAM");
	struct str device, inode;
	uint64_t dev, ino;
	struct stat st;

	return told && str_cut(str_of(told), ':', &device, &inode) && str_u64(device, &dev) && str_u64(inode, &ino) &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == (dev_t)dev && st.st_ino == (ino_t)ino;
}

const char *log_priority(enum log_level level)
{
	static const char *const priorities[] = {"<3>", "<4>", "<6>", "<7>"};
	static _Atomic int journal; /* 0: not known yet */

	if (!journal)
		journal = is_journal() ? 1 : -1;
	return journal > 0 ? priorities[level] : "";
}

static void write_line(const char *line, size_t n)
{
	for (size_t done = 0; done < n;) {
		ssize_t wrote = write(STDERR_FILENO, line + done, n - done);

		if (wrote < 0 && errno != EINTR)
			break;
		if (wrote > 0)
			done += (size_t)wrote;
	}
}

static void put_line(enum log_level level, const char *event, uint64_t left_out, const char *format, va_list ap)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};
	char line[LINE_MAX_BYTES + 128], now[21];
	size_t n;

	clock_rfc3339(now, clock_wall_s());
	n = putf(line, 0, "%stime=%s level=%s event=%s ", log_priority(level), now, names[level], event);
	n = put(line, n, format, ap);
	while (n && line[n - 1] == ' ')
		n--;
	/* the bytes above the maximum are for these */
	if (left_out)
		n += (size_t)snprintf(line + n, sizeof line - n, " left_out=%llu", (unsigned long long)left_out);
	if (request_id[0])
		n += (size_t)snprintf(line + n, sizeof line - n, " request=%s", request_id);
	blank_controls(line, n);
	line[n++] = '\n';
	write_line(line, n);
}

void log_at(enum log_level level, const char *event, const char *format, ...)
{
	int saved = errno;
	uint64_t left_out = 0;
	va_list ap;

	if (!log_wants(level) || (level != LOG_DEBUG && !may_write(event, 1, &left_out)))
		return;
	va_start(ap, format);
	put_line(level, event, left_out, format, ap);
	va_end(ap);
	errno = saved;
}

void log_each(const char *event, const char *format, ...)
{
	int saved = errno;
	va_list ap;

	if (!log_wants(LOG_INFO))
		return;
	va_start(ap, format);
	put_line(LOG_INFO, event, 0, format, ap);
	va_end(ap);
	errno = saved;
}

void log_tend(void)
{
	const char *name = NULL;
	uint64_t left_out;

	for (size_t i = 0; i < EVENTS_MAX; i++) {
		pthread_mutex_lock(&events_mutex);
		name = events[i].left_out ? events[i].name : NULL;
		pthread_mutex_unlock(&events_mutex);
		if (name && may_write(name, 0, &left_out))
			log_each("log.left_out", "of=%s lines=%llu", name, (unsigned long long)left_out);
	}
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
