#include <string.h>
#include "engine/run/files_state.h"

/* The file of the message goes: unlinked, or moved to bad/, or, when it went away by itself, only
 * forgotten. The recorder hears of it once it is durable; until then its records are tombstones, so a
 * file which power loss brings back is not sent again (DESIGN 2). */

static void sync_now(struct files *f)
{
	struct fail fail = { 0 };
	loop_timer_stop(&f->loop, &f->sync_timer);
	enum result r = file_sync(f->new_fd, false, &fail);
	if (r == RESULT_OK && f->bad_touched)
		r = file_sync(f->bad_fd, false, &fail);
	f->bad_touched = false;
	if (r != RESULT_OK) /* the tombstones stay; only the next start has more to read */
		log_write(&f->log, LOG_FAILED,
			LOG_FIELDS(log_cstr("what", "fsync of a spool directory"), log_fail("why", &fail)));
	struct list_node *node;
	while ((node = list_pop_front(&f->unsynced)) != NULL) {
		struct message *message = CONTAINER_OF(node, struct message, leave_node);
		hub_post(f->hub->recorder, POST_UNLINKED, message, r != RESULT_OK, 0);
	}
	f->unsynced_count = 0;
}

static void sync_due(struct timer *timer)
{
	sync_now(CONTAINER_OF(timer, struct files, sync_timer));
}

void files_leave(struct files *f, struct message *message, bool to_bad)
{
	CHECK_OBJ(message, MESSAGE_MAGIC);
	if (list_node_is_linked(&message->leave_node))
		list_remove(&message->leave_node); /* was to be told as gone */
	message->leaving = true;
	message->to_bad = to_bad;
	list_push_back(&f->leaving, &message->leave_node);
}

static bool is_still_there(struct files *f, const struct message *message)
{
	struct file_identity identity;
	enum file_type type;
	return file_look(f->new_fd, message->name, &type, &identity, NULL) == RESULT_OK &&
		file_identity_equal(&identity, &message->identity);
}

static void write_reason(struct files *f, const struct message *message, const char *bad_name)
{
	char name[FILE_NAME_BYTES_MAX + 32], text[sizeof message->reason + 2];
	struct fail fail = { 0 };
	int fd;
	snprintf(name, sizeof name, "%.240s.reason", bad_name);
	int len = snprintf(text, sizeof text, "%s\n", message->reason);
	enum result r = file_create(f->bad_fd, name, &fd, &fail);
	if (r == RESULT_OK) {
		r = file_write_all(fd, text, (size_t)len, &fail);
		file_close(fd);
	}
	if (r != RESULT_OK)
		log_write(&f->log, LOG_FAILED,
			LOG_FIELDS(log_cstr("what", "the reason of a bad file"), log_fail("why", &fail)));
}

/* bad/NAME, or bad/NAME.1 and so on where that is taken. */
static enum result move_to_bad(struct files *f, const struct message *message, struct fail *fail)
{
	enum { TRIES_MAX = 1000 }; /* more of one name is somebody's loop */
	char name[FILE_NAME_BYTES_MAX + 16];
	enum result r = RESULT_EXISTS;
	for (int i = 0; i < TRIES_MAX && r == RESULT_EXISTS; i++) {
		if (i == 0)
			snprintf(name, sizeof name, "%s", message->name);
		else
			snprintf(name, sizeof name, "%.240s.%d", message->name, i);
		r = file_rename(f->new_fd, message->name, f->bad_fd, name, fail);
	}
	if (r != RESULT_OK)
		return r;
	f->bad_touched = true;
	write_reason(f, message, name);
	log_write(&f->log, LOG_SPOOL_FILE_BAD,
		LOG_FIELDS(log_cstr("file", message->name), log_cstr("why", message->reason)));
	return RESULT_OK;
}

/* It cannot be removed: it is not sent again in this run, and its tombstones see to that in the next. */
static void stay_stuck(struct files *f, struct message *message, const struct fail *fail)
{
	log_write(&f->log, LOG_FAILED,
		LOG_FIELDS(log_cstr("what", "removing a file of the spool that is done"),
			log_cstr("file", message->name), log_fail("why", fail)));
	hash_map_remove(&f->known, &message->known);
	files_leave_alone(f, message->name, LEFT_STUCK, &message->identity);
	hub_post(f->hub->recorder, POST_UNLINKED, message, 1, 0);
}

static void leave_one(struct files *f, struct message *message)
{
	struct fail fail = { 0 };
	enum result r = RESULT_OK;
	bool was_there = is_still_there(f, message);
	if (was_there && message->to_bad)
		r = move_to_bad(f, message, &fail);
	else if (was_there && !message->withdrawn)
		r = file_unlink(f->new_fd, message->name, &fail);
	if (r != RESULT_OK && r != RESULT_NOT_FOUND) {
		stay_stuck(f, message, &fail);
		return;
	}
	hash_map_remove(&f->known, &message->known);
	list_push_back(&f->unsynced, &message->leave_node);
	if (f->unsynced_count++ == 0)
		loop_timer_start(&f->loop, &f->sync_timer, FILES_SYNC_NS, sync_due);
	/* The name may be new mail by now. */
	if (!was_there || message->withdrawn)
		files_consider(f, message->name);
}

void files_leave_turn(struct files *f)
{
	for (int i = 0; i < FILES_LEAVE_TURN_MAX && !list_is_empty(&f->leaving); i++) {
		struct list_node *node = list_pop_front(&f->leaving);
		leave_one(f, CONTAINER_OF(node, struct message, leave_node));
	}
	if (f->unsynced_count >= FILES_SYNC_COUNT)
		sync_now(f);
}

void files_leave_all(struct files *f)
{
	while (!list_is_empty(&f->leaving))
		files_leave_turn(f);
	if (f->unsynced_count > 0)
		sync_now(f);
}
