#include "engine/run/files_stuck.h"
#include <string.h>
#include "engine/run/files_leave.h"
#include "engine/run/files_state.h"
#include "engine/run/forgotten.h"

enum {
	/* Where nothing at all can be removed a million may come to this: those beyond wait for the next
	 * start, which finds them done. Each takes less than a kilobyte. */
	STUCK_MAX = 4096,
	/* Tries of one time, since each is a call that may fail slowly. */
	TRIES_MAX = 32,
};

static void stuck_due(struct timer *timer);

static void try_after(struct files *f, uint64_t wait_ns)
{
	if (!timer_is_running(&f->stuck_timer))
		loop_timer_start(&f->loop, &f->stuck_timer, wait_ns, stuck_due);
}

void files_stuck_add(struct files *f, const struct message *message)
{
	struct message *copy = NULL;
	if (f->stuck_count < STUCK_MAX)
		copy = message_create(message->name, &message->identity);
	if (copy == NULL)
		return;
	copy->is_job = message->is_job;
	copy->in_queue = message->in_queue;
	copy->to_bad = message->to_bad;
	memcpy(copy->reason, message->reason, sizeof copy->reason);
	list_push_back(&f->stuck, &copy->leave_node);
	f->stuck_count++;
	try_after(f, f->config->watch_minute_ns);
}

static void drop(struct files *f, struct message *copy)
{
	f->stuck_count--;
	message_destroy(copy);
}

/* RESULT_OK too when somebody else has removed it. */
static enum result try_one(struct files *f, struct message *copy)
{
	struct left_name *left = files_find_left(f, copy->name);
	enum result r = files_remove(f, copy, NULL);
	if (r != RESULT_OK && r != RESULT_NOT_FOUND)
		return r;
	if (left != NULL && left->kind == LEFT_STUCK &&
		file_identity_equal(&left->identity, &copy->identity))
		files_forget_left(f, left);
	log_write(&f->log, LOG_SPOOL_FILE_REMOVED, LOG_FIELDS(log_cstr("file", copy->name)));
	return RESULT_OK;
}

/* Those that still cannot be removed go behind the others. */
static void stuck_due(struct timer *timer)
{
	struct files *f = CONTAINER_OF(timer, struct files, stuck_timer);
	bool any = false;
	uint32_t tries = f->stuck_count < TRIES_MAX ? f->stuck_count : TRIES_MAX;
	for (uint32_t i = 0; i < tries && !list_is_empty(&f->stuck); i++) {
		struct list_node *node = list_pop_front(&f->stuck);
		bool is_gone = try_one(f, CONTAINER_OF(node, struct message, leave_node)) == RESULT_OK;
		list_push_back(is_gone ? &f->stuck_gone : &f->stuck, node);
		any |= is_gone;
	}
	if (any)
		files_sync_soon(f);
	/* What kept one of them may have kept them all. */
	if (!list_is_empty(&f->stuck))
		try_after(f, any ? f->config->watch_minute_ns / 60 : f->config->watch_minute_ns);
}

/* The queue before the journal (keeper.h). */
void files_stuck_synced(struct files *f, bool is_durable)
{
	struct list_node *node;
	struct forgotten *first = NULL;
	uint64_t count = 0;
	if (!is_durable) /* the journal is kept until the next start */
		return;
	while ((node = list_pop_front(&f->stuck_gone)) != NULL) {
		struct message *copy = CONTAINER_OF(node, struct message, leave_node);
		if (copy->in_queue) {
			struct forgotten *forgotten = forgotten_create(copy->name, &copy->identity);
			if (forgotten != NULL) /* else the next start finds it out of the journal */
				forgotten->next = first;
			first = forgotten != NULL ? forgotten : first;
		} else {
			count++;
		}
		files_count_left(f, copy);
		drop(f, copy);
	}
	if (first != NULL)
		hub_post(f->hub->keeper, POST_FORGET_LATE, first, 0, 0);
	if (count > 0)
		hub_post(f->hub->recorder, POST_FORGOTTEN, NULL, 0, count);
}

void files_stuck_init(struct files *f)
{
	list_init(&f->stuck);
	list_init(&f->stuck_gone);
}

void files_stuck_deinit(struct files *f)
{
	struct list_node *node;
	while ((node = list_pop_front(&f->stuck)) != NULL ||
		(node = list_pop_front(&f->stuck_gone)) != NULL)
		drop(f, CONTAINER_OF(node, struct message, leave_node));
}
