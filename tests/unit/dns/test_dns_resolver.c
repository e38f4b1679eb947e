/* dns_resolver on a libunbound that the test plays itself: places, queues, cancelling, failures, and
 * the way from ub_result to the answer. The real one is looked at by tests/lab/test_resolver.py. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <cmocka.h>
#include "dns/dns_context.h"
#include "dns/dns_resolver.h"

/* ---- libunbound, played ---- */

enum { ASKED_MAX = 8192, CONTEXTS_MAX = 4 };

static struct {
	struct {
		int fd;
	} contexts[CONTEXTS_MAX];
	int fd; /* of the latest */
	int ask_error, process_error;
	size_t asked_count;
	struct {
		struct ub_ctx *context;
		char name[64];
		int type;
		void *data;
		ub_callback_type callback;
		bool answered;
	} asked[ASKED_MAX];
	size_t answer_next; /* those before are answered by ub_process() */
	size_t answers_wanted;
	struct ub_result result; /* what they are answered with */
	int result_error;
	size_t freed_count;
	bool refused;
	unsigned created, abandoned, destroyed;
} ub;

enum result dns_context_create(const struct dns_resolver_config *config, struct ub_ctx **out_context,
	const char **out_anchor_file, struct fail *fail)
{
	if (config->forward != NULL && strcmp(config->forward, "bad") == 0)
		return fail_set(fail, RESULT_INVALID, "bad forwarder");
	if (ub.refused)
		return fail_set(fail, RESULT_MEMORY, "no memory for libunbound");
	assert_true(ub.created < CONTEXTS_MAX);
	ub.contexts[ub.created].fd = ub.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	*out_context = (struct ub_ctx *)(void *)&ub.contexts[ub.created++];
	*out_anchor_file = config->trust_anchor_file;
	return RESULT_OK;
}

void dns_context_destroy(struct ub_ctx *context) { ub.destroyed += context != NULL; }

void dns_context_abandon(struct ub_ctx *context) { ub.abandoned += context != NULL; }

int ub_fd(struct ub_ctx *context)
{
	int fd; /* what the handle stands for begins with it */
	memcpy(&fd, context, sizeof fd);
	return fd;
}

int ub_resolve_async(struct ub_ctx *context, const char *name, int type, int class, void *data,
	ub_callback_type callback, int *async_id)
{
	(void)async_id;
	assert_int_equal(class, 1);
	if (ub.ask_error != 0)
		return ub.ask_error;
	assert_true(ub.asked_count < ASKED_MAX);
	ub.asked[ub.asked_count].context = context;
	snprintf(ub.asked[ub.asked_count].name, sizeof ub.asked[0].name, "%s", name);
	ub.asked[ub.asked_count].type = type;
	ub.asked[ub.asked_count].data = data;
	ub.asked[ub.asked_count].callback = callback;
	ub.asked_count++;
	return 0;
}

static void answer_one(size_t i)
{
	struct ub_result *result = NULL;
	if (ub.result_error == 0) {
		result = malloc(sizeof *result);
		assert_non_null(result);
		*result = ub.result;
	}
	ub.asked[i].answered = true;
	ub.asked[i].callback(ub.asked[i].data, ub.result_error, result);
}

int ub_process(struct ub_ctx *context)
{
	for (size_t i = ub.answer_next; ub.answers_wanted > 0 && i < ub.asked_count; i++) {
		if (ub.asked[i].answered || ub.asked[i].context != context)
			continue;
		ub.answers_wanted--;
		answer_one(i);
	}
	while (ub.answer_next < ub.asked_count && ub.asked[ub.answer_next].answered)
		ub.answer_next++;
	return ub.process_error;
}

void ub_resolve_free(struct ub_result *result)
{
	ub.freed_count += result != NULL;
	free(result);
}

const char *ub_strerror(int error) { return error == UB_NOMEM ? "out of memory" : "an error"; }

/* ---- the tests' own side ---- */

static struct dns_resolver *resolver;
static char *no_data[] = { NULL };

