#include "engine/run/source.h"
#include <string.h>
#include "engine/base/domain_name.h"
#include "engine/base/envelope.h"
#include "engine/plan/source_choice.h"

/* The name of the pool for mail that names none. */
static const struct text default_pool = TEXT_INIT("default");

/* ---- one source ---- */

/* SMTP-12: without a fully qualified name there is no start. */
enum result source_parse_helo(struct text name, struct arena *arena, const char **out_helo, struct fail *fail)
{
	char ascii[DOMAIN_NAME_SIZE];
	enum domain_name_fault fault = domain_name_to_ascii(name, ascii);
	if (fault != DOMAIN_NAME_OK)
		return fail_set(fail, RESULT_INVALID, "--helo: '%.*s' %s", TEXT_ARG(name),
			domain_name_fault_text(fault));
	if (strchr(ascii, '.') == NULL)
		return fail_set(fail, RESULT_INVALID,
			"--helo: '%s' is not a fully qualified name, such as mail.example.com", ascii);
	*out_helo = arena_text_copy(arena, text_of(ascii)).data;
	return *out_helo != NULL ? RESULT_OK : fail_set(fail, RESULT_MEMORY, "out of memory");
}

struct parsing {
	struct source *source;
	struct arena *arena;
	struct fail *fail;
	uint32_t seen; /* settings, by bit */
};

static enum result read_helo(struct parsing *p, struct text value)
{
	return source_parse_helo(value, p->arena, &p->source->helo, p->fail);
}

static enum result read_weight(struct parsing *p, struct text value)
{
	uint64_t weight;
	if (!text_to_u64(value, &weight) || weight < 1 || weight > SOURCE_WEIGHT_MAX)
		return fail_set(p->fail, RESULT_INVALID, "--source %s: '%.*s' is no weight from 1 to %d",
			p->source->text, TEXT_ARG(value), SOURCE_WEIGHT_MAX);
	p->source->weight = (uint32_t)weight;
	return RESULT_OK;
}

static enum result read_pool(struct parsing *p, struct text value)
{
	struct source *source = p->source;
	struct text name;
	while (text_split(&value, ',', &name)) {
		if (name.len == 0 || name.len > ENVELOPE_LABEL_MAX || !text_is_printable(name))
			return fail_set(p->fail, RESULT_INVALID,
				"--source %s: '%.*s' is no name of a pool", source->text,
				TEXT_ARG(text_cut(name, 40)));
		if (source->pools_count == SOURCE_POOLS_MAX)
			return fail_set(p->fail, RESULT_INVALID, "--source %s: at most %d pools",
				source->text, SOURCE_POOLS_MAX);
		source->pools[source->pools_count] = arena_text_copy(p->arena, name);
		if (source->pools[source->pools_count++].data == NULL)
			return fail_set(p->fail, RESULT_MEMORY, "out of memory");
	}
	return RESULT_OK;
}

static uint32_t count_of(struct text list)
{
	struct text word;
	uint32_t count = 0;
	while (text_split(&list, ',', &word))
		count++;
	return count;
}

static enum result read_warmup(struct parsing *p, struct text value)
{
	struct source *source = p->source;
	uint32_t days = count_of(value);
	if (days > WARMUP_DAYS_MAX)
		return fail_set(p->fail, RESULT_INVALID, "--source %s: a warm-up of %u days, at most %d",
			source->text, days, WARMUP_DAYS_MAX);
	uint32_t *limits = arena_alloc_array(p->arena, days, sizeof *limits);
	if (limits == NULL)
		return fail_set(p->fail, RESULT_MEMORY, "out of memory");
	struct text word;
	for (uint32_t i = 0; text_split(&value, ',', &word); i++) {
		uint64_t limit;
		if (!text_to_u64(word, &limit) || limit < 1 || limit > WARMUP_LIMIT_MAX)
			return fail_set(p->fail, RESULT_INVALID,
				"--source %s: '%.*s' of the warm-up is no number of recipients a day",
				source->text, TEXT_ARG(text_cut(word, 40)));
		limits[i] = (uint32_t)limit;
	}
	source->warmup.limits = limits;
	source->warmup.days = days;
	return RESULT_OK;
}

static enum result read_since(struct parsing *p, struct text value)
{
	struct warmup *ramp = &p->source->warmup;
	ramp->has_since = warmup_parse_date(value, &ramp->since);
	return ramp->has_since ? RESULT_OK
			       : fail_set(p->fail, RESULT_INVALID,
					 "--source %s: '%.*s' is no date like 2026-09-01", p->source->text,
					 TEXT_ARG(text_cut(value, 40)));
}

static const struct setting {
	struct text name;
	enum result (*read)(struct parsing *p, struct text value);
} settings[] = {
	{ TEXT_INIT("helo="), read_helo },
	{ TEXT_INIT("weight="), read_weight },
	{ TEXT_INIT("pool="), read_pool },
	{ TEXT_INIT("warmup="), read_warmup },
	{ TEXT_INIT("since="), read_since },
};

