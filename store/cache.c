#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "store/cache_internal.h"
#include "store/lmdb_open.h"

/* ---- errors ---- */

static bool is_damage(int error)
{
	return error == MDB_CORRUPTED || error == MDB_PAGE_NOTFOUND || error == MDB_PANIC ||
	       error == MDB_INVALID || error == MDB_CURSOR_FULL || error == MDB_PAGE_FULL ||
	       error == MDB_INCOMPATIBLE || error == MDB_BAD_TXN || error == MDB_BAD_VALSIZE;
}

static enum result result_of(int error)
{
	if (is_damage(error))
		return RESULT_DAMAGED;
	switch (error) {
	case MDB_VERSION_MISMATCH: return RESULT_CHANGED;
	case MDB_MAP_RESIZED: return RESULT_CHANGED;
	case MDB_MAP_FULL:
	case MDB_TXN_FULL: return RESULT_NO_SPACE;
	case MDB_READERS_FULL: return RESULT_LIMIT;
	case EFBIG: return RESULT_NO_SPACE; /* the limit of the process, not ours */
	default: return error > 0 ? result_of_errno(error) : RESULT_IO;
	}
}

/* Nothing can be done if the mark cannot be made: opening checks the pages anyway. */
static void mark_damaged(const struct cache *cache)
{
	int fd = cache->config.read_only
			 ? -1
			 : openat(cache->folder_fd, "damaged",
				   O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0)
		(void)close(fd);
}

enum result cache_fail(struct cache *cache, int error, const char *doing, struct fail *fail)
{
	error = lmdb_error(cache->env, error);
	enum result result = result_of(error);
	if (result == RESULT_DAMAGED)
		mark_damaged(cache);
	(void)fail_set(fail, result, "cannot %s the cache %s: %s%s", doing, cache->folder,
		mdb_strerror(error),
		result == RESULT_NO_SPACE ? "; it is read but not written until there is room"
					  : "");
	if (fail != NULL && error > 0)
		fail->sys_errno = error;
	return result;
}

/* ---- look-ups ---- */

const char *cache_note(const struct cache *cache)
{
	return cache->note.result == RESULT_OK ? "" : cache->note.text;
}

uint64_t cache_entries(const struct cache *cache)
{
	MDB_stat stat;
	if (mdb_env_stat(cache->env, &stat) != 0)
		return 0;
	return stat.ms_entries > 0 ? stat.ms_entries - 1 : 0; /* without the head */
}

size_t cache_clear_dead_readers(struct cache *cache)
{
	int dead = 0;
	return mdb_reader_check(cache->env, &dead) == 0 && dead > 0 ? (size_t)dead : 0;
}

