/* Signals as something to read: SIGTERM, SIGINT and SIGHUP. */
#ifndef ENGINE_IO_SIGNALS_H
#define ENGINE_IO_SIGNALS_H

#include <stdint.h>
#include <sys/signalfd.h>
#include "engine/base/result.h"
#include "engine/io/ring.h"

/* First thing in main(), before any thread: blocks the three, so that only signals_open() gets them
 * and no thread is interrupted; ignores SIGPIPE (a pipe that breaks is an error of the write) and SIGIO
 * (somebody opens a file whose writers are being asked for, file.h). */
void signals_block(void);
/* For children that run another program: as if signals_block() had not been called. */
void signals_unblock(void);

struct signals;
typedef void signals_fn(struct signals *signals, int signal);

struct signals {
	int fd;
	struct ring *ring;
	signals_fn *fn;
	struct io_op op;
	struct signalfd_siginfo info;
};

/* Calls `fn` for each signal, until signals_close(). RESULT_LIMIT when descriptors are used up. */
MUST_USE enum result signals_open(
	struct signals *signals, struct ring *ring, signals_fn *fn, struct fail *fail);
/* Ends it; `signals` is free when signals->op is no longer in flight. */
void signals_close(struct signals *signals);

#endif
