#include "store/queue.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "store/lmdb_open.h"
#include "store/queue_internal.h"

/* ---- errors ---- */

enum result queue_fail(const struct queue *q, int error, const char *doing, struct fail *fail)
{
	error = lmdb_error(q->env, error);
	return fail_set(fail, lmdb_result(error), "cannot %s the queue %s: %s", doing, q->folder,
		mdb_strerror(error));
}

enum result queue_damaged(const struct queue *q, const char *why, struct fail *fail)
{
	return fail_set(fail, RESULT_DAMAGED, "the queue %s is damaged: %s", q->folder, why);
}

uint64_t queue_count(const struct queue *q) { return q->committed.attempts; }
uint64_t queue_files_count(const struct queue *q) { return q->committed.files; }
uint64_t queue_rcpts_count(const struct queue *q) { return q->committed.rcpts; }

/* ---- writing ---- */

static void give_up(struct queue *q)
{
	mdb_txn_abort(q->writer);
	q->writer = NULL;
	q->head = q->committed;
}

enum result queue_begin(struct queue *q, struct fail *fail)
{
	if (q->writer != NULL)
		return RESULT_OK;
	int error = mdb_txn_begin(q->env, NULL, 0, &q->writer);
	if (error == 0)
		return RESULT_OK;
	q->writer = NULL;
	q->is_dead |= error == MDB_PANIC;
	return queue_fail(q, error, "write", fail);
}

enum result queue_failed(struct queue *q, int error, struct fail *fail)
{
	give_up(q);
	return queue_fail(q, error, "write", fail);
}

enum result queue_read_file(struct queue *q, struct text name, struct queue_file *out_file,
	bool *out_damaged, struct fail *fail)
{
	struct queue_dbi_key key;
	MDB_val key_val = queue_dbi_key(&key, QUEUE_TABLE_FILES, name), value;
	*out_file = (struct queue_file){ 0 };
	*out_damaged = false;
	arena_reset(&q->arena);
	int error = mdb_get(q->writer, q->dbi, &key_val, &value);
	if (error == MDB_NOTFOUND)
		return RESULT_OK;
	if (error != 0)
		return queue_failed(q, error, fail);
	/* The page may change with the next write. */
	struct text copy = arena_text_copy(&q->arena, text_of_bytes(value.mv_data, value.mv_size));
	*out_damaged = copy.data != NULL && !queue_schema_get_file(name, copy, &q->arena, out_file);
	if (arena_is_exhausted(&q->arena))
		return queue_failed(q, ENOMEM, fail);
	if (*out_damaged)
		*out_file = (struct queue_file){ 0 };
	return RESULT_OK;
}

static enum result read_good_file(
	struct queue *q, struct text name, struct queue_file *out_file, struct fail *fail)
{
	bool is_damaged;
	enum result r = queue_read_file(q, name, out_file, &is_damaged, fail);
	if (r != RESULT_OK || !is_damaged)
		return r;
	give_up(q);
	return queue_damaged(q, "the entry of a file is not as it was written", fail);
}

static MDB_val waiting_key(struct queue_dbi_key *out_key, const struct queue_key *key)
{
	uint8_t memory[QUEUE_KEY_BYTES];
	struct buf buf;
	buf_init(&buf, memory, sizeof memory);
	queue_schema_put_key(&buf, key);
	return queue_dbi_key(out_key, QUEUE_TABLE_WAITING, buf_text(&buf));
}

/* What the codecs take for the key. */
static struct text rest_of(MDB_val key)
{
	return text_skip(text_of_bytes(key.mv_data, key.mv_size), 1);
}

int queue_look_at(struct queue *q, const struct queue_key *key, struct queue_waiting *out_waiting)
{
	struct queue_dbi_key memory;
	struct text name;
	struct queue_attempt attempt;
	MDB_val val = waiting_key(&memory, key), value;
	*out_waiting = (struct queue_waiting){ 0 };
	int error = mdb_get(q->writer, q->dbi, &val, &value);
	if (error != 0)
		return error == MDB_NOTFOUND ? 0 : error;
	struct arena_mark mark = arena_snapshot(&q->arena);
	out_waiting->is_there = true;
	out_waiting->is_damaged = !queue_schema_get_attempt(rest_of(val),
		text_of_bytes(value.mv_data, value.mv_size), &q->arena, &name, &attempt);
	if (arena_is_exhausted(&q->arena))
		error = ENOMEM;
	if (!out_waiting->is_damaged)
		out_waiting->rcpts_count = attempt.rcpts_count;
	arena_rewind(&q->arena, mark);
	return error;
}

