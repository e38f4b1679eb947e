/* Sessions when the total, or a share of it, is used up: who waits for one, and who is asked for one
 * (scheduler_hungry.c). */
#ifndef ENGINE_RUN_SCHEDULER_HUNGRY_H
#define ENGINE_RUN_SCHEDULER_HUNGRY_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/list.h"
#include "engine/base/timer_wheel.h"

struct lease;
struct scheduler;
struct site;
struct site_share;

struct hungry {
	struct list sites;   /* by hungry_node: want their first slot, and the total does not give it */
	struct list growing; /* by hungry_node: have some, and could use more */
	struct list holders; /* by holder_node: leases with slots, the oldest grant first */
	struct list idle;    /* by idle_node: those of them with slots that have nothing to do */
	uint64_t served;     /* sites with slots */
	uint32_t idle_given; /* of these, asked back while sites waited for their first one */
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
/* The site was looked at: which of its leases have slots that idle. */
void slots_note_idle(struct scheduler *s, struct site *site);
/* The total gives the site a slot now: true, and it waits no more. False: it is used up, or others come
 * first. */
bool hungry_may_take(struct scheduler *s, struct site *site);
/* The site could use a slot, and has none or some; `full`: the share that is used up, NULL: the total is. */
void hungry_wait(struct scheduler *s, struct site *site, struct site_share *full);
void hungry_leave(struct site *site);
/* It waits for its first one. */
bool hungry_for_first(const struct site *site);
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
