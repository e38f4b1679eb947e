#include "engine/route/route_sts.h"
#include <stdlib.h>
#include <string.h>
#include "engine/base/check.h"

static enum policy_sts state_of(const struct sts_outcome *outcome)
{
	if (outcome->policy == NULL)
		return outcome->finding == STS_FINDING_BOGUS ? POLICY_STS_FAILED : POLICY_STS_ABSENT;
	switch (outcome->policy->mode) {
	case STS_MODE_NONE: return POLICY_STS_NONE;
	case STS_MODE_TESTING: return POLICY_STS_TESTING;
	case STS_MODE_ENFORCE: return POLICY_STS_ENFORCE;
	case STS_MODES: break;
	}
	UNREACHABLE("a mode that is not in the enum");
}

/* A policy for which there is no memory may be one that forbids: the route fails as a whole. */
static void keep_policy(struct route_sts_search *search, const struct sts_outcome *outcome)
{
	free(search->text);
	search->text = NULL;
	search->facts = (struct route_sts_facts){ .state = state_of(outcome) };
	if (outcome->policy == NULL)
		return;
	search->facts.policy = *outcome->policy;
	size_t len = outcome->policy->text.len;
	search->text = malloc(len > 0 ? len : 1);
	if (search->text == NULL) {
		search->facts.state = POLICY_STS_FAILED;
		return;
	}
	memcpy(search->text, outcome->policy->text.data, len);
	search->facts.policy.text = text_of_bytes(search->text, len);
}

static const char *patterns_text(struct route_draft *draft, const struct sts_policy *policy)
{
	char memory[ROUTE_DRAFT_TEXT_MAX];
	struct buf buf;
	struct text pattern;
	buf_init(&buf, memory, sizeof memory);
	for (size_t at = 0; sts_policy_next_mx(policy, &at, &pattern);) {
		size_t before = buf.len;
		buf_put_cstr(&buf, before > 0 ? ", " : "");
		buf_put_text(&buf, pattern);
		if (buf.overflow) {
			buf_truncate(&buf, before);
			break;
		}
	}
	return route_draft_text(draft, buf_text(&buf));
}

/* For people, and for the scheduler. */
static void describe(struct route_sts_search *search, const struct sts_outcome *outcome)
{
	struct route_draft *draft = search->draft;
	struct route_sts *sts = &draft->route->sts;
	*sts = (struct route_sts){
		.finding = sts_finding_text(outcome->finding),
		.mode = "",
		.id = route_draft_text(draft, outcome->id),
		.why = route_draft_text(draft, text_of(outcome->why)),
		.patterns = "",
		.enforced = search->facts.state == POLICY_STS_ENFORCE,
		.left_s = outcome->left_s,
	};
	if (outcome->policy == NULL)
		return;
	sts->mode = sts_mode_text(outcome->policy->mode).data;
	sts->patterns = patterns_text(draft, outcome->policy);
}


static void discovered(struct sts_discovery *discovery, const struct sts_outcome *outcome)
{
	struct route_sts_search *search = discovery->owner;
	uint64_t now_ns = timer_wheel_now_ns(discovery->env->lookups->wheel);
	search->is_running = false;
	search->is_current |= outcome->is_current;
	keep_policy(search, outcome);
	describe(search, outcome);
	/* What brought the policy may run out; the policy has its own time. */
	route_draft_take_time(search->draft, now_ns, route_lookup_answer(&discovery->txt));
	if (outcome->policy != NULL && outcome->left_s < UINT32_MAX)
		route_draft_limit(search->draft, now_ns, (uint32_t)outcome->left_s);
	search->done(search);
}

bool route_sts_begin(struct route_sts_search *search, struct sts_discovery_env *env,
	struct route_draft *draft, route_sts_done_fn *done)
{
	search->draft = draft;
	search->done = done;
	search->is_running = sts_discovery_start(&search->discovery, env,
		draft->route->sts_domain, STS_FOR_MAIL, discovered, search);
	return search->is_running;
}

void route_sts_stop(struct route_sts_search *search)
{
	sts_discovery_stop(&search->discovery);
	free(search->text);
	search->text = NULL;
	search->is_running = false;
}

void route_sts_add_steps(const struct route_sts_search *search)
{
	const struct sts_discovery *discovery = &search->discovery;
	const struct route_lookup *lookups[] = { &discovery->txt, &discovery->a, &discovery->aaaa };
	for (size_t i = 0; i < COUNT_OF(lookups); i++)
		if (lookups[i]->answer != NULL)
			route_draft_add_step(search->draft, lookups[i]->answer);
}

bool route_sts_covers(const struct route_sts_facts *facts, const struct route_host *host)
{
	return sts_policy_covers(&facts->policy, text_of(host->name), NULL);
}

bool route_sts_ask_again(struct route_sts_search *search, const struct route_draft *draft)
{
	if (search->facts.state != POLICY_STS_ENFORCE || search->is_current)
		return false;
	for (size_t i = 0; i < draft->route->hosts_count; i++)
		if (route_sts_covers(&search->facts, &draft->hosts[i]))
			return false;
	struct sts_discovery_env *env = search->discovery.env;
	sts_discovery_stop(&search->discovery);
	search->is_current = true; /* once is enough, whatever comes of it */
	search->is_running = sts_discovery_start(&search->discovery, env,
		draft->route->sts_domain, STS_FOR_DOUBT, discovered, search);
	return search->is_running;
}
