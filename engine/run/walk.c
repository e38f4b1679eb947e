#include "engine/run/walk.h"
#include <stdio.h>
#include "engine/run/source_family.h"
#include "engine/run/worker_state.h"

static_assert(ROUTE_ADDRESSES_MAX <= 16, "a bit for each address of a host");

static const struct route_host *host_at(const struct attempt *attempt, size_t rank)
{
	return &attempt->route->hosts[attempt->work->order[rank]];
}

void walk_begin(struct worker *w, struct attempt *attempt)
{
	struct attempt_work *work = attempt->work;
	route_order(attempt->route, &w->random, work->order);
	work->host_rank = 0;
	work->address_at = 0;
	work->keeps_address = false;
	work->addresses_tried = 0;
}

void walk_next_host(struct attempt *attempt)
{
	struct attempt_work *work = attempt->work;
	work->host_rank++;
	work->address_at = 0;
	work->keeps_address = false;
	work->addresses_tried = 0;
}

const struct route_host *walk_host(const struct attempt *attempt)
{
	size_t rank = attempt->work->host_rank;
	return rank < attempt->route->hosts_count ? host_at(attempt, rank) : NULL;
}

static uint16_t bit(size_t address) { return (uint16_t)(1u << address); }

void walk_next_address(struct attempt *attempt)
{
	attempt->work->addresses_tried |= bit(attempt->work->address_at);
	attempt->work->keeps_address = false;
}

static size_t index_of(const struct attempt *attempt, const struct route_address *address)
{
	const struct route_host *host = walk_host(attempt);
	CHECK(host != NULL && address >= host->addresses);
	CHECK(address < host->addresses + host->addresses_count);
	return (size_t)(address - host->addresses);
}

void walk_took(struct attempt *attempt, const struct route_address *address)
{
	attempt->work->address_at = (uint8_t)index_of(attempt, address);
	attempt->work->keeps_address = true;
}

void walk_tried(struct attempt *attempt, const struct route_address *address)
{
	attempt->work->addresses_tried |= bit(index_of(attempt, address));
}

static void say_down(struct worker *w, struct attempt *attempt, const struct route_host *host,
	const struct route_address *address, uint64_t until_ns)
{
	char what[80];
	uint64_t left_s = (until_ns - worker_now(w)) / 1000000000 + 1;
	snprintf(what, sizeof what, "not reached before, left alone for another %llu s",
		(unsigned long long)left_s);
	attempt_add_reason(attempt, host->name, &address->ip, what);
}

/* The first address of that family that can be tried and had no turn yet. Of those that are down nothing is
 * said `quietly`: their turn comes when the other family has failed. */
static const struct route_address *usable_address(struct worker *w, struct attempt *attempt,
	const struct route_host *host, uint8_t family, bool quietly)
{
	struct attempt_work *work = attempt->work;
	for (size_t at = 0; at < host->addresses_count; at++) {
		const struct route_address *address = &host->addresses[at];
		if (address->ip.family != family || (work->addresses_tried & bit(at)) != 0)
			continue;
		uint64_t until_ns;
		if (!host_memory_is_down(&w->hosts, &address->ip, host->port, worker_now(w), &until_ns))
			return address;
		if (quietly)
			continue;
		say_down(w, attempt, host, address, until_ns);
		work->addresses_tried |= bit(at);
	}
	return NULL;
}

static bool any_fits(const struct attempt *attempt, const struct route_host *host)
{
	for (size_t i = 0; i < host->addresses_count; i++)
		if (source_reaches(attempt->source, host->addresses[i].ip.family))
			return true;
	return false;
}

/* Which family goes first. */
static struct family_plan plan_for(
	struct worker *w, const struct attempt *attempt, const struct route_host *host)
{
	const struct source *source = attempt->source;
	struct family_host of = { .name = host->name, .port = host->port, .source = source->index };
	if (source_is_dual(source))
		return family_memory_plan(&w->families, &of, worker_now(w));
	return (struct family_plan){ source->address.family == IP_FAMILY_6 ? IP_FAMILY_6 : IP_FAMILY_4, 0 };
}

