/* The rules of --site in the scheduler: what each allows, and how much of it is used by all sites that it
 * holds for (scheduler_rules.c); and what these want of the other files. */
#ifndef ENGINE_RUN_SCHEDULER_RULES_H
#define ENGINE_RUN_SCHEDULER_RULES_H

#include "engine/run/site.h"

struct scheduler;
struct site_rules_set;

struct rules_in_force {
	const struct site_rules *rules; /* of the config, or of `set` */
	struct site_rules_set *set;     /* NULL: they were not read again */
	struct site_share **shares;     /* by rule; one, or one for each source */
	struct list hungry;             /* shares for which somebody is or was hungry */
};

/* RESULT_MEMORY. */
MUST_USE enum result rules_init(struct scheduler *s);
void rules_deinit(struct scheduler *s);
/* POST_SITE_RULES: these from now on. */
void rules_replace(struct scheduler *s, struct site_rules_set *set);
/* How many sessions a site of the provider may have at most, and... */
uint32_t rules_sessions(const struct scheduler *s, const struct provider *provider);
/* ... it counts for the rules that hold for its provider, or not any more. */
void rules_bind(struct scheduler *s, struct site *site);
void rules_unbind(struct site *site);
bool rules_holds_for(const struct site_share *share, const struct site *site);
/* The first share of the site that has no slot for it; NULL: all have one. */
struct site_share *rules_full_share(const struct site *site);
/* The line of those who are hungry for it; who joins it is fed. */
struct list *rules_hungry(struct scheduler *s, struct site_share *share);
void rules_granted(struct site *site, uint32_t count);
void rules_returned(struct scheduler *s, struct site *site, uint32_t count);
/* For shares: what is asked back for who is hungry. */
void rules_feed(struct scheduler *s);
/* False: no rate has a token for it; it is looked at when its turn comes. */
bool rules_may_send(struct scheduler *s, struct site *site);
void rules_sent(struct scheduler *s, struct site *site);
/* What was taken last was not sent. */
void rules_unsent(struct scheduler *s, struct site *site);
/* The rule whose rate it waits for; NULL: none. */
const struct site_rule *rules_paced_by(const struct scheduler *s, const struct site *site);

/* ---- scheduler_domain.c ---- */
/* Other rules are in force: every domain finds its provider anew. */
void domains_match_rules(struct scheduler *s);

#endif
