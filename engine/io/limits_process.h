/* What the system allows this process. */
#ifndef ENGINE_IO_LIMITS_PROCESS_H
#define ENGINE_IO_LIMITS_PROCESS_H

#include <stdint.h>
#include "engine/base/result.h"

/* Raises RLIMIT_NOFILE to the hard limit; returns what may be open now. */
uint64_t limits_process_raise_files(void);
/* CPUs this process may run on: the default number of workers. At least 1. */
uint32_t limits_process_cpus(void);

#endif
