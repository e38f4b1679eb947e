#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "store/queue_internal.h"

/* A copy, since the page is gone with the transaction. */
static bool copy_out(struct arena *arena, MDB_val val, struct text *out_text)
{
	*out_text = arena_text_copy(arena, text_of_bytes(val.mv_data, val.mv_size));
	return out_text->data != NULL;
}

static enum result no_memory(struct fail *fail)
{
	return fail_set(fail, RESULT_MEMORY, "no memory for an entry of the queue");
}

static enum result not_as_written(
	const struct queue *q, const struct arena *arena, struct fail *fail)
{
	return arena_is_exhausted(arena) ? no_memory(fail)
					 : queue_damaged(q, "an entry is not as it was written", fail);
}

/* The entry at that place of the table, or with `is_next` the first one behind it, copied into the arena. */
static enum result read_entry(struct queue_reader *reader, uint8_t table, struct text at, bool is_next,
	struct arena *arena, struct text *out_key, struct text *out_value, struct fail *fail)
{
	MDB_cursor *cursor;
	struct queue_dbi_key memory;
	MDB_val key = queue_dbi_key(&memory, table, at), value;
	int error = mdb_txn_renew(reader->txn);
	if (error != 0)
		return queue_fail(reader->queue, error, "read", fail);
	error = mdb_cursor_open(reader->txn, reader->queue->dbi, &cursor);
	if (error == 0) {
		error = mdb_cursor_get(cursor, &key, &value, is_next ? MDB_SET_RANGE : MDB_SET_KEY);
		if (error == 0 && is_next && key.mv_size == memory.len &&
			memcmp(key.mv_data, memory.bytes, memory.len) == 0)
			error = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
		mdb_cursor_close(cursor);
	}
	if (error == 0 && *(const uint8_t *)key.mv_data != table)
		error = MDB_NOTFOUND;
	bool has_memory = error != 0 || (copy_out(arena, key, out_key) && copy_out(arena, value, out_value));
	mdb_txn_reset(reader->txn);
	if (error == MDB_NOTFOUND)
		return RESULT_NOT_FOUND;
	if (error != 0)
		return queue_fail(reader->queue, error, "read", fail);
	*out_key = has_memory ? text_skip(*out_key, 1) : TEXT_EMPTY;
	return has_memory ? RESULT_OK : no_memory(fail);
}

static enum result read_file(struct queue_reader *reader, struct text at, bool is_next,
	struct arena *arena, struct queue_file *out_file, struct fail *fail)
{
	struct text key, value;
	*out_file = (struct queue_file){ 0 };
	enum result r =
		read_entry(reader, QUEUE_TABLE_FILES, at, is_next, arena, &key, &value, fail);
	if (r != RESULT_OK || queue_schema_get_file(key, value, arena, out_file))
		return r;
	*out_file = (struct queue_file){ .file.name = key };
	return not_as_written(reader->queue, arena, fail);
}

/* The same of an attempt; one that cannot be read has nothing but its key. */
static enum result read_attempt(struct queue_reader *reader, const struct queue_key *at,
	bool is_next, struct arena *arena, struct text *out_name, struct queue_attempt *out_attempt,
	struct fail *fail)
{
	uint8_t memory[QUEUE_KEY_BYTES];
	struct buf buf;
	struct text key, value;
	buf_init(&buf, memory, sizeof memory);
	queue_schema_put_key(&buf, at); /* which may be that of *out_attempt */
	*out_attempt = (struct queue_attempt){ 0 };
	*out_name = TEXT_EMPTY;
	enum result r = read_entry(
		reader, QUEUE_TABLE_WAITING, buf_text(&buf), is_next, arena, &key, &value, fail);
	if (r != RESULT_OK || queue_schema_get_attempt(key, value, arena, out_name, out_attempt))
		return r;
	*out_attempt = (struct queue_attempt){ .key = out_attempt->key };
	*out_name = TEXT_EMPTY;
	return not_as_written(reader->queue, arena, fail);
}

enum result queue_find(struct queue_reader *reader, struct text name, struct arena *arena,
	struct queue_file *out_file, struct fail *fail)
{
	return read_file(reader, name, false, arena, out_file, fail);
}

enum result queue_next_file(struct queue_reader *reader, struct text after, struct arena *arena,
	struct queue_file *out_file, struct fail *fail)
{
	return read_file(reader, after, true, arena, out_file, fail);
}

enum result queue_get(struct queue_reader *reader, const struct queue_key *key, struct arena *arena,
	struct queue_attempt *out_attempt, struct fail *fail)
{
	struct text name;
	return read_attempt(reader, key, false, arena, &name, out_attempt, fail);
}

static bool has_key(const struct queue_file *file, const struct queue_key *key)
{
	for (uint32_t i = 0; i < file->keys_count; i++)
		if (file->keys[i].due_us == key->due_us && file->keys[i].id == key->id)
			return true;
	return false;
}

/* Whose attempt it is that cannot be read: the files are asked for it. Slow, and rare. */
static struct text owner_of(
	struct queue_reader *reader, const struct queue_key *key, struct arena *arena)
{
	struct queue_file file;
	struct fail fail = { 0 };
	char after[QUEUE_DBI_KEY_MAX] = "";
	for (;;) {
		arena_reset(arena);
		enum result r = queue_next_file(reader, text_of(after), arena, &file, &fail);
		if (r != RESULT_OK && !queue_file_is_damaged(r, &file))
			return TEXT_EMPTY;
		if (r == RESULT_OK && has_key(&file, key))
			return file.file.name;
		snprintf(after, sizeof after, "%.*s", TEXT_ARG(file.file.name));
	}
}

enum result queue_next(struct queue_reader *reader, const struct queue_key *after,
	struct arena *arena, struct text *out_name, struct queue_attempt *out_attempt,
	struct fail *fail)
{
	enum result r = read_attempt(reader, after, true, arena, out_name, out_attempt, fail);
	if (queue_attempt_is_damaged(r, out_attempt))
		*out_name = owner_of(reader, &out_attempt->key, arena);
	return r;
}

/* ---- life ---- */

enum result queue_reader_create(
	struct queue *queue, struct queue_reader **out_reader, struct fail *fail)
{
	CHECK_OBJ(queue, QUEUE_MAGIC);
	struct queue_reader *reader = calloc(1, sizeof *reader);
	*out_reader = NULL;
	if (reader == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory for the queue");
	reader->queue = queue;
	int error = mdb_txn_begin(queue->env, NULL, MDB_RDONLY, &reader->txn);
	if (error != 0) {
		free(reader);
		return queue_fail(queue, error, "read", fail);
	}
	mdb_txn_reset(reader->txn);
	*out_reader = reader;
	return RESULT_OK;
}

void queue_reader_destroy(struct queue_reader **reader)
{
	if (*reader == NULL)
		return;
	mdb_txn_abort((*reader)->txn);
	free(*reader);
	*reader = NULL;
}
