#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "store/cache_internal.h"
#include "store/lmdb_open.h"
#include "store/queue_internal.h"

/* Sparse, and the same in every version: a hundred million attempts. */
#define MAP_BYTES (64ull << 30)
/* The year 2500: later times are damage. */
#define QUEUE_TIME_MAX 16725225600000000ull

/* ---- the head ---- */

static int put_time(struct queue *q, MDB_txn *txn)
{
	uint8_t memory[8];
	struct buf buf;
	struct queue_dbi_key key;
	buf_init(&buf, memory, sizeof memory);
	buf_put_u64(&buf, q->time_us);
	MDB_val key_val = queue_dbi_key(&key, QUEUE_TABLE_HEAD, TEXT(QUEUE_TIME_NAME));
	MDB_val value = queue_val(buf.data, buf.len);
	return mdb_put(txn, q->dbi, &key_val, &value, 0);
}

int queue_put_head(struct queue *q, MDB_txn *txn)
{
	uint8_t memory[64];
	struct buf buf;
	struct queue_dbi_key key;
	buf_init(&buf, memory, sizeof memory);
	buf_put_u32(&buf, QUEUE_MAGIC);
	buf_put_u32(&buf, QUEUE_SCHEMA_VERSION);
	buf_put_u64(&buf, q->head.next_id);
	buf_put_u64(&buf, q->head.files);
	buf_put_u64(&buf, q->head.attempts);
	buf_put_u64(&buf, q->head.rcpts);
	MDB_val key_val = queue_dbi_key(&key, QUEUE_TABLE_HEAD, TEXT_EMPTY);
	MDB_val value = queue_val(buf.data, buf.len);
	int error = mdb_put(txn, q->dbi, &key_val, &value, 0);
	return error != 0 || q->time_us == 0 ? error : put_time(q, txn);
}

/* One that is not as it should be is as good as none: the wall clock has to do. */
static int get_time(struct queue *q, MDB_txn *txn)
{
	struct queue_dbi_key key;
	MDB_val key_val = queue_dbi_key(&key, QUEUE_TABLE_HEAD, TEXT(QUEUE_TIME_NAME)), value;
	struct buf_reader reader;
	int error = mdb_get(txn, q->dbi, &key_val, &value);
	if (error != 0)
		return error == MDB_NOTFOUND ? 0 : error;
	buf_reader_init(&reader, value.mv_data, value.mv_size);
	uint64_t us = buf_reader_u64(&reader);
	q->time_us = buf_reader_done(&reader) && us < QUEUE_TIME_MAX ? us : 0;
	return 0;
}

static enum result check_head(struct queue *q, MDB_txn *txn, bool *out_empty, struct fail *fail)
{
	struct queue_dbi_key key;
	MDB_val key_val = queue_dbi_key(&key, QUEUE_TABLE_HEAD, TEXT_EMPTY), value;
	int error = mdb_get(txn, q->dbi, &key_val, &value);
	*out_empty = error == MDB_NOTFOUND;
	if (*out_empty)
		return RESULT_OK;
	if (error != 0)
		return queue_fail(q, error, "open", fail);
	struct buf_reader reader;
	buf_reader_init(&reader, value.mv_data, value.mv_size);
	bool is_ours = buf_reader_u32(&reader) == QUEUE_MAGIC;
	uint32_t version = buf_reader_u32(&reader);
	if (!is_ours || reader.error)
		return queue_damaged(q, "it has no head", fail);
	if (version != QUEUE_SCHEMA_VERSION)
		return fail_set(fail, RESULT_CHANGED,
			"the queue %s was written by another version of longship (format %u, this one has "
			"%d): let that version deliver all that waits, and remove the queue then",
			q->folder, version, QUEUE_SCHEMA_VERSION);
	q->head.next_id = buf_reader_u64(&reader);
	q->head.files = buf_reader_u64(&reader);
	q->head.attempts = buf_reader_u64(&reader);
	q->head.rcpts = buf_reader_u64(&reader);
	q->committed = q->head;
	if (!buf_reader_done(&reader))
		return queue_damaged(q, "its head is too short", fail);
	error = get_time(q, txn);
	return error == 0 ? RESULT_OK : queue_fail(q, error, "open", fail);
}

/* ---- what is in it ---- */