static int setup(void **state)
{
	(void)state;
	memset(&ub, 0, sizeof ub);
	ub.result = (struct ub_result){ .data = no_data };
	struct dns_resolver_config config = { .trust_anchor_file = "/anchor" };
	struct fail fail;
	assert_int_equal(dns_resolver_create(&config, &resolver, &fail), RESULT_OK);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	dns_resolver_destroy(resolver);
	resolver = NULL;
	for (unsigned i = 0; i < ub.created; i++)
		close(ub.contexts[i].fd);
	return ub.destroyed + ub.abandoned == ub.created ? 0 : -1;
}

/* What a callback got, copied. */
struct got {
	unsigned count;
	enum dns_class class;
	bool bogus, nxdomain, aliased, alias_secure;
	uint32_t ttl_s;
	char name[64], canonical[64], why[200];
	size_t rdata_count, rdata_bytes;
};

static void on_answer(void *context, const struct dns_answer *answer)
{
	struct got *got = context;
	got->count++;
	got->class = answer->class;
	got->bogus = answer->bogus;
	got->nxdomain = answer->nxdomain;
	got->aliased = answer->aliased;
	got->alias_secure = answer->alias_secure;
	got->ttl_s = answer->ttl_s;
	got->rdata_count = answer->rdata_count;
	for (size_t i = 0; i < answer->rdata_count; i++)
		got->rdata_bytes += answer->rdata[i].len;
	snprintf(got->name, sizeof got->name, "%.*s", TEXT_ARG(answer->name));
	snprintf(got->canonical, sizeof got->canonical, "%.*s", TEXT_ARG(answer->canonical_name));
	snprintf(got->why, sizeof got->why, "%.*s", TEXT_ARG(answer->why));
	/* dns_answer_create() checks that class and data agree. */
	struct dns_answer *copy = dns_answer_create(answer);
	assert_non_null(copy);
	dns_answer_release(&copy);
}

static void process(size_t answers)
{
	struct fail fail;
	ub.answers_wanted = answers;
	assert_int_equal(dns_resolver_process(resolver, &fail), RESULT_OK);
}

static struct got ask_one(void)
{
	struct got got = { 0 };
	struct dns_query query = { 0 };
	dns_resolver_ask(resolver, &query, "a.lab", DNS_TYPE_MX, on_answer, &got);
	assert_int_equal(got.count, 0);
	process(1);
	assert_int_equal(got.count, 1);
	assert_false(query.pending);
	assert_string_equal(got.name, "a.lab");
	return got;
}

/* ---- from ub_result to the answer ---- */

/* DNS-02, DNS-33: libunbound hands out bogus data with rcode 0. */
static void bogus_data_is_a_failure_with_its_reason(void **state)
{
	(void)state;
	char mx[] = "\0\12\0", canonical[] = "b.lab.";
	char why[] = "validation failure <a.lab. MX IN>: signature expired\n";
	char *data[] = { mx, NULL };
	int len[] = { 3, 0 };
	ub.result = (struct ub_result){ .data = data, .len = len, .havedata = 1, .bogus = 1,
		.ttl = 300, .why_bogus = why, .canonname = canonical };
	struct got got = ask_one();
	assert_int_equal(got.class, DNS_FAILURE);
	assert_true(got.bogus);
	assert_int_equal(got.rdata_count, 0);
	assert_int_equal(got.ttl_s, 0);
	assert_false(got.aliased);
	assert_string_equal(
		got.why, "bogus: validation failure <a.lab. MX IN>: signature expired");
}

/* DNS-11, DNS-36 */
static void data_comes_with_its_alias_in_lower_case(void **state)
{
	(void)state;
	char first[] = "\0\12\0", second[] = "\0\24\1a\0", canonical[] = "MAIL.Other.Lab.";
	char *data[] = { first, second, NULL };
	int len[] = { 3, 5, 0 };
	ub.result = (struct ub_result){ .data = data, .len = len, .havedata = 1, .secure = 1,
		.ttl = 77, .canonname = canonical };
	struct got got = ask_one();
	assert_int_equal(got.class, DNS_SECURE_DATA);
	assert_int_equal(got.rdata_count, 2);
	assert_int_equal(got.rdata_bytes, 8);
	assert_int_equal(got.ttl_s, 77);
	assert_true(got.aliased);
	assert_true(got.alias_secure);
	assert_string_equal(got.canonical, "mail.other.lab");
}

