#include "engine/base/nanoseconds.h"
#include "engine/run/delivery.h"

void delivery_note_reply(struct delivery *d)
{
	uint64_t waited_ns = worker_now(d->worker) - d->since_ns;
	if (d->begun_count == 0)
		return;
	if (waited_ns > DELIVERY_OUR_LAG_MS * MS_NS && !d->worker->loop.slept)
		d->slowest_ns = DELIVERY_UNKNOWN_NS;
	else if (waited_ns > d->slowest_ns)
		d->slowest_ns = waited_ns;
}

/* A large message takes long to go out, whoever receives it: that says nothing. */
static bool is_small(const struct attempt *attempt)
{
	return attempt->message->envelope->message_bytes <= DELIVERY_LATENCY_BYTES_MAX;
}

void delivery_note_latency(struct delivery *d, struct attempt *attempt)
{
	uint64_t slowest_ns = d->slowest_ns, latency_ms = (slowest_ns + MS_NS - 1) / MS_NS;
	d->slowest_ns = 0;
	if (slowest_ns == DELIVERY_UNKNOWN_NS || !is_small(attempt))
		return;
	if (latency_ms > HEARD_LATENCY_MS_MAX)
		latency_ms = HEARD_LATENCY_MS_MAX;
	if (latency_ms > attempt->work->heard.latency_ms)
		attempt->work->heard.latency_ms = (uint32_t)latency_ms;
}
