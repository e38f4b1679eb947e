#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include "engine/io/clock.h"
#include "engine/io/random.h"
#include "engine/run/files_jobs.h"
#include "engine/run/files_leave.h"
#include "engine/run/files_state.h"
#include "engine/run/files_stuck.h"

/* How often names are looked at whose completeness inotify does not tell (FILE_WRITERS_UNKNOWN). */
#define LOOK_AGAIN_NS 1000000000ull

/* ---- names ---- */

static struct text known_key(const struct hash_node *node)
{
	return text_of(CONTAINER_OF(node, struct message, known)->name);
}

struct message *files_find_known(struct files *f, const char *name)
{
	struct hash_node *node = hash_map_find(&f->known, text_of(name));
	return node != NULL ? CONTAINER_OF(node, struct message, known) : NULL;
}

struct message *files_take(struct files *f, const char *name, const struct file_identity *identity)
{
	struct message *message = message_create(name, identity);
	if (message == NULL) {
		f->rescan = true;
		return NULL;
	}
	struct left_name *left = files_find_left(f, name);
	if (left != NULL)
		files_forget_left(f, left);
	f->credits--;
	f->told_idle = false;
	hash_map_insert(&f->known, &message->known);
	return message;
}

static void take(struct files *f, const char *name, const struct file_identity *identity,
	const char *refusal)
{
	struct message *message = files_take(f, name, identity);
	if (message == NULL)
		return;
	if (refusal != NULL) {
		message->read_result = RESULT_INVALID;
		snprintf(message->reason, sizeof message->reason, "%s", refusal);
	}
	hub_post(f->hub->scheduler, POST_FILE_FOUND, message, 0, 0);
}

/* DESIGN 1: regular files only, opened without following links. What else stands there is told what it
 * is and put into bad/; a directory is a job. */
static void consider_other(struct files *f, const char *name)
{
	struct file_identity identity;
	enum file_type type;
	if (file_look(f->new_fd, name, &type, &identity, NULL) != RESULT_OK)
		return;
	switch (type) {
	case FILE_TYPE_DIRECTORY:
		files_consider_job(f, name, &identity);
		break;
	case FILE_TYPE_OTHER:
		take(f, name, &identity, "not a regular file: links and devices are not followed");
		break;
	case FILE_TYPE_REGULAR: /* it changed between the two looks: the next event tells */
		break;
	}
}

/* `told`: the kernel said that it was moved in, or closed after writing: by the contract of the spool it is
 * complete, unless somebody is known to write on. Other accounts' files cannot be asked for that. */
bool files_is_complete(struct files *f, int fd, const char *name, const struct file_identity *identity,
	bool told)
{
	switch (file_close_asking_writers(fd)) {
	case FILE_WRITERS_NONE:
		return true;
	case FILE_WRITERS_SOME:
		files_leave_alone(f, name, LEFT_OPEN, NULL);
		return false;
	case FILE_WRITERS_UNKNOWN:
		break;
	}
	if (told || clock_wall_us() - identity->modified_ns / 1000 >= FILE_QUIET_NS / 1000)
		return true;
	files_leave_alone(f, name, LEFT_OPEN, NULL);
	return false;
}

static void consider_new(struct files *f, const char *name, bool told)
{
	if (f->credits == 0 || !f->begun) {
		f->rescan = f->begun;
		return;
	}
	if (files_is_parked(f, name))
		return;
	int fd;
	struct file_identity identity;
	struct fail fail = { 0 };
	enum result r = file_open_regular(f->new_fd, name, &fd, &identity, &fail);
	if (r == RESULT_INVALID) {
		consider_other(f, name);
		return;
	}
	if (r == RESULT_NOT_FOUND)
		return;
	if (r != RESULT_OK) { /* the worker's read will meet the same and say so */
		enum file_type type;
		if (file_look(f->new_fd, name, &type, &identity, NULL) == RESULT_OK)
			take(f, name, &identity, NULL);
		return;
	}
	if (files_is_stuck(f, name, &identity))
		file_close(fd);
	else if (files_is_complete(f, fd, name, &identity, told))
		take(f, name, &identity, NULL);
}

