/* A domain that is asked for is a `job`: in the queue until one of the slots is free, each of which holds
 * one fetch with its memory. When a job ends it is no longer found from before the first waiter is answered,
 * so that who asks again begins anew; its slot is kept until the last is answered, for it holds the body. */
#include "engine/route/sts_fetches.h"
#include <stdlib.h>
#include <string.h>
#include "engine/base/hash_map.h"
#include "engine/base/limits.h"
#include "engine/base/slab.h"
#include "engine/io/loop.h"

#define HOST_PREFIX "mta-sts."

struct slot {
	struct list_node node; /* free, or running until it has to give way */
	struct job *job;
	uint64_t started_ns;
	struct sts_fetch fetch;
};

struct job {
	struct hash_node hash;
	struct list_node node; /* while it is queued */
	struct sts_fetches *fetches;
	struct slot *slot;  /* while it is fetched */
	struct timer timer; /* while it is queued */
	uint64_t deadline_ns;
	struct list waiters;
	/* As they were given: it is the fetch that chooses. */
	struct ip_address addresses[HOST_ADDRESSES_MAX];
	size_t addresses_count;
	/* The host's name, of which the domain is the end. */
	char host[sizeof HOST_PREFIX + DOMAIN_NAME_MAX], id[STS_ID_BYTES_MAX];
	size_t host_len, id_len;
};

struct sts_fetches {
	struct sts_fetches_config config;
	struct sts_fetches_counters counters;
	struct sts_backoff backoff;
	struct hash_map by_domain;
	struct slab jobs;
	struct list queue;
	struct list free_slots;
	struct list running; /* the oldest first */
	struct slot *slots;
	size_t queued_count;  /* jobs */
	size_t leaving_count; /* slots, neither free nor running */
	struct timer share_timer; /* while somebody is queued */
	struct fail fail; /* of an answer that is given at once */
	bool stopping;
};

static void start_queued(struct sts_fetches *fetches);

static struct text domain_of(const struct job *job)
{
	return text_skip((struct text){ job->host, job->host_len }, strlen(HOST_PREFIX));
}

static struct text key_of(const struct hash_node *node)
{
	return domain_of(CONTAINER_OF(node, const struct job, hash));
}

/* ---- the end of a job ---- */

/* The job is in no queue and has no fetch any more. */
static void answer_all(struct job *job, struct sts_answer *answer)
{
	struct sts_fetches *fetches = job->fetches;
	hash_map_remove(&fetches->by_domain, &job->hash);
	answer->id = (struct text){ job->id, job->id_len };
	for (struct list_node *node = list_pop_front(&job->waiters); node != NULL;
		node = list_pop_front(&job->waiters)) {
		struct sts_waiter *waiter = CONTAINER_OF(node, struct sts_waiter, node);
		waiter->answer(waiter, answer);
		answer->is_again = true;
	}
	slab_release(&fetches->jobs, job);
}

/* Not the host's fault, so nothing is remembered. */
static void answer_unfetched(struct job *job)
{
	struct sts_fetches *fetches = job->fetches;
	struct fail fail;
	struct sts_answer answer = { .fail = &fail };
	list_remove(&job->node);
	fetches->queued_count--;
	if (fetches->stopping) {
		answer.fault = STS_FAULT_CANCELLED;
		fail_set(&fail, RESULT_CANCELLED, "the fetch was given up");
	} else {
		answer.fault = STS_FAULT_LOCAL;
		fetches->counters.refused++;
		fail_set(&fail, RESULT_LIMIT, "none of our %u policy fetches became free in time",
			fetches->config.fetches_max);
	}
	answer_all(job, &answer);
}

static void queue_timer_fired(struct timer *timer)
{
	answer_unfetched(CONTAINER_OF(timer, struct job, timer));
}

