/*
 * log: one logfmt line per event to stderr: time, level, event, key=value pairs made by the caller's format, and the
 * request id of the thread. error: a person must act; warn: cove handled a problem; info: the state changed; debug: for
 * developers. Values that come from a peer go through log_quote(). Preserves errno. Any thread. No function here
 * formats secrets.
 *
 * The first 60 lines of each event are written at once, after that one line every 30 s, whose left_out=N counts the
 * omitted ones. This is the only place that limits how many lines a peer can cause. Debug lines are never omitted.
 */
#pragma once
#include <cove/base/str.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_set_level(enum log_level level);
bool log_wants(enum log_level level);

/* log_info("blob.commit", "repo=%s bytes=%llu", ...) */
void log_at(enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4), cold));
/* A line at the level info that is never omitted: for the access log. */
void log_each(const char *event, const char *format, ...) __attribute__((format(printf, 2, 3), cold));
/* To be called every half minute: logs how many lines were omitted of floods that have ended. */
void log_tend(void);
/* The prefix of a line of that level: "<3>" if stderr is systemd's journal, else "". */
const char *log_priority(enum log_level level);
#define log_error(...) log_at(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_at(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...)                                                                                                 \
	do {                                                                                                           \
		if (log_wants(LOG_DEBUG))                                                                              \
			log_at(LOG_DEBUG, __VA_ARGS__);                                                                \
	} while (0)

/* The request id that the lines of this thread contain; "" for none. Copied (at most 31 bytes). */
void log_set_request(const char *id);
const char *log_request(void);

/* s as a logfmt value: quoted and escaped where needed, cut at 200 bytes. The result is in a buffer of this thread and
 * is valid until the fourth call after this one. */
const char *log_quote(struct str s);
