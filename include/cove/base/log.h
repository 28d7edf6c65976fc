/*
 * log: one logfmt line per event to stderr: time, level, event, key=value pairs made by the caller's format, and the
 * request id of the thread. error = a person must act; warn = we coped; info = state changed; debug = for developers.
 * Values that come from a peer go through log_quote(). Preserves errno. Any thread. Secrets have no formatter here.
 *
 * Of each event 60 lines are written at once, then one every 30 s, whose left_out=N counts the others: so a flood of
 * anything that a peer can cause is bounded, here and nowhere else. Debug lines are all written.
 */
#pragma once
#include <cove/base/str.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_set_level(enum log_level level);
bool log_wants(enum log_level level);

/* log_info("blob.commit", "repo=%s bytes=%llu", ...) */
void log_at(enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4), cold));
/* A line at the level info that the owner wants each of: that of the access log. */
void log_each(const char *event, const char *format, ...) __attribute__((format(printf, 2, 3), cold));
/* Every half minute: says of floods that have ended how many lines were left out. */
void log_tend(void);
/* What a line of that level begins with: "<3>" where stderr is systemd's journal, else nothing. */
const char *log_priority(enum log_level level);
#define log_error(...) log_at(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_at(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...)                                                                                                 \
	do {                                                                                                           \
		if (log_wants(LOG_DEBUG))                                                                              \
			log_at(LOG_DEBUG, __VA_ARGS__);                                                                \
	} while (0)

/* The id that this thread's lines carry; "" for none. Copied (at most 31 bytes). */
void log_set_request(const char *id);
const char *log_request(void);

/* s as a logfmt value: quoted and escaped where needed, cut at 200 bytes. A buffer of this thread, valid until the
 * fourth next call. */
const char *log_quote(struct str s);
