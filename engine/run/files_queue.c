#include <stdlib.h>
#include <string.h>
#include "engine/run/files_jobs.h"
#include "engine/run/files_state.h"
#include "engine/run/prepared.h"
#include "engine/run/job_run.h"

/* What is parked (keeper.h) and what comes back. A file that waits in the queue is none of ours until it is
 * due; that it went away is seen here all the same. */

enum { ARENA_BYTES_MAX = 2 * QUEUE_VALUE_BYTES_MAX };

enum result files_queue_open(struct files *f, struct fail *fail)
{
	arena_init(&f->queue_arena, 4096, ARENA_BYTES_MAX);
	return f->hub->queue != NULL ? queue_reader_create(f->hub->queue, &f->queue, fail) : RESULT_OK;
}

void files_queue_close(struct files *f)
{
	queue_reader_destroy(&f->queue);
	arena_deinit(&f->queue_arena);
}

void files_queue_drop(struct files *f)
{
	struct mailbox_message message;
	struct list_node *node;
	while ((node = list_pop_front(&f->due)) != NULL)
		revival_destroy(CONTAINER_OF(node, struct revival, node));
	while (f->hub->files != NULL && mailbox_take(f->hub->files, &message))
		if (message.kind == POST_DUE)
			revival_destroy(message.object);
}

/* RESULT_NOT_FOUND: it does not wait in there. Anything else but OK: nobody knows, and that is said once. */
static enum result find(struct files *f, const char *name, struct queue_file *out_file)
{
	struct fail fail = { 0 };
	if (f->queue == NULL)
		return RESULT_NOT_FOUND;
	arena_reset(&f->queue_arena);
	enum result r = queue_find(f->queue, text_of(name), &f->queue_arena, out_file, &fail);
	bool is_known = r == RESULT_OK || r == RESULT_NOT_FOUND;
	if (!is_known && !f->queue_unreadable)
		log_write(&f->log, LOG_FAILED,
			LOG_FIELDS(log_cstr("what", "reading the queue"), log_fail("why", &fail)));
	f->queue_unreadable = !is_known;
	return r;
}

/* When many go at once, or without memory for the name, the keeper looks for all that it has. */
static void tell_keeper(struct files *f, const char *name)
{
	char *copy = f->parked_gone < HUB_PARKED_GONE_MAX ? strdup(name) : NULL;
	if (copy == NULL) {
		f->many_gone = true;
		return;
	}
	f->parked_gone++;
	hub_post(f->hub->keeper, POST_PARKED_GONE, copy, 0, 0);
}

void files_gone_heard(struct files *f, uint32_t count)
{
	f->parked_gone -= count;
}

bool files_is_parked(struct files *f, const char *name)
{
	struct queue_file file;
	struct file_identity identity;
	enum file_type type;
	enum result r = find(f, name, &file);
	if (r == RESULT_NOT_FOUND)
		return false;
	if (r != RESULT_OK) {
		/* It may be there, with recipients that are done: looked at again, not sent. */
		files_leave_alone(f, name, LEFT_OPEN, NULL);
		return true;
	}
	struct file_identity parked = identity_of_record(&file.file);
	r = file_look(f->new_fd, name, &type, &identity, NULL);
	if (r == RESULT_OK && file_identity_equal(&parked, &identity)) {
		struct left_name *left = files_find_left(f, name);
		if (left != NULL && left->kind == LEFT_OPEN)
			files_forget_left(f, left);
		return true;
	}
	tell_keeper(f, name);
	return false;
}

void files_unknown_gone(struct files *f, const char *name)
{
	struct queue_file file;
	if (find(f, name, &file) == RESULT_OK)
		tell_keeper(f, name);
}

/* ---- what comes back ---- */

static bool is_there(struct files *f, const struct revival *revival)
{
	struct file_identity identity;
	enum file_type type;
	enum result r = file_look(f->new_fd, revival->name, &type, &identity, NULL);
	if (r == RESULT_OK)
		return file_identity_equal(&identity, &revival->identity);
	return r != RESULT_NOT_FOUND; /* who reads it will see */
}

