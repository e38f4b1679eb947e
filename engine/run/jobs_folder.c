#include <stdio.h>
#include "engine/io/file_at.h"
#include "engine/run/config.h"
#include "engine/run/hub.h"
#include "engine/run/jobs_state.h"

/* SPOOL/state/jobs/NAME: what is ours of a job, and second names of its files. */

static const char *const names[] = { "recipients.jsonl", "template.eml", "manifest.json" };
static const char *const own_names[] = { "index", "index.tmp", "done", JOB_DROPS_NAME,
	JOB_DROPS_NEW_NAME };

void jobs_folder_remove(struct jobs *j, const char *name)
{
	int fd;
	struct fail fail = { 0 };
	if (file_open_directory(j->jobs_fd, name, &fd, &fail) != RESULT_OK)
		return;
	enum result r = RESULT_OK;
	/* The index first: without it there is no job. */
	for (size_t i = 0; i < COUNT_OF(own_names) && (r == RESULT_OK || r == RESULT_NOT_FOUND);
		i++)
		r = file_unlink(fd, own_names[i], &fail);
	for (size_t i = 0; i < COUNT_OF(names) && (r == RESULT_OK || r == RESULT_NOT_FOUND); i++)
		r = file_unlink(fd, names[i], &fail);
	file_close(fd);
	if (r == RESULT_OK || r == RESULT_NOT_FOUND)
		r = file_remove_directory(j->jobs_fd, name, &fail);
	if (r == RESULT_OK)
		r = file_sync(j->jobs_fd, false, &fail);
	if (r != RESULT_OK)
		log_write(&j->log, LOG_FAILED,
			LOG_FIELDS(log_cstr("what", "removing the state of a job"),
				log_cstr("file", name), log_fail("why", &fail)));
}

enum result jobs_folder_open(struct jobs *j, struct job_run *job, struct fail *fail)
{
	enum result r = file_open_directory(j->jobs_fd, job->name, &job->state_fd, fail);
	if (r != RESULT_NOT_FOUND)
		return r;
	char path[4096];
	snprintf(path, sizeof path, "%s/state/jobs/%s", j->hub->config->options->spool, job->name);
	r = file_make_directories(path, 0700, fail);
	if (r == RESULT_OK)
		r = file_sync(j->jobs_fd, false, fail);
	return r == RESULT_OK ? file_open_directory(j->jobs_fd, job->name, &job->state_fd, fail)
			      : r;
}

void jobs_folder_keep_files(struct job_run *job)
{
	struct fail fail;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		enum result r = file_unlink(job->state_fd, names[i], &fail);
		if (r == RESULT_OK || r == RESULT_NOT_FOUND)
			r = file_link(job->dir_fd, names[i], job->state_fd, names[i], &fail);
		if (r != RESULT_OK)
			return;
	}
}