/* Books what came of a fetch. */
static struct sts_answer judge(struct job *job, const struct sts_fetch *fetch, struct fail *fail)
{
	struct sts_fetches *fetches = job->fetches;
	struct sts_answer answer = { .fault = fetch->fault, .fail = fail };
	*fail = fetch->fail;
	if (fetch->fault == STS_FAULT_NONE && fetches->config.validate != NULL &&
		!fetches->config.validate(sts_fetch_body(fetch), fail))
		answer.fault = STS_FAULT_INVALID;
	if (answer.fault == STS_FAULT_NONE) {
		fetches->counters.fetched++;
		answer.body = sts_fetch_body(fetch);
		sts_backoff_succeeded(&fetches->backoff, domain_of(job));
	} else if (answer.fault != STS_FAULT_CANCELLED && answer.fault != STS_FAULT_LOCAL) {
		fetches->counters.failed++;
		answer.retry_ns = sts_backoff_failed(&fetches->backoff, domain_of(job),
			(struct text){ job->id, job->id_len }, answer.fault, fail,
			loop_now_ns(fetches->config.fetch.loop));
	}
	return answer;
}

static void fetch_done(struct sts_fetch *fetch)
{
	struct slot *slot = CONTAINER_OF(fetch, struct slot, fetch);
	struct job *job = slot->job;
	struct sts_fetches *fetches = job->fetches;
	struct fail fail;
	struct sts_answer answer = judge(job, fetch, &fail);
	slot->job = NULL;
	if (list_node_is_linked(&slot->node))
		list_remove(&slot->node);
	else
		fetches->leaving_count--;
	answer_all(job, &answer);
	list_push_front(&fetches->free_slots, &slot->node);
	start_queued(fetches);
}

/* ---- the begin ---- */

static void share_timer_fired(struct timer *timer);

/* When the oldest fetch has to give way to who is queued. */
static void watch_shares(struct sts_fetches *fetches)
{
	struct loop *loop = fetches->config.fetch.loop;
	struct list_node *oldest = list_first(&fetches->running);
	if (fetches->stopping || oldest == NULL || fetches->leaving_count >= fetches->queued_count) {
		loop_timer_stop(loop, &fetches->share_timer);
		return;
	}
	uint64_t now_ns = loop_now_ns(loop);
	uint64_t due_ns = CONTAINER_OF(oldest, struct slot, node)->started_ns + fetches->config.share_ns;
	loop_timer_start(
		loop, &fetches->share_timer, due_ns > now_ns ? due_ns - now_ns : 0, share_timer_fired);
}

static void share_timer_fired(struct timer *timer)
{
	struct sts_fetches *fetches = CONTAINER_OF(timer, struct sts_fetches, share_timer);
	uint64_t now_ns = loop_now_ns(fetches->config.fetch.loop);
	struct list_node *node;
	while (fetches->leaving_count < fetches->queued_count &&
		(node = list_first(&fetches->running)) != NULL) {
		struct slot *slot = CONTAINER_OF(node, struct slot, node);
		if (slot->started_ns + fetches->config.share_ns > now_ns)
			break;
		list_remove(node);
		fetches->leaving_count++;
		sts_fetch_give_way(&slot->fetch);
	}
	watch_shares(fetches);
}

static void start_queued(struct sts_fetches *fetches)
{
	while (!fetches->stopping && !list_is_empty(&fetches->queue) &&
		!list_is_empty(&fetches->free_slots)) {
		struct list_node *node = list_pop_front(&fetches->queue);
		struct job *job = CONTAINER_OF(node, struct job, node);
		node = list_pop_front(&fetches->free_slots);
		struct slot *slot = CONTAINER_OF(node, struct slot, node);
		loop_timer_stop(fetches->config.fetch.loop, &job->timer);
		fetches->queued_count--;
		job->slot = slot;
		slot->job = job;
		slot->started_ns = loop_now_ns(fetches->config.fetch.loop);
		list_push_back(&fetches->running, &slot->node);
		sts_fetch_start(&slot->fetch, &fetches->config.fetch,
			(struct text){ job->host, job->host_len }, job->addresses,
			job->addresses_count, job->deadline_ns, fetch_done);
	}
	watch_shares(fetches);
}

