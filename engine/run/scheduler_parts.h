/* What the files of the scheduler offer each other; their subjects stand in scheduler_state.h. */
#ifndef ENGINE_RUN_SCHEDULER_PARTS_H
#define ENGINE_RUN_SCHEDULER_PARTS_H

#include "engine/run/scheduler_control.h"
#include "engine/run/scheduler_jobs.h"
#include "engine/run/scheduler_rules.h"
#include "engine/run/scheduler_site.h"
#include "engine/run/scheduler_state.h"

struct revival;
/* ---- scheduler_intake.c ---- */
void intake_init(struct scheduler *s);
void intake_deinit(struct scheduler *s);
void intake_found(struct scheduler *s, struct message *message);
void intake_gone(struct scheduler *s, struct message *message);
void intake_read_done(struct scheduler *s, struct message *message, uint32_t worker);
void intake_reject_recorded(struct scheduler *s, struct message *message);
void intake_message_over(struct scheduler *s, struct message *message);
void intake_turn_end(struct scheduler *s);
/* For scheduler_jobs.c. `kind`: what the files thread is to do. */
void intake_leave(struct scheduler *s, struct message *message, enum post_kind kind);
void intake_reject(struct scheduler *s, struct message *message);
void intake_read_later(struct scheduler *s, struct message *message);
void intake_split(struct scheduler *s, struct message *message);
uint32_t intake_worker_with_fewest_reads(const struct scheduler *s);
/* The message is parked: everybody forgets it. */
void intake_evict(struct scheduler *s, struct message *message);
/* The file may go: nothing of the message is open any more. */
void intake_message_done(struct scheduler *s, struct message *message);
/* Drops bodies of what waits, until half the budget is free and nobody waits for room. */
void intake_drop_bodies(struct scheduler *s);
void intake_release_body(struct scheduler *s, struct message *message);
/* A message was read: its body stays until its attempts have it, or others need the room. */
void intake_keep_body(struct scheduler *s, struct message *message);

/* ---- scheduler_domain.c ---- */
MUST_USE enum result domains_init(struct scheduler *s);
void domains_deinit(struct scheduler *s);
/* The domain, made if it is new; NULL: out of memory. Counts one more attempt of it. */
struct domain *domain_take(struct scheduler *s, struct text name);
void domain_give(struct scheduler *s, struct domain *domain);
/* A host of the route has an address of the family of the source. */
bool domain_source_fits(const struct route *route, const struct source *source);
/* Queues the attempt if the route is known and fresh, else lets it wait for one. */
void domain_route(struct scheduler *s, struct attempt *attempt);
void domain_route_found(struct scheduler *s, struct domain *domain);
void domains_turn_end(struct scheduler *s);
/* Frees a provider that no domain leads to any more and that has nothing at work. */
void provider_collect(struct scheduler *s, struct provider *provider);
/* The interned job; NULL for none. */
const struct job *domain_job(struct scheduler *s, struct text name);
/* One recipient of a file of that job has come to this. */
void domain_job_count(struct scheduler *s, struct text name, enum event_kind kind);

/* ---- scheduler_lease.c ---- */
/* Something of the site has changed: it is looked at at the end of this turn. */
void lease_look_at(struct scheduler *s, struct site *site);
void leases_init(struct scheduler *s);
void leases_deinit(struct scheduler *s);
/* The attempt has a fresh route: it waits for its turn. */
void lease_queue(struct scheduler *s, struct site *site, struct attempt *attempt);
/* Takes a QUEUED attempt out. */
void lease_unqueue(struct scheduler *s, struct attempt *attempt);
/* `answers`: so many call-backs were seen. */
void lease_slots_returned(struct scheduler *s, struct lease *lease, uint32_t count, uint64_t answers);
void lease_session_up(struct scheduler *s, struct lease *lease);
void lease_heard(struct scheduler *s, struct lease *lease, uint64_t packed_heard);
void leases_turn_end(struct scheduler *s);
/* Sites that may be worked now: what --once waits for. */
bool leases_have_work_now(struct scheduler *s);
/* The worker had no session for it: back to the queue, as if it had not been leased. */
void lease_returned(struct scheduler *s, struct attempt *attempt, uint64_t packed_heard);

/* ---- scheduler_suppress.c ---- */
/* Before an attempt sets out: those of it who are on the suppression list get their outcome. False: nobody is
 * left in it that may be sent to now, and it has been settled. */
