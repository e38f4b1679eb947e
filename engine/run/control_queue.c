#include "engine/run/control_queue.h"
#include <stdio.h>
#include "engine/run/control_entry.h"
#include "engine/run/control_task.h"

struct look {
	struct control_queue *on;
	struct control_task *task;
	const struct queue_file *file;
};

static bool is_in_memory(const struct control_queue *on, const struct queue_key *key)
{
	return key->due_us != on->taken.due_us ? key->due_us < on->taken.due_us
					       : key->id <= on->taken.id;
}

/* Is there something to be done to it, or to be told of it? What was never tried and is not held waits for
 * the time that its submitter gave, which is not ours to change. */
static bool is_meant(const struct look *look, const struct queue_attempt *attempt)
{
	const struct control_task *task = look->task;
	if (!control_request_means(
		    &task->request, attempt->domain, look->file->job, look->file->file.name))
		return false;
	switch (task->request.act) {
	case CONTROL_LIST:
	case CONTROL_SHOW:
	case CONTROL_JOB_LIST:
	case CONTROL_JOB_SHOW:
	case CONTROL_HOLD: return true;
	case CONTROL_RETRY:
		return attempt->waits > 0 && !attempt->is_held &&
		       attempt->next_us > look->on->now_us;
	case CONTROL_DROP: return !attempt->is_dropped;
	case CONTROL_RELEASE: return attempt->is_held;
	case CONTROL_ACTS: break;
	}
	UNREACHABLE("every act is listed");
}

static bool changes(const struct control_task *task)
{
	enum control_act act = task->request.act;
	return act == CONTROL_RETRY || act == CONTROL_DROP || act == CONTROL_RELEASE;
}

static bool mark(struct queue_attempt *attempt, void *context)
{
	const struct look *look = context;
	if (!is_meant(look, attempt))
		return false;
	if (look->task->request.act == CONTROL_DROP)
		attempt->is_dropped = true;
	if (look->task->request.act == CONTROL_RELEASE)
		attempt->is_held = false;
	return true;
}

static void tell(struct look *look, const struct queue_attempt *attempt)
{
	char why[CONTROL_WHY_MAX];
	struct control_entry entry;
	struct holds *holds = look->on->holds;
	struct text name = look->file->file.name;
	size_t slash = text_find(name, '/'); /* of a job: rules name its directory */
	if (slash != TEXT_NONE)
		name = text_cut(name, slash);
	const char *hold =
		holds != NULL ? holds_match(holds, attempt->domain, look->file->job, name) : NULL;
	control_entry_of_queue(look->file, attempt, hold, look->on->ahead_us, why, &entry);
	control_task_put(look->task, &entry);
}

/* What cannot be read is not sent, and not ours to change. `file` may have nothing but its name. */
static void tell_damaged(struct look *look)
{
	struct control_task *task = look->task;
	bool lists = task->request.act == CONTROL_LIST || task->request.act == CONTROL_SHOW;
	if (!lists || !control_request_matches(&task->request, TEXT_EMPTY, look->file->job,
			      look->file->file.name))
		return;
	char why[CONTROL_WHY_MAX];
	(void)snprintf(why, sizeof why,
		"the queue's entry of %.*s is damaged: take the file out of new/, and put it back for "
		"those who have not got it",
		TEXT_ARG(look->file->file.name));
	const struct control_entry entry = {
		.file = look->file->file.name,
		.id = look->file->id,
		.job = look->file->job,
		.from = look->file->from,
		.state = "damaged",
		.is_parked = true,
		.why = text_of(why),
	};
	control_task_put(task, &entry);
}

/* Returns how many attempts it looked at. */
static uint32_t look_at(struct look *look, bool *out_changed)
{
	struct control_queue *on = look->on;
	struct control_task *task = look->task;
	bool is_met = false;
	for (uint32_t i = 0; i < look->file->keys_count && task->fail.result == RESULT_OK; i++) {
		struct queue_attempt attempt;
		if (is_in_memory(on, &look->file->keys[i]))
			continue;
		enum result r = queue_get(
			on->reader, &look->file->keys[i], on->arena, &attempt, &task->fail);
		if (r == RESULT_NOT_FOUND)
			continue; /* parked anew since the file was read */
		if (queue_attempt_is_damaged(r, &attempt)) {
			fail_clear(&task->fail);
			tell_damaged(look);
			continue;
		}
		if (r != RESULT_OK)
			return i;
		if (!is_meant(look, &attempt))
			continue;
		is_met = true;
		tell(look, &attempt);
	}
	if (!is_met || !changes(task) || task->fail.result != RESULT_OK)
		return look->file->keys_count;
	*out_changed = true;
	enum result r = queue_hasten(
		on->queue, look->file, &on->taken, on->now_us, mark, look, &task->fail);
	CHECK(r == task->fail.result);
	return look->file->keys_count;
}

/* A file by its name, then the recipients of a job directory of that name. */
static enum result next_named(
	struct control_queue *on, struct control_task *task, struct queue_file *out_file)
{
	char prefix[FILE_NAME_BYTES_MAX + 2];
	struct fail *fail = &task->fail;
	const char *name = task->request.file;
	if (task->at[0] == '\0') {
		enum result r = queue_find(on->reader, text_of(name), on->arena, out_file, fail);
		if (r != RESULT_NOT_FOUND)
			return r;
		arena_reset(on->arena);
	}
	(void)snprintf(prefix, sizeof prefix, "%s/", name);
	bool is_inside = text_starts(text_of(task->at), text_of(prefix));
	enum result r = queue_next_file(
		on->reader, text_of(is_inside ? task->at : prefix), on->arena, out_file, fail);
	if (r == RESULT_OK && !text_starts(out_file->file.name, text_of(prefix)))
		return fail_set(fail, RESULT_NOT_FOUND, "no more of %s wait", name);
	return r;
}

static enum result next_file(
	struct control_queue *on, struct control_task *task, struct queue_file *out_file)
{
	if (task->request.file[0] != '\0')
		return next_named(on, task, out_file);
	return queue_next_file(on->reader, text_of(task->at), on->arena, out_file, &task->fail);
}

void control_queue_step(struct control_queue *on, struct control_task *task, bool *out_changed)
{
	uint32_t looked = 0;
	*out_changed = false;
	while (looked < CONTROL_SLICE_ON_DISK && !control_task_has_enough(task)) {
		struct queue_file file;
		struct look look = { on, task, &file };
		arena_reset(on->arena);
		enum result r = next_file(on, task, &file);
		if (r == RESULT_NOT_FOUND) {
			fail_clear(&task->fail);
			task->is_phase_over = true;
			return;
		}
		bool is_damaged = queue_file_is_damaged(r, &file);
		if (r != RESULT_OK && !is_damaged)
			break;
		if (is_damaged) {
			fail_clear(&task->fail);
			tell_damaged(&look);
		}
		looked += 1 + (is_damaged ? 0 : look_at(&look, out_changed));
		(void)snprintf(task->at, sizeof task->at, "%.*s", TEXT_ARG(file.file.name));
	}
	task->is_phase_over = task->fail.result != RESULT_OK;
}
