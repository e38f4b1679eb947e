#include "engine/run/delivery.h"

/* Where a rule of --site says single-flight (CONFORMANCE 0.4, EXT-CHUNK-05): a host that has taken BDAT and
 * refused under one in 200 gets whole messages in one flight; until it is known to be such a one its messages
 * go by BDAT too, but step by step, so that it comes to be known. What misbehaves in a flight is avoided like
 * any extension that does not work (host_memory.h). */

static bool is_wanted(const struct delivery *d)
{
	return atomic_load_explicit(&d->lease->site->single_flight, memory_order_relaxed);
}

void delivery_let_fly(struct delivery *d, struct smtp_transaction *transaction)
{
	if (!is_wanted(d))
		return;
	struct worker *w = d->worker;
	struct host_facts facts =
		host_memory_get(&w->hosts, d->host->name, &d->ip, d->host->port, worker_now(w));
	transaction->wants_bdat = true;
	transaction->may_fly = facts.seldom_refuses && (facts.avoid & SMTP_CAP_SINGLE_FLIGHT) == 0;
}

void delivery_note_answers(struct delivery *d, const struct smtp_transaction *transaction)
{
	uint32_t answers = 0, refusals = 0;
	if (!is_wanted(d))
		return;
	for (uint32_t i = 0; i < transaction->rcpts_count; i++) {
		const struct smtp_rcpt_result *rcpt = &transaction->rcpts[i];
		if (!rcpt->sent || rcpt->cause != SMTP_CAUSE_REPLY)
			continue;
		/* That a message was taken without BDAT says nothing of what it does with one. */
		bool is_refused = rcpt->verdict != SMTP_VERDICT_DELIVERED;
		answers += is_refused || rcpt->step == SMTP_STEP_BDAT;
		refusals += is_refused;
	}
	if (answers > 0)
		host_memory_answered(
			&d->worker->hosts, d->host->name, &d->ip, d->host->port, answers, refusals);
}
