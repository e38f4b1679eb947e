/* Measures small things: how many nanoseconds one call takes, at the least.
 *
 * A program of this folder is a table of cases and one call of micro_main(). Each case is run often
 * enough to last some milliseconds, in several rounds; the cheapest round counts, since what disturbs
 * only makes dearer. Time is CPU time of the thread. `bound_ns` is what the case may cost on a
 * machine of today with everything in its caches: --check fails where it is passed by, so that a
 * regression shows; it is set with enough room that a slow machine does not cry wolf.
 *
 * To add one: micro_NAME.c beside this file, and its name in meson.build. */
#ifndef BENCH_MICRO_MICRO_H
#define BENCH_MICRO_MICRO_H

#include <stddef.h>
#include <stdint.h>

struct micro_case {
	const char *name;                          /* "parse a reply of one line" */
	double bound_ns;                           /* of one; 0: none */
	double bound_times;                        /* of what the case before it costs; 0: none */
	void *(*setup)(void);                      /* may be NULL; what it returns is given to the others */
	void (*run)(void *state, uint64_t times);  /* does the thing `times` times */
	void (*teardown)(void *state);             /* may be NULL */
};

/* Flags: --check, --json, or part of a name to run only what matches. Returns the exit status: 0; 1 when
 * --check found a bound passed by; 2 for wrong flags. */
int micro_main(const struct micro_case *cases, size_t count, int argc, char **argv);

/* Keeps the compiler from leaving out what leads to `value`. */
static inline void micro_use(const void *value) { __asm__ volatile("" : : "g"(value) : "memory"); }

#endif
