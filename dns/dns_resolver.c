/* Places and queues.
 *
 * A question waits in the bucket of its zone until the bucket and the whole have a free
 * place; then it becomes a flight: one call of ub_resolve_async(). Buckets with something to send take
 * turns, so that a zone whose servers do not answer holds its own places and nobody else's (DNS-34).
 * The number of buckets is fixed: two zones may share one, which only makes their share smaller.
 *
 * A flight ends when libunbound calls back, cancelled or not: until then it is work under way.
 *
 * Without a context (libunbound's worker was lost) a question takes the same way and fails where it
 * would be sent: the waiting lists run empty by themselves. */
#include "dns/dns_resolver.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "dns/dns_context.h"
#include "dns/dns_name.h"
#include "dns/dns_result.h"
#include "dns/dns_trust.h"
#include "engine/base/buf.h"
#include "engine/base/siphash.h"
#include "engine/base/slab.h"

enum {
	/* Twice as many as flights: few zones meet by chance. A power of two. */
	BUCKETS = 2 * DNS_FLIGHTS_MAX,
	/* A sixteenth of all places for one zone. The hosts of the largest providers' customers are
	 * all in one, and need some thousand answers a second: 128 places at 20 ms give 6,400. */
	BUCKET_FLIGHTS_MAX = DNS_FLIGHTS_MAX / 16,
	CLASS_IN = 1,
};

struct dns_flight {
	struct dns_resolver *resolver;
	struct ub_ctx *context;
	struct dns_query *query; /* NULL: cancelled meanwhile */
	struct bucket *bucket;
};

struct bucket {
	struct list waiting;    /* of struct dns_query */
	struct list_node ready; /* linked while it has something to send and may send it */
	uint32_t flights_count;
};

struct dns_resolver {
	struct dns_resolver_config config;
	struct ub_ctx *context; /* NULL: lost */
	struct ub_ctx *retired; /* the one before a renewal, until its last answer has come; or NULL */
	bool in_retired;        /* inside of its callbacks, where it cannot be ended */
	bool renews;            /* a renewal waits for that */
	int send_error;         /* that libunbound took no question with; not what passes */
	const char *anchor_file;
	int epoll_fd; /* libunbound's descriptor, and the next one */
	int event_fd; /* raised while `failed` has something */
	struct slab flights;
	struct list ready;  /* of struct bucket, in turn */
	struct list failed; /* queries that could not be sent: called back by process() */
	unsigned waiting_count;
	struct siphash_key key;
	struct dns_query self_test;
	dns_self_test_fn *self_test_done;
	void *self_test_context;
	struct dns_result_memory answer_memory; /* of the answer that is being called back */
	struct bucket buckets[BUCKETS];
};

/* ---- start and stop ---- */

