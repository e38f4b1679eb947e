/* The live status line on a terminal (rate, sessions, done, waiting), and plain lines now and then where
 * there is none; and a look at whether the scheduler comes round. Runs on the main thread; reads the counters
 * of the hub. */
#ifndef ENGINE_RUN_STATUS_H
#define ENGINE_RUN_STATUS_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/log.h"
#include "engine/io/loop.h"
#include "engine/run/stall.h"

struct hub;

struct status {
	struct hub *hub;
	struct loop *loop;
	struct logger log;
	struct timer timer;
	bool is_terminal;
	uint64_t last_ns, last_done;
	uint64_t started_ns;
	struct stall scheduler; /* which watches all other threads */
	struct timer stall_timer;
};

/* --status: shows nothing when it is off. */
void status_start(struct status *status, struct hub *hub, struct loop *loop);
/* The sums, at the end. */
void status_stop(struct status *status);

#endif