int queue_delete_key(struct queue *q, const struct queue_key *key)
{
	struct queue_dbi_key memory;
	struct queue_waiting waiting;
	int error = queue_look_at(q, key, &waiting);
	if (error != 0 || !waiting.is_there)
		return error;
	MDB_val val = waiting_key(&memory, key);
	error = mdb_del(q->writer, q->dbi, &val, NULL);
	q->head.attempts--;
	q->head.rcpts -= waiting.rcpts_count;
	return error;
}

int queue_count_unread(struct queue *q, const struct queue_file *file, uint32_t *out_count)
{
	bool has_damage = false;
	uint32_t read = 0;
	int error = 0;
	for (uint32_t i = 0; i < file->keys_count && error == 0; i++) {
		struct queue_waiting waiting;
		error = queue_look_at(q, &file->keys[i], &waiting);
		has_damage |= waiting.is_damaged || !waiting.is_there;
		read += waiting.rcpts_count;
	}
	*out_count = has_damage && file->rcpts_left > read ? file->rcpts_left - read : 0;
	return error;
}

static int delete_all(struct queue *q, const struct queue_file *file)
{
	uint32_t unread;
	int error = queue_count_unread(q, file, &unread);
	for (uint32_t i = 0; i < file->keys_count && error == 0; i++)
		error = queue_delete_key(q, &file->keys[i]);
	q->head.rcpts -= unread;
	return error;
}

static int put_attempt(struct queue *q, struct text name, struct queue_attempt *attempt)
{
	struct queue_dbi_key memory;
	struct buf value;
	attempt->key.id = q->head.next_id++;
	buf_init(&value, q->memory, QUEUE_VALUE_BYTES_MAX);
	if (!queue_schema_put_attempt(&value, name, attempt))
		return MDB_BAD_VALSIZE;
	MDB_val key_val = waiting_key(&memory, &attempt->key);
	MDB_val value_val = queue_val(value.data, value.len);
	q->head.attempts++;
	q->head.rcpts += attempt->rcpts_count;
	return mdb_put(q->writer, q->dbi, &key_val, &value_val, MDB_NOOVERWRITE);
}

static int compare_ids(const void *a, const void *b)
{
	const struct queue_key *left = a, *right = b;
	return left->id < right->id ? -1 : left->id > right->id;
}

/* Takes those out of the file's keys that are taken: of ten thousand of both each is looked for in a sorted
 * list. ENOMEM. */
static int take_out_taken(
	struct queue *q, struct queue_file *file, const struct queue_parking *parking)
{
	uint32_t count = 0, taken_count = parking->taken_count;
	struct queue_key *taken = arena_alloc_array(&q->arena, taken_count + 1, sizeof *taken);
	struct queue_key *keys = arena_alloc_array(&q->arena, file->keys_count + 1, sizeof *keys);
	if (taken == NULL || keys == NULL)
		return ENOMEM;
	if (taken_count > 0)
		memcpy(taken, parking->taken, taken_count * sizeof *taken);
	qsort(taken, taken_count, sizeof *taken, compare_ids);
	for (uint32_t i = 0; i < file->keys_count; i++)
		if (bsearch(&file->keys[i], taken, taken_count, sizeof *taken, compare_ids) == NULL)
			keys[count++] = file->keys[i];
	file->keys = keys;
	file->keys_count = count;
	return 0;
}

/* The keys that stay and the new ones. NULL: no memory. */
static struct queue_key *join_keys(struct queue *q, const struct queue_file *stays,
	const struct queue_parking *parking, uint32_t *out_count)
{
	size_t max = (size_t)stays->keys_count + parking->attempts_count;
	struct queue_key *keys = arena_alloc_array(&q->arena, max > 0 ? max : 1, sizeof *keys);
	uint32_t count = stays->keys_count;
	if (keys == NULL)
		return NULL;
	if (count > 0)
		memcpy(keys, stays->keys, count * sizeof *keys);
	for (uint32_t i = 0; i < parking->attempts_count; i++)
		keys[count++] = parking->attempts[i].key;
	*out_count = count;
	return keys;
}