enum result cache_reader_create(
	struct cache *cache, struct cache_reader **out_reader, struct fail *fail)
{
	CHECK_OBJ(cache, CACHE_MAGIC);
	*out_reader = NULL;
	struct cache_reader *reader = calloc(1, sizeof *reader);
	if (reader == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory for a reader of the cache");
	reader->cache = cache;
	int error = mdb_txn_begin(cache->env, NULL, MDB_RDONLY, &reader->txn);
	if (error == MDB_READERS_FULL && cache_clear_dead_readers(cache) > 0)
		error = mdb_txn_begin(cache->env, NULL, MDB_RDONLY, &reader->txn);
	if (error != 0) {
		free(reader);
		return cache_fail(cache, error, "read", fail);
	}
	mdb_txn_reset(reader->txn);
	*out_reader = reader;
	return RESULT_OK;
}

void cache_reader_destroy(struct cache_reader **reader)
{
	if (*reader != NULL)
		mdb_txn_abort((*reader)->txn);
	free(*reader);
	*reader = NULL;
}

/* A copy, so that the transaction is over before anybody looks at it. */
static enum result copy_value(
	struct cache_reader *reader, struct text key, struct arena *arena, struct text *out_value)
{
	MDB_val key_val = cache_val(key), value;
	int error = mdb_txn_renew(reader->txn);
	if (error != 0)
		return cache_fail(reader->cache, error, "read", NULL);
	error = mdb_get(reader->txn, reader->cache->dbi, &key_val, &value);
	if (error == 0)
		*out_value = arena_text_copy(arena, cache_text(value));
	mdb_txn_reset(reader->txn);
	if (error == MDB_NOTFOUND)
		return RESULT_NOT_FOUND;
	if (error != 0)
		return cache_fail(reader->cache, error, "read", NULL);
	return out_value->data != NULL ? RESULT_OK : RESULT_MEMORY;
}

/* Whether it may be used now (DNS-12, DNS-24, DNS-26). */
static bool holds(const struct cache *cache, struct cache_entry *entry, uint64_t now_s)
{
	struct cache_times *times = &entry->times;
	if (now_s >= times->expires_s)
		return false;
	if (entry->key.table == CACHE_TABLE_STS) {
		/* From before the clock went back: at most its max_age from now. */
		if (times->fetched_s > now_s) {
			uint64_t life_s = times->expires_s - times->fetched_s;
			*times = (struct cache_times){ now_s, now_s + life_s };
		}
		return true;
	}
	uint64_t clock_s = atomic_load_explicit(&cache->clock_s, memory_order_relaxed);
	return times->fetched_s <= now_s && now_s + CACHE_CLOCK_SLACK_S >= clock_s;
}

static enum result peek_in_arena(struct cache_reader *reader, struct text key, uint64_t now_s,
	struct arena *arena, struct cache_entry *out_entry, bool *out_holds)
{
	struct text value;
	key = arena_text_copy(arena, key);
	if (key.data == NULL)
		return RESULT_MEMORY;
	enum result result = copy_value(reader, key, arena, &value);
	if (result != RESULT_OK)
		return result;
	if (!cache_schema_get_value(key, value, arena, out_entry))
		return arena_is_exhausted(arena) ? RESULT_MEMORY : RESULT_INVALID;
	*out_holds = holds(reader->cache, out_entry, now_s);
	return RESULT_OK;
}

enum result cache_peek(struct cache_reader *reader, const struct cache_key *key, uint64_t now_s,
	struct arena *arena, struct cache_entry *out_entry, bool *out_holds)
{
	uint8_t memory[CACHE_KEY_BYTES_MAX];
	struct buf buf;
	buf_init(&buf, memory, sizeof memory);
	*out_holds = false;
	/* What cannot be a key was never written. */
	if (!cache_schema_put_key(&buf, key))
		return RESULT_NOT_FOUND;
	struct arena_mark mark = arena_snapshot(arena);
	enum result result = peek_in_arena(reader, buf_text(&buf), now_s, arena, out_entry, out_holds);
	if (result != RESULT_OK)
		arena_rewind(arena, mark);
	return result;
}

enum result cache_get(struct cache_reader *reader, const struct cache_key *key, uint64_t now_s,
	struct arena *arena, struct cache_entry *out_entry)
{
	bool is_held;
	struct arena_mark mark = arena_snapshot(arena);
	enum result result = cache_peek(reader, key, now_s, arena, out_entry, &is_held);
	if (result != RESULT_OK)
		return result == RESULT_INVALID ? RESULT_NOT_FOUND : result;
	if (!is_held) {
		arena_rewind(arena, mark);
		return RESULT_NOT_FOUND;
	}
	if (out_entry->key.table == CACHE_TABLE_ANSWER)
		out_entry->of.answer.ttl_s = (uint32_t)(out_entry->times.expires_s - now_s);
	return RESULT_OK;
}

uint64_t cache_forgotten(struct cache_reader *reader)
{
	struct cache_head head = { 0 };
	if (mdb_txn_renew(reader->txn) != 0)
		return 0;
	int error = cache_get_head(reader->cache, reader->txn, &head);
	mdb_txn_reset(reader->txn);
	return error == 0 ? head.forgotten : 0;
}
