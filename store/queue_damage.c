#include <errno.h>
#include <stdlib.h>
#include "store/queue_internal.h"

/* What there is of a file that cannot be read. */

/* Takes the attempt if it is one of the file, whose keys are in *keys. */
static int take_if_its(struct queue *q, MDB_val key, MDB_val value, struct queue_file *file,
	struct queue_key **keys)
{
	struct text name, rest = text_skip(text_of_bytes(key.mv_data, key.mv_size), 1);
	struct queue_attempt attempt;
	struct arena_mark mark = arena_snapshot(&q->arena);
	bool is_its = queue_schema_get_attempt(rest, text_of_bytes(value.mv_data, value.mv_size),
			      &q->arena, &name, &attempt) &&
		text_equal(name, file->file.name);
	bool has_memory = !arena_is_exhausted(&q->arena);
	arena_rewind(&q->arena, mark);
	if (!is_its || !has_memory)
		return has_memory ? 0 : ENOMEM;
	struct queue_key *larger = realloc(*keys, (file->keys_count + 1) * sizeof *larger);
	if (larger == NULL)
		return ENOMEM;
	*keys = larger;
	larger[file->keys_count++] = attempt.key;
	file->rcpts_left += attempt.rcpts_count;
	return 0;
}

/* Goes through all that waits: slow, and rare. */
static int collect(struct queue *q, struct queue_file *file, struct queue_key **keys)
{
	MDB_cursor *cursor;
	struct queue_dbi_key memory;
	MDB_val key = queue_dbi_key(&memory, QUEUE_TABLE_WAITING, TEXT_EMPTY), value;
	int error = mdb_cursor_open(q->writer, q->dbi, &cursor);
	if (error != 0)
		return error;
	error = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
	while (error == 0 && *(const uint8_t *)key.mv_data == QUEUE_TABLE_WAITING) {
		error = take_if_its(q, key, value, file, keys);
		if (error == 0)
			error = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
	}
	mdb_cursor_close(cursor);
	return error == MDB_NOTFOUND ? 0 : error;
}

/* Those of its attempts that can be read. */
static int keep_readable(struct queue *q, struct queue_file *file, uint32_t *out_dropped)
{
	struct queue_key *keys = arena_alloc_array(&q->arena, file->keys_count, sizeof *keys);
	uint32_t count = 0, unread;
	int error = keys != NULL ? queue_count_unread(q, file, &unread) : ENOMEM;
	for (uint32_t i = 0; i < file->keys_count && error == 0; i++) {
		struct queue_waiting waiting;
		error = queue_look_at(q, &file->keys[i], &waiting);
		if (error == 0 && waiting.is_there && !waiting.is_damaged)
			keys[count++] = file->keys[i];
		else if (error == 0)
			error = queue_delete_key(q, &file->keys[i]);
	}
	if (error != 0)
		return error;
	*out_dropped = file->keys_count - count;
	file->keys = keys;
	file->keys_count = count;
	file->rcpts_left -= unread;
	q->head.rcpts -= unread;
	return *out_dropped > 0 ? queue_put_file(q, file, true) : 0;
}

/* An entry that knows its attempts, since these know their file. */
static int rebuild(struct queue *q, struct text name)
{
	struct queue_file file = { .file.name = name };
	struct queue_key *keys = NULL;
	int error = collect(q, &file, &keys);
	file.keys = keys;
	if (error == 0)
		error = queue_put_file(q, &file, true);
	free(keys);
	return error;
}

enum result queue_drop_damaged(
	struct queue *q, struct text name, uint32_t *out_dropped, struct fail *fail)
{
	CHECK_OBJ(q, QUEUE_MAGIC);
	struct queue_file file;
	bool is_damaged;
	*out_dropped = 0;
	enum result r = queue_begin(q, fail);
	if (r == RESULT_OK)
		r = queue_read_file(q, name, &file, &is_damaged, fail);
	if (r != RESULT_OK)
		return r;
	int error = 0;
	*out_dropped = is_damaged;
	if (is_damaged)
		error = rebuild(q, name);
	else if (file.keys_count > 0)
		error = keep_readable(q, &file, out_dropped);
	return error == 0 ? RESULT_OK : queue_failed(q, error, fail);
}
