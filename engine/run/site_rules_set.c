#include "engine/run/site_rules_set.h"
#include <stdlib.h>
#include "engine/run/config.h"
#include "engine/run/hub.h"

void site_rules_set_reload(struct hub *hub, const struct logger *log)
{
	const struct send_options *options = hub->config->options;
	struct fail fail = { 0 };
	if (*options->site_rules == '\0')
		return;
	struct site_rules_set *set = calloc(1, sizeof *set);
	enum result r = set != NULL ? RESULT_OK : fail_set(&fail, RESULT_MEMORY, "out of memory");
	if (r == RESULT_OK) {
		arena_init(&set->arena, 16384, OPTIONS_ARENA_BYTES_MAX);
		r = run_config_read_site_rules(options, &set->arena, &set->rules, &fail);
	}
	if (r != RESULT_OK) {
		log_write(log, LOG_SITE_RULES_REFUSED, LOG_FIELDS(log_fail("why", &fail)));
		site_rules_set_destroy(set);
		return;
	}
	log_write(log, LOG_SITE_RULES_READ,
		LOG_FIELDS(log_cstr("file", options->site_rules),
			log_number("rules", set->rules.count)));
	hub_post(hub->scheduler, POST_SITE_RULES, set, 0, 0);
}

void site_rules_set_destroy(struct site_rules_set *set)
{
	if (set == NULL)
		return;
	arena_deinit(&set->arena);
	free(set);
}
