#include "engine/base/time_text.h"
#include <string.h>

#define US_PER_S  INT64_C(1000000)
#define S_PER_DAY INT64_C(86400)
/* 0001-01-01 and the last second of 9999-12-31: what four digits can write. */
#define UNIX_S_MIN INT64_C(-62135596800)
#define UNIX_S_MAX INT64_C(253402300799)

struct civil {
	unsigned year, month, day, hour, minute, second, weekday; /* weekday 0: Sunday */
};

/* Days since 1970 to the calendar and back, over years that begin in March, so that the leap day is
 * the last one; eras of 400 years of 146,097 days. */
static void civil_of_days(int64_t days, struct civil *out)
{
	int64_t shifted = days + 719468; /* since 0000-03-01 */
	int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
	unsigned day_of_era = (unsigned)(shifted - era * 146097);
	unsigned year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	unsigned day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	unsigned month_from_march = (5 * day_of_year + 2) / 153;
	out->day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
	out->month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
	out->year = (unsigned)((int64_t)year_of_era + era * 400 + (out->month <= 2));
	int64_t weekday = (days + 4) % 7; /* 1970-01-01 was a Thursday */
	out->weekday = (unsigned)(weekday < 0 ? weekday + 7 : weekday);
}

static int64_t days_of_civil(const struct civil *c)
{
	int64_t year = (int64_t)c->year - (c->month <= 2);
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	unsigned year_of_era = (unsigned)(year - era * 400);
	unsigned month_from_march = c->month > 2 ? c->month - 3 : c->month + 9;
	unsigned day_of_year = (153 * month_from_march + 2) / 5 + c->day - 1;
	unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
	return era * 146097 + (int64_t)day_of_era - 719468;
}

static void civil_of_seconds(int64_t unix_s, struct civil *out)
{
	if (unix_s < UNIX_S_MIN)
		unix_s = UNIX_S_MIN;
	if (unix_s > UNIX_S_MAX)
		unix_s = UNIX_S_MAX;
	int64_t days = unix_s / S_PER_DAY, rest = unix_s % S_PER_DAY;
	if (rest < 0) {
		rest += S_PER_DAY;
		days--;
	}
	civil_of_days(days, out);
	out->hour = (unsigned)(rest / 3600);
	out->minute = (unsigned)(rest / 60 % 60);
	out->second = (unsigned)(rest % 60);
}

static uint8_t *put_digits(uint8_t *at, uint64_t number, unsigned width)
{
	for (unsigned i = width; i-- > 0; number /= 10)
		at[i] = (uint8_t)('0' + number % 10);
	return at + width;
}

static uint8_t *put_byte(uint8_t *at, char byte)
{
	*at = (uint8_t)byte;
	return at + 1;
}

void time_text_put_rfc3339(struct buf *buf, int64_t unix_us)
{
	struct civil c;
	uint8_t *at = buf_claim(buf, TIME_TEXT_RFC3339_LEN);
	if (at == NULL)
		return;
	int64_t seconds = unix_us / US_PER_S, us = unix_us % US_PER_S;
	if (us < 0) {
		us += US_PER_S;
		seconds--;
	}
	civil_of_seconds(seconds, &c);
	at = put_byte(put_digits(at, c.year, 4), '-');
	at = put_byte(put_digits(at, c.month, 2), '-');
	at = put_byte(put_digits(at, c.day, 2), 'T');
	at = put_byte(put_digits(at, c.hour, 2), ':');
	at = put_byte(put_digits(at, c.minute, 2), ':');
	at = put_byte(put_digits(at, c.second, 2), '.');
	(void)put_byte(put_digits(at, (uint64_t)us, 6), 'Z');
}

void time_text_put_rfc5322(struct buf *buf, int64_t unix_s)
{
	static const char weekdays[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct civil c;
	uint8_t *at = buf_claim(buf, TIME_TEXT_RFC5322_LEN);
	if (at == NULL)
		return;
	civil_of_seconds(unix_s, &c);
	memcpy(at, weekdays + (size_t)3 * c.weekday, 3);
	memcpy(at + 3, ", ", 2);
	at = put_byte(put_digits(at + 5, c.day, 2), ' ');
	memcpy(at, months + (size_t)3 * (c.month - 1), 3);
	at = put_byte(at + 3, ' ');
	at = put_byte(put_digits(at, c.year, 4), ' ');
	at = put_byte(put_digits(at, c.hour, 2), ':');
	at = put_byte(put_digits(at, c.minute, 2), ':');
	at = put_digits(at, c.second, 2);
	memcpy(at, " +0000", 6);
}

/* ---- reading RFC 3339 ---- */

/* `width` digits with a value from min to max, and the byte behind them (0: none); false if not so. */
static bool take_digits(struct text *rest, size_t width, unsigned min, unsigned max, char behind,
	unsigned *out_value)
{
	uint64_t value;
	if (rest->len < width || !text_to_u64(text_cut(*rest, width), &value))
		return false;
	*rest = text_skip(*rest, width);
	if (behind != '\0') {
		if (rest->len == 0 || text_lower((uint8_t)rest->data[0]) != (uint8_t)behind)
			return false;
		*rest = text_skip(*rest, 1);
	}
	*out_value = (unsigned)value;
	return value >= min && value <= max;
}

static bool take_date(struct text *rest, struct civil *c)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	if (!take_digits(rest, 4, 1, 9999, '-', &c->year) ||
		!take_digits(rest, 2, 1, 12, '-', &c->month) ||
		!take_digits(rest, 2, 1, 31, 't', &c->day))
		return false;
	bool leap = c->year % 4 == 0 && (c->year % 100 != 0 || c->year % 400 == 0);
	return c->day <= days[c->month - 1] + (unsigned)(c->month == 2 && leap);
}

