#include "engine/base/nanoseconds.h"
#include "engine/run/holds.h"
#include "engine/run/message.h"
#include "engine/run/notice.h"
#include "engine/run/revival.h"
#include "engine/run/scheduler_parts.h"

/* The way of a domain of a job:
 *
 *   ready ──▶ asked for (coming) ──▶ its messages are queued or settled ──▶ ready
 *     │ its provider has enough, or is blocked                                 ▲
 *     ├──────────▶ line of the provider ── there is room ──────────────────────┤
 *     │ too many went ahead already                                            │
 *     └──────────▶ ahead ── one of these has come to something ────────────────┘
 *
 * While nobody knows where a domain leads, or whether anybody answers there, one of its messages goes ahead;
 * likewise to a site that has no session yet or any more. Each of these kinds has a part of the memory for
 * itself: so dead domains, however many, leave the rest to those that answer, and all that wait for a session
 * leave one half to the sites that have some, which go on as long as they have mail. A site that is blocked
 * has nobody in memory. */

enum {
	/* Messages of a domain that are asked for at once: a burst for one session. */
	BURST_MAX = 32,
	/* Domains that are looked at in one turn. */
	LOOKS_PER_TURN = 256,
	ALIVE_MIN = 64,
	ALIVE_BASE = 2048,
	ALIVE_PER_SESSION = 4,
};

/* A timer has no further end than this. */
#define TIMER_MAX_NS (3600 * SECOND_NS)

void jobs_init(struct scheduler *s)
{
	list_init(&s->job_runs);
	list_init(&s->job_reads);
	list_init(&s->job_backs);
	list_init(&s->job_fetches);
	list_init(&s->job_revivals);
	/* Files that come meanwhile have the other half of the memory. */
	uint64_t max = ALIVE_BASE + ALIVE_PER_SESSION * (uint64_t)s->config->options->sessions;
	if (max > s->config->messages_max / 2)
		max = s->config->messages_max / 2;
	s->job_alive_max = max > ALIVE_MIN ? (uint32_t)max : ALIVE_MIN;
	s->job_ahead_max = s->job_alive_max / 4; /* of each of two kinds */
}

/* ---- asking ---- */

/* They come to their end without anybody being asked. */
static bool is_settled_unasked(const struct job_domain *domain)
{
	return domain->job->verdict != ATTEMPT_OPEN || domain->is_dropped || domain->name.len == 0;
}

static enum job_ahead ahead_of(const struct job_domain *domain, const struct site *site)
{
	if (is_settled_unasked(domain) || (site != NULL && site->slots > 0))
		return JOB_AHEAD_NOT;
	return site != NULL && jobs_site_is_known(site) ? JOB_AHEAD_UNSERVED : JOB_AHEAD_UNKNOWN;
}

static bool may_go_ahead(const struct scheduler *s, enum job_ahead kind)
{
	return s->job_ahead[kind] < s->job_ahead_max;
}

/* It may be asked for more. */
static void make_ready(struct job_domain *domain)
{
	struct job_run *job = domain->job;
	list_push_back(domain->is_dropped ? &job->dropped : &job->ready, &domain->node);
}

void jobs_ask(struct scheduler *s, struct job_domain *domain, struct site *site, uint32_t count)
{
	uint32_t left = s->job_alive_max > s->job_alive ? s->job_alive_max - s->job_alive : 0;
	enum job_ahead ahead = ahead_of(domain, site);
	bool goes_ahead = ahead != JOB_AHEAD_NOT;
	if (left == 0 || (goes_ahead && !may_go_ahead(s, ahead))) {
		struct job_run *job = domain->job;
		list_push_back(left == 0 ? &job->ready : &job->ahead[ahead], &domain->node);
		return;
	}
	domain->ahead = ahead;
	if (count > BURST_MAX)
		count = BURST_MAX;
	if (goes_ahead)
		count = 1;
	if (count > left)
		count = left;
	domain->coming = count;
	domain->came_back = false;
	domain->site = site;
	if (site != NULL)
		jobs_site_comes(site, domain->job, count);
	domain->job->alive += count;
	s->job_alive += count;
	s->job_coming += count;
	if (goes_ahead)
		s->job_ahead[ahead] += count;
	hub_post(s->hub->jobs, POST_JOB_MORE, domain, count, 0);
}

void jobs_domain_ready(struct job_domain *domain)
{
	if (domain->coming == 0 && !domain->is_over && !list_node_is_linked(&domain->node))
		make_ready(domain);
}

