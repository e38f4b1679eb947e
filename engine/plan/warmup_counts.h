/* What was sent today from each source that warms up to each provider, and the day when each source
 * began; and how that stands in a file, so that a restart does not begin the day anew.
 *
 *   longship-warmup 1
 *   first 2026-09-01 192.0.2.7                    the first mail from there
 *   sent 2026-09-03 192.0.2.7 google 117          recipients who were taken on that day
 *
 * The last line about a thing counts, so that changes are appended. Pure: no files, no clock; memory from the
 * heap. */
#ifndef ENGINE_PLAN_WARMUP_COUNTS_H
#define ENGINE_PLAN_WARMUP_COUNTS_H

#include "engine/base/buf.h"
#include "engine/base/hash_map.h"
#include "engine/base/list.h"
#include "engine/plan/warmup.h"

enum {
	/* Providers that get mail in one day from addresses that warm up, times these addresses. Beyond it
	 * such mail counts as if there were no room: from there it is bulk of years, and no warm-up. */
	WARMUP_COUNTS_MAX = 200000,
	/* A line for each, and as much again of older ones. */
	WARMUP_FILE_BYTES_MAX = 128 * 1024 * 1024,
};

/* One source at one provider. `sent` and `reserved` are the caller's to read. */
struct warmup_count {
	struct hash_node node;
	struct list_node dirty_node; /* changed since the last warmup_counts_take_text() */
	uint32_t sent;               /* today */
	uint32_t reserved;           /* recipients of messages that are on their way */
	uint32_t users;              /* who hold a pointer to it for longer */
	int64_t first;               /* of a source itself: its first day */
	uint16_t source_len;         /* of the key "SOURCE PROVIDER", or "SOURCE" */
	uint16_t key_len;
	char key[];
};

struct warmup_counts {
	struct hash_map map;
	struct list dirty;
	int64_t day;
	uint64_t text_bytes; /* of a file that has each once */
};

/* RESULT_MEMORY. */
MUST_USE enum result warmup_counts_init(
	struct warmup_counts *counts, int64_t day, const struct siphash_key *key);
void warmup_counts_deinit(struct warmup_counts *counts);

/* What a file says. RESULT_INVALID: it is none of this format, with words; a last line that was cut off is
 * no fault. RESULT_MEMORY, RESULT_LIMIT. */
MUST_USE enum result warmup_counts_read(
	struct warmup_counts *counts, struct text file, struct fail *fail);

/* Another day: nothing was sent yet; what nobody uses is forgotten. */
void warmup_counts_begin_day(struct warmup_counts *counts, int64_t day);
/* NULL: nothing is known of it. */
struct warmup_count *warmup_counts_find(
	struct warmup_counts *counts, struct text source, struct text provider);
/* Made if it is new. NULL: no memory, or there are too many. */
struct warmup_count *warmup_counts_take(
	struct warmup_counts *counts, struct text source, struct text provider);
/* So many recipients were taken there, from that source. */
void warmup_counts_add(struct warmup_counts *counts, struct warmup_count *count, uint32_t rcpts);
/* The day of the first mail; WARMUP_NEVER: there was none. */
int64_t warmup_counts_first(struct warmup_counts *counts, struct text source);

static inline bool warmup_counts_changed(const struct warmup_counts *counts)
{
	return !list_is_empty(&counts->dirty);
}
/* The changes since the last time, or all there is with the first line of a file. Memory from malloc(), the
 * caller's to free; NULL: there was none, and nothing has been taken. */
char *warmup_counts_take_text(struct warmup_counts *counts, bool all, size_t *out_len);

#endif
