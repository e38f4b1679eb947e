/* The inside of the queue, shared by queue.c (writing), queue_read.c and queue_open.c. */
#ifndef STORE_QUEUE_INTERNAL_H
#define STORE_QUEUE_INTERNAL_H

#include <lmdb.h>
#include <string.h>
#include "store/queue.h"

enum {
	QUEUE_MAGIC = 0x4c535155, /* "LSQU" */
	/* One table in LMDB's sense, whose pages can be checked; the first octet of a key tells which of
	 * ours an entry is of. */
	QUEUE_TABLE_HEAD = 0,
	QUEUE_TABLE_FILES = 1,
	QUEUE_TABLE_WAITING = 2,
	QUEUE_DBI_KEY_MAX = 1 + 255,
};

/* An entry of its own, so that nobody counts. Beside it, as QUEUE_TIME_NAME, the time of the last commit. */
#define QUEUE_TIME_NAME "time"

struct queue_head {
	uint64_t next_id; /* no id below is given again */
	uint64_t files, attempts, rcpts;
};

/* A key with its table before it. */
struct queue_dbi_key {
	uint8_t bytes[QUEUE_DBI_KEY_MAX];
	size_t len;
};

struct queue {
	uint32_t magic;
	char *folder; /* STATE/queue */
	MDB_env *env;
	MDB_dbi dbi;
	MDB_txn *writer; /* NULL: nothing was changed since the last commit */
	struct queue_head head, committed;
	uint64_t time_us;
	struct arena arena; /* for what is read while it is written */
	uint8_t *memory;  /* QUEUE_VALUE_BYTES_MAX for a value being made */
	bool is_dead;     /* LMDB refuses it for good */
};

struct queue_reader {
	struct queue *queue;
	MDB_txn *txn; /* reset between calls */
};

static inline MDB_val queue_val(const void *data, size_t len)
{
	/* LMDB does not write to what it is given. */
	return (MDB_val){ len, (void *)(uintptr_t)data };
}

static inline MDB_val queue_dbi_key(struct queue_dbi_key *key, uint8_t table, struct text rest)
{
	CHECK(rest.len < sizeof key->bytes);
	key->bytes[0] = table;
	if (rest.len > 0)
		memcpy(key->bytes + 1, rest.data, rest.len);
	key->len = 1 + rest.len;
	return queue_val(key->bytes, key->len);
}

int queue_put_head(struct queue *queue, MDB_txn *txn);

/* ---- queue.c; the int is 0 or an error of LMDB ---- */

/* A transaction, if none is open. */
MUST_USE enum result queue_begin(struct queue *queue, struct fail *fail);
/* Takes back all since the last commit, and says why. */
enum result queue_failed(struct queue *queue, int error, struct fail *fail);
/* What the transaction knows of the file of that name; keys_count 0: nothing, or nothing that can be read. */
MUST_USE enum result queue_read_file(struct queue *queue, struct text name,
	struct queue_file *out_file, bool *out_damaged, struct fail *fail);
/* A file without keys is removed. */
MUST_USE int queue_put_file(struct queue *queue, const struct queue_file *file, bool was_there);

/* What stands behind a key. One that cannot be read has an unknown number of recipients: those of its file
 * less those of the others. */
struct queue_waiting {
	bool is_there, is_damaged;
	uint32_t rcpts_count;
};
MUST_USE int queue_look_at(
	struct queue *queue, const struct queue_key *key, struct queue_waiting *out_waiting);
MUST_USE int queue_delete_key(struct queue *queue, const struct queue_key *key);
/* The recipients of a file in those of its attempts that cannot be read. */
MUST_USE int queue_count_unread(
	struct queue *queue, const struct queue_file *file, uint32_t *out_count);

/* "cannot `doing` the queue DIR: ...", by what an error of LMDB means. */
enum result queue_fail(const struct queue *queue, int error, const char *doing, struct fail *fail);
/* RESULT_DAMAGED with the reason. */
enum result queue_damaged(const struct queue *queue, const char *why, struct fail *fail);

#endif
