/* Sessions when the total, or a share of it, is used up: who waits for one, and who is asked for one
 * (scheduler_hungry.c). */
#ifndef ENGINE_RUN_SCHEDULER_HUNGRY_H
#define ENGINE_RUN_SCHEDULER_HUNGRY_H

#include <stdint.h>
#include "engine/base/list.h"
#include "engine/base/timer_wheel.h"

struct lease;
struct scheduler;
struct site;
struct site_share;

struct hungry {
	struct list sites;   /* by hungry_node: want their first slot, and the total does not give it */
	struct list holders; /* by holder_node: leases with slots, the oldest grant first */
	struct timer timer;  /* somebody may have held his for long enough */
};

void hungry_init(struct scheduler *s);
/* The lease was granted a slot, or one was asked back from it: it is the last one to be asked. */
void slot_hold(struct scheduler *s, struct lease *lease);
/* All slots of the lease are back. */
void slots_gone(struct lease *lease);
/* A slot is asked back. */
void slot_call_back(struct scheduler *s, struct lease *lease);
/* So many of the slots of a share are asked back, wherever they are. */
void slots_take_back(struct scheduler *s, const struct site_share *share, uint32_t count);
/* The site waits in this list for its first slot. */
void hungry_join(struct site *site, struct list *list);
void hungry_leave(struct site *site);
/* Free slots are for those who wait in this list for their first one, the longest first. */
void hungry_offer(struct scheduler *s, struct list *hungry, uint64_t free_count);
/* For each site in the list a slot is asked back, of those of a share (NULL: of any site); `called_back` are
 * on their way already. */
void hungry_feed(struct scheduler *s, const struct list *hungry, const struct site_share *share,
	uint64_t called_back);
/* Before sites are looked at, and after. */
void hungry_turn_begins(struct scheduler *s);
void hungry_turn_ends(struct scheduler *s);

#endif
