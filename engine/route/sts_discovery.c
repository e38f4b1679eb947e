#include "engine/route/sts_discovery.h"
#include <stdio.h>
#include <string.h>
#include "dns/dns_name.h"
#include "dns/dns_rdata.h"
#include "engine/base/check.h"
#include "engine/base/nanoseconds.h"
#include "engine/io/random.h"

enum {
	/* Two that look like records of MTA-STS are as good as a hundred: none counts (STS-06). */
	CANDIDATES_MAX = 8,
};

static void ask_for_record(struct sts_discovery *d);
static void conclude(struct sts_discovery *d, const struct sts_answer *answer);

const char *sts_finding_text(enum sts_finding finding)
{
	static const char *const texts[STS_FINDING_COUNT] = {
#define STS_FINDING(name, meaning) [STS_FINDING_##name] = meaning,
#include "engine/route/sts_finding.def"
#undef STS_FINDING
	};
	CHECK((unsigned)finding < STS_FINDING_COUNT);
	return texts[finding];
}

void sts_discovery_env_init(struct sts_discovery_env *env)
{
	arena_init(&env->arena, 4096, STS_RECORDS_BYTES_MAX);
	env->silence.key = random_siphash_key();
}

void sts_discovery_env_deinit(struct sts_discovery_env *env) { arena_deinit(&env->arena); }

/* ---- the record ---- */

static bool may_be_record(struct text text)
{
	return text_starts(text, TEXT("v=STSv1"));
}

/* STS-05, STS-11: the strings of each joined; behind an alias as well. */
static void read_records(struct sts_discovery *d, const struct dns_answer *answer)
{
	struct text candidates[CANDIDATES_MAX];
	size_t count = 0;
	arena_reset(&d->env->arena);
	for (size_t i = 0; i < answer->rdata_count && count < CANDIDATES_MAX; i++) {
		struct buf joined;
		size_t len = answer->rdata[i].len;
		char *memory = arena_alloc(&d->env->arena, len > 0 ? len : 1);
		if (memory == NULL)
			break; /* more than a DNS message holds */
		buf_init(&joined, memory, len);
		if (dns_rdata_read_txt(&answer->rdata[i], &joined) && may_be_record(buf_text(&joined)))
			candidates[count++] = buf_text(&joined);
	}
	d->record_fault = sts_record_choose(candidates, count, &d->record, &d->fail);
}

static struct text id_of(const struct sts_discovery *d)
{
	return d->record_fault == STS_RECORD_OK ? text_of(d->record.id) : TEXT_EMPTY;
}

/* ---- the fetch ---- */

static void fetched(struct sts_waiter *waiter, const struct sts_answer *answer)
{
	conclude(CONTAINER_OF(waiter, struct sts_discovery, waiter), answer);
}

static void ask_for_policy(struct sts_discovery *d, struct text id,
	const struct ip_address *addresses, size_t addresses_count)
{
	const struct sts_question question = {
		.domain = text_of(d->domain),
		.id = id,
		.addresses = addresses,
		.addresses_count = addresses_count,
	};
	struct sts_answer refusal;
	d->waiter.answer = fetched;
	if (!sts_fetches_ask(d->env->fetches, &question, &d->waiter, &refusal))
		conclude(d, &refusal);
}

/* The id that the fetch is for: published now, or that of what is renewed without a record (STS-40). */
static struct text wanted_id(struct sts_discovery *d)
{
	struct sts_held *held;
	struct text id = id_of(d);
	if (id.len > 0 || sts_policies_find(d->env->policies, text_of(d->domain), false, &held) ==
				  STS_HELD_NONE)
		return id;
	return held->id;
}

/* A policy host whose addresses cannot be looked up is no failure of the host: nothing is remembered. */
static void conclude_without_address(struct sts_discovery *d, const struct dns_answer *failed)
{
	struct fail fail = { 0 };
	fail_set(&fail, RESULT_NOT_FOUND, "%s has no %s answer now: %.*s", d->host_name,
		dns_type_name(failed->type), TEXT_ARG(failed->why));
	const struct sts_answer answer = { .fault = STS_FAULT_ADDRESS, .fail = &fail };
	conclude(d, &answer);
}

static void on_address(struct route_lookup *lookup)
{
	struct sts_discovery *d = lookup->owner;
	if (d->a.open || d->aaaa.open)
		return;
	struct ip_address addresses[STS_FETCH_ADDRESSES_MAX];
	size_t count = 0;
	/* IPv4 first: a policy host that has both is reached by it from everywhere. */
	const struct dns_answer *answers[] = { route_lookup_answer(&d->a),
		route_lookup_answer(&d->aaaa) };
	for (size_t i = 0; i < COUNT_OF(answers); i++)
		for (size_t j = 0; j < answers[i]->rdata_count && count < COUNT_OF(addresses); j++)
			if (dns_rdata_read_address(&answers[i]->rdata[j],
				    (enum dns_type)answers[i]->type, &addresses[count]))
				count++;
	for (size_t i = 0; i < COUNT_OF(answers); i++)
		if (count == 0 && answers[i]->class == DNS_FAILURE) {
			conclude_without_address(d, answers[i]);
			return;
		}
	ask_for_policy(d, wanted_id(d), addresses, count);
}

