/* Job directories in the scheduler: what its files offer each other. A recipient is made into a message only
 * when his provider can use one more, so that memory is by the session (jobs.h). */
#ifndef ENGINE_RUN_SCHEDULER_JOBS_H
#define ENGINE_RUN_SCHEDULER_JOBS_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/event.h"
#include "engine/base/text.h"

struct attempt;
struct control_task;
struct job_domain;
struct list_node;
struct job_run;
struct message;
struct revival;
struct scheduler;
struct site;

/* ---- scheduler_jobs.c ---- */
void jobs_init(struct scheduler *s);
void jobs_deinit(struct scheduler *s);
/* If the first one that waits for a read is a job, the jobs thread opens it. */
bool jobs_open_first(struct scheduler *s);
/* POST_JOB_OPENED, POST_JOB_END, POST_JOB_OVER */
void jobs_opened(struct scheduler *s, struct message *message, bool is_orphan);
void jobs_ended(struct scheduler *s, struct job_domain *domain, uint32_t missing, bool is_over);
void jobs_over(struct scheduler *s, struct job_run *job);
/* Its directory is gone: whoever is left is withdrawn. */
void jobs_withdraw(struct scheduler *s, struct job_run *job);
/* The site has room again; or goes, and lets go of the domains that wait for it. */
void jobs_feed(struct scheduler *s, struct site *site);
void jobs_site_ends(struct site *site);
void jobs_turn_end(struct scheduler *s);
bool jobs_have_work_now(struct scheduler *s);
/* At the end: what was on its way. */
void jobs_drop(struct scheduler *s, struct message *message);

/* ---- scheduler_jobs_control.c ---- */
/* A task of a tool begins. */
void jobs_task_begins(struct scheduler *s, struct control_task *task);
/* Recipients of that domain of the job are dropped, wherever they come from. */
bool jobs_has_dropped(const struct job_run *job, struct text domain);

/* ---- scheduler_jobs_rcpt.c ---- */
/* POST_JOB_RCPT; then READ_DONE of one that does not come from the queue. */
void jobs_rcpt(struct scheduler *s, struct message *message);
void jobs_rcpt_read(struct scheduler *s, struct message *message);
/* Whoever belongs to a job that is over for all gets what the job has come to. */
bool message_is_judged(const struct message *message);
void jobs_settle(struct scheduler *s, struct attempt *attempt);
/* True: the site has enough of this job; the attempt is made again later. */
bool jobs_hold_back(struct scheduler *s, struct site *site, struct attempt *attempt);
/* The attempt is queued, waits, or has a fate: no more counted as coming. */
void jobs_arrived(struct scheduler *s, struct message *message);
/* He has a final outcome, and it is durable. */
void jobs_rcpt_final(struct scheduler *s, struct message *message, enum event_kind kind);
/* Nothing of him is open in memory. */
void jobs_rcpt_over(struct scheduler *s, struct message *message);
/* One that comes from the queue. */
void jobs_revived(struct scheduler *s, struct revival *revival);
/* His mail cannot be made any more. */
void jobs_unreadable(struct scheduler *s, struct message *message);
/* Of a node of job->rcpts. */
struct message *jobs_message_of(struct list_node *node);
void jobs_rcpts_turn_end(struct scheduler *s);
/* How many attempts a site should have: enough that it never waits. */
uint32_t jobs_site_wants(const struct scheduler *s, const struct site *site);
void jobs_domain_less(struct scheduler *s, struct job_domain *domain, uint32_t count);
/* There may be more of it. */
void jobs_domain_ready(struct job_domain *domain);

#endif
