/* The rules of --site and --site-rules as they were read again, on their way from main to the scheduler. */
#ifndef ENGINE_RUN_SITE_RULES_SET_H
#define ENGINE_RUN_SITE_RULES_SET_H

#include "engine/base/arena.h"
#include "engine/base/log.h"
#include "engine/plan/site_rules.h"

struct hub;

struct site_rules_set {
	struct arena arena;
	struct site_rules rules;
};

/* SIGHUP: reads the file of --site-rules and posts what it says to the scheduler (POST_SITE_RULES). A file
 * that cannot be read, or is wrong, is told of; then the rules stay as they are. Without that flag
 * nothing happens. */
void site_rules_set_reload(struct hub *hub, const struct logger *log);
/* May be NULL. */
void site_rules_set_destroy(struct site_rules_set *set);

#endif
