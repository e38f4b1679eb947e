/* The resolver's end of the shared cache: what routes are told by it and tell it (route_store.h), and the
 * way there and back. Reads itself; writing is the work of another thread (cache_writer.h), which gets a
 * batch some time after the first entry of it, one at a time.
 *
 * The resolver's thread alone. Embedded in the resolver; must not move. */
#ifndef ENGINE_RUN_RESOLVER_CACHE_H
#define ENGINE_RUN_RESOLVER_CACHE_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/result.h"
#include "engine/base/timer_wheel.h"

struct cache_batch;
struct cache_reader;
struct cache_writer;
struct hub;
struct loop;
struct route_store;
struct run_config;

struct resolver_cache {
	struct hub *hub;
	struct cache_writer *writer; /* NULL: no cache; all else is NULL then, too */
	struct loop *loop;           /* NULL: not started */
	struct cache_reader *reader; /* NULL while it is opened anew */
	struct route_store *store;
	void (*forgotten)(void *context); /* of route_store.h */
	void *context;
	struct timer write_timer, look_timer;
	bool is_away;      /* a batch is with the writer */
	bool is_wanted;    /* something is in a batch that is not */
	bool is_reopening;
};

/* (DNS-25) Stands for all that decides what the resolver calls secure: the forwarder, the keys in the anchor
 * file (NULL: none), whether loopback may be asked. */
uint64_t resolver_cache_generation(const struct run_config *config, const char *anchor_file);

/* RESULT_MEMORY; RESULT_LIMIT: too many processes read the cache. Before the threads start. `forgotten` is
 * told on the resolver's thread that somebody had the cache forget something. */
MUST_USE enum result resolver_cache_init(struct resolver_cache *cache, struct hub *hub,
	struct cache_writer *writer, uint64_t generation, void (*forgotten)(void *context), void *context,
	struct fail *fail);
/* After the threads: whatever the writer gave back meanwhile is taken out of the resolver's mailbox. */
void resolver_cache_deinit(struct resolver_cache *cache);

/* On the thread, around its loop. At the end what was learned goes to the writer, and POST_STOP behind it:
 * nobody waits for it here. */
void resolver_cache_start(struct resolver_cache *cache, struct loop *loop);
void resolver_cache_stop(struct resolver_cache *cache);

/* POST_CACHE_WRITTEN, POST_CACHE_REOPENED */
void resolver_cache_written(
	struct resolver_cache *cache, struct cache_batch *batch, enum result result);
void resolver_cache_reopened(struct resolver_cache *cache, enum result result);

#endif
