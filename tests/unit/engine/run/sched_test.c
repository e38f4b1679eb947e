#include "tests/unit/engine/run/sched_parts.h"
#include <stdio.h>
#include <stdlib.h>
#include "engine/io/clock.h"
#include "engine/run/domain.h"
#include "tests/unit/engine/run/sched_jobs.h"

/* ---- files ---- */

static struct fake_file *new_file(struct sched *s)
{
	if (s->files_count == s->files_size) {
		s->files_size = s->files_size > 0 ? 2 * s->files_size : 16;
		s->files = realloc(s->files, s->files_size * sizeof *s->files);
		assert_non_null(s->files);
	}
	struct fake_file *file = calloc(1, sizeof *file);
	assert_non_null(file);
	snprintf(file->name, sizeof file->name, "m%zu", s->files_count);
	s->files[s->files_count++] = file;
	return file;
}

struct fake_file *sched_file_of(struct sched *s, const struct message *message)
{
	size_t index = strtoul(message->name + 1, NULL, 10);
	assert_true(index < s->files_count);
	struct fake_file *file = s->files[index];
	assert_ptr_equal(file->message, message);
	return file;
}

void sched_split_over(struct sched *s, enum result result)
{
	assert_non_null(s->splitting);
	struct message *message = s->splitting->message;
	s->splitting = NULL;
	message->read_result = result;
	hub_post(s->base.hub.scheduler, POST_SPLIT_OVER, message, 0, 0);
}

static void found(struct sched *s, struct fake_file *file)
{
	file->message = test_message(&file->mail);
	if (file->is_bad) {
		file->message->read_result = RESULT_INVALID;
		snprintf(file->message->reason, sizeof file->message->reason, "%.200s",
			file->reason);
	}
	hub_post(s->base.hub.scheduler, POST_FILE_FOUND, file->message, 0, 0);
}

struct fake_file *sched_mail(struct sched *s, const struct test_mail *mail)
{
	struct fake_file *file = new_file(s);
	file->mail = *mail;
	file->mail.name = file->name;
	found(s, file);
	return file;
}

struct fake_file *sched_bad_file(struct sched *s, const char *why)
{
	struct fake_file *file = new_file(s);
	file->mail.name = file->name;
	file->is_bad = true;
	snprintf(file->reason, sizeof file->reason, "%s", why);
	found(s, file);
	return file;
}

void sched_file_gone(struct sched *s, struct fake_file *file)
{
	assert_non_null(file->message);
	hub_post(s->base.hub.scheduler, POST_FILE_GONE, file->message, 0, 0);
}

void sched_files_idle(struct sched *s, uint32_t open)
{
	hub_post(s->base.hub.scheduler, POST_FILES_IDLE, NULL, open, 0);
}

static void message_over(struct sched *s, struct fake_file *file)
{
	struct message *message = file->message;
	file->message = NULL;
	hub_post(s->base.hub.scheduler, POST_MESSAGE_OVER, message, 0, 0);
}

static void hear_as_files(struct sched *s, const struct mailbox_message *message)
{
	struct fake_file *file;
	switch (message->kind) {
	case POST_CREDIT:
		s->credits += message->number;
		s->gone_credits += (uint32_t)message->a;
		break;
	case POST_UNLINK:
	case POST_MOVE_BAD:
		if (((struct message *)message->object)->is_job) {
			sched_jobs_unlinked(s, message->object);
			break;
		}
		file = sched_file_of(s, message->object);
		file->unlinked += message->kind == POST_UNLINK;
		file->moved += message->kind == POST_MOVE_BAD;
		if (!s->hold_unlinks)
			message_over(s, file);
		break;
	case POST_EVICT:
		file = sched_file_of(s, message->object);
		file->evicted++;
		file->evicted_recovered += file->message->recovered;
		message_over(s, file);
		break;
	case POST_SPLIT:
		assert_null(s->splitting);
		s->splitting = sched_file_of(s, message->object);
		s->splitting->splits++;
		break;
	case POST_SPLIT_STOP: sched_split_over(s, RESULT_CANCELLED); break;
	case POST_STOP: s->stops++; break;
	default: fail_msg("%s came to the files thread", post_name(message->kind));
	}
}

/* ---- resolver ---- */

static struct route *plain_route(const char *domain, uint64_t expires_ns)
{
	char mx[300];
	snprintf(mx, sizeof mx, "mx.%s", domain);
	const struct test_host hosts[] = { { mx, 10, 0, "192.0.2.1", 0, NULL, 0 },
		{ NULL, 0, 0, NULL, 0, NULL, 0 } };
	return test_route(domain, hosts, expires_ns);
}

static void found_route(struct sched *s, struct domain *domain)
{
	uint64_t expires_ns =
		s->route_lives_ns != 0 ? clock_now_ns() + s->route_lives_ns : UINT64_MAX;
	assert_null(domain->new_route);
	domain->new_route = s->route_for != NULL ? s->route_for(s, domain->name)
						 : plain_route(domain->name, expires_ns);
	hub_post(s->base.hub.scheduler, POST_ROUTE_FOUND, domain, 0, 0);
}