bool suppress_pass(struct scheduler *s, struct attempt *attempt);

/* ---- scheduler_park.c ---- */
void park_init(struct scheduler *s);
/* Something of the message has changed: it is done, or may wait on disk alone. */
void park_consider(struct scheduler *s, struct message *message);
/* All of its attempts wait: into the queue with it. */
void park_now(struct scheduler *s, struct message *message);
/* Its mail is gone: an envelope with what the queue knows, and the outcome. */
void park_withdrawn(struct scheduler *s, struct message *message, struct revival *revival);
void park_attach(struct scheduler *s, struct message *message);
/* Its file cannot be read for reasons of the system: later, or never if its lifetime is over. It is in
 * in_work. */
void park_read_later(struct scheduler *s, struct message *message);
/* What was to be tried before its lifetime ended, and comes only after it, was kept by our absence or by a
 * clock that jumped: it is tried once all the same, but not where the submitter gave the end himself. */
void park_allow_late(struct scheduler *s, struct attempt *attempt, const struct revival *revival);
/* Which recipient of its stub that one of the file is; looked for from *inout_index on. */
bool park_stub_index(const struct message *message, uint32_t rcpt, uint32_t *inout_index);
/* POST_PARKED, POST_REVIVED */
void park_done(struct scheduler *s, struct message *message, enum result result);
void park_revived(struct scheduler *s, struct revival *revival);
/* A message that came from the queue has been read; or its file is not what it was. */
void park_read_done(struct scheduler *s, struct message *message);
void park_unreadable(struct scheduler *s, struct message *message);
void park_turn_end(struct scheduler *s);
/* All that was due has arrived: what --once waits for. */
bool park_is_idle(const struct scheduler *s);
/* At the end of a run: when the workers are drained, and when no other thread is left. */
void park_all(struct scheduler *s);
void park_discard(struct message *message);

/* ---- scheduler_outcome.c ---- */
void outcomes_init(struct scheduler *s);
/* The monotonic instant of a time that a submitter gave; negative if that was before the boot. What is
 * further away than anybody waits is that far away. */
int64_t outcome_instant_of(const struct scheduler *s, int64_t unix_s);
/* Mail that is not to be sent yet lives from the time on when it is: else it would expire untried. */
uint64_t outcome_expires_at(const struct scheduler *s, enum envelope_class class, int64_t accepted_ns,
	int64_t not_before_unix_s, int64_t expiry_unix_s);
/* An instant of the scheduler as a time, in microseconds since 1970. */
int64_t outcome_wall_of(const struct scheduler *s, uint64_t monotonic_ns);
/* Every recipient that is open gets this fate, and the attempt goes to the recorder. `status` as "4.4.3". */
void outcome_settle(struct scheduler *s, struct attempt *attempt, enum attempt_fate fate,
	enum bounce_class bounce_class, const char *status, const char *reason);
/* At the end of the run, when no other thread is left: frees it whatever it waits for. */
void outcome_discard(struct scheduler *s, struct attempt *attempt);
void outcome_recorded(struct scheduler *s, struct attempt *attempt);
/* Its lifetime is over: nobody has it. */
void outcome_expire(struct scheduler *s, struct attempt *attempt);
/* The attempt waits until then; whatever it was in it has left. */
void outcome_wait(struct scheduler *s, struct attempt *attempt, uint64_t due_ns);
/* Every attempt of the message waits; false: a worker or the recorder has one. */
bool outcome_hold(struct scheduler *s, struct message *message);
/* Takes the attempt out of whatever it waits in. False: a worker or the recorder has it. */
bool outcome_take_out(struct scheduler *s, struct attempt *attempt);
/* Its time has come: on its way, unless it is dropped or suppressed. False: it is held, and waits. */
bool outcome_set_out(struct scheduler *s, struct attempt *attempt);
/* Sets the timer of the attempt for its state. */
void outcome_set_time(struct scheduler *s, struct attempt *attempt, uint64_t due_ns);
void outcome_clear_time(struct scheduler *s, struct attempt *attempt);
void outcomes_turn_end(struct scheduler *s);
/* The message's file went away: what is not leased is withdrawn. */
void outcome_withdraw(struct scheduler *s, struct message *message);

#endif