static void a_name_that_differs_in_case_only_is_no_alias(void **state)
{
	(void)state;
	char canonical[] = "A.LAB.";
	ub.result.canonname = canonical;
	assert_false(ask_one().aliased);
}

/* No question, no answer, one authority: the SOA of the root without its data. */
static uint8_t with_soa[] = { 0, 0, 0x81, 0x80, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 6, 0, 1, 0, 0, 0, 60, 0, 0 };

/* DNS-04, DNS-17 */
static void denials_are_answers(void **state)
{
	(void)state;
	ub.result = (struct ub_result){ .data = no_data, .rcode = 3, .nxdomain = 1, .ttl = 604800,
		.answer_packet = with_soa, .answer_len = sizeof with_soa };
	struct got got = ask_one();
	assert_int_equal(got.class, DNS_INSECURE_DENIAL);
	assert_true(got.nxdomain);
	assert_int_equal(got.ttl_s, 10800);
	ub.result = (struct ub_result){ .data = no_data, .secure = 1, .ttl = 60,
		.answer_packet = with_soa, .answer_len = sizeof with_soa };
	got = ask_one();
	assert_int_equal(got.class, DNS_SECURE_DENIAL);
	assert_false(got.nxdomain);
	assert_int_equal(got.ttl_s, 60);
}

/* DNS-16: whatever libunbound says of its TTL. */
static void a_denial_without_soa_has_no_lifetime(void **state)
{
	(void)state;
	ub.result = (struct ub_result){ .data = no_data, .ttl = 32768,
		.answer_packet = with_soa, .answer_len = 12 };
	struct got got = ask_one();
	assert_int_equal(got.class, DNS_INSECURE_DENIAL);
	assert_int_equal(got.ttl_s, 0);
	ub.result.answer_packet = NULL;
	ub.result.answer_len = 0;
	assert_int_equal(ask_one().ttl_s, 0);
}

/* DNS-03 */
static void codes_and_errors_are_failures_with_words(void **state)
{
	(void)state;
	ub.result = (struct ub_result){ .data = no_data, .rcode = 2, .ttl = 30 };
	assert_string_equal(ask_one().why, "SERVFAIL");
	ub.result.was_ratelimited = 1;
	assert_string_equal(ask_one().why, "SERVFAIL (rate limit)");
	ub.result = (struct ub_result){ .data = no_data, .rcode = 22 };
	struct got got = ask_one();
	assert_int_equal(got.class, DNS_FAILURE);
	assert_string_equal(got.why, "RCODE 22");
	ub.result_error = UB_NOMEM;
	assert_string_equal(ask_one().why, "out of memory");
}

/* ---- the self-test ---- */

static enum dns_trust tested;
static char sentence_said[256];

static void on_self_test(void *context, enum dns_trust trust, const char *sentence)
{
	(void)context;
	tested = trust;
	snprintf(sentence_said, sizeof sentence_said, "%s", sentence);
}

/* DNS-01: asks for the root's keys. */
static void the_self_test_asks_the_root(void **state)
{
	(void)state;
	char key[] = "key";
	char *data[] = { key, NULL };
	int len[] = { 3, 0 };
	ub.result = (struct ub_result){ .data = data, .len = len, .havedata = 1, .secure = 1 };
	dns_resolver_self_test(resolver, on_self_test, NULL);
	assert_string_equal(ub.asked[0].name, ".");
	assert_int_equal(ub.asked[0].type, 48);
	process(1);
	assert_int_equal(tested, DNS_TRUST_SECURE);
	assert_non_null(strstr(sentence_said, "/anchor"));
	ub.result = (struct ub_result){ .data = no_data, .rcode = 2, .bogus = 1 };
	dns_resolver_self_test(resolver, on_self_test, NULL);
	process(1);
	assert_int_equal(tested, DNS_TRUST_BOGUS);
	ub.result.bogus = 0;
	dns_resolver_self_test(resolver, on_self_test, NULL);
	process(1);
	assert_int_equal(tested, DNS_TRUST_UNREACHABLE);
}

