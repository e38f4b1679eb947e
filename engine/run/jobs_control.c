#include <string.h>
#include "engine/base/check.h"
#include "engine/base/nanoseconds.h"
#include "engine/io/clock.h"
#include "engine/run/control_entry.h"
#include "engine/run/control_job.h"
#include "engine/run/control_task.h"
#include "engine/run/holds.h"
#include "engine/run/hub.h"
#include "engine/run/job_content.h"
#include "engine/run/jobs_state.h"

/* Requests of tools at the jobs thread (control_task.h): what jobs have come to, and those of their
 * recipients who are no message yet. Jobs are gone through by their names, so that a task knows where it
 * was. */

/* A mark for the rate is as old as this at least, and a rate is of the time since the mark before it. */
#define RATE_MARK_NS (30 * SECOND_NS)

/* ---- the jobs ---- */

static void look_for_next(struct list *list, const char *after, struct job_run **best)
{
	LIST_FOR_EACH(node, list)
	{
		struct job_run *job = CONTAINER_OF(node, struct job_run, node);
		if (strcmp(job->name, after) > 0 &&
			(*best == NULL || strcmp(job->name, (*best)->name) < 0))
			*best = job;
	}
}

/* The first job behind that name; NULL: none. */
static struct job_run *next_job(struct jobs *j, const char *after)
{
	struct job_run *best = NULL;
	look_for_next(&j->runs, after, &best);
	look_for_next(&j->accepting, after, &best);
	return best;
}

static bool is_accepted(const struct job_run *job) { return job->domains != NULL; }

static struct text label_of(const struct job_run *job) { return job->content->manifest.job; }

static void done_with(struct control_task *task, const struct job_run *job)
{
	(void)snprintf(task->at, sizeof task->at, "%s", job->name);
	task->domain_at = 0;
}

/* ---- how fast ---- */

void jobs_note_rate(struct jobs *j, struct job_run *job)
{
	uint64_t now_ns = loop_now_ns(&j->loop);
	if (job->marks[1].at_ns != 0 && now_ns - job->marks[1].at_ns < RATE_MARK_NS)
		return;
	job->marks[0] = job->marks[1];
	job->marks[1] = (struct job_mark){ now_ns, job->progress.done_count };
	if (job->marks[0].at_ns == 0)
		job->marks[0] = job->marks[1];
}

static uint64_t rate_of(const struct jobs *j, const struct job_run *job)
{
	uint64_t passed_ns = loop_now_ns(&j->loop) - job->marks[0].at_ns;
	if (job->marks[0].at_ns == 0 || passed_ns == 0)
		return 0;
	return (job->progress.done_count - job->marks[0].done_count) * SECOND_NS / passed_ns;
}

/* ---- what a job has come to ---- */

static const char *hold_of(struct jobs *j, const struct job_run *job, struct text domain)
{
	return holds_match(&j->holds, domain, label_of(job), text_of(job->name));
}

static const char *state_of(const struct job_run *job, const char *hold, int64_t now_us)
{
	if (!is_accepted(job))
		return "accepting";
	if (atomic_load(&job->told.is_ending) || job->drops.is_all)
		return "ending";
	if (hold != NULL)
		return "held";
	return job->not_before_unix_s * 1000000 > now_us ? "waiting" : "running";
}

static void fill(struct jobs *j, const struct job_run *job, struct control_job *out)
{
	const char *hold = hold_of(j, job, TEXT_EMPTY);
	const struct job_manifest *manifest = &job->content->manifest;
	*out = (struct control_job){
		.directory = text_of(job->name),
		.job = label_of(job),
		.state = state_of(job, hold, clock_wall_us()),
		.hold = text_of(hold),
		.not_before_us = manifest->not_before_unix_s * 1000000,
		.rcpts_count = manifest->recipients_count,
		.pending = manifest->recipients_count,
		.unmade = manifest->recipients_count,
	};
	if (!is_accepted(job))
		return;
	control_job_take_progress(out, &job->progress);
	out->unmade = job->unmade;
	out->in_memory = atomic_load(&job->told.alive);
	out->expires_us = atomic_load(&job->told.expires_us);
	out->begun_us = job->index.header.made_unix_s * 1000000;
	out->per_second = rate_of(j, job);
	out->domains_count = job->domains_count - 1;
}

static void put(struct jobs *j, struct control_task *task, struct job_run *job)
{
	struct control_job_domain domains[CONTROL_JOB_DOMAINS_MAX];
	struct control_job line;
	fill(j, job, &line);
	if (task->counting == job) {
		line.domains_len = job_count_largest(
			&task->count, &job->index, domains, CONTROL_JOB_DOMAINS_MAX);
		line.domains = domains;
	}
	for (size_t i = 0; i < line.domains_len; i++)
		domains[i].hold = text_of(hold_of(j, job, domains[i].name));
	control_task_put_job(task, &line);
}

/* False: there is more to count, in the next slice. */
static bool count(struct control_task *task, struct job_run *job)
{
	enum result r = RESULT_OK;
	if (!is_accepted(job))
		return true;
	if (task->counting != job) {
		job_count_end(&task->count);
		r = job_count_begin(&task->count, &job->index, &task->fail);
		task->counting = job;
	}
	if (r == RESULT_OK)
		r = job_count_step(&task->count, &job->index, &job->progress, &task->fail);
	return r != RESULT_AGAIN;
}

