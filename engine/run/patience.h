/* Work that another process may hold up, at the start: it is waited for, and after a second the log says
 * so. */
#ifndef ENGINE_RUN_PATIENCE_H
#define ENGINE_RUN_PATIENCE_H

#include "engine/base/log.h"

/* Does the work on a thread of its own, and returns when it is done. If that takes longer than a second `row`
 * is logged, with those who have the file locked that it waits for. Without memory for a thread it is done by
 * the caller, and nothing is said. */
void patience_run(void (*work)(void *context), void *context, struct logger *log, enum log_row row,
	const char *locked_file);

#endif
