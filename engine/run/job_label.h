/* A job by its name, as single files give it (X-Longship-Job) and directories have it: what fairness tells
 * apart, and what tools ask for. The scheduler's; kept until it ends. */
#ifndef ENGINE_RUN_JOB_LABEL_H
#define ENGINE_RUN_JOB_LABEL_H

#include <stddef.h>
#include <stdint.h>
#include "engine/base/hash_map.h"
#include "engine/run/control_job.h"

struct job {
	struct hash_node node;
	uint64_t by_kind[CONTROL_JOB_KINDS]; /* final outcomes of single files, since the start */
	size_t name_len;
	char name[];
};

#endif
