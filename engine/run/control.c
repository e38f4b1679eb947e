#include "engine/run/control.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "engine/base/json_object.h"
#include "engine/base/nanoseconds.h"
#include "engine/io/conn.h"
#include "engine/io/file.h"
#include "engine/io/loop.h"
#include "engine/io/socket_unix.h"
#include "engine/run/config.h"
#include "engine/run/control_task.h"
#include "engine/run/hub.h"
#include "engine/run/run.h"

/* A client: accepted, its line read, its task sent around, what each slice wrote sent to it, the end line,
 * closed. `is_out`: another thread has the task; then a client that is gone waits for it. */

/* A tool asks at once; one that reads nothing for so long is stopped, or dead. */
#define SILENCE_NS (30 * SECOND_NS)
/* Out of descriptors: some may be free then. */
#define ACCEPT_AGAIN_NS (100 * MS_NS)

static const char socket_name[] = "control";

enum { END_BYTES = 2048 };

struct client {
	struct list_node node;
	struct control *control;
	struct conn conn;
	struct timer silence;
	struct control_task *task; /* NULL: its line is not whole yet */
	bool is_out, is_gone;
	size_t sent;    /* of what the task has written */
	bool has_ended; /* the last line is in `end` */
	struct buf end;
	uint8_t end_memory[END_BYTES];
	size_t line_len;
	char line[CONTROL_LINE_MAX + 1];
};

/* ---- the last line ---- */

static int status_of(enum result result)
{
	if (result == RESULT_OK)
		return RUN_EXIT_DONE;
	if (result == RESULT_INVALID)
		return RUN_EXIT_ARGUMENTS;
	return result == RESULT_UNAVAILABLE ? RUN_EXIT_MAIL_WAITS : RUN_EXIT_NOT_WRITABLE;
}

static void put_end(struct client *c, const struct fail *fail)
{
	struct buf *end = &c->end;
	const struct control_task *task = c->task;
	c->has_ended = true;
	json_object_open(end, NULL);
	json_object_put_bool(end, "end", true);
	if (fail->result != RESULT_OK)
		json_object_put_text(end, "error", text_of(fail->text));
	json_object_put_number(end, "status", (uint64_t)status_of(fail->result));
	json_object_put_number(end, "attempts", task != NULL ? task->attempts : 0);
	json_object_put_number(end, "recipients", task != NULL ? task->rcpts : 0);
	json_object_put_number(end, "busy", task != NULL ? task->busy : 0);
	json_object_put_bool(end, "rule", task != NULL && task->has_rule);
	json_object_close(end);
	buf_put_u8(end, '\n');
	CHECK(!end->overflow);
}

/* ---- the rules ---- */

static enum result set_rule(struct control *control, struct control_task *task, struct fail *fail)
{
	struct text name;
	enum hold_kind kind = control_request_rule(&task->request, &name);
	bool had = holds_have(&control->holds, kind, name);
	enum result r = holds_add(&control->holds, kind, name, fail);
	if (r == RESULT_OK && !had)
		r = holds_save(&control->holds, fail);
	if (r != RESULT_OK && !had)
		(void)holds_remove(&control->holds, kind, name);
	task->has_rule = r == RESULT_OK;
	return r;
}

/* The last thing of a release: whoever is told of it finds it done. */
static void remove_rule(struct control *control, struct control_task *task)
{
	struct text name;
	enum hold_kind kind = control_request_rule(&task->request, &name);
	task->has_rule = holds_remove(&control->holds, kind, name);
	if (task->has_rule && holds_save(&control->holds, &task->fail) != RESULT_OK)
		(void)fail_prefix(&task->fail,
			"released, but the next start of the sender will hold it again");
}

/* A list of everything begins with the rules, which may hold nothing at present. */
static void put_rule(struct hash_node *node, void *context)
{
	struct control_task *task = context;
	control_task_put_hold(task, CONTAINER_OF(node, struct hold, node)->text);
}

/* ---- the way of a task ---- */

static void pump(struct client *c);

static void post(struct client *c, enum post_kind kind)
{
	struct hub *hub = c->control->hub;
	struct mailbox *to = hub->scheduler;
	if (c->task->phase == CONTROL_ON_DISK)
		to = hub->keeper;
	if (c->task->phase == CONTROL_IN_JOBS)
		to = hub->jobs;
	c->is_out = true;
	hub_post(to, kind, c->task, 0, 0);
}

static void finish(struct client *c)
{
	struct control_task *task = c->task;
	task->phase = CONTROL_OVER;
	if (task->request.act == CONTROL_RELEASE && task->fail.result == RESULT_OK)
		remove_rule(c->control, task);
	put_end(c, &task->fail);
	pump(c);
}

