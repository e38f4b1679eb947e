#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "store/cache_internal.h"

enum {
	/* What LMDB writes at once, or about that. */
	CUT_SHORT_BYTES = 64 * 4096,
	/* A quarter of the entries goes each time: enough for a run of pages to come free. */
	FULL_TRIES = 8,
};

/* ---- the batch: for each operation a key and a value (empty: delete), lengths before them ---- */

struct cache_batch {
	struct buf ops;
	size_t count;
	bool forgets;
};

enum result cache_batch_create(size_t bytes, struct cache_batch **out_batch, struct fail *fail)
{
	CHECK(bytes >= CACHE_BATCH_BYTES_MIN);
	struct cache_batch *batch = malloc(sizeof *batch);
	void *memory = malloc(bytes);
	*out_batch = NULL;
	if (batch == NULL || memory == NULL) {
		free(batch);
		free(memory);
		return fail_set(fail, RESULT_MEMORY, "no memory for a batch of the cache");
	}
	buf_init(&batch->ops, memory, bytes);
	batch->count = 0;
	batch->forgets = false;
	*out_batch = batch;
	return RESULT_OK;
}

void cache_batch_destroy(struct cache_batch **batch)
{
	if (*batch != NULL)
		free((*batch)->ops.data);
	free(*batch);
	*batch = NULL;
}

void cache_batch_set_forgets(struct cache_batch *batch) { batch->forgets = true; }

size_t cache_batch_count(const struct cache_batch *batch) { return batch->count; }

void cache_batch_clear(struct cache_batch *batch)
{
	buf_reset(&batch->ops);
	batch->count = 0;
}

/* Puts the key with its length; *out_key borrows it. */
static enum result put_key(struct cache_batch *batch, const struct cache_key *key,
	struct text *out_key, struct fail *fail)
{
	uint8_t memory[CACHE_KEY_BYTES_MAX];
	struct buf buf;
	buf_init(&buf, memory, sizeof memory);
	if (!cache_schema_put_key(&buf, key))
		return fail_set(fail, RESULT_INVALID, "%.*s is no name for the cache",
			TEXT_ARG(text_cut(key->name, 100)));
	size_t start = batch->ops.len;
	buf_put_text16(&batch->ops, buf_text(&buf));
	if (batch->ops.overflow) {
		buf_truncate(&batch->ops, start);
		return fail_set(fail, RESULT_NO_SPACE, "the batch for the cache is full");
	}
	*out_key = text_skip(buf_text(&batch->ops), start + sizeof(uint16_t));
	return RESULT_OK;
}

static void set_u32(uint8_t *at, uint32_t number)
{
	struct buf buf;
	buf_init(&buf, at, sizeof number);
	buf_put_u32(&buf, number);
}

enum result cache_batch_put(
	struct cache_batch *batch, const struct cache_entry *entry, struct fail *fail)
{
	size_t start = batch->ops.len;
	struct text key;
	enum result result = put_key(batch, &entry->key, &key, fail);
	if (result != RESULT_OK)
		return result;
	size_t len_at = batch->ops.len;
	buf_put_u32(&batch->ops, 0);
	size_t value_at = batch->ops.len;
	result = cache_schema_put_value(&batch->ops, key, entry, fail);
	/* In an empty batch any entry of the allowed size has room. */
	if (result == RESULT_NO_SPACE && start == 0)
		result = fail_set(fail, RESULT_TOO_LONG, "an entry is too large for the cache");
	if (result != RESULT_OK) {
		buf_truncate(&batch->ops, start);
		return result;
	}
	set_u32(batch->ops.data + len_at, (uint32_t)(batch->ops.len - value_at));
	batch->count++;
	return RESULT_OK;
}

enum result cache_batch_delete(
	struct cache_batch *batch, const struct cache_key *key, struct fail *fail)
{
	size_t start = batch->ops.len;
	struct text ignored;
	enum result result = put_key(batch, key, &ignored, fail);
	if (result != RESULT_OK)
		return result;
	buf_put_u32(&batch->ops, 0);
	if (batch->ops.overflow) {
		buf_truncate(&batch->ops, start);
		return fail_set(fail, RESULT_NO_SPACE, "the batch for the cache is full");
	}
	batch->count++;
	return RESULT_OK;
}

/* ---- writing it ---- */

/* Whether what is there was learned later than what comes. */
static bool is_newer(
	struct text key, MDB_val there, const struct cache_times *times, uint64_t now_s)
{
	struct cache_times have;
	return cache_schema_get_times(key, cache_text(there), &have) &&
	       have.fetched_s > times->fetched_s && have.fetched_s <= now_s;
}

static int write_one(
	struct cache *cache, MDB_txn *txn, struct text key, struct text value, uint64_t now_s)
{
	MDB_val key_val = cache_val(key), value_val = cache_val(value), there;
	struct cache_times times;
	int error;
	if (value.len == 0) {
		error = mdb_del(txn, cache->dbi, &key_val, NULL);
		return error == MDB_NOTFOUND ? 0 : error;
	}
	CHECK(cache_schema_get_times(key, value, &times));
	if (times.expires_s <= now_s || times.fetched_s > now_s + CACHE_CLOCK_SLACK_S)
		return 0;
	error = mdb_get(txn, cache->dbi, &key_val, &there);
	if (error == 0 && is_newer(key, there, &times, now_s))
		return 0;
	if (error != 0 && error != MDB_NOTFOUND)
		return error;
	return mdb_put(txn, cache->dbi, &key_val, &value_val, 0);
}

