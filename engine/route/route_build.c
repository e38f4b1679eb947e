#include "engine/route/route_build.h"
#include "dns/dns_name.h"
#include "engine/base/nanoseconds.h"
#include "engine/io/random.h"
#include "engine/route/route_address.h"
#include "engine/route/route_demand.h"
#include "engine/route/route_mx.h"
#include "engine/route/route_rules.h"

static void on_mx(struct route_build *build);
static void on_host_answer(struct route_build *build, struct route_lookup *lookup);

static uint64_t now_ns(const struct route_build *build)
{
	return timer_wheel_now_ns(build->env->lookups.wheel);
}

/* ---- look-ups ---- */

static void lookup_done(struct route_lookup *lookup)
{
	struct route_build *build = lookup->owner;
	CHECK_OBJ(build, ROUTE_BUILD_MAGIC);
	CHECK(build->open_count > 0);
	build->open_count--;
	route_draft_take_time(&build->draft, now_ns(build), route_lookup_answer(lookup));
	if (build->env->rules->keep_steps)
		route_draft_add_step(&build->draft, route_lookup_answer(lookup));
	if (lookup == &build->mx)
		on_mx(build);
	else
		on_host_answer(build, lookup);
}

static void lookup_start(struct route_build *build, struct route_lookup *lookup, const char *name,
	enum dns_type type)
{
	build->open_count++;
	route_lookup_start(lookup, &build->env->lookups, name, type, lookup_done, build);
}

/* ---- the whole ---- */

static void stop_lookups(struct route_build *build)
{
	route_lookup_stop(&build->mx);
	for (size_t i = 0; i < ROUTE_HOSTS_MAX; i++) {
		route_lookup_stop(&build->hosts[i].a);
		route_lookup_stop(&build->hosts[i].aaaa);
		route_lookup_stop(&build->hosts[i].alias);
		for (size_t j = 0; j < ROUTE_TLSA_CANDIDATES_MAX; j++)
			route_lookup_stop(&build->hosts[i].tlsa[j]);
	}
	route_sts_stop(&build->sts);
	build->open_count = 0;
}

static void limit_life(const struct route_build *build, struct route *route)
{
	struct random_state *random = build->env->rules->random;
	if (build->env->lookups.store == NULL || route == NULL)
		return;
	uint64_t life_ns = ROUTE_LIFE_MAX_S * SECOND_NS;
	life_ns -= random_below(random, ROUTE_LIFE_SPREAD_S * SECOND_NS);
	if (route->expires_ns > now_ns(build) + life_ns)
		route->expires_ns = now_ns(build) + life_ns;
}

static void finish(struct route_build *build, struct route *route)
{
	/* Where the end is clear without the policy, nobody waits for it. */
	CHECK(build->open_count == (build->sts.is_running ? 1 : 0));
	limit_life(build, route);
	stop_lookups(build);
	build->magic = 0;
	build->done(build, route);
}

static void finish_with_cause(struct route_build *build, enum route_cause cause, struct text detail)
{
	finish(build, route_draft_end_cause(&build->draft, cause, now_ns(build), detail));
}

static void start_host(struct route_build *build, size_t index)
{
	struct route_build_host *work = &build->hosts[index];
	const char *name = build->draft.hosts[index].name;
	work->a.index = work->aaaa.index = work->alias.index = (uint8_t)index;
	lookup_start(build, &work->a, name, DNS_TYPE_A);
	lookup_start(build, &work->aaaa, name, DNS_TYPE_AAAA);
}

static bool is_there(const struct route *route)
{
	for (size_t i = 0; i < route->hosts_count; i++)
		if (route->hosts[i].state != ROUTE_HOST_UNUSABLE)
			return true;
	return false;
}

/* POL-14, CONFORMANCE 0.4: who can forge an answer cannot bounce the mail of a domain whose policy says that
 * it has mail hosts. */
static enum route_cause doubt(const struct route_build *build, enum route_cause cause)
{
	const struct route *route = build->draft.route;
	bool is_proven = route->mx_secure && cause != ROUTE_CAUSE_NO_ADDRESS;
	if (route_cause_kind(cause) != ROUTE_PERMANENT || is_proven || !build->wants_sts ||
		!sts_policies_doubts_denial(build->env->sts->policies, text_of(route->sts_domain)))
		return cause;
	return ROUTE_CAUSE_DENIED;
}

