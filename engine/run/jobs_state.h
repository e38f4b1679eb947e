/* The state of the jobs thread, shared by its files: jobs.c runs, jobs_open.c accepts jobs and ends
 * them, jobs_folder.c has their folders, jobs_control.c answers tools. */
#ifndef ENGINE_RUN_JOBS_STATE_H
#define ENGINE_RUN_JOBS_STATE_H

#include "engine/base/log.h"
#include "engine/io/file_cache.h"
#include "engine/io/loop.h"
#include "engine/run/holds.h"
#include "engine/run/job_run.h"
#include "engine/spool/job_recipients.h"
#include "store/queue.h"

struct control_task;
struct hub;
struct recovered_file;

struct jobs {
	uint32_t magic;
	struct hub *hub;
	struct recovered_file **recovered; /* our own copies of the jobs that the journal knows */
	size_t recovered_count;
	bool lacks_memory; /* for these */
	struct loop loop;
	struct logger log;
	struct fail fail;
	int new_fd, jobs_fd;   /* SPOOL/new and SPOOL/state/jobs */
	struct list runs;      /* all that are open, by node */
	struct list accepting; /* those whose index is being made */
	struct queue_reader *reader;
	struct arena arena; /* of one entry of the queue */
	struct file_cache cache; /* of indexes and recipients.jsonl */
	struct timer save_timer, later_timer;
	struct list later; /* job_domain */
	bool failing; /* a save failed, and it was said */
	uint32_t fails_count; /* so many in a row */
	bool unreadable; /* and it was said */
	struct holds holds; /* for the words of tools */
	char line[JOB_LINE_BYTES_MAX + 1];
};

/* ---- jobs.c ---- */
void jobs_save_soon(struct jobs *j);
/* Saves what is new of the job, and tells of it if that was all. */
void jobs_save(struct jobs *j, struct job_run *job);

/* ---- jobs_open.c ---- */
/* JOB_OPEN; answered at once or after some turns. */
void jobs_open(struct jobs *j, struct message *message);
/* One step for each that is being accepted. */
void jobs_accept_step(struct jobs *j);
/* At the start: jobs whose directory went away. */
void jobs_open_orphans(struct jobs *j);
/* JOB_CLOSE: its state goes. */
void jobs_close(struct jobs *j, struct job_run *job, bool keeps_state);
void jobs_free(struct jobs *j, struct job_run *job);

/* ---- jobs_folder.c ---- */
/* Makes it if it is not there, into job->state_fd. What opening and making it can say. */
MUST_USE enum result jobs_folder_open(struct jobs *j, struct job_run *job, struct fail *fail);
/* Second names, so that the files outlive the directory. Not everywhere can they be had. */
void jobs_folder_keep_files(struct job_run *job);
/* What it cannot remove is logged. */
void jobs_folder_remove(struct jobs *j, const char *name);

/* ---- jobs_control.c ---- */
/* POST_CONTROL */
void jobs_control(struct jobs *j, struct control_task *task);
/* One more recipient is done. */
void jobs_note_rate(struct jobs *j, struct job_run *job);

static inline bool job_bit(const uint8_t *bits, uint32_t i)
{
	return (bits[i / 8] >> i % 8 & 1) != 0;
}
static inline void job_bit_set(uint8_t *bits, uint32_t i)
{
	bits[i / 8] = (uint8_t)(bits[i / 8] | 1u << i % 8);
}
static inline void job_bit_clear(uint8_t *bits, uint32_t i)
{
	bits[i / 8] = (uint8_t)(bits[i / 8] & ~(1u << i % 8));
}

#endif
