/* Whether a thread comes round: its mailbox is pinged now and then, and the answer looked for, without
 * waiting for it. Owned by the thread that watches. */
#ifndef ENGINE_RUN_STALL_H
#define ENGINE_RUN_STALL_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/log.h"

struct mailbox;

struct stall {
	struct mailbox *mailbox;
	const char *thread; /* static */
	const char *advice; /* static: what is to be done when it stands still */
	uint32_t pongs;
	uint64_t asked_ns; /* 0: nothing is asked */
	bool is_told;
};

/* `mailbox` NULL: there is no such thread. */
void stall_init(
	struct stall *stall, struct mailbox *mailbox, const char *thread, const char *advice);
/* Asks, or looks for the answer. True: it has owed one for longer than `limit_ns`; that is logged once, and
 * that it is over. */
bool stall_look(struct stall *stall, uint64_t now_ns, uint64_t limit_ns, struct logger *log);

#endif
