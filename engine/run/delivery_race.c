#include "engine/base/nanoseconds.h"
#include "engine/io/dial.h"
#include "engine/run/delivery.h"
#include "engine/run/source_family.h"

/* The connect of one session to a host that has addresses of both families, from a source that has both
 * (MX-17, RFC 8305): one slot, one session, the same demand whichever wins. It ends before a greeting was
 * read, so what a host says counts as ever. Its place is the slab of the worker; the session holds it until
 * both sockets are gone, and is not released before. */

struct race {
	struct dial dial;
	const struct route_address *lanes[DIAL_LANES];
};

size_t delivery_race_bytes(void) { return sizeof(struct race); }

static struct family_host family_host_of(const struct delivery *d)
{
	return (struct family_host){
		.name = d->host->name, .port = d->host->port, .source = d->source->index };
}

static void won(struct dial *dial, size_t lane, int fd)
{
	struct delivery *d = dial->owner;
	struct worker *w = d->worker;
	const struct family_host of = family_host_of(d);
	const struct route_address *address = d->race->lanes[lane];
	family_memory_won(&w->families, &of, address->ip.family, worker_now(w) - dial->lanes[lane].begun_ns,
		worker_now(w));
	walk_took(d->waiting, address);
	delivery_go_to(d, address);
	delivery_connected(d, fd);
}

/* We may be out of descriptors; that says nothing of a family. That there is no address of ours does. */
static bool says_something(const struct fail *fail)
{
	return fail->result != RESULT_LIMIT && fail->result != RESULT_MEMORY;
}

static void failed(struct dial *dial, size_t lane, const struct fail *fail, bool last)
{
	struct delivery *d = dial->owner;
	const struct family_host of = family_host_of(d);
	const struct route_address *address = d->race->lanes[lane];
	if (says_something(fail))
		family_memory_failed(&d->worker->families, &of, address->ip.family, worker_now(d->worker));
	if (!last) {
		const struct route_address *left = d->race->lanes[1 - lane];
		walk_tried(d->waiting, address);
		delivery_lost_address(d, &address->ip, &dial->lanes[lane].to.source, fail);
		/* What comes now, be it nothing, comes of the other one. */
		walk_took(d->waiting, left);
		delivery_go_to(d, left);
		return;
	}
	walk_took(d->waiting, address);
	delivery_go_to(d, address);
	delivery_unreachable(d, fail);
}

static void closed(struct dial *dial)
{
	struct delivery *d = dial->owner;
	slab_release(&d->worker->races, d->race);
	delivery_race_over(d);
}

static const struct dial_handlers handlers = { .connected = won, .failed = failed, .closed = closed };

bool delivery_race_start(struct delivery *d, const struct walk_target *target)
{
	struct race *race = slab_acquire(&d->worker->races);
	if (race == NULL)
		return false;
	race->lanes[0] = target->address;
	race->lanes[1] = target->other;
	struct dial_to to[DIAL_LANES];
	for (size_t i = 0; i < DIAL_LANES; i++) {
		const struct ip_address *ip = &race->lanes[i]->ip;
		to[i] = (struct dial_to){ .peer = *ip, .source = source_address(d->source, ip->family) };
	}
	d->race = race;
	dial_start(&race->dial, &d->worker->loop, &handlers, d, to, d->host->port, target->head_start_ns);
	return true;
}

/* The session is told as one to the address that it stands at; the other one is told here. */
void delivery_race_timed_out(struct delivery *d)
{
	const struct dial *dial = &d->race->dial;
	struct fail fail;
	fail_set(&fail, RESULT_TIMEOUT, "no connection within the time limit");
	for (size_t i = 0; i < DIAL_LANES; i++) {
		const struct route_address *address = d->race->lanes[i];
		if (ip_address_equal(&address->ip, &d->ip) || dial->lanes[i].state != DIAL_LANE_CONNECTING)
			continue;
		walk_tried(d->waiting, address);
		delivery_lost_address(d, &address->ip, &dial->lanes[i].to.source, &fail);
	}
}

void delivery_race_stop(struct delivery *d) { dial_stop(&d->race->dial); }
