#include <errno.h>
#include "store/cache_internal.h"

/* ---- chunks ---- */

void cache_chunk_init(struct cache_chunk *chunk, enum cache_table table)
{
	/* One entry of any size beyond the usual bytes. */
	arena_init(&chunk->arena, 65536, 2 * CACHE_CHUNK_BYTES + 2 * CACHE_VALUE_BYTES_MAX);
	chunk->count = 0;
	/* Before all of the table; the head (a zero byte) is no entry. */
	chunk->last[0] = table != 0 ? (uint8_t)table : 1;
	chunk->last_len = 1;
}

void cache_chunk_deinit(struct cache_chunk *chunk) { arena_deinit(&chunk->arena); }

/* Copies from where the cursor stands. */
static int fill(struct cache_chunk *chunk, MDB_cursor *cursor, MDB_val key, MDB_val value)
{
	size_t bytes = 0;
	int error = 0;
	while (error == 0 && chunk->count < CACHE_CHUNK_ENTRIES && bytes < CACHE_CHUNK_BYTES) {
		/* Longer than any of ours: whoever wrote it, it is of no use. */
		if (key.mv_size > CACHE_KEY_BYTES_MAX || value.mv_size > CACHE_VALUE_BYTES_MAX)
			return MDB_CORRUPTED;
		struct text k = arena_text_copy(&chunk->arena, cache_text(key));
		struct text v = arena_text_copy(&chunk->arena, cache_text(value));
		if (arena_is_exhausted(&chunk->arena))
			return chunk->count > 0 ? 0 : ENOMEM;
		chunk->keys[chunk->count] = k;
		chunk->values[chunk->count++] = v;
		bytes += k.len + v.len;
		error = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
	}
	return error == MDB_NOTFOUND ? 0 : error;
}

static int fill_from_last(struct cache_chunk *chunk, MDB_cursor *cursor)
{
	MDB_val key = { chunk->last_len, chunk->last }, value;
	struct text last = cache_text(key);
	int error = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
	if (error == 0 && text_equal(cache_text(key), last))
		error = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
	if (error != 0)
		return error == MDB_NOTFOUND ? 0 : error;
	return fill(chunk, cursor, key, value);
}

int cache_chunk_next(struct cache *cache, struct cache_chunk *chunk)
{
	MDB_txn *txn;
	MDB_cursor *cursor;
	arena_reset(&chunk->arena);
	chunk->count = 0;
	int error = mdb_txn_begin(cache->env, NULL, MDB_RDONLY, &txn);
	if (error != 0)
		return error;
	error = mdb_cursor_open(txn, cache->dbi, &cursor);
	if (error == 0) {
		error = fill_from_last(chunk, cursor);
		mdb_cursor_close(cursor);
	}
	mdb_txn_abort(txn);
	if (error == 0 && chunk->count > 0) {
		struct text last = chunk->keys[chunk->count - 1];
		memcpy(chunk->last, last.data, last.len);
		chunk->last_len = last.len;
	}
	return error;
}

/* ---- for people ---- */

struct walk {
	enum cache_table table;
	cache_visit_fn *visit;
	void *context;
	struct arena arena; /* of one entry */
};

static enum result visit_chunk(struct walk *walk, const struct cache_chunk *chunk, bool *out_done)
{
	for (size_t i = 0; i < chunk->count; i++) {
		struct cache_entry entry;
		*out_done = walk->table != 0 && (uint8_t)chunk->keys[i].data[0] != walk->table;
		if (*out_done)
			return RESULT_OK;
		arena_reset(&walk->arena);
		if (!cache_schema_get_value(chunk->keys[i], chunk->values[i], &walk->arena, &entry))
			continue;
		enum result result = walk->visit(&entry, walk->context);
		if (result != RESULT_OK)
			return result;
	}
	*out_done = chunk->count == 0;
	return RESULT_OK;
}

enum result cache_walk(struct cache *cache, enum cache_table table, cache_visit_fn *visit,
	void *context, struct fail *fail)
{
	CHECK_OBJ(cache, CACHE_MAGIC);
	struct walk walk = { table, visit, context, .arena = { 0 } };
	struct cache_chunk chunk;
	enum result result = RESULT_OK;
	int error = 0;
	/* The array of a policy's patterns is larger than the policy: 16 octets for each 2 or more. */
	arena_init(&walk.arena, 4096, 16 * CACHE_VALUE_BYTES_MAX);
	cache_chunk_init(&chunk, table);
	for (bool done = false; result == RESULT_OK && !done;) {
		error = cache_chunk_next(cache, &chunk);
		result = error == 0 ? visit_chunk(&walk, &chunk, &done)
				    : cache_fail(cache, error, "read", fail);
	}
	cache_chunk_deinit(&chunk);
	arena_deinit(&walk.arena);
	return result;
}

struct forget {
	struct cache *cache;
	struct cache_batch *batch;
	struct text name;
	uint64_t now_s, count;
	struct fail *fail;
};

static bool is_of(struct text name, struct text domain)
{
	const struct text sts = TEXT("_mta-sts.");
	if (text_starts(name, sts) && text_equal(text_skip(name, sts.len), domain))
		return true;
	return text_equal(name, domain);
}

static enum result forget_one(const struct cache_entry *entry, void *context)
{
	struct forget *forget = context;
	if (!is_of(entry->key.name, forget->name))
		return RESULT_OK;
	enum result result = cache_batch_delete(forget->batch, &entry->key, forget->fail);
	if (result == RESULT_NO_SPACE) {
		result = cache_write(forget->cache, forget->batch, forget->now_s, forget->fail);
		if (result == RESULT_OK)
			result = cache_batch_delete(forget->batch, &entry->key, forget->fail);
	}
	forget->count += result == RESULT_OK;
	return result;
}

enum result cache_forget(struct cache *cache, struct text name, uint64_t now_s, uint64_t *out_count,
	struct fail *fail)
{
	struct forget forget = { .cache = cache, .now_s = now_s, .fail = fail };
	uint8_t memory[CACHE_KEY_BYTES_MAX];
	struct buf buf;
	const struct cache_key key = { CACHE_TABLE_STS, 0, 0, name };
	*out_count = 0;
	/* The name as keys have it. */
	buf_init(&buf, memory, sizeof memory);
	if (!cache_schema_put_key(&buf, &key))
		return fail_set(fail, RESULT_INVALID, "%.*s is no name for the cache",
			TEXT_ARG(text_cut(name, 100)));
	forget.name = text_skip(buf_text(&buf), CACHE_KEY_HEADER_BYTES);
	enum result result = cache_batch_create(CACHE_BATCH_BYTES_MIN, &forget.batch, fail);
	if (result == RESULT_OK)
		cache_batch_set_forgets(forget.batch);
	if (result == RESULT_OK)
		result = cache_walk(cache, (enum cache_table)0, forget_one, &forget, fail);
	if (result == RESULT_OK && forget.count > 0)
		result = cache_write(cache, forget.batch, now_s, fail);
	cache_batch_destroy(&forget.batch);
	*out_count = result == RESULT_OK ? forget.count : 0;
	return result;
}