/* ---- places and queues ---- */

enum { MANY = 6000, ZONE_PLACES = DNS_FLIGHTS_MAX / 16 };
static struct dns_query many[MANY];
static char many_names[MANY][32];
static struct got many_got[MANY];

/* "n0.zone.lab", "n1.zone.lab" ... */
static void ask_many(size_t from, size_t count, const char *before, const char *after)
{
	for (size_t i = from; i < from + count; i++) {
		snprintf(many_names[i], sizeof many_names[i], "%s%zu%s", before, i, after);
		many[i] = (struct dns_query){ 0 };
		many_got[i] = (struct got){ 0 };
		dns_resolver_ask(
			resolver, &many[i], many_names[i], DNS_TYPE_A, on_answer, &many_got[i]);
	}
}

static unsigned answered_count(size_t from, size_t count)
{
	unsigned answered = 0;
	for (size_t i = from; i < from + count; i++) {
		assert_true(many_got[i].count <= 1);
		answered += many_got[i].count;
	}
	return answered;
}

/* DNS-34 */
static void one_zone_holds_its_own_places_only(void **state)
{
	(void)state;
	ask_many(0, 1000, "n", ".hostile.lab");
	assert_int_equal(dns_resolver_in_flight(resolver), ZONE_PLACES);
	assert_int_equal(dns_resolver_waiting(resolver), 1000 - ZONE_PLACES);
	ask_many(1000, 1, "mx", ".good.lab");
	assert_string_equal(ub.asked[ub.asked_count - 1].name, "mx1000.good.lab");
	/* One of the hostile zone ends: the next of it goes out. */
	process(1);
	assert_int_equal(answered_count(0, 1000), 1);
	assert_string_equal(ub.asked[ub.asked_count - 1].name, "n128.hostile.lab");
	process(2000);
	while (dns_resolver_in_flight(resolver) > 0)
		process(2000);
	assert_int_equal(answered_count(0, 1001), 1001);
	assert_int_equal(dns_resolver_waiting(resolver), 0);
}

static void all_places_are_bounded_and_all_questions_answered_once(void **state)
{
	(void)state;
	ask_many(0, MANY, "a.zone", ".lab");
	assert_int_equal(dns_resolver_in_flight(resolver), DNS_FLIGHTS_MAX);
	assert_int_equal(dns_resolver_waiting(resolver), MANY - DNS_FLIGHTS_MAX);
	while (dns_resolver_in_flight(resolver) > 0)
		process(777);
	assert_int_equal(answered_count(0, MANY), MANY);
	assert_int_equal(ub.freed_count, MANY);
}

/* ---- cancelling ---- */

static void a_cancelled_question_is_not_called_back_and_keeps_its_place(void **state)
{
	(void)state;
	ask_many(0, ZONE_PLACES + 2, "n", ".zone.lab");
	dns_resolver_cancel(resolver, &many[0]);               /* in flight */
	dns_resolver_cancel(resolver, &many[ZONE_PLACES]);     /* waiting */
	dns_resolver_cancel(resolver, &many[0]);               /* nothing to do */
	assert_int_equal(dns_resolver_in_flight(resolver), ZONE_PLACES);
	assert_int_equal(dns_resolver_waiting(resolver), 1);
	process(1); /* libunbound answers the cancelled one: its place goes to the last */
	assert_int_equal(answered_count(0, ZONE_PLACES + 2), 0);
	assert_string_equal(ub.asked[ub.asked_count - 1].name, "n129.zone.lab");
	process(1000);
	assert_int_equal(many_got[0].count, 0);
	assert_int_equal(many_got[ZONE_PLACES].count, 0);
	assert_int_equal(answered_count(0, ZONE_PLACES + 2), ZONE_PLACES);
}

static void on_answer_cancel_next(void *context, const struct dns_answer *answer)
{
	on_answer(context, answer);
	size_t i = (size_t)((struct got *)context - many_got);
	dns_resolver_cancel(resolver, &many[i + 1]);
}

