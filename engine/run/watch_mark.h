/* Since when the watchdog has seen something as it is (scheduler_watch.c). */
#ifndef ENGINE_RUN_WATCH_MARK_H
#define ENGINE_RUN_WATCH_MARK_H

#include <stdbool.h>
#include <stdint.h>

struct watch_mark {
	uint64_t since_ns; /* 0: never seen */
	uint64_t what;
};

/* How long it has been `what` without a change, as far as was seen. */
static inline uint64_t watch_mark_look(struct watch_mark *mark, uint64_t what, uint64_t now_ns)
{
	if (mark->since_ns == 0 || mark->what != what)
		*mark = (struct watch_mark){ now_ns, what };
	return now_ns - mark->since_ns;
}

#endif
