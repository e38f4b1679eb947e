/* The settings of one run, parsed and checked: read-only from the start of the threads on. */
#ifndef ENGINE_RUN_CONFIG_H
#define ENGINE_RUN_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include "dns/dns_resolver.h"
#include "engine/base/arena.h"
#include "engine/base/log.h"
#include "engine/base/result.h"
#include "engine/plan/retry.h"
#include "engine/plan/site_rules.h"
#include "engine/route/route_builder.h"
#include "engine/route/route_option.h"
#include "engine/route/route_policy.h"
#include "engine/run/send_options.h"
#include "engine/run/source.h"
#include "engine/smtp/smtp_reply_rules.h"

enum {
	/* What a message without its body takes in memory: message, envelope, attempt. */
	CONFIG_MESSAGE_BYTES = 2048,
};

/* Which hard bounces put their address onto the suppression list (--suppress-bounces, as in options.def). */
enum suppress_bounces { SUPPRESS_BOUNCES_OFF, SUPPRESS_BOUNCES_AUTHENTICATED, SUPPRESS_BOUNCES_DEMANDED };

struct tls_roots;

struct run_config {
	const struct send_options *options;
	struct source *sources;
	uint32_t sources_count;        /* at least 1; 0 only where no --helo is needed */
	bool has_source_4, has_source_6, has_source_any;
	struct source_pools pools;
	struct route_option *routes;
	size_t routes_count;
	struct route_tls_option *tls;
	size_t tls_count;
	struct retry_schedule retry[2]; /* by enum retry_class */
	struct smtp_reply_rules reply_rules; /* --reply-rules */
	struct site_rules site_rules;  /* --site and --site-rules, as they were at the start */
	uint32_t workers_count;
	uint64_t messages_max;         /* in memory at once; from --memory */
	uint64_t watch_minute_ns;      /* a minute of the watchdog; less in tests */
	struct tls_roots *roots;       /* NULL: none; see roots.h */
	struct logger log;             /* copies carry the thread's name */
};

/* Checks and parses; memory comes from the arena. RESULT_INVALID: a flag cannot be meant so, with
 * words for the operator (exit status 2). Warns about ceilings of --tls through the logger. */
MUST_USE enum result run_config_init(struct run_config *config, const struct send_options *options,
	struct arena *arena, struct fail *fail);

/* The part of it that finds receivers, for `explain`: flags of engine/options_receivers.def. Without --helo
 * there are no sources, and nothing can be connected to. */
MUST_USE enum result run_config_init_receivers(struct run_config *config, const struct send_options *options,
	struct arena *arena, struct fail *fail);
/* The rules of --site and --site-rules, the file as it is now; memory comes from the arena. RESULT_INVALID,
 * RESULT_LIMIT, RESULT_MEMORY, and what opening and reading a file can say. */
MUST_USE enum result run_config_read_site_rules(const struct send_options *options, struct arena *arena,
	struct site_rules *out_rules, struct fail *fail);
/* RESULT_INVALID: --helo is not given. */
MUST_USE enum result run_config_need_helo(const struct send_options *options, struct fail *fail);

/* What the flags say to dns and route. The builder's config lacks its resolver, wheel and random source;
 * `own_names` has room for sources_count names and lives as long as the builder. */
struct dns_resolver_config run_config_dns(const struct run_config *config);
struct route_builder_config run_config_routes(const struct run_config *config, const char **own_names);

/* How long a dead host, or a site without any, is left alone at first: a quarter of the first retry wait,
 * at most 15 s, so that the retry of what failed there finds it free to be tried. */
uint64_t run_config_first_wait_ns(const struct run_config *config);
/* Descriptors that all sessions together may need at one time: one each, two where a source has addresses of
 * both families, since such a session may connect to two. */
uint64_t run_config_session_files(const struct run_config *config);
/* The logger of a thread. */
struct logger run_config_logger(const struct run_config *config, const char *thread);

#endif
