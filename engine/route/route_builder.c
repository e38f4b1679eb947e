#include "engine/route/route_builder.h"
#include <stdlib.h>
#include <string.h>
#include "engine/base/hash_map.h"
#include "engine/base/slab.h"
#include "engine/base/timer_wheel.h"
#include "engine/io/random.h"
#include "engine/route/route_build.h"
#include "engine/route/route_cache.h"
#include "engine/route/route_rules.h"
#include "engine/route/sts_service.h"

enum {
	/* DNS-35: total time of one look-up. */
	LOOKUP_DEFAULT_S = 30,
	/* Domains at a time: as many as fill the places of dns_resolver with MX questions. */
	BUILDS_DEFAULT = 2048,
	/* A route of an ordinary domain takes 1 to 2 KB. */
	CACHE_DEFAULT = 32768,
	/* Of the domains at a time, those that no mail waits for: the others find room, also in the DNS, and
	 * when all routes come due together it is some ms of work before somebody else has his turn. */
	AHEAD_MAX = 256,
};
#define NS_PER_S            1000000000ull
#define ROUTE_BUILDER_MAGIC 0x40b01de4u

/* One domain being looked up, and who waits for it. */
struct job {
	struct hash_node node;
	struct route_builder *builder;
	struct list waiters; /* of struct route_request */
	struct route_use use;
	bool is_ahead; /* begun before anybody asked */
	char domain[DOMAIN_NAME_SIZE];
	struct route_build build;
};

struct route_builder {
	uint32_t magic;
	struct route_rules rules;
	struct route_build_env env;
	struct sts_service *sts; /* NULL: MTA-STS is not looked at */
	struct route_cache cache;
	struct hash_map jobs_by_domain;
	struct slab jobs;
	struct list queue; /* requests for which no job was free */
	size_t queue_count;
	uint32_t ahead_count;
	struct route *no_memory; /* what is answered when a route cannot even be begun */
	uint64_t built_count, hits_count, joined_count, renewed_count;
};

static_assert(offsetof(struct job, node) == 0, "a job is found from its node by a cast");

static struct text key_of_job(const struct hash_node *node)
{
	const struct job *job = (const struct job *)(const void *)node;
	return text_of(job->domain);
}

static uint64_t now_ns(const struct route_builder *builder)
{
	return timer_wheel_now_ns(builder->env.lookups.wheel);
}

/* ---- start and stop ---- */

static void renew(void *builder);

static enum result init_parts(
	struct route_builder *builder, const struct route_builder_config *config)
{
	struct route_draft draft;
	if (!route_draft_begin(&draft, TEXT_EMPTY, ROUTE_FROM_MX))
		return RESULT_MEMORY;
	builder->no_memory = route_draft_end_cause(&draft, ROUTE_CAUSE_NO_MEMORY, 0, TEXT_EMPTY);
	struct siphash_key key;
	random_secret(&key, sizeof key);
	enum result r = route_rules_init(&builder->rules, config);
	if (r != RESULT_OK)
		return r;
	r = slab_init(&builder->jobs, sizeof(struct job),
		config->builds_max > 0 ? config->builds_max : BUILDS_DEFAULT);
	if (r != RESULT_OK)
		goto no_jobs;
	r = hash_map_init(&builder->jobs_by_domain, 0, &key, key_of_job);
	if (r != RESULT_OK)
		goto no_map;
	/* Without a store renewing would be asking the DNS for nobody. */
	r = route_cache_init(&builder->cache, config->cache_max > 0 ? config->cache_max : CACHE_DEFAULT, &key,
		config->store != NULL ? config->wheel : NULL, renew, builder);
	if (r == RESULT_OK)
		return RESULT_OK;
	hash_map_deinit(&builder->jobs_by_domain);
no_map:
	slab_deinit(&builder->jobs);
no_jobs:
	route_rules_deinit(&builder->rules);
	return r;
}