/* All answers are there: each host gets its demand, and the route its end. */
static void finish_with_hosts(struct route_build *build)
{
	struct route_draft *draft = &build->draft;
	const struct route_rules *rules = build->env->rules;
	if (route_sts_ask_again(&build->sts, draft)) {
		build->open_count++;
		return;
	}
	if (rules->keep_steps)
		route_sts_add_steps(&build->sts);
	for (size_t i = 0; i < draft->route->hosts_count; i++)
		route_demand_set(rules, draft, &build->sts.facts, &draft->hosts[i]);
	enum route_cause unusable = ROUTE_CAUSE_NO_ADDRESS;
	if (draft->route->origin == ROUTE_FROM_OPTION)
		unusable = ROUTE_CAUSE_ROUTE_UNUSABLE; /* a mistake of ours bounces nothing */
	else if (build->own_dropped)
		unusable = ROUTE_CAUSE_LOOP; /* MX-15: no better host exists than we are */
	if (build->wants_sts && is_there(draft->route))
		sts_policies_exists(build->env->sts->policies, text_of(draft->route->sts_domain));
	else
		unusable = doubt(build, unusable);
	finish(build, route_draft_end_hosts(draft, ROUTE_CAUSE_HOSTS_FAILED,
			      unusable, now_ns(build)));
}

static void sts_found(struct route_sts_search *search)
{
	struct route_build *build = CONTAINER_OF(search, struct route_build, sts);
	CHECK_OBJ(build, ROUTE_BUILD_MAGIC);
	CHECK(build->open_count > 0);
	build->open_count--;
	if (build->open_count == 0)
		finish_with_hosts(build);
}

static void search_tlsa(struct route_build *build, uint8_t index)
{
	struct route_build_host *work = &build->hosts[index];
	const char *owner =
		route_tlsa_next(&work->search, &build->draft, &build->draft.hosts[index]);
	if (owner == NULL) {
		route_change_note_tlsa(build, index);
		return;
	}
	/* A name that the arena had no room for is not asked: the draft ends as a failure. */
	if (arena_is_exhausted(&build->draft.route->arena))
		return;
	struct route_lookup *lookup = &work->tlsa[work->search.next - 1];
	lookup->index = index;
	lookup_start(build, lookup, owner, DNS_TYPE_TLSA);
}

/* DANE-01: only now, with the addresses known, may TLSA records be asked for. */
static void on_all_addresses(struct route_build *build, uint8_t index)
{
	struct route_build_host *work = &build->hosts[index];
	struct route_host *host = &build->draft.hosts[index];
	struct route_address_answers answers = {
		.a = route_lookup_answer(&work->a),
		.aaaa = route_lookup_answer(&work->aaaa),
		.alias = work->alias.owner != NULL ? route_lookup_answer(&work->alias) : NULL,
	};
	route_address_fill(&build->draft, host, &answers, build->env->rules->allow_private);
	if (!build->wants_dane)
		return;
	route_tlsa_begin(&work->search, host);
	search_tlsa(build, index);
}

static void on_address(struct route_build *build, const struct route_lookup *lookup)
{
	struct route_build_host *work = &build->hosts[lookup->index];
	if (work->a.open || work->aaaa.open)
		return;
	/* DNS-07: is the alias itself signed? */
	if (build->wants_dane &&
		route_address_wants_alias(route_lookup_answer(&work->a), route_lookup_answer(&work->aaaa)))
		lookup_start(build, &work->alias, lookup->name, DNS_TYPE_CNAME);
	else
		on_all_addresses(build, lookup->index);
}

static void on_host_answer(struct route_build *build, struct route_lookup *lookup)
{
	switch (lookup->type) {
	case DNS_TYPE_A:
	case DNS_TYPE_AAAA: on_address(build, lookup); break;
	case DNS_TYPE_CNAME: on_all_addresses(build, lookup->index); break;
	case DNS_TYPE_TLSA:
		route_tlsa_take(&build->hosts[lookup->index].search, &build->draft,
			&build->draft.hosts[lookup->index], route_lookup_answer(lookup), build->audited);
		search_tlsa(build, lookup->index);
		break;
	case DNS_TYPE_MX:
	case DNS_TYPE_TXT: UNREACHABLE("a look-up that no host makes");
	}
	if (build->open_count == 0)
		finish_with_hosts(build);
}

/* One host that no MX record named: the domain itself (MX-04), or that of --route. */
MUST_USE static bool start_single_host(struct route_build *build, const char *name, uint16_t port)
{
	if (!route_draft_add_hosts(&build->draft, 1))
		return false;
	struct route_host *host = &build->draft.hosts[0];
	host->name = host->canonical = name;
	host->port = port;
	start_host(build, 0);
	return true;
}

