/* One line of an answer to a tool (control_request.h): some recipients of one file, all of one domain, that
 * wait, and why. The texts are borrowed for the call. */
#ifndef ENGINE_RUN_CONTROL_ENTRY_H
#define ENGINE_RUN_CONTROL_ENTRY_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/text.h"

struct buf;
struct envelope;
struct queue_attempt;
struct queue_file;

enum {
	CONTROL_WHY_MAX = 600,
};

struct control_entry {
	struct text file, id, job, from, domain;
	bool transactional;
	/* "waiting", "held", "queued", "routing", "sending", "recording", "new", "unmade", "damaged" */
	const char *state;
	bool is_parked;       /* on disk alone */
	uint32_t rcpts_count; /* 0: nobody has read the file yet */
	uint32_t attempt;     /* number of the next one, from 1 */
	int64_t next_us;      /* since 1970; 0: nobody knows */
	int64_t expires_us;   /* 0: nobody knows yet */
	struct text last;     /* how the last pass ended: host and reply */
	struct text why;      /* what it waits for */
	/* For SHOW: called rcpts_count times with 0, 1 ...; NULL: who they are is not told */
	struct text (*rcpt)(const void *context, uint32_t index);
	const void *context;
};

/* The bytes that control_entry_put() writes at most. */
size_t control_entry_bytes(const struct control_entry *entry, bool with_rcpts);
/* {"file":"x.eml", ... }\n */
void control_entry_put(struct buf *out, const struct control_entry *entry, bool with_rcpts);

/* What waits in the queue on disk (store/queue.h). `hold`: the rule that holds it (holds_match()), or NULL.
 * `ahead_us`: that much more than the wall clock the queue's has (queue_clock.h); what is told is wall time.
 * `why` is the memory for its sentence. */
void control_entry_of_queue(const struct queue_file *file, const struct queue_attempt *attempt,
	const char *hold, int64_t ahead_us, char why[static CONTROL_WHY_MAX],
	struct control_entry *out_entry);

#endif
