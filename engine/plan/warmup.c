#include "engine/plan/warmup.h"
#include <stdio.h>
#include "engine/base/time_text.h"

#define DAY_US (24 * 3600 * 1000000ll)

uint32_t warmup_limit(const struct warmup *ramp, int64_t first, int64_t day)
{
	if (ramp->days == 0)
		return WARMUP_UNLIMITED;
	if (ramp->has_since)
		first = ramp->since;
	else if (first == WARMUP_NEVER)
		first = day;
	if (day < first) /* the clock was set back, or its time is to come */
		return ramp->has_since ? 0 : ramp->limits[0];
	return day - first < ramp->days ? ramp->limits[day - first] : WARMUP_UNLIMITED;
}

int64_t warmup_day_of(int64_t unix_us)
{
	return unix_us >= 0 ? unix_us / DAY_US : -((-unix_us + DAY_US - 1) / DAY_US);
}

int64_t warmup_day_begins_us(int64_t day) { return day * DAY_US; }

bool warmup_parse_date(struct text text, int64_t *out_day)
{
	char time[TIME_TEXT_RFC3339_LEN + 1];
	int64_t unix_us;
	if (text.len != WARMUP_DATE_SIZE - 1)
		return false;
	(void)snprintf(time, sizeof time, "%.10sT00:00:00Z", text.data);
	if (time_text_parse_rfc3339(text_of(time), &unix_us) != RESULT_OK)
		return false;
	*out_day = warmup_day_of(unix_us);
	return true;
}

void warmup_put_date(char out[static WARMUP_DATE_SIZE], int64_t day)
{
	char memory[TIME_TEXT_RFC3339_LEN + 1];
	struct buf buf;
	buf_init(&buf, memory, sizeof memory);
	time_text_put_rfc3339(&buf, warmup_day_begins_us(day));
	(void)snprintf(out, WARMUP_DATE_SIZE, "%.10s", buf_cstr(&buf));
}
