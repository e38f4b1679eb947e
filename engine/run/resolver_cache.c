#include "engine/run/resolver_cache.h"
#include <stdio.h>
#include <string.h>
#include "engine/base/check.h"
#include "engine/base/nanoseconds.h"
#include "engine/base/siphash.h"
#include "engine/base/text.h"
#include "engine/io/clock.h"
#include "engine/io/loop.h"
#include "engine/route/route_store.h"
#include "engine/run/cache_writer.h"
#include "engine/run/config.h"
#include "engine/run/hub.h"

enum {
	/* Other processes see what was learned so much later, and a kill loses no more. Each write is a
	 * sync: a few a second are nothing, one for each look-up would be. */
	WRITE_AFTER_MS = 200,
	/* When the disk is full, or the files could not be opened. */
	TRY_AGAIN_S = 10,
	/* A look at whether look-ups have come upon damage, which they do not say at once. */
	LOOK_S = 10,
	/* Two of these. Some 10,000 answers each: more than the DNS says in the time between two writes. */
	BATCH_BYTES = 2 * 1024 * 1024,
};

/* ---- the generation ---- */

/* The keys alone: what stands behind a semicolon are remarks, and unbound keeps the hour of its last look
 * there. */
static uint64_t hash_line(const struct siphash_key *key, const char *line)
{
	uint64_t hash = 0;
	struct text rest = text_of(line), word;
	size_t remark = text_find(rest, ';');
	rest = text_trim(remark != TEXT_NONE ? text_cut(rest, remark) : rest);
	while (text_split(&rest, ' ', &word))
		if (word.len > 0)
			hash = hash * 31 + siphash(key, word.data, word.len);
	return hash;
}

/* In whatever order. A line longer than the buffer is taken as several. */
static uint64_t hash_anchors(const struct siphash_key *key, const char *path)
{
	uint64_t hash = 0;
	char line[4096];
	FILE *file = path != NULL ? fopen(path, "re") : NULL;
	if (file == NULL)
		return 0;
	while (fgets(line, sizeof line, file) != NULL) {
		for (char *tab = line; (tab = strchr(tab, '\t')) != NULL;)
			*tab = ' ';
		hash += hash_line(key, line);
	}
	fclose(file);
	return hash;
}

uint64_t resolver_cache_generation(const struct run_config *config, const char *anchor_file)
{
	/* No secret: the same in all processes, today and tomorrow. */
	static const struct siphash_key key = { 0 };
	const struct dns_resolver_config dns = run_config_dns(config);
	const char *forward = dns.forward != NULL ? dns.forward : "";
	const uint64_t parts[] = {
		siphash(&key, forward, strlen(forward)),
		hash_anchors(&key, anchor_file),
		dns.allow_private,
	};
	return siphash(&key, parts, sizeof parts);
}

/* ---- to the writer ---- */

static void send_batch(struct resolver_cache *c)
{
	struct cache_batch *batch = c->is_away || c->is_reopening ? NULL : route_store_take(c->store);
	if (batch == NULL)
		return;
	c->is_away = true;
	c->is_wanted = false;
	hub_post(c->hub->cache, POST_CACHE_WRITE, batch, 0, 0);
}

static void write_due(struct timer *timer)
{
	send_batch(CONTAINER_OF(timer, struct resolver_cache, write_timer));
}

static void write_after(struct resolver_cache *c, uint64_t ns)
{
	if (!timer_is_running(&c->write_timer))
		loop_timer_start(c->loop, &c->write_timer, ns, write_due);
}

static void wants_writing(void *context)
{
	struct resolver_cache *c = context;
	c->is_wanted = true;
	if (!c->is_away && !c->is_reopening && c->loop != NULL)
		write_after(c, WRITE_AFTER_MS * MS_NS);
}

static void forgotten(void *context)
{
	struct resolver_cache *c = context;
	c->forgotten(c->context);
}

/* ---- opening anew: first without readers, then with a new one ---- */

