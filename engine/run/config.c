#include "engine/run/config.h"
#include <string.h>
#include "engine/base/check.h"
#include "engine/base/nanoseconds.h"
#include "engine/io/clock.h"
#include "engine/io/limits_process.h"
#include "engine/run/source_family.h"
#include "tls/tls_roots.h"

static int64_t wall_clock(void *context)
{
	(void)context;
	return clock_wall_us();
}

struct logger run_config_logger(const struct run_config *config, const char *thread)
{
	struct logger log = config->log;
	log.thread = thread;
	return log;
}

uint64_t run_config_first_wait_ns(const struct run_config *config)
{
	uint64_t ms = config->retry[RETRY_TRANSACTIONAL].first_ms / 4;
	return (ms < 15000 ? ms : 15000) * 1000000 + 1;
}

uint64_t run_config_session_files(const struct run_config *config)
{
	bool races = false;
	for (uint32_t i = 0; i < config->sources_count; i++)
		races = races || source_is_dual(&config->sources[i]);
	return (uint64_t)config->options->sessions * (races ? 2 : 1);
}

/* ---- who we are ---- */

static void init_smtp(struct smtp_session_config *smtp, const struct send_options *options, const char *helo)
{
	smtp_session_config_init(smtp, text_of(helo));
	smtp->rcpts_max = (uint32_t)options->rcpts;
	smtp->mails_max = (uint32_t)options->session_messages;
	uint32_t *deadline_ms = smtp->deadline_ms;
	deadline_ms[SMTP_STEP_GREETING] = (uint32_t)options->greeting_ms;
	static const enum smtp_step commands[] = { SMTP_STEP_EHLO, SMTP_STEP_HELO, SMTP_STEP_MAIL,
		SMTP_STEP_RCPT };
	for (size_t i = 0; i < COUNT_OF(commands); i++)
		deadline_ms[commands[i]] = (uint32_t)options->command_ms;
	/* These are shorter in the table, and only ever cut. */
	static const enum smtp_step shorter[] = { SMTP_STEP_STARTTLS, SMTP_STEP_RSET, SMTP_STEP_DATA,
		SMTP_STEP_QUIT };
	for (size_t i = 0; i < COUNT_OF(shorter); i++)
		if (deadline_ms[shorter[i]] > (uint32_t)options->command_ms)
			deadline_ms[shorter[i]] = (uint32_t)options->command_ms;
	deadline_ms[SMTP_STEP_HANDSHAKE] = (uint32_t)options->tls_ms;
	deadline_ms[SMTP_STEP_SENDING] = (uint32_t)options->data_ms;
	deadline_ms[SMTP_STEP_BODY] = (uint32_t)options->final_ms;
	deadline_ms[SMTP_STEP_BDAT] = (uint32_t)options->final_ms;
	deadline_ms[SMTP_STEP_IDLE] = (uint32_t)options->idle_ms;
}

/* What is known of an address stands under it. */
static enum result check_new(const struct run_config *config, uint32_t index, struct fail *fail)
{
	for (uint32_t i = 0; i < index; i++)
		if (strcmp(config->sources[i].text, config->sources[index].text) == 0)
			return fail_set(fail, RESULT_INVALID, "--source: %s is given twice",
				config->sources[index].text);
	return RESULT_OK;
}

static enum result parse_source(struct run_config *config, uint32_t index, const char *helo,
	struct arena *arena, struct fail *fail)
{
	struct source *source = &config->sources[index];
	enum result r = source_parse(config->options->source.items[index], helo, arena, source, fail);
	config->has_source_4 |= source->address.family == IP_FAMILY_4;
	config->has_source_6 |= source->address.family == IP_FAMILY_6;
	return r == RESULT_OK ? check_new(config, index, fail) : r;
}

