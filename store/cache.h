/* The cache of `--store DIR`: what was learned of domains, shared by all threads and by all longship
 * processes of the machine, and kept over restarts. LMDB in DIR/cache; what it holds and how is
 * cache_schema.h.
 *
 * - Look-ups (cache_get) take one short read transaction each, about a microsecond, and hold none
 *   when they return. They never give what has expired, comes from the future or is damaged: that
 *   is not found. Each thread has a cache_reader of its own.
 * - Writing (cache_write) is for one thread that nobody waits for: it syncs, and it waits for
 *   writers of other processes. What a batch says is there wholly or not at all.
 * - A process that is killed at any point harms nothing. Power loss may cost the last batch.
 * - (DNS-27) Whoever can write the files can forge what is secure: they must be ours alone.
 * - A file that is damaged or of another version is set aside as DIR/cache.set-aside (one is kept)
 *   and the cache begins anew; cache_note() says so. Files found damaged later give RESULT_DAMAGED
 *   and are marked: look-ups and writes may fail from then on, and opening again sets them aside.
 * - (DNS-26) Times are the wall clock's, given by the caller. Forward steps make entries expire. After
 *   a step back nothing of the DNS is found any more, and the next write removes it; a policy of
 *   MTA-STS stays, since losing it would be a downgrade, for its max_age from now at most.
 *
 * Nothing logs or reads a clock. Do not open a cache twice in one process, nor use one after fork(). */
#ifndef STORE_CACHE_H
#define STORE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/arena.h"
#include "engine/base/check.h"
#include "engine/base/result.h"
#include "store/cache_schema.h"

struct cache;
struct cache_reader;
struct cache_batch;

/* Sparse and the same in all versions: a process with a smaller map could not read on when another
 * has filled more. The entries are what bounds the file. */
#define CACHE_MAP_BYTES (UINT64_C(64) << 30)

enum {
	/* Threads that read, of all processes together. The first process decides. */
	CACHE_READERS_MAX = 1024,
	/* Some 500 MB with policies of usual length. Beyond, what expires soonest goes. */
	CACHE_ENTRIES_MAX = 1000000,
	/* A wall clock that is this much behind what was seen has gone back; less is its usual unrest. */
	CACHE_CLOCK_SLACK_S = 5,
	/* What a batch must hold at least: one entry of any size. */
	CACHE_BATCH_BYTES_MIN = CACHE_VALUE_BYTES_MAX + CACHE_KEY_BYTES_MAX + 8,
};

struct cache_config {
	const char *path; /* DIR; made if it does not exist, its parent must */
	uint64_t map_bytes;
	uint32_t readers_max;
	uint64_t entries_max;
	bool read_only; /* makes, repairs and writes nothing */
};

/* RESULT_FORBIDDEN: the files are another user's, or others may write them. Read-only:
 * RESULT_NOT_FOUND (there is none), RESULT_DAMAGED, RESULT_CHANGED (another version). Else what the
 * file system says. */
MUST_USE enum result cache_open(
	const struct cache_config *config, struct cache **out_cache, struct fail *fail);
/* All readers must be gone. Clears the caller's pointer; NULL is allowed. */
void cache_close(struct cache **cache);
/* The one line about what was set aside while opening and why; "" if nothing was. */
const char *cache_note(const struct cache *cache);
uint64_t cache_entries(const struct cache *cache);
/* Frees the places of readers that died, which would keep old pages from being used again; done by
 * opening too. For once a minute. How many there were. */
size_t cache_clear_dead_readers(struct cache *cache);

/* RESULT_LIMIT: all places are taken. */
MUST_USE enum result cache_reader_create(
	struct cache *cache, struct cache_reader **out_reader, struct fail *fail);
void cache_reader_destroy(struct cache_reader **reader);

/* The entry of that key at that time; everything it points to is in the arena. RESULT_NOT_FOUND:
 * none that may be used; RESULT_MEMORY: the arena is exhausted; RESULT_DAMAGED, RESULT_IO. Answers
 * have in ttl_s what is left of it. */
MUST_USE enum result cache_get(struct cache_reader *reader, const struct cache_key *key,
	uint64_t now_s, struct arena *arena, struct cache_entry *out_entry);

/* What is there, whether or not it may be used: the same without what has expired being left out, and ttl_s
 * is the whole life. *out_holds: cache_get() would give it. For telling that something was there before,
 * never for using it (DNS-24). RESULT_INVALID: something is there, and damaged. */
MUST_USE enum result cache_peek(struct cache_reader *reader, const struct cache_key *key, uint64_t now_s,
	struct arena *arena, struct cache_entry *out_entry, bool *out_holds);

/* Changes with every cache_forget() that deleted something, in whatever process: who keeps answers of its
 * own lets them go, too. 0 when it cannot be read. */
uint64_t cache_forgotten(struct cache_reader *reader);

/* ---- writing ---- */

/* What is to be written, encoded at once, so that one thread may fill it and another write it. */
MUST_USE enum result cache_batch_create(
	size_t bytes, struct cache_batch **out_batch, struct fail *fail);
void cache_batch_destroy(struct cache_batch **batch);
/* RESULT_INVALID: not to be kept (cache_schema.h), or no key; RESULT_TOO_LONG: never fits;
 * RESULT_NO_SPACE: the batch is full, write it first. */
MUST_USE enum result cache_batch_put(
	struct cache_batch *batch, const struct cache_entry *entry, struct fail *fail);
MUST_USE enum result cache_batch_delete(
	struct cache_batch *batch, const struct cache_key *key, struct fail *fail);
size_t cache_batch_count(const struct cache_batch *batch);
void cache_batch_clear(struct cache_batch *batch);

/* One transaction; empties the batch. Leaves out what has expired meanwhile and what is older than
 * what is there (another process asked later). Evicts what has expired, then what expires soonest,
 * when there are too many entries or the map is full.
 * The batch stays as it is with: RESULT_NO_SPACE, the disk is full, or a stopped reader keeps the map
 * full (look-ups go on, writing may be tried again); RESULT_CHANGED, another process has set the files
 * aside, open again; RESULT_DAMAGED; RESULT_IO. */
MUST_USE enum result cache_write(
	struct cache *cache, struct cache_batch *batch, uint64_t now_s, struct fail *fail);

/* ---- for people ---- */

/* Calls `visit` for each entry of the table (0: of all), expired ones too, by table and name; those
 * that are damaged are left out. No transaction is open while it runs, so it may wait and write; what
 * the entry points to lives until it returns. Stops with what it returns if that is not OK. */
typedef enum result cache_visit_fn(const struct cache_entry *entry, void *context);
MUST_USE enum result cache_walk(struct cache *cache, enum cache_table table, cache_visit_fn *visit,
	void *context, struct fail *fail);

/* (STS-51) Deletes all entries of that very name, of any generation, and of its _mta-sts record; processes
 * that are running see it by cache_forgotten(). */
MUST_USE enum result cache_forget(struct cache *cache, struct text name, uint64_t now_s,
	uint64_t *out_count, struct fail *fail);

#endif