static struct job *find(struct sts_fetches *fetches, struct text domain)
{
	struct hash_node *node = hash_map_find(&fetches->by_domain, domain);
	return node != NULL ? CONTAINER_OF(node, struct job, hash) : NULL;
}

static void fill(struct job *job, const struct sts_question *question)
{
	struct buf host;
	CHECK(question->domain.len > 0 && question->domain.len <= DOMAIN_NAME_MAX);
	CHECK(question->id.len <= sizeof job->id);
	buf_init(&host, job->host, sizeof job->host);
	buf_put_cstr(&host, HOST_PREFIX);
	buf_put_text(&host, question->domain);
	job->host_len = host.len;
	if (question->id.len > 0)
		memcpy(job->id, question->id.data, question->id.len);
	job->id_len = question->id.len;
	job->addresses_count = question->addresses_count < HOST_ADDRESSES_MAX
				       ? question->addresses_count
				       : HOST_ADDRESSES_MAX;
	if (job->addresses_count > 0)
		memcpy(job->addresses, question->addresses,
			job->addresses_count * sizeof *job->addresses);
}

static void begin(struct sts_fetches *fetches, struct job *job, const struct sts_question *question)
{
	struct loop *loop = fetches->config.fetch.loop;
	memset(job, 0, sizeof *job);
	job->fetches = fetches;
	list_init(&job->waiters);
	fill(job, question);
	job->deadline_ns = loop_now_ns(loop) + fetches->config.timeout_ns;
	hash_map_insert(&fetches->by_domain, &job->hash);
	list_push_back(&fetches->queue, &job->node);
	fetches->queued_count++;
	loop_timer_start(loop, &job->timer, fetches->config.timeout_ns, queue_timer_fired);
	start_queued(fetches);
}

/* Whether there is something against a new fetch. */
static bool refuse(struct sts_fetches *fetches, const struct sts_question *question,
	struct sts_answer *out_answer)
{
	struct sts_setback setback;
	uint64_t now_ns = loop_now_ns(fetches->config.fetch.loop);
	*out_answer = (struct sts_answer){ .fail = &fetches->fail, .id = question->id };
	if (fetches->stopping) {
		out_answer->fault = STS_FAULT_CANCELLED;
		fail_set(&fetches->fail, RESULT_CANCELLED, "no policy is fetched any more");
		return true;
	}
	if (sts_backoff_waits(
		    &fetches->backoff, question->domain, question->id, now_ns, &setback)) {
		out_answer->fault = STS_FAULT_WAITS;
		out_answer->retry_ns = setback.until_ns;
		fetches->counters.held_back++;
		fetches->fail = *setback.fail;
		(void)!fail_prefix(&fetches->fail, "not tried again for %llu s",
			(unsigned long long)((setback.until_ns - now_ns) / SECOND_NS));
		return true;
	}
	if (slab_in_use(&fetches->jobs) == fetches->config.domains_max) {
		out_answer->fault = STS_FAULT_LOCAL;
		fetches->counters.refused++;
		fail_set(&fetches->fail, RESULT_LIMIT,
			"the policies of %u domains are being fetched",
			fetches->config.domains_max);
		return true;
	}
	return false;
}

bool sts_fetches_ask(struct sts_fetches *fetches, const struct sts_question *question,
	struct sts_waiter *waiter, struct sts_answer *out_answer)
{
	CHECK(!list_node_is_linked(&waiter->node));
	struct job *job = find(fetches, question->domain);
	if (job != NULL) {
		fetches->counters.joined++;
	} else {
		if (refuse(fetches, question, out_answer))
			return false;
		job = slab_acquire(&fetches->jobs);
		CHECK(job != NULL);
		begin(fetches, job, question);
	}
	list_push_back(&job->waiters, &waiter->node);
	return true;
}