/* The file of a known message went away, or another took its name: what is pending is withdrawn. The new
 * file's turn comes when the old message has left. */
static void went_away(struct files *f, struct message *message)
{
	if (message->gone || message->leaving)
		return;
	message->gone = true;
	list_push_back(&f->gone, &message->leave_node);
}

static void check_known(struct files *f, struct message *message)
{
	struct file_identity identity;
	enum file_type type;
	enum result r = file_look(f->new_fd, message->name, &type, &identity, NULL);
	if (r == RESULT_OK && file_identity_equal(&identity, &message->identity))
		return;
	if (r == RESULT_OK || r == RESULT_NOT_FOUND)
		went_away(f, message);
}

void files_consider(struct files *f, const char *name, bool told)
{
	if (name[0] == '.')
		return;
	struct message *message = files_find_known(f, name);
	if (message != NULL)
		check_known(f, message);
	else
		consider_new(f, name, told);
}

/* ---- scan ---- */

static void start_scan(struct files *f)
{
	struct fail fail = { 0 };
	file_scan_close(&f->scan);
	f->rescan = false;
	f->scanning = file_scan_open(&f->scan, f->new_fd, ".", &fail) == RESULT_OK;
	if (!f->scanning) {
		log_write(&f->log, LOG_FAILED,
			LOG_FIELDS(log_cstr("what", "reading new/"), log_fail("why", &fail)));
		f->rescan = true;
	}
}

/* One slice; stops where it is when credits run out, and goes on from there. */
static void scan_slice(struct files *f)
{
	struct file_scan_entry entry;
	struct fail fail = { 0 };
	while (f->credits > 0) {
		enum result r = file_scan_next(&f->scan, &entry, &fail);
		if (r == RESULT_AGAIN)
			return;
		if (r != RESULT_OK) {
			f->scanning = false;
			file_scan_close(&f->scan);
			log_write(&f->log, LOG_SPOOL_SCANNED,
				LOG_FIELDS(log_number("known", hash_map_count(&f->known))));
			return;
		}
		files_consider(f, entry.name, false);
	}
}

/* Only those: of what waits in the queue there may be a million names. */
static void look_again_due(struct timer *timer)
{
	struct files *f = CONTAINER_OF(timer, struct files, look_again);
	if (f->begun && !f->scanning && !f->watching)
		start_scan(f);
	else if (f->begun && f->files_open > 0)
		files_look_at_open(f);
	loop_timer_start(&f->loop, &f->look_again, LOOK_AGAIN_NS, look_again_due);
}

/* ---- inotify ---- */

static void watch_told(struct watch *watch, enum watch_event event, int directory, const char *name)
{
	struct files *f = watch->owner;
	(void)directory;
	struct left_name *left;
	struct message *message;
	switch (event) {
	case WATCH_READY:
		files_consider(f, name, true);
		break;
	case WATCH_GONE:
		left = files_find_left(f, name);
		if (left != NULL)
			files_forget_left(f, left);
		message = files_find_known(f, name);
		if (message != NULL)
			check_known(f, message);
		else
			files_unknown_gone(f, name);
		break;
	case WATCH_OVERFLOW:
		log_write(&f->log, LOG_SPOOL_OVERFLOW, LOG_NO_FIELDS);
		f->rescan = true;
		break;
	case WATCH_ENDED:
		f->watching = false;
		break;
	}
}

