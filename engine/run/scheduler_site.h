/* The life of a site, and what is told of it (scheduler_site.c). */
#ifndef ENGINE_RUN_SCHEDULER_SITE_H
#define ENGINE_RUN_SCHEDULER_SITE_H

#include "engine/run/site.h"

struct scheduler;

/* NULL: out of memory. */
struct site *site_create(struct scheduler *s, struct provider *provider, const struct source *source);
/* Nothing of it is at work or on its way. */
bool site_is_idle(const struct site *site);
void site_destroy(struct scheduler *s, struct site *site);
/* At the end of the run, whatever it is in. May be NULL. */
void site_free(struct scheduler *s, struct site *site);

/* What the worker said of the last trouble is what is told. */
void site_take_why(struct lease *lease);
/* Its throttle is in this state now: an event, if that or another change of its speed is news. */
void site_tell(struct scheduler *s, struct site *site, enum throttle_state state);

#endif
