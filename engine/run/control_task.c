#include "engine/run/control_task.h"
#include <stdlib.h>
#include "engine/base/json_line.h"
#include "engine/run/control_entry.h"

struct control_task *control_task_create(const struct control_request *request)
{
	struct control_task *task = calloc(1, sizeof *task);
	if (task == NULL)
		return NULL;
	task->magic = CONTROL_TASK_MAGIC;
	task->request = *request;
	return task;
}

void control_task_destroy(struct control_task *task)
{
	if (task == NULL)
		return;
	CHECK_OBJ(task, CONTROL_TASK_MAGIC);
	free(task->out.data);
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
	if (task->request.act != CONTROL_LIST && !with_rcpts)
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