static enum result read_setting(struct parsing *p, struct text word)
{
	for (size_t i = 0; i < COUNT_OF(settings); i++) {
		if (!text_starts(word, settings[i].name))
			continue;
		if (p->seen & 1u << i)
			return fail_set(p->fail, RESULT_INVALID, "--source %s: '%.*s' is said twice",
				p->source->text, TEXT_ARG(text_cut(word, 40)));
		p->seen |= 1u << i;
		return settings[i].read(p, text_skip(word, settings[i].name.len));
	}
	return fail_set(p->fail, RESULT_INVALID,
		"--source: '%.*s' is not understood; after the address come helo=NAME, weight=N, "
		"pool=NAME,..., warmup=N,N,... and since=DATE, with blanks between them",
		TEXT_ARG(text_cut(word, 40)));
}

/* Up to a blank or a comma. The comma before helo= is the old way. */
static struct text take_address(struct text *rest)
{
	size_t len = 0;
	while (len < rest->len && rest->data[len] != ' ' && rest->data[len] != ',')
		len++;
	struct text address = text_cut(*rest, len);
	*rest = text_trim(text_skip(*rest, len));
	if (rest->len > 0 && rest->data[0] == ',')
		*rest = text_skip(*rest, 1);
	return address;
}

static enum result read_settings(struct parsing *p, struct text rest)
{
	struct text word;
	while (text_split(&rest, ' ', &word)) {
		enum result r = word.len > 0 ? read_setting(p, word) : RESULT_OK;
		if (r != RESULT_OK)
			return r;
	}
	if (p->source->warmup.has_since && p->source->warmup.days == 0)
		return fail_set(p->fail, RESULT_INVALID,
			"--source %s: since= is the first day of a warmup=, and there is none",
			p->source->text);
	return RESULT_OK;
}

enum result source_parse(
	const char *value, const char *helo, struct arena *arena, struct source *out, struct fail *fail)
{
	char text[IP_ADDRESS_TEXT_SIZE];
	struct text rest = text_trim(text_of(value));
	struct text address = take_address(&rest);
	*out = (struct source){ .helo = helo, .weight = 1 };
	if (ip_address_parse(address, &out->address) != RESULT_OK)
		return fail_set(fail, RESULT_INVALID, "--source: '%.*s' is not an IP address of this machine",
			TEXT_ARG(address));
	out->text = arena_text_copy(arena, text_of(ip_address_text(&out->address, text))).data;
	if (out->text == NULL)
		return fail_set(fail, RESULT_MEMORY, "out of memory");
	return read_settings(&(struct parsing){ .source = out, .arena = arena, .fail = fail }, rest);
}

/* ---- pools ---- */

static struct source_pool *find(struct source_pools *pools, struct text name)
{
	for (uint32_t i = 0; i < pools->count; i++)
		if (text_equal_nocase(pools->items[i].name, name))
			return &pools->items[i];
	return NULL;
}

static bool add_to(struct source_pools *pools, struct text name, const struct source *source,
	uint32_t sources_count, struct arena *arena)
{
	struct source_pool *pool = find(pools, name);
	if (pool == NULL) {
		uint32_t *sources = arena_alloc_array(arena, sources_count, sizeof *sources);
		if (sources == NULL)
			return false;
		pool = &pools->items[pools->count++];
		*pool = (struct source_pool){ .name = name, .sources = sources };
	}
	if (pool->count == 0 || pool->sources[pool->count - 1] != source->index)
		pool->sources[pool->count++] = source->index;
	return true;
}

enum result source_pools_make(const struct source *sources, uint32_t count, struct arena *arena,
	struct source_pools *out, struct fail *fail)
{
	size_t names = 1;
	for (uint32_t i = 0; i < count; i++)
		names += sources[i].pools_count;
	*out = (struct source_pools){ .items = arena_alloc_array(arena, names, sizeof *out->items) };
	bool ok = out->items != NULL;
	if (ok)
		out->items[out->count++] = (struct source_pool){
			.name = default_pool,
			.sources = arena_alloc_array(arena, count + 1, sizeof(uint32_t)),
		};
	ok = ok && out->items[0].sources != NULL;
	for (uint32_t i = 0; i < count && ok; i++) {
		if (sources[i].pools_count == 0)
			ok = add_to(out, default_pool, &sources[i], count, arena);
		for (uint32_t j = 0; j < sources[i].pools_count && ok; j++)
			ok = add_to(out, sources[i].pools[j], &sources[i], count, arena);
	}
	return ok ? RESULT_OK : fail_set(fail, RESULT_MEMORY, "out of memory for the pools of --source");
}

const struct source_pool *source_pools_find(const struct source_pools *pools, struct text name)
{
	const struct source_pool *first = &pools->items[0];
	if (pools->count > 1 && name.len > 0 && !text_equal_nocase(name, first->name))
		first = NULL;
	for (uint32_t i = 1; i < pools->count && first == NULL; i++)
		if (text_equal_nocase(pools->items[i].name, name))
			return &pools->items[i];
	return first != NULL && first->count > 0 ? first : NULL;
}

bool source_pool_has(const struct source_pool *pool, const struct source *source)
{
	for (uint32_t i = 0; pool != NULL && i < pool->count; i++)
		if (pool->sources[i] == source->index)
			return true;
	return false;
}
