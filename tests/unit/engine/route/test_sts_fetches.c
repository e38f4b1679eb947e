/* Many who ask for policies, few fetches: one for each domain, so many at once, none soon after a failure. */
#include "tests/unit/engine/route/policy_host.h"
#include <stdio.h>
#include <stdlib.h>
#include "engine/route/sts_fetches.h"

enum { FETCHES_MAX = 2, DOMAINS_MAX = 5, ASKERS = 1000 };

struct asker {
	struct sts_waiter waiter;
	unsigned answers;
	enum sts_fault fault;
	bool got_policy, is_again;
	uint64_t retry_ns;
	char id[STS_ID_BYTES_MAX + 1], words[240];
	const char *asks_again_for; /* from within its answer */
	struct asker *sends_away;   /* from within its answer */
};

static struct policy_host *host;
static struct sts_fetches *fetches;
static struct asker askers[ASKERS];
static struct sts_answer refusal;
static bool is_valid;

static bool validate(struct text body, struct fail *fail)
{
	assert_true(text_equal(body, TEXT(POLICY)));
	if (!is_valid)
		fail_set(fail, RESULT_INVALID, "the policy has no mode");
	return is_valid;
}

static void make(uint64_t timeout_ns, uint64_t share_ns)
{
	const struct sts_fetches_config config = {
		.fetch = host->config,
		.fetches_max = FETCHES_MAX,
		.domains_max = DOMAINS_MAX,
		.failures_max = 100,
		.timeout_ns = timeout_ns,
		.share_ns = share_ns,
		.validate = validate,
		.key = { 3, 4 },
	};
	assert_int_equal(sts_fetches_create(&config, &fetches), RESULT_OK);
}

static void remake(uint64_t timeout_ns, uint64_t share_ns)
{
	sts_fetches_destroy(fetches);
	make(timeout_ns, share_ns);
}

