/* clock: the only place that reads the time, so that tests can pin it. Any thread. */
#pragma once
#include <cove/base/str.h>
#include <stdint.h>

/* Seconds since the epoch, UTC. */
int64_t clock_wall_s(void);
/* Milliseconds that never decrease and that continue during suspend (CLOCK_BOOTTIME). For deadlines and durations. */
int64_t clock_mono_ms(void);
/* clock_offset_s() returns the difference between the wall clock and the monotonic clock. clock_was_set() tells whether
 * somebody has set the wall clock since then by at least ten seconds, and updates *offset_s, which clock_offset_s()
 * gave: a machine without a clock battery starts in the past. */
int64_t clock_offset_s(void);
bool clock_was_set(int64_t *offset_s);
/* Tests only: freezes both at the given values; (-1, -1) thaws. */
void clock_pin(int64_t wall_s, int64_t mono_ms);

/* RFC 3339 in UTC, "2026-11-23T21:04:05Z". */
void clock_rfc3339(char out[static 21], int64_t wall_s);
/* IMF-fixdate (RFC 9110 §5.6.7), "Sun, 06 Nov 1994 08:49:37 GMT". */
void clock_imf_fixdate(char out[static 30], int64_t wall_s);
