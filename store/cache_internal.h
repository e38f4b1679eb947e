/* The inside of the cache, shared by cache.c (look-ups), cache_open.c, cache_write.c, cache_evict.c
 * (making room, the clock), cache_walk.c and cache_damage.c. */
#ifndef STORE_CACHE_INTERNAL_H
#define STORE_CACHE_INTERNAL_H

#include <lmdb.h>
#include <stdatomic.h>
#include "store/cache.h"

enum {
	CACHE_MAGIC = 0x4c534348, /* "LSCH" */
	/* Entries that are read or changed at once by what goes through all of them. */
	CACHE_CHUNK_ENTRIES = 256,
	CACHE_CHUNK_BYTES = 1 << 20,
};

struct cache {
	uint32_t magic;
	struct cache_config config; /* path: a copy */
	char *folder;               /* DIR/cache */
	int folder_fd;              /* that folder, wherever it was moved to */
	MDB_env *env;
	MDB_dbi dbi;
	/* The latest wall clock that a writer has seen; kept in the file too. */
	_Atomic uint64_t clock_s;
	struct fail note; /* result OK: nothing to say */
};

struct cache_reader {
	struct cache *cache;
	MDB_txn *txn; /* reset */
};

/* The record under the key of one zero byte, which stands before all tables. All versions begin with
 * the magic and the version. */
struct cache_head {
	uint32_t version;
	uint64_t clock_s;
	uint64_t forgotten; /* how often cache_forget() deleted something */
};

static inline MDB_val cache_val(struct text text)
{
	/* LMDB does not write to what it is given. */
	return (MDB_val){ text.len, (void *)(uintptr_t)text.data };
}
static inline struct text cache_text(MDB_val val)
{
	return text_of_bytes(val.mv_data, val.mv_size);
}

/* What an error of LMDB means, with "cannot `doing` the cache DIR: ..." in `fail`. Damage is marked,
 * so that opening again sets the files aside. */
enum result cache_fail(struct cache *cache, int error, const char *doing, struct fail *fail);

/* MDB_NOTFOUND: none; MDB_INVALID: not ours. */
int cache_get_head(struct cache *cache, MDB_txn *txn, struct cache_head *out_head);
int cache_put_head(struct cache *cache, MDB_txn *txn, const struct cache_head *head);

/* The next write of the batch counts as forgetting. */
void cache_batch_set_forgets(struct cache_batch *batch);

/* Says in `why` what is wrong with the first pages of the file, before LMDB believes them; an empty
 * or missing file is good. */
bool cache_head_pages_are_good(int folder_fd, uint64_t map_bytes, char *why, size_t why_size);
/* The same of all pages that can be reached in the snapshot of a read transaction: LMDB trusts what
 * they say, and reads and writes outside of its memory if that is not true. */
bool cache_pages_are_good(MDB_env *env, MDB_txn *txn, char *why, size_t why_size);

/* Copies of some entries as they are, damaged ones too, in the order of keys. */
struct cache_chunk {
	struct arena arena;
	struct text keys[CACHE_CHUNK_ENTRIES], values[CACHE_CHUNK_ENTRIES];
	size_t count;
	uint8_t last[CACHE_KEY_BYTES_MAX]; /* where to go on */
	size_t last_len;
};

void cache_chunk_init(struct cache_chunk *chunk, enum cache_table table);
void cache_chunk_deinit(struct cache_chunk *chunk);
/* The next ones; count 0: no more. A read transaction of its own, which is over on return. An error of
 * LMDB, or ENOMEM. */
int cache_chunk_next(struct cache *cache, struct cache_chunk *chunk);

/* Removes what has expired and, of what has not, `count` entries that expire soonest, in transactions
 * of some entries each. An error of LMDB. */
int cache_evict(struct cache *cache, uint64_t count, uint64_t now_s);
/* The clock has gone back: see cache.h. Sets the clock of the file at the end. An error of LMDB. */
int cache_turn_back(struct cache *cache, uint64_t now_s);

#endif