static void tell_jobs(struct jobs *j, struct control_task *task)
{
	struct text wanted = text_of(task->request.job);
	bool shows = task->request.act == CONTROL_JOB_SHOW;
	struct job_run *job;
	while (!control_task_has_enough(task)) {
		job = next_job(j, task->at);
		task->is_phase_over = job == NULL;
		if (job == NULL)
			return;
		bool is_meant = !shows || text_equal(wanted, label_of(job)) ||
				text_equal(wanted, text_of(job->name));
		if (is_meant && shows && !count(task, job))
			return;
		if (is_meant && task->fail.result == RESULT_OK)
			put(j, task, job);
		done_with(task, job);
	}
}

/* ---- who is not made yet ---- */

static bool is_meant(
	const struct control_task *task, const struct job_run *job, const struct job_domain *domain)
{
	return control_request_matches(
		&task->request, domain->name, label_of(job), text_of(job->name));
}

static void tell_domain(struct jobs *j, struct control_task *task, const struct job_run *job,
	const struct job_domain *domain)
{
	char why[CONTROL_WHY_MAX];
	const char *hold = hold_of(j, job, domain->name);
	int64_t not_before_us = job->not_before_unix_s * 1000000;
	bool is_early = not_before_us > clock_wall_us();
	if (domain->drops)
		(void)snprintf(why, sizeof why, "dropped by the operator, about to go");
	else if (hold != NULL)
		(void)snprintf(why, sizeof why, "held by the operator: %s", hold);
	else if (is_early)
		(void)snprintf(why, sizeof why, "the job waits for its time");
	else
		(void)snprintf(why, sizeof why,
			"not made yet: made when the provider has room for one more");
	const struct control_entry entry = {
		.file = text_of(job->name),
		.job = label_of(job),
		.from = job->content->manifest.sender.text,
		.domain = domain->name,
		.transactional = job->class == ENVELOPE_CLASS_TRANSACTIONAL,
		.state = hold != NULL && !domain->drops ? "held" : "unmade",
		.rcpts_count = domain->unmade,
		.attempt = 1,
		.next_us = is_early && hold == NULL ? not_before_us : 0,
		.expires_us = atomic_load(&job->told.expires_us),
		.why = text_of(why),
	};
	control_task_put(task, &entry);
}

/* HOLD and RELEASE only count them. */
static void tell_unmade(struct jobs *j, struct control_task *task)
{
	struct job_run *job;
	while ((job = next_job(j, task->at)) != NULL) {
		for (; task->domain_at < job->domains_count; task->domain_at++) {
			const struct job_domain *domain = &job->domains[task->domain_at];
			if (control_task_has_enough(task))
				return;
			if (domain->unmade > 0 && is_meant(task, job, domain))
				tell_domain(j, task, job, domain);
		}
		done_with(task, job);
	}
	task->is_phase_over = true;
}

static void keep_rule(struct jobs *j, struct control_task *task)
{
	struct text name;
	enum hold_kind kind = control_request_rule(&task->request, &name);
	if (task->request.act == CONTROL_RELEASE)
		(void)holds_remove(&j->holds, kind, name);
	else if (holds_add(&j->holds, kind, name, NULL) != RESULT_OK)
		return; /* a list will lack the word */
}

/* ---- dropped ---- */

/* Before it is accepted nobody knows whether it has such a domain: it is written down all the same. */
static bool has_meant(const struct control_task *task, const struct job_run *job)
{
	const struct job_domain any = { .name = text_of(task->request.domain) };
	if (!is_meant(task, job, &any))
		return false;
	if (any.name.len == 0 || !is_accepted(job))
		return true;
	for (uint32_t i = 0; i < job->domains_count; i++)
		if (text_equal(job->domains[i].name, any.name))
			return true;
	return false;
}

static void drop_of(struct control_task *task, struct job_run *job)
{
	const uint64_t identity[2] = { job->identity.inode, (uint64_t)job->identity.birth_ns };
	if (!has_meant(task, job) ||
		job_drops_add(&job->drops, job->state_fd, identity, text_of(task->request.domain),
			&task->fail) != RESULT_OK)
		return;
	if (!is_accepted(job)) { /* all that it will have, as far as it says */
		task->rcpts += job->drops.is_all ? job->content->manifest.recipients_count : 0;
		return;
	}
	for (uint32_t i = 0; i < job->domains_count; i++) {
		struct job_domain *domain = &job->domains[i];
		if (domain->drops || !is_meant(task, job, domain))
			continue;
		domain->drops = true;
		task->attempts += domain->unmade > 0;
		task->rcpts += domain->unmade;
	}
}

static void drop(struct jobs *j, struct control_task *task)
{
	struct job_run *job;
	while (task->fail.result == RESULT_OK && (job = next_job(j, task->at)) != NULL) {
		drop_of(task, job);
		done_with(task, job);
	}
	task->is_phase_over = true;
}

/* ---- a task ---- */

void jobs_control(struct jobs *j, struct control_task *task)
{
	CHECK_OBJ(task, CONTROL_TASK_MAGIC);
	switch (task->request.act) {
	case CONTROL_HOLD:
	case CONTROL_RELEASE:
		keep_rule(j, task);
		tell_unmade(j, task);
		break;
	case CONTROL_LIST:
	case CONTROL_SHOW: tell_unmade(j, task); break;
	case CONTROL_JOB_LIST:
	case CONTROL_JOB_SHOW: tell_jobs(j, task); break;
	case CONTROL_DROP: drop(j, task); break;
	case CONTROL_RETRY:
	case CONTROL_ACTS: UNREACHABLE("no request for the jobs thread");
	}
	task->is_phase_over |= task->fail.result != RESULT_OK;
	hub_post(j->hub->main, POST_CONTROL_SLICE, task, 0, 0);
}
