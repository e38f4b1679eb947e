/* The jobs thread: what of job directories (DESIGN 1, format 3) needs the disk.
 *
 *   files ── FILE_FOUND ──▶ scheduler ── JOB_OPEN ──▶ jobs: manifest against files, index, progress
 *   jobs ── JOB_OPENED ──▶ scheduler ── JOB_MORE: so many of that domain ──▶ jobs
 *   jobs ── JOB_RCPT: a message with his line ──▶ scheduler: has it merged by a worker, and sent
 *   scheduler ── JOB_RCPT_DONE ──▶ jobs: saved every second ── JOB_SAVED ──▶ recorder: may retire
 *   jobs ── JOB_OVER ──▶ scheduler: directory unlinked ── JOB_CLOSE ──▶ jobs
 *
 * State of a job, SPOOL/state/jobs/NAME/: index (job_index.h), done (job_progress.h), and second names of the
 * three files, where the file system has them: so a job whose directory was moved away can still say who is
 * withdrawn. A recipient is done when the journal or `done` says so, waits when the queue has him, and is
 * still to be sent otherwise: nothing else is kept about him, so nothing can disagree.
 *
 * In memory a job has its template, its domains, five bits for each recipient, and the messages that are on
 * their way. */
#ifndef ENGINE_RUN_JOBS_H
#define ENGINE_RUN_JOBS_H

#include "engine/base/result.h"

struct hub;
struct jobs;
struct recovery;

/* After keeper_create(), before the threads. `recovery` is only read. Results of file.h, RESULT_MEMORY. */
MUST_USE enum result jobs_create(struct hub *hub, struct recovery *recovery, int new_fd,
	struct jobs **out_jobs, struct fail *fail);
/* The thread's function. Returns NULL, or the jobs when its ring could not be created. */
void *jobs_run(void *jobs);
const struct fail *jobs_fail(const struct jobs *jobs);
/* After the scheduler, whose messages name jobs. */
void jobs_destroy(struct jobs *jobs);

#endif
