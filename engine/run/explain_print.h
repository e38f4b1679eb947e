/* What `longship explain` prints of its answer: for people, and as one JSON object for programs. */
#ifndef ENGINE_RUN_EXPLAIN_PRINT_H
#define ENGINE_RUN_EXPLAIN_PRINT_H

#include <stdio.h>
#include "engine/base/buf.h"
#include "engine/run/explain_answer.h"

enum {
	/* All steps, hosts, records and tries of the largest route, with everything escaped. */
	EXPLAIN_JSON_BYTES_MAX = 8 * 1024 * 1024,
};

/* "secure", "insecure", "bogus", "failed": what DNSSEC says of a step. */
const char *explain_step_security(const struct route_step *step);

void explain_print_text(
	const struct explain_answer *answer, const struct explain_decision *decision, FILE *out);
/* Ends with a line feed. Keys are always there; those of what is not known are empty or null. */
void explain_put_json(
	const struct explain_answer *answer, const struct explain_decision *decision, struct buf *out);

#endif
