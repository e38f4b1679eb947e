#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include "engine/base/nanoseconds.h"
#include "engine/run/files_jobs.h"
#include "engine/run/files_leave.h"
#include "engine/run/files_state.h"
#include "engine/run/files_stuck.h"
#include "engine/run/recovery.h"

/* The file of the message goes: unlinked, or moved to bad/, or, when it went away by itself, only
 * forgotten. The recorder hears of it once it is durable; until then its records are tombstones, so a
 * file which power loss brings back is not sent again (DESIGN 2). */

enum {
	/* One fsync of the directory for so many that left, or for those of this time: each writes all blocks
	 * of the directory that were touched, and among many files the same ones are touched again. */
	SYNC_COUNT = 1024,
	SYNC_MS = 100,
	/* When somebody waits for it, or no other file is there that could leave as well. */
	SYNC_SOON_MS = 20,
};

static void sync_now(struct files *f)
{
	struct fail fail = { 0 };
	loop_timer_stop(&f->loop, &f->sync_timer);
	enum result r = file_sync(f->new_fd, false, &fail);
	if (r == RESULT_OK && f->bad_touched)
		r = file_sync(f->bad_fd, false, &fail);
	if (r == RESULT_OK && f->aside_touched)
		r = file_sync(f->aside_fd, false, &fail);
	f->bad_touched = f->aside_touched = false;
	if (r != RESULT_OK) /* the tombstones stay; only the next start has more to read */
		log_write(&f->log, LOG_FAILED,
			LOG_FIELDS(log_cstr("what", "fsync of a spool directory"), log_fail("why", &fail)));
	struct list_node *node;
	while ((node = list_pop_front(&f->unsynced)) != NULL) {
		struct message *message = CONTAINER_OF(node, struct message, leave_node);
		files_left(f, message, r != RESULT_OK);
	}
	f->unsynced_count = 0;
	files_stuck_synced(f, r == RESULT_OK);
	files_prepared_synced(f);
}

static void sync_due(struct timer *timer)
{
	sync_now(CONTAINER_OF(timer, struct files, sync_timer));
}

void files_sync_soon(struct files *f)
{
	if (timer_is_running(&f->sync_timer) && f->sync_is_near)
		return;
	loop_timer_stop(&f->loop, &f->sync_timer);
	loop_timer_start(&f->loop, &f->sync_timer, SYNC_SOON_MS * MS_NS, sync_due);
	f->sync_is_near = true;
}