static void start_mx_hosts(struct route_build *build, const struct route_mx_list *list)
{
	struct route_draft *draft = &build->draft;
	build->own_dropped = list->own_dropped;
	if (!route_draft_add_hosts(draft, list->count)) {
		finish_with_cause(build, ROUTE_CAUSE_NO_MEMORY, TEXT_EMPTY);
		return;
	}
	for (size_t i = 0; i < list->count; i++) {
		struct route_host *host = &draft->hosts[i];
		host->name = host->canonical =
			route_draft_text(draft, text_of(list->hosts[i].name));
		host->preference = list->hosts[i].preference;
		host->port = build->env->rules->port;
		host->state = ROUTE_HOST_UNUSABLE;
		host->reason = list->hosts[i].why;
	}
	if (arena_is_exhausted(&draft->route->arena)) {
		finish_with_cause(build, ROUTE_CAUSE_NO_MEMORY, TEXT_EMPTY);
		return;
	}
	for (size_t i = 0; i < list->count; i++)
		if (!list->hosts[i].unusable)
			start_host(build, i);
	if (build->open_count == 0)
		finish_with_hosts(build);
}

/* MX-04: the domain is its own mail host, with all that applies to one (DANE-28). */
static void start_implicit_host(struct route_build *build)
{
	const struct route_rules *rules = build->env->rules;
	struct route *route = build->draft.route;
	route->origin = ROUTE_FROM_DOMAIN;
	if (route_mx_is_own(route->domain, rules->own_names, rules->own_names_count))
		finish_with_cause(build, ROUTE_CAUSE_LOOP, TEXT_EMPTY);
	else if (!start_single_host(build, route->domain, rules->port))
		finish_with_cause(build, ROUTE_CAUSE_NO_MEMORY, TEXT_EMPTY);
}

static struct text detail_of_cause(enum route_cause cause, const struct dns_answer *answer)
{
	if (cause != ROUTE_CAUSE_MX_FAILED)
		return TEXT_EMPTY;
	return answer->class == DNS_FAILURE ? answer->why : TEXT("its MX records are malformed");
}

static void on_mx(struct route_build *build)
{
	const struct dns_answer *answer = route_lookup_answer(&build->mx);
	const struct route_rules *rules = build->env->rules;
	struct route *route = build->draft.route;
	route->mx_class = answer->class;
	route->mx_secure = dns_class_is_secure(answer->class); /* DANE-50 */
	/* DANE-24: what does not count is not asked for, and cannot fail. */
	build->wants_dane &= route->mx_secure || rules->half_dane;
	if (answer->aliased) /* MX-07: both names are remembered */
		route->mx_owner = route_draft_text(&build->draft, answer->canonical_name);
	struct route_mx_list list;
	route_mx_read(&list, answer, rules->own_names, rules->own_names_count, rules->random);
	switch (list.verdict) {
	case ROUTE_MX_HOSTS: start_mx_hosts(build, &list); return;
	case ROUTE_MX_IMPLICIT: start_implicit_host(build); return;
	case ROUTE_MX_CAUSE:
		finish_with_cause(build, doubt(build, list.cause), detail_of_cause(list.cause, answer));
		return;
	}
	UNREACHABLE("a verdict that is not in the enum");
}

static void begin_sts(struct route_build *build)
{
	build->wants_sts = build->env->sts != NULL && build->wants_dane &&
		route_sts_begin(&build->sts, build->env->sts, &build->draft, sts_found);
	build->open_count += build->wants_sts;
}

bool route_build_start(struct route_build *build, struct route_build_env *env, struct text domain,
	const struct route_option *option, route_build_done_fn *done)
{
	*build = (struct route_build){ .magic = ROUTE_BUILD_MAGIC, .env = env, .done = done };
	if (!route_draft_begin(
		    &build->draft, domain, option != NULL ? ROUTE_FROM_OPTION : ROUTE_FROM_MX))
		return false;
	struct route *route = build->draft.route;
	build->wants_dane = route_rules_wants_published(env->rules, domain);
	build->audited = route_rules_audits(env->rules, domain);
	route->sts_domain = route->domain;
	if (option == NULL) {
		lookup_start(build, &build->mx, route->domain, DNS_TYPE_MX);
		begin_sts(build);
		return true;
	}
	/* CONFORMANCE 0.4: a route host counts as secure, and DANE and MTA-STS are its own. */
	route->mx_secure = true;
	route->sts_domain = route_draft_text(&build->draft, text_of(option->host));
	uint16_t port = option->port != 0 ? option->port : env->rules->port;
	begin_sts(build);
	if (start_single_host(build, route->sts_domain, port))
		return true;
	route_build_stop(build);
	return false;
}

void route_build_stop(struct route_build *build)
{
	CHECK_OBJ(build, ROUTE_BUILD_MAGIC);
	stop_lookups(build);
	route_draft_abandon(&build->draft);
	build->magic = 0;
}
