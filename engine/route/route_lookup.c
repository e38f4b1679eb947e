#include "engine/route/route_lookup.h"
#include <stdio.h>
#include "engine/base/check.h"
#include "engine/base/nanoseconds.h"
#include "engine/route/route_store.h"

enum {
	/* What the store knows is worked off in one step of the wheel, one look-up leading to the next, but
	 * no more than some 2 ms of it before the loop looks at what has come. */
	KNOWN_PER_STEP_MAX = 256,
};

/* Stands for an answer that there was no memory to keep. */
static const struct dns_answer no_memory = {
	.class = DNS_FAILURE,
	.extended_error = DNS_EXTENDED_ERROR_NONE,
	.why = TEXT_INIT("no memory for the answer"),
};

const struct dns_answer *route_lookup_answer(const struct route_lookup *lookup)
{
	CHECK(!lookup->open);
	return lookup->answer != NULL ? lookup->answer : &no_memory;
}

static void over(struct route_lookup *lookup)
{
	lookup->open = false;
	lookup->done(lookup);
}

/* ---- answers that are there at once ---- */

static void work_off_known(struct timer *timer)
{
	struct route_lookup_env *env = CONTAINER_OF(timer, struct route_lookup_env, known_timer);
	struct list_node *node;
	for (size_t i = 0; i < KNOWN_PER_STEP_MAX && (node = list_pop_front(&env->known)) != NULL; i++)
		over(CONTAINER_OF(node, struct route_lookup, known_node));
	if (!list_is_empty(&env->known))
		timer_start(env->wheel, timer, 0, work_off_known);
}

void route_lookup_env_init(struct route_lookup_env *env)
{
	list_init(&env->known);
	env->known_timer = (struct timer){ 0 };
}

void route_lookup_env_deinit(struct route_lookup_env *env)
{
	CHECK(list_is_empty(&env->known));
	timer_stop(env->wheel, &env->known_timer);
}

static void answer_with(struct route_lookup *lookup, struct dns_answer *answer)
{
	struct route_lookup_env *env = lookup->env;
	lookup->answer = answer;
	list_push_back(&env->known, &lookup->known_node);
	if (!timer_is_running(&env->known_timer))
		timer_start(env->wheel, &env->known_timer, 0, work_off_known);
}

/* ---- answers of the DNS ---- */

static void answered(void *context, const struct dns_answer *answer)
{
	struct route_lookup *lookup = context;
	timer_stop(lookup->env->wheel, &lookup->timer);
	route_store_learn(lookup->env->store, answer);
	lookup->answer = dns_answer_create(answer);
	over(lookup);
}

/* NULL: no memory, see route_lookup_answer(). */
static struct dns_answer *make_failure(const struct route_lookup *lookup, const char *why)
{
	const struct dns_answer failure = {
		.class = DNS_FAILURE,
		.type = (uint16_t)lookup->type,
		.extended_error = DNS_EXTENDED_ERROR_NONE,
		.name = text_of(lookup->name),
		.canonical_name = text_of(lookup->name),
		.why = text_of(why),
	};
	return dns_answer_create(&failure);
}

static void late(struct timer *timer)
{
	struct route_lookup *lookup = CONTAINER_OF(timer, struct route_lookup, timer);
	struct route_lookup_env *env = lookup->env;
	dns_resolver_cancel(env->resolver, &lookup->query);
	env->deadlines++;
	char why[64];
	snprintf(why, sizeof why, "no answer within %u s", (unsigned)(env->lookup_ns / SECOND_NS));
	lookup->answer = make_failure(lookup, why);
	lookup->is_late = true;
	over(lookup);
}

static void begin(struct route_lookup *lookup, struct route_lookup_env *env, const char *name,
	enum dns_type type, route_lookup_done_fn *done, void *owner)
{
	CHECK(!lookup->open);
	dns_answer_release(&lookup->answer);
	lookup->env = env;
	lookup->name = name;
	lookup->done = done;
	lookup->owner = owner;
	lookup->type = type;
	lookup->open = true;
	lookup->is_late = false;
}

void route_lookup_start_failed(struct route_lookup *lookup, struct route_lookup_env *env, const char *name,
	enum dns_type type, const char *why, route_lookup_done_fn *done, void *owner)
{
	begin(lookup, env, name, type, done, owner);
	answer_with(lookup, make_failure(lookup, why));
}

void route_lookup_start(struct route_lookup *lookup, struct route_lookup_env *env, const char *name,
	enum dns_type type, route_lookup_done_fn *done, void *owner)
{
	begin(lookup, env, name, type, done, owner);
	struct dns_answer *known = route_store_find(env->store, name, type);
	if (known != NULL) {
		answer_with(lookup, known);
		return;
	}
	timer_start(env->wheel, &lookup->timer, timer_wheel_now_ns(env->wheel) + env->lookup_ns, late);
	dns_resolver_ask(env->resolver, &lookup->query, name, type, answered, lookup);
}

void route_lookup_stop(struct route_lookup *lookup)
{
	if (lookup->open) {
		timer_stop(lookup->env->wheel, &lookup->timer);
		dns_resolver_cancel(lookup->env->resolver, &lookup->query);
		if (list_node_is_linked(&lookup->known_node))
			list_remove(&lookup->known_node);
		lookup->open = false;
	}
	dns_answer_release(&lookup->answer);
}
