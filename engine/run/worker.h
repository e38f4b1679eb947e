/* A worker: one thread, one ring, up to thousands of sessions. Reads message files, connects, does TLS,
 * speaks SMTP, reports. Never waits: no fsync, no unlink, no DNS (DESIGN 2). */
#ifndef ENGINE_RUN_WORKER_H
#define ENGINE_RUN_WORKER_H

#include <stdint.h>
#include "engine/base/result.h"

struct hub;
struct worker;

/* `new_fd`: the directory that message files are read from; stays open. RESULT_MEMORY, RESULT_LIMIT. */
MUST_USE enum result worker_create(struct hub *hub, uint32_t index, int new_fd,
	struct worker **out_worker, struct fail *fail);
/* The thread's function. Returns NULL, or the worker when its ring could not be created. */
void *worker_run(void *worker);
const struct fail *worker_fail(const struct worker *worker);
void worker_destroy(struct worker *worker);

#endif