static void ask_for_addresses(struct sts_discovery *d)
{
	struct sts_discovery_env *env = d->env;
	struct text id = wanted_id(d);
	if (sts_fetches_state(env->fetches, text_of(d->domain), id) != STS_FETCHES_FREE) {
		ask_for_policy(d, id, NULL, 0); /* under way, or failed a short time ago */
		return;
	}
	route_lookup_start(&d->a, env->lookups, d->host_name, DNS_TYPE_A, on_address, d);
	route_lookup_start(&d->aaaa, env->lookups, d->host_name, DNS_TYPE_AAAA, on_address, d);
}

/* ---- from the record to the policy ---- */

static bool must_fetch(const struct sts_discovery *d, enum sts_held_state state,
	const struct sts_held *held)
{
	if (state != STS_HELD_VALID)
		return d->record_fault == STS_RECORD_OK;
	if (d->purpose == STS_FOR_RENEWAL)
		return true;
	if ((d->purpose == STS_FOR_DOUBT || held->doubted) && sts_held_may_be_doubted(held))
		return true;
	/* STS-12: ids have no order. */
	return d->record_fault == STS_RECORD_OK && !text_equal(held->id, id_of(d));
}

static void retry_fired(struct timer *timer)
{
	struct sts_discovery *d = CONTAINER_OF(timer, struct sts_discovery, retry_timer);
	ask_for_record(d);
}

/* STS-15. True: it is asked for once more. */
static bool ask_again_later(
	struct sts_discovery *d, const struct dns_answer *answer, enum sts_held_state state)
{
	struct timer_wheel *wheel = d->env->lookups->wheel;
	if (d->txt.is_late)
		sts_silence_note(&d->env->silence, text_of(d->domain), timer_wheel_now_ns(wheel));
	if (state == STS_HELD_VALID || answer->bogus || d->asked_twice || d->txt.is_late || d->is_silent)
		return false;
	d->asked_twice = true;
	timer_start(wheel, &d->retry_timer, timer_wheel_now_ns(wheel) + STS_RECORD_RETRY_MS * MS_NS,
		retry_fired);
	return true;
}

static void on_record(struct route_lookup *lookup)
{
	struct sts_discovery *d = lookup->owner;
	struct sts_held *held;
	const struct dns_answer *answer = route_lookup_answer(lookup);
	enum sts_held_state state = sts_policies_find(
		d->env->policies, text_of(d->domain), d->purpose != STS_FOR_RENEWAL, &held);
	if (answer->class != DNS_FAILURE) {
		read_records(d, answer);
	} else {
		d->record_fault = STS_RECORD_NONE;
		fail_set(&d->fail, RESULT_UNAVAILABLE, "%s has no TXT answer now: %.*s",
			d->record_name, TEXT_ARG(answer->why));
		if (ask_again_later(d, answer, state))
			return;
	}
	if (must_fetch(d, state, held))
		ask_for_addresses(d);
	else
		conclude(d, NULL);
}

static void ask_for_record(struct sts_discovery *d)
{
	struct route_lookup_env *lookups = d->env->lookups;
	uint64_t now_ns = timer_wheel_now_ns(lookups->wheel);
	d->is_silent = sts_silence_lasts(&d->env->silence, text_of(d->domain), now_ns);
	if (d->is_silent)
		route_lookup_start_failed(&d->txt, lookups, d->record_name, DNS_TYPE_TXT,
			"nobody answered a short time ago", on_record, d);
	else
		route_lookup_start(&d->txt, lookups, d->record_name, DNS_TYPE_TXT, on_record, d);
}

/* ---- the end ---- */

static const char *mode_name(enum sts_mode mode) { return sts_mode_text(mode).data; }

static void tell_changed(struct sts_discovery *d, enum sts_mode before, const char *now, const char *why)
{
	const struct route_change change = {
		.domain = d->domain,
		.host = "",
		.before = mode_name(before),
		.now = now,
		.reason = why,
	};
	if (d->env->changed != NULL)
		d->env->changed(d->env->changed_context, &change);
}

static struct sts_outcome outcome_of_held(
	const struct sts_discovery *d, enum sts_finding finding, const struct sts_held *held)
{
	return (struct sts_outcome){
		.finding = finding,
		.policy = &held->policy,
		.id = held->id,
		.fetched_s = held->fetched_s,
		.left_s = sts_held_left_s(held),
		.why = d->fail.text,
	};
}

/* NULL: it is not kept (STS-28), or there is no memory for it. */
static struct sts_held *keep(
	struct sts_discovery *d, const struct sts_answer *answer, const struct sts_policy *policy)
{
	struct sts_held *held;
	enum sts_held_state state = sts_policies_find(d->env->policies, text_of(d->domain), false, &held);
	if (answer->is_again)
		return state == STS_HELD_VALID && text_equal(held->policy.text, policy->text) ? held : NULL;
	if (state != STS_HELD_NONE && policy->mode < held->policy.mode)
		tell_changed(d, held->policy.mode, mode_name(policy->mode),
			"the domain has published another policy of MTA-STS");
	return sts_policies_put(d->env->policies, text_of(d->domain), answer->id, policy);
}

