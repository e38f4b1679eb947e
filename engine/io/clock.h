/* The clocks. Nobody else reads one: pure code is given the time. */
#ifndef ENGINE_IO_CLOCK_H
#define ENGINE_IO_CLOCK_H

#include <stdint.h>

/* Monotonic, for deadlines; starts anywhere, never goes back, never 0. */
uint64_t clock_now_ns(void);
/* CPU time of the calling thread, for measurements. */
uint64_t clock_thread_cpu_ns(void);
/* Microseconds since 1970, UTC, for what people and files see; may jump. */
int64_t clock_wall_us(void);
/* Blocks the thread: for threads without a loop, at start and stop only. */
void clock_wait_ms(uint32_t ms);

#endif
