#include "engine/run/scheduler_watch.h"
#include <stdlib.h>
#include "engine/base/nanoseconds.h"
#include "engine/run/scheduler_away.h"
#include "engine/run/scheduler_parts.h"
#include "engine/run/stall.h"

enum {
	/* Messages that are looked at in one turn. */
	SLICE_MESSAGES = 256,
	/* Minutes that a thread may owe an answer for, and mail its end: a disk that hangs for a moment is
	 * no reason to wake anybody. */
	STALL_MINUTES = 1,
	LATE_MINUTES = 1,
};

/* In tests minutes are short. */
static uint64_t minutes(const struct scheduler *s, uint64_t count)
{
	return count * s->config->watch_minute_ns;
}

static const struct row {
	uint32_t minutes;
	const char *word, *advice;
} rows[WATCH_STATES] = {
#define WATCH(name, minutes, word, advice) [WATCH_##name] = { minutes, word, advice },
#include "engine/run/watch.def"
#undef WATCH
};

static uint64_t limit_of(const struct scheduler *s, enum watch_state state)
{
	if (rows[state].minutes == 0)
		return s->config->retry[RETRY_BULK].lifetime_ms * MS_NS;
	uint64_t session_ns = (uint64_t)s->config->options->session_ms * MS_NS;
	return minutes(s, rows[state].minutes) + (state == WATCH_LEASED ? 2 * session_ns : 0);
}

/* ---- what is found ---- */

static void found(struct scheduler *s, enum watch_state state, const char *name, uint64_t stood_ns)
{
	struct watch_found *of = &s->watch.found[state];
	if (stood_ns <= limit_of(s, state))
		return;
	of->count++;
	if (stood_ns <= of->longest_ns)
		return;
	of->longest_ns = stood_ns;
	(void)snprintf(of->name, sizeof of->name, "%s", name);
}

static void tell(struct scheduler *s)
{
	uint64_t stuck = 0;
	for (int i = 0; i < WATCH_STATES; i++) {
		struct watch_found *of = &s->watch.found[i];
		stuck += of->count;
		if (of->count > 0 && !of->is_told)
			log_write(&s->log, LOG_STUCK,
				LOG_FIELDS(log_cstr("state", rows[i].word),
					log_number("count", of->count), log_cstr("file", of->name),
					log_number("seconds", of->longest_ns / SECOND_NS),
					log_cstr("what_to_do", rows[i].advice)));
		of->is_told = of->count > 0;
	}
	atomic_store(&s->hub->counters.stuck, stuck);
}

/* ---- attempts ---- */

/* Nothing waits past its lifetime, in no list: the timer should have come. */
static bool expire_late(struct scheduler *s, struct attempt *attempt)
{
	bool is_waiting = attempt->state == ATTEMPT_ROUTING || attempt->state == ATTEMPT_QUEUED ||
			  attempt->state == ATTEMPT_WAITING;
	if (!is_waiting || attempt->message->state != MESSAGE_DELIVERING ||
		scheduler_now(s) < attempt->expires_ns + minutes(s, LATE_MINUTES))
		return false;
	CHECK(outcome_take_out(s, attempt));
	outcome_expire(s, attempt);
	hub_count(&s->hub->counters.expired_late, 1);
	return true;
}

/* A warning (scheduler_warn.h) holds up no mail; a recorder that hangs is seen as a thread. */
static void look_at_attempt(struct scheduler *s, struct attempt *attempt)
{
	if (attempt->is_warning)
		return;
	uint64_t what = (uint64_t)attempt->state << 32 | attempt->waits;
	uint64_t stood_ns = watch_mark_look(&attempt->mark, what, scheduler_now(s));
	const char *name = attempt->message->name;
	if (expire_late(s, attempt))
		return;
	switch ((enum attempt_state)attempt->state) {
	case ATTEMPT_ROUTING: found(s, WATCH_ROUTING, name, stood_ns); break;
	case ATTEMPT_LEASED: found(s, WATCH_LEASED, name, stood_ns); break;
	case ATTEMPT_RECORDING: found(s, WATCH_RECORDING, name, stood_ns); break;
	case ATTEMPT_QUEUED: /* for as long as it lives */
	case ATTEMPT_WAITING: break;
	}
}

