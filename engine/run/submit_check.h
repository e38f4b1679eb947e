/* What `longship submit` looks at before it puts anything into a spool, by the code that the sender reads
 * with: a message file, a batch SMTP file, a job directory. */
#ifndef ENGINE_RUN_SUBMIT_CHECK_H
#define ENGINE_RUN_SUBMIT_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/result.h"
#include "engine/base/text.h"

enum submit_kind { SUBMIT_MESSAGE, SUBMIT_BATCH, SUBMIT_JOB };

struct submit_found {
	enum submit_kind kind;
	uint64_t messages, recipients; /* that could be sent */
	uint64_t refused;              /* recipients that could not: the others get their mail */
	struct fail first_refused;     /* why the first of them could not */
};

/* RESULT_OK, also where some recipients would be refused and others not. RESULT_INVALID: it would go into
 * bad/, whole or from the place that the sentence names on; RESULT_MEMORY. */
MUST_USE enum result submit_check_file(
	struct text file, struct submit_found *out_found, struct fail *fail);
/* The directory at `path`. Reads its recipients in a stream. Also what open and read can say. */
MUST_USE enum result submit_check_job(
	const char *path, struct submit_found *out_found, struct fail *fail);

#endif
