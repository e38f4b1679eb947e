#include "engine/run/cache_command.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "engine/base/domain_name.h"
#include "engine/base/json_object.h"
#include "engine/io/clock.h"
#include "engine/run/cache_options.h"
#include "engine/run/cache_print.h"
#include "engine/run/run.h"
#include "store/cache.h"

enum { US_PER_S = 1000000 };

enum action { ACTION_LIST, ACTION_SHOW, ACTION_FORGET };

struct command {
	struct arena arena;
	struct cache_options options;
	enum action action;
	char domain[DOMAIN_NAME_SIZE]; /* "" for list */
	uint64_t now_s;
	struct cache *cache;
	uint8_t *memory; /* CACHE_PRINT_BYTES_MAX for what is printed */
	uint64_t count;  /* entries that were printed or forgotten */
	struct fail fail;
};

/* ---- arguments ---- */

static enum result parse_action(struct command *c, const struct option_list *words)
{
	static const char *const names[] = {
		[ACTION_LIST] = "list",
		[ACTION_SHOW] = "show",
		[ACTION_FORGET] = "forget",
	};
	size_t i = 0;
	while (words->count > 0 && i < COUNT_OF(names) && strcmp(words->items[0], names[i]) != 0)
		i++;
	if (words->count == 0 || i == COUNT_OF(names))
		return fail_set(&c->fail, RESULT_INVALID,
			"list, show DOMAIN or forget DOMAIN must stand behind the name");
	c->action = (enum action)i;
	if (c->action == ACTION_LIST && words->count != 1)
		return fail_set(&c->fail, RESULT_INVALID, "list takes no DOMAIN");
	if (c->action != ACTION_LIST && words->count != 2)
		return fail_set(&c->fail, RESULT_INVALID, "%s takes one DOMAIN", names[i]);
	return RESULT_OK;
}

static enum result parse_domain(struct command *c, const char *word)
{
	enum domain_name_fault fault = domain_name_to_ascii(text_of(word), c->domain);
	if (fault == DOMAIN_NAME_OK)
		return RESULT_OK;
	return fail_set(&c->fail, RESULT_INVALID, "'%s' %s", word, domain_name_fault_text(fault));
}

static enum result parse(struct command *c, int argc, char *const *argv)
{
	struct option_list words = { 0 };
	enum result r = options_parse(
		&cache_option_table, &c->options, argc, argv, &c->arena, &words, &c->fail);
	if (r != RESULT_OK || c->options.help)
		return r;
	r = parse_action(c, &words);
	if (r == RESULT_OK && c->action != ACTION_LIST)
		r = parse_domain(c, words.items[1]);
	if (r == RESULT_OK && c->action != ACTION_LIST && (c->options.dane || c->options.sts))
		return fail_set(&c->fail, RESULT_INVALID, "--dane and --sts are for list");
	if (r == RESULT_OK && *c->options.store == '\0')
		return fail_set(
			&c->fail, RESULT_INVALID, "--store DIR is needed: where the cache is");
	return r;
}

/* ---- list and show ---- */

static bool is_wanted(const struct command *c, const struct cache_entry *entry)
{
	/* What a look-up would not find is not there (cache.h). */
	if (c->now_s >= entry->times.expires_s ||
		(entry->key.table != CACHE_TABLE_STS && entry->times.fetched_s > c->now_s))
		return false;
	if (c->action == ACTION_SHOW)
		return domain_name_is_within(entry->key.name, text_of(c->domain));
	if (!c->options.dane && !c->options.sts)
		return true;
	return (entry->key.table == CACHE_TABLE_TLSA && c->options.dane) ||
	       (entry->key.table == CACHE_TABLE_STS && c->options.sts);
}