void jobs_domain_less(struct scheduler *s, struct job_domain *domain, uint32_t count)
{
	CHECK(domain->coming >= count);
	domain->coming -= count;
	s->job_coming -= count;
	if (domain->site != NULL) {
		jobs_site_came(domain->site, domain->job, count);
		lease_look_at(s, domain->site);
	}
	if (domain->coming > 0)
		return;
	domain->site = NULL;
	jobs_domain_ready(domain);
}

void jobs_ended(struct scheduler *s, struct job_domain *domain, uint32_t missing, bool is_over)
{
	struct job_run *job = domain->job;
	CHECK_OBJ(job, JOB_RUN_MAGIC);
	domain->is_over = is_over && !domain->came_back;
	job->alive -= missing;
	s->job_alive -= missing;
	if (domain->ahead != JOB_AHEAD_NOT)
		s->job_ahead[domain->ahead] -= missing;
	jobs_domain_less(s, domain, missing);
}

static bool is_held(struct scheduler *s, const struct job_run *job, struct text domain)
{
	return s->hub->holds != NULL &&
	       holds_match(s->hub->holds, domain, job->label, text_of(job->name)) != NULL;
}

bool jobs_hold_domain(struct scheduler *s, struct job_domain *domain)
{
	if (domain->job->verdict != ATTEMPT_OPEN || !is_held(s, domain->job, domain->name))
		return false;
	list_push_back(&domain->job->held, &domain->node);
	return true;
}

static void offer(struct scheduler *s, struct job_domain *domain)
{
	struct site *site = NULL;
	domain->source = NULL;
	if (is_settled_unasked(domain)) {
		jobs_ask(s, domain, NULL, BURST_MAX);
		return;
	}
	struct hash_node *node = hash_map_find(&s->domains, domain->name);
	const struct domain *known = node != NULL ? CONTAINER_OF(node, struct domain, node) : NULL;
	uint32_t count = jobs_room_for(s, domain, known, &site);
	if (count > 0)
		jobs_ask(s, domain, site, count);
	else
		jobs_line_push(s, known->provider, domain);
}

/* The next domain of `list`. False: there is nothing to look at. */
static bool pump_one(struct scheduler *s, struct job_run *job, struct list *list)
{
	if (s->job_alive >= s->job_alive_max)
		return false;
	struct list_node *node = list_pop_front(list);
	if (node == NULL)
		return false;
	struct job_domain *domain = CONTAINER_OF(node, struct job_domain, node);
	if (list == &job->dropped || !jobs_hold_domain(s, domain))
		offer(s, domain);
	return true;
}

/* Where every failure makes one more file, those that wait in the spool go first. */
static bool waits_for_notices(const struct scheduler *s)
{
	return s->config->options->bounce == BOUNCE_DSN &&
	       hub_read(&s->hub->counters.notices) >= NOTICES_JOBS_WAIT;
}

/* CONFORMANCE 0.4: the time in which nobody of them could be tried is not of their lifetime. */
static void note_standstill(struct scheduler *s)
{
	int64_t now_ns = (int64_t)scheduler_now(s), since_ns = (int64_t)s->jobs_stand_since_ns;
	s->jobs_stand_since_ns = waits_for_notices(s) ? (uint64_t)now_ns : 0;
	if (since_ns == 0)
		return;
	LIST_FOR_EACH(node, &s->job_runs)
	{
		struct job_run *job = CONTAINER_OF(node, struct job_run, run_node);
		int64_t later_ns = job->lives_from_ns + (now_ns - since_ns);
		job->lives_from_ns = later_ns < now_ns ? later_ns : now_ns;
	}
}

/* What the operator holds is not even made, nor what no source of ours may send. */
bool jobs_may_go_on(struct scheduler *s, const struct job_run *job)
{
	if (job->verdict != ATTEMPT_WITHDRAWN && waits_for_notices(s))
		return false;
	if (job->verdict != ATTEMPT_OPEN)
		return true;
	return job->begins_ns <= scheduler_now(s) && !is_held(s, job, TEXT_EMPTY) &&
	       sources_pool(s, job->pool) != NULL;
}

/* One domain of each job in turn. */
static void pump(struct scheduler *s)
{
	bool is_more = true;
	note_standstill(s);
	for (int looks = 0; is_more && looks < LOOKS_PER_TURN;) {
		is_more = false;
		LIST_FOR_EACH(node, &s->job_runs)
		{
			struct job_run *job = CONTAINER_OF(node, struct job_run, run_node);
			looks++;
			is_more |= pump_one(s, job, &job->dropped);
			if (!jobs_may_go_on(s, job))
				continue;
			for (size_t kind = JOB_AHEAD_UNKNOWN; kind < JOB_AHEAD_KINDS; kind++)
				if (may_go_ahead(s, (enum job_ahead)kind))
					is_more |= pump_one(s, job, &job->ahead[kind]);
			is_more |= pump_one(s, job, &job->ready);
		}
	}
	if (is_more)
		loop_turn_again(&s->loop);
	struct list_node *first = list_pop_front(&s->job_runs);
	if (first != NULL)
		list_push_back(&s->job_runs, first); /* the next turn begins with another */
}

