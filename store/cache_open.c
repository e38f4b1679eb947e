#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "store/cache_internal.h"
#include "store/lmdb_open.h"

enum { HEAD_BYTES = 4 + 4 + 8 + 8 };

/* All that can lie in the folder. */
static const char *const file_names[] = { "data.mdb", "lock.mdb", "damaged" };

/* ---- the head ---- */

static MDB_val head_key(void)
{
	static char zero = 0;
	return (MDB_val){ 1, &zero };
}

int cache_get_head(struct cache *cache, MDB_txn *txn, struct cache_head *out_head)
{
	MDB_val key = head_key(), value;
	struct buf_reader reader;
	*out_head = (struct cache_head){ 0 };
	int error = mdb_get(txn, cache->dbi, &key, &value);
	if (error != 0)
		return error;
	buf_reader_init(&reader, value.mv_data, value.mv_size);
	if (buf_reader_u32(&reader) != CACHE_MAGIC)
		return MDB_INVALID;
	out_head->version = buf_reader_u32(&reader);
	if (out_head->version != CACHE_SCHEMA_VERSION)
		return reader.error ? MDB_INVALID : 0; /* what follows is not ours to read */
	out_head->clock_s = buf_reader_u64(&reader);
	out_head->forgotten = buf_reader_u64(&reader);
	return buf_reader_done(&reader) ? 0 : MDB_INVALID;
}

int cache_put_head(struct cache *cache, MDB_txn *txn, const struct cache_head *head)
{
	uint8_t memory[HEAD_BYTES];
	struct buf buf;
	buf_init(&buf, memory, sizeof memory);
	buf_put_u32(&buf, CACHE_MAGIC);
	buf_put_u32(&buf, head->version);
	buf_put_u64(&buf, head->clock_s);
	buf_put_u64(&buf, head->forgotten);
	MDB_val key = head_key(), value = { buf.len, memory };
	return mdb_put(txn, cache->dbi, &key, &value, 0);
}

/* ---- the folder ---- */

/* (DNS-27) Ours alone. The superuser may look at everybody's. */
static enum result check_owner(int folder, const char *name, struct fail *fail)
{
	struct stat st;
	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? RESULT_OK
				       : fail_set_errno(fail, errno, "cannot look at %s", name);
	if (st.st_uid != geteuid() && geteuid() != 0)
		return fail_set(fail, RESULT_FORBIDDEN, "%s belongs to another user", name);
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0 || S_ISLNK(st.st_mode))
		return fail_set(fail, RESULT_FORBIDDEN,
			"%s may be written by others, who could forge what is secure", name);
	return RESULT_OK;
}

static enum result open_folder(struct cache *cache, struct fail *fail)
{
	const char *path = cache->folder;
	if (!cache->config.read_only && mkdir(path, 0700) != 0 && errno != EEXIST)
		return fail_set_errno(fail, errno, "cannot make the directory %s", path);
	cache->folder_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (cache->folder_fd < 0 && errno == ENOENT)
		return fail_set(
			fail, RESULT_NOT_FOUND, "there is no cache in %s", cache->config.path);
	if (cache->folder_fd < 0)
		return fail_set_errno(fail, errno, "cannot open the directory %s", path);
	enum result result = check_owner(cache->folder_fd, ".", fail);
	for (size_t i = 0; i < COUNT_OF(file_names) && result == RESULT_OK; i++)
		result = check_owner(cache->folder_fd, file_names[i], fail);
	if (result != RESULT_OK)
		(void)fail_prefix(fail, "the cache %s", path);
	return result;
}

/* Who opens the files while they are set aside would have the data of one and the locks of the other. */
static enum result lock_opening(struct cache *cache, int *out_fd, struct fail *fail)
{
	char path[PATH_MAX];
	(void)snprintf(path, sizeof path, "%s.lock", cache->folder);
	*out_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (*out_fd < 0)
		return fail_set_errno(fail, errno, "cannot open %s", path);
	while (flock(*out_fd, LOCK_EX) != 0) {
		if (errno != EINTR)
			return fail_set_errno(fail, errno, "cannot lock %s", path);
	}
	return RESULT_OK;
}