static void free_client(struct client *c)
{
	loop_timer_stop(c->control->loop, &c->silence);
	list_remove(&c->node);
	c->control->clients_count--;
	control_task_destroy(c->task);
	free(c);
}

/* The task is here, and all that it wrote is on its way. */
static void go_on(struct client *c)
{
	struct control_task *task = c->task;
	if (c->control->is_stopping)
		return;
	if (task->phase == CONTROL_OVER) {
		if (c->is_gone)
			free_client(c);
		else
			finish(c);
		return;
	}
	if (task->fail.result != RESULT_OK || c->is_gone) {
		task->phase = CONTROL_OVER;
		post(c, POST_CONTROL_CANCEL);
		return;
	}
	if (task->is_phase_over)
		control_task_go_on(task);
	if (task->phase == CONTROL_OVER)
		finish(c);
	else
		post(c, POST_CONTROL);
}

/* Sends what there is; false: the client is to read first. */
static bool send_some(struct client *c, struct buf *buf)
{
	while (c->sent < buf->len) {
		size_t took = conn_write(&c->conn, buf->data + c->sent, buf->len - c->sent);
		if (took == 0)
			return false;
		c->sent += took;
	}
	buf_reset(buf);
	c->sent = 0;
	return true;
}

static void pump(struct client *c)
{
	if (c->is_out || c->is_gone)
		return;
	bool all = c->task == NULL || send_some(c, &c->task->out);
	if (all && c->has_ended)
		all = send_some(c, &c->end);
	conn_flush(&c->conn);
	if (!all)
		return;
	if (!c->has_ended && c->task != NULL)
		go_on(c);
	else if (c->has_ended && conn_unsent(&c->conn) == 0)
		conn_close(&c->conn);
}

void control_slice_done(struct control *control, struct control_task *task)
{
	CHECK_OBJ(task, CONTROL_TASK_MAGIC);
	struct client *c = task->owner;
	CHECK(c->is_out && c->control == control);
	c->is_out = false;
	if (c->is_gone)
		go_on(c);
	else
		pump(c);
}

/* ---- the line ---- */

static void begin(struct client *c, struct text line)
{
	struct control_request request;
	struct control *control = c->control;
	struct fail fail = { 0 };
	enum result r = control_request_parse(line, &request, &fail);
	if (r == RESULT_OK && (c->task = control_task_create(&request)) == NULL)
		r = fail_set(&fail, RESULT_MEMORY, "no memory for the request");
	if (r == RESULT_OK && request.act == CONTROL_HOLD)
		r = set_rule(control, c->task, &fail);
	if (r != RESULT_OK) {
		put_end(c, &fail);
		pump(c);
		return;
	}
	c->task->owner = c;
	if (control_request_wants_rules(&request))
		hash_map_for_each(&control->holds.rules, put_rule, c->task);
	post(c, POST_CONTROL);
}

static void received(struct conn *conn, const uint8_t *data, size_t len)
{
	struct client *c = conn->owner;
	struct text text = text_of_bytes(data, len);
	if (c->task != NULL || c->has_ended)
		return; /* one request a connection */
	size_t end = text_find(text, '\n');
	struct text part = end != TEXT_NONE ? text_cut(text, end) : text;
	if (part.len > sizeof c->line - c->line_len) {
		const struct fail fail = { .result = RESULT_INVALID,
			.text = "the request is longer than any that can be meant" };
		put_end(c, &fail);
		pump(c);
		return;
	}
	if (part.len > 0)
		memcpy(c->line + c->line_len, part.data, part.len);
	c->line_len += part.len;
	if (end != TEXT_NONE)
		begin(c, text_of_bytes(c->line, c->line_len));
}

/* ---- connections ---- */

static void silence_due(struct timer *timer)
{
	struct client *c = CONTAINER_OF(timer, struct client, silence);
	if (c->is_out) /* it is us who let it wait */
		loop_timer_start(c->control->loop, timer, SILENCE_NS, silence_due);
	else
		conn_abort(&c->conn);
}

static void sent(struct conn *conn)
{
	struct client *c = conn->owner;
	loop_timer_start(c->control->loop, &c->silence, SILENCE_NS, silence_due);
	pump(c);
}

static void failed(struct conn *conn) { conn_close(conn); }

static void closed(struct conn *conn)
{
	struct client *c = conn->owner;
	c->is_gone = true;
	loop_timer_stop(c->control->loop, &c->silence);
	if (c->task == NULL || (c->task->phase == CONTROL_OVER && !c->is_out))
		free_client(c);
	else if (!c->is_out)
		go_on(c);
}

