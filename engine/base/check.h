/* Checks for our own mistakes. They are on in every build; a failed one prints where it stands and
 * what the thread was doing, then aborts. What the world does wrong (network, disk, peers) is never
 * checked here: that is an enum result (result.h).
 *
 * A thread that has something worth printing registers a reporter: a worker prints its sessions.
 * The reporter runs on a failed check and on a fatal signal, so it may only read memory and call
 * the check_report_ functions, which are safe in a signal handler. A reporter that fails itself is
 * not called again. */
#ifndef ENGINE_BASE_CHECK_H
#define ENGINE_BASE_CHECK_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_USE __attribute__((warn_unused_result))
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
/* The object that holds `member`, found from the address of the member. `type` may be const. */
#define CONTAINER_OF(pointer, type, member) \
	((type *)((uintptr_t)(pointer) - offsetof(type, member)))

#define CHECK(expr) \
	(__builtin_expect(!!(expr), 1) ? (void)0 : check_failed(#expr, __FILE__, __LINE__, __func__))
/* For objects that come back through a void pointer or an index: the magic is set while they live. */
#define CHECK_OBJ(object, magic_value) \
	do { \
		CHECK((object) != NULL); \
		CHECK((object)->magic == (magic_value)); \
	} while (0)
/* For what is too dear to be always on; sanitizer builds and the simulation have it. */
#ifdef LONGSHIP_CHECK_SLOW
#define CHECK_SLOW(expr) CHECK(expr)
#else
#define CHECK_SLOW(expr) ((void)sizeof(!!(expr)))
#endif
#define UNREACHABLE(why) check_failed("unreachable: " why, __FILE__, __LINE__, __func__)

typedef void check_reporter_fn(void *context);

_Noreturn __attribute__((cold)) void check_failed(
	const char *expr, const char *file, int line, const char *func);

/* Sets what the calling thread prints when it dies; NULL takes it off. */
void check_set_reporter(check_reporter_fn *reporter, void *context);

/* SIGSEGV, SIGBUS, SIGFPE and SIGILL print their name and the report of the thread, then the signal
 * does what it would have done. Also gives the calling thread a stack to handle its own overflow;
 * other threads call check_install_signal_stack() for theirs. */
void check_install_signal_handlers(void);
void check_install_signal_stack(void);

/* For reporters: written to stderr at once, without a lock and without memory. Control bytes in the
 * text are shown as '?'. */
void check_report_text(const char *text);
void check_report_bytes(const void *data, size_t len);
void check_report_number(uint64_t number);

#endif