/* Without inotify the directory is read each second: slower, but nothing is missed. */
static void start_watching(struct files *f)
{
	struct fail fail = { 0 };
	int directory;
	enum result r = watch_open(&f->watch, f->loop.ring, watch_told, f, &fail);
	if (r == RESULT_OK) {
		r = watch_add(&f->watch, f->new_fd, &directory, &fail);
		if (r != RESULT_OK)
			watch_close(&f->watch);
	}
	f->watching = r == RESULT_OK;
	if (!f->watching)
		log_write(&f->log, LOG_LIMIT_LOW,
			LOG_FIELDS(log_cstr("what", "new/ is read each second"), log_fail("why", &fail)));
}

/* ---- the thread ---- */

static void tell_gone(struct files *f)
{
	while (f->gone_credits > 0 && !list_is_empty(&f->gone)) {
		struct list_node *node = list_pop_front(&f->gone);
		f->gone_credits--;
		struct message *message = CONTAINER_OF(node, struct message, leave_node);
		hub_post(f->hub->scheduler, POST_FILE_GONE, message, 0, 0);
	}
}

static void tell_idle(struct files *f)
{
	if (!f->begun || f->scanning || f->rescan || !list_is_empty(&f->gone))
		return;
	if (f->told_idle && f->told_open == f->files_open)
		return;
	f->told_idle = true;
	f->told_open = f->files_open;
	hub_post(f->hub->scheduler, POST_FILES_IDLE, NULL, f->files_open, 0);
}

static void turn_end(struct loop *loop)
{
	struct files *f = loop->owner;
	if (f->rescan && !f->scanning && f->credits > 0)
		start_scan(f);
	if (f->scanning)
		scan_slice(f);
	files_queue_turn(f);
	files_prepared_turn(f);
	files_leave_turn(f);
	tell_gone(f);
	tell_idle(f);
	/* There is more to do: come round again after a look at the mailbox. */
	if ((f->scanning && f->credits > 0) || !list_is_empty(&f->leaving) ||
		files_prepared_is_ready(f))
		loop_turn_again(&f->loop);
}

static void hear(struct loop *loop, const struct mailbox_message *message)
{
	struct files *f = loop->owner;
	switch (message->kind) {
	case POST_BEGIN:
		f->begun = true;
		f->rescan = true;
		break;
	case POST_CREDIT:
		f->credits += message->number;
		f->gone_credits += (uint32_t)message->a;
		break;
	case POST_UNLINK:
		files_leave(f, message->object, false);
		break;
	case POST_MOVE_BAD:
		files_leave(f, message->object, true);
		break;
	case POST_DUE:
		files_due(f, message->object);
		break;
	case POST_GONE_HEARD:
		files_gone_heard(f, message->number);
		break;
	case POST_EVICT:
		files_evict(f, message->object);
		break;
	case POST_STOP:
		loop_stop(loop);
		break;
	default:
		files_prepared_hear(f, message);
	}
}

void *files_run(void *files)
{
	static const struct loop_handlers handlers = { .message = hear, .turn_end = turn_end };
	const struct ring_options options = { .submissions = 64, .without_buffers = true };
	struct files *f = files;
	check_install_signal_stack();
	if (loop_init(&f->loop, &options, f->hub->files, &handlers, f, &f->fail) != RESULT_OK)
		return f;
	if (files_queue_open(f, &f->fail) != RESULT_OK) {
		loop_deinit(&f->loop);
		return f;
	}
	start_watching(f);
	loop_timer_start(&f->loop, &f->look_again, LOOK_AGAIN_NS, look_again_due);
	f->loop.nap_ns = LOOP_NAP_NS;
	loop_run(&f->loop);
	files_leave_all(f);
	loop_timer_stop(&f->loop, &f->look_again);
	loop_timer_stop(&f->loop, &f->sync_timer);
	loop_timer_stop(&f->loop, &f->stuck_timer);
	watch_close(&f->watch);
	while (f->watch.op.in_flight)
		ring_run_once(f->loop.ring, RING_FOREVER);
	file_scan_close(&f->scan);
	files_queue_close(f);
	loop_deinit(&f->loop);
	return NULL;
}

/* ---- life ---- */