static int write_all(
	struct cache *cache, MDB_txn *txn, const struct cache_batch *batch, uint64_t now_s)
{
	struct cache_head head;
	struct buf_reader reader;
	int error = cache_get_head(cache, txn, &head);
	buf_reader_init(&reader, batch->ops.data, batch->ops.len);
	for (size_t i = 0; i < batch->count && error == 0; i++) {
		struct text key = buf_reader_text16(&reader), value = buf_reader_text32(&reader);
		error = write_one(cache, txn, key, value, now_s);
	}
	CHECK(error != 0 || buf_reader_done(&reader));
	if (error == 0 && (now_s > head.clock_s || batch->forgets)) {
		head.clock_s = now_s > head.clock_s ? now_s : head.clock_s;
		head.forgotten += batch->forgets;
		error = cache_put_head(cache, txn, &head);
	}
	return error;
}

static int write_once(struct cache *cache, const struct cache_batch *batch, uint64_t now_s)
{
	MDB_txn *txn;
	int error = mdb_txn_begin(cache->env, NULL, 0, &txn);
	if (error != 0)
		return error;
	error = write_all(cache, txn, batch, now_s);
	if (error != 0) {
		mdb_txn_abort(txn);
		return error;
	}
	return mdb_txn_commit(txn);
}

/* Before it is needed: once the map is full, deleting needs room too. */
static int make_room(struct cache *cache, uint64_t count, uint64_t now_s)
{
	MDB_stat stat;
	int error = mdb_env_stat(cache->env, &stat);
	if (error != 0)
		return error;
	uint64_t pages = stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages;
	uint64_t entries = stat.ms_entries - 1, many = entries / 8 + 1; /* without the head */
	uint64_t over = entries + count > cache->config.entries_max
				? entries + count - cache->config.entries_max
				: 0;
	if (over > 0)
		return cache_evict(cache, over > many ? over : many, now_s);
	/* A third stays for the pages that writers copy and that readers still look at. */
	if (pages * stat.ms_psize > cache->config.map_bytes / 3 * 2)
		return cache_evict(cache, many, now_s);
	return 0;
}

/* Leaves a transaction behind that changes nothing else. */
static int touch(struct cache *cache)
{
	struct cache_head head;
	MDB_txn *txn;
	int error = mdb_txn_begin(cache->env, NULL, 0, &txn);
	if (error != 0)
		return error;
	error = cache_get_head(cache, txn, &head);
	if (error == 0)
		error = cache_put_head(cache, txn, &head);
	if (error == 0)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return error;
}

/* The map is full, or has no run of pages for something large. What a transaction frees is of use
 * to the one after the next. */
static int make_more_room(struct cache *cache, uint64_t now_s)
{
	(void)cache_clear_dead_readers(cache);
	int error = cache_evict(cache, cache_entries(cache) / 4 + 1, now_s);
	return error == 0 ? touch(cache) : error;
}

/* What another writer, or our own from before a restart, has seen of the clock. */
static int look_at_clock(struct cache *cache, uint64_t now_s)
{
	struct cache_head head;
	MDB_txn *txn;
	int error = mdb_txn_begin(cache->env, NULL, MDB_RDONLY, &txn);
	if (error != 0)
		return error;
	error = cache_get_head(cache, txn, &head);
	mdb_txn_abort(txn);
	if (error != 0)
		return error;
	if (now_s + CACHE_CLOCK_SLACK_S < head.clock_s)
		return cache_turn_back(cache, now_s);
	atomic_store(&cache->clock_s, head.clock_s > now_s ? head.clock_s : now_s);
	return 0;
}

static bool is_current(const struct cache *cache)
{
	struct stat ours, there;
	return fstat(cache->folder_fd, &ours) == 0 && stat(cache->folder, &there) == 0 &&
	       ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
}

/* LMDB calls a write that was cut short EIO. When the disk is full, asking for more says so. */
static int why_cut_short(struct cache *cache)
{
	struct stat st;
	int fd, error = EIO;
	if (mdb_env_get_fd(cache->env, &fd) == 0 && fstat(fd, &st) == 0)
		error = posix_fallocate(fd, st.st_size, CUT_SHORT_BYTES);
	return error == ENOSPC || error == EDQUOT || error == EFBIG ? error : EIO;
}

enum result cache_write(
	struct cache *cache, struct cache_batch *batch, uint64_t now_s, struct fail *fail)
{
	CHECK_OBJ(cache, CACHE_MAGIC);
	CHECK(!cache->config.read_only);
	if (!is_current(cache))
		return fail_set(fail, RESULT_CHANGED,
			"the cache %s was set aside by another process", cache->folder);
	int error = look_at_clock(cache, now_s);
	if (error == 0)
		error = make_room(cache, batch->count, now_s);
	if (error == 0)
		error = write_once(cache, batch, now_s);
	for (int i = 0; i < FULL_TRIES && error == MDB_MAP_FULL; i++) {
		error = make_more_room(cache, now_s);
		if (error == 0)
			error = write_once(cache, batch, now_s);
	}
	if (error == EIO)
		error = why_cut_short(cache);
	if (error != 0)
		return cache_fail(cache, error, "write", fail);
	cache_batch_clear(batch);
	return RESULT_OK;
}