static void pass_on(struct files *f, struct revival *revival)
{
	hub_post(f->hub->scheduler, POST_REVIVED, revival, 0, 0);
}

/* Of a job: the scheduler knows which, and whether it is that one still. */
static bool revive_rcpt(struct files *f, struct revival *revival)
{
	revival->message = message_create(revival->name, &revival->identity);
	if (revival->message == NULL)
		return false;
	revival->is_first = true;
	revival->is_withdrawn = !files_job_is_there(f->new_fd, revival->name);
	f->credits--;
	f->told_idle = false;
	pass_on(f, revival);
	return true;
}

/* False: no memory for a message now. */
static bool revive(struct files *f, struct revival *revival)
{
	if (job_name_is_rcpt(revival->name))
		return revive_rcpt(f, revival);
	struct message *known = files_find_known(f, revival->name);
	bool is_same = known != NULL && file_identity_equal(&known->identity, &revival->identity);
	bool is_here = !revival->is_changed && is_there(f, revival);
	if (is_same && is_here && !known->gone && !known->leaving) {
		revival->message = known;
		f->told_idle = false; /* the scheduler waits for that behind each of them */
		pass_on(f, revival);
		return true;
	}
	revival->message = message_create(revival->name, &revival->identity);
	if (revival->message == NULL)
		return false;
	revival->is_first = true;
	/* Of a known one that is leaving nothing can be in the queue; one that is gone tells of itself. */
	revival->is_withdrawn = !is_here || known != NULL;
	revival->message->was_gone = revival->is_withdrawn;
	if (!revival->is_withdrawn)
		hash_map_insert(&f->known, &revival->message->known);
	f->credits--;
	f->told_idle = false;
	pass_on(f, revival);
	return true;
}

void files_due(struct files *f, struct revival *revival)
{
	list_push_back(&f->due, &revival->node);
}

void files_queue_turn(struct files *f)
{
	if (f->many_gone && f->parked_gone < HUB_PARKED_GONE_MAX) {
		f->many_gone = false;
		f->parked_gone++;
		hub_post(f->hub->keeper, POST_PARKED_GONE, NULL, 0, 0);
	}
	while (f->credits > 0 && !list_is_empty(&f->due)) {
		struct list_node *node = list_pop_front(&f->due);
		struct revival *revival = CONTAINER_OF(node, struct revival, node);
		if (revive(f, revival))
			continue;
		list_push_front(&f->due, &revival->node);
		return;
	}
}

/* ---- what is let go ---- */

/* Those of earlier runs were not counted. */
void files_count_left(struct files *f, const struct message *message)
{
	if (prepared_is_notice(message->name) && hub_read(&f->hub->counters.notices) > 0)
		hub_uncount(&f->hub->counters.notices, 1);
}

/* The queue before the journal (keeper.h). */
void files_left(struct files *f, struct message *message, bool is_stuck)
{
	if (!is_stuck)
		files_count_left(f, message);
	message->stuck = is_stuck;
	if (message->in_queue && !is_stuck)
		hub_post(f->hub->keeper, POST_FORGET, message, 0, 0);
	else
		hub_post(f->hub->recorder, POST_UNLINKED, message, is_stuck, 0);
}

void files_evict(struct files *f, struct message *message)
{
	CHECK_OBJ(message, MESSAGE_MAGIC);
	if (list_node_is_linked(&message->leave_node))
		list_remove(&message->leave_node); /* was to be told as gone */
	if (hash_node_is_inside(&message->known))
		hash_map_remove(&f->known, &message->known);
	if (message->gone || message->was_gone)
		tell_keeper(f, message->name);
	if (message->was_gone)
		files_count_left(f, message);
	if (message->was_gone) /* what was written over in place is mail like any other */
		files_consider(f, message->name, false);
	/* Who took its name in the meantime was passed over. */
	f->rescan |= message->gone;
	hub_post(f->hub->recorder, POST_UNLINKED, message, message->keeps_records, 0);
}