static void a_callback_may_cancel_and_ask(void **state)
{
	(void)state;
	ask_many(0, 3, "n", ".zone.lab");
	many[0].done = on_answer_cancel_next;
	process(3);
	assert_int_equal(many_got[0].count, 1);
	assert_int_equal(many_got[1].count, 0);
	assert_int_equal(many_got[2].count, 1);
}

static void on_answer_ask_again(void *context, const struct dns_answer *answer)
{
	struct got *got = context;
	on_answer(context, answer);
	if (got->count < 3)
		dns_resolver_ask(resolver, &many[0], many_names[0], DNS_TYPE_A,
			on_answer_ask_again, got);
}

static void the_same_query_may_be_asked_again_from_its_callback(void **state)
{
	(void)state;
	ask_many(0, 1, "n", ".zone.lab");
	many[0].done = on_answer_ask_again;
	process(10);
	assert_int_equal(many_got[0].count, 3);
}

/* ---- when libunbound fails ---- */

static bool readable(void)
{
	struct pollfd watched = { .fd = dns_resolver_fd(resolver), .events = POLLIN };
	return poll(&watched, 1, 0) == 1;
}

static void a_question_that_cannot_be_sent_fails_by_the_descriptor(void **state)
{
	(void)state;
	assert_false(readable());
	ub.ask_error = UB_NOMEM;
	ask_many(0, 3, "n", ".zone.lab");
	assert_int_equal(answered_count(0, 3), 0); /* never from inside of ask */
	assert_true(readable());
	dns_resolver_cancel(resolver, &many[1]);
	process(0);
	assert_int_equal(many_got[0].class, DNS_FAILURE);
	assert_int_equal(many_got[0].count, 1);
	assert_int_equal(many_got[1].count, 0);
	assert_int_equal(many_got[2].count, 1);
	assert_false(readable());
	assert_int_equal(dns_resolver_waiting(resolver), 0);
	assert_int_equal(dns_resolver_in_flight(resolver), 0);
}

static void the_descriptor_follows_libunbounds(void **state)
{
	(void)state;
	uint64_t one = 1;
	assert_int_equal(write(ub.fd, &one, sizeof one), sizeof one);
	assert_true(readable());
}

static void a_dead_worker_is_an_error_for_the_owner(void **state)
{
	(void)state;
	struct fail fail;
	ub.process_error = UB_PIPE;
	assert_int_equal(dns_resolver_process(resolver, &fail), RESULT_IO);
	assert_non_null(strstr(fail.text, "worker"));
}

/* What was under way and what waited fails; so does what is asked from then on, until there is a context
 * again. */
static void a_lost_worker_fails_its_questions_and_can_be_replaced(void **state)
{
	(void)state;
	struct fail fail;
	ask_many(0, ZONE_PLACES + 3, "n", ".zone.lab");
	dns_resolver_cancel(resolver, &many[0]);
	dns_resolver_cancel(resolver, &many[ZONE_PLACES]);
	ub.process_error = UB_PIPE;
	assert_int_equal(dns_resolver_process(resolver, &fail), RESULT_IO);
	assert_int_equal(ub.abandoned, 1);
	assert_int_equal(answered_count(0, ZONE_PLACES + 3), ZONE_PLACES + 1);
	for (size_t i = 1; i < ZONE_PLACES + 3; i++) {
		if (i == ZONE_PLACES)
			continue;
		assert_int_equal(many_got[i].class, DNS_FAILURE);
		assert_string_equal(many_got[i].why, "libunbound's worker is gone");
	}
	assert_int_equal(dns_resolver_in_flight(resolver), 0);
	assert_int_equal(dns_resolver_waiting(resolver), 0);
	assert_false(readable());

	ask_many(0, 1, "late", ".zone.lab");
	assert_int_equal(answered_count(0, 1), 0);
	assert_true(readable());
	process(0); /* said once */
	assert_int_equal(answered_count(0, 1), 1);
	assert_int_equal(many_got[0].class, DNS_FAILURE);

	ub.refused = true;
	assert_int_equal(dns_resolver_reopen(resolver, &fail), RESULT_MEMORY);
	ub.refused = false;
	assert_int_equal(dns_resolver_reopen(resolver, &fail), RESULT_OK);
	ub.process_error = 0;
	ub.answer_next = ub.asked_count; /* the new worker knows nothing of the old questions */
	ask_many(0, 1, "new", ".zone.lab");
	assert_string_equal(ub.asked[ub.asked_count - 1].name, "new0.zone.lab");
	uint64_t one = 1;
	assert_int_equal(write(ub.fd, &one, sizeof one), sizeof one);
	assert_true(readable());
	process(1);
	assert_int_equal(many_got[0].class, DNS_INSECURE_DENIAL);
}

