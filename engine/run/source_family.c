#include "engine/run/source_family.h"
#include <string.h>
#include "engine/base/check.h"

static uint8_t family_of(const struct source *source) { return source->address.family; }

static bool have_the_same_pools(const struct source *one, const struct source *two)
{
	for (uint32_t i = 0; i < one->pools_count && i < two->pools_count; i++)
		if (!text_equal(one->pools[i], two->pools[i]))
			return false;
	return one->pools_count == two->pools_count;
}

static bool have_the_same_warmup(const struct warmup *one, const struct warmup *two)
{
	return one->days == two->days && one->has_since == two->has_since && one->since == two->since &&
	       (one->days == 0 ||
		       memcmp(one->limits, two->limits, one->days * sizeof *one->limits) == 0);
}

static bool belong_together(const struct source *one, const struct source *two)
{
	return family_of(one) != family_of(two) && family_of(one) != IP_FAMILY_NONE &&
		family_of(two) != IP_FAMILY_NONE && strcmp(one->helo, two->helo) == 0 &&
		one->weight == two->weight && have_the_same_pools(one, two) &&
		have_the_same_warmup(&one->warmup, &two->warmup);
}

/* The first source of the list that goes with it, from behind it on, and has no partner yet. */
static struct source *partner_of(struct source *sources, uint32_t count, uint32_t of)
{
	for (uint32_t i = of + 1; i < count; i++)
		if (!source_is_dual(&sources[i]) && belong_together(&sources[of], &sources[i]))
			return &sources[i];
	return NULL;
}

/* What is kept under the name of a source (a warm-up, where a retry comes from) is found again whichever of
 * the two was given first. */
static void join(struct source *source, const struct source *partner)
{
	bool is_swapped = family_of(source) == IP_FAMILY_6;
	source->second = is_swapped ? source->address : partner->address;
	if (!is_swapped)
		return;
	source->address = partner->address;
	source->text = partner->text;
}

uint32_t sources_pair(struct source *sources, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct source *partner = partner_of(sources, count, i);
		if (partner == NULL)
			continue;
		join(&sources[i], partner);
		uint32_t at = (uint32_t)(partner - sources);
		memmove(partner, partner + 1, (count - at - 1) * sizeof *partner);
		count--;
	}
	return count;
}

bool source_is_dual(const struct source *source) { return source->second.family != IP_FAMILY_NONE; }

bool source_reaches(const struct source *source, uint8_t family)
{
	return family_of(source) == IP_FAMILY_NONE || family_of(source) == family ||
		source->second.family == family;
}

struct ip_address source_address(const struct source *source, uint8_t family)
{
	CHECK(source_reaches(source, family));
	return source->second.family == family ? source->second : source->address;
}
