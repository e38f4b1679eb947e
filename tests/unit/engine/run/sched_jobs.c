#include "tests/unit/engine/run/sched_jobs.h"
#include <stdio.h>
#include <stdlib.h>
#include "engine/io/clock.h"
#include "engine/run/revival.h"
#include "engine/run/warmup_file.h"

static int stands_for_a_queue; /* nobody looks into it here */

/* ---- begin and end ---- */

void sched_jobs_prepare(struct sched *s, const char *const *flags)
{
	struct fail fail;
	struct hub *hub = &s->base.hub;
	sched_prepare(s, flags);
	s->jobs = calloc(1, sizeof *s->jobs);
	assert_non_null(s->jobs);
	assert_int_equal(mailbox_create(TEST_MAILBOX_MESSAGES, &hub->jobs, &fail), RESULT_OK);
	assert_int_equal(mailbox_create(TEST_MAILBOX_MESSAGES, &hub->keeper, &fail), RESULT_OK);
	hub->queue = (struct queue *)(void *)&stands_for_a_queue;
}

void sched_jobs_start(struct sched *s)
{
	sched_start(s);
	hub_post(s->base.hub.scheduler, POST_RESOLVER_READY, NULL, 0, 0);
}

void sched_jobs_init(struct sched *s, const char *const *flags)
{
	sched_jobs_prepare(s, flags);
	sched_jobs_start(s);
}

static void free_run(struct fake_job *job)
{
	if (job->run != NULL)
		arena_deinit(&job->run->arena);
	free(job->run);
	job->run = NULL;
}

void sched_jobs_end(struct sched *s)
{
	struct hub *hub = &s->base.hub;
	sched_end(s);
	for (size_t i = 0; i < s->jobs->count; i++) {
		struct fake_job *job = &s->jobs->jobs[i];
		free_run(job);
		free(job->taken);
		free(job->parked);
		free(job->finals);
	}
	mailbox_destroy(hub->jobs);
	mailbox_destroy(hub->keeper);
	free(s->jobs);
}

/* ---- jobs ---- */

static uint32_t group_of(const struct fake_job *job, uint32_t ordinal)
{
	uint32_t first = 0;
	for (uint32_t i = 0; i < job->groups_count; i++) {
		first += job->groups[i].domains * job->groups[i].each;
		if (ordinal < first)
			return i;
	}
	fail_msg("no recipient %u", ordinal);
	return 0;
}

static struct fake_tally *tally_of(struct fake_job *job, uint32_t ordinal)
{
	return &job->tally[group_of(job, ordinal)];
}

static struct fake_job *job_named(struct sched *s, struct text name)
{
	for (size_t i = 0; i < s->jobs->count; i++)
		if (text_equal(text_of(s->jobs->jobs[i].name), name))
			return &s->jobs->jobs[i];
	fail_msg("no job %.*s", TEXT_ARG(name));
	return NULL;
}

static struct fake_job *job_of(struct sched *s, const struct message *message)
{
	return job_named(s, message_file(message));
}

struct fake_job *sched_job(struct sched *s, const struct test_job *draft)
{
	assert_true(s->jobs->count < FAKE_JOBS_MAX);
	struct fake_job *job = &s->jobs->jobs[s->jobs->count];
	*job = (struct fake_job){ .job = *draft };
	(void)snprintf(job->name, sizeof job->name, "j%zu", s->jobs->count++);
	for (const struct fake_group *group = draft->groups; group->name != NULL; group++) {
		assert_true(job->groups_count < FAKE_GROUPS_MAX);
		job->groups[job->groups_count++] = *group;
		job->rcpts_count += group->domains * group->each;
	}
	job->taken = calloc(1, job->rcpts_count);
	job->parked = calloc(1, job->rcpts_count);
	job->finals = calloc(1, job->rcpts_count);
	assert_true(job->taken != NULL && job->parked != NULL && job->finals != NULL);
	job->message = test_message(
		&(struct test_mail){ .name = job->name, .birth_ns = job->job.made_ns });
	job->message->is_job = true;
	hub_post(s->base.hub.scheduler, POST_FILE_FOUND, job->message, 0, 0);
	return job;
}

void sched_job_gone(struct sched *s, struct fake_job *job)
{
	assert_non_null(job->message);
	hub_post(s->base.hub.scheduler, POST_FILE_GONE, job->message, 0, 0);
}