/* Where a session was in this pass already: another one goes there too, maybe with less of TLS. */
static const struct route_address *kept_address(
	struct worker *w, const struct attempt *attempt, const struct route_host *host)
{
	const struct attempt_work *work = attempt->work;
	const struct route_address *address = &host->addresses[work->address_at];
	if (!work->keeps_address || (work->addresses_tried & bit(work->address_at)) != 0 ||
		host_memory_is_down(&w->hosts, &address->ip, host->port, worker_now(w), NULL))
		return NULL;
	return address;
}

static bool address_target(struct worker *w, struct attempt *attempt, const struct route_host *host,
	struct walk_target *out)
{
	struct family_plan plan = plan_for(w, attempt, host);
	const struct route_address *address = kept_address(w, attempt, host), *other = NULL;
	uint8_t first = address != NULL ? address->ip.family : plan.first;
	uint8_t second = first == IP_FAMILY_6 ? IP_FAMILY_4 : IP_FAMILY_6;
	if (address == NULL)
		address = usable_address(w, attempt, host, first, false);
	if (address != NULL && source_is_dual(attempt->source))
		other = usable_address(w, attempt, host, second, true);
	else if (address == NULL && source_reaches(attempt->source, second))
		address = usable_address(w, attempt, host, second, false);
	if (address == NULL)
		return false;
	attempt->work->address_at = (uint8_t)index_of(attempt, address);
	*out = (struct walk_target){
		.host = host, .address = address, .other = other, .head_start_ns = plan.head_start_ns };
	return true;
}

bool walk_target(struct worker *w, struct attempt *attempt, struct walk_target *out_target)
{
	const struct route *route = attempt->route;
	struct attempt_work *work = attempt->work;
	for (; work->host_rank < route->hosts_count; walk_next_host(attempt)) {
		const struct route_host *host = host_at(attempt, work->host_rank);
		if (host->state != ROUTE_HOST_READY) {
			attempt_add_reason(attempt, host->name, NULL, host->reason);
			continue;
		}
		if (!any_fits(attempt, host))
			attempt_add_reason(
				attempt, host->name, NULL, "no address of the family of our source");
		if (!address_target(w, attempt, host, out_target))
			continue;
		out_target->is_fallback = host->preference != host_at(attempt, 0)->preference;
		return true;
	}
	return false;
}

bool walk_accepts(struct attempt *attempt, const struct route_host *host, const struct ip_address *ip)
{
	struct attempt_work *work = attempt->work;
	const struct route *route = attempt->route;
	if (work->host_rank >= route->hosts_count)
		return false;
	uint16_t preference = host_at(attempt, work->host_rank)->preference;
	for (size_t rank = work->host_rank; rank < route->hosts_count; rank++) {
		const struct route_host *mine = host_at(attempt, rank);
		if (mine->preference != preference)
			return false;
		if (mine->state != ROUTE_HOST_READY || mine->port != host->port)
			continue;
		if (mine != host && !security_demand_equal(&mine->demand, &host->demand))
			continue;
		/* The host whose turn it is may not go back to an address that failed in this pass. */
		uint16_t tried = rank == work->host_rank ? work->addresses_tried : 0;
		for (size_t at = 0; at < mine->addresses_count; at++) {
			if (!ip_address_equal(&mine->addresses[at].ip, ip) || (tried & bit(at)) != 0)
				continue;
			uint8_t index = work->order[rank];
			work->order[rank] = work->order[work->host_rank];
			work->order[work->host_rank] = index;
			work->address_at = (uint8_t)at;
			work->keeps_address = true;
			work->addresses_tried = tried;
			return true;
		}
	}
	return false;
}
