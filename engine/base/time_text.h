/* Points in time as text, and back. UTC only, no locale, no time zone data, no clock: times come in
 * as microseconds or seconds since 1970 (leap seconds do not exist). Years 0001 to 9999. */
#ifndef ENGINE_BASE_TIME_TEXT_H
#define ENGINE_BASE_TIME_TEXT_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/buf.h"
#include "engine/base/check.h"
#include "engine/base/result.h"
#include "engine/base/text.h"

enum {
	TIME_TEXT_RFC3339_LEN = 27, /* 2026-09-01T12:34:56.123456Z */
	TIME_TEXT_RFC5322_LEN = 31, /* Tue, 01 Sep 2026 12:34:56 +0000 */
};

/* RFC 3339 with microseconds. Times outside the years are written as the nearest inside. */
void time_text_put_rfc3339(struct buf *buf, int64_t unix_us);
/* RFC 5322 3.3: the form of the Date field. */
void time_text_put_rfc5322(struct buf *buf, int64_t unix_s);
/* A number of milliseconds in the largest unit that is exact: 500ms 30s 15m 4h 2d. */
void time_text_put_duration(struct buf *buf, uint64_t duration_ms);

/* RFC 3339 with any offset and fraction; a leap second counts as the second before. RESULT_INVALID
 * for everything else, for dates that do not exist, and for text behind it. */
MUST_USE enum result time_text_parse_rfc3339(struct text text, int64_t *out_unix_us);
/* "500ms", "90s", "15m", "4h", "2d", "1h30m"; a bare "0". RESULT_INVALID when not of that form,
 * RESULT_TOO_LONG when it does not fit into 63 bits of milliseconds. */
MUST_USE enum result time_text_parse_duration(struct text text, uint64_t *out_duration_ms);

#endif
