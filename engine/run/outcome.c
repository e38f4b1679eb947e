#include "engine/run/delivery.h"

/* What SMTP said about each recipient, made into fates (the table of CONFORMANCE 0.4). A recipient that
 * stays open goes on: to the same host at once, or to the next one; when no host is left in this pass,
 * it is deferred, or bounced if every host lacks what it needs. */

enum {
	/* Sessions that broke before its turn are no attempt (SMTP-41), but a host which always does
	 * that must come to an end. */
	FRESH_TRIES_MAX = 3,
	HEARD_COUNT_MAX = 60000,
};

/* ---- before ---- */

void outcome_prepare(struct attempt *attempt)
{
	struct attempt_work *work = attempt->work;
	uint32_t count = 0;
	for (uint32_t i = 0; i < attempt->rcpts_count; i++)
		if (attempt->rcpts[i].fate == ATTEMPT_OPEN)
			work->results[count++] = (struct smtp_rcpt_result){ .rcpt = attempt->rcpts[i].rcpt };
	CHECK(count > 0);
	CHECK(attempt->body != NULL);
	work->transaction = (struct smtp_transaction){
		.envelope = attempt->message->envelope,
		.body = attempt->body,
		.rcpts = work->results,
		.rcpts_count = count,
		.texts = work->texts + work->texts_used,
		.texts_size = work->texts_size - work->texts_used,
		.eightbit_as_is = work->eightbit_as_is,
		.owner = attempt,
	};
}

/* ---- after ---- */

struct verdicts {
	bool again, next_host; /* some recipients want this */
	bool lacks;            /* this host lacks what some need */
};

static void settle_rcpt(struct attempt_rcpt *rcpt, const struct smtp_rcpt_result *result,
	const struct smtp_action *action, enum attempt_fate fate)
{
	rcpt->fate = (uint8_t)fate;
	rcpt->bounce_class = (uint8_t)action->bounce_class;
	rcpt->code = result->code;
	rcpt->status = attempt_status_for(result->code, result->status);
	rcpt->counts_as_attempt = action->counts_as_attempt;
}

static void hear_action(struct delivery *d, struct heard *heard, const struct smtp_action *action,
	enum attempt_fate fate)
{
	if (fate == ATTEMPT_DELIVERED && heard->good < HEARD_COUNT_MAX) {
		heard->good++;
		d->delivered_count++;
	}
	if (action->counts_as_block && heard->blocks < HEARD_COUNT_MAX)
		heard->blocks++;
	heard->slow_down |= action->throttle == SMTP_THROTTLE_SLOW_DOWN;
	heard->suspend |= action->throttle == SMTP_THROTTLE_SUSPEND;
}

/* "Must issue STARTTLS first", said to a session in clear that we chose after a failed handshake: the host is
 * well again, and no address is at fault. The next try begins with TLS. */
static bool wants_tls_back(struct delivery *d, const struct smtp_action *action)
{
	if (d->rung != TLS_RUNG_CLEAR || d->smtp.tls_active || action->bounce_class != BOUNCE_CLASS_TLS)
		return false;
	host_memory_tls_works(&d->worker->hosts, d->host->name, &d->ip, d->host->port);
	return true;
}

/* Whether it could have been said by another than the domain's own host. Half-DANE proves a host that an
 * unsigned MX answer named: who forges that has a host of his own, which proves itself well (POL-04). */
static bool is_proven(enum security_level security)
{
	switch (security) {
	case SECURITY_CLEARTEXT:
	case SECURITY_ENCRYPTED:
	case SECURITY_HALF_DANE:
	case SECURITY_LEVEL_COUNT: return false;
	case SECURITY_DANE:
	case SECURITY_STS:
	case SECURITY_DANE_STS:
	case SECURITY_SECURE: return true;
	}
	UNREACHABLE("every level is listed");
}

/* Whether it puts the address onto the suppression list. A bounce costs one message, an entry there every
 * one that follows: where nothing is demanded, anybody on the way can say 550 in cleartext or behind a
 * certificate that nobody looked at, and burn a list with it (DESIGN 5, SEC-20). So `demanded`, which
 * believes what the level allows (CONFORMANCE 0.4), is the operator's choice, `authenticated` the better. */
static bool is_hard(
	const struct delivery *d, const struct attempt_facts *facts, const struct smtp_action *action)
{
	switch ((enum suppress_bounces)d->worker->config->options->suppress_bounces) {
	case SUPPRESS_BOUNCES_OFF: return false;
	case SUPPRESS_BOUNCES_AUTHENTICATED: return action->may_suppress && is_proven(facts->security);
	case SUPPRESS_BOUNCES_DEMANDED: return action->may_suppress;
	}
	UNREACHABLE("a fourth way to suppress");
}

