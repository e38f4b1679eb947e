#include "engine/run/queue_local_jobs.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include "engine/base/limits.h"
#include "engine/io/clock.h"
#include "engine/io/file.h"
#include "engine/io/file_scan.h"
#include "engine/run/control_entry.h"
#include "engine/run/control_task.h"
#include "engine/run/holds.h"
#include "engine/run/job_rest.h"
#include "engine/run/job_run.h"
#include "engine/run/recovery.h"

struct look {
	struct local_jobs *jobs;
	struct job_rest_place place;
	struct job_rest job;
};

static struct text label_of(const struct look *l) { return l->job.content->manifest.job; }

static const char *hold_of(const struct look *l, struct text domain)
{
	return holds_match(l->jobs->holds, domain, label_of(l), text_of(l->job.name));
}

static bool is_meant(const struct look *l, struct text domain)
{
	return control_request_matches(
		&l->jobs->task->request, domain, label_of(l), text_of(l->job.name));
}

/* ---- told ---- */

static const char *state_of(const struct look *l, const char *hold)
{
	if (l->job.drops.is_all)
		return "ending";
	if (hold != NULL)
		return "held";
	return l->job.is_accepted ? "stopped" : "new";
}

static void tell_job(struct look *l)
{
	const struct job_rest *job = &l->job;
	const struct job_manifest *manifest = &job->content->manifest;
	struct control_job_domain domains[CONTROL_JOB_DOMAINS_MAX];
	struct text wanted = text_of(l->jobs->task->request.job);
	bool shows = l->jobs->task->request.act == CONTROL_JOB_SHOW;
	if (shows && !text_equal(wanted, label_of(l)) && !text_equal(wanted, text_of(job->name)))
		return;
	const char *hold = hold_of(l, TEXT_EMPTY);
	struct control_job line = {
		.directory = text_of(job->name),
		.job = label_of(l),
		.state = state_of(l, hold),
		.hold = text_of(hold),
		.not_before_us = manifest->not_before_unix_s * 1000000,
		.rcpts_count = manifest->recipients_count,
		.pending = manifest->recipients_count,
		.unmade = manifest->recipients_count,
	};
	if (job->is_accepted) {
		control_job_take_progress(&line, &job->progress);
		line.unmade = job->unmade_count;
		line.begun_us = job->index.header.made_unix_s * 1000000;
		line.domains_count = job->index.header.domains_count - 1;
	}
	if (job->is_accepted && shows) {
		line.domains = domains;
		line.domains_len = job_count_largest(
			&job->count, &job->index, domains, CONTROL_JOB_DOMAINS_MAX);
	}
	for (size_t i = 0; i < line.domains_len; i++)
		domains[i].hold = text_of(hold_of(l, domains[i].name));
	control_task_put_job(l->jobs->task, &line);
}

static void tell_domain(struct look *l, struct text domain, uint64_t rcpts_count, bool is_dropped)
{
	char why[CONTROL_WHY_MAX];
	const struct job_manifest *manifest = &l->job.content->manifest;
	const char *hold = hold_of(l, domain);
	if (is_dropped)
		(void)snprintf(
			why, sizeof why, "dropped by the operator: the next sender tells so");
	else if (hold != NULL)
		(void)snprintf(why, sizeof why, "held by the operator: %s", hold);
	else
		(void)snprintf(why, sizeof why, "no sender runs that would send it");
	const struct control_entry entry = {
		.file = text_of(l->job.name),
		.job = label_of(l),
		.from = manifest->sender.text,
		.domain = domain,
		.transactional = manifest->class == ENVELOPE_CLASS_TRANSACTIONAL,
		.state = hold != NULL && !is_dropped ? "held" : "unmade",
		.rcpts_count = (uint32_t)rcpts_count,
		.attempt = 1,
		.next_us = manifest->not_before_unix_s * 1000000,
		.why = text_of(why),
	};
	control_task_put(l->jobs->task, &entry);
}

static void tell_unmade(struct look *l)
{
	const struct job_rest *job = &l->job;
	if (!job->is_accepted) { /* nobody knows yet of which domains they are */
		if (is_meant(l, TEXT_EMPTY))
			tell_domain(l, TEXT_EMPTY, job->content->manifest.recipients_count,
				job->drops.is_all);
		return;
	}
	for (uint32_t i = 0; i < job->index.header.domains_count; i++) {
		struct text domain = job->index.domains[i].name;
		if (job->unmade[i] > 0 && is_meant(l, domain))
			tell_domain(l, domain, job->unmade[i], job_drops_have(&job->drops, domain));
		if (control_task_has_enough(l->jobs->task))
			l->jobs->give(l->jobs->context);
	}
}

/* ---- dropped ---- */

static enum result open_state(struct look *l, struct fail *fail)
{
	char path[4096];
	struct local_jobs *jobs = l->jobs;
	if (l->job.state_fd >= 0)
		return RESULT_OK;
	if (snprintf(path, sizeof path, "%s/jobs/%s", jobs->state, l->job.name) >= (int)sizeof path)
		return fail_set(fail, RESULT_TOO_LONG, "--spool: the path is too long");
	enum result r = file_make_directories(path, 0700, fail);
	if (r == RESULT_OK && l->place.jobs_fd < 0) {
		path[strlen(path) - strlen(l->job.name) - 1] = '\0';
		r = file_open_directory(AT_FDCWD, path, &l->place.jobs_fd, fail);
	}
	if (r == RESULT_OK)
		r = file_sync(l->place.jobs_fd, false, fail);
	return r == RESULT_OK
		       ? file_open_directory(l->place.jobs_fd, l->job.name, &l->job.state_fd, fail)
		       : r;
}