int queue_put_file(struct queue *q, const struct queue_file *file, bool was_there)
{
	struct queue_dbi_key memory;
	struct buf value;
	MDB_val key = queue_dbi_key(&memory, QUEUE_TABLE_FILES, file->file.name);
	if (file->keys_count == 0) {
		int error = mdb_del(q->writer, q->dbi, &key, NULL);
		q->head.files -= error == 0;
		return error == MDB_NOTFOUND ? 0 : error;
	}
	buf_init(&value, q->memory, QUEUE_VALUE_BYTES_MAX);
	if (!queue_schema_put_file(&value, file))
		return MDB_BAD_VALSIZE;
	MDB_val val = queue_val(value.data, value.len);
	q->head.files += !was_there;
	return mdb_put(q->writer, q->dbi, &key, &val, 0);
}

/* How many wait when that is done. Who waits in what cannot be read waits on: so many as are `unread` of the
 * file, what was taken of it included. */
static int count_left(struct queue *q, const struct queue_file *stays, uint32_t unread,
	const struct queue_parking *parking, uint32_t *out_left)
{
	bool keeps_damage = false;
	int error = 0;
	*out_left = 0;
	for (uint32_t i = 0; i < stays->keys_count && error == 0; i++) {
		struct queue_waiting waiting;
		error = queue_look_at(q, &stays->keys[i], &waiting);
		keeps_damage |= waiting.is_damaged || !waiting.is_there;
		*out_left += waiting.rcpts_count;
	}
	if (keeps_damage)
		*out_left += unread;
	else
		q->head.rcpts -= unread;
	for (uint32_t i = 0; i < parking->attempts_count; i++)
		*out_left += parking->attempts[i].rcpts_count;
	return error;
}

static int replace(struct queue *q, struct queue_file *old, const struct queue_parking *parking,
	uint32_t *out_left)
{
	struct queue_file file = parking->file;
	bool was_there = old->keys_count > 0;
	uint32_t unread = 0;
	int error = 0;
	bool is_other = was_there && !record_file_equal(&old->file, &parking->file.file);
	if (is_other && parking->attempts_count > 0)
		error = delete_all(q, old);
	if (is_other)
		old->keys_count = 0;
	if (error == 0)
		error = queue_count_unread(q, old, &unread);
	if (error == 0)
		error = take_out_taken(q, old, parking);
	if (error == 0)
		error = count_left(q, old, unread, parking, out_left);
	for (uint32_t i = 0; i < parking->taken_count && error == 0; i++)
		error = queue_delete_key(q, &parking->taken[i]);
	for (uint32_t i = 0; i < parking->attempts_count && error == 0; i++)
		error = put_attempt(q, file.file.name, &parking->attempts[i]);
	if (error != 0 || (is_other && parking->attempts_count == 0))
		return error; /* what stands there now is another's */
	file.keys = join_keys(q, old, parking, &file.keys_count);
	file.rcpts_left = *out_left;
	return file.keys != NULL ? queue_put_file(q, &file, was_there) : ENOMEM;
}

enum result queue_park(struct queue *q, const struct queue_parking *parking, uint32_t *out_left,
	struct fail *fail)
{
	CHECK_OBJ(q, QUEUE_MAGIC);
	struct queue_file old;
	enum result r = queue_begin(q, fail);
	if (r == RESULT_OK)
		r = read_good_file(q, parking->file.file.name, &old, fail);
	if (r != RESULT_OK)
		return r;
	int error = replace(q, &old, parking, out_left);
	return error == 0 ? RESULT_OK : queue_failed(q, error, fail);
}

enum result queue_remove(struct queue *q, const struct record_file *file, struct fail *fail)
{
	CHECK_OBJ(q, QUEUE_MAGIC);
	struct queue_file old;
	enum result r = queue_begin(q, fail);
	if (r == RESULT_OK)
		r = read_good_file(q, file->name, &old, fail);
	if (r != RESULT_OK || old.keys_count == 0 || !record_file_equal(&old.file, file))
		return r;
	int error = delete_all(q, &old);
	old.keys_count = 0;
	if (error == 0)
		error = queue_put_file(q, &old, true);
	return error == 0 ? RESULT_OK : queue_failed(q, error, fail);
}

/* The attempt behind the key, as the transaction knows it. RESULT_DAMAGED: it cannot be read, which costs
 * nothing but it. */
