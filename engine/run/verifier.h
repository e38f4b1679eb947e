/* The verifier thread: builds the paths of certificates that the workers' verifiers hand to it
 * (tls_verifier.h), so that no session waits while signatures of somebody else's chain are checked
 * (DESIGN 2). One thread is enough: each chain is asked about once, however many sessions wait for it, then
 * the worker's cache knows. */
#ifndef ENGINE_RUN_VERIFIER_H
#define ENGINE_RUN_VERIFIER_H

#include "engine/base/result.h"

struct hub;
struct verifier;

/* RESULT_MEMORY. Before the threads start. */
MUST_USE enum result verifier_create(
	struct hub *hub, struct verifier **out_verifier, struct fail *fail);
/* The thread's function. Returns NULL, or the verifier when its ring could not be created. */
void *verifier_run(void *verifier);
const struct fail *verifier_fail(const struct verifier *verifier);
/* After all threads, before the workers are destroyed: their jobs are theirs. */
void verifier_destroy(struct verifier *verifier);

#endif