static enum result print_entry(const struct cache_entry *entry, void *context)
{
	struct command *c = context;
	struct buf out;
	if (!is_wanted(c, entry))
		return RESULT_OK;
	buf_init(&out, c->memory, CACHE_PRINT_BYTES_MAX);
	if (c->options.json)
		cache_print_json(entry, c->now_s, c->action == ACTION_SHOW, &out);
	else
		cache_print_text(entry, c->now_s, c->action == ACTION_SHOW, &out);
	CHECK(!out.overflow);
	c->count++;
	if (fwrite(out.data, 1, out.len, stdout) != out.len)
		return fail_set(&c->fail, RESULT_IO, "cannot write to standard output");
	return RESULT_OK;
}

static int print_entries(struct command *c)
{
	if (cache_walk(c->cache, (enum cache_table)0, print_entry, c, &c->fail) != RESULT_OK)
		return RUN_EXIT_ARGUMENTS;
	if (c->action == ACTION_LIST || c->count > 0)
		return RUN_EXIT_DONE;
	(void)fail_set(&c->fail, RESULT_NOT_FOUND, "nothing is kept of %s", c->domain);
	return RUN_EXIT_NO;
}

/* ---- forget ---- */

static int forget(struct command *c)
{
	if (cache_forget(c->cache, text_of(c->domain), c->now_s, &c->count, &c->fail) != RESULT_OK)
		return RUN_EXIT_NOT_WRITABLE;
	if (c->options.json) {
		struct buf out;
		buf_init(&out, c->memory, CACHE_PRINT_BYTES_MAX);
		json_object_open(&out, NULL);
		json_object_put_text(&out, "name", text_of(c->domain));
		json_object_put_number(&out, "forgotten", c->count);
		json_object_close(&out);
		printf("%.*s\n", TEXT_ARG(buf_text(&out)));
	} else if (c->count > 0) {
		printf("%s: %llu forgotten\n", c->domain, (unsigned long long)c->count);
	}
	if (c->count > 0)
		return RUN_EXIT_DONE;
	(void)fail_set(&c->fail, RESULT_NOT_FOUND, "nothing is kept of %s", c->domain);
	return RUN_EXIT_NO;
}

/* ---- the command ---- */

/* A tool repairs nothing and begins nothing: that is the sender's. So what is opened for writing must be
 * there and whole. */
static enum result open_cache(struct command *c)
{
	struct cache_config config = {
		.path = c->options.store,
		.map_bytes = CACHE_MAP_BYTES,
		.readers_max = CACHE_READERS_MAX,
		.entries_max = CACHE_ENTRIES_MAX,
		.read_only = true,
	};
	enum result r = cache_open(&config, &c->cache, &c->fail);
	if (r != RESULT_OK || c->action != ACTION_FORGET)
		return r;
	cache_close(&c->cache);
	config.read_only = false;
	return cache_open(&config, &c->cache, &c->fail);
}

static int cache_command(struct command *c, int argc, char *const *argv)
{
	enum result r = parse(c, argc, argv);
	if (r == RESULT_OK && c->options.help) {
		options_print_help(&cache_option_table, stdout);
		return RUN_EXIT_DONE;
	}
	c->now_s = (uint64_t)clock_wall_us() / US_PER_S;
	if (r == RESULT_OK)
		r = open_cache(c);
	if (r != RESULT_OK)
		return RUN_EXIT_ARGUMENTS;
	return c->action == ACTION_FORGET ? forget(c) : print_entries(c);
}

int run_cache(int argc, char *const *argv)
{
	struct command *c = calloc(1, sizeof *c);
	uint8_t *memory = malloc(CACHE_PRINT_BYTES_MAX);
	if (c == NULL || memory == NULL) {
		fputs("longship cache: out of memory\n", stderr);
		free(c);
		free(memory);
		return RUN_EXIT_ARGUMENTS;
	}
	c->memory = memory;
	arena_init(&c->arena, 16384, OPTIONS_ARENA_BYTES_MAX);
	int status = cache_command(c, argc, argv);
	if (status != RUN_EXIT_DONE)
		fprintf(stderr, "longship cache: %s\n", c->fail.text);
	cache_close(&c->cache);
	arena_deinit(&c->arena);
	free(memory);
	free(c);
	return status;
}
