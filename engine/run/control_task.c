#include "engine/run/control_task.h"
#include <stdlib.h>
#include "engine/base/json_line.h"
#include "engine/run/control_entry.h"

/* Each act begins with the first and goes on to the right. */
static const uint8_t phases[CONTROL_ACTS][5] = {
	[CONTROL_LIST] = { CONTROL_IN_MEMORY, CONTROL_ON_DISK, CONTROL_IN_JOBS, CONTROL_OVER },
	[CONTROL_SHOW] = { CONTROL_IN_MEMORY, CONTROL_ON_DISK, CONTROL_IN_JOBS, CONTROL_OVER },
	[CONTROL_RETRY] = { CONTROL_IN_MEMORY, CONTROL_ON_DISK, CONTROL_OVER },
	[CONTROL_DROP] = { CONTROL_IN_JOBS, CONTROL_IN_MEMORY, CONTROL_ON_DISK, CONTROL_TO_END,
		CONTROL_OVER },
	[CONTROL_HOLD] = { CONTROL_IN_MEMORY, CONTROL_ON_DISK, CONTROL_IN_JOBS, CONTROL_OVER },
	[CONTROL_RELEASE] = { CONTROL_IN_JOBS, CONTROL_IN_MEMORY, CONTROL_ON_DISK, CONTROL_OVER },
	[CONTROL_JOB_LIST] = { CONTROL_IN_MEMORY, CONTROL_ON_DISK, CONTROL_IN_JOBS, CONTROL_OVER },
	[CONTROL_JOB_SHOW] = { CONTROL_IN_MEMORY, CONTROL_ON_DISK, CONTROL_IN_JOBS, CONTROL_OVER },
};

void control_task_go_on(struct control_task *task)
{
	const uint8_t *at = phases[task->request.act];
	while (*at != task->phase) {
		CHECK(*at != CONTROL_OVER);
		at++;
	}
	task->phase = (enum control_phase)at[1];
	task->is_phase_over = false;
	task->at[0] = '\0';
}

struct control_task *control_task_create(const struct control_request *request)
{
	struct control_task *task = calloc(1, sizeof *task);
	if (task == NULL)
		return NULL;
	task->magic = CONTROL_TASK_MAGIC;
	task->request = *request;
	task->phase = (enum control_phase)phases[request->act][0];
	return task;
}

void control_task_destroy(struct control_task *task)
{
	if (task == NULL)
		return;
	CHECK_OBJ(task, CONTROL_TASK_MAGIC);
	free(task->out.data);
	job_count_end(&task->count);
	task->magic = 0;
	free(task);
}

static bool reserve(struct buf *buf, size_t bytes)
{
	if (buf_room(buf) >= bytes)
		return true;
	size_t size =
		buf->len + bytes > CONTROL_SLICE_BYTES ? buf->len + bytes : CONTROL_SLICE_BYTES;
	uint8_t *data = realloc(buf->data, size);
	if (data == NULL)
		return false;
	buf->data = data;
	buf->size = size;
	return true;
}

void control_task_put(struct control_task *task, const struct control_entry *entry)
{
	CHECK_OBJ(task, CONTROL_TASK_MAGIC);
	bool with_rcpts = task->request.act == CONTROL_SHOW;
	task->attempts++;
	task->rcpts += entry->rcpts_count;
	if (!control_act_tells(task->request.act))
		return;
	if (!reserve(&task->out, control_entry_bytes(entry, with_rcpts))) {
		(void)fail_set(&task->fail, RESULT_MEMORY, "no memory for the answer");
		return;
	}
	control_entry_put(&task->out, entry, with_rcpts);
	CHECK(!task->out.overflow);
}

void control_task_put_hold(struct control_task *task, const char *rule)
{
	enum { KEY_BYTES = 16 };
	if (!reserve(&task->out, KEY_BYTES + JSON_ESCAPE_MAX * strlen(rule))) {
		(void)fail_set(&task->fail, RESULT_MEMORY, "no memory for the answer");
		return;
	}
	buf_put_cstr(&task->out, "{\"hold\":");
	json_put_string(&task->out, text_of(rule));
	buf_put_cstr(&task->out, "}\n");
	CHECK(!task->out.overflow);
}

void control_task_put_job(struct control_task *task, const struct control_job *job)
{
	task->attempts++;
	task->rcpts += job->rcpts_count;
	if (!reserve(&task->out, control_job_bytes(job))) {
		(void)fail_set(&task->fail, RESULT_MEMORY, "no memory for the answer");
		return;
	}
	control_job_put(&task->out, job);
	CHECK(!task->out.overflow);
}

void control_task_put_label(struct control_task *task, struct text label,
	const uint64_t by_kind[static CONTROL_JOB_KINDS])
{
	task->attempts++;
	for (size_t i = 0; i < CONTROL_JOB_KINDS; i++)
		task->rcpts += by_kind[i];
	if (!reserve(&task->out, CONTROL_JOB_LABEL_BYTES + JSON_ESCAPE_MAX * label.len)) {
		(void)fail_set(&task->fail, RESULT_MEMORY, "no memory for the answer");
		return;
	}
	control_job_put_label(&task->out, label, by_kind);
	CHECK(!task->out.overflow);
}
