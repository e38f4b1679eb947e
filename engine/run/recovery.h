/* What the journal of earlier runs says about files that may still be there: which recipients are done,
 * so that a file which a crash left behind is not sent again (DESIGN 2, "tombstones").
 * Filled by the recorder's start before the threads run; then the scheduler alone has it. */
#ifndef ENGINE_RUN_RECOVERY_H
#define ENGINE_RUN_RECOVERY_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/event.h"
#include "engine/base/hash_map.h"
#include "engine/base/result.h"
#include "engine/io/file.h"

struct message;

struct rcpt_bits {
	uint32_t max; /* that there are */
	uint8_t *bits;
};

struct recovered_file {
	struct hash_node node;   /* by name */
	struct file_identity identity;
	bool rejected;           /* it was told to be no mail */
	bool is_job;             /* its recipients are counted by a manifest (job_run.h) */
	bool split;              /* a batch file: what is in it is mail of its own */
	struct rcpt_bits done, warned; /* who has an outcome; of whom it was told that he waits */
	uint8_t *kinds; /* of a job: what each of those who are done came to, an event_kind; done.max */
	uint64_t first_seq;
	char name[];
};

struct recovery {
	struct hash_map files;
	uint64_t outcomes_count;
};

MUST_USE enum result recovery_init(struct recovery *recovery);
void recovery_deinit(struct recovery *recovery);

/* A recipient of the file has a final outcome; or the whole file was rejected. */
MUST_USE enum result recovery_add_done(struct recovery *recovery, struct text name,
	const struct file_identity *identity, uint32_t rcpt, uint64_t seq);
/* The same of a job, which has more recipients than a file may have. */
MUST_USE enum result recovery_add_job_done(struct recovery *recovery, struct text name,
	const struct file_identity *identity, uint32_t ordinal, enum event_kind kind, uint64_t seq);
/* The sender was told that this recipient, of a job or not, still waits (--warn-after). */
MUST_USE enum result recovery_add_warned(struct recovery *recovery, struct text name,
	const struct file_identity *identity, bool is_job, uint32_t rcpt, uint64_t seq);
MUST_USE enum result recovery_add_rejected(struct recovery *recovery, struct text name,
	const struct file_identity *identity, uint64_t seq);
MUST_USE enum result recovery_add_split(struct recovery *recovery, struct text name,
	const struct file_identity *identity, uint64_t seq);
/* The file was unlinked: nothing of it matters any more. */
void recovery_forget(struct recovery *recovery, struct text name, const struct file_identity *identity);

/* The entry for this file, if name and identity are the same; else NULL. */
struct recovered_file *recovery_find(struct recovery *recovery, const char *name,
	const struct file_identity *identity);
/* One of its own for another thread. NULL: no memory. */
MUST_USE struct recovered_file *recovered_copy(const struct recovered_file *file);
void recovered_destroy(struct recovered_file *file);
bool recovered_is_done(const struct recovered_file *file, uint32_t rcpt);
bool recovered_is_warned(const struct recovered_file *file, uint32_t rcpt);
/* What one of a job that is done has come to. */
enum event_kind recovered_kind(const struct recovered_file *file, uint32_t ordinal);

#endif
