#include "engine/io/limits_process.h"
#include <sched.h>
#include <sys/resource.h>
#include "engine/base/check.h"

uint64_t limits_process_raise_files(void)
{
	struct rlimit limit;
	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	if (limit.rlim_cur < limit.rlim_max) {
		struct rlimit raised = { limit.rlim_max, limit.rlim_max };
		if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
			limit = raised;
	}
	return limit.rlim_cur;
}

uint32_t limits_process_cpus(void)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	/* More than 1,024 CPUs do not fit: then one worker, and --workers says otherwise. */
	if (sched_getaffinity(0, sizeof set, &set) != 0)
		return 1;
	int count = CPU_COUNT(&set);
	return count > 0 ? (uint32_t)count : 1;
}
