#include "engine/run/control_task.h"
#include "engine/run/revival.h"
#include "engine/run/scheduler_parts.h"

/* Requests of tools (control_task.h): the walk over all messages in memory, in slices, and what the operator
 * holds back. A task that is at work stands in s->tasks, so that its cursor is moved when the message there
 * leaves; a drop stays there until all that was on its way from the queue has arrived. */

/* ---- held, dropped ---- */

static struct text domain_of(const struct attempt *attempt)
{
	return text_of_bytes(attempt->domain->name, attempt->domain->name_len);
}

static struct text job_of(const struct message *message)
{
	return message->envelope != NULL ? message->envelope->job : TEXT_EMPTY;
}

/* `file`: as the queue calls it. */
static bool is_dropped(
	const struct scheduler *s, struct text domain, struct text job, struct text file)
{
	LIST_FOR_EACH(node, &s->tasks)
	{
		const struct control_task *task = CONTAINER_OF(node, struct control_task, node);
		if (task->request.act == CONTROL_DROP &&
			control_request_means(&task->request, domain, job, file))
			return true;
	}
	return false;
}

void control_settle_dropped(struct scheduler *s, struct attempt *attempt)
{
	attempt->is_dropped = true;
	s->drops_wanted += attempt->rcpts_count;
	outcome_settle(
		s, attempt, ATTEMPT_WITHDRAWN, BOUNCE_CLASS_NONE, "", "dropped by the operator");
}

static void hold(struct scheduler *s, struct attempt *attempt)
{
	attempt->is_held = true;
	route_unref(attempt->route);
	attempt->route = NULL;
	outcome_wait(s, attempt, attempt->expires_ns);
}

bool hold_pass(struct scheduler *s, struct attempt *attempt)
{
	const struct message *message = attempt->message;
	struct text domain = domain_of(attempt), file = message_file(message);
	if (attempt->is_dropped || is_dropped(s, domain, job_of(message), file)) {
		control_settle_dropped(s, attempt);
		return false;
	}
	struct holds *holds = s->hub->holds;
	attempt->is_held = false;
	if (holds == NULL || holds_match(holds, domain, job_of(message), file) == NULL)
		return true;
	hold(s, attempt);
	return false;
}

/* ---- what comes from the queue while a drop goes on ---- */

void control_mark_revival(struct scheduler *s, struct revival *revival)
{
	if (is_dropped(s, revival->attempt.domain, revival->file.job, text_of(revival->name)))
		revival->attempt.is_dropped = true;
}

static void mark_revivals_of(struct scheduler *s, struct message *message)
{
	LIST_FOR_EACH(node, &message->revivals)
	control_mark_revival(s, CONTAINER_OF(node, struct revival, node));
}

static void mark_revivals(struct scheduler *s, struct list *messages)
{
	LIST_FOR_EACH(node, messages)
	mark_revivals_of(s, CONTAINER_OF(node, struct message, node));
}

/* ---- one attempt ---- */

/* It waits for its next try in memory, and nobody holds it. */
static void retry(struct scheduler *s, struct attempt *attempt)
{
	CHECK(outcome_take_out(s, attempt));
	if (scheduler_now(s) >= attempt->expires_ns)
		outcome_expire(s, attempt);
	else
		(void)outcome_set_out(s, attempt);
}

/* False: it is not meant, or can be changed no more. */
static bool change(struct scheduler *s, struct control_task *task, struct attempt *attempt)
{
	bool is_busy = attempt->state == ATTEMPT_LEASED || attempt->state == ATTEMPT_RECORDING;
	bool is_waiting = attempt->state == ATTEMPT_WAITING;
	if (attempt->message->state != MESSAGE_DELIVERING)
		return false; /* on its way to the queue: the keeper is asked next */
	if (is_busy)
		task->busy += attempt->rcpts_count;
	switch (task->request.act) {
	case CONTROL_RETRY:
		if (!is_waiting || attempt->is_held || attempt->waits == 0)
			return false;
		retry(s, attempt);
		return true;
	case CONTROL_HOLD:
		if (!is_busy && !is_waiting) {
			CHECK(outcome_take_out(s, attempt));
			hold(s, attempt);
		}
		return !is_busy;
	case CONTROL_RELEASE:
		if (!is_waiting || !attempt->is_held)
			return false;
		retry(s, attempt);
		return true;
	case CONTROL_DROP:
		attempt->is_dropped = true;
		if (is_busy)
			return false; /* unless it is deferred: then it goes */
		CHECK(outcome_take_out(s, attempt));
		control_settle_dropped(s, attempt);
		return true;
	case CONTROL_LIST:
	case CONTROL_SHOW:
	case CONTROL_JOB_LIST:
	case CONTROL_JOB_SHOW:
	case CONTROL_ACTS: break;
	}
	UNREACHABLE("a list changes nothing");
}

/* ---- the walk ---- */

/* Returns how many attempts it looked at. */
static uint32_t look_at(struct scheduler *s, struct control_task *task, struct message *message)
{
	const struct control_request *request = &task->request;
	bool only_tells = control_act_tells(request->act);
	bool has_changed = false;
	uint32_t looked = 1;
	mark_revivals_of(s, message);
	if (message->state != MESSAGE_DELIVERING && message->state != MESSAGE_PARKING) {
		if (only_tells)
			tell_unread(s, task, message);
		return looked;
	}
	LIST_FOR_EACH_SAFE(node, &message->attempts)
	{
		struct attempt *attempt = CONTAINER_OF(node, struct attempt, message_node);
		looked++;
		if (attempt->is_warning ||
			!control_request_means(request, domain_of(attempt), job_of(message),
				text_of(message->name)))
			continue;
		uint32_t rcpts_count = attempt->rcpts_count;
		if (only_tells) {
			tell_attempt(s, task, attempt);
		} else if (change(s, task, attempt)) {
			task->attempts++;
			task->rcpts += rcpts_count;
			has_changed = true;
		}
	}
	if (has_changed)
		park_consider(s, message);
	return looked;
}

