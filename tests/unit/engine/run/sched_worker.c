#include "tests/unit/engine/run/sched_parts.h"
#include <stdio.h>
#include "tests/unit/engine/run/sched_jobs.h"

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
	hub_post(s->base.hub.scheduler, POST_SLOTS, fake->lease, 1, fake->answers_owed);
	fake->answers_owed = 0;
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

/* Answered at once, with a slot or without; a lease that gave back all it had is not known any more. */
static void take_call_back(struct sched *s, struct lease *lease)
{
	s->call_backs++;
	for (size_t i = 0; i < s->leases_count; i++) {
		struct fake_lease *fake = &s->leases[i];
		if (fake->lease != lease)
			continue;
		fake->called_back++;
		fake->answers_owed++;
		answer_call_back(s, fake);
		if (fake->lease == lease && fake->answers_owed > 0)
			hub_post(s->base.hub.scheduler, POST_SLOTS, lease, 0, fake->answers_owed);
		if (fake->lease == lease)
			fake->answers_owed = 0;
		return;
	}
	hub_post(s->base.hub.scheduler, POST_SLOTS, lease, 0, 1);
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
	s->sessions_opened += count;
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
	uint64_t site_sessions =
		s->site_sessions != 0 ? s->site_sessions : (uint64_t)options->site_sessions;
	assert_true(slots_of_site(s, attempt->lease->site) <= site_sessions);
	list_push_back(&s->leased, &attempt->node);
	s->leased_count++;
	s->leased_total++;
	s->leased_max = s->leased_count > s->leased_max ? s->leased_count : s->leased_max;
}

void sched_read_done(struct sched *s, struct message *message, uint32_t worker)
{
	if (message->rcpt != NULL) {
		sched_jobs_merge(s, message, worker);
		return;
	}
	struct fake_file *file = sched_file_of(s, message);
	file->reads++;
	message->read_result = file->read_result;
	if (file->read_result == RESULT_OK) {
		message->envelope = test_envelope(&file->mail);
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

void sched_hear_as_worker(struct sched *s, uint32_t worker, const struct mailbox_message *message)
{
	switch (message->kind) {
	case POST_READ:
		if (!s->hold_reads) {
			sched_read_done(s, message->object, worker);
			break;
		}
		assert_true(s->unread_count < COUNT_OF(s->unread));
		s->unread_worker[s->unread_count] = worker;
		s->unread[s->unread_count++] = message->object;
		break;
	case POST_WORK: take_work(s, worker, message->object, message->number); break;
	case POST_CALL_BACK: take_call_back(s, message->object); break;
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
	sched_take_outcome(s, attempt);
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

void sched_drain_workers(struct sched *s)
{
	for (uint32_t i = 0; i < s->base.hub.workers_count; i++)
		drain_worker(s, i);
}
