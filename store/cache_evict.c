#include <errno.h>
#include <stdlib.h>
#include "store/cache_internal.h"

/* ---- which entries go ---- */

struct expiries {
	uint64_t *at_s; /* of each entry; 0: may go at once */
	size_t count, size;
};

/* 0 for what is of no use to anybody: damaged or expired. */
static uint64_t expiry_of(struct text key, struct text value, uint64_t now_s)
{
	struct cache_times times;
	if (!cache_schema_get_times(key, value, &times) || times.expires_s <= now_s)
		return 0;
	return times.expires_s;
}

static int add_expiry(struct expiries *expiries, uint64_t at_s)
{
	if (expiries->count == expiries->size) {
		size_t size = expiries->size > 0 ? expiries->size * 2 : 4096;
		uint64_t *more = realloc(expiries->at_s, size * sizeof *more);
		if (more == NULL)
			return ENOMEM;
		expiries->at_s = more;
		expiries->size = size;
	}
	expiries->at_s[expiries->count++] = at_s;
	return 0;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static int collect(struct cache *cache, struct expiries *expiries, uint64_t now_s)
{
	struct cache_chunk chunk;
	cache_chunk_init(&chunk, (enum cache_table)0);
	int error = cache_chunk_next(cache, &chunk);
	while (error == 0 && chunk.count > 0) {
		for (size_t i = 0; i < chunk.count && error == 0; i++)
			error = add_expiry(
				expiries, expiry_of(chunk.keys[i], chunk.values[i], now_s));
		if (error == 0)
			error = cache_chunk_next(cache, &chunk);
	}
	cache_chunk_deinit(&chunk);
	return error;
}

/* ---- changing all entries, some in each transaction ---- */

struct sweep {
	struct cache *cache;
	uint64_t now_s;
	uint64_t limit_s; /* what expires until then may go */
	uint64_t left;    /* so many that have not expired may go */
};

/* The entry as it is in this transaction. An error of LMDB. */
typedef int sweep_fn(struct sweep *sweep, MDB_txn *txn, struct text key, struct text value);

static int sweep_chunk(struct sweep *sweep, const struct cache_chunk *chunk, sweep_fn *visit)
{
	MDB_txn *txn;
	int error = mdb_txn_begin(sweep->cache->env, NULL, 0, &txn);
	if (error != 0)
		return error;
	for (size_t i = 0; i < chunk->count && error == 0; i++) {
		MDB_val key = cache_val(chunk->keys[i]), value;
		error = mdb_get(txn, sweep->cache->dbi, &key, &value);
		if (error == 0)
			error = visit(sweep, txn, chunk->keys[i], cache_text(value));
		else if (error == MDB_NOTFOUND)
			error = 0; /* somebody was faster */
	}
	if (error != 0) {
		mdb_txn_abort(txn);
		return error;
	}
	return mdb_txn_commit(txn);
}

static int sweep_all(struct sweep *sweep, sweep_fn *visit)
{
	struct cache_chunk chunk;
	cache_chunk_init(&chunk, (enum cache_table)0);
	int error = cache_chunk_next(sweep->cache, &chunk);
	while (error == 0 && chunk.count > 0) {
		error = sweep_chunk(sweep, &chunk, visit);
		if (error == 0)
			error = cache_chunk_next(sweep->cache, &chunk);
	}
	cache_chunk_deinit(&chunk);
	return error;
}

static int delete_key(struct sweep *sweep, MDB_txn *txn, struct text key)
{
	MDB_val val = cache_val(key);
	return mdb_del(txn, sweep->cache->dbi, &val, NULL);
}

static int evict_one(struct sweep *sweep, MDB_txn *txn, struct text key, struct text value)
{
	uint64_t expires_s = expiry_of(key, value, sweep->now_s);
	if (expires_s == 0)
		return delete_key(sweep, txn, key);
	if (expires_s > sweep->limit_s || sweep->left == 0)
		return 0;
	sweep->left--;
	return delete_key(sweep, txn, key);
}

int cache_evict(struct cache *cache, uint64_t count, uint64_t now_s)
{
	struct expiries expiries = { 0 };
	struct sweep sweep = { .cache = cache, .now_s = now_s };
	int error = collect(cache, &expiries, now_s);
	if (error == 0 && expiries.count > 0) {
		qsort(expiries.at_s, expiries.count, sizeof *expiries.at_s, compare);
		size_t useless = 0;
		while (useless < expiries.count && expiries.at_s[useless] == 0)
			useless++;
		if (useless < count) {
			if (count > expiries.count)
				count = expiries.count;
			sweep.limit_s = expiries.at_s[count - 1];
			sweep.left = count - useless;
		}
		error = sweep_all(&sweep, evict_one);
	}
	free(expiries.at_s);
	return error;
}

/* ---- the clock ---- */

static int turn_back_one(struct sweep *sweep, MDB_txn *txn, struct text key, struct text value)
{
	static _Thread_local uint8_t copy[CACHE_VALUE_BYTES_MAX];
	struct cache_times times;
	if ((uint8_t)key.data[0] != CACHE_TABLE_STS || value.len > sizeof copy ||
		!cache_schema_get_times(key, value, &times))
		return delete_key(sweep, txn, key);
	if (times.fetched_s <= sweep->now_s)
		return 0;
	const struct cache_times now = { sweep->now_s,
		sweep->now_s + (times.expires_s - times.fetched_s) };
	memcpy(copy, value.data, value.len);
	cache_schema_set_times(key, copy, value.len, &now);
	MDB_val key_val = cache_val(key), value_val = { value.len, copy };
	return mdb_put(txn, sweep->cache->dbi, &key_val, &value_val, 0);
}

int cache_turn_back(struct cache *cache, uint64_t now_s)
{
	struct sweep sweep = { .cache = cache, .now_s = now_s };
	struct cache_head head;
	MDB_txn *txn;
	int error = sweep_all(&sweep, turn_back_one);
	if (error != 0)
		return error;
	/* Last, so that whoever is killed before it leaves the work to the next. */
	error = mdb_txn_begin(cache->env, NULL, 0, &txn);
	if (error != 0)
		return error;
	error = cache_get_head(cache, txn, &head);
	head.clock_s = now_s;
	if (error == 0)
		error = cache_put_head(cache, txn, &head);
	if (error != 0) {
		mdb_txn_abort(txn);
		return error;
	}
	error = mdb_txn_commit(txn);
	if (error == 0)
		atomic_store(&cache->clock_s, now_s);
	return error;
}
