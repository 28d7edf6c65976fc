/*
 * err: one set of error codes. The code decides what the program does; the sentence tells a person what to do.
 * errors.def is the only place that defines codes, wire codes, HTTP statuses and default sentences.
 *
 * A fallible function returns enum rc and takes `struct err *` last (NULL: the caller needs only the code). It fills
 * err on failure and does not touch it on success. The lowest layer that knows the cause writes the sentence, and the
 * layers above pass it on. Log an error or return it, never both.
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
	unsigned retry_after_s; /* for Retry-After (RFC 9110 §10.2.3); 0: the default of its status */
};

#define CHECKED __attribute__((warn_unused_result))

#define TRY(expr)                                                                                                      \
	do {                                                                                                           \
		enum rc rc_ = (expr);                                                                                  \
		if (rc_)                                                                                               \
			return rc_;                                                                                    \
	} while (0)

/* Fills err (if not NULL) with code and sentence, and returns the code. fail_rc uses the sentence of the row. */
enum rc fail(struct err *err, enum rc rc, const char *format, ...) __attribute__((format(printf, 3, 4), cold));
enum rc fail_rc(struct err *err, enum rc rc) __attribute__((cold));
/* Like fail(), but appends ": " and the text of errno. ENOSPC, EDQUOT and EFBIG become E_DISK_FULL,
 * EMFILE/ENFILE/ENOMEM E_BUSY. */
enum rc fail_errno(struct err *err, enum rc rc, const char *format, ...) __attribute__((format(printf, 3, 4), cold));

/* The row's columns. rc_wire() is NULL if the text must not leave the machine. */
const char *rc_name(enum rc rc);
const char *rc_wire(enum rc rc);
int rc_status(enum rc rc);
const char *rc_sentence(enum rc rc);

/* For a broken invariant: prints place and text, and aborts. Nothing that a peer sends may cause it. */
_Noreturn void bug_at(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4), cold));
#define bug(...) bug_at(__FILE__, __LINE__, __VA_ARGS__)
/* For the small control structures of the process; memory for requests comes from arenas and bufs. They abort when no
 * memory is left. */
void *xcalloc(size_t count, size_t size) __attribute__((returns_nonnull));
char *xstrdup(struct str s) __attribute__((returns_nonnull));
