#include "tests/unit/engine/run/sched_test.h"
#include <stdio.h>
#include <stdlib.h>
#include "engine/io/clock.h"
#include "engine/run/domain.h"

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

static struct fake_file *file_of(struct sched *s, const struct message *message)
{
	size_t index = strtoul(message->name + 1, NULL, 10);
	assert_true(index < s->files_count);
	struct fake_file *file = s->files[index];
	assert_ptr_equal(file->message, message);
	return file;
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
		file = file_of(s, message->object);
		file->unlinked += message->kind == POST_UNLINK;
		file->moved += message->kind == POST_MOVE_BAD;
		if (!s->hold_unlinks)
			message_over(s, file);
		break;
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
	struct fake_file *file = file_of(s, attempt->message);
	s->outcomes++;
	file->attempt_number = attempt->number;
	for (uint32_t i = 0; i < attempt->rcpts_count; i++) {
		const struct attempt_rcpt *rcpt = &attempt->rcpts[i];
		assert_int_not_equal(rcpt->fate, ATTEMPT_OPEN);
		file->by_fate[rcpt->fate]++;
		if (rcpt->fate == ATTEMPT_DEFERRED)
			continue;
		assert_true(rcpt->rcpt < FAKE_RCPTS_MAX);
		assert_int_equal(file->finals[rcpt->rcpt], 0); /* one final outcome each */
		file->finals[rcpt->rcpt]++;
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

static void take_outcome(struct sched *s, struct attempt *attempt)
{
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
	case POST_OUTCOME: take_outcome(s, message->object); break;
	case POST_REJECTED:
		file = file_of(s, message->object);
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

/* ---- workers ---- */

static struct fake_lease *fake_of(struct sched *s, struct lease *lease)
{
	for (size_t i = 0; i < s->leases_count; i++)
		if (s->leases[i].lease == lease)
			return &s->leases[i];
	assert_true(s->leases_count < FAKE_LEASES_MAX);
	struct fake_lease *fake = &s->leases[s->leases_count++];
	*fake = (struct fake_lease){ .lease = lease };
	memcpy(fake->provider, lease->site->provider->key, sizeof fake->provider);
	return fake;
}

static void give_slot(struct sched *s, struct fake_lease *fake)
{
	assert_true(fake->slots > 0);
	fake->slots--;
	s->slots--;
	fake->called_back -= fake->called_back > 0;
	hub_post(s->base.hub.scheduler, POST_SLOTS, fake->lease, 1, 0);
	if (fake->slots > 0)
		return;
	LIST_FOR_EACH_SAFE(node, &s->leased)
	{ /* nothing is left here that could send them */
		struct attempt *attempt = CONTAINER_OF(node, struct attempt, node);
		if (attempt->lease == fake->lease)
			sched_return(s, attempt);
	}
	/* The scheduler may free the site once it has heard of the last slot. */
	*fake = s->leases[--s->leases_count];
}

/* A session without work ends when its slot is called back. */
static void answer_call_back(struct sched *s, struct fake_lease *fake)
{
	if (s->keep_called_back)
		return;
	while (fake->called_back > 0 && fake->slots > fake->outstanding)
		give_slot(s, fake);
}

static uint32_t slots_of_site(struct sched *s, const struct site *site)
{
	uint32_t slots = 0;
	for (size_t i = 0; i < s->leases_count; i++)
		if (s->leases[i].lease->site == site)
			slots += s->leases[i].slots;
	return slots;
}

/* The last slot went back while this was on its way: nothing is here that could send it. */
static bool came_too_late(struct sched *s, struct attempt *attempt, struct fake_lease *fake)
{
	if (fake->slots > 0)
		return false;
	*fake = s->leases[--s->leases_count];
	hub_post(s->base.hub.scheduler, POST_RETURNED, attempt, 0, 0);
	return true;
}

static void open_sessions(struct sched *s, struct fake_lease *fake, uint32_t count)
{
	fake->slots += count;
	fake->slots_granted += count;
	s->slots += count;
	s->slots_max = s->slots > s->slots_max ? s->slots : s->slots_max;
	for (; count > 0 && !s->sessions_stay_down; count--)
		hub_post(s->base.hub.scheduler, POST_SESSION_UP, fake->lease, 0, 0);
}

static void take_work(struct sched *s, uint32_t worker, struct attempt *attempt, uint32_t slots)
{
	const struct send_options *options = &s->base.options;
	struct fake_lease *fake = fake_of(s, attempt->lease);
	assert_int_equal(attempt->lease->worker, worker);
	assert_int_equal(attempt->state, ATTEMPT_LEASED);
	assert_non_null(attempt->route);
	assert_non_null(attempt->work);
	assert_non_null(attempt->source);
	open_sessions(s, fake, slots);
	if (came_too_late(s, attempt, fake))
		return;
	fake->outstanding++;
	assert_true(s->slots <= (uint64_t)options->sessions);
	assert_true(slots_of_site(s, attempt->lease->site) <= (uint64_t)options->site_sessions);
	list_push_back(&s->leased, &attempt->node);
	s->leased_count++;
	s->leased_max = s->leased_count > s->leased_max ? s->leased_count : s->leased_max;
}

static void read_done(struct sched *s, struct message *message, uint32_t worker)
{
	struct fake_file *file = file_of(s, message);
	file->reads++;
	message->read_result = file->read_result;
	if (file->read_result == RESULT_OK) {
		message->envelope = test_envelope(&file->mail);
		assert_true(message->envelope->rcpts_count <= FAKE_RCPTS_MAX);
		if (!s->without_bodies)
			message->body =
				test_body(&s->base.hub.bodies, "Subject: x\r\n\r\nhello\r\n");
	} else {
		snprintf(message->reason, sizeof message->reason, "%.200s", file->reason);
	}
	hub_post(s->base.hub.scheduler, POST_READ_DONE, message, worker, 0);
}

static void drain_worker(struct sched *s, uint32_t worker)
{
	LIST_FOR_EACH_SAFE(node, &s->leased)
	{
		struct attempt *attempt = CONTAINER_OF(node, struct attempt, node);
		if (attempt->lease->worker == worker)
			sched_return(s, attempt);
	}
	for (size_t i = s->leases_count; i-- > 0;)
		while (i < s->leases_count && s->leases[i].lease->worker == worker)
			give_slot(s, &s->leases[i]);
	hub_post(s->base.hub.scheduler, POST_WORKER_DRAINED, NULL, worker, 0);
}

static void hear_as_worker(struct sched *s, uint32_t worker, const struct mailbox_message *message)
{
	struct fake_lease *fake;
	switch (message->kind) {
	case POST_READ:
		if (!s->hold_reads) {
			read_done(s, message->object, worker);
			break;
		}
		assert_true(s->unread_count < COUNT_OF(s->unread));
		s->unread_worker[s->unread_count] = worker;
		s->unread[s->unread_count++] = message->object;
		break;
	case POST_WORK: take_work(s, worker, message->object, message->number); break;
	case POST_CALL_BACK:
		s->call_backs++;
		for (size_t i = 0; i < s->leases_count; i++) {
			fake = &s->leases[i];
			if (fake->lease != message->object)
				continue;
			fake->called_back++;
			answer_call_back(s, fake);
			break;
		}
		break;
	case POST_WORKER_DRAIN:
		s->drains++;
		s->drains_at_once += message->number != 0;
		if (s->has_drained[worker] || (s->slow_drain && message->number == 0))
			break;
		s->has_drained[worker] = true;
		drain_worker(s, worker);
		break;
	case POST_STOP: s->stops++; break;
	default: fail_msg("%s came to a worker", post_name(message->kind));
	}
}

/* ---- what tests let workers do ---- */

struct attempt *sched_leased(struct sched *s, const char *domain)
{
	LIST_FOR_EACH(node, &s->leased)
	{
		struct attempt *attempt = CONTAINER_OF(node, struct attempt, node);
		if (domain == NULL || strcmp(attempt->route->domain, domain) == 0)
			return attempt;
	}
	return NULL;
}

uint32_t sched_leased_of(struct sched *s, const char *domain)
{
	uint32_t count = 0;
	LIST_FOR_EACH(node, &s->leased)
	{
		const struct attempt *attempt = CONTAINER_OF(node, struct attempt, node);
		count += strcmp(attempt->route->domain, domain) == 0;
	}
	return count;
}

uint32_t sched_slots_of(struct sched *s, const char *provider)
{
	uint32_t slots = 0;
	for (size_t i = 0; i < s->leases_count; i++)
		if (strcmp(s->leases[i].provider, provider) == 0)
			slots += s->leases[i].slots;
	return slots;
}

static struct fake_lease *take_back(struct sched *s, struct attempt *attempt)
{
	struct fake_lease *fake = fake_of(s, attempt->lease);
	list_remove(&attempt->node);
	s->leased_count--;
	assert_true(fake->outstanding > 0);
	fake->outstanding--;
	return fake;
}

void sched_answer_heard(
	struct sched *s, struct attempt *attempt, enum attempt_fate fate, struct heard heard)
{
	assert_non_null(attempt);
	struct fake_lease *fake = take_back(s, attempt);
	for (uint32_t i = 0; i < attempt->rcpts_count; i++)
		attempt->rcpts[i].counts_as_attempt = true;
	if (fate == ATTEMPT_DEFERRED)
		attempt_add_reason(attempt, attempt->route->hosts[0].name, NULL, "come back later");
	attempt_settle(
		attempt, fate, BOUNCE_CLASS_NONE, fate == ATTEMPT_DELIVERED ? "2.0.0" : "4.0.0");
	struct lease *lease = attempt->lease;
	body_unref(attempt->body);
	attempt->body = NULL;
	take_outcome(s, attempt);
	hub_post(s->base.hub.scheduler, POST_HEARD, lease, 0, heard_pack(heard));
	/* The session that was at work is free: it ends if it was called back. */
	if (fake->called_back > 0 && !s->keep_called_back)
		give_slot(s, fake);
}

void sched_answer(struct sched *s, struct attempt *attempt, enum attempt_fate fate)
{
	sched_answer_heard(s, attempt, fate,
		(struct heard){
			.good = fate == ATTEMPT_DELIVERED ? (uint16_t)attempt->rcpts_count : 0 });
}

void sched_answer_all(struct sched *s, enum attempt_fate fate)
{
	struct attempt *attempt;
	sched_settle(s);
	while ((attempt = sched_leased(s, NULL)) != NULL) {
		sched_answer(s, attempt, fate);
		if (sched_leased(s, NULL) == NULL)
			sched_settle(s);
	}
}

void sched_return(struct sched *s, struct attempt *attempt)
{
	assert_non_null(attempt);
	take_back(s, attempt);
	hub_post(s->base.hub.scheduler, POST_RETURNED, attempt, 0, 0);
}

void sched_return_slots(struct sched *s)
{
	for (size_t i = s->leases_count; i-- > 0;)
		while (i < s->leases_count && s->leases[i].slots > s->leases[i].outstanding)
			give_slot(s, &s->leases[i]);
}

void sched_release(struct sched *s)
{
	struct list_node *node;
	for (size_t i = 0; i < s->asked_count; i++)
		found_route(s, s->asked[i]);
	s->asked_count = 0;
	for (size_t i = 0; i < s->unread_count; i++)
		read_done(s, s->unread[i], s->unread_worker[i]);
	s->unread_count = 0;
	while ((node = list_pop_front(&s->unrecorded)) != NULL)
		recorded(s, CONTAINER_OF(node, struct attempt, node));
}

void sched_drain_workers(struct sched *s)
{
	for (uint32_t i = 0; i < s->base.hub.workers_count; i++)
		drain_worker(s, i);
}

/* ---- time ---- */

bool sched_play(struct sched *s)
{
	struct hub *hub = &s->base.hub;
	struct mailbox_message message;
	bool any = false;
	for (; mailbox_take(hub->files, &message); any = true)
		hear_as_files(s, &message);
	for (; mailbox_take(hub->resolver, &message); any = true)
		hear_as_resolver(s, &message);
	for (; mailbox_take(hub->recorder, &message); any = true)
		hear_as_recorder(s, &message);
	for (uint32_t i = 0; i < hub->workers_count; i++)
		for (; mailbox_take(hub->workers[i], &message); any = true)
			hear_as_worker(s, i, &message);
	for (; mailbox_take(hub->main, &message); any = true) {
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
	if (!s->end.record_failed) {
		assert_int_equal(hub_read(&c->delivered), by_fate[ATTEMPT_DELIVERED]);
		assert_int_equal(hub_read(&c->bounced), by_fate[ATTEMPT_BOUNCED]);
		assert_int_equal(hub_read(&c->expired), by_fate[ATTEMPT_EXPIRED]);
		assert_int_equal(hub_read(&c->withdrawn), by_fate[ATTEMPT_WITHDRAWN]);
		assert_int_equal(hub_read(&c->deferrals), by_fate[ATTEMPT_DEFERRED]);
	}
	assert_int_equal(hub_read(&c->rcpts_accepted),
		hub_read(&c->delivered) + hub_read(&c->bounced) + hub_read(&c->expired) +
			hub_read(&c->withdrawn) + hub_read(&c->suppressed) +
			hub_read(&c->rcpts_pending));
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
	assert_int_equal(s->stops, 4 + hub->workers_count); /* each thread hears it once */
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