/* STS-28: with a max_age of 0 it is in force for this once. */
static void finish_fetched(struct sts_discovery *d, const struct sts_answer *answer)
{
	struct fail fail = { 0 };
	struct sts_policy policy;
	/* It was read once by those who fetched it. */
	CHECK(sts_policy_parse(answer->body, &policy, &fail) == RESULT_OK);
	const struct sts_held *held = keep(d, answer, &policy);
	struct sts_outcome outcome = { .policy = &policy, .id = answer->id, .why = "" };
	if (held != NULL)
		outcome = outcome_of_held(d, STS_FINDING_FETCHED, held);
	outcome.finding = STS_FINDING_FETCHED;
	outcome.is_current = true;
	d->done(d, &outcome);
}

static void tell_failed(struct sts_discovery *d, const struct sts_answer *answer, struct sts_held *held)
{
	bool is_renewal = d->purpose == STS_FOR_RENEWAL;
	/* What was not tried is no news, nor what another has told. */
	bool was_tried = answer->fault != STS_FAULT_WAITS && answer->fault != STS_FAULT_CANCELLED;
	if (answer->is_again)
		return;
	if (held != NULL && (was_tried || is_renewal))
		sts_policies_failed(d->env->policies, held);
	if (!was_tried || d->env->failed == NULL)
		return;
	const struct sts_failure failure = {
		.domain = d->domain,
		.fault = answer->fault,
		.fail = answer->fail,
		.held = held,
		.is_renewal = is_renewal,
	};
	d->env->failed(d->env->failed_context, &failure);
}

static enum sts_finding finding_without(const struct sts_discovery *d, const struct sts_answer *answer)
{
	const struct dns_answer *record = route_lookup_answer(&d->txt);
	if (answer != NULL)
		return STS_FINDING_UNFETCHED;
	if (record->class == DNS_FAILURE)
		return record->bogus ? STS_FINDING_BOGUS : STS_FINDING_NO_ANSWER;
	return STS_FINDING_NO_RECORD;
}

/* Nothing is in force. What was there and is over is told of once, and then forgotten (STS-47). */
static void finish_without(struct sts_discovery *d, const struct sts_answer *answer, struct sts_held *expired)
{
	const struct sts_outcome outcome = {
		.finding = finding_without(d, answer),
		.why = d->fail.text,
	};
	bool is_ours = answer != NULL &&
		(answer->fault == STS_FAULT_CANCELLED || answer->fault == STS_FAULT_LOCAL);
	bool is_certain = !is_ours &&
		(outcome.finding == STS_FINDING_NO_RECORD || outcome.finding == STS_FINDING_UNFETCHED);
	if (expired != NULL && is_certain) {
		if (expired->policy.mode != STS_MODE_NONE)
			tell_changed(d, expired->policy.mode, "none",
				"its policy of MTA-STS is over, and no other is to be had");
		sts_policies_drop(d->env->policies, expired);
	}
	d->done(d, &outcome);
}

/* `answer` of the fetch; NULL: there was none. */
static void conclude(struct sts_discovery *d, const struct sts_answer *answer)
{
	if (answer != NULL && answer->fault == STS_FAULT_NONE) {
		finish_fetched(d, answer);
		return;
	}
	struct sts_held *held;
	enum sts_held_state state = sts_policies_find(d->env->policies, text_of(d->domain), false, &held);
	if (answer != NULL) {
		d->fail = *answer->fail;
		tell_failed(d, answer, state == STS_HELD_VALID ? held : NULL);
	}
	if (state != STS_HELD_VALID) {
		finish_without(d, answer, state == STS_HELD_EXPIRED ? held : NULL);
		return;
	}
	bool is_current = answer == NULL && d->record_fault == STS_RECORD_OK;
	const struct sts_outcome outcome =
		outcome_of_held(d, is_current ? STS_FINDING_HELD : STS_FINDING_KEPT, held);
	d->done(d, &outcome);
}

bool sts_discovery_start(struct sts_discovery *d, struct sts_discovery_env *env, const char *domain,
	enum sts_purpose purpose, sts_discovery_done_fn *done, void *owner)
{
	*d = (struct sts_discovery){
		.env = env,
		.done = done,
		.owner = owner,
		.purpose = purpose,
		.domain = domain,
	};
	if (!dns_name_below("_mta-sts", text_of(domain), d->record_name) ||
		!dns_name_below("mta-sts", text_of(domain), d->host_name))
		return false;
	ask_for_record(d);
	return true;
}

void sts_discovery_stop(struct sts_discovery *d)
{
	if (d->env == NULL)
		return;
	timer_stop(d->env->lookups->wheel, &d->retry_timer);
	sts_fetches_leave(&d->waiter);
	route_lookup_stop(&d->txt);
	route_lookup_stop(&d->a);
	route_lookup_stop(&d->aaaa);
	d->env = NULL;
}
