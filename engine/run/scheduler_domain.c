#include <stdlib.h>
#include <string.h>
#include "engine/run/scheduler_parts.h"
#include "engine/run/source_family.h"

static struct text domain_key(const struct hash_node *node)
{
	const struct domain *domain = CONTAINER_OF(node, struct domain, node);
	return text_of_bytes(domain->name, domain->name_len);
}

static struct text provider_map_key(const struct hash_node *node)
{
	return text_of(CONTAINER_OF(node, struct provider, node)->key);
}

static struct text job_key(const struct hash_node *node)
{
	const struct job *job = CONTAINER_OF(node, struct job, node);
	return text_of_bytes(job->name, job->name_len);
}

enum result domains_init(struct scheduler *s)
{
	struct siphash_key key = random_siphash_key();
	list_init(&s->ask);
	list_init(&s->idle_domains);
	mailbox_credits_init(&s->routes, HUB_ROUTES_MAX);
	if (hash_map_init(&s->domains, 4096, &key, domain_key) != RESULT_OK ||
		hash_map_init(&s->providers, 1024, &key, provider_map_key) != RESULT_OK ||
		hash_map_init(&s->jobs, 64, &key, job_key) != RESULT_OK)
		return RESULT_MEMORY;
	return RESULT_OK;
}

/* ---- jobs ---- */

const struct job *domain_job(struct scheduler *s, struct text name)
{
	if (text_is_empty(name))
		return NULL;
	struct hash_node *node = hash_map_find(&s->jobs, name);
	if (node != NULL)
		return CONTAINER_OF(node, struct job, node);
	if (hash_map_count(&s->jobs) >= SCHEDULER_JOBS_MAX)
		return NULL;
	struct job *job = calloc(1, sizeof *job + name.len + 1);
	if (job == NULL)
		return NULL;
	job->name_len = name.len;
	memcpy(job->name, name.data, name.len);
	hash_map_insert(&s->jobs, &job->node);
	return job;
}

void domain_job_count(struct scheduler *s, struct text name, enum event_kind kind)
{
	struct hash_node *node = name.len > 0 ? hash_map_find(&s->jobs, name) : NULL;
	if (node != NULL)
		CONTAINER_OF(node, struct job, node)->by_kind[kind]++;
}

/* ---- providers ---- */

/* What is only a part of a provider to some rule has the rule's name in its key. */
static void key_apart(const struct site_match *match, char key[PROVIDER_KEY_MAX])
{
	char whole[PROVIDER_KEY_MAX];
	if (match->apart == NULL)
		return;
	memcpy(whole, key, sizeof whole);
	if (match->apart_by_domain)
		snprintf(key, PROVIDER_KEY_MAX, "domain:%.255s", match->apart->key);
	else /* of a known provider: its name is short */
		snprintf(key, PROVIDER_KEY_MAX, "%.19s/%.255s", whole, match->apart->key);
}

/* Rules may be read anew, and a domain with one of its own may move. */
static void set_whole(struct scheduler *s, struct provider *provider, const char whole[PROVIDER_KEY_MAX])
{
	if (strcmp(provider->whole, whole) == 0)
		return;
	memcpy(provider->whole, whole, PROVIDER_KEY_MAX);
	for (uint32_t i = 0; i < s->config->sources_count; i++) {
		if (provider->sites[i] == NULL)
			continue;
		warmups_unbind(provider->sites[i]);
		warmups_bind(s, provider->sites[i]);
	}
}

static struct provider *provider_of(
	struct scheduler *s, const struct domain *domain, const struct route *route)
{
	char key[PROVIDER_KEY_MAX], whole[PROVIDER_KEY_MAX];
	struct site_match match;
	/* The best host tells the provider; the others make the set of those who are not known. */
	const char *hosts[ROUTE_HOSTS_MAX] = { route->hosts[0].name };
	size_t count = 1;
	for (size_t i = 0; i < route->host_set_count && count < ROUTE_HOSTS_MAX; i++)
		if (strcmp(route->host_set[i], hosts[0]) != 0)
			hosts[count++] = route->host_set[i];
	struct site_place place = {
		.provider = key, .hosts = hosts, .hosts_count = count, .domain = domain->name
	};
	place.is_known = provider_key(hosts, count, key);
	memcpy(whole, key, sizeof whole);
	struct provider_limits limits = provider_limits_of(key);
	site_rules_match(s->site_rules.rules, &place, &match);
	key_apart(&match, key);
	struct hash_node *node = hash_map_find(&s->providers, text_of(key));
	struct provider *provider;
	if (node != NULL) {
		provider = CONTAINER_OF(node, struct provider, node);
	} else {
		uint32_t sources = s->config->sources_count;
		provider = calloc(1,
			sizeof *provider + sources * (sizeof provider->sites[0] + sizeof(int64_t)));
		if (provider == NULL)
			return NULL;
		provider->magic = PROVIDER_MAGIC;
		memcpy(provider->key, key, sizeof key);
		provider->turns = (int64_t *)(void *)&provider->sites[sources];
		jobs_provider_init(provider);
		hash_map_insert(&s->providers, &provider->node);
	}
	set_whole(s, provider, whole);
	provider->match = match;
	provider->limits = limits;
	return provider;
}