static enum result watch(struct dns_resolver *resolver, int fd, struct fail *fail)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
	if (epoll_ctl(resolver->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		return fail_set_errno(fail, errno, "the resolver cannot be watched");
	return RESULT_OK;
}

static enum result open_descriptors(struct dns_resolver *resolver, struct fail *fail)
{
	resolver->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	resolver->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (resolver->epoll_fd < 0 || resolver->event_fd < 0)
		return fail_set_errno(fail, errno, "no descriptor for the resolver");
	return watch(resolver, resolver->event_fd, fail);
}

static enum result open_context(struct dns_resolver *resolver, struct fail *fail)
{
	struct ub_ctx *context;
	enum result r =
		dns_context_create(&resolver->config, &context, &resolver->anchor_file, fail);
	if (r != RESULT_OK)
		return r;
	r = watch(resolver, ub_fd(context), fail);
	if (r == RESULT_OK)
		resolver->context = context;
	else
		dns_context_destroy(context);
	return r;
}

/* The key only has to differ from run to run, so that nobody aims zones at the bucket of another. The
 * addresses of heap and stack do, and dns has no other source of chance. */
static struct siphash_key make_key(const struct dns_resolver *resolver)
{
	uint64_t local = 0;
	return (struct siphash_key){ (uint64_t)(uintptr_t)resolver, (uint64_t)(uintptr_t)&local };
}

enum result dns_resolver_create(const struct dns_resolver_config *config,
	struct dns_resolver **out_resolver, struct fail *fail)
{
	struct dns_resolver *resolver = calloc(1, sizeof *resolver);
	if (resolver == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory for the resolver");
	resolver->config = *config;
	resolver->epoll_fd = resolver->event_fd = -1;
	list_init(&resolver->ready);
	list_init(&resolver->failed);
	for (size_t i = 0; i < BUCKETS; i++)
		list_init(&resolver->buckets[i].waiting);
	resolver->key = make_key(resolver);
	enum result r = slab_init(&resolver->flights, sizeof(struct dns_flight), DNS_FLIGHTS_MAX);
	if (r != RESULT_OK) {
		free(resolver);
		return fail_set(fail, r, "no memory for the resolver");
	}
	r = open_descriptors(resolver, fail);
	if (r == RESULT_OK)
		r = open_context(resolver, fail);
	if (r == RESULT_OK)
		*out_resolver = resolver;
	else
		dns_resolver_destroy(resolver);
	return r;
}

void dns_resolver_destroy(struct dns_resolver *resolver)
{
	if (resolver == NULL)
		return;
	/* First the threads: after this libunbound calls nobody. */
	dns_context_destroy(resolver->context);
	dns_context_destroy(resolver->retired);
	if (resolver->epoll_fd >= 0)
		close(resolver->epoll_fd);
	if (resolver->event_fd >= 0)
		close(resolver->event_fd);
	for (uint32_t i = 0; i < resolver->flights.touched; i++) {
		struct dns_flight *flight = slab_at(&resolver->flights, i);
		if (flight != NULL)
			slab_release(&resolver->flights, flight);
	}
	slab_deinit(&resolver->flights);
	free(resolver);
}

int dns_resolver_fd(const struct dns_resolver *resolver) { return resolver->epoll_fd; }

const char *dns_resolver_anchor_file(const struct dns_resolver *resolver)
{
	return resolver->anchor_file;
}

unsigned dns_resolver_in_flight(const struct dns_resolver *resolver)
{
	return slab_in_use(&resolver->flights);
}

unsigned dns_resolver_waiting(const struct dns_resolver *resolver)
{
	return resolver->waiting_count;
}

/* ---- answers ---- */

static void call_back(struct dns_query *query, const struct dns_answer *answer)
{
	query->pending = false;
	query->flight = NULL;
	query->done(query->context, answer);
}

static void call_back_failure(struct dns_query *query, struct text why)
{
	struct dns_answer answer = dns_result_failure(text_of(query->name), query->type, why);
	call_back(query, &answer);
}

static bool may_send(const struct bucket *bucket)
{
	return !list_is_empty(&bucket->waiting) && bucket->flights_count < BUCKET_FLIGHTS_MAX;
}

static void make_ready(struct dns_resolver *resolver, struct bucket *bucket)
{
	if (may_send(bucket) && !list_node_is_linked(&bucket->ready))
		list_push_back(&resolver->ready, &bucket->ready);
}

static struct dns_query *end_flight(struct dns_flight *flight)
{
	struct dns_resolver *resolver = flight->resolver;
	struct dns_query *query = flight->query;
	struct bucket *bucket = flight->bucket;
	CHECK(bucket->flights_count > 0);
	bucket->flights_count--;
	slab_release(&resolver->flights, flight);
	make_ready(resolver, bucket);
	return query;
}

/* Called by libunbound, out of ub_process() only. */
static void on_result(void *context, int error, struct ub_result *result)
{
	struct dns_flight *flight = context;
	struct dns_resolver *resolver = flight->resolver;
	struct dns_query *query = end_flight(flight);
	if (query != NULL) {
		struct dns_answer answer = dns_result_read(text_of(query->name), query->type, error, result,
			&resolver->answer_memory);
		call_back(query, &answer);
	}
	ub_resolve_free(result);
}

/* ---- questions ---- */

static void raise_failed(struct dns_resolver *resolver, struct dns_query *query)
{
	query->failed = true;
	list_push_back(&resolver->failed, &query->node);
	uint64_t one = 1;
	ssize_t written = write(resolver->event_fd, &one, sizeof one);
	CHECK(written == (ssize_t)sizeof one || errno == EAGAIN);
}

static void send_query(
	struct dns_resolver *resolver, struct bucket *bucket, struct dns_query *query)
{
	if (resolver->context == NULL) {
		raise_failed(resolver, query);
		return;
	}
	struct dns_flight *flight = slab_acquire(&resolver->flights);
	CHECK(flight != NULL);
	*flight = (struct dns_flight){
		.resolver = resolver,
		.context = resolver->context,
		.query = query,
		.bucket = bucket,
	};
	query->flight = flight;
	bucket->flights_count++;
	const char *name = query->name[0] != '\0' ? query->name : ".";
	int error = ub_resolve_async(
		resolver->context, name, query->type, CLASS_IN, flight, on_result, NULL);
	CHECK(error != UB_SYNTAX);
	if (error == 0)
		return;
	/* Want of memory passes; a worker that nothing can be said to does not come back. */
	if (error != UB_NOMEM)
		resolver->send_error = error;
	query->flight = NULL;
	end_flight(flight);
	raise_failed(resolver, query);
}

static void send_waiting(struct dns_resolver *resolver)
{
	while (slab_in_use(&resolver->flights) < DNS_FLIGHTS_MAX) {
		struct list_node *ready = list_pop_front(&resolver->ready);
		if (ready == NULL)
			return;
		struct bucket *bucket = CONTAINER_OF(ready, struct bucket, ready);
		if (!may_send(bucket))
			continue; /* cancelled meanwhile */
		struct list_node *node = list_pop_front(&bucket->waiting);
		CHECK(node != NULL);
		resolver->waiting_count--;
		send_query(resolver, bucket, CONTAINER_OF(node, struct dns_query, node));
		make_ready(resolver, bucket);
	}
}

static struct bucket *bucket_of(struct dns_resolver *resolver, const char *name)
{
	struct text zone = dns_name_zone_guess(text_of(name));
	uint64_t hash = siphash(&resolver->key, zone.data, zone.len);
	return &resolver->buckets[hash % BUCKETS];
}

void dns_resolver_ask(struct dns_resolver *resolver, struct dns_query *query, const char *name,
	enum dns_type type, dns_done_fn *done, void *context)
{
	CHECK(!query->pending);
	CHECK(dns_name_can_be_asked(name));
	*query = (struct dns_query){
		.name = name,
		.type = (uint16_t)type,
		.pending = true,
		.done = done,
		.context = context,
	};
	struct bucket *bucket = bucket_of(resolver, name);
	list_push_back(&bucket->waiting, &query->node);
	resolver->waiting_count++;
	make_ready(resolver, bucket);
	send_waiting(resolver);
}

void dns_resolver_cancel(struct dns_resolver *resolver, struct dns_query *query)
{
	if (!query->pending)
		return;
	query->pending = false;
	if (query->flight != NULL) {
		CHECK(query->flight->query == query);
		query->flight->query = NULL;
		query->flight = NULL;
		return;
	}
	list_remove(&query->node);
	if (!query->failed)
		resolver->waiting_count--;
}

/* ---- the turn of the owner's loop ---- */

static void call_back_failed(struct dns_resolver *resolver)
{
	uint64_t count;
	if (read(resolver->event_fd, &count, sizeof count) < 0)
		CHECK(errno == EAGAIN);
	/* Only those that are there now: a callback that asks again must not keep us here. */
	struct list failed;
	list_init(&failed);
	list_splice_back(&failed, &resolver->failed);
	struct list_node *node;
	while ((node = list_pop_front(&failed)) != NULL) {
		struct dns_query *query = CONTAINER_OF(node, struct dns_query, node);
		call_back_failure(query,
			resolver->context == NULL ? TEXT("libunbound's worker is gone")
						  : TEXT("the resolver takes no question now"));
	}
}

/* Its flights fail. */
static void end_context(struct dns_resolver *resolver, struct ub_ctx *context)
{
	epoll_ctl(resolver->epoll_fd, EPOLL_CTL_DEL, ub_fd(context), NULL);
	dns_context_abandon(context);
	for (uint32_t i = 0; i < resolver->flights.touched; i++) {
		struct dns_flight *flight = slab_at(&resolver->flights, i);
		if (flight == NULL || flight->context != context)
			continue;
		struct dns_query *query = end_flight(flight);
		if (query == NULL)
			continue; /* cancelled */
		query->flight = NULL;
		raise_failed(resolver, query);
	}
}

static void lose_context(struct dns_resolver *resolver)
{
	end_context(resolver, resolver->context);
	resolver->context = NULL;
	resolver->send_error = 0;
}

static bool has_flights(const struct dns_resolver *resolver, const struct ub_ctx *context)
{
	for (uint32_t i = 0; i < resolver->flights.touched; i++) {
		const struct dns_flight *flight = slab_at(&resolver->flights, i);
		if (flight != NULL && flight->context == context)
			return true;
	}
	return false;
}

static void process_retired(struct dns_resolver *resolver)
{
	if (resolver->retired == NULL)
		return;
	resolver->in_retired = true;
	int error = ub_process(resolver->retired);
	resolver->in_retired = false;
	if (error != 0 || !has_flights(resolver, resolver->retired)) {
		end_context(resolver, resolver->retired);
		resolver->retired = NULL;
	}
	bool renews = resolver->renews;
	resolver->renews = false;
	struct fail fail;
	if (renews && dns_resolver_renew(resolver, &fail) != RESULT_OK)
		return; /* what is kept stays for its time */
}

enum result dns_resolver_process(struct dns_resolver *resolver, struct fail *fail)
{
	int error = 0;
	process_retired(resolver);
	struct ub_ctx *context = resolver->context;
	if (context != NULL) {
		error = ub_process(context);
		if (context != resolver->context)
			error = 0; /* a callback has renewed it: the next time tells */
		if (error == 0)
			error = resolver->send_error;
	}
	if (error != 0) {
		lose_context(resolver);
		send_waiting(resolver); /* fails them: they are called back with the others */
	}
	call_back_failed(resolver);
	send_waiting(resolver);
	if (error == 0)
		return RESULT_OK;
	return fail_set(fail, RESULT_IO, "libunbound's worker is gone: %s", ub_strerror(error));
}

enum result dns_resolver_reopen(struct dns_resolver *resolver, struct fail *fail)
{
	CHECK(resolver->context == NULL);
	enum result r = open_context(resolver, fail);
	if (r == RESULT_OK)
		send_waiting(resolver);
	return r;
}

enum result dns_resolver_renew(struct dns_resolver *resolver, struct fail *fail)
{
	struct ub_ctx *old = resolver->context;
	resolver->renews = resolver->in_retired;
	if (old == NULL || resolver->in_retired)
		return RESULT_OK; /* the next one begins with nothing anyway; or it is done in a moment */
	enum result r = open_context(resolver, fail);
	if (r != RESULT_OK)
		return r;
	if (resolver->retired != NULL)
		end_context(resolver, resolver->retired);
	resolver->retired = old;
	return RESULT_OK;
}

/* ---- does validation work here? ---- */

static void on_self_test(void *context, const struct dns_answer *answer)
{
	struct dns_resolver *resolver = context;
	struct dns_trust_facts facts = {
		.class = answer->class,
		.bogus = answer->bogus,
		.anchor_file = resolver->anchor_file,
		.why = answer->why,
	};
	char memory[DNS_TRUST_SENTENCE_BYTES];
	struct buf sentence;
	buf_init(&sentence, memory, sizeof memory);
	enum dns_trust trust = dns_trust_judge(&facts, &sentence);
	const char *text = buf_cstr(&sentence);
	resolver->self_test_done(resolver->self_test_context, trust, text != NULL ? text : "");
}

void dns_resolver_self_test(struct dns_resolver *resolver, dns_self_test_fn *done, void *context)
{
	CHECK(!resolver->self_test.pending);
	resolver->self_test_done = done;
	resolver->self_test_context = context;
	dns_resolver_ask(resolver, &resolver->self_test, "", (enum dns_type)DNS_TRUST_TYPE_DNSKEY,
		on_self_test, resolver);
}