/* ".123" of any length to microseconds; what is finer is cut. No dot: 0. */
static bool take_fraction(struct text *rest, unsigned *out_us)
{
	*out_us = 0;
	if (rest->len == 0 || rest->data[0] != '.')
		return true;
	*rest = text_skip(*rest, 1);
	unsigned digits = 0;
	for (; rest->len > 0 && rest->data[0] >= '0' && rest->data[0] <= '9'; digits++) {
		if (digits < 6)
			*out_us = *out_us * 10 + (unsigned)(rest->data[0] - '0');
		*rest = text_skip(*rest, 1);
	}
	for (unsigned i = digits; i < 6; i++)
		*out_us *= 10;
	return digits > 0;
}

/* "Z", "+hh:mm" or "-hh:mm" in seconds east of UTC. */
static bool take_offset(struct text *rest, int64_t *out_offset_s)
{
	unsigned hours, minutes;
	*out_offset_s = 0;
	if (rest->len == 0)
		return false;
	char sign = rest->data[0];
	*rest = text_skip(*rest, 1);
	if (sign == 'Z' || sign == 'z')
		return true;
	if ((sign != '+' && sign != '-') || !take_digits(rest, 2, 0, 23, ':', &hours) ||
		!take_digits(rest, 2, 0, 59, '\0', &minutes))
		return false;
	*out_offset_s = (int64_t)(hours * 3600 + minutes * 60) * (sign == '-' ? -1 : 1);
	return true;
}

enum result time_text_parse_rfc3339(struct text text, int64_t *out_unix_us)
{
	struct civil c;
	unsigned us;
	int64_t offset_s;
	if (!take_date(&text, &c) || !take_digits(&text, 2, 0, 23, ':', &c.hour) ||
		!take_digits(&text, 2, 0, 59, ':', &c.minute) ||
		!take_digits(&text, 2, 0, 60, '\0', &c.second) || !take_fraction(&text, &us) ||
		!take_offset(&text, &offset_s) || text.len > 0)
		return RESULT_INVALID;
	if (c.second == 60)
		c.second = 59;
	int64_t seconds = days_of_civil(&c) * S_PER_DAY +
			  (int64_t)(c.hour * 3600 + c.minute * 60 + c.second) - offset_s;
	if (seconds < UNIX_S_MIN || seconds > UNIX_S_MAX)
		return RESULT_INVALID;
	*out_unix_us = seconds * US_PER_S + us;
	return RESULT_OK;
}

/* ---- durations ---- */

static const struct {
	const char *text;
	uint64_t ms;
} units[] = {
	{ "d", 86400000 },
	{ "h", 3600000 },
	{ "m", 60000 },
	{ "s", 1000 },
	{ "ms", 1 },
};

void time_text_put_duration(struct buf *buf, uint64_t duration_ms)
{
	size_t unit = 0;
	if (duration_ms == 0) {
		buf_put_cstr(buf, "0");
		return;
	}
	while (duration_ms % units[unit].ms != 0)
		unit++;
	buf_put_number(buf, duration_ms / units[unit].ms);
	buf_put_cstr(buf, units[unit].text);
}

/* One "15m" off the front; the units of a text go from large to small, each at most once. */
static enum result take_part(struct text *rest, size_t *unit, uint64_t *sum_ms)
{
	size_t digits = 0, letters = 0;
	uint64_t number;
	while (digits < rest->len && rest->data[digits] >= '0' && rest->data[digits] <= '9')
		digits++;
	if (digits == 0)
		return RESULT_INVALID;
	if (!text_to_u64(text_cut(*rest, digits), &number))
		return RESULT_TOO_LONG;
	*rest = text_skip(*rest, digits);
	while (letters < rest->len && rest->data[letters] >= 'a' && rest->data[letters] <= 'z')
		letters++;
	while (*unit < COUNT_OF(units) &&
		!text_equal(text_cut(*rest, letters), text_of(units[*unit].text)))
		++*unit;
	if (*unit == COUNT_OF(units))
		return RESULT_INVALID;
	*rest = text_skip(*rest, letters);
	if (__builtin_mul_overflow(number, units[(*unit)++].ms, &number) ||
		__builtin_add_overflow(*sum_ms, number, sum_ms) || *sum_ms > INT64_MAX)
		return RESULT_TOO_LONG;
	return RESULT_OK;
}

enum result time_text_parse_duration(struct text text, uint64_t *out_duration_ms)
{
	uint64_t sum_ms = 0;
	size_t unit = 0;
	if (!text_equal(text, TEXT("0"))) {
		do {
			enum result result = take_part(&text, &unit, &sum_ms);
			if (result != RESULT_OK)
				return result;
		} while (text.len > 0);
	}
	*out_duration_ms = sum_ms;
	return RESULT_OK;
}
