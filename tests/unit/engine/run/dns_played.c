#include "tests/unit/engine/run/dns_played.h"
#include <sys/eventfd.h>
#include <unistd.h>
#include "dns/dns_resolver.h"
#include "tests/unit/unit.h"

struct dns_resolver {
	int fd;
	bool down;
	struct list asked; /* of struct dns_query */
};

static struct dns_resolver dns;
struct dns_played dns_played;

void dns_played_reset(void)
{
	atomic_store(&dns_played.breaks, false);
	atomic_store(&dns_played.refusals, 0);
	atomic_store(&dns_played.ttl_s, 0);
	atomic_store(&dns_played.processed, 0);
	atomic_store(&dns_played.reopened, 0);
	atomic_store(&dns_played.asked, 0);
	atomic_store(&dns_played.renewed, 0);
}

enum result dns_resolver_create(const struct dns_resolver_config *config,
	struct dns_resolver **out_resolver, struct fail *fail)
{
	(void)config;
	(void)fail;
	dns = (struct dns_resolver){ .fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC) };
	list_init(&dns.asked);
	*out_resolver = &dns;
	return RESULT_OK;
}

void dns_resolver_destroy(struct dns_resolver *resolver) { close(resolver->fd); }

int dns_resolver_fd(const struct dns_resolver *resolver) { return resolver->fd; }

void dns_played_raise(void)
{
	uint64_t one = 1;
	assert_int_equal(write(dns.fd, &one, sizeof one), sizeof one);
}

/* All that was asked is answered: there is no such domain, or the failure of a lost worker. */
enum result dns_resolver_process(struct dns_resolver *resolver, struct fail *fail)
{
	uint64_t count;
	ssize_t got = read(resolver->fd, &count, sizeof count);
	(void)got;
	bool broken = atomic_exchange(&dns_played.breaks, false);
	resolver->down |= broken;
	struct list all;
	list_init(&all);
	list_splice_back(&all, &resolver->asked);
	struct list_node *node;
	while ((node = list_pop_front(&all)) != NULL) {
		struct dns_query *query = CONTAINER_OF(node, struct dns_query, node);
		const struct dns_answer answer = {
			.class = resolver->down ? DNS_FAILURE : DNS_INSECURE_DENIAL,
			.type = query->type,
			.nxdomain = !resolver->down,
			.ttl_s = resolver->down ? 0 : atomic_load(&dns_played.ttl_s),
			.extended_error = DNS_EXTENDED_ERROR_NONE,
			.name = text_of(query->name),
			.canonical_name = text_of(query->name),
			.why = resolver->down ? TEXT("gone") : TEXT_EMPTY,
		};
		query->pending = false;
		query->done(query->context, &answer);
	}
	atomic_fetch_add(&dns_played.processed, 1);
	return broken ? fail_set(fail, RESULT_IO, "the worker is gone") : RESULT_OK;
}

enum result dns_resolver_reopen(struct dns_resolver *resolver, struct fail *fail)
{
	assert_true(resolver->down);
	if (atomic_fetch_sub(&dns_played.refusals, 1) > 0)
		return fail_set(fail, RESULT_MEMORY, "no room for another");
	resolver->down = false;
	atomic_fetch_add(&dns_played.reopened, 1);
	return RESULT_OK;
}

enum result dns_resolver_renew(struct dns_resolver *resolver, struct fail *fail)
{
	(void)resolver;
	(void)fail;
	atomic_fetch_add(&dns_played.renewed, 1);
	return RESULT_OK;
}

void dns_resolver_ask(struct dns_resolver *resolver, struct dns_query *query, const char *name,
	enum dns_type type, dns_done_fn *done, void *context)
{
	*query = (struct dns_query){ .name = name,
		.type = (uint16_t)type,
		.pending = true,
		.done = done,
		.context = context };
	list_push_back(&resolver->asked, &query->node);
	atomic_fetch_add(&dns_played.asked, 1);
	dns_played_raise();
}

void dns_resolver_cancel(struct dns_resolver *resolver, struct dns_query *query)
{
	(void)resolver;
	if (query->pending)
		list_remove(&query->node);
	query->pending = false;
}

const char *dns_resolver_anchor_file(const struct dns_resolver *played)
{
	(void)played;
	return NULL;
}

void dns_resolver_self_test(struct dns_resolver *resolver, dns_self_test_fn *done, void *context)
{
	(void)resolver;
	done(context, DNS_TRUST_SECURE, "played");
}
