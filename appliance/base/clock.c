/* clock: the two clocks, the pin for tests, and the two ways a date is written. */
#include <cove/base/clock.h>
#include <stdatomic.h>
#include <time.h>

/* -1: not pinned */
static _Atomic int64_t pinned_wall_s = -1, pinned_mono_ms = -1;

int64_t clock_wall_s(void)
{
	int64_t pinned = pinned_wall_s;
	struct timespec now;

	if (pinned >= 0)
		return pinned;
	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec;
}

int64_t clock_mono_ms(void)
{
	int64_t pinned = pinned_mono_ms;
	struct timespec now;

	if (pinned >= 0)
		return pinned;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void clock_pin(int64_t wall_s, int64_t mono_ms)
{
	pinned_wall_s = wall_s;
	pinned_mono_ms = mono_ms;
}

/* Both formats have room for the years 0000 to 9999 only. */
static void civil(int64_t wall_s, struct tm *out)
{
	static const int64_t first_s = -62167219200, last_s = 253402300799;
	time_t t = (time_t)(wall_s < first_s ? first_s : wall_s > last_s ? last_s : wall_s);

	gmtime_r(&t, out);
}

static char *put_digits(char *out, int value, int digits)
{
	for (int i = digits - 1; i >= 0; i--) {
		out[i] = (char)('0' + value % 10);
		value /= 10;
	}
	return out + digits;
}

static char *put_text(char *out, const char *text, size_t n)
{
	memcpy(out, text, n);
	return out + n;
}

static char *put_hms(char *out, const struct tm *t)
{
	out = put_digits(out, t->tm_hour, 2);
	*out++ = ':';
	out = put_digits(out, t->tm_min, 2);
	*out++ = ':';
	return put_digits(out, t->tm_sec, 2);
}

void clock_rfc3339(char out[static 21], int64_t wall_s)
{
	struct tm t;

	civil(wall_s, &t);
	out = put_digits(out, t.tm_year + 1900, 4);
	*out++ = '-';
	out = put_digits(out, t.tm_mon + 1, 2);
	*out++ = '-';
	out = put_digits(out, t.tm_mday, 2);
	*out++ = 'T';
	out = put_hms(out, &t);
	put_text(out, "Z", 2);
}

void clock_imf_fixdate(char out[static 30], int64_t wall_s)
{
	static const char days[] = "Sun, Mon, Tue, Wed, Thu, Fri, Sat, ";
	static const char months[] = " Jan  Feb  Mar  Apr  May  Jun  Jul  Aug  Sep  Oct  Nov  Dec ";
	struct tm t;

	civil(wall_s, &t);
	out = put_text(out, days + 5 * t.tm_wday, 5);
	out = put_digits(out, t.tm_mday, 2);
	out = put_text(out, months + 5 * t.tm_mon, 5);
	out = put_digits(out, t.tm_year + 1900, 4);
	*out++ = ' ';
	out = put_hms(out, &t);
	put_text(out, " GMT", 5);
}