static void make_domains(struct fake_job *job, struct job_run *run)
{
	uint32_t first = 0, at = 0;
	char name[64];
	for (size_t i = 0; i < job->groups_count; i++)
		run->domains_count += job->groups[i].domains;
	run->domains = arena_alloc_array(&run->arena, run->domains_count, sizeof *run->domains);
	assert_non_null(run->domains);
	for (size_t i = 0; i < job->groups_count; i++) {
		const struct fake_group *group = &job->groups[i];
		for (uint32_t j = 0; j < group->domains; j++, first += group->each) {
			if (group->domains > 1)
				(void)snprintf(name, sizeof name, "%s%u.example", group->name, j);
			else
				(void)snprintf(name, sizeof name, "%s.example", group->name);
			run->domains[at++] = (struct job_domain){
				.job = run,
				.next = first,
				.name = group->name[0] != '\0'
						? arena_text_copy(&run->arena, text_of(name))
						: TEXT_EMPTY,
			};
		}
	}
}

/* What an earlier run has left. */
static void resume(struct sched *s, struct fake_job *job, struct job_run *run)
{
	const struct test_job *had = &job->job;
	for (uint32_t i = 0; i < had->done + had->waiting; i++) {
		bool is_done = i < had->done;
		job->taken[i] = 1;
		job->finals[i] = is_done;
		job->parked[i] = !is_done || i < had->leftovers;
		job->tally[0].parked += job->parked[i];
	}
	job->done_count = had->done;
	run->left = job->rcpts_count - had->done;
	run->fresh_left = run->left - had->waiting;
	run->queue_leftovers = had->leftovers;
	struct hub_counters *counters = &s->base.hub.counters; /* as park_init() counts the queue */
	hub_count(&counters->rcpts_accepted, had->waiting + had->leftovers);
	hub_count(&counters->rcpts_pending, had->waiting + had->leftovers);
	hub_count(&counters->waiting, had->waiting + had->leftovers);
}

static void open_job(struct sched *s, struct message *message)
{
	struct fake_job *job = job_of(s, message);
	size_t size = strlen(job->name) + 1;
	struct job_run *run = calloc(1, sizeof *run + size);
	assert_non_null(run);
	run->magic = JOB_RUN_MAGIC;
	memcpy(run->name, job->name, size);
	run->message = message;
	run->identity = (struct file_identity){ .inode = 7, .birth_ns = 9 };
	arena_init(&run->arena, 65536, JOB_INDEX_ARENA_BYTES_MAX);
	list_init(&run->ready);
	for (size_t i = 0; i < JOB_AHEAD_KINDS; i++)
		list_init(&run->ahead[i]);
	list_init(&run->dropped);
	list_init(&run->held);
	list_init(&run->rcpts);
	make_domains(job, run);
	run->rcpts_count = job->rcpts_count;
	run->label = job->job.label != NULL ? text_of(job->job.label) : TEXT_EMPTY;
	run->pool = text_of(job->job.pool);
	run->class = job->job.class;
	run->not_before_unix_s = job->job.not_before_unix_s;
	run->expiry_unix_s = job->job.expiry_unix_s;
	run->progress.answered_us = job->job.answered_us;
	job->run = message->job = run;
	resume(s, job, run);
	hub_post(s->base.hub.scheduler, POST_JOB_OPENED, message, 0, 0);
	if (job->done_count == job->rcpts_count)
		hub_post(s->base.hub.scheduler, POST_JOB_OVER, run, 0, 0);
}

/* ---- recipients ---- */

/* The ordinal behind the last one of the domain. */
static uint32_t end_of(const struct fake_job *job, uint32_t ordinal)
{
	uint32_t first = 0, group = 0;
	while (group < group_of(job, ordinal)) {
		first += job->groups[group].domains * job->groups[group].each;
		group++;
	}
	uint32_t each = job->groups[group].each;
	return first + ((ordinal - first) / each + 1) * each;
}

static void hold(struct fake_job *job, uint32_t ordinal)
{
	struct fake_tally *tally = tally_of(job, ordinal);
	tally->held++;
	tally->held_max = tally->held > tally->held_max ? tally->held : tally->held_max;
	job->held++;
	job->held_max = job->held > job->held_max ? job->held : job->held_max;
}

static void let_go(struct fake_job *job, uint32_t ordinal)
{
	struct fake_tally *tally = tally_of(job, ordinal);
	assert_true(tally->held > 0);
	tally->held--;
	job->held--;
}

static struct message *make_message(struct fake_job *job, uint32_t ordinal)
{
	char name[FILE_NAME_BYTES_MAX + 1];
	job_rcpt_name(name, sizeof name, job->run, ordinal);
	struct message *message = message_create(name, &job->run->identity);
	assert_non_null(message);
	return message;
}