/* ---- a job begins ---- */

bool jobs_take_first(struct scheduler *s)
{
	struct message *message = CONTAINER_OF(list_first(&s->to_read), struct message, node);
	if (message->rcpt != NULL && message->rcpt->line == NULL) {
		control_message_leaves(s, message);
		list_remove(&message->node);
		jobs_read_again(s, message);
		return true;
	}
	if (!message->is_job)
		return false;
	control_message_leaves(s, message);
	list_remove(&message->node);
	list_push_back(&s->in_work, &message->node);
	message->state = MESSAGE_READING;
	s->jobs_opening++;
	hub_post(s->hub->jobs, POST_JOB_OPEN, message, 0, 0);
	return true;
}

/* All that are left of it get this fate, as fast as they can be told. */
static void judge(struct scheduler *s, struct job_run *job, enum attempt_fate fate)
{
	if (job->verdict != ATTEMPT_OPEN)
		return;
	job->verdict = (uint8_t)fate;
	for (uint32_t i = 0; i < job->domains_count; i++) {
		struct job_domain *domain = &job->domains[i];
		if (domain->is_over || domain->coming > 0)
			continue;
		jobs_line_leave(domain);
		make_ready(domain);
	}
	if (fate != ATTEMPT_WITHDRAWN)
		return; /* who is in memory has a timer of his own */
	s->wants_look = true;
	LIST_FOR_EACH(node, &job->rcpts)
	{
		struct message *message = jobs_message_of(node);
		message->withdrawn = true;
		if (message->state == MESSAGE_DELIVERING)
			outcome_withdraw(s, message);
	}
}

void jobs_withdraw(struct scheduler *s, struct job_run *job) { judge(s, job, ATTEMPT_WITHDRAWN); }

int64_t jobs_expire_at(const struct scheduler *s, const struct job_run *job)
{
	return (int64_t)outcome_expires_at(
		s, job->class, job->lives_from_ns, job->not_before_unix_s, job->expiry_unix_s);
}

static void job_due(struct timer *timer)
{
	struct job_run *job = CONTAINER_OF(timer, struct job_run, timer);
	struct scheduler *s = job->scheduler;
	note_standstill(s);
	int64_t now_ns = (int64_t)scheduler_now(s), next_ns = jobs_expire_at(s, job);
	if (now_ns >= next_ns) {
		judge(s, job, ATTEMPT_EXPIRED);
		return;
	}
	if ((int64_t)job->begins_ns > now_ns && (int64_t)job->begins_ns < next_ns)
		next_ns = (int64_t)job->begins_ns;
	uint64_t wait_ns = (uint64_t)(next_ns - now_ns);
	loop_timer_start(&s->loop, timer, wait_ns < TIMER_MAX_NS ? wait_ns : TIMER_MAX_NS, job_due);
}

static void begin(struct scheduler *s, struct message *message)
{
	struct job_run *job = message->job;
	message->state = MESSAGE_DELIVERING;
	job->scheduler = s;
	list_push_back(&s->job_runs, &job->run_node);
	hub_count(&s->hub->counters.rcpts_accepted, job->fresh_left);
	hub_count(&s->hub->counters.rcpts_pending, job->fresh_left);
	for (uint32_t i = 0; i < job->domains_count; i++) {
		struct job_domain *domain = &job->domains[i];
		list_init(&domain->behind);
		domain->is_over = domain->next == JOB_NONE;
		job->has_dropped |= domain->is_dropped;
		if (!domain->is_over)
			make_ready(domain);
	}
	int64_t begins_ns = 0;
	if (job->not_before_unix_s != 0)
		begins_ns = outcome_instant_of(s, job->not_before_unix_s);
	job->begins_ns = begins_ns > 0 ? (uint64_t)begins_ns : 0;
	job->lives_from_ns = message->accepted_ns;
	if (job->progress.answered_us != 0) { /* of earlier runs: in this one nothing was told of it yet */
		int64_t answered_ns = outcome_instant_of(s, job->progress.answered_us / 1000000);
		int64_t now_ns = (int64_t)scheduler_now(s);
		if (answered_ns > job->lives_from_ns) /* ahead of now: by a clock that was set */
			job->lives_from_ns = answered_ns < now_ns ? answered_ns : now_ns;
	}
	if (sources_pool(s, job->pool) == NULL)
		log_write(&s->log, LOG_JOB_POOL_UNKNOWN,
			LOG_FIELDS(log_cstr("file", job->name), log_text("pool", job->pool)));
	if (message->withdrawn)
		judge(s, job, ATTEMPT_WITHDRAWN);
	job_due(&job->timer);
}