static enum result start_sts(
	struct route_builder *builder, const struct route_builder_config *config)
{
	const struct sts_service_config sts = {
		.lookups = &builder->env.lookups,
		.fetches = config->fetches,
		.store = config->store,
		.wheel = config->wheel,
		.random = config->random,
		.wall_us = config->wall_us,
		.failed = config->sts_failed,
		.failed_context = config->sts_failed_context,
		.changed = config->changed,
		.changed_context = config->changed_context,
	};
	enum result r = sts_service_create(&sts, &builder->sts);
	if (r == RESULT_OK)
		builder->env.sts = &builder->sts->env;
	return r;
}

enum result route_builder_create(const struct route_builder_config *config,
	struct route_builder **out_builder, struct fail *fail)
{
	CHECK(config->port > 0);
	struct route_builder *builder = calloc(1, sizeof *builder);
	if (builder == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory for the routes");
	enum result r = init_parts(builder, config);
	if (r != RESULT_OK) {
		route_unref(builder->no_memory);
		free(builder);
		return fail_set(fail, r, "no memory for the routes");
	}
	builder->magic = ROUTE_BUILDER_MAGIC;
	list_init(&builder->queue);
	builder->env = (struct route_build_env){
		.lookups = {
			.resolver = config->resolver,
			.wheel = config->wheel,
			.store = config->store,
			.lookup_ns = config->lookup_ns > 0 ? config->lookup_ns
							   : LOOKUP_DEFAULT_S * NS_PER_S,
		},
		.rules = &builder->rules,
		.changed = config->changed,
		.changed_context = config->changed_context,
	};
	route_lookup_env_init(&builder->env.lookups);
	if (config->fetches != NULL && start_sts(builder, config) != RESULT_OK) {
		route_builder_destroy(builder);
		return fail_set(fail, RESULT_MEMORY, "no memory for the policies of MTA-STS");
	}
	*out_builder = builder;
	return RESULT_OK;
}

static void abandon_requests(struct list *requests)
{
	struct list_node *node;
	while ((node = list_pop_front(requests)) != NULL)
		*CONTAINER_OF(node, struct route_request, node) = (struct route_request){ 0 };
}

void route_builder_destroy(struct route_builder *builder)
{
	if (builder == NULL)
		return;
	CHECK_OBJ(builder, ROUTE_BUILDER_MAGIC);
	abandon_requests(&builder->queue);
	for (uint32_t i = 0; i < builder->jobs.touched; i++) {
		struct job *job = slab_at(&builder->jobs, i);
		if (job == NULL)
			continue;
		abandon_requests(&job->waiters);
		hash_map_remove(&builder->jobs_by_domain, &job->node);
		route_build_stop(&job->build);
		slab_release(&builder->jobs, job);
	}
	sts_service_destroy(builder->sts);
	route_lookup_env_deinit(&builder->env.lookups);
	route_cache_deinit(&builder->cache);
	hash_map_deinit(&builder->jobs_by_domain);
	slab_deinit(&builder->jobs);
	route_rules_deinit(&builder->rules);
	route_unref(builder->no_memory);
	builder->magic = 0;
	free(builder);
}

/* ---- from request to job, and back with the route ---- */

static struct route *or_no_memory(struct route_builder *builder, struct route *route)
{
	return route != NULL ? route : route_ref(builder->no_memory);
}

/* `route` is borrowed: whoever waits gets a reference of his own. */
static void deliver(struct route_request *request, struct route *route)
{
	request->pending = false;
	request->done(request->context, route_ref(route));
}

static void on_built(struct route_build *build, struct route *route);

static bool jobs_are_full(const struct route_builder *builder)
{
	return slab_in_use(&builder->jobs) == builder->jobs.count;
}

enum started { STARTED, STARTED_NO_JOB, STARTED_NO_MEMORY };

/* `request` is NULL for one that is ahead. */
static enum started start_job(struct route_builder *builder, const char *name, const struct route_use *use,
	struct route_request *request)
{
	struct job *job = slab_acquire(&builder->jobs);
	if (job == NULL)
		return STARTED_NO_JOB;
	job->node = (struct hash_node){ 0 };
	job->builder = builder;
	list_init(&job->waiters);
	job->use = *use;
	job->is_ahead = request == NULL;
	memcpy(job->domain, name, strlen(name) + 1);
	struct text domain = text_of(job->domain);
	const struct route_option *option = route_rules_option(&builder->rules, domain);
	if (!route_build_start(&job->build, &builder->env, domain, option, on_built)) {
		slab_release(&builder->jobs, job);
		return STARTED_NO_MEMORY;
	}
	hash_map_insert(&builder->jobs_by_domain, &job->node);
	if (request != NULL)
		list_push_back(&job->waiters, &request->node);
	return STARTED;
}

static enum started start_asked(struct route_builder *builder, struct route_request *request)
{
	const struct route_use use = { .asked_ns = now_ns(builder) };
	return start_job(builder, request->domain, &use, request);
}

/* Joins the look-up that is under way for the domain, if there is one. */
static bool join_job(struct route_builder *builder, struct route_request *request)
{
	struct hash_node *node = hash_map_find(&builder->jobs_by_domain, text_of(request->domain));
	if (node == NULL)
		return false;
	struct job *job = CONTAINER_OF(node, struct job, node);
	builder->joined_count++;
	job->use.asked_ns = now_ns(builder);
	list_push_back(&job->waiters, &request->node);
	return true;
}

static void enqueue(struct route_builder *builder, struct route_request *request)
{
	request->queued = true;
	builder->queue_count++;
	list_push_back(&builder->queue, &request->node);
}

static struct route_request *dequeue(struct route_builder *builder)
{
	struct list_node *node = list_pop_front(&builder->queue);
	if (node == NULL)
		return NULL;
	struct route_request *request = CONTAINER_OF(node, struct route_request, node);
	request->queued = false;
	builder->queue_count--;
	return request;
}

/* A job has become free: the requests in the queue get what they can get, in their order. */
static void pump(struct route_builder *builder)
{
	struct route_request *request;
	while (!jobs_are_full(builder) && (request = dequeue(builder)) != NULL) {
		struct route *known = route_cache_find(
			&builder->cache, text_of(request->domain), now_ns(builder));
		if (known != NULL) {
			builder->hits_count++;
			deliver(request, known);
		} else if (!join_job(builder, request) &&
			   start_asked(builder, request) == STARTED_NO_MEMORY) {
			deliver(request, builder->no_memory);
		}
	}
}

/* Mail comes first: nothing is begun while somebody waits for a job. One that cannot begin is let go: whoever
 * wants it asks. */
static void renew(void *context)
{
	struct route_builder *builder = context;
	char domain[DOMAIN_NAME_SIZE];
	struct route_use use;
	while (builder->ahead_count < AHEAD_MAX && builder->queue_count == 0 && !jobs_are_full(builder) &&
		route_cache_take_due(&builder->cache, domain, &use)) {
		if (hash_map_find(&builder->jobs_by_domain, text_of(domain)) != NULL ||
			start_job(builder, domain, &use, NULL) != STARTED)
			continue;
		builder->ahead_count++;
		builder->renewed_count++;
	}
}

static void on_built(struct route_build *build, struct route *route)
{
	struct job *job = CONTAINER_OF(build, struct job, build);
	struct route_builder *builder = job->builder;
	CHECK_OBJ(builder, ROUTE_BUILDER_MAGIC);
	struct list waiters;
	list_init(&waiters);
	list_splice_back(&waiters, &job->waiters);
	const struct route_use use = job->use;
	builder->ahead_count -= job->is_ahead;
	hash_map_remove(&builder->jobs_by_domain, &job->node);
	slab_release(&builder->jobs, job);
	builder->built_count++;
	route_cache_put(&builder->cache, route, &use, now_ns(builder));
	/* A callback may cancel another request of this list: it is unlinked from here then. */
	struct list_node *node;
	while ((node = list_pop_front(&waiters)) != NULL)
		deliver(CONTAINER_OF(node, struct route_request, node), route);
	route_unref(route);
	pump(builder);
	renew(builder);
}

/* ---- what the resolver thread calls ---- */

/* Brings the domain into the form of its queue key; what needs no look-up is made at once. */
static struct route *make_without_lookup(
	struct route_builder *builder, struct text domain, char out_name[static DOMAIN_NAME_SIZE])
{
	const struct route_rules *rules = &builder->rules;
	bool is_literal = domain.len > 0 && domain.data[0] == '[';
	enum domain_name_fault fault = DOMAIN_NAME_OK;
	if (!is_literal)
		fault = domain_name_to_ascii(domain, out_name);
	if (fault != DOMAIN_NAME_OK)
		return or_no_memory(
			builder, route_rules_make_bad_name(domain, fault, now_ns(builder)));
	/* --route comes first: "*" means all mail, literals too. */
	struct text name = is_literal ? domain : text_of(out_name);
	const struct route_option *option = route_rules_option(rules, name);
	if (option != NULL && option->address.family != IP_FAMILY_NONE)
		return or_no_memory(
			builder, route_rules_make_address(rules, name, option, now_ns(builder)));
	if (!is_literal)
		return NULL;
	if (option == NULL || domain.len > DOMAIN_NAME_MAX)
		return or_no_memory(
			builder, route_rules_make_literal(rules, domain, now_ns(builder)));
	memcpy(out_name, domain.data, domain.len);
	out_name[domain.len] = '\0';
	return NULL;
}

struct route *route_builder_get(struct route_builder *builder, struct text domain,
	struct route_request *request, route_done_fn *done, void *context)
{
	CHECK_OBJ(builder, ROUTE_BUILDER_MAGIC);
	CHECK(!request->pending);
	struct route *route = make_without_lookup(builder, domain, request->domain);
	if (route != NULL)
		return route;
	route = route_cache_find(&builder->cache, text_of(request->domain), now_ns(builder));
	if (route != NULL) {
		builder->hits_count++;
		return route_ref(route);
	}
	request->done = done;
	request->context = context;
	request->node = (struct list_node){ 0 };
	request->queued = false;
	request->pending = true;
	if (join_job(builder, request))
		return NULL;
	switch (start_asked(builder, request)) {
	case STARTED: return NULL;
	case STARTED_NO_JOB: enqueue(builder, request); return NULL;
	case STARTED_NO_MEMORY: request->pending = false; return route_ref(builder->no_memory);
	}
	UNREACHABLE("a way to start that is not in the enum");
}

void route_builder_cancel(struct route_builder *builder, struct route_request *request)
{
	CHECK_OBJ(builder, ROUTE_BUILDER_MAGIC);
	if (!request->pending)
		return;
	if (request->queued)
		builder->queue_count--;
	list_remove(&request->node);
	request->pending = request->queued = false;
}

/* The name under which its route is kept; a literal stays as it is. */
static struct text queue_key(struct text domain, char memory[static DOMAIN_NAME_SIZE])
{
	return domain_name_to_ascii(domain, memory) == DOMAIN_NAME_OK ? text_of(memory) : domain;
}

void route_builder_forget(struct route_builder *builder, struct text domain)
{
	CHECK_OBJ(builder, ROUTE_BUILDER_MAGIC);
	char name[DOMAIN_NAME_SIZE];
	route_cache_remove(&builder->cache, queue_key(domain, name));
}

void route_builder_doubt(struct route_builder *builder, struct text domain)
{
	char name[DOMAIN_NAME_SIZE];
	route_builder_forget(builder, domain);
	if (builder->sts == NULL)
		return;
	domain = queue_key(domain, name);
	const struct route_option *option = route_rules_option(&builder->rules, domain);
	sts_policies_doubt(
		builder->sts->policies, option != NULL ? text_of(option->host) : domain);
}

void route_builder_count(
	const struct route_builder *builder, struct route_builder_counts *out_counts)
{
	CHECK_OBJ(builder, ROUTE_BUILDER_MAGIC);
	*out_counts = (struct route_builder_counts){
		.building = slab_in_use(&builder->jobs),
		.waiting = (uint32_t)builder->queue_count,
		.cached = (uint32_t)route_cache_count(&builder->cache),
		.built = builder->built_count,
		.hits = builder->hits_count,
		.joined = builder->joined_count,
		.renewed = builder->renewed_count,
		.evicted = builder->cache.evicted_count,
		.deadlines = builder->env.lookups.deadlines,
	};
}
