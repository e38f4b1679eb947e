#include "engine/run/control_task.h"
#include "engine/run/holds.h"
#include "engine/run/message.h"
#include "engine/run/revival.h"
#include "engine/run/scheduler_parts.h"

/* What a request of a tool does to job directories as wholes: their recipients that are messages are walked
 * over as all others (scheduler_control.c). */

static bool is_meant(
	const struct control_task *task, const struct job_run *job, const struct job_domain *domain)
{
	return control_request_matches(
		&task->request, domain->name, job->label, text_of(job->name));
}

/* ---- dropped ---- */

/* Made in a moment, or being merged: nobody else sees that they are meant. */
static void count_unread(struct control_task *task, struct job_run *job)
{
	LIST_FOR_EACH(node, &job->rcpts)
	{
		const struct message *message = jobs_message_of(node);
		const struct job_rcpt *rcpt = message->rcpt;
		bool is_unread =
			message->state == MESSAGE_FOUND || message->state == MESSAGE_READING;
		if (!is_unread || message->in_queue || rcpt->is_dropped || rcpt->domain == NULL ||
			!is_meant(task, job, rcpt->domain))
			continue;
		task->attempts++;
		task->rcpts++;
	}
}

static void mark_revivals(struct scheduler *s, struct job_run *job)
{
	LIST_FOR_EACH(node, &job->rcpts)
	{
		struct message *message = jobs_message_of(node);
		LIST_FOR_EACH(revival, &message->revivals)
		control_mark_revival(s, CONTAINER_OF(revival, struct revival, node));
	}
}

static void drop_domain(struct job_run *job, struct job_domain *domain)
{
	domain->is_dropped = job->has_dropped = true;
	if (domain->is_over || domain->coming > 0)
		return;
	jobs_line_leave(domain);
	list_push_back(&job->dropped, &domain->node);
}

static void drop_of(struct scheduler *s, struct control_task *task, struct job_run *job)
{
	count_unread(task, job);
	mark_revivals(s, job);
	for (uint32_t i = 0; i < job->domains_count; i++)
		if (!job->domains[i].is_dropped && is_meant(task, job, &job->domains[i]))
			drop_domain(job, &job->domains[i]);
}

bool jobs_has_dropped(const struct job_run *job, struct text domain)
{
	for (uint32_t i = 0; job->has_dropped && i < job->domains_count; i++)
		if (job->domains[i].is_dropped && text_equal(job->domains[i].name, domain))
			return true;
	return false;
}

/* ---- told ---- */

static void tell_of(struct scheduler *s, struct job_run *job)
{
	atomic_store(&job->told.alive, job->alive);
	atomic_store(&job->told.is_ending, job->verdict != ATTEMPT_OPEN);
	atomic_store(&job->told.expires_us, outcome_wall_of(s, (uint64_t)jobs_expire_at(s, job)));
}

/* Of single files. */
static void tell_label(struct hash_node *node, void *context)
{
	struct control_task *task = context;
	const struct job *job = CONTAINER_OF(node, struct job, node);
	uint64_t sum = 0;
	for (size_t i = 0; i < CONTROL_JOB_KINDS; i++)
		sum += job->by_kind[i];
	if (sum > 0)
		control_task_put_label(task, text_of_bytes(job->name, job->name_len), job->by_kind);
}

static void tell_labels(struct scheduler *s, struct control_task *task)
{
	if (task->request.act == CONTROL_JOB_LIST) {
		hash_map_for_each(&s->jobs, tell_label, task);
	} else if (task->request.act == CONTROL_JOB_SHOW) {
		struct hash_node *node = hash_map_find(&s->jobs, text_of(task->request.job));
		if (node != NULL)
			tell_label(node, task);
	}
}

/* ---- a task begins ---- */

void jobs_task_begins(struct scheduler *s, struct control_task *task)
{
	LIST_FOR_EACH(node, &s->job_runs)
	{
		struct job_run *job = CONTAINER_OF(node, struct job_run, run_node);
		if (control_act_tells(task->request.act))
			tell_of(s, job);
		else if (task->request.act == CONTROL_DROP)
			drop_of(s, task, job);
		else if (task->request.act == CONTROL_RELEASE)
			list_splice_back(
				&job->ready, &job->held); /* who is held still is seen again */
	}
	tell_labels(s, task);
	if (task->request.act != CONTROL_DROP)
		return;
	LIST_FOR_EACH(node, &s->job_revivals)
	control_mark_revival(s, CONTAINER_OF(node, struct revival, node));
}