/* A pipe that takes nothing is noticed though no answer ever comes through the other. */
static void a_worker_that_takes_no_question_is_lost_too(void **state)
{
	(void)state;
	struct fail fail;
	ub.ask_error = UB_PIPE;
	ask_many(0, 1, "n", ".zone.lab");
	assert_true(readable());
	assert_int_equal(dns_resolver_process(resolver, &fail), RESULT_IO);
	assert_int_equal(answered_count(0, 1), 1);
	assert_int_equal(ub.abandoned, 1);
}

/* ---- a new context ---- */

/* STS-51: nothing that is kept answers; what is under way goes on. */
static void after_a_renewal_questions_go_to_a_context_that_knows_nothing(void **state)
{
	(void)state;
	struct fail fail;
	ask_many(0, 2, "old", ".lab");
	struct ub_ctx *old = ub.asked[0].context;
	assert_int_equal(dns_resolver_renew(resolver, &fail), RESULT_OK);
	ask_many(2, 2, "new", ".lab");
	assert_ptr_not_equal(ub.asked[2].context, old);
	/* Both are listened to. */
	uint64_t one = 1;
	assert_false(readable());
	assert_int_equal(write(ub_fd(old), &one, sizeof one), sizeof one);
	assert_true(readable());
	process(3);
	assert_int_equal(answered_count(0, 2), 2);
	assert_int_equal(answered_count(2, 2), 1);
	assert_int_equal(ub.abandoned, 1); /* with its last answer */
	process(1);
	assert_int_equal(answered_count(2, 2), 2);
	assert_int_equal(many_got[0].class, DNS_INSECURE_DENIAL);
	assert_int_equal(dns_resolver_in_flight(resolver), 0);
}

static void a_second_renewal_ends_what_was_under_way_before_the_first(void **state)
{
	(void)state;
	struct fail fail;
	for (size_t i = 0; i < 3; i++) {
		ask_many(i, 1, "n", ".lab");
		if (i < 2)
			assert_int_equal(dns_resolver_renew(resolver, &fail), RESULT_OK);
	}
	assert_int_equal(answered_count(0, 3), 0); /* later, as always */
	assert_true(readable());
	process(2);
	assert_int_equal(answered_count(0, 3), 3);
	assert_int_equal(many_got[0].class, DNS_FAILURE);
	assert_int_equal(many_got[1].class, DNS_INSECURE_DENIAL);
	assert_int_equal(many_got[2].class, DNS_INSECURE_DENIAL);
	assert_int_equal(ub.abandoned, 2);
}

static void on_answer_renew(void *context, const struct dns_answer *answer)
{
	struct fail fail;
	on_answer(context, answer);
	assert_int_equal(dns_resolver_renew(resolver, &fail), RESULT_OK);
}

/* Also out of an answer of the context that is being left. */
static void a_callback_may_renew(void **state)
{
	(void)state;
	static struct dns_query queries[2];
	static struct got got[2];
	memset(queries, 0, sizeof queries);
	memset(got, 0, sizeof got);
	dns_resolver_ask(resolver, &queries[0], "a.lab", DNS_TYPE_A, on_answer_renew, &got[0]);
	dns_resolver_ask(resolver, &queries[1], "b.lab", DNS_TYPE_A, on_answer_renew, &got[1]);
	ask_many(0, 1, "c", ".lab");
	process(1);
	assert_int_equal(ub.created, 2);
	process(1);
	assert_int_equal(got[1].count, 1);
	assert_int_equal(ub.created, 3);
	process(0);
	assert_int_equal(answered_count(0, 1), 1); /* its context was left twice */
	assert_int_equal(many_got[0].class, DNS_FAILURE);
	ask_many(0, 1, "d", ".lab");
	process(1);
	assert_int_equal(many_got[0].class, DNS_INSECURE_DENIAL);
}

