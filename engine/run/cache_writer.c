#include "engine/run/cache_writer.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include "engine/base/check.h"
#include "engine/base/nanoseconds.h"
#include "engine/io/clock.h"
#include "engine/io/loop.h"
#include "engine/run/config.h"
#include "engine/run/hub.h"
#include "store/cache.h"

#define CACHE_WRITER_MAGIC 0xcac4e1e2u

enum {
	US_PER_S = 1000000,
	/* Readers of processes that were killed keep old pages in use until somebody clears them. */
	CLEAR_READERS_S = 60,
};

struct cache_writer {
	uint32_t magic;
	struct hub *hub;
	struct loop loop;
	struct logger log;
	struct fail fail;
	struct cache *cache; /* NULL: it could not be opened anew */
	char path[PATH_MAX];
	struct timer clear_timer;
	bool failing; /* writing failed, and it was said */
};

/* ---- opening ---- */

static void tell_note(const struct cache_writer *w)
{
	const char *note = cache_note(w->cache);
	if (*note != '\0')
		log_write(&w->log, LOG_CACHE_SET_ASIDE, LOG_FIELDS(log_cstr("why", note)));
}

static enum result open_cache(struct cache_writer *w, struct fail *fail)
{
	const struct cache_config config = {
		.path = w->path,
		.map_bytes = CACHE_MAP_BYTES,
		.readers_max = CACHE_READERS_MAX,
		.entries_max = CACHE_ENTRIES_MAX,
	};
	enum result r = cache_open(&config, &w->cache, fail);
	if (r == RESULT_OK)
		tell_note(w);
	return r;
}

static enum result set_path(struct cache_writer *w, struct fail *fail)
{
	const struct send_options *options = w->hub->config->options;
	bool is_given = *options->store != '\0';
	int len = snprintf(w->path, sizeof w->path, "%s%s", is_given ? options->store : options->spool,
		is_given ? "" : "/state");
	if (len > 0 && (size_t)len < sizeof w->path)
		return RESULT_OK;
	return fail_set(fail, RESULT_IO, "the path of the cache is too long");
}

/* ---- writing ---- */

/* Said when it begins and when it ends: in between the reason is the same, or as good. */
static void note_result(struct cache_writer *w, enum result result, const struct fail *fail)
{
	/* The resolver has it opened anew, and that is said. */
	if (result == RESULT_CHANGED || result == RESULT_DAMAGED)
		return;
	if (result == RESULT_OK && w->failing)
		log_write(&w->log, LOG_CACHE_WRITTEN, LOG_NO_FIELDS);
	if (result != RESULT_OK && !w->failing)
		log_write(&w->log, LOG_CACHE_NOT_WRITTEN, LOG_FIELDS(log_fail("why", fail)));
	w->failing = result != RESULT_OK;
}

static void write_batch(struct cache_writer *w, struct cache_batch *batch)
{
	struct fail fail = { 0 };
	enum result r = RESULT_CHANGED; /* when it could not be opened */
	if (w->cache != NULL)
		r = cache_write(w->cache, batch, (uint64_t)clock_wall_us() / US_PER_S, &fail);
	note_result(w, r, &fail);
	hub_post(w->hub->resolver, POST_CACHE_WRITTEN, batch, r, 0);
}

static void reopen(struct cache_writer *w)
{
	struct fail fail = { 0 };
	cache_close(&w->cache);
	enum result r = open_cache(w, &fail);
	if (r == RESULT_OK)
		log_write(&w->log, LOG_CACHE_REOPENED, LOG_FIELDS(log_cstr("store", w->path)));
	else if (!w->failing)
		log_write(&w->log, LOG_CACHE_NOT_WRITTEN, LOG_FIELDS(log_fail("why", &fail)));
	w->failing = r != RESULT_OK;
	hub_post(w->hub->resolver, POST_CACHE_REOPENED, NULL, r, 0);
}

static void clear_readers(struct timer *timer)
{
	struct cache_writer *w = CONTAINER_OF(timer, struct cache_writer, clear_timer);
	if (w->cache != NULL)
		(void)cache_clear_dead_readers(w->cache);
	loop_timer_start(&w->loop, timer, CLEAR_READERS_S * SECOND_NS, clear_readers);
}

static void hear(struct loop *loop, const struct mailbox_message *message)
{
	struct cache_writer *w = loop->owner;
	switch (message->kind) {
	case POST_CACHE_WRITE: write_batch(w, message->object); break;
	case POST_CACHE_REOPEN: reopen(w); break;
	case POST_STOP:
		loop_timer_stop(loop, &w->clear_timer);
		loop_stop(loop);
		break;
	default: UNREACHABLE("a message that is not for the writer of the cache");
	}
}

void *cache_writer_run(void *writer)
{
	static const struct loop_handlers handlers = { .message = hear };
	const struct ring_options options = { .submissions = 16, .without_buffers = true };
	struct cache_writer *w = writer;
	check_install_signal_stack();
	if (loop_init(&w->loop, &options, w->hub->cache, &handlers, w, &w->fail) != RESULT_OK)
		return w;
	loop_timer_start(&w->loop, &w->clear_timer, CLEAR_READERS_S * SECOND_NS, clear_readers);
	loop_run(&w->loop);
	loop_deinit(&w->loop);
	return NULL;
}

/* ---- life ---- */

enum result cache_writer_create(struct hub *hub, struct cache_writer **out_writer, struct fail *fail)
{
	*out_writer = NULL;
	struct cache_writer *w = calloc(1, sizeof *w);
	if (w == NULL)
		return fail_set(fail, RESULT_MEMORY, "out of memory for the writer of the cache");
	w->magic = CACHE_WRITER_MAGIC;
	w->hub = hub;
	w->log = run_config_logger(hub->config, "cache");
	enum result r = set_path(w, fail);
	if (r == RESULT_OK)
		r = open_cache(w, fail);
	if (r != RESULT_OK) {
		cache_writer_destroy(w);
		/* Whatever it is, it is one thing to the caller: not writable. */
		if (r != RESULT_MEMORY)
			r = fail_set(fail, RESULT_IO, "%s", fail->text);
		return r;
	}
	*out_writer = w;
	return RESULT_OK;
}

const struct fail *cache_writer_fail(const struct cache_writer *writer) { return &writer->fail; }

struct cache *cache_writer_cache(const struct cache_writer *writer) { return writer->cache; }

void cache_writer_destroy(struct cache_writer *w)
{
	if (w == NULL)
		return;
	CHECK_OBJ(w, CACHE_WRITER_MAGIC);
	cache_close(&w->cache);
	w->magic = 0;
	free(w);
}
