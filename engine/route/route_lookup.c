#include "engine/route/route_lookup.h"
#include <stdio.h>
#include "engine/base/check.h"
#include "engine/base/nanoseconds.h"

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

static void finish(struct route_lookup *lookup, const struct dns_answer *answer)
{
	lookup->answer = dns_answer_create(answer);
	lookup->open = false;
	lookup->done(lookup);
}

static void answered(void *context, const struct dns_answer *answer)
{
	struct route_lookup *lookup = context;
	timer_stop(lookup->env->wheel, &lookup->timer);
	finish(lookup, answer);
}

static void late(struct timer *timer)
{
	struct route_lookup *lookup = CONTAINER_OF(timer, struct route_lookup, timer);
	struct route_lookup_env *env = lookup->env;
	dns_resolver_cancel(env->resolver, &lookup->query);
	env->deadlines++;
	char why[64];
	snprintf(why, sizeof why, "no answer within %u s", (unsigned)(env->lookup_ns / SECOND_NS));
	const struct dns_answer failure = {
		.class = DNS_FAILURE,
		.type = (uint16_t)lookup->type,
		.extended_error = DNS_EXTENDED_ERROR_NONE,
		.name = text_of(lookup->query.name),
		.canonical_name = text_of(lookup->query.name),
		.why = text_of(why),
	};
	finish(lookup, &failure);
}

void route_lookup_start(struct route_lookup *lookup, struct route_lookup_env *env, const char *name,
	enum dns_type type, route_lookup_done_fn *done, void *owner)
{
	CHECK(!lookup->open);
	dns_answer_release(&lookup->answer);
	lookup->env = env;
	lookup->done = done;
	lookup->owner = owner;
	lookup->type = type;
	lookup->open = true;
	timer_start(env->wheel, &lookup->timer, timer_wheel_now_ns(env->wheel) + env->lookup_ns, late);
	dns_resolver_ask(env->resolver, &lookup->query, name, type, answered, lookup);
}

void route_lookup_stop(struct route_lookup *lookup)
{
	if (lookup->open) {
		timer_stop(lookup->env->wheel, &lookup->timer);
		dns_resolver_cancel(lookup->env->resolver, &lookup->query);
		lookup->open = false;
	}
	dns_answer_release(&lookup->answer);
}