static void a_worker_that_is_lost_after_a_renewal_fails_its_own_questions(void **state)
{
	(void)state;
	struct fail fail;
	ask_many(0, 1, "old", ".lab");
	assert_int_equal(dns_resolver_renew(resolver, &fail), RESULT_OK);
	ask_many(1, 1, "new", ".lab");
	ub.process_error = UB_PIPE; /* both */
	assert_int_equal(dns_resolver_process(resolver, &fail), RESULT_IO);
	assert_int_equal(answered_count(0, 2), 2);
	assert_int_equal(ub.abandoned, 2);
	assert_int_equal(dns_resolver_renew(resolver, &fail), RESULT_OK); /* nothing to renew */
	assert_int_equal(ub.created, 2);
	ub.process_error = 0;
	assert_int_equal(dns_resolver_reopen(resolver, &fail), RESULT_OK);
	ask_many(0, 1, "later", ".lab");
	process(1);
	assert_int_equal(many_got[0].class, DNS_INSECURE_DENIAL);
}

static void a_renewal_that_fails_changes_nothing(void **state)
{
	(void)state;
	struct fail fail;
	ask_many(0, 1, "n", ".lab");
	ub.refused = true;
	assert_int_equal(dns_resolver_renew(resolver, &fail), RESULT_MEMORY);
	ask_many(1, 1, "n", ".lab");
	process(2);
	assert_int_equal(many_got[0].class, DNS_INSECURE_DENIAL);
	assert_int_equal(many_got[1].class, DNS_INSECURE_DENIAL);
	assert_int_equal(ub.abandoned, 0);
}

static void destroy_with_questions_under_way_calls_nobody(void **state)
{
	(void)state;
	ask_many(0, 1000, "n", ".zone.lab");
	assert_int_equal(teardown(NULL), 0);
	assert_int_equal(answered_count(0, 1000), 0);
	setup(NULL);
}

static void what_the_context_refuses_is_passed_on(void **state)
{
	(void)state;
	struct dns_resolver_config config = { .forward = "bad" };
	struct dns_resolver *none = NULL;
	struct fail fail;
	assert_int_equal(dns_resolver_create(&config, &none, &fail), RESULT_INVALID);
	assert_string_equal(fail.text, "bad forwarder");
	assert_null(none);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bogus_data_is_a_failure_with_its_reason),
		TEST(data_comes_with_its_alias_in_lower_case),
		TEST(a_name_that_differs_in_case_only_is_no_alias),
		TEST(denials_are_answers),
		TEST(a_denial_without_soa_has_no_lifetime),
		TEST(codes_and_errors_are_failures_with_words),
		TEST(the_self_test_asks_the_root),
		TEST(one_zone_holds_its_own_places_only),
		TEST(all_places_are_bounded_and_all_questions_answered_once),
		TEST(a_cancelled_question_is_not_called_back_and_keeps_its_place),
		TEST(a_callback_may_cancel_and_ask),
		TEST(the_same_query_may_be_asked_again_from_its_callback),
		TEST(a_question_that_cannot_be_sent_fails_by_the_descriptor),
		TEST(the_descriptor_follows_libunbounds),
		TEST(a_dead_worker_is_an_error_for_the_owner),
		TEST(a_lost_worker_fails_its_questions_and_can_be_replaced),
		TEST(a_worker_that_takes_no_question_is_lost_too),
		TEST(after_a_renewal_questions_go_to_a_context_that_knows_nothing),
		TEST(a_second_renewal_ends_what_was_under_way_before_the_first),
		TEST(a_callback_may_renew),
		TEST(a_worker_that_is_lost_after_a_renewal_fails_its_own_questions),
		TEST(a_renewal_that_fails_changes_nothing),
		TEST(destroy_with_questions_under_way_calls_nobody),
		TEST(what_the_context_refuses_is_passed_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