static int set_up(void **state)
{
	(void)state;
	host = policy_host_create();
	policy_host_show_names(host, "DNS:mta-sts.a.example,DNS:mta-sts.b.example,DNS:mta-sts.c."
				     "example,DNS:mta-sts.d.example,"
				     "DNS:mta-sts.e.example,DNS:mta-sts.f.example");
	memset(askers, 0, sizeof askers);
	is_valid = true;
	make(0, 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	sts_fetches_stop(fetches);
	HOST_UNTIL(host, sts_fetches_is_idle(fetches));
	sts_fetches_destroy(fetches);
	policy_host_destroy(host);
	return 0;
}

static void answered(struct sts_waiter *waiter, const struct sts_answer *answer);

static bool ask(struct asker *asker, const char *domain, const char *id)
{
	struct ip_address address = address_of("127.0.0.1");
	const struct sts_question question = { text_of(domain), text_of(id), &address, 1 };
	asker->waiter.answer = answered;
	unsigned before = asker->answers;
	bool will = sts_fetches_ask(fetches, &question, &asker->waiter, &refusal);
	assert_int_equal(asker->answers, before);
	return will;
}

static void answered(struct sts_waiter *waiter, const struct sts_answer *answer)
{
	struct asker *asker = CONTAINER_OF(waiter, struct asker, waiter);
	asker->answers++;
	asker->fault = answer->fault;
	asker->is_again = answer->is_again;
	asker->retry_ns = answer->retry_ns;
	asker->got_policy =
		answer->fault == STS_FAULT_NONE && text_equal(answer->body, TEXT(POLICY));
	(void)snprintf(asker->id, sizeof asker->id, "%.*s", TEXT_ARG(answer->id));
	(void)snprintf(asker->words, sizeof asker->words, "%s", answer->fail->text);
	if (asker->sends_away != NULL)
		sts_fetches_leave(&asker->sends_away->waiter);
	const char *again = asker->asks_again_for;
	asker->asks_again_for = NULL;
	if (again != NULL)
		assert_true(ask(asker, again, "1"));
}

static enum sts_fetches_state state_of(const char *domain, const char *id)
{
	return sts_fetches_state(fetches, text_of(domain), text_of(id));
}

static void fetch_one(struct asker *asker, const char *domain, const char *id)
{
	unsigned before = asker->answers;
	assert_true(ask(asker, domain, id));
	HOST_UNTIL(host, asker->answers == before + 1);
}

/* (STS-45) */
static void a_thousand_questions_for_a_domain_are_one_fetch(void **state)
{
	(void)state;
	assert_int_equal(state_of("a.example", "1"), STS_FETCHES_FREE);
	for (size_t i = 0; i < ASKERS; i++)
		assert_true(ask(&askers[i], "a.example", i == 0 ? "1" : "2"));
	assert_int_equal(state_of("a.example", "1"), STS_FETCHES_BUSY);
	HOST_UNTIL(host, sts_fetches_is_idle(fetches));
	for (size_t i = 0; i < ASKERS; i++) {
		assert_int_equal(askers[i].answers, 1);
		assert_true(askers[i].got_policy);
		assert_int_equal(askers[i].is_again, i > 0);
		assert_string_equal(askers[i].id, "1"); /* what the fetch was begun for */
	}
	assert_int_equal(host->answered, 1);
	assert_string_equal(host->last_sni, "mta-sts.a.example");
	assert_int_equal(sts_fetches_counters(fetches)->joined, ASKERS - 1);
	assert_int_equal(sts_fetches_counters(fetches)->fetched, 1);
}

/* (STS-19, STS-44) */
static void after_a_success_a_question_fetches_anew(void **state)
{
	(void)state;
	fetch_one(&askers[0], "a.example", "1");
	assert_int_equal(state_of("a.example", "1"), STS_FETCHES_FREE);
	fetch_one(&askers[0], "a.example", "1");
	assert_true(askers[0].got_policy);
	assert_int_equal(host->answered, 2);
}

static void no_more_than_so_many_are_fetched_at_once(void **state)
{
	(void)state;
	static const char *const domains[] = { "a.example", "b.example", "c.example", "d.example",
		"e.example" };
	assert_int_equal(COUNT_OF(domains), DOMAINS_MAX);
	host->holds = true;
	for (size_t i = 0; i < DOMAINS_MAX; i++)
		assert_true(ask(&askers[i], domains[i], "1"));
	assert_false(ask(&askers[5], "f.example", "1"));
	assert_int_equal(refusal.fault, STS_FAULT_LOCAL);
	assert_true(strlen(refusal.fail->text) > 10);
	assert_true(ask(&askers[6], "e.example", "1")); /* one that is known already has room */
	unsigned held = 0;
	while (held < FETCHES_MAX) {
		loop_run_once(&host->loop, clock_now_ns() + 20000000);
		held = 0;
		for (size_t i = 0; i < POLICY_HOST_SESSIONS; i++)
			held += host->sessions[i].is_open && host->sessions[i].answers;
	}
	assert_int_equal(host->accepted, FETCHES_MAX);
	policy_host_release(host);
	HOST_UNTIL(host, sts_fetches_is_idle(fetches));
	for (size_t i = 0; i < DOMAINS_MAX; i++)
		assert_true(askers[i].got_policy);
	assert_true(askers[6].got_policy);
	assert_int_equal(askers[5].answers, 0);
	assert_int_equal(host->accepted, DOMAINS_MAX);
}

/* (STS-22) */
static void after_a_failure_nothing_is_fetched_for_five_minutes(void **state)
{
	(void)state;
	policy_host_says(host, "HTTP/1.1 500 Oops\r\n\r\n", POLICY_HOST_CLOSES);
	fetch_one(&askers[0], "a.example", "1");
	assert_int_equal(askers[0].fault, STS_FAULT_STATUS);
	uint64_t wait_ns = askers[0].retry_ns - loop_now_ns(&host->loop);
	assert_true(wait_ns <= 300 * SECOND_NS && wait_ns > 290 * SECOND_NS);
	for (size_t i = 1; i <= 100; i++)
		assert_false(ask(&askers[i], "a.example", "1"));
	assert_int_equal(refusal.fault, STS_FAULT_WAITS);
	assert_int_equal(refusal.retry_ns, askers[0].retry_ns);
	assert_non_null(strstr(refusal.fail->text, "the answer has the status 500, not 200"));
	assert_non_null(strstr(refusal.fail->text, "not tried again for "));
	assert_int_equal(state_of("a.example", "1"), STS_FETCHES_WAITS);
	assert_int_equal(host->accepted, 1);
	assert_int_equal(sts_fetches_counters(fetches)->held_back, 100);

	/* A new id may be tried at once, and so may others. */
	assert_int_equal(state_of("a.example", "2"), STS_FETCHES_FREE);
	policy_host_says(host, POLICY_HEADER "\r\n" POLICY, POLICY_HOST_CLOSES);
	fetch_one(&askers[0], "b.example", "1");
	assert_true(askers[0].got_policy);
	fetch_one(&askers[0], "a.example", "2");
	assert_true(askers[0].got_policy);
	/* And a success forgets the failure. */
	assert_int_equal(state_of("a.example", "1"), STS_FETCHES_FREE);
}

static void a_body_that_is_no_policy_is_a_failure_that_is_remembered(void **state)
{
	(void)state;
	is_valid = false;
	fetch_one(&askers[0], "a.example", "1");
	assert_int_equal(askers[0].fault, STS_FAULT_INVALID);
	assert_string_equal(askers[0].words, "the policy has no mode");
	assert_int_equal(sts_fault_result(askers[0].fault), TLS_RESULT_STS_POLICY_INVALID);
	assert_int_equal(state_of("a.example", "1"), STS_FETCHES_WAITS);
	assert_int_equal(sts_fetches_counters(fetches)->failed, 1);
	assert_int_equal(sts_fetches_counters(fetches)->fetched, 0);
}

/* (STS-21) The deadline counts from the question; that no fetch was free is not the host's failure. */
static void who_waits_too_long_for_a_free_fetch_is_told_so(void **state)
{
	(void)state;
	remake(300 * MS_NS, 0);
	host->is_mute = true;
	assert_true(ask(&askers[0], "a.example", "1"));
	assert_true(ask(&askers[1], "b.example", "1"));
	assert_true(ask(&askers[2], "c.example", "1"));
	HOST_UNTIL(host, sts_fetches_is_idle(fetches));
	assert_int_equal(askers[0].fault, STS_FAULT_TIMEOUT);
	assert_int_equal(askers[1].fault, STS_FAULT_TIMEOUT);
	/* The three ask in one turn, and a fetch is not free before its connection is closed. */
	assert_int_equal(askers[2].fault, STS_FAULT_LOCAL);
	assert_string_equal(askers[2].words, "none of our 2 policy fetches became free in time");
	assert_int_equal(state_of("c.example", "1"), STS_FETCHES_FREE);
	assert_int_equal(state_of("a.example", "1"), STS_FETCHES_WAITS);
	host->is_mute = false;
}

/* STS-45: slow hosts, be there ever so many, do not keep those waiting who are not. */
static void a_slow_fetch_gives_way_when_another_waits(void **state)
{
	(void)state;
	remake(0, 200 * MS_NS);
	host->is_mute = true;
	uint64_t begun_ns = clock_now_ns();
	assert_true(ask(&askers[0], "a.example", "1"));
	assert_true(ask(&askers[1], "b.example", "1"));
	HOST_UNTIL(host, host->accepted == FETCHES_MAX);
	while (clock_now_ns() < begun_ns + 300 * MS_NS)
		loop_run_once(&host->loop, clock_now_ns() + 20 * MS_NS);
	assert_int_equal(askers[0].answers + askers[1].answers, 0); /* nobody waits */
	host->is_mute = false;
	assert_true(ask(&askers[2], "c.example", "1"));
	HOST_UNTIL(host, askers[2].answers == 1);
	assert_true(askers[2].got_policy);
	assert_int_equal(askers[0].fault, STS_FAULT_TIMEOUT);
	assert_non_null(strstr(askers[0].words, "others wait"));
	assert_int_equal(state_of("a.example", "1"), STS_FETCHES_WAITS);
	assert_int_equal(askers[1].answers, 0); /* one was enough */
	/* And who waits from the start gets its turn as soon as the oldest has had its time. */
	host->is_mute = true;
	assert_true(ask(&askers[3], "d.example", "1"));
	assert_true(ask(&askers[4], "e.example", "1"));
	HOST_UNTIL(host, askers[1].answers == 1);
	host->is_mute = false;
	HOST_UNTIL(host, askers[4].answers == 1);
	assert_true(askers[4].got_policy);
	assert_int_equal(askers[3].answers, 0);
}

static void who_leaves_is_not_answered_and_the_fetch_goes_on(void **state)
{
	(void)state;
	assert_true(ask(&askers[0], "a.example", "1"));
	sts_fetches_leave(&askers[0].waiter);
	sts_fetches_leave(&askers[0].waiter);
	HOST_UNTIL(host, sts_fetches_is_idle(fetches));
	assert_int_equal(askers[0].answers, 0);
	assert_int_equal(host->answered, 1);

	askers[1].sends_away = &askers[2];
	for (size_t i = 1; i <= 3; i++)
		assert_true(ask(&askers[i], "a.example", "1"));
	HOST_UNTIL(host, sts_fetches_is_idle(fetches));
	assert_int_equal(askers[1].answers, 1);
	assert_int_equal(askers[2].answers, 0);
	assert_int_equal(askers[3].answers, 1);
}

static void who_asks_again_from_within_its_answer_begins_anew(void **state)
{
	(void)state;
	askers[0].asks_again_for = "a.example";
	assert_true(ask(&askers[0], "a.example", "1"));
	assert_true(ask(&askers[1], "a.example", "1"));
	HOST_UNTIL(host, sts_fetches_is_idle(fetches));
	assert_int_equal(askers[0].answers, 2);
	assert_int_equal(askers[1].answers, 1);
	assert_int_equal(host->answered, 2);
}

static void a_stop_ends_what_is_fetched_and_what_is_queued(void **state)
{
	(void)state;
	host->holds = true;
	assert_true(ask(&askers[0], "a.example", "1"));
	assert_true(ask(&askers[1], "b.example", "1"));
	assert_true(ask(&askers[2], "c.example", "1"));
	sts_fetches_stop(fetches);
	assert_int_equal(askers[0].answers + askers[1].answers + askers[2].answers, 0);
	assert_false(ask(&askers[3], "d.example", "1"));
	assert_int_equal(refusal.fault, STS_FAULT_CANCELLED);
	HOST_UNTIL(host, sts_fetches_is_idle(fetches));
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(askers[i].answers, 1);
		assert_int_equal(askers[i].fault, STS_FAULT_CANCELLED);
	}
	assert_int_equal(state_of("a.example", "1"), STS_FETCHES_FREE); /* not remembered */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_thousand_questions_for_a_domain_are_one_fetch),
		TEST(after_a_success_a_question_fetches_anew),
		TEST(no_more_than_so_many_are_fetched_at_once),
		TEST(after_a_failure_nothing_is_fetched_for_five_minutes),
		TEST(a_body_that_is_no_policy_is_a_failure_that_is_remembered),
		TEST(who_waits_too_long_for_a_free_fetch_is_told_so),
		TEST(a_slow_fetch_gives_way_when_another_waits),
		TEST(who_leaves_is_not_answered_and_the_fetch_goes_on),
		TEST(who_asks_again_from_within_its_answer_begins_anew),
		TEST(a_stop_ends_what_is_fetched_and_what_is_queued),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