static enum result parse_sources(struct run_config *config, struct arena *arena, struct fail *fail)
{
	const struct send_options *options = config->options;
	const char *helo;
	enum result r = source_parse_helo(text_of(options->helo), arena, &helo, fail);
	if (r != RESULT_OK)
		return r;
	size_t count = options->source.count;
	if (count > SOURCES_MAX)
		return fail_set(fail, RESULT_INVALID, "--source: %zu addresses, at most %d", count,
			SOURCES_MAX);
	config->sources_count = count > 0 ? (uint32_t)count : 1;
	config->sources = arena_alloc_array(arena, config->sources_count, sizeof *config->sources);
	if (config->sources == NULL)
		return fail_set(fail, RESULT_MEMORY, "out of memory");
	if (count == 0) {
		config->has_source_any = true;
		config->sources[0] = (struct source){ .text = "", .helo = helo, .weight = 1 };
	}
	for (uint32_t i = 0; i < count; i++) {
		r = parse_source(config, i, helo, arena, fail);
		if (r != RESULT_OK)
			return r;
	}
	config->sources_count = sources_pair(config->sources, config->sources_count);
	for (uint32_t i = 0; i < config->sources_count; i++) {
		config->sources[i].index = i;
		init_smtp(&config->sources[i].smtp, options, config->sources[i].helo);
		r = smtp_session_config_check(&config->sources[i].smtp, fail);
		if (r != RESULT_OK)
			return r;
	}
	return source_pools_make(config->sources, config->sources_count, arena, &config->pools, fail);
}

/* ---- where mail goes, and how safely ---- */

static enum result parse_routes(struct run_config *config, struct arena *arena, struct fail *fail)
{
	const struct option_list *list = &config->options->route;
	config->routes_count = list->count;
	config->routes = arena_alloc_array(arena, list->count, sizeof *config->routes);
	if (config->routes == NULL)
		return fail_set(fail, RESULT_MEMORY, "out of memory for --route");
	for (size_t i = 0; i < list->count; i++) {
		enum result r = route_option_parse(text_of(list->items[i]), &config->routes[i], fail);
		if (r != RESULT_OK)
			return r;
	}
	return RESULT_OK;
}

static enum result parse_tls(struct run_config *config, struct arena *arena, struct fail *fail)
{
	const struct option_list *list = &config->options->tls;
	config->tls_count = list->count;
	config->tls = arena_alloc_array(arena, list->count, sizeof *config->tls);
	if (config->tls == NULL)
		return fail_set(fail, RESULT_MEMORY, "out of memory for --tls");
	for (size_t i = 0; i < list->count; i++) {
		enum result r = route_tls_option_parse(text_of(list->items[i]), &config->tls[i], fail);
		if (r != RESULT_OK)
			return r;
		if (tls_level_is_ceiling(config->tls[i].level))
			log_write(&config->log, LOG_CONFIG_WARNING,
				LOG_FIELDS(log_cstr("flag", "--tls"), log_cstr("value", list->items[i]),
					log_cstr("effect", "what the domain publishes is not enforced")));
	}
	return RESULT_OK;
}

static struct retry_schedule retry_of(const struct send_options *options, enum retry_class class)
{
	return retry_schedule_of(class, (uint64_t)options->retry_first_ms, (uint64_t)options->retry_max_ms,
		(uint64_t)options->lifetime_ms);
}

static enum result need(const char *value, const char *what, struct fail *fail)
{
	return *value != '\0' ? RESULT_OK : fail_set(fail, RESULT_INVALID, "%s", what);
}

enum result run_config_need_helo(const struct send_options *options, struct fail *fail)
{
	return need(options->helo, "--helo NAME is needed: the fully qualified name of this host, for EHLO",
		fail);
}

enum result run_config_init_receivers(struct run_config *config, const struct send_options *options,
	struct arena *arena, struct fail *fail)
{
	*config = (struct run_config){ .options = options };
	config->log.level = (enum log_level)options->log_level;
	config->log.clock = wall_clock;
	enum result r = RESULT_OK;
	if (*options->helo != '\0')
		r = parse_sources(config, arena, fail);
	else if (options->source.count > 0)
		r = run_config_need_helo(options, fail);
	if (r == RESULT_OK)
		r = parse_routes(config, arena, fail);
	return r == RESULT_OK ? parse_tls(config, arena, fail) : r;
}

static enum result read_reply_rules(struct run_config *config, const char *path, struct arena *arena,
	struct fail *fail)
{
	struct option_words words;
	if (*path == '\0')
		return RESULT_OK;
	enum result r = options_file_read(path, arena, &words, fail);
	if (r == RESULT_OK)
		r = smtp_reply_rules_parse(&words, arena, &config->reply_rules, fail);
	if (r != RESULT_OK)
		fail_prefix(fail, "--reply-rules %s", path);
	return r;
}