/* ---- messages ---- */

static bool is_idle(const struct message *message)
{
	return !message->is_job && list_is_empty(&message->attempts) &&
	       list_is_empty(&message->revivals) && !list_node_is_linked(&message->again_node);
}

static void look_at_reading(struct scheduler *s, const struct message *message, uint64_t stood_ns)
{
	enum watch_state state = WATCH_READING;
	if (message == s->splitting)
		state = WATCH_SPLITTING;
	else if (message->is_job)
		state = WATCH_OPENING;
	found(s, state, message->name, stood_ns);
}

/* Of in_work. */
static void look_at(struct scheduler *s, struct message *message)
{
	bool idles = message->state == MESSAGE_DELIVERING && is_idle(message);
	uint64_t what = (uint64_t)message->state << 1 | idles;
	uint64_t stood_ns = watch_mark_look(&message->mark, what, scheduler_now(s));
	switch (message->state) {
	case MESSAGE_FOUND: found(s, WATCH_FETCHING, message->name, stood_ns); break;
	case MESSAGE_READING: look_at_reading(s, message, stood_ns); break;
	case MESSAGE_PARKING: found(s, WATCH_PARKING, message->name, stood_ns); break;
	case MESSAGE_LEAVING: found(s, WATCH_LEAVING, message->name, stood_ns); break;
	case MESSAGE_DELIVERING:
		if (idles)
			found(s, WATCH_IDLE, message->name, stood_ns);
		LIST_FOR_EACH_SAFE(node, &message->attempts)
		look_at_attempt(s, CONTAINER_OF(node, struct attempt, message_node));
		away_look_at(s, message);
		break;
	}
}

/* ---- lists that are gone through from the front ---- */

static void look_at_first(struct scheduler *s, const struct list *list, enum watch_state state)
{
	struct list_node *node = list_first(list);
	if (node == NULL)
		return;
	struct message *message = CONTAINER_OF(node, struct message, node);
	uint64_t what = 1000 + (uint64_t)state; /* no state of a message */
	found(s, state, message->name, watch_mark_look(&message->mark, what, scheduler_now(s)));
}

/* They take turns: each is told of by how long ago it was found. */
static void look_at_unreadable(struct scheduler *s)
{
	LIST_FOR_EACH(node, &s->read_later)
	{
		const struct message *message = CONTAINER_OF(node, struct message, node);
		int64_t stood_ns = (int64_t)scheduler_now(s) - message->accepted_ns;
		found(s, WATCH_READ_LATER, message->name, stood_ns > 0 ? (uint64_t)stood_ns : 0);
	}
}

static void look_at_jobs(struct scheduler *s)
{
	LIST_FOR_EACH(node, &s->job_runs)
	{
		struct job_run *job = CONTAINER_OF(node, struct job_run, run_node);
		bool ends = job->left == 0 && job->queue_leftovers == 0;
		uint64_t stood_ns = watch_mark_look(&job->mark, ends, scheduler_now(s));
		if (ends)
			found(s, WATCH_JOB_END, job->name, stood_ns);
	}
}

static void look_at_away(struct scheduler *s)
{
	uint64_t stood_ns =
		watch_mark_look(&s->watch.away_mark, s->revived_count, scheduler_now(s));
	if (s->away_count > 0)
		found(s, WATCH_AWAY, "", stood_ns);
	else
		s->watch.away_mark.since_ns = 0;
}

/* ---- threads ---- */

static void add_thread(
	struct scheduler *s, struct mailbox *mailbox, const char *thread, const char *advice)
{
	stall_init(&s->watch.stalls[s->watch.stalls_count++], mailbox, thread, advice);
}

