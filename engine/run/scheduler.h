/* The scheduler: every decision about what next. One thread, no I/O: it hears of files, has them read,
 * has domains routed, queues what is to be sent under the throttle of its provider and source, leases
 * it to workers, and keeps what was deferred until its time (DESIGN 2).
 *
 *   FOUND ─▶ read ─▶ one attempt for each domain ─▶ ROUTING ─▶ QUEUED ─▶ LEASED ─▶ RECORDING ─┐
 *                                                      ▲                                      │
 *                                                      └───────────── WAITING ◀─ deferred ────┤
 *   message over ◀── unlinked ◀── all recipients have a final outcome ◀───────────────────────┘ */
#ifndef ENGINE_RUN_SCHEDULER_H
#define ENGINE_RUN_SCHEDULER_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/result.h"

struct hub;
struct recovery;
struct scheduler;

/* How a run ended; the exit status follows from it. */
struct scheduler_end {
	bool record_failed;   /* 74 */
	bool mail_waits;      /* 75: retries, files still open, held by a throttle */
	uint64_t pending;
};

/* Before the threads start. `recovery` (recovery.h) is borrowed until the end. RESULT_MEMORY. */
MUST_USE enum result scheduler_create(struct hub *hub, struct recovery *recovery,
	struct scheduler **out_scheduler, struct fail *fail);
/* The thread's function: runs until everything is drained. Returns NULL, or the scheduler when its
 * ring could not be created (scheduler_fail). */
void *scheduler_run(void *scheduler);
const struct fail *scheduler_fail(const struct scheduler *scheduler);
/* After the thread. */
struct scheduler_end scheduler_end_of(const struct scheduler *scheduler);
void scheduler_destroy(struct scheduler *scheduler);

#endif