void provider_collect(struct scheduler *s, struct provider *provider)
{
	CHECK_OBJ(provider, PROVIDER_MAGIC);
	if (provider->domains_count > 0)
		return;
	for (uint32_t i = 0; i < s->config->sources_count; i++)
		if (provider->sites[i] != NULL && !site_is_idle(provider->sites[i]))
			return;
	for (uint32_t i = 0; i < s->config->sources_count; i++)
		if (provider->sites[i] != NULL)
			site_destroy(s, provider->sites[i]);
	jobs_provider_ends(provider);
	hash_map_remove(&s->providers, &provider->node);
	provider->magic = 0;
	free(provider);
}

static void provider_release(struct scheduler *s, struct provider *provider)
{
	if (provider == NULL)
		return;
	CHECK(provider->domains_count > 0);
	provider->domains_count--;
	provider_collect(s, provider);
}

static struct site *site_of(struct scheduler *s, struct provider *provider, const struct source *source)
{
	if (provider->sites[source->index] == NULL)
		provider->sites[source->index] = site_create(s, provider, source);
	return provider->sites[source->index];
}

/* ---- domains ---- */

struct domain *domain_take(struct scheduler *s, struct text name)
{
	struct hash_node *node = hash_map_find(&s->domains, name);
	struct domain *domain;
	if (node != NULL) {
		domain = CONTAINER_OF(node, struct domain, node);
	} else {
		domain = calloc(1, sizeof *domain + name.len + 1);
		if (domain == NULL)
			return NULL;
		domain->magic = DOMAIN_MAGIC;
		domain->name_len = (uint16_t)name.len;
		memcpy(domain->name, name.data, name.len);
		list_init(&domain->waiting);
		hash_map_insert(&s->domains, &domain->node);
	}
	if (list_node_is_linked(&domain->idle_node)) {
		list_remove(&domain->idle_node);
		s->idle_domains_count--;
	}
	domain->attempts_count++;
	return domain;
}

static void domain_destroy(struct scheduler *s, struct domain *domain)
{
	provider_release(s, domain->provider);
	route_unref(domain->route);
	hash_map_remove(&s->domains, &domain->node);
	domain->magic = 0;
	free(domain);
}

void domain_give(struct scheduler *s, struct domain *domain)
{
	CHECK_OBJ(domain, DOMAIN_MAGIC);
	CHECK(domain->attempts_count > 0);
	if (--domain->attempts_count > 0 || domain->asked)
		return;
	list_push_back(&s->idle_domains, &domain->idle_node);
	s->idle_domains_count++;
	while (s->idle_domains_count > SCHEDULER_IDLE_DOMAINS_MAX) {
		struct list_node *node = list_pop_front(&s->idle_domains);
		s->idle_domains_count--;
		domain_destroy(s, CONTAINER_OF(node, struct domain, idle_node));
	}
}

static void end_domain(struct hash_node *node, void *context)
{
	struct domain *domain = CONTAINER_OF(node, struct domain, node);
	route_unref(domain->new_route);
	if (list_node_is_linked(&domain->idle_node))
		list_remove(&domain->idle_node);
	domain_destroy(context, domain);
}

static void end_provider(struct hash_node *node, void *context)
{
	struct scheduler *s = context;
	struct provider *provider = CONTAINER_OF(node, struct provider, node);
	for (uint32_t i = 0; i < s->config->sources_count; i++)
		site_free(s, provider->sites[i]);
	hash_map_remove(&s->providers, node);
	free(provider);
}

static void end_job(struct hash_node *node, void *context)
{
	struct scheduler *s = context;
	hash_map_remove(&s->jobs, node);
	free(CONTAINER_OF(node, struct job, node));
}

/* After the threads, when no attempt is left: nobody looks at a site any more, busy or not. */
void domains_deinit(struct scheduler *s)
{
	hash_map_for_each(&s->domains, end_domain, s);
	hash_map_for_each(&s->providers, end_provider, s);
	hash_map_for_each(&s->jobs, end_job, s);
	hash_map_deinit(&s->domains);
	hash_map_deinit(&s->providers);
	hash_map_deinit(&s->jobs);
}

/* ---- from where ---- */

bool domain_source_fits(const struct route *route, const struct source *source)
{
	if (source->address.family == IP_FAMILY_NONE)
		return true; /* the system chooses, and nothing is asked of the hosts */
	for (size_t i = 0; i < route->hosts_count; i++) {
		const struct route_host *host = &route->hosts[i];
		for (size_t j = 0; host->state == ROUTE_HOST_READY && j < host->addresses_count; j++)
			if (source_reaches(source, host->addresses[j].ip.family))
				return true;
	}
	return false;
}

/* ---- routes ---- */

static bool route_is_fresh(const struct scheduler *s, const struct domain *domain)
{
	return domain->route != NULL && !domain->is_doubted &&
		scheduler_now(s) < domain->route->expires_ns;
}

