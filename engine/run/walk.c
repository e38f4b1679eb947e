#include "engine/run/walk.h"
#include <stdio.h>
#include "engine/run/worker_state.h"

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
}

void walk_next_host(struct attempt *attempt)
{
	attempt->work->host_rank++;
	attempt->work->address_at = 0;
}

const struct route_host *walk_host(const struct attempt *attempt)
{
	size_t rank = attempt->work->host_rank;
	return rank < attempt->route->hosts_count ? host_at(attempt, rank) : NULL;
}

void walk_next_address(struct attempt *attempt)
{
	attempt->work->address_at++;
}

/* MX-17: both families of a host are one; with a source of one family only that one can be used. */
static bool family_fits(const struct attempt *attempt, const struct route_address *address)
{
	uint8_t family = attempt->source->address.family;
	return family == IP_FAMILY_NONE || family == address->ip.family;
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

/* The first address from where the walk stands that can be tried. */
static const struct route_address *usable_address(struct worker *w, struct attempt *attempt,
	const struct route_host *host)
{
	struct attempt_work *work = attempt->work;
	for (; work->address_at < host->addresses_count; work->address_at++) {
		const struct route_address *address = &host->addresses[work->address_at];
		if (!family_fits(attempt, address))
			continue;
		uint64_t until_ns;
		if (!host_memory_is_down(&w->hosts, &address->ip, host->port, worker_now(w), &until_ns))
			return address;
		say_down(w, attempt, host, address, until_ns);
	}
	bool any_fits = false;
	for (size_t i = 0; i < host->addresses_count; i++)
		any_fits |= family_fits(attempt, &host->addresses[i]);
	if (!any_fits)
		attempt_add_reason(attempt, host->name, NULL, "no address of the family of our source");
	return NULL;
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
		const struct route_address *address = usable_address(w, attempt, host);
		if (address == NULL)
			continue;
		*out_target = (struct walk_target){
			.host = host,
			.address = address,
			.is_fallback = host->preference != host_at(attempt, 0)->preference,
		};
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
		size_t at = rank == work->host_rank ? work->address_at : 0;
		for (; at < mine->addresses_count; at++) {
			if (!ip_address_equal(&mine->addresses[at].ip, ip))
				continue;
			uint8_t index = work->order[rank];
			work->order[rank] = work->order[work->host_rank];
			work->order[work->host_rank] = index;
			work->address_at = (uint8_t)at;
			return true;
		}
	}
	return false;
}