/* Of a job that was never accepted only a sender can tell who is of that domain. */
static void drop(struct look *l)
{
	struct job_rest *job = &l->job;
	struct control_task *task = l->jobs->task;
	struct text domain = text_of(task->request.domain);
	uint64_t count = 0, rcpts_count = job->content->manifest.recipients_count;
	if (!is_meant(l, domain))
		return;
	for (uint32_t i = 0; job->is_accepted && i < job->index.header.domains_count; i++) {
		struct text name = job->index.domains[i].name;
		if (is_meant(l, name) && !job_drops_have(&job->drops, name))
			count += job->unmade[i];
	}
	if (!job->is_accepted && domain.len > 0 && !job->drops.is_all)
		task->busy += rcpts_count;
	if (!job->is_accepted && domain.len == 0 && !job->drops.is_all)
		count = rcpts_count;
	if (count == 0)
		return;
	if (open_state(l, &task->fail) != RESULT_OK ||
		job_drops_add(&job->drops, job->state_fd, job->identity, domain, &task->fail) !=
			RESULT_OK)
		return;
	task->attempts++;
	task->rcpts += count;
}

/* ---- each of them ---- */

static void act(struct look *l)
{
	switch (l->jobs->task->request.act) {
	case CONTROL_LIST:
	case CONTROL_SHOW:
	case CONTROL_HOLD:
	case CONTROL_RELEASE: tell_unmade(l); break;
	case CONTROL_JOB_LIST:
	case CONTROL_JOB_SHOW: tell_job(l); break;
	case CONTROL_DROP: drop(l); break;
	case CONTROL_RETRY: break;
	case CONTROL_ACTS: UNREACHABLE("no request");
	}
}

/* What is no job is the sender's to judge. */
static enum result look_at(struct look *l, const char *name)
{
	struct fail *fail = &l->jobs->task->fail;
	if (*name == '.' || strlen(name) > JOB_NAME_BYTES_MAX)
		return RESULT_OK;
	enum result r = job_rest_open(&l->place, name, &l->job, fail);
	if (r == RESULT_OK) {
		act(l);
		r = fail->result;
	} else if (r == RESULT_NOT_FOUND || r == RESULT_INVALID) {
		fail_clear(fail);
		r = RESULT_OK;
	} else {
		(void)fail_prefix(fail, "job %s", name);
	}
	job_rest_close(&l->job);
	l->jobs->give(l->jobs->context);
	return r;
}

/* `others_fd`: a name that is there as well was seen already; -1: none was. */
static enum result look_into(struct look *l, int fd, int others_fd)
{
	struct file_scan scan;
	struct file_scan_entry entry;
	struct fail *fail = &l->jobs->task->fail;
	struct file_identity identity;
	enum file_type type;
	enum result r = file_scan_open(&scan, fd, ".", fail);
	while (r == RESULT_OK || r == RESULT_AGAIN) {
		r = file_scan_next(&scan, &entry, fail);
		if (r != RESULT_OK ||
			file_look(fd, entry.name, &type, &identity, NULL) != RESULT_OK ||
			type != FILE_TYPE_DIRECTORY ||
			(others_fd >= 0 && file_look(others_fd, entry.name, &type, &identity,
						   NULL) == RESULT_OK))
			continue;
		r = look_at(l, entry.name);
	}
	file_scan_close(&scan);
	if (r == RESULT_NOT_FOUND)
		fail_clear(fail);
	return r == RESULT_NOT_FOUND ? RESULT_OK : r;
}

static enum result open_jobs(struct look *l, struct fail *fail)
{
	char path[4096];
	if (snprintf(path, sizeof path, "%s/jobs", l->jobs->state) >= (int)sizeof path)
		return fail_set(fail, RESULT_TOO_LONG, "--spool: the path is too long");
	enum result r = file_open_directory(AT_FDCWD, path, &l->place.jobs_fd, fail);
	if (r != RESULT_NOT_FOUND)
		return r;
	l->place.jobs_fd = -1;
	fail_clear(fail);
	return RESULT_OK;
}

/* Those in new/, then those that went away, which are withdrawn by the next sender. */
enum result queue_local_jobs(struct local_jobs *jobs)
{
	struct recovery recovery;
	struct fail *fail = &jobs->task->fail;
	struct look l = {
		.jobs = jobs,
		.place = { -1, jobs->new_fd, jobs->reader, &recovery },
	};
	if (recovery_init(&recovery) != RESULT_OK)
		return fail_set(fail, RESULT_MEMORY, "out of memory");
	enum result r = job_rest_read_journal(jobs->state, &recovery, fail);
	if (r == RESULT_OK)
		r = open_jobs(&l, fail);
	if (r == RESULT_OK)
		r = look_into(&l, jobs->new_fd, -1);
	if (r == RESULT_OK && l.place.jobs_fd >= 0)
		r = look_into(&l, l.place.jobs_fd, jobs->new_fd);
	file_close(l.place.jobs_fd);
	recovery_deinit(&recovery);
	return r;
}