void sts_fetches_leave(struct sts_waiter *waiter)
{
	if (list_node_is_linked(&waiter->node))
		list_remove(&waiter->node);
}

enum sts_fetches_state sts_fetches_state(
	struct sts_fetches *fetches, struct text domain, struct text id)
{
	struct sts_setback setback;
	if (find(fetches, domain) != NULL)
		return STS_FETCHES_BUSY;
	return sts_backoff_waits(&fetches->backoff, domain, id,
		       loop_now_ns(fetches->config.fetch.loop), &setback)
		       ? STS_FETCHES_WAITS
		       : STS_FETCHES_FREE;
}

/* ---- life ---- */

enum result sts_fetches_create(
	const struct sts_fetches_config *config, struct sts_fetches **out_fetches)
{
	CHECK(config->fetches_max > 0 && config->domains_max >= config->fetches_max);
	struct sts_fetches *fetches = calloc(1, sizeof *fetches);
	if (fetches == NULL)
		return RESULT_MEMORY;
	fetches->config = *config;
	if (config->timeout_ns == 0)
		fetches->config.timeout_ns = STS_FETCHES_TIMEOUT_NS;
	if (config->share_ns == 0)
		fetches->config.share_ns = STS_FETCHES_SHARE_NS;
	list_init(&fetches->queue);
	list_init(&fetches->free_slots);
	list_init(&fetches->running);
	/* Pages that no fetch uses cost nothing. */
	fetches->slots = calloc(config->fetches_max, sizeof *fetches->slots);
	if (fetches->slots == NULL)
		goto no_slots;
	if (slab_init(&fetches->jobs, sizeof(struct job), config->domains_max) != RESULT_OK)
		goto no_jobs;
	if (hash_map_init(&fetches->by_domain, 0, &config->key, key_of) != RESULT_OK)
		goto no_map;
	if (sts_backoff_init(&fetches->backoff, config->failures_max, &config->key) != RESULT_OK)
		goto no_backoff;
	for (uint32_t i = 0; i < config->fetches_max; i++)
		list_push_back(&fetches->free_slots, &fetches->slots[i].node);
	*out_fetches = fetches;
	return RESULT_OK;
no_backoff:
	hash_map_deinit(&fetches->by_domain);
no_map:
	slab_deinit(&fetches->jobs);
no_jobs:
	free(fetches->slots);
no_slots:
	free(fetches);
	return RESULT_MEMORY;
}

void sts_fetches_destroy(struct sts_fetches *fetches)
{
	if (fetches == NULL)
		return;
	CHECK(sts_fetches_is_idle(fetches));
	CHECK(!timer_is_running(&fetches->share_timer));
	sts_backoff_deinit(&fetches->backoff);
	hash_map_deinit(&fetches->by_domain);
	slab_deinit(&fetches->jobs);
	free(fetches->slots);
	free(fetches);
}

void sts_fetches_stop(struct sts_fetches *fetches)
{
	fetches->stopping = true;
	loop_timer_stop(fetches->config.fetch.loop, &fetches->share_timer);
	for (uint32_t i = 0; i < fetches->config.fetches_max; i++)
		if (fetches->slots[i].job != NULL)
			sts_fetch_cancel(&fetches->slots[i].fetch);
	LIST_FOR_EACH(node, &fetches->queue)
	{
		struct job *job = CONTAINER_OF(node, struct job, node);
		loop_timer_start(fetches->config.fetch.loop, &job->timer, 0, queue_timer_fired);
	}
}

bool sts_fetches_is_idle(const struct sts_fetches *fetches)
{
	return slab_in_use(&fetches->jobs) == 0;
}

const struct sts_fetches_counters *sts_fetches_counters(const struct sts_fetches *fetches)
{
	return &fetches->counters;
}