static void begin_list(struct scheduler *s, struct control_task *task, struct list *list)
{
	task->list = list;
	task->next = list_first(list);
	task->left = s->messages_count;
}

/* Who tells goes over those that wait to be read as well. False: that was the last list. */
static bool next_list(struct scheduler *s, struct control_task *task)
{
	struct list *const lists[] = { &s->to_split, &s->read_later, &s->to_read, &s->in_work };
	size_t i = 0;
	while (task->list != lists[i])
		i++;
	if (i + 1 == COUNT_OF(lists))
		return false;
	begin_list(s, task, lists[i + 1]);
	return true;
}

/* Some more messages; false: there is none left. */
static bool walk(struct scheduler *s, struct control_task *task)
{
	uint32_t looked = 0;
	do {
		while (task->next != NULL && task->left > 0) {
			if (looked >= CONTROL_SLICE_ATTEMPTS || control_task_has_enough(task))
				return true;
			struct message *message = CONTAINER_OF(task->next, struct message, node);
			task->next = list_next(task->list, task->next);
			task->left--;
			looked += look_at(s, task, message);
		}
	} while (next_list(s, task));
	return false;
}

void control_message_leaves(struct scheduler *s, struct message *message)
{
	watch_message_leaves(s, message);
	LIST_FOR_EACH(node, &s->tasks)
	{
		struct control_task *task = CONTAINER_OF(node, struct control_task, node);
		if (task->next == &message->node)
			task->next = list_next(task->list, task->next);
	}
}

void control_list_leaves(struct scheduler *s, const struct list *list)
{
	LIST_FOR_EACH(node, &s->tasks)
	{
		struct control_task *task = CONTAINER_OF(node, struct control_task, node);
		if (task->list == list)
			task->next = NULL;
	}
}

/* ---- a task ---- */

static void answer(struct scheduler *s, struct control_task *task, bool is_phase_over)
{
	task->is_waiting = false;
	task->is_phase_over = is_phase_over;
	bool stays = task->fail.result == RESULT_OK &&
		     (!is_phase_over || (task->request.act == CONTROL_DROP &&
						task->phase == CONTROL_IN_MEMORY));
	if (!stays && list_node_is_linked(&task->node))
		list_remove(&task->node);
	hub_post(s->hub->main, POST_CONTROL_SLICE, task, 0, 0);
}

static void change_rules(struct scheduler *s, struct control_task *task)
{
	struct text name;
	if (s->hub->holds == NULL ||
		(task->request.act != CONTROL_HOLD && task->request.act != CONTROL_RELEASE))
		return;
	enum hold_kind kind = control_request_rule(&task->request, &name);
	if (task->request.act == CONTROL_RELEASE)
		(void)holds_remove(s->hub->holds, kind, name);
	else if (holds_add(s->hub->holds, kind, name, &task->fail) != RESULT_OK)
		return; /* the task tells */
}

static void begin(struct scheduler *s, struct control_task *task)
{
	change_rules(s, task);
	list_push_back(&s->tasks, &task->node);
	jobs_task_begins(s, task);
	begin_list(s, task, control_act_tells(task->request.act) ? &s->to_split : &s->in_work);
	if (task->request.act != CONTROL_DROP)
		return;
	/* What has come already and waits to be read; those in in_work when their turn comes. */
	mark_revivals(s, &s->to_read);
	mark_revivals(s, &s->read_later);
}

/* What was parked on the way is in the keeper's mailbox; what it had handed out has arrived; what was dropped
 * here stays so, whatever happens: on disk it is marked. */
static bool may_end(const struct scheduler *s, const struct control_task *task)
{
	if (task->phase == CONTROL_TO_END)
		return s->revived_count >= task->handed_count && s->drops_recorded >= task->drops_wanted;
	return s->parks_posted >= task->parks_wanted;
}

void control_step(struct scheduler *s, struct control_task *task)
{
	CHECK_OBJ(task, CONTROL_TASK_MAGIC);
	if (s->phase != PHASE_RUNNING) {
		(void)fail_set(&task->fail, RESULT_UNAVAILABLE, "the sender is about to stop");
		answer(s, task, true);
		return;
	}
	if (task->phase == CONTROL_IN_MEMORY && !list_node_is_linked(&task->node))
		begin(s, task);
	if (task->phase == CONTROL_IN_MEMORY && walk(s, task)) {
		answer(s, task, task->fail.result != RESULT_OK);
		return;
	}
	task->parks_wanted = s->parks_wanted;
	task->drops_wanted = s->drops_wanted;
	task->is_waiting = true; /* mostly until the end of this turn */
}

void control_turn_end(struct scheduler *s)
{
	LIST_FOR_EACH_SAFE(node, &s->tasks)
	{
		struct control_task *task = CONTAINER_OF(node, struct control_task, node);
		if (!task->is_waiting)
			continue;
		if (s->phase != PHASE_RUNNING)
			(void)fail_set(
				&task->fail, RESULT_UNAVAILABLE, "the sender is about to stop");
		if (s->phase != PHASE_RUNNING || may_end(s, task))
			answer(s, task, true);
	}
}

/* The tool has gone away between two slices. */
void control_cancel(struct scheduler *s, struct control_task *task)
{
	task->phase = CONTROL_OVER;
	answer(s, task, true);
}