static void take(struct control *control, int fd)
{
	static const struct conn_handlers handlers = {
		.failed = failed,
		.received = received,
		.sent = sent,
		.closed = closed,
	};
	struct client *c =
		control->clients_count < CONTROL_CLIENTS_MAX ? calloc(1, sizeof *c) : NULL;
	if (c == NULL) {
		ring_close_and_forget(control->loop->ring, fd);
		return;
	}
	c->control = control;
	buf_init(&c->end, c->end_memory, sizeof c->end_memory);
	list_push_back(&control->clients, &c->node);
	control->clients_count++;
	loop_timer_start(control->loop, &c->silence, SILENCE_NS, silence_due);
	conn_adopt(&c->conn, &control->pool, &handlers, c, fd);
}

static void accept_done(struct io_op *op, const struct io_result *result);

static void accept_again(struct timer *timer)
{
	struct control *control = CONTAINER_OF(timer, struct control, again);
	if (!control->is_stopping && !control->accept_op.in_flight)
		ring_accept(control->loop->ring, &control->accept_op, control->fd, accept_done);
}

static void accept_done(struct io_op *op, const struct io_result *result)
{
	struct control *control = CONTAINER_OF(op, struct control, accept_op);
	if (result->value >= 0 && control->is_stopping)
		ring_close_and_forget(control->loop->ring, result->value);
	else if (result->value >= 0)
		take(control, result->value);
	if (!result->more && !control->is_stopping)
		loop_timer_start(control->loop, &control->again, ACCEPT_AGAIN_NS, accept_again);
}

/* ---- begin and end ---- */

static enum result listen_in(struct control *control, const char *state, struct fail *fail)
{
	enum result r = file_open_directory(AT_FDCWD, state, &control->dir_fd, fail);
	if (r == RESULT_OK)
		r = socket_listen_unix(control->dir_fd, socket_name, &control->fd, fail);
	return r;
}

enum result control_open(
	struct control *control, struct hub *hub, struct loop *loop, struct fail *fail)
{
	char state[4096];
	*control = (struct control){ .hub = hub, .loop = loop, .fd = -1, .dir_fd = -1 };
	list_init(&control->clients);
	if (snprintf(state, sizeof state, "%s/state", hub->config->options->spool) >=
		(int)sizeof state)
		return fail_set(fail, RESULT_TOO_LONG, "--spool: the path is too long");
	enum result r = holds_load(&control->holds, state, fail);
	if (r == RESULT_OK)
		r = conn_pool_init(&control->pool, loop->ring, CONTROL_CLIENTS_MAX,
			CONN_FLIGHT_BYTES_MIN, fail);
	control->has_pool = r == RESULT_OK;
	if (r == RESULT_OK)
		r = listen_in(control, state, fail);
	if (r == RESULT_OK)
		ring_accept(loop->ring, &control->accept_op, control->fd, accept_done);
	return r;
}

/* A connection that is being closed ends in a turn of the ring; its client goes with it, or when the task
 * is seen to be at home: nobody else is left. */
static void let_go(struct control *control)
{
	LIST_FOR_EACH_SAFE(node, &control->clients)
	{
		struct client *c = CONTAINER_OF(node, struct client, node);
		c->is_out = false;
		if (c->task != NULL)
			c->task->phase = CONTROL_OVER;
		if (c->is_gone)
			free_client(c);
		else
			conn_abort(&c->conn);
	}
}

void control_close(struct control *control)
{
	if (control->hub == NULL)
		return;
	control->is_stopping = true;
	loop_timer_stop(control->loop, &control->again);
	ring_cancel(control->loop->ring, &control->accept_op);
	let_go(control);
	while (control->accept_op.in_flight || !list_is_empty(&control->clients))
		ring_run_once(control->loop->ring, RING_FOREVER);
	if (control->fd >= 0) {
		(void)unlinkat(control->dir_fd, socket_name,
			0); /* who finds it there sees that it is dead */
		ring_close_and_forget(control->loop->ring, control->fd);
	}
	if (control->dir_fd >= 0)
		file_close(control->dir_fd);
	if (control->has_pool)
		conn_pool_deinit(&control->pool);
	holds_deinit(&control->holds);
	control->hub = NULL;
}

enum result control_connect(const char *spool, int *out_fd, struct fail *fail)
{
	char state[4096];
	int dir_fd;
	if (snprintf(state, sizeof state, "%s/state", spool) >= (int)sizeof state)
		return fail_set(fail, RESULT_TOO_LONG, "--spool: the path is too long");
	enum result r = file_open_directory(AT_FDCWD, state, &dir_fd, fail);
	if (r != RESULT_OK)
		return r == RESULT_NOT_FOUND || r == RESULT_INVALID
			       ? fail_set(fail, RESULT_INVALID,
					 "%s is no spool: longship send --spool makes one", spool)
			       : r;
	r = socket_connect_unix(dir_fd, socket_name, out_fd, fail);
	file_close(dir_fd);
	return r;
}