static enum result add_site_flag(struct site_rules *rules, const char *value, struct arena *arena,
	struct fail *fail)
{
	struct option_words words;
	struct text flag = text_of(value);
	char *text = arena_alloc(arena, flag.len + 1);
	if (text == NULL)
		return fail_set(fail, RESULT_MEMORY, "out of memory for --site");
	memcpy(text, value, flag.len + 1);
	enum result r = options_file_split(text, flag.len, arena, &words, fail);
	if (r == RESULT_OK && words.count == 0)
		r = fail_set(fail, RESULT_INVALID, "a rule is NAME and its limits");
	if (r == RESULT_OK)
		r = site_rules_add(rules, &words, true, arena, fail);
	return r == RESULT_OK ? r : fail_prefix(fail, "--site '%.80s'", value);
}

enum result run_config_read_site_rules(const struct send_options *options, struct arena *arena,
	struct site_rules *out_rules, struct fail *fail)
{
	struct option_words words;
	enum result r = RESULT_OK;
	*out_rules = (struct site_rules){ .count = 0 };
	for (size_t i = 0; i < options->site.count && r == RESULT_OK; i++)
		r = add_site_flag(out_rules, options->site.items[i], arena, fail);
	if (r != RESULT_OK || *options->site_rules == '\0')
		return r;
	r = options_file_read(options->site_rules, arena, &words, fail);
	if (r == RESULT_OK)
		r = site_rules_add(out_rules, &words, false, arena, fail);
	return r == RESULT_OK ? r : fail_prefix(fail, "--site-rules %s", options->site_rules);
}

enum result run_config_init(struct run_config *config, const struct send_options *options,
	struct arena *arena, struct fail *fail)
{
	enum result r =
		need(options->spool, "--spool DIR is needed: the directory that mail is put into", fail);
	if (r == RESULT_OK)
		r = run_config_need_helo(options, fail);
	if (r == RESULT_OK)
		r = run_config_init_receivers(config, options, arena, fail);
	if (r == RESULT_OK)
		r = read_reply_rules(config, options->reply_rules, arena, fail);
	if (r == RESULT_OK)
		r = run_config_read_site_rules(options, arena, &config->site_rules, fail);
	if (r != RESULT_OK)
		return r;
	config->retry[RETRY_BULK] = retry_of(options, RETRY_BULK);
	config->retry[RETRY_TRANSACTIONAL] = retry_of(options, RETRY_TRANSACTIONAL);
	config->workers_count =
		options->workers > 0 ? (uint32_t)options->workers : limits_process_cpus();
	config->messages_max = (uint64_t)options->memory_bytes / CONFIG_MESSAGE_BYTES;
	config->watch_minute_ns = 60 * SECOND_NS;
	return RESULT_OK;
}

/* ---- for those who look names up ---- */

static const char *or_null(const char *flag) { return *flag != '\0' ? flag : NULL; }

struct dns_resolver_config run_config_dns(const struct run_config *config)
{
	const struct send_options *options = config->options;
	return (struct dns_resolver_config){
		.forward = or_null(options->resolver),
		.trust_anchor_file = or_null(options->trust_anchor),
		.allow_private = options->allow_private,
	};
}

struct route_builder_config run_config_routes(const struct run_config *config, const char **own_names)
{
	const struct send_options *options = config->options;
	for (uint32_t i = 0; i < config->sources_count; i++)
		own_names[i] = config->sources[i].helo;
	return (struct route_builder_config){
		.options = config->routes,
		.options_count = config->routes_count,
		.tls_options = config->tls,
		.tls_options_count = config->tls_count,
		.own_names = own_names,
		.own_names_count = config->sources_count,
		.port = (uint16_t)options->port,
		.allow_private = options->allow_private,
		.ignore_half_dane = options->half_dane != 0,
		.trust_generation = tls_roots_generation(config->roots),
		.lookup_ns = (uint64_t)options->dns_ms * MS_NS,
	};
}
