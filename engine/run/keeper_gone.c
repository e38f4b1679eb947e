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

/* ---- damage ---- */

static bool is_name_gone(const struct keeper *k, struct text text)
{
	struct file_identity identity;
	enum file_type type;
	char name[FILE_NAME_BYTES_MAX + 1];
	snprintf(name, sizeof name, "%.*s", TEXT_ARG(text));
	if (job_name_is_rcpt(name))
		return !files_job_is_there(k->new_fd, name);
	return file_look(k->new_fd, name, &type, &identity, NULL) == RESULT_NOT_FOUND;
}

static void drop_damaged(struct keeper *k, struct text name)
{
	struct fail fail = { 0 };
	uint32_t dropped;
	k->recalling = true;
	enum result r = queue_drop_damaged(k->hub->queue, name, &dropped, &fail);
	k->changed |= r != RESULT_OK || dropped > 0;
	if (r != RESULT_OK)
		keeper_answer_all(k, r, &fail);
	else if (dropped > 0)
		log_write(&k->log, LOG_QUEUE_DAMAGED,
			LOG_FIELDS(log_text("file", name),
				log_cstr("why", "its file is gone: what is damaged leaves the queue"),
				log_number("entries", dropped)));
}

/* All of it that waits behind that key is due now: whoever takes it sees that the file is gone. False: it
 * could not be written; all files are looked for again after a while. */
static bool recall(struct keeper *k, const struct queue_file *file, const struct queue_key *behind)
{
	struct fail fail = { 0 };
	uint64_t due_us = keeper_now_us(k);
	if (due_us <= k->taken.due_us)
		due_us = k->taken.due_us + 1;
	k->recalling = true;
	k->changed = true;
	drop_damaged(k, file->file.name);
	enum result r = queue_hasten(k->hub->queue, file, behind, due_us, NULL, NULL, &fail);
	if (r != RESULT_OK)
		keeper_answer_all(k, r, &fail);
	return r == RESULT_OK;
}

/* The file stays: who of its recipients waited is not known, and to send it to all would send it again to
 * those who have it. */
void keeper_tell_damaged(struct keeper *k, struct text name, const struct fail *fail)
{
	if (name.len > 0 && is_name_gone(k, name)) {
		/* None of its attempts has been handed out. */
		const struct queue_file none = { .file.name = name };
		const struct queue_key first = { 0 };
		(void)recall(k, &none, &first);
		return;
	}
	log_write(&k->log, LOG_QUEUE_DAMAGED,
		LOG_FIELDS(log_text("file", name.len > 0 ? name : TEXT("(not known)")),
			log_fail("why", fail),
			log_cstr("hint", "it is not sent: take the file out of new/, and put it back "
					 "for those who have not got it")));
}

/* ---- recalls ---- */

/* What the queue says could not be read. */
static void lose_recall(struct keeper *k)
{
	k->recall_lost = true;
	keeper_try_again(k);
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
	enum result r = queue_find(k->reader, text_of(name), &k->arena, &file, &fail);
	if (queue_file_is_damaged(r, &file))
		keeper_tell_damaged(k, text_of(name), &fail);
	else if (r == RESULT_OK && !is_there(k, &file))
		(void)recall(k, &file, &k->taken);
	else if (r != RESULT_OK && r != RESULT_NOT_FOUND)
		lose_recall(k);
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
		bool is_damaged = queue_file_is_damaged(r, &file);
		k->looked = r != RESULT_OK && !is_damaged;
		if (k->looked && r != RESULT_NOT_FOUND)
			lose_recall(k);
		if (k->looked)
			break;
		snprintf(k->looked_at, sizeof k->looked_at, "%.*s", TEXT_ARG(file.file.name));
		if (is_damaged)
			keeper_tell_damaged(k, file.file.name, &fail);
		else if (!is_there(k, &file))
			k->looked = !recall(k, &file, &k->taken);
	}
	if (!k->looked)
		mailbox_wake(k->hub->keeper);
}