static void hear_as_resolver(struct sched *s, const struct mailbox_message *message)
{
	if (message->kind == POST_STOP) {
		s->stops++;
		return;
	}
	assert_int_equal(message->kind, POST_ROUTE_WANTED);
	s->routes_asked++;
	s->routes_doubted += message->number;
	if (!s->hold_routes) {
		found_route(s, message->object);
		return;
	}
	assert_true(s->asked_count < COUNT_OF(s->asked));
	s->asked[s->asked_count++] = message->object;
}

/* ---- recorder ---- */

static void note_outcome(struct sched *s, struct attempt *attempt)
{
	s->outcomes++;
	if (attempt->message->rcpt != NULL) {
		sched_jobs_note(s, attempt);
		return;
	}
	struct fake_file *file = sched_file_of(s, attempt->message);
	file->attempt_number = attempt->number;
	for (uint32_t i = 0; i < attempt->rcpts_count; i++) {
		const struct attempt_rcpt *rcpt = &attempt->rcpts[i];
		assert_int_not_equal(rcpt->fate, ATTEMPT_OPEN);
		file->by_fate[rcpt->fate]++;
		if (rcpt->fate == ATTEMPT_DEFERRED)
			continue;
		uint32_t index = message_rcpt(attempt->message, rcpt->rcpt);
		if (index >= FAKE_RCPTS_MAX)
			continue;
		assert_int_equal(file->finals[index], 0); /* one final outcome each */
		file->finals[index]++;
	}
	smtp_status_format(attempt->rcpts[0].status, file->status);
	file->bounce_class = attempt->rcpts[0].bounce_class;
	file->reason[0] = '\0';
	if (attempt->work != NULL)
		snprintf(file->reason, sizeof file->reason, "%.*s",
			TEXT_ARG(buf_text(&attempt->work->reason)));
}

static void recorded(struct sched *s, struct attempt *attempt)
{
	hub_post(s->base.hub.scheduler, POST_RECORDED, attempt, 0, 0);
}

static void note_warning(struct sched *s, const struct attempt *warning)
{
	const struct envelope *envelope = warning->message->envelope;
	struct buf buf;
	buf_init(&buf, s->warned, sizeof s->warned - 1);
	for (uint32_t i = 0; i < warning->rcpts_count; i++) {
		char status[SMTP_STATUS_TEXT_MAX];
		const struct attempt_rcpt *rcpt = &warning->rcpts[i];
		assert_true(rcpt->has_notice);
		buf_printf(&buf, "%.*s %s %.*s; ", TEXT_ARG(envelope->rcpts[rcpt->rcpt].address.text),
			smtp_status_format(rcpt->status, status),
			TEXT_ARG(attempt_reply_text(warning, rcpt)));
	}
	s->warned[buf.len] = '\0';
	s->warnings++;
}

void sched_take_outcome(struct sched *s, struct attempt *attempt)
{
	if (attempt->is_warning)
		note_warning(s, attempt);
	else
		note_outcome(s, attempt);
	if (s->hold_records)
		list_push_back(&s->unrecorded, &attempt->node);
	else
		recorded(s, attempt);
}

static void hear_as_recorder(struct sched *s, const struct mailbox_message *message)
{
	struct hub *hub = &s->base.hub;
	struct site_report *report;
	struct fake_file *file;
	switch (message->kind) {
	case POST_OUTCOME: sched_take_outcome(s, message->object); break;
	case POST_REJECTED:
		file = sched_file_of(s, message->object);
		file->rejected++;
		snprintf(file->reason, sizeof file->reason, "%s", file->message->reason);
		hub_post(hub->scheduler, POST_REJECT_RECORDED, message->object, 0, 0);
		break;
	case POST_SITE_CHANGED:
		report = message->object;
		s->site_reports++;
		snprintf(s->site_words, sizeof s->site_words, "%s", report->reason);
		free(report);
		hub_post(hub->scheduler, POST_REPORT_DONE, NULL, 1, 0);
		break;
	case POST_RECORDER_FLUSH:
		s->flushes++;
		hub_post(hub->scheduler, POST_RECORDER_FLUSHED, NULL, 0, 0);
		break;
	case POST_STOP: s->stops++; break;
	default: fail_msg("%s came to the recorder", post_name(message->kind));
	}
}

void sched_release(struct sched *s)
{
	struct list_node *node;
	for (size_t i = 0; i < s->asked_count; i++)
		found_route(s, s->asked[i]);
	s->asked_count = 0;
	for (size_t i = 0; i < s->unread_count; i++)
		sched_read_done(s, s->unread[i], s->unread_worker[i]);
	s->unread_count = 0;
	while ((node = list_pop_front(&s->unrecorded)) != NULL)
		recorded(s, CONTAINER_OF(node, struct attempt, node));
}

/* ---- time ---- */