void jobs_opened(struct scheduler *s, struct message *message, bool is_orphan)
{
	CHECK_OBJ(message, MESSAGE_MAGIC);
	enum result r = message->read_result;
	if (is_orphan) { /* nobody has found it: the jobs thread has its state alone */
		s->messages_count++;
		message->accepted_ns = (int64_t)scheduler_now(s);
		list_push_back(&s->in_work, &message->node);
		begin(s, message);
		return;
	}
	s->jobs_opening--;
	bool is_gone = message->withdrawn || r == RESULT_NOT_FOUND || r == RESULT_CHANGED;
	bool stays = r != RESULT_OK && r != RESULT_INVALID && !is_gone;
	s->jobs_unopened -= !stays;
	if (r == RESULT_OK) {
		begin(s, message);
	} else if (is_gone) {
		message->withdrawn = true;
		intake_leave(s, message, POST_UNLINK);
	} else if (r == RESULT_INVALID) {
		intake_reject(s, message);
	} else {
		intake_read_later(s, message);
	}
}

/* ---- a job ends ---- */

/* Its directory goes, then the journal forgets it, then its state (POST_JOB_CLOSE). */
static void end_if_over(struct scheduler *s, struct job_run *job)
{
	if (!job->is_over || job->alive > 0 || job->queue_leftovers > 0 ||
		!list_node_is_linked(&job->run_node))
		return;
	list_remove(&job->run_node);
	loop_timer_stop(&s->loop, &job->timer);
	for (uint32_t i = 0; i < job->domains_count; i++)
		jobs_line_leave(&job->domains[i]);
	log_write(&s->log, LOG_JOB_OVER,
		LOG_FIELDS(
			log_cstr("file", job->name), log_number("recipients", job->rcpts_count)));
	intake_message_done(s, job->message);
}

void jobs_over(struct scheduler *s, struct job_run *job)
{
	CHECK_OBJ(job, JOB_RUN_MAGIC);
	(void)s;
	job->is_over = true;
}

/* ---- turns ---- */

void jobs_turn_end(struct scheduler *s)
{
	jobs_rcpts_turn_end(s);
	LIST_FOR_EACH_SAFE(node, &s->job_runs)
	end_if_over(s, CONTAINER_OF(node, struct job_run, run_node));
	/* Who is parked for a job that is gone comes at once. */
	if (s->wants_look && s->hub->queue != NULL)
		hub_post(s->hub->keeper, POST_LOOK, NULL, 0, 0);
	s->wants_look = false;
	if (s->phase == PHASE_RUNNING)
		pump(s);
}

bool jobs_have_work_now(struct scheduler *s)
{
	if (s->jobs_opening > 0 || s->job_coming > s->job_unread || s->job_fetching > 0 ||
		!list_is_empty(&s->job_reads) || !list_is_empty(&s->job_fetches) ||
		!list_is_empty(&s->job_revivals))
		return true;
	LIST_FOR_EACH(node, &s->job_runs)
	{
		const struct job_run *job = CONTAINER_OF(node, struct job_run, run_node);
		bool is_ready = !list_is_empty(&job->ready);
		for (size_t kind = JOB_AHEAD_UNKNOWN; kind < JOB_AHEAD_KINDS; kind++)
			is_ready |= !list_is_empty(&job->ahead[kind]);
		if (!list_is_empty(&job->dropped) || (jobs_may_go_on(s, job) && is_ready) ||
			(job->left == 0 && job->queue_leftovers == 0))
			return true;
	}
	return false;
}

void jobs_deinit(struct scheduler *s)
{
	struct list_node *node;
	while ((node = list_pop_front(&s->job_backs)) != NULL)
		;
	while ((node = list_pop_front(&s->job_reads)) != NULL)
		list_push_back(&s->in_work, node);
	while ((node = list_pop_front(&s->job_fetches)) != NULL)
		list_push_back(&s->in_work, node);
	while ((node = list_pop_front(&s->job_revivals)) != NULL) {
		struct revival *revival = CONTAINER_OF(node, struct revival, node);
		message_destroy(revival->message);
		revival_destroy(revival);
	}
}