static void post_question(struct scheduler *s, struct domain *domain)
{
	hub_post(s->hub->resolver, POST_ROUTE_WANTED, domain, domain->is_doubted, 0);
	domain->is_doubted = false;
}

static void ask(struct scheduler *s, struct domain *domain)
{
	if (domain->asked)
		return;
	domain->asked = s->was_asked = true;
	if (mailbox_credits_take(&s->routes, 1))
		post_question(s, domain);
	else
		list_push_back(&s->ask, &domain->ask_node);
}

/* What a route without hosts means (MX-02, MX-03, MX-06, MX-13; DANE-13, POL-13). */
static void settle_without_hosts(struct scheduler *s, struct attempt *attempt, const struct route *route)
{
	bool permanent = route->kind == ROUTE_PERMANENT;
	enum bounce_class class = permanent ? BOUNCE_CLASS_DOMAIN : BOUNCE_CLASS_DNS;
	if (route->cause == ROUTE_CAUSE_UNPROVEN)
		class = BOUNCE_CLASS_TLS;
	outcome_settle(s, attempt, permanent ? ATTEMPT_BOUNCED : ATTEMPT_DEFERRED, class,
		route->status, route->reason);
}

static void use_route(struct scheduler *s, struct attempt *attempt)
{
	struct domain *domain = attempt->domain;
	struct route *route = domain->route;
	if (route->kind != ROUTE_HOSTS) {
		settle_without_hosts(s, attempt, route);
		return;
	}
	const struct source *source = NULL;
	if (domain->provider != NULL) {
		source = sources_choose(s, attempt);
		if (source == NULL)
			return;
	}
	struct site *site = source != NULL ? site_of(s, domain->provider, source) : NULL;
	if (site != NULL && jobs_hold_back(s, site, attempt))
		return;
	if (site == NULL) {
		outcome_settle(s, attempt, ATTEMPT_DEFERRED, BOUNCE_CLASS_OTHER, "4.3.0",
			"out of memory here");
		return;
	}
	sources_take(s, attempt, site);
	route_unref(attempt->route);
	attempt->route = route_ref(route);
	/* CONFORMANCE 0.4, DNS-14: an answer serves the mail that waited for it, for a second at least,
	 * even if its time was up when it came. */
	uint64_t second_ns = scheduler_now(s) + 1000000000;
	attempt->route_until_ns = route->expires_ns > second_ns ? route->expires_ns : second_ns;
	lease_queue(s, site, attempt);
}

void domain_route(struct scheduler *s, struct attempt *attempt)
{
	struct domain *domain = attempt->domain;
	CHECK_OBJ(domain, DOMAIN_MAGIC);
	if (attempt->warmup != NULL)
		warmups_release(s, attempt);
	if (route_is_fresh(s, domain)) {
		use_route(s, attempt);
		return;
	}
	attempt_move(attempt, ATTEMPT_ROUTING);
	s->routing_count++;
	list_push_back(&domain->waiting, &attempt->node);
	outcome_set_time(s, attempt, attempt->expires_ns);
	ask(s, domain);
}

static void set_provider(struct scheduler *s, struct domain *domain)
{
	struct provider *provider = NULL;
	if (domain->route->kind == ROUTE_HOSTS)
		provider = provider_of(s, domain, domain->route);
	if (provider == domain->provider)
		return;
	if (provider != NULL)
		provider->domains_count++;
	provider_release(s, domain->provider);
	domain->provider = provider;
}

static void set_route(struct scheduler *s, struct domain *domain, struct route *route)
{
	route_unref(domain->route);
	domain->route = route;
	set_provider(s, domain);
}

static void match_rules(struct hash_node *node, void *context)
{
	struct domain *domain = CONTAINER_OF(node, struct domain, node);
	if (domain->route != NULL)
		set_provider(context, domain);
}

void domains_match_rules(struct scheduler *s)
{
	hash_map_for_each(&s->domains, match_rules, s);
}

/* An answer serves all mail that waits for it, even if its time is up by now (CONFORMANCE 0.4, DNS-14). */
void domain_route_found(struct scheduler *s, struct domain *domain)
{
	CHECK_OBJ(domain, DOMAIN_MAGIC);
	CHECK(domain->asked);
	domain->asked = false;
	mailbox_credits_give(&s->routes, 1);
	struct route *route = domain->new_route;
	domain->new_route = NULL;
	set_route(s, domain, route);
	struct list waiting;
	list_init(&waiting);
	list_splice_back(&waiting, &domain->waiting);
	struct list_node *node;
	domain->attempts_count++; /* it stays while its attempts are settled */
	while ((node = list_pop_front(&waiting)) != NULL) {
		struct attempt *attempt = CONTAINER_OF(node, struct attempt, node);
		s->routing_count--;
		outcome_clear_time(s, attempt);
		use_route(s, attempt);
	}
	domain_give(s, domain);
}

void domains_turn_end(struct scheduler *s)
{
	while (!list_is_empty(&s->ask) && mailbox_credits_take(&s->routes, 1)) {
		struct list_node *node = list_pop_front(&s->ask);
		struct domain *domain = CONTAINER_OF(node, struct domain, ask_node);
		post_question(s, domain);
	}
}