static void begin_reopening(struct resolver_cache *c)
{
	if (c->is_reopening)
		return;
	c->is_reopening = true;
	route_store_set_reader(c->store, NULL);
	cache_reader_destroy(&c->reader);
	hub_post(c->hub->cache, POST_CACHE_REOPEN, NULL, 0, 0);
}

static void look(struct timer *timer)
{
	struct resolver_cache *c = CONTAINER_OF(timer, struct resolver_cache, look_timer);
	/* Without a reader the last try to open it failed. */
	if (c->reader == NULL || route_store_is_damaged(c->store))
		begin_reopening(c);
	loop_timer_start(c->loop, timer, LOOK_S * SECOND_NS, look);
}

void resolver_cache_reopened(struct resolver_cache *c, enum result result)
{
	c->is_reopening = false;
	if (result == RESULT_OK)
		result = cache_reader_create(cache_writer_cache(c->writer), &c->reader, NULL);
	if (result == RESULT_OK)
		route_store_set_reader(c->store, c->reader);
	if (c->loop != NULL && c->reader != NULL)
		write_after(c, WRITE_AFTER_MS * MS_NS);
}

void resolver_cache_written(struct resolver_cache *c, struct cache_batch *batch, enum result result)
{
	c->is_away = false;
	route_store_give(c->store, batch);
	if (c->loop == NULL)
		return;
	if (result == RESULT_CHANGED || result == RESULT_DAMAGED)
		begin_reopening(c);
	else if (result != RESULT_OK)
		write_after(c, TRY_AGAIN_S * SECOND_NS);
	else if (c->is_wanted)
		write_after(c, WRITE_AFTER_MS * MS_NS);
}

/* ---- life ---- */

enum result resolver_cache_init(struct resolver_cache *c, struct hub *hub, struct cache_writer *writer,
	uint64_t generation, void (*on_forgotten)(void *context), void *context, struct fail *fail)
{
	*c = (struct resolver_cache){
		.hub = hub, .writer = writer, .forgotten = on_forgotten, .context = context
	};
	if (writer == NULL)
		return RESULT_OK;
	enum result r = cache_reader_create(cache_writer_cache(writer), &c->reader, fail);
	if (r != RESULT_OK)
		return r;
	const struct route_store_config config = {
		.reader = c->reader,
		.generation = generation,
		.wall_us = clock_wall_us,
		.batch_bytes = BATCH_BYTES,
		.wants_writing = wants_writing,
		.forgotten = forgotten,
		.context = c,
	};
	r = route_store_create(&config, &c->store, fail);
	if (r != RESULT_OK)
		cache_reader_destroy(&c->reader);
	return r;
}

/* The threads are gone: batches that came back too late, or that the writer has not seen. */
static void take_back(struct resolver_cache *c, struct mailbox *mailbox, enum post_kind kind)
{
	struct mailbox_message message;
	while (mailbox_take(mailbox, &message))
		if (message.kind == kind)
			route_store_give(c->store, message.object);
}

void resolver_cache_deinit(struct resolver_cache *c)
{
	if (c->writer == NULL)
		return;
	take_back(c, c->hub->resolver, POST_CACHE_WRITTEN);
	take_back(c, c->hub->cache, POST_CACHE_WRITE);
	route_store_destroy(c->store);
	cache_reader_destroy(&c->reader);
	c->store = NULL;
}

void resolver_cache_start(struct resolver_cache *c, struct loop *loop)
{
	if (c->writer == NULL)
		return;
	c->loop = loop;
	loop_timer_start(loop, &c->look_timer, LOOK_S * SECOND_NS, look);
}

void resolver_cache_stop(struct resolver_cache *c)
{
	struct cache_batch *batch;
	if (c->writer == NULL || c->loop == NULL)
		return;
	loop_timer_stop(c->loop, &c->look_timer);
	loop_timer_stop(c->loop, &c->write_timer);
	c->loop = NULL;
	while ((batch = route_store_take(c->store)) != NULL)
		hub_post(c->hub->cache, POST_CACHE_WRITE, batch, 0, 0);
	hub_post(c->hub->cache, POST_STOP, NULL, 0, 0);
}
