/*
 * err: one vocabulary of failures. The code decides what the program does; the sentence is for a person and names the
 * remedy. Codes, wire codes, HTTP statuses and default sentences are the rows of errors.def and nowhere else.
 *
 * A fallible function returns enum rc and takes `struct err *` last (NULL: only the code is wanted). It fills err on
 * failure and leaves it alone on success. The lowest layer that knows the fact writes the sentence; others pass it on.
 * Log or return, never both.
 */
#pragma once
#include <cove/base/str.h>

enum rc {
	OK = 0,
#define ERR(symbol, wire, status, sentence) E_##symbol,
#include <cove/base/errors.def>
#undef ERR
	RC_COUNT
};

struct err {
	enum rc rc;
	/* A sentence without newline, NUL-terminated. May be shown to the peer only where the row has a wire code. */
	char text[400];
	unsigned retry_after_s; /* for Retry-After (RFC 9110 §10.2.3); 0: what its status has by itself */
};

#define CHECKED __attribute__((warn_unused_result))

#define TRY(expr)                                                                                                      \
	do {                                                                                                           \
		enum rc rc_ = (expr);                                                                                  \
		if (rc_)                                                                                               \
			return rc_;                                                                                    \
	} while (0)

/* Fills err (if not NULL) with code and sentence, and returns the code. fail_rc takes the row's own sentence. */
enum rc fail(struct err *err, enum rc rc, const char *format, ...) __attribute__((format(printf, 3, 4), cold));
enum rc fail_rc(struct err *err, enum rc rc) __attribute__((cold));
/* As fail(), with ": " and errno's text appended; ENOSPC, EDQUOT and EFBIG become E_DISK_FULL, EMFILE/ENFILE/ENOMEM E_BUSY. */
enum rc fail_errno(struct err *err, enum rc rc, const char *format, ...) __attribute__((format(printf, 3, 4), cold));

/* The row's columns. rc_wire() is NULL where the text never leaves the machine. */
const char *rc_name(enum rc rc);
const char *rc_wire(enum rc rc);
int rc_status(enum rc rc);
const char *rc_sentence(enum rc rc);

/* A broken invariant of ours: prints place and text, aborts. Nothing a peer sends may lead here. */
_Noreturn void bug_at(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4), cold));
#define bug(...) bug_at(__FILE__, __LINE__, __VA_ARGS__)
/* For the small control structures of the process; request memory comes from arenas and bufs. Aborts when there is
 * none. */
void *xcalloc(size_t count, size_t size) __attribute__((returns_nonnull));
char *xstrdup(struct str s) __attribute__((returns_nonnull));