static void make_rcpt(
	struct sched *s, struct fake_job *job, struct job_domain *domain, uint32_t ordinal)
{
	struct message *message = make_message(job, ordinal);
	struct job_rcpt *rcpt = calloc(1, sizeof *rcpt);
	assert_non_null(rcpt);
	assert_true(job_rcpt_of_name(message->name, rcpt));
	rcpt->message = message;
	rcpt->job = job->run;
	rcpt->domain = domain;
	rcpt->is_coming = true;
	message->rcpt = rcpt;
	if (domain->name.len == 0) {
		message->read_result = RESULT_INVALID;
		(void)snprintf(message->reason, sizeof message->reason, "no JSON");
	}
	assert_int_equal(job->taken[ordinal], 0);
	job->taken[ordinal] = 1;
	tally_of(job, ordinal)->made++;
	hold(job, ordinal);
	hub_post(s->base.hub.scheduler, POST_JOB_RCPT, message, 0, 0);
}

static void make_more(struct sched *s, struct job_domain *domain, uint32_t count)
{
	struct fake_job *job = job_named(s, text_of(domain->job->name));
	uint32_t made = 0;
	while (made < count && domain->next != JOB_NONE) {
		uint32_t ordinal = domain->next;
		domain->next = ordinal + 1 < end_of(job, ordinal) ? ordinal + 1 : JOB_NONE;
		if (job->taken[ordinal] != 0)
			continue;
		make_rcpt(s, job, domain, ordinal);
		made++;
	}
	if (made == count)
		return;
	assert_true(s->jobs->ends_count < COUNT_OF(s->jobs->ends));
	s->jobs->ends[s->jobs->ends_count++] =
		(struct fake_end){ domain, count - made, domain->next == JOB_NONE };
	if (!s->jobs->hold_ends)
		sched_release_ends(s);
}

void sched_release_ends(struct sched *s)
{
	for (size_t i = 0; i < s->jobs->ends_count; i++) {
		const struct fake_end *end = &s->jobs->ends[i];
		hub_post(s->base.hub.scheduler, POST_JOB_END, end->domain, end->missing,
			end->is_over);
	}
	s->jobs->ends_count = 0;
}

static void take_back(struct sched *s, struct job_domain *domain, uint32_t ordinal)
{
	struct fake_job *job = job_named(s, text_of(domain->job->name));
	assert_int_equal(job->taken[ordinal], 1);
	job->taken[ordinal] = 0;
	if (ordinal < domain->next)
		domain->next = ordinal;
	s->jobs->backs++;
	let_go(job, ordinal);
}

static void rcpt_done(struct sched *s, struct job_run *run, uint32_t ordinal)
{
	struct fake_job *job = job_named(s, text_of(run->name));
	if (++job->done_count == job->rcpts_count)
		hub_post(s->base.hub.scheduler, POST_JOB_OVER, run, 0, 0);
	if (job->parked[ordinal] == 0) /* else he leaves the queue first */
		let_go(job, ordinal);
}

static void read_again(struct sched *s, struct message *message)
{
	const struct fake_job *job = job_of(s, message);
	message->rcpt->is_done = job->finals[message->rcpt->ordinal] != 0;
	hub_post(s->base.hub.scheduler, POST_JOB_RCPT, message, 0, 0);
}

void sched_jobs_merge(struct sched *s, struct message *message, uint32_t worker)
{
	const struct job_rcpt *rcpt = message->rcpt;
	const struct fake_job *job = job_of(s, message);
	char to[128];
	const struct job_domain *domain = rcpt->domain;
	if (domain == NULL) /* who comes from the queue is of the first group */
		domain = &job->run->domains[rcpt->ordinal / job->groups[0].each];
	(void)snprintf(to, sizeof to, "r%u@%.*s", rcpt->ordinal, TEXT_ARG(domain->name));
	message->envelope = test_envelope(&(struct test_mail){
		.rcpts = to,
		.job = job->job.label,
		.class = job->job.class,
		.not_before_unix_s = job->job.rcpts_not_before_unix_s != 0
					     ? job->job.rcpts_not_before_unix_s
					     : job->job.not_before_unix_s,
		.expiry_unix_s = job->job.expiry_unix_s,
	});
	message->read_result = RESULT_OK;
	hub_post(s->base.hub.scheduler, POST_READ_DONE, message, worker, 0);
}

void sched_jobs_note(struct sched *s, const struct attempt *attempt)
{
	struct fake_job *job = job_of(s, attempt->message);
	uint32_t ordinal = attempt->message->rcpt->ordinal;
	enum attempt_fate fate = (enum attempt_fate)attempt->rcpts[0].fate;
	assert_int_equal(attempt->rcpts_count, 1);
	assert_int_not_equal(fate, ATTEMPT_OPEN);
	tally_of(job, ordinal)->by_fate[fate]++;
	if (fate == ATTEMPT_DEFERRED)
		return;
	assert_int_equal(job->finals[ordinal], 0); /* one final outcome each */
	job->finals[ordinal] = 1;
}

void sched_jobs_unlinked(struct sched *s, struct message *message)
{
	struct fake_job *job = job_of(s, message);
	job->unlinked++;
	job->message = NULL;
	hub_post(s->base.hub.scheduler, POST_MESSAGE_OVER, message, 0, 0);
}

