#include "engine/run/revival.h"
#include <stdlib.h>

enum { CHUNK_BYTES = 1024, BYTES_MAX = 2 * QUEUE_VALUE_BYTES_MAX };

struct record_file record_file_of(const char *name, const struct file_identity *identity)
{
	bool has_birth = identity->birth_ns != 0;
	return (struct record_file){
		.name = text_of(name),
		.inode = identity->inode,
		.birth_ns = identity->birth_ns,
		.modified_ns = has_birth ? 0 : identity->modified_ns,
		.bytes = has_birth ? 0 : identity->bytes,
	};
}

struct file_identity identity_of_record(const struct record_file *file)
{
	return (struct file_identity){
		.inode = file->inode,
		.birth_ns = file->birth_ns,
		.modified_ns = file->modified_ns,
		.bytes = file->bytes,
	};
}

static struct text keep(struct revival *revival, struct text text)
{
	return arena_text_copy(&revival->arena, text);
}

static void copy_rcpts(struct revival *revival, const struct queue_attempt *attempt)
{
	struct queue_rcpt *rcpts =
		arena_alloc_array(&revival->arena, attempt->rcpts_count, sizeof *rcpts);
	if (rcpts == NULL)
		return;
	for (uint32_t i = 0; i < attempt->rcpts_count; i++)
		rcpts[i] = (struct queue_rcpt){
			attempt->rcpts[i].rcpt,
			keep(revival, attempt->rcpts[i].address),
		};
	revival->attempt.rcpts = rcpts;
}

struct revival *revival_create(const struct queue_file *file, const struct queue_attempt *attempt)
{
	struct revival *revival = calloc(1, sizeof *revival);
	if (revival == NULL)
		return NULL;
	arena_init(&revival->arena, CHUNK_BYTES, BYTES_MAX);
	revival->file = *file;
	revival->file.keys = NULL;
	revival->file.keys_count = 0;
	revival->file.file.name = arena_printf(&revival->arena, "%.*s", TEXT_ARG(file->file.name));
	revival->name = revival->file.file.name.data;
	revival->file.from = keep(revival, file->from);
	revival->file.id = keep(revival, file->id);
	revival->file.job = keep(revival, file->job);
	revival->attempt = *attempt;
	revival->attempt.domain = keep(revival, attempt->domain);
	revival->attempt.source = keep(revival, attempt->source);
	revival->attempt.last = keep(revival, attempt->last);
	copy_rcpts(revival, attempt);
	revival->identity = identity_of_record(&file->file);
	if (!arena_is_exhausted(&revival->arena))
		return revival;
	revival_destroy(revival);
	return NULL;
}

void revival_destroy(struct revival *revival)
{
	CHECK(!list_node_is_linked(&revival->node));
	arena_deinit(&revival->arena);
	free(revival);
}