static enum result open_directories(struct files *f, struct fail *fail)
{
	const char *spool = f->config->options->spool;
	enum result r = file_make_directories(spool, 0750, fail);
	if (r == RESULT_OK)
		r = file_open_directory(AT_FDCWD, spool, &f->spool_fd, fail);
	static const struct {
		const char *name;
		uint32_t mode;
	} names[] = { { "tmp", 0770 }, { "new", 0770 }, { "bad", 0770 }, { "state/" FILES_ASIDE, 0700 } };
	for (size_t i = 0; i < COUNT_OF(names) && r == RESULT_OK; i++) {
		char path[4096];
		if (snprintf(path, sizeof path, "%s/%s", spool, names[i].name) >= (int)sizeof path)
			return fail_set(fail, RESULT_TOO_LONG, "--spool: the path is too long");
		r = file_make_directories(path, names[i].mode, fail);
	}
	if (r == RESULT_OK)
		r = file_open_directory(f->spool_fd, "tmp", &f->tmp_fd, fail);
	if (r == RESULT_OK)
		r = file_open_directory(f->spool_fd, "new", &f->new_fd, fail);
	if (r == RESULT_OK)
		r = file_open_directory(f->spool_fd, "bad", &f->bad_fd, fail);
	if (r == RESULT_OK)
		r = file_open_directory(f->spool_fd, "state/" FILES_ASIDE, &f->aside_fd, fail);
	if (r != RESULT_OK)
		fail_prefix(fail, "--spool %s", spool);
	return r;
}

enum result files_create(struct hub *hub, struct files **out_files, struct fail *fail)
{
	struct files *f = calloc(1, sizeof *f);
	if (f == NULL)
		return fail_set(fail, RESULT_MEMORY, "out of memory for the files thread");
	f->magic = FILES_MAGIC;
	f->hub = hub;
	f->config = hub->config;
	f->log = run_config_logger(hub->config, "files");
	f->spool_fd = f->tmp_fd = f->new_fd = f->bad_fd = f->aside_fd = f->scan.fd = f->watch.fd = -1;
	f->credits = HUB_FILES_MAX;
	f->gone_credits = FILES_GONE_MAX;
	list_init(&f->gone);
	list_init(&f->due);
	list_init(&f->leaving);
	list_init(&f->unsynced);
	files_stuck_init(f);
	files_prepared_init(f);
	struct siphash_key key = random_siphash_key();
	enum result r = hash_map_init(&f->known, 4096, &key, known_key);
	if (r == RESULT_OK)
		r = files_left_names_init(f, &key);
	if (r != RESULT_OK)
		fail_set(fail, r, "out of memory for the files thread");
	else
		r = open_directories(f, fail);
	if (r != RESULT_OK) {
		files_destroy(f);
		return r;
	}
	*out_files = f;
	return RESULT_OK;
}

static void let_go(struct hash_node *node, void *context)
{
	struct files *f = context;
	struct message *message = CONTAINER_OF(node, struct message, known);
	if (list_node_is_linked(&message->leave_node))
		list_remove(&message->leave_node);
	hash_map_remove(&f->known, node);
}

void files_destroy(struct files *f)
{
	if (f == NULL)
		return;
	CHECK_OBJ(f, FILES_MAGIC);
	files_queue_drop(f);
	files_prepared_deinit(f);
	files_stuck_deinit(f);
	if (f->known.table.buckets != NULL) {
		hash_map_for_each(&f->known, let_go, f);
		hash_map_deinit(&f->known);
	}
	files_left_names_deinit(f);
	const int fds[] = { f->spool_fd, f->tmp_fd, f->new_fd, f->bad_fd, f->aside_fd };
	for (size_t i = 0; i < COUNT_OF(fds); i++)
		if (fds[i] >= 0)
			file_close(fds[i]);
	f->magic = 0;
	free(f);
}

const struct fail *files_fail(const struct files *files) { return &files->fail; }

int files_new_fd(const struct files *files) { return files->new_fd; }