void sched_jobs_add_fates(const struct sched *s, uint64_t by_fate[FAKE_FINALS_COUNT])
{
	for (size_t i = 0; s->jobs != NULL && i < s->jobs->count; i++)
		for (size_t j = 0; j < s->jobs->jobs[i].groups_count; j++)
			for (size_t fate = 0; fate < FAKE_FINALS_COUNT; fate++)
				by_fate[fate] += s->jobs->jobs[i].tally[j].by_fate[fate];
}

static void hear_as_jobs(struct sched *s, const struct mailbox_message *message)
{
	switch (message->kind) {
	case POST_JOB_OPEN: open_job(s, message->object); break;
	case POST_JOB_MORE: make_more(s, message->object, message->number); break;
	case POST_JOB_BACK: take_back(s, message->object, message->number); break;
	case POST_JOB_READ: read_again(s, message->object); break;
	case POST_JOB_RCPT_DONE: rcpt_done(s, message->object, message->number); break;
	case POST_JOB_CLOSE:
		free_run(job_named(s, text_of(((struct job_run *)message->object)->name)));
		break;
	case POST_STOP: s->stops++; break;
	default: fail_msg("%s came to the jobs thread", post_name(message->kind));
	}
}

/* ---- the keeper ---- */

static void put_into_queue(struct sched *s, struct message *message)
{
	struct fake_job *job = job_of(s, message);
	uint32_t ordinal = message->rcpt->ordinal;
	message->park_left = list_is_empty(&message->attempts) ? 0 : 1;
	struct fake_tally *tally = tally_of(job, ordinal);
	tally->parked += message->park_left - job->parked[ordinal];
	job->parked[ordinal] = (uint8_t)message->park_left;
	let_go(job, ordinal);
	hub_post(s->base.hub.scheduler, POST_PARKED, message, RESULT_OK, 0);
}

void sched_release_parks(struct sched *s)
{
	for (size_t i = 0; i < s->jobs->parking_count; i++)
		put_into_queue(s, s->jobs->parking[i]);
	s->jobs->parking_count = 0;
}

static void hear_as_keeper(struct sched *s, const struct mailbox_message *message)
{
	switch (message->kind) {
	case POST_PARK:
		assert_true(s->jobs->parking_count < COUNT_OF(s->jobs->parking));
		s->jobs->parking[s->jobs->parking_count++] = message->object;
		if (!s->jobs->hold_parks)
			sched_release_parks(s);
		break;
	case POST_LOOK: s->jobs->looks++; break;
	case POST_DUE_TAKEN: break;
	case POST_WARMUP:
		warmup_text_destroy(message->object);
		hub_post(s->base.hub.scheduler, POST_WARMUP_WRITTEN, NULL, RESULT_OK, 0);
		break;
	case POST_STOP: s->stops++; break;
	default: fail_msg("%s came to the keeper", post_name(message->kind));
	}
}

bool sched_jobs_play(struct sched *s)
{
	struct mailbox_message message;
	bool any = false;
	if (s->jobs == NULL)
		return false;
	for (; mailbox_take(s->base.hub.jobs, &message); any = true)
		hear_as_jobs(s, &message);
	for (; mailbox_take(s->base.hub.keeper, &message); any = true)
		hear_as_keeper(s, &message);
	return any;
}

void sched_revive(struct sched *s, struct fake_job *job, uint32_t ordinal)
{
	char address[64];
	const struct job_domain *domain = &job->run->domains[ordinal / job->groups[0].each];
	assert_int_equal(job->parked[ordinal], 1);
	(void)snprintf(address, sizeof address, "r%u@%.*s", ordinal, TEXT_ARG(domain->name));
	struct message *message = make_message(job, ordinal);
	const struct queue_rcpt rcpts[] = { { 0, text_of(address) } };
	const struct queue_file queued = { .file = record_file_of(
						   message->name, &message->identity),
		.accepted_us = (uint64_t)clock_wall_us(),
		.from = text_of("news@list.example"),
		.job = job->run->label,
		.rcpts_left = 1 };
	const struct queue_attempt attempt = { .key = { 1, ++s->jobs->revived_id },
		.next_us = 1,
		.number = 2,
		.waits = 1,
		.expires_us = (uint64_t)clock_wall_us() + 3600000000u,
		.domain = domain->name,
		.rcpts = rcpts,
		.rcpts_count = 1 };
	struct revival *revival = revival_create(&queued, &attempt);
	assert_non_null(revival);
	revival->message = message;
	revival->is_first = true;
	hold(job, ordinal);
	hub_post(s->base.hub.scheduler, POST_REVIVED, revival, 0, 0);
}
