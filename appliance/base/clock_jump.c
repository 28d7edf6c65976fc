/* clock_jump: whether somebody has set the wall clock. */
#include <cove/base/clock.h>
#include <cove/base/log.h>

int64_t clock_offset_s(void)
{
	return clock_wall_s() - clock_mono_ms() / 1000;
}

bool clock_was_set(int64_t *offset_s)
{
	int64_t now = clock_offset_s(), jump = now - *offset_s;

	*offset_s = now; /* also by less: NTP pulls it slowly, and that is no jump */
	if (jump > -10 && jump < 10)
		return false;
	log_info("clock.set", "seconds=%lld", (long long)jump);
	return true;
}
