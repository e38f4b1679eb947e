#include <stdio.h>
#include <stdlib.h>
#include "engine/run/files_jobs.h"
#include "engine/run/hub.h"
#include "engine/run/job_run.h"
#include "engine/run/keeper_state.h"
#include "engine/run/revival.h"

/* Files of the queue that are gone: seen to go by the files thread, or missing when they are looked for. */

enum {
	/* Files of the queue that are looked for in new/ between two looks at the mailbox. */
	LOOKS_PER_TURN = 256,
};

/* All of it that waits still is due now: whoever takes it sees that the file is gone. */
static void recall(struct keeper *k, const struct queue_file *file)
{
	struct fail fail = { 0 };
	enum result r =
		queue_hasten(k->hub->queue, file, &k->taken, keeper_wall_us(), NULL, NULL, &fail);
	if (r != RESULT_OK)
		keeper_answer_all(k, r, &fail);
	k->changed = true;
}

static bool is_there(struct keeper *k, const struct queue_file *file)
{
	struct file_identity identity, wanted = identity_of_record(&file->file);
	enum file_type type;
	char name[FILE_NAME_BYTES_MAX + 1];
	snprintf(name, sizeof name, "%.*s", TEXT_ARG(file->file.name));
	if (job_name_is_rcpt(name))
		return files_job_is_there(k->new_fd, name);
	enum result r = file_look(k->new_fd, name, &type, &identity, NULL);
	if (r == RESULT_OK)
		return file_identity_equal(&identity, &wanted);
	return r != RESULT_NOT_FOUND; /* what cannot be looked at may be there */
}

void keeper_look_anew(struct keeper *k)
{
	k->looked = false;
	k->looked_at[0] = '\0';
}

/* The files thread has seen a name go that it does not know. */
void keeper_hear_gone(struct keeper *k, char *name)
{
	struct queue_file file;
	struct fail fail = { 0 };
	hub_post(k->hub->files, POST_GONE_HEARD, NULL, 1, 0);
	if (name == NULL) {
		keeper_look_anew(k);
		return;
	}
	arena_reset(&k->arena);
	if (queue_find(k->reader, text_of(name), &k->arena, &file, &fail) == RESULT_OK &&
		!is_there(k, &file))
		recall(k, &file);
	free(name);
}

/* DESIGN 5: records whose file went away while nobody looked. A slice of them each turn. */
void keeper_look_for_files(struct keeper *k)
{
	struct queue_file file;
	struct fail fail = { 0 };
	for (int i = 0; i < LOOKS_PER_TURN && !k->looked; i++) {
		arena_reset(&k->arena);
		enum result r =
			queue_next_file(k->reader, text_of(k->looked_at), &k->arena, &file, &fail);
		k->looked = r != RESULT_OK;
		if (k->looked)
			break;
		snprintf(k->looked_at, sizeof k->looked_at, "%.*s", TEXT_ARG(file.file.name));
		if (!is_there(k, &file))
			recall(k, &file);
	}
	if (!k->looked)
		mailbox_wake(k->hub->keeper);
}