static enum result read_attempt(struct queue *q, const struct queue_key *key, struct text *out_name,
	struct queue_attempt *out_attempt, struct fail *fail)
{
	struct queue_dbi_key memory;
	MDB_val val = waiting_key(&memory, key), value;
	int error = mdb_get(q->writer, q->dbi, &val, &value);
	if (error == MDB_NOTFOUND)
		return RESULT_NOT_FOUND;
	if (error != 0)
		return queue_failed(q, error, fail);
	/* The page may change with the next write. */
	struct text copy = arena_text_copy(&q->arena, text_of_bytes(value.mv_data, value.mv_size));
	if (copy.data != NULL &&
		queue_schema_get_attempt(rest_of(val), copy, &q->arena, out_name, out_attempt))
		return RESULT_OK;
	if (arena_is_exhausted(&q->arena))
		return queue_failed(q, ENOMEM, fail);
	return RESULT_DAMAGED;
}

static bool is_behind(const struct queue_key *key, const struct queue_key *other)
{
	return key->due_us != other->due_us ? key->due_us > other->due_us : key->id > other->id;
}

/* *key becomes the new one, if it is wanted. */
static enum result hasten_one(struct queue *q, struct queue_key *key, uint64_t due_us,
	queue_wants_fn *wants, void *context, struct fail *fail)
{
	struct text name;
	struct queue_attempt attempt;
	enum result r = read_attempt(q, key, &name, &attempt, fail);
	if (r == RESULT_DAMAGED || r == RESULT_NOT_FOUND)
		return RESULT_OK; /* it stays where it is: queue_next() tells of it */
	if (r != RESULT_OK || (wants != NULL && !wants(&attempt, context)))
		return r;
	attempt.key.due_us = attempt.next_us = due_us;
	int error = queue_delete_key(q, key);
	if (error == 0)
		error = put_attempt(q, name, &attempt);
	*key = attempt.key;
	return error == 0 ? RESULT_OK : queue_failed(q, error, fail);
}

enum result queue_hasten(struct queue *q, const struct queue_file *file,
	const struct queue_key *taken, uint64_t due_us, queue_wants_fn *wants, void *context,
	struct fail *fail)
{
	CHECK_OBJ(q, QUEUE_MAGIC);
	struct queue_file now;
	if (due_us <= taken->due_us)
		due_us = taken->due_us + 1;
	enum result r = queue_begin(q, fail);
	if (r == RESULT_OK)
		r = read_good_file(q, file->file.name, &now, fail);
	if (r != RESULT_OK || now.keys_count == 0 || !record_file_equal(&now.file, &file->file))
		return r;
	struct queue_key *keys = arena_alloc_array(&q->arena, now.keys_count, sizeof *keys);
	if (keys == NULL)
		return queue_failed(q, ENOMEM, fail);
	for (uint32_t i = 0; i < now.keys_count; i++) {
		keys[i] = now.keys[i];
		if (is_behind(&keys[i], taken))
			r = hasten_one(q, &keys[i], due_us, wants, context, fail);
		if (r != RESULT_OK)
			return r;
	}
	now.keys = keys;
	int error = queue_put_file(q, &now, true);
	return error == 0 ? RESULT_OK : queue_failed(q, error, fail);
}

uint64_t queue_time_us(const struct queue *q) { return q->time_us; }

void queue_note_time(struct queue *q, uint64_t now_us)
{
	if (now_us > q->time_us)
		q->time_us = now_us;
}

void queue_abort(struct queue *q)
{
	CHECK_OBJ(q, QUEUE_MAGIC);
	if (q->writer != NULL)
		give_up(q);
}

bool queue_is_dead(const struct queue *q) { return q->is_dead; }

/* LMDB gives up on an environment whose first pages it could not write. */
static void look_whether_dead(struct queue *q)
{
	struct fail fail = { 0 };
	if (queue_begin(q, &fail) == RESULT_OK)
		give_up(q);
}

enum result queue_commit(struct queue *q, struct fail *fail)
{
	CHECK_OBJ(q, QUEUE_MAGIC);
	if (q->writer == NULL)
		return RESULT_OK;
	int error = queue_put_head(q, q->writer);
	if (error != 0)
		return queue_failed(q, error, fail);
	error = mdb_txn_commit(q->writer);
	q->writer = NULL;
	if (error != 0) {
		q->head = q->committed;
		look_whether_dead(q);
		return queue_fail(q, error, "write", fail);
	}
	q->committed = q->head;
	return RESULT_OK;
}