/* One is kept: somebody may want to look, and a disk must not fill with them. */
static enum result set_aside(struct cache *cache, struct fail *fail)
{
	char aside[PATH_MAX];
	(void)snprintf(aside, sizeof aside, "%s.set-aside", cache->folder);
	int older = open(aside, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	for (size_t i = 0; i < COUNT_OF(file_names) && older >= 0; i++)
		(void)unlinkat(older, file_names[i], 0);
	if (older >= 0)
		(void)close(older);
	(void)rmdir(aside);
	if (rename(cache->folder, aside) != 0)
		return fail_set_errno(
			fail, errno, "cannot set %s aside as %s", cache->folder, aside);
	return RESULT_OK;
}

/* ---- the environment ---- */

/* With the text of what is wrong. */
static enum result say(struct cache *cache, int error, struct fail *fail)
{
	return cache_fail(cache, error, "open", fail);
}

static enum result damaged(struct cache *cache, const char *why, struct fail *fail)
{
	return fail_set(fail, RESULT_DAMAGED, "the cache %s is damaged: %s", cache->folder, why);
}

/* Nothing in it yet. */
static int begin_anew(struct cache *cache)
{
	const struct cache_head head = { .version = CACHE_SCHEMA_VERSION };
	MDB_txn *txn;
	int error = mdb_txn_begin(cache->env, NULL, 0, &txn);
	if (error != 0)
		return error;
	error = cache_put_head(cache, txn, &head);
	if (error != 0) {
		mdb_txn_abort(txn);
		return error;
	}
	return mdb_txn_commit(txn);
}

static enum result check_content(
	struct cache *cache, MDB_txn *txn, bool *out_empty, struct fail *fail)
{
	char why[200];
	MDB_stat stat;
	struct cache_head head;
	*out_empty = false;
	if (!cache_pages_are_good(cache->env, txn, why, sizeof why))
		return damaged(cache, why, fail);
	int error = mdb_dbi_open(txn, NULL, 0, &cache->dbi);
	if (error == 0)
		error = mdb_stat(txn, cache->dbi, &stat);
	if (error == 0)
		error = cache_get_head(cache, txn, &head);
	*out_empty = error == MDB_NOTFOUND && stat.ms_entries == 0;
	if (*out_empty)
		return RESULT_OK;
	if (error == MDB_NOTFOUND || error == MDB_INVALID)
		return damaged(cache, "it has no head", fail);
	if (error != 0)
		return say(cache, error, fail);
	if (head.version != CACHE_SCHEMA_VERSION)
		return fail_set(fail, RESULT_CHANGED, "the cache %s has version %lu instead of %d",
			cache->folder, (unsigned long)head.version, CACHE_SCHEMA_VERSION);
	atomic_store(&cache->clock_s, head.clock_s);
	return RESULT_OK;
}

static enum result open_content(struct cache *cache, struct fail *fail)
{
	bool is_empty;
	MDB_txn *txn;
	(void)cache_clear_dead_readers(cache);
	int error = mdb_txn_begin(cache->env, NULL, MDB_RDONLY, &txn);
	if (error != 0)
		return say(cache, error, fail);
	enum result result = check_content(cache, txn, &is_empty, fail);
	/* Committed, so that the handle stays. */
	error = mdb_txn_commit(txn);
	if (result != RESULT_OK || (!is_empty && error == 0))
		return result;
	if (error == 0 && cache->config.read_only)
		return fail_set(
			fail, RESULT_NOT_FOUND, "there is no cache in %s", cache->config.path);
	if (error == 0)
		error = begin_anew(cache);
	return error == 0 ? RESULT_OK : say(cache, error, fail);
}

static void close_env(struct cache *cache)
{
	if (cache->env != NULL)
		mdb_env_close(cache->env);
	cache->env = NULL;
	if (cache->folder_fd >= 0)
		(void)close(cache->folder_fd);
	cache->folder_fd = -1;
}

static enum result open_env(struct cache *cache, struct fail *fail)
{
	char why[200];
	/* NOMETASYNC: power loss costs the last batch, never the file. NOTLS: readers belong to their
	 * cache_reader. Without it a reader's place would belong to its thread. */
	unsigned flags = MDB_NOTLS | MDB_NOMETASYNC | (cache->config.read_only ? MDB_RDONLY : 0);
	enum result result = open_folder(cache, fail);
	if (result != RESULT_OK)
		return result;
	if (faccessat(cache->folder_fd, "damaged", F_OK, 0) == 0)
		return damaged(cache, "it was found so before", fail);
	if (!cache_head_pages_are_good(cache->folder_fd, cache->config.map_bytes, why, sizeof why))
		return damaged(cache, why, fail);
	int error = lmdb_open(cache->folder, &cache->config.map_bytes, cache->config.readers_max, flags,
		&cache->env);
	if (error == ENOENT && cache->config.read_only)
		return fail_set(
			fail, RESULT_NOT_FOUND, "there is no cache in %s", cache->config.path);
	return error == 0 ? open_content(cache, fail) : say(cache, error, fail);
}

static enum result open_or_rebuild(struct cache *cache, struct fail *fail)
{
	struct fail why = { 0 };
	enum result result = open_env(cache, &why);
	if ((result == RESULT_DAMAGED || result == RESULT_CHANGED) && !cache->config.read_only) {
		close_env(cache);
		result = set_aside(cache, fail);
		if (result != RESULT_OK)
			return result;
		(void)fail_set(&cache->note, RESULT_CHANGED,
			"%s; set aside as %s.set-aside, "
			"a new one is begun",
			why.text, cache->folder);
		result = open_env(cache, &why);
	}
	if (result != RESULT_OK && fail != NULL)
		*fail = why;
	return result;
}

static enum result open_locked(struct cache *cache, struct fail *fail)
{
	struct stat st;
	int lock_fd = -1;
	const char *path = cache->config.path;
	if (!cache->config.read_only && mkdir(path, 0700) != 0 && errno != EEXIST)
		return fail_set_errno(fail, errno, "cannot make the directory %s", path);
	/* Without a cache a reader leaves nothing behind, not even a lock. */
	if (cache->config.read_only && stat(cache->folder, &st) != 0 && errno == ENOENT)
		return fail_set(fail, RESULT_NOT_FOUND, "there is no cache in %s", path);
	enum result result = lock_opening(cache, &lock_fd, fail);
	if (result == RESULT_OK)
		result = open_or_rebuild(cache, fail);
	if (lock_fd >= 0)
		(void)close(lock_fd);
	return result;
}

enum result cache_open(
	const struct cache_config *config, struct cache **out_cache, struct fail *fail)
{
	*out_cache = NULL;
	struct cache *cache = calloc(1, sizeof *cache);
	if (cache == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory for the cache");
	cache->magic = CACHE_MAGIC;
	cache->config = *config;
	cache->folder_fd = -1;
	size_t size = strlen(config->path) + sizeof "/cache";
	char *path = strdup(config->path);
	cache->folder = malloc(size);
	cache->config.path = path;
	enum result result = RESULT_OK;
	if (path == NULL || cache->folder == NULL)
		result = fail_set(fail, RESULT_MEMORY, "no memory for the cache");
	else if (size + sizeof ".set-aside" > PATH_MAX)
		result = fail_set(fail, RESULT_TOO_LONG, "the path of the cache is too long");
	if (result == RESULT_OK) {
		(void)snprintf(cache->folder, size, "%s/cache", config->path);
		result = open_locked(cache, fail);
	}
	if (result != RESULT_OK)
		cache_close(&cache);
	*out_cache = cache;
	return result;
}

void cache_close(struct cache **cache)
{
	struct cache *c = *cache;
	if (c == NULL)
		return;
	CHECK_OBJ(c, CACHE_MAGIC);
	close_env(c);
	c->magic = 0;
	free(c->folder);
	free((char *)(uintptr_t)c->config.path);
	free(c);
	*cache = NULL;
}