static void judge(struct delivery *d, struct attempt *attempt, struct attempt_rcpt *rcpt,
	const struct smtp_rcpt_result *result, struct verdicts *verdicts)
{
	struct attempt_work *work = attempt->work;
	if (result->verdict == SMTP_VERDICT_OTHER_HOST) {
		rcpt->lacks = result->cause;
		verdicts->lacks = true;
		verdicts->next_host = true;
		return;
	}
	struct smtp_channel channel = delivery_channel(d);
	struct smtp_action action = smtp_reply_class_rcpt(&work->transaction, result, &channel);
	bool again = action.fate == SMTP_FATE_AGAIN;
	if (again && (result->verdict != SMTP_VERDICT_NOT_TRIED || work->fresh_tries < FRESH_TRIES_MAX)) {
		verdicts->again = true;
		return;
	}
	enum attempt_fate fate = ATTEMPT_DEFERRED;
	if (action.fate == SMTP_FATE_DELIVERED)
		fate = ATTEMPT_DELIVERED;
	else if (action.fate == SMTP_FATE_BOUNCE && !wants_tls_back(d, &action))
		fate = ATTEMPT_BOUNCED;
	hear_action(d, &work->heard, &action, fate);
	settle_rcpt(rcpt, result, &action, fate);
	rcpt->is_hard = fate == ATTEMPT_BOUNCED && is_hard(d, &work->facts[rcpt->facts], &action);
	if (fate == ATTEMPT_DELIVERED || !(action.next_mx || again))
		return;
	/* The next host may take it; what this one said is kept in case none does. */
	work->trouble = *rcpt;
	rcpt->fate = ATTEMPT_OPEN;
	verdicts->next_host = true;
}

static void add_reason(struct delivery *d, struct attempt *attempt, const struct smtp_rcpt_result *result)
{
	if (result->verdict == SMTP_VERDICT_DELIVERED || result->cause == SMTP_CAUSE_REPLY)
		return; /* the reply is in the event */
	attempt_add_reason(attempt, d->host->name, &d->ip, smtp_cause_text(result->cause));
}

static void judge_all(struct delivery *d, struct attempt *attempt, struct verdicts *verdicts)
{
	struct attempt_work *work = attempt->work;
	const struct smtp_transaction *transaction = &work->transaction;
	uint8_t facts = delivery_facts(d, attempt);
	if (facts != 0)
		work->facts[facts].lacks_dsn = !transaction->rcpt_dsn;
	uint32_t next = 0;
	uint8_t told = SMTP_CAUSE_NONE;
	for (uint32_t i = 0; i < attempt->rcpts_count; i++) {
		struct attempt_rcpt *rcpt = &attempt->rcpts[i];
		if (rcpt->fate != ATTEMPT_OPEN)
			continue;
		const struct smtp_rcpt_result *result = &transaction->rcpts[next++];
		CHECK(result->rcpt == rcpt->rcpt);
		rcpt->facts = facts;
		rcpt->text_at = work->texts_used + result->text_at;
		rcpt->text_len = result->text_len;
		judge(d, attempt, rcpt, result, verdicts);
		if (result->cause != told)
			add_reason(d, attempt, result);
		told = result->cause;
	}
	CHECK(next == transaction->rcpts_count);
	work->texts_used += transaction->texts_len;
}

static void count_message(struct delivery *d, const struct attempt *attempt)
{
	struct hub_counters *counters = &d->worker->hub->counters;
	if (attempt->work->transaction.delivered_count == 0)
		return;
	hub_count(d->smtp.tls_active ? &counters->messages_tls : &counters->messages_clear, 1);
}

void outcome_of_transaction(struct delivery *d, struct attempt *attempt)
{
	CHECK_OBJ(attempt, ATTEMPT_MAGIC);
	struct worker *w = d->worker;
	struct attempt_work *work = attempt->work;
	struct verdicts verdicts = { 0 };
	delivery_remember(d);
	count_message(d, attempt);
	judge_all(d, attempt, &verdicts);
	if (!verdicts.again && !verdicts.next_host) {
		outcome_of_pass(w, attempt);
		return;
	}
	if (verdicts.again) {
		work->fresh_tries++;
	} else {
		work->hosts_lacking += verdicts.lacks;
		work->fresh_tries = 0;
		work->hosts_tried++;
		walk_next_host(attempt);
	}
	lease_add_first(w, attempt);
}

