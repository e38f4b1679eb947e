#include "engine/route/route.h"
#include <stdlib.h>
#include <string.h>
#include "engine/io/random.h"

static const struct {
	const char *name, *status, *sentence;
	enum route_kind kind;
} causes[ROUTE_CAUSES] = {
	[ROUTE_CAUSE_NONE] = { "NONE", "", "", ROUTE_HOSTS },
#define CAUSE(name_, kind_, status_, sentence_)                                                    \
	[ROUTE_CAUSE_##name_] = { #name_, status_, sentence_, ROUTE_##kind_ },
#include "engine/route/route_cause.def"
#undef CAUSE
};

const char *route_cause_name(enum route_cause cause)
{
	CHECK(cause < ROUTE_CAUSES);
	return causes[cause].name;
}

const char *route_cause_sentence(enum route_cause cause)
{
	CHECK(cause < ROUTE_CAUSES);
	return causes[cause].sentence;
}

const char *route_cause_status(enum route_cause cause)
{
	CHECK(cause < ROUTE_CAUSES);
	return causes[cause].status;
}

enum route_kind route_cause_kind(enum route_cause cause)
{
	CHECK(cause < ROUTE_CAUSES);
	return causes[cause].kind;
}

struct route *route_ref(struct route *route)
{
	CHECK_OBJ(route, ROUTE_MAGIC);
	refcount_acquire(&route->refs);
	return route;
}

void route_unref(struct route *route)
{
	if (route == NULL)
		return;
	CHECK_OBJ(route, ROUTE_MAGIC);
	if (!refcount_release(&route->refs))
		return;
	route->magic = 0;
	arena_deinit(&route->arena);
	free(route);
}

/* Fisher and Yates, within one group of equal preference. */
static void shuffle(uint8_t *order, size_t count, struct random_state *random)
{
	for (size_t left = count; left > 1; left--) {
		size_t picked = (size_t)random_below(random, left);
		uint8_t swapped = order[left - 1];
		order[left - 1] = order[picked];
		order[picked] = swapped;
	}
}

void route_order(const struct route *route, struct random_state *random,
	uint8_t out_order[static ROUTE_HOSTS_MAX])
{
	CHECK_OBJ(route, ROUTE_MAGIC);
	CHECK(route->hosts_count <= ROUTE_HOSTS_MAX);
	for (size_t i = 0; i < route->hosts_count; i++)
		out_order[i] = (uint8_t)i;
	size_t start = 0;
	for (size_t i = 1; i <= route->hosts_count; i++) {
		if (i < route->hosts_count &&
			route->hosts[i].preference == route->hosts[start].preference)
			continue;
		shuffle(out_order + start, i - start, random);
		start = i;
	}
}
