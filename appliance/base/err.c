/* err: the rows of errors.def as a table, and the few functions that fill a struct err or end the process. */
#include <cove/base/err.h>
#include <cove/base/log.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* clang-format off: version 14 dies of a table whose rows come from a macro */
static const struct row {
	const char *name, *wire;
	int status;
	const char *sentence;
} rows[RC_COUNT] = {
    [OK] = {"OK", NULL, 200, "ok"},
#define ERR(symbol, wire, status, sentence) [E_##symbol] = {#symbol, wire, status, sentence},
#include <cove/base/errors.def>
#undef ERR
};
/* clang-format on */

static const struct row *row_of(enum rc rc)
{
	if ((unsigned)rc >= RC_COUNT)
		bug("no such code: %d", (int)rc);
	return &rows[rc];
}

const char *rc_name(enum rc rc)
{
	return row_of(rc)->name;
}

const char *rc_wire(enum rc rc)
{
	return row_of(rc)->wire;
}

int rc_status(enum rc rc)
{
	return row_of(rc)->status;
}

const char *rc_sentence(enum rc rc)
{
	return row_of(rc)->sentence;
}

/* A peer's bytes may be in the sentence; it must stay one line in logs and terminals. */
static void one_line(char *z)
{
	for (; *z; z++)
		if ((unsigned char)*z < ' ' || *z == 0x7f)
			*z = ' ';
}

static void fill(struct err *err, enum rc rc, const char *format, va_list ap)
{
	err->rc = rc;
	err->retry_after_s = 0;
	if (vsnprintf(err->text, sizeof err->text, format, ap) < 0)
		err->text[0] = '\0';
	one_line(err->text);
}

enum rc fail(struct err *err, enum rc rc, const char *format, ...)
{
	int saved = errno;
	va_list ap;

	if (err) {
		va_start(ap, format);
		fill(err, rc, format, ap);
		va_end(ap);
	}
	errno = saved;
	return rc;
}

enum rc fail_rc(struct err *err, enum rc rc)
{
	return fail(err, rc, "%s", rc_sentence(rc));
}

static enum rc rc_of_errno(enum rc rc, int number)
{
	switch (number) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return E_DISK_FULL;
	case EMFILE:
	case ENFILE:
	case ENOMEM:
		return E_BUSY;
	default:
		return rc;
	}
}

enum rc fail_errno(struct err *err, enum rc rc, const char *format, ...)
{
	int saved = errno;
	size_t n;
	va_list ap;

	rc = rc_of_errno(rc, saved);
	if (err) {
		va_start(ap, format);
		fill(err, rc, format, ap);
		va_end(ap);
	}
	if (err && rc == E_DISK_FULL) {
		/* whatever was being done: the remedy is the same, and it is the peer who reads this */
		snprintf(err->text, sizeof err->text, "%s",
		    saved == EFBIG ? "the file would exceed a size limit: raise the limit (ulimit -f, LimitFSIZE= in "
				     "systemd), or use a file system without one"
				   : rc_sentence(rc));
	} else if (err) {
		n = strlen(err->text);
		/* strerror() is safe here: for known numbers both libcs give constants, for others the thread's own
		 * buffer. */
		snprintf(err->text + n, sizeof err->text - n, ": %s", strerror(saved));
	}
	errno = saved;
	return rc;
}

void bug_at(const char *file, int line, const char *format, ...)
{
	va_list ap;

	fprintf(stderr, "%sbug: %s:%d: ", log_priority(LOG_ERROR), file, line);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fprintf(stderr, " request=%s\n", log_request());
	abort();
}

void *xcalloc(size_t count, size_t size)
{
	void *p = calloc(count ? count : 1, size ? size : 1);

	if (!p)
		bug("no memory for %zu times %zu bytes", count, size);
	return p;
}

char *xstrdup(struct str s)
{
	char *p;

	if (s.n == SIZE_MAX)
		bug("no memory for a string");
	p = xcalloc(s.n + 1, 1);
	if (s.n)
		memcpy(p, s.p, s.n);
	return p;
}
