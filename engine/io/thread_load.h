/* How long a thread has run and, ready to run, waited for a core: its CPU clock, and what the system says of
 * it in /proc/thread-self/schedstat (Documentation/scheduler/sched-stats.rst). A thread for which both
 * together are the whole time never rests. Where the system does not say how long it waited, that is 0. */
#ifndef ENGINE_IO_THREAD_LOAD_H
#define ENGINE_IO_THREAD_LOAD_H

#include <stdint.h>

struct thread_load {
	int fd; /* -1: the system does not tell */
};

/* Of the calling thread. Cannot fail. */
void thread_load_open(struct thread_load *load);
void thread_load_close(struct thread_load *load);
/* Nanoseconds since the thread began. Only by the thread itself. */
void thread_load_read(const struct thread_load *load, uint64_t *out_ran_ns, uint64_t *out_waited_ns);

#endif