/* Files that have left hold up nobody, but for the end of the run: the others may come along. */
static void sync_after_leaving(struct files *f)
{
	if (hash_map_count(&f->known) == 0) {
		files_sync_soon(f);
	} else if (!timer_is_running(&f->sync_timer)) {
		loop_timer_start(&f->loop, &f->sync_timer, SYNC_MS * MS_NS, sync_due);
		f->sync_is_near = false;
	}
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

/* ---- names ---- */

enum { FREE_NAME_BYTES = FILE_NAME_BYTES_MAX + 16 };

/* To the same name in another directory, or NAME.1 and so on where that is taken. */
static enum result move_to_free_name(int from_fd, const char *from, int to_fd,
	char out_name[static FREE_NAME_BYTES], struct fail *fail)
{
	enum { TRIES_MAX = 1000 }; /* more of one name is somebody's loop */
	enum result r = RESULT_EXISTS;
	for (int i = 0; i < TRIES_MAX && r == RESULT_EXISTS; i++) {
		if (i == 0)
			snprintf(out_name, FREE_NAME_BYTES, "%s", from);
		else
			snprintf(out_name, FREE_NAME_BYTES, "%.240s.%d", from, i);
		r = file_rename(from_fd, from, to_fd, out_name, fail);
	}
	return r;
}

static bool is_file(int dir_fd, const char *name, const struct file_identity *identity)
{
	struct file_identity there;
	enum file_type type;
	return file_look(dir_fd, name, &type, &there, NULL) == RESULT_OK &&
		file_identity_equal(&there, identity);
}

/* Another file had taken the name: it is mail, and stays in new/. */
static void put_back(struct files *f, int from_fd, const char *from)
{
	char name[FREE_NAME_BYTES];
	struct fail fail = { 0 };
	if (move_to_free_name(from_fd, from, f->new_fd, name, &fail) == RESULT_OK)
		files_consider(f, name, false);
	else
		log_write(&f->log, LOG_FAILED,
			LOG_FIELDS(log_cstr("what", "moving a file back to new/"), log_cstr("file", from),
				log_fail("why", &fail)));
}

/* ---- going ---- */

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

/* RESULT_NOT_FOUND, here and below: the file is gone, and what has its name is another. */
static enum result move_to_bad(struct files *f, const struct message *message, struct fail *fail)
{
	char name[FREE_NAME_BYTES];
	enum result r = move_to_free_name(f->new_fd, message->name, f->bad_fd, name, fail);
	if (r != RESULT_OK)
		return r;
	f->bad_touched = true;
	if (!is_file(f->bad_fd, name, &message->identity)) {
		put_back(f, f->bad_fd, name);
		return RESULT_NOT_FOUND;
	}
	write_reason(f, message, name);
	log_write(&f->log, LOG_SPOOL_FILE_BAD,
		LOG_FIELDS(log_cstr("file", message->name), log_cstr("why", message->reason)));
	return RESULT_OK;
}

static enum result remove_at(int dir_fd, const struct message *message, struct fail *fail)
{
	return message->is_job ? files_remove_job(dir_fd, message->name, fail)
			       : file_unlink(dir_fd, message->name, fail);
}

static enum result remove_file(struct files *f, const struct message *message, struct fail *fail)
{
	const char *name = message->name;
	enum result r = file_rename(f->new_fd, name, f->aside_fd, name, fail);
	if (r == RESULT_NOT_FOUND)
		return r;
	if (r != RESULT_OK) { /* state/ is on another file system: as well as it can be done there */
		if (!is_file(f->new_fd, name, &message->identity))
			return RESULT_NOT_FOUND;
		return remove_at(f->new_fd, message, fail);
	}
	f->aside_touched = true;
	if (!is_file(f->aside_fd, name, &message->identity)) {
		put_back(f, f->aside_fd, name);
		return RESULT_NOT_FOUND;
	}
	return remove_at(f->aside_fd, message, fail);
}

enum result files_remove(struct files *f, const struct message *message, struct fail *fail)
{
	bool is_aside = is_file(f->aside_fd, message->name, &message->identity);
	if (is_aside) {
		f->aside_touched = true;
		return remove_at(f->aside_fd, message, fail);
	}
	if (!is_file(f->new_fd, message->name, &message->identity))
		return RESULT_NOT_FOUND;
	return message->to_bad ? move_to_bad(f, message, fail) : remove_file(f, message, fail);
}

/* It cannot be removed: it is not sent again in this run, and its tombstones see to that in the next. */
static void stay_stuck(struct files *f, struct message *message, const struct fail *fail)
{
	log_write(&f->log, LOG_FAILED,
		LOG_FIELDS(log_cstr("what", "removing a file of the spool that is done"),
			log_cstr("file", message->name), log_fail("why", fail),
			log_cstr("hint", message->keeps_records
					? "the next start does it"
					: "it is not sent again, and tried again each minute: look at its "
					  "rights and attributes, and at the disk")));
	files_leave_alone(f, message->name, LEFT_STUCK, &message->identity);
	if (!message->keeps_records)
		files_stuck_add(f, message);
	files_left(f, message, true);
}

static void leave_one(struct files *f, struct message *message)
{
	struct fail fail = { 0 };
	enum result r = RESULT_OK;
	hash_map_remove(&f->known, &message->known); /* its name may be new mail by now */
	if (message->keeps_records) {
		(void)fail_set(&fail, RESULT_IO, "what was made of it could not be moved to new/");
		stay_stuck(f, message, &fail);
		return;
	}
	if (message->to_bad)
		r = move_to_bad(f, message, &fail);
	else if (!message->withdrawn)
		r = remove_file(f, message, &fail);
	if (r != RESULT_OK && r != RESULT_NOT_FOUND) {
		stay_stuck(f, message, &fail);
		return;
	}
	list_push_back(&f->unsynced, &message->leave_node);
	f->unsynced_count++;
	sync_after_leaving(f);
	if (r == RESULT_NOT_FOUND || message->withdrawn)
		files_consider(f, message->name, false);
}

void files_leave_turn(struct files *f)
{
	for (int i = 0; i < FILES_LEAVE_TURN_MAX && !list_is_empty(&f->leaving); i++) {
		struct list_node *node = list_pop_front(&f->leaving);
		leave_one(f, CONTAINER_OF(node, struct message, leave_node));
	}
	if (f->unsynced_count >= SYNC_COUNT)
		sync_now(f);
}

void files_leave_all(struct files *f)
{
	while (!list_is_empty(&f->leaving))
		files_leave_turn(f);
	if (f->unsynced_count > 0 || !list_is_empty(&f->published))
		sync_now(f);
}

/* ---- after a crash ---- */

static enum result restore_one(int aside_fd, const char *name, int new_fd, struct recovery *recovery,
	struct fail *fail)
{
	struct file_identity identity;
	enum file_type type;
	enum result r = file_look(aside_fd, name, &type, &identity, fail);
	if (r != RESULT_OK)
		return r;
	/* It was here because it was done, if the journal knows it: for the one that took its name it has
	 * nothing. */
	if (type != FILE_TYPE_DIRECTORY && recovery_find(recovery, name, &identity) != NULL)
		return file_unlink(aside_fd, name, fail);
	if (type == FILE_TYPE_DIRECTORY) { /* it was being removed, and maybe nothing of it is left */
		r = file_remove_directory(aside_fd, name, fail);
		if (r == RESULT_OK || fail->sys_errno != ENOTEMPTY)
			return r;
		fail_clear(fail);
	}
	/* Of a job that was done its state says so, until the directory is gone for good. */
	char free_name[FREE_NAME_BYTES];
	return move_to_free_name(aside_fd, name, new_fd, free_name, fail);
}

static enum result restore_all(int aside_fd, int new_fd, struct recovery *recovery, struct fail *fail)
{
	struct file_scan scan;
	struct file_scan_entry entry;
	enum result r = file_scan_open(&scan, aside_fd, ".", fail);
	if (r != RESULT_OK)
		return r;
	while ((r = file_scan_next(&scan, &entry, fail)) == RESULT_OK || r == RESULT_AGAIN) {
		if (r == RESULT_OK)
			r = restore_one(aside_fd, entry.name, new_fd, recovery, fail);
		if (r != RESULT_OK && r != RESULT_AGAIN)
			break;
	}
	file_scan_close(&scan);
	if (r != RESULT_NOT_FOUND)
		return r;
	/* Before their tombstones go. */
	return file_sync(aside_fd, false, fail);
}

enum result files_restore(
	const char *state_path, int new_fd, struct recovery *recovery, struct fail *fail)
{
	int state_fd, aside_fd;
	enum result r = file_open_directory(AT_FDCWD, state_path, &state_fd, fail);
	if (r != RESULT_OK)
		return r;
	r = file_open_directory(state_fd, FILES_ASIDE, &aside_fd, fail);
	file_close(state_fd);
	if (r == RESULT_NOT_FOUND)
		return RESULT_OK; /* no run has made it yet */
	if (r != RESULT_OK)
		return r;
	r = restore_all(aside_fd, new_fd, recovery, fail);
	file_close(aside_fd);
	return r == RESULT_OK ? r : fail_prefix(fail, "%s/" FILES_ASIDE, state_path);
}
