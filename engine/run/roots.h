/* The public authorities of a run: --ca-file, else the system's bundle. */
#ifndef ENGINE_RUN_ROOTS_H
#define ENGINE_RUN_ROOTS_H

#include "engine/base/result.h"

struct run_config;

/* Sets config->roots, which roots_unload() destroys. Without --ca-file a system that has no bundle is no
 * failure: the log says so, and what needs an authority waits. A --ca-file that cannot be used is
 * one: RESULT_INVALID, or RESULT_MEMORY. */
MUST_USE enum result roots_load(struct run_config *config, struct fail *fail);
void roots_unload(struct run_config *config);

#endif
