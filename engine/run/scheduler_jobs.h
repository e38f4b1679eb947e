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
struct domain;
struct job_domain;
struct job_rcpt;
struct list_node;
struct provider;
struct job_run;
struct message;
struct revival;
struct scheduler;
struct site;
struct source;

/* ---- scheduler_jobs.c ---- */
void jobs_init(struct scheduler *s);
void jobs_deinit(struct scheduler *s);
/* If the first one that waits for a read is a job, the jobs thread opens it; or one of its recipients whose
 * line could not be read, and then it reads that again. */
bool jobs_take_first(struct scheduler *s);
/* POST_JOB_OPENED, POST_JOB_END, POST_JOB_OVER */
void jobs_opened(struct scheduler *s, struct message *message, bool is_orphan);
void jobs_ended(struct scheduler *s, struct job_domain *domain, uint32_t missing, bool is_over);
void jobs_over(struct scheduler *s, struct job_run *job);
/* Its directory is gone: whoever is left is withdrawn. */
void jobs_withdraw(struct scheduler *s, struct job_run *job);
/* The site can use so many of the domain, which is in no list: they are asked for, unless memory is full. */
void jobs_ask(struct scheduler *s, struct job_domain *domain, struct site *site, uint32_t count);
/* If a rule of the operator holds the domain, which is in no list, it waits with its job. */
bool jobs_hold_domain(struct scheduler *s, struct job_domain *domain);
/* When those of it who had no turn expire. A recipient's lifetime counts from when he was made, which is when
 * he can be tried (CONFORMANCE 0.4); but who never can be does not wait for ever: the job goes on for as long
 * as somebody of it has an answer from time to time. Time in which jobs stand still for notifications in the
 * spool does not count. */
int64_t jobs_expire_at(const struct scheduler *s, const struct job_run *job);
/* False: it begins later, or the operator holds it. */
bool jobs_may_go_on(struct scheduler *s, const struct job_run *job);
void jobs_turn_end(struct scheduler *s);
bool jobs_have_work_now(struct scheduler *s);
/* At the end: what was on its way. */
void jobs_drop(struct scheduler *s, struct message *message);

/* ---- scheduler_jobs_control.c ---- */
/* A task of a tool begins. */
void jobs_task_begins(struct scheduler *s, struct control_task *task);
/* Recipients of that domain of the job are dropped, wherever they come from. */
bool jobs_has_dropped(const struct job_run *job, struct text domain);

/* ---- scheduler_jobs_site.c ---- */
void jobs_provider_init(struct provider *provider);
void jobs_site_init(struct site *site);
/* It has answered, and can be reached as far as anybody knows. */
bool jobs_site_is_known(const struct site *site);
/* How many untried recipients of this domain can be used, and from where they are to go: from the next source
 * in turn that has room. *out_site NULL: nobody knows where it leads, or nothing went there from that source.
 * 0: the provider of `known` has enough. */
uint32_t jobs_room_for(struct scheduler *s, struct job_domain *domain, const struct domain *known,
	struct site **out_site);
bool jobs_site_has_enough(const struct scheduler *s, struct site *site, const struct job_run *job);
/* Memory is so short that nobody is to hold it for long: who waits is parked at once. */
bool jobs_is_tight(const struct scheduler *s);
/* Recipients that were asked for, for this site; so many of them are there. */
void jobs_site_comes(struct site *site, const struct job_run *job, uint32_t count);
void jobs_site_came(struct site *site, const struct job_run *job, uint32_t count);
/* The attempt begins or ends to wait for the site. */
void jobs_queued(struct site *site, const struct attempt *attempt);
void jobs_unqueued(struct site *site, const struct attempt *attempt);
/* The provider has enough: the domain waits for it. */
void jobs_line_push(struct scheduler *s, struct provider *provider, struct job_domain *domain);
/* Out of whatever list it is in, if it is in any. */
void jobs_line_leave(struct job_domain *domain);
/* Domains wait for its provider; nothing is on its way to it. */
bool jobs_site_is_awaited(const struct site *site);
bool jobs_provider_is_awaited(const struct provider *provider);
bool jobs_site_is_idle(const struct site *site);
/* Some of these domains can have it now, and from where their jobs send. */
bool jobs_provider_has_work(struct scheduler *s, const struct provider *provider);
/* Something of the site has changed: recipients go back that it cannot use, domains are asked for what it
 * can. */
void jobs_feed(struct scheduler *s, struct site *site);
/* It lets go of the domains that wait for it. */
void jobs_provider_ends(struct provider *provider);

/* ---- scheduler_jobs_rcpt.c ---- */
/* POST_JOB_RCPT; then READ_DONE of one that does not come from the queue. */
void jobs_rcpt(struct scheduler *s, struct message *message);
void jobs_rcpt_read(struct scheduler *s, struct message *message);
void jobs_read_again(struct scheduler *s, struct message *message);
/* Whoever belongs to a job that is over for all gets what the job has come to. */
bool message_is_judged(const struct message *message);
void jobs_settle(struct scheduler *s, struct attempt *attempt);
/* From where he goes, if that was decided when he was asked for; else NULL. */
const struct source *jobs_source_of(const struct message *message);
/* True: he was on his way for the first time, and is made again later. */
bool jobs_give_back(struct scheduler *s, struct attempt *attempt);
/* True: the site has enough of this job; the attempt is made again later. */
bool jobs_hold_back(struct scheduler *s, struct site *site, struct attempt *attempt);
/* One whose attempt is queued and was never tried: he is made again when there is room for him. */
void jobs_put_back(struct scheduler *s, struct message *message);
/* He is queued, and his site has no session: false if too many wait so. */
bool jobs_waits_ahead(struct scheduler *s, struct job_rcpt *rcpt);
/* A worker has the attempt. */
void jobs_leased(struct scheduler *s, const struct message *message);
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
void jobs_domain_less(struct scheduler *s, struct job_domain *domain, uint32_t count);
/* There may be more of it. */
void jobs_domain_ready(struct job_domain *domain);

#endif