bool sched_play(struct sched *s)
{
	struct hub *hub = &s->base.hub;
	struct mailbox_message message;
	bool any = sched_jobs_play(s);
	for (; mailbox_take(hub->files, &message); any = true)
		hear_as_files(s, &message);
	for (; mailbox_take(hub->resolver, &message); any = true)
		hear_as_resolver(s, &message);
	/* Nothing but pings and the end comes to these from the scheduler. */
	while (mailbox_take(hub->verifier, &message) || mailbox_take(hub->cache, &message))
		assert_int_equal(message.kind, POST_STOP);
	for (; mailbox_take(hub->recorder, &message); any = true)
		hear_as_recorder(s, &message);
	for (uint32_t i = 0; i < hub->workers_count; i++)
		for (; mailbox_take(hub->workers[i], &message); any = true)
			sched_hear_as_worker(s, i, &message);
	for (; mailbox_take(hub->main, &message); any = true) {
		if (message.kind == POST_CONTROL_SLICE) {
			s->slice = message.object;
			s->slices_count++;
			continue;
		}
		assert_int_equal(message.kind, POST_STOP);
		s->stops++;
		s->running = false;
	}
	return any;
}

void sched_settle(struct sched *s)
{
	struct fail fail;
	bool any = true;
	while (any && s->running) {
		/* Answered once all that was posted before has been handled and the turn is over. */
		if (mailbox_test(s->base.hub.scheduler, SCHED_WAIT_MS, &fail) != RESULT_OK &&
			s->running) {
			while (sched_play(s))
				;
			assert_false(s->running); /* it had ended: nobody is left to answer */
		}
		any = sched_play(s);
	}
}

void sched_pass(struct sched *s, uint32_t ms)
{
	uint64_t end_ns = clock_now_ns() + ms * TEST_MS_NS;
	do {
		while (sched_play(s))
			;
		clock_wait_ms(1);
	} while (clock_now_ns() < end_ns);
	while (sched_play(s))
		;
}

/* ---- start and end ---- */

void sched_prepare(struct sched *s, const char *const *flags)
{
	struct fail fail;
	memset(s, 0, sizeof *s);
	run_test_init(&s->base, "/nowhere", flags);
	list_init(&s->leased);
	list_init(&s->unrecorded);
	s->seed = 1;
	assert_int_equal(
		scheduler_create(&s->base.hub, &s->base.recovery, &s->scheduler, &fail), RESULT_OK);
}

void sched_start(struct sched *s)
{
	struct fail fail;
	s->running = true;
	assert_int_equal(pthread_create(&s->thread, NULL, scheduler_run, s->scheduler), 0);
	if (!s->hold_begin)
		hub_post(s->base.hub.scheduler, POST_JOBS_BEGUN, NULL, 0, 0);
	assert_int_equal(mailbox_test(s->base.hub.scheduler, SCHED_WAIT_MS, &fail), RESULT_OK);
}

void sched_init(struct sched *s, const char *const *flags)
{
	sched_prepare(s, flags);
	sched_start(s);
}

static void check_sums(const struct sched *s)
{
	const struct hub_counters *c = &s->base.hub.counters;
	uint64_t by_fate[FAKE_FINALS_COUNT] = { 0 };
	for (size_t i = 0; i < s->files_count; i++)
		for (size_t fate = 0; fate < FAKE_FINALS_COUNT; fate++)
			by_fate[fate] += s->files[i]->by_fate[fate];
	sched_jobs_add_fates(s, by_fate);
	if (!s->end.record_failed) {
		assert_int_equal(hub_read(&c->delivered), by_fate[ATTEMPT_DELIVERED]);
		assert_int_equal(hub_read(&c->bounced), by_fate[ATTEMPT_BOUNCED]);
		assert_int_equal(hub_read(&c->expired), by_fate[ATTEMPT_EXPIRED]);
		assert_int_equal(hub_read(&c->withdrawn), by_fate[ATTEMPT_WITHDRAWN]);
		assert_int_equal(hub_read(&c->suppressed), by_fate[ATTEMPT_SUPPRESSED]);
		assert_int_equal(hub_read(&c->deferrals), by_fate[ATTEMPT_DEFERRED]);
	}
	assert_int_equal(
		hub_read(&c->rcpts_accepted), hub_done_count(c) + hub_read(&c->rcpts_pending));
	assert_int_equal(s->end.pending, hub_read(&c->rcpts_pending));
	assert_int_equal(s->slots, 0);
}

void sched_end(struct sched *s)
{
	struct hub *hub = &s->base.hub;
	if (s->running)
		hub_post(hub->scheduler, POST_DRAIN, NULL, 0, 0);
	SCHED_WAIT(s, !s->running);
	assert_int_equal(pthread_join(s->thread, NULL), 0);
	while (sched_play(s))
		;
	size_t threads = 4 + hub->workers_count + (s->jobs != NULL ? 2 : 0);
	assert_int_equal(s->stops, threads); /* each hears it once */
	s->end = scheduler_end_of(s->scheduler);
	check_sums(s);
	while (list_pop_front(&s->unrecorded) != NULL)
		; /* as recorder_destroy() does */
	scheduler_destroy(s->scheduler);
	for (size_t i = 0; i < s->files_count; i++)
		free(s->files[i]);
	free(s->files);
	run_test_deinit(&s->base);
}