static void look_at_threads(struct scheduler *s)
{
	uint64_t stalled = 0;
	for (uint32_t i = 0; i < s->watch.stalls_count; i++)
		stalled += stall_look(
			&s->watch.stalls[i], scheduler_now(s), minutes(s, STALL_MINUTES), &s->log);
	atomic_store(&s->hub->counters.stalled, stalled);
}

/* ---- a walk ---- */

static void watch_due(struct timer *timer)
{
	struct scheduler_watch *w = CONTAINER_OF(timer, struct scheduler_watch, timer);
	struct scheduler *s = CONTAINER_OF(w, struct scheduler, watch);
	loop_timer_start(&s->loop, timer, s->config->watch_minute_ns / 2, watch_due);
	if (s->phase != PHASE_RUNNING || w->is_walking)
		return;
	look_at_threads(s);
	for (int i = 0; i < WATCH_STATES; i++)
		w->found[i].count = w->found[i].longest_ns = 0;
	look_at_first(s, &s->to_read, WATCH_TO_READ);
	look_at_first(s, &s->to_split, WATCH_TO_SPLIT);
	look_at_first(s, &s->job_reads, WATCH_TO_READ);
	look_at_first(s, &s->job_fetches, WATCH_FETCHING);
	look_at_unreadable(s);
	look_at_jobs(s);
	look_at_away(s);
	w->is_walking = true;
	w->next = list_first(&s->in_work);
	w->left = s->messages_count;
}

void watch_turn_end(struct scheduler *s)
{
	struct scheduler_watch *w = &s->watch;
	if (!w->is_walking)
		return;
	for (int i = 0; i < SLICE_MESSAGES && w->next != NULL && w->left > 0; i++) {
		struct message *message = CONTAINER_OF(w->next, struct message, node);
		w->next = list_next(&s->in_work, w->next);
		w->left--;
		look_at(s, message);
	}
	w->is_walking = w->next != NULL && w->left > 0;
	if (w->is_walking)
		loop_turn_again(&s->loop);
	else
		tell(s);
}

void watch_message_leaves(struct scheduler *s, struct message *message)
{
	if (s->watch.next == &message->node)
		s->watch.next = list_next(&s->in_work, s->watch.next);
}

/* ---- begin and end ---- */

bool watch_init(struct scheduler *s)
{
	enum { OTHERS = 9 };
	static const char disk[] = "look at the disk of the spool: dmesg, df, iostat";
	struct hub *hub = s->hub;
	s->watch.stalls = calloc(OTHERS + hub->workers_count, sizeof *s->watch.stalls);
	if (s->watch.stalls == NULL)
		return false;
	add_thread(s, hub->files, "files", disk);
	add_thread(s, hub->keeper, "keeper", disk);
	add_thread(s, hub->jobs, "jobs", disk);
	add_thread(s, hub->recorder, "recorder",
		"look at the disks of SPOOL/state and of the event file, or at who reads it");
	add_thread(s, hub->resolver, "resolver", "restart the sender, and report it");
	add_thread(s, hub->verifier, "verifier", "restart the sender, and report it");
	add_thread(s, hub->cache, "cache",
		"another process holds the cache in --store: look for one that was stopped");
	add_thread(s, hub->suppressor, "suppressor",
		"another process holds the suppression list: look for one that was stopped");
	add_thread(s, hub->main, "main", "look at what reads the standard error of the sender");
	for (uint32_t i = 0; i < hub->workers_count; i++)
		add_thread(s, hub->workers[i], "worker", "restart the sender, and report it");
	return true;
}

void watch_deinit(struct scheduler *s) { free(s->watch.stalls); }

void watch_start(struct scheduler *s)
{
	loop_timer_start(&s->loop, &s->watch.timer, s->config->watch_minute_ns / 2, watch_due);
}
