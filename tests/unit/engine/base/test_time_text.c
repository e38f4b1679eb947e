#include "tests/unit/unit.h"
#include <stdio.h>
#include <time.h>
#include "engine/base/time_text.h"

static struct text rfc3339(struct buf *buf, int64_t unix_us)
{
	buf_reset(buf);
	time_text_put_rfc3339(buf, unix_us);
	return buf_text(buf);
}

static void rfc3339_has_microseconds_and_utc(void **state)
{
	(void)state;
	uint8_t memory[40];
	struct buf buf;
	buf_init(&buf, memory, sizeof memory);
	static const struct { int64_t us; const char *want; } rows[] = {
		{ 0, "1970-01-01T00:00:00.000000Z" },
		{ -1, "1969-12-31T23:59:59.999999Z" },
		{ 1582934399999999, "2020-02-28T23:59:59.999999Z" },
		{ 1582934400000000, "2020-02-29T00:00:00.000000Z" },
		{ 951782400000000, "2000-02-29T00:00:00.000000Z" },
		{ -2203891200000000, "1900-03-01T00:00:00.000000Z" },
		{ 253402300799000000, "9999-12-31T23:59:59.000000Z" },
		{ -62135596800000000, "0001-01-01T00:00:00.000000Z" },
		{ INT64_MAX, "9999-12-31T23:59:59.775807Z" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_text_equal(rfc3339(&buf, rows[i].us), rows[i].want);
	assert_int_equal(rfc3339(&buf, INT64_MIN).len, TIME_TEXT_RFC3339_LEN);
}

/* Against the C library, whose calendar is another one. */
static void dates_agree_with_the_library_and_come_back(void **state)
{
	(void)state;
	uint64_t seed = 7;
	uint8_t memory[40];
	struct buf buf;
	buf_init(&buf, memory, sizeof memory);
	for (int i = 0; i < 50000; i++) {
		int64_t seconds = (int64_t)seeded_below(&seed, UINT64_C(253402300800) + 62135596800) -
			62135596800;
		int64_t us = (int64_t)seeded_below(&seed, 1000000), back;
		time_t t = (time_t)seconds;
		struct tm tm;
		char want[64], weekday[64];
		assert_non_null(gmtime_r(&t, &tm));
		(void)snprintf(want, sizeof want, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ",
			tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
			(int)us);
		assert_text_equal(rfc3339(&buf, seconds * 1000000 + us), want);
		assert_int_equal(time_text_parse_rfc3339(buf_text(&buf), &back), RESULT_OK);
		assert_true(back == seconds * 1000000 + us);
		/* RFC 5322 3.3: with the day of the week in English whatever the locale is. */
		static const char days[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
		static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug",
			"Sep", "Oct", "Nov", "Dec" };
		(void)snprintf(weekday, sizeof weekday, "%s, %02d %s %04d %02d:%02d:%02d +0000",
			days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour,
			tm.tm_min, tm.tm_sec);
		buf_reset(&buf);
		time_text_put_rfc5322(&buf, seconds);
		assert_text_equal(buf_text(&buf), weekday);
	}
}

static void other_forms_of_rfc3339_are_read(void **state)
{
	(void)state;
	static const struct { const char *text; int64_t want; } rows[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "1970-01-01t01:00:00+01:00", 0 },
		{ "1969-12-31T18:30:00-05:30", 0 },
		{ "1970-01-01T00:00:00.5Z", 500000 },
		{ "1970-01-01T00:00:00.1234567899z", 123456 },
		{ "2016-12-31T23:59:60Z", 1483228799000000 },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int64_t us = 99;
		assert_int_equal(time_text_parse_rfc3339(text_of(rows[i].text), &us), RESULT_OK);
		assert_true(us == rows[i].want);
	}
	static const char *const bad[] = { "", "1970-01-01", "1970-01-01T00:00:00",
		"1970-01-01 00:00:00Z", "1970-13-01T00:00:00Z", "1970-00-01T00:00:00Z",
		"1970-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "1970-04-31T00:00:00Z",
		"1970-01-01T24:00:00Z", "1970-01-01T00:60:00Z", "1970-01-01T00:00:61Z",
		"1970-01-01T00:00:00.Z", "1970-01-01T00:00:00Zx", "1970-01-01T00:00:00+24:00",
		"1970-01-01T00:00:00+0100", "1970-1-01T00:00:00Z", "+970-01-01T00:00:00Z",
		"0000-01-01T00:00:00Z", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00" };
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		int64_t us = 99;
		assert_int_equal(time_text_parse_rfc3339(text_of(bad[i]), &us), RESULT_INVALID);
		assert_int_equal(us, 99);
	}
}

static void every_prefix_of_a_time_is_refused(void **state)
{
	(void)state;
	const struct text whole = TEXT("2026-09-01T12:34:56.123456+02:00");
	for (size_t len = 0; len < whole.len; len++) {
		int64_t us;
		assert_int_equal(time_text_parse_rfc3339(text_cut(whole, len), &us), RESULT_INVALID);
	}
}

static void durations_both_ways(void **state)
{
	(void)state;
	static const struct { const char *text; uint64_t ms; const char *back; } rows[] = {
		{ "0", 0, "0" },             { "500ms", 500, "500ms" },    { "30s", 30000, "30s" },
		{ "60s", 60000, "1m" },      { "15m", 900000, "15m" },     { "4h", 14400000, "4h" },
		{ "2d", 172800000, "2d" },   { "1h30m", 5400000, "90m" },  { "0s", 0, "0" },
		{ "1d1ms", 86400001, "86400001ms" }, { "24h", 86400000, "1d" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint8_t memory[32];
		struct buf buf;
		uint64_t ms = 99;
		assert_int_equal(time_text_parse_duration(text_of(rows[i].text), &ms), RESULT_OK);
		assert_true(ms == rows[i].ms);
		buf_init(&buf, memory, sizeof memory);
		time_text_put_duration(&buf, ms);
		assert_text_equal(buf_text(&buf), rows[i].back);
	}
}

static void other_durations_are_refused(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "5", "s", "-5s", "5 s", "5S", "1.5h", "5m1h", "5s5s",
		"5x", "1h30", " 5s", "5s ", "00" };
	uint64_t ms = 99;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_equal(time_text_parse_duration(text_of(bad[i]), &ms), RESULT_INVALID);
	assert_int_equal(time_text_parse_duration(TEXT("99999999999999999999s"), &ms), RESULT_TOO_LONG);
	assert_int_equal(time_text_parse_duration(TEXT("9999999999999999s"), &ms), RESULT_TOO_LONG);
	assert_int_equal(time_text_parse_duration(TEXT("106751991167d7h"), &ms), RESULT_OK);
	assert_int_equal(time_text_parse_duration(TEXT("106751991168d"), &ms), RESULT_TOO_LONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc3339_has_microseconds_and_utc),
		cmocka_unit_test(dates_agree_with_the_library_and_come_back),
		cmocka_unit_test(other_forms_of_rfc3339_are_read),
		cmocka_unit_test(every_prefix_of_a_time_is_refused),
		cmocka_unit_test(durations_both_ways),
		cmocka_unit_test(other_durations_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