/* Reads what is there; *out_empty: nothing is. */
static enum result open_content(struct queue *q, bool *out_empty, struct fail *fail)
{
	char why[200];
	MDB_txn *txn;
	int error = mdb_txn_begin(q->env, NULL, MDB_RDONLY, &txn);
	if (error != 0)
		return queue_fail(q, error, "open", fail);
	enum result r = cache_pages_are_good(q->env, txn, why, sizeof why)
				? RESULT_OK
				: queue_damaged(q, why, fail);
	if (r == RESULT_OK) {
		error = mdb_dbi_open(txn, NULL, 0, &q->dbi);
		r = error == 0 ? check_head(q, txn, out_empty, fail)
			       : queue_fail(q, error, "open", fail);
	}
	error = mdb_txn_commit(txn); /* so that the handle stays */
	return r == RESULT_OK && error != 0 ? queue_fail(q, error, "open", fail) : r;
}

static enum result make_content(struct queue *q, struct fail *fail)
{
	MDB_txn *txn;
	int error = mdb_txn_begin(q->env, NULL, 0, &txn);
	if (error != 0)
		return queue_fail(q, error, "make", fail);
	q->head = q->committed = (struct queue_head){ .next_id = 1 };
	error = queue_put_head(q, txn);
	if (error == 0)
		error = mdb_txn_commit(txn);
	else
		mdb_txn_abort(txn);
	return error == 0 ? RESULT_OK : queue_fail(q, error, "make", fail);
}

/* ---- the environment ---- */

/* LMDB believes what the first pages say. */
static enum result check_front(const struct queue *q, struct fail *fail)
{
	char why[200];
	int fd = open(q->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
		return queue_damaged(q, "it is no directory", fail);
	if (fd < 0)
		return fail_set_errno(fail, errno, "cannot open the directory %s", q->folder);
	bool is_good = cache_head_pages_are_good(fd, MAP_BYTES, why, sizeof why);
	(void)close(fd);
	return is_good ? RESULT_OK : queue_damaged(q, why, fail);
}

static enum result open_env(struct queue *q, bool for_writing, struct fail *fail)
{
	struct stat st;
	if (stat(q->folder, &st) != 0 && errno == ENOENT && !for_writing)
		return fail_set(fail, RESULT_NOT_FOUND, "there is no queue %s", q->folder);
	if (for_writing && mkdir(q->folder, 0700) != 0 && errno != EEXIST)
		return fail_set_errno(fail, errno, "cannot make the directory %s", q->folder);
	enum result r = check_front(q, fail);
	if (r != RESULT_OK)
		return r;
	uint64_t map_bytes = MAP_BYTES;
	int error = lmdb_open(q->folder, &map_bytes, QUEUE_READERS_MAX,
		MDB_NOTLS | (for_writing ? 0 : MDB_RDONLY), &q->env);
	if (error == ENOENT && !for_writing)
		return fail_set(fail, RESULT_NOT_FOUND, "there is no queue %s", q->folder);
	if (error != 0)
		return queue_fail(q, error, "open", fail);
	int dead;
	(void)mdb_reader_check(q->env, &dead);
	bool is_empty = false;
	r = open_content(q, &is_empty, fail);
	if (r != RESULT_OK || !is_empty)
		return r;
	return for_writing ? make_content(q, fail)
			   : fail_set(fail, RESULT_NOT_FOUND, "there is no queue %s", q->folder);
}

static enum result init(struct queue *q, const char *state, struct fail *fail)
{
	size_t size = strlen(state) + sizeof "/queue";
	arena_init(&q->arena, 65536, 2 * QUEUE_VALUE_BYTES_MAX);
	q->folder = malloc(size);
	q->memory = malloc(QUEUE_VALUE_BYTES_MAX);
	if (q->folder == NULL || q->memory == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory for the queue");
	(void)snprintf(q->folder, size, "%s/queue", state);
	if (size + sizeof "/data.mdb" > PATH_MAX)
		return fail_set(fail, RESULT_TOO_LONG, "the path of the spool is too long");
	return RESULT_OK;
}

enum result queue_open(
	const char *state, bool for_writing, struct queue **out_queue, struct fail *fail)
{
	struct queue *q = calloc(1, sizeof *q);
	*out_queue = NULL;
	if (q == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory for the queue");
	q->magic = QUEUE_MAGIC;
	enum result r = init(q, state, fail);
	if (r == RESULT_OK)
		r = open_env(q, for_writing, fail);
	if (r != RESULT_OK)
		queue_close(&q);
	*out_queue = q;
	return r;
}

void queue_close(struct queue **queue)
{
	struct queue *q = *queue;
	if (q == NULL)
		return;
	CHECK_OBJ(q, QUEUE_MAGIC);
	if (q->writer != NULL)
		mdb_txn_abort(q->writer);
	if (q->env != NULL)
		mdb_env_close(q->env);
	arena_deinit(&q->arena);
	free(q->memory);
	free(q->folder);
	q->magic = 0;
	free(q);
	*queue = NULL;
}
