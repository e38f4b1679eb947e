#include "engine/run/files_prepared.h"
#include "engine/spool/batch_message.h"

enum {
	/* Bodies of originals, one at a time: files_notice.c reads at most 4 MiB, and a file of short lines
	 * grows by its CRs. */
	BODIES_BYTES = 16 * 1024 * 1024,
	ARENA_CHUNK_BYTES = 64 * 1024,
	/* What an original needs to be parsed, and the texts of a notification. */
	NOTICE_ARENA_BYTES_MAX = MESSAGE_FILE_SCRATCH_BYTES_MAX + 4 * 1024 * 1024,
};

void files_prepared_init(struct files *f)
{
	list_init(&f->notices);
	list_init(&f->published);
	body_budget_init(&f->notice_bodies, BODIES_BYTES);
	arena_init(&f->notice_arena, ARENA_CHUNK_BYTES, NOTICE_ARENA_BYTES_MAX);
	arena_init(&f->batch_arena, ARENA_CHUNK_BYTES, BATCH_ARENA_BYTES_MAX);
}

void files_prepared_deinit(struct files *f)
{
	/* The attempts are the scheduler's to free. */
	while (list_pop_front(&f->notices) != NULL || list_pop_front(&f->published) != NULL)
		;
	files_split_end(f);
	arena_deinit(&f->notice_arena);
	arena_deinit(&f->batch_arena);
}

void files_prepared_hear(struct files *f, const struct mailbox_message *message)
{
	switch (message->kind) {
	case POST_NOTICE: files_notice(f, message->object); break;
	case POST_PUBLISH: files_publish(f, message->object); break;
	case POST_SPLIT: files_split(f, message->object); break;
	case POST_SPLIT_STOP: files_split_stop(f); break;
	case POST_SPLIT_RECORDED: files_split_recorded(f, message->object); break;
	default: UNREACHABLE("a message that is not for the files thread");
	}
}

void files_prepared_turn(struct files *f)
{
	files_notices_turn(f);
	files_split_turn(f);
}

bool files_prepared_is_ready(const struct files *f)
{
	return !list_is_empty(&f->notices) || files_split_is_ready(f);
}

void files_prepared_synced(struct files *f)
{
	files_notices_synced(f);
	files_split_synced(f);
}