/* ---- the pass is over ---- */

/* CONFORMANCE 0.4: no 8BITMIME at the receiver: another MX, then as it is (--8bit=as-is). */
static bool second_pass_as_is(struct worker *w, struct attempt *attempt)
{
	struct attempt_work *work = attempt->work;
	if (work->eightbit_as_is || w->config->options->eight_bit != 0)
		return false;
	bool wanted = false;
	for (uint32_t i = 0; i < attempt->rcpts_count; i++) {
		const struct attempt_rcpt *rcpt = &attempt->rcpts[i];
		wanted |= rcpt->fate == ATTEMPT_OPEN &&
			(rcpt->lacks == SMTP_CAUSE_NO_8BITMIME || rcpt->lacks == SMTP_CAUSE_NO_SMTPUTF8);
	}
	if (!wanted)
		return false;
	work->eightbit_as_is = true;
	work->hosts_lacking = 0;
	work->hosts_refused = 0;
	for (uint32_t i = 0; i < attempt->rcpts_count; i++)
		attempt->rcpts[i].lacks = SMTP_CAUSE_NONE;
	walk_begin(w, attempt);
	return true;
}

static enum bounce_class class_of_lack(enum smtp_cause cause)
{
	if (cause == SMTP_CAUSE_REQUIRETLS_UNPROVEN || cause == SMTP_CAUSE_NO_REQUIRETLS)
		return BOUNCE_CLASS_TLS;
	return cause == SMTP_CAUSE_TOO_BIG ? BOUNCE_CLASS_SIZE : BOUNCE_CLASS_PROTOCOL;
}

/* Every host was asked and every one lacks it: that will not change by waiting. */
static void settle_lacking(struct attempt *attempt, struct attempt_rcpt *rcpt)
{
	enum smtp_cause cause = rcpt->lacks;
	/* RTLS-06: what is not proven yet may be so tomorrow. */
	bool all = attempt->work->hosts_lacking >= attempt->route->hosts_count &&
		cause != SMTP_CAUSE_REQUIRETLS_UNPROVEN;
	rcpt->fate = all ? ATTEMPT_BOUNCED : ATTEMPT_DEFERRED;
	rcpt->status = smtp_cause_status(cause);
	if (!all)
		rcpt->status.class = 4;
	rcpt->bounce_class = (uint8_t)class_of_lack(cause);
	rcpt->code = 0;
	rcpt->counts_as_attempt = true;
}

static void settle_open(struct worker *w, struct attempt *attempt)
{
	struct attempt_work *work = attempt->work;
	/* RFC 7504: 521 from all hosts is a final answer, where nothing forbids to believe it (POL-14). */
	bool none_accepts = work->hosts_refused > 0 && work->hosts_refused >= attempt->route->hosts_count;
	/* Without any trouble of its own: all addresses are known to be down. */
	bool none_tried = work->hosts_tried == 0;
	for (uint32_t i = 0; i < attempt->rcpts_count; i++) {
		struct attempt_rcpt *rcpt = &attempt->rcpts[i];
		if (rcpt->fate != ATTEMPT_OPEN)
			continue;
		work->heard.back_off |= none_tried || work->trouble_backs_off;
		if (rcpt->lacks != SMTP_CAUSE_NONE) {
			settle_lacking(attempt, rcpt);
			continue;
		}
		uint32_t index = rcpt->rcpt;
		*rcpt = work->trouble;
		rcpt->rcpt = index;
		if (rcpt->fate == ATTEMPT_OPEN)
			rcpt->fate = none_accepts ? ATTEMPT_BOUNCED : ATTEMPT_DEFERRED;
		if (rcpt->fate == ATTEMPT_DEFERRED && rcpt->status.class == 5)
			rcpt->status.class = 4; /* a 5yz that is about us, not about the address */
		if (rcpt->status.class == 0) { /* no host could be tried at all */
			rcpt->status = attempt_status_of("4.4.1");
			rcpt->bounce_class = BOUNCE_CLASS_NETWORK;
		}
	}
	(void)w;
}

void outcome_of_broken_pass(struct worker *w, struct attempt *attempt)
{
	settle_open(w, attempt);
	worker_finish(w, attempt);
}

void outcome_of_pass(struct worker *w, struct attempt *attempt)
{
	if (attempt_has_open(attempt) && second_pass_as_is(w, attempt)) {
		lease_add_first(w, attempt);
		return;
	}
	settle_open(w, attempt);
	worker_finish(w, attempt);
}
