/* The way of a message through the scheduler, from the file to its end. */
#include "tests/unit/engine/run/sched_test.h"

static struct sched s;

static void one_message_goes_all_the_way(void **state)
{
	(void)state;
	sched_init(&s, NULL);
	s.hold_reads = s.hold_routes = s.hold_records = s.hold_unlinks = true;
	struct fake_file *file = sched_mail(&s, &(struct test_mail){ .rcpts = "ann@a.example" });
	sched_settle(&s);
	assert_int_equal(s.credits, 1); /* the files thread may find the next */
	assert_int_equal(s.unread_count, 1);
	assert_int_equal(s.routes_asked, 0);
	sched_release(&s);
	sched_settle(&s);
	assert_int_equal(file->reads, 1);
	assert_int_equal(hub_read(&s.base.hub.counters.rcpts_accepted), 1);
	assert_int_equal(hub_read(&s.base.hub.counters.rcpts_pending), 1);
	assert_int_equal(s.routes_asked, 1);
	assert_null(sched_leased(&s, NULL)); /* nothing without a route */
	sched_release(&s);
	sched_settle(&s);
	struct attempt *attempt = sched_leased(&s, "a.example");
	assert_non_null(attempt);
	assert_int_equal(attempt->rcpts_count, 1);
	assert_int_equal(attempt->number, 1);
	assert_non_null(attempt->body);
	sched_answer(&s, attempt, ATTEMPT_DELIVERED);
	sched_settle(&s);
	/* What a worker says closes no book: only the recorder does. */
	assert_int_equal(hub_read(&s.base.hub.counters.delivered), 0);
	assert_int_equal(file->unlinked, 0);
	sched_release(&s);
	sched_settle(&s);
	assert_int_equal(hub_read(&s.base.hub.counters.delivered), 1);
	assert_int_equal(hub_read(&s.base.hub.counters.rcpts_pending), 0);
	assert_int_equal(file->unlinked, 1);
	assert_non_null(file->message); /* until its records are dead */
	struct message *message = file->message;
	file->message = NULL;
	hub_post(s.base.hub.scheduler, POST_MESSAGE_OVER, message, 0, 0);
	sched_settle(&s);
	sched_end(&s);
	assert_false(s.end.mail_waits);
	assert_int_equal(s.end.pending, 0);
}

static void recipients_of_one_domain_share_an_attempt(void **state) /* MX-25 */
{
	(void)state;
	sched_init(&s, NULL);
	sched_mail(&s, &(struct test_mail){
			       .rcpts = "a1@a.example b1@b.example a2@a.example a3@a.example" });
	sched_settle(&s);
	assert_int_equal(s.leased_count, 2);
	struct attempt *a = sched_leased(&s, "a.example"), *b = sched_leased(&s, "b.example");
	assert_int_equal(a->rcpts_count, 3);
	/* In the order of the file. */
	assert_int_equal(a->rcpts[0].rcpt, 0);
	assert_int_equal(a->rcpts[1].rcpt, 2);
	assert_int_equal(a->rcpts[2].rcpt, 3);
	assert_int_equal(b->rcpts_count, 1);
	assert_int_equal(b->rcpts[0].rcpt, 1);
	assert_ptr_equal(a->body, b->body); /* one copy for all */
	assert_int_equal(s.routes_asked, 2);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	sched_end(&s);
}

static void max_rcpts_splits_an_attempt(void **state) /* SMTP-30 */
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--max-rcpts=2", NULL });
	struct fake_file *file =
		sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example 2@a.example 3@a.example "
							     "4@a.example 5@a.example" });
	sched_settle(&s);
	assert_int_equal(s.leased_count, 3);
	uint32_t counts[3] = { 0 };
	for (int i = 0; i < 3; i++) {
		struct attempt *attempt = sched_leased(&s, NULL);
		assert_in_range(attempt->rcpts_count, 1, 2);
		counts[attempt->rcpts_count]++;
		sched_answer(&s, attempt, ATTEMPT_DELIVERED);
	}
	assert_int_equal(counts[2], 2);
	assert_int_equal(counts[1], 1);
	sched_settle(&s);
	assert_int_equal(file->by_fate[ATTEMPT_DELIVERED], 5);
	assert_int_equal(file->unlinked, 1);
	sched_end(&s);
}

static void a_file_stays_until_the_last_of_its_recipients_is_done(void **state)
{
	(void)state;
	sched_init(&s, NULL);
	struct fake_file *file =
		sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example 2@b.example" });
	sched_settle(&s);
	sched_answer(&s, sched_leased(&s, "a.example"), ATTEMPT_DELIVERED);
	sched_settle(&s);
	assert_int_equal(file->unlinked, 0);
	sched_answer(&s, sched_leased(&s, "b.example"), ATTEMPT_BOUNCED);
	sched_settle(&s);
	assert_int_equal(file->unlinked, 1);
	sched_end(&s);
}

static struct route *by_name(struct sched *sched, const char *domain)
{
	(void)sched;
	if (strcmp(domain, "null.example") == 0)
		return test_route_without_hosts(domain, ROUTE_CAUSE_NULL_MX, UINT64_MAX);
	if (strcmp(domain, "broken.example") == 0)
		return test_route_without_hosts(domain, ROUTE_CAUSE_MX_FAILED, UINT64_MAX);
	if (strcmp(domain, "unproven.example") == 0)
		return test_route_without_hosts(domain, ROUTE_CAUSE_UNPROVEN, UINT64_MAX);
	const struct test_host hosts[] = { { "mx.example", 10, 0, "2001:db8::1", 0, NULL, 0 },
		{ NULL, 0, 0, NULL, 0, NULL, 0 } };
	return test_route(domain, hosts, UINT64_MAX);
}

static void a_domain_that_takes_no_mail_bounces_without_a_worker(void **state) /* MX-02 */
{
	(void)state;
	sched_init(&s, NULL);
	s.route_for = by_name;
	struct fake_file *file = sched_mail(&s, &(struct test_mail){ .rcpts = "ann@null.example" });
	sched_settle(&s);
	assert_int_equal(s.leased_max, 0);
	assert_int_equal(file->by_fate[ATTEMPT_BOUNCED], 1);
	assert_string_equal(file->status, "5.1.10");
	assert_int_equal(file->bounce_class, BOUNCE_CLASS_DOMAIN);
	assert_string_equal(file->reason, "accepts no mail (null MX)");
	assert_int_equal(file->unlinked, 1);
	/* The next one for it needs no new question while the answer is fresh. */
	sched_mail(&s, &(struct test_mail){ .rcpts = "bob@null.example" });
	sched_settle(&s);
	assert_int_equal(s.routes_asked, 1);
	assert_int_equal(hub_read(&s.base.hub.counters.bounced), 2);
	sched_end(&s);
}

static void a_failed_look_up_defers(void **state) /* MX-03 */
{
	(void)state;
	sched_init(&s, NULL);
	s.route_for = by_name;
	struct fake_file *file =
		sched_mail(&s, &(struct test_mail){ .rcpts = "ann@broken.example" });
	sched_settle(&s);
	assert_int_equal(s.leased_max, 0);
	assert_int_equal(file->by_fate[ATTEMPT_DEFERRED], 1);
	assert_string_equal(file->status, "4.4.3");
	assert_int_equal(file->bounce_class, BOUNCE_CLASS_DNS);
	assert_int_equal(file->unlinked, 0);
	assert_int_equal(hub_read(&s.base.hub.counters.waiting), 1);
	sched_end(&s);
	assert_true(s.end.mail_waits);
	assert_int_equal(s.end.pending, 1);
}

static void hosts_that_cannot_prove_what_is_demanded_defer_as_tls_does(void **state)
{
	(void)state; /* DANE-13, POL-13 */
	sched_init(&s, NULL);
	s.route_for = by_name;
	struct fake_file *file =
		sched_mail(&s, &(struct test_mail){ .rcpts = "ann@unproven.example" });
	sched_settle(&s);
	assert_int_equal(s.leased_max, 0);
	assert_int_equal(file->by_fate[ATTEMPT_DEFERRED], 1);
	assert_string_equal(file->status, "4.7.5");
	assert_int_equal(file->bounce_class, BOUNCE_CLASS_TLS);
	sched_end(&s);
}

static void without_a_source_of_the_family_of_the_hosts_mail_waits(void **state) /* MX-17 */
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--source=192.0.2.77", NULL });
	s.route_for = by_name;
	struct fake_file *file = sched_mail(&s, &(struct test_mail){ .rcpts = "ann@six.example" });
	sched_settle(&s);
	assert_int_equal(s.leased_max, 0);
	assert_int_equal(file->by_fate[ATTEMPT_DEFERRED], 1);
	assert_string_equal(file->status, "4.4.4");
	sched_end(&s);
}

static void an_attempt_comes_back_to_the_source_it_had(void **state) /* greylisting wants it */
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--source=192.0.2.1", "--source=192.0.2.2",
			       "--retry-first=1ms", NULL });
	sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	sched_settle(&s);
	const struct source *source = sched_leased(&s, NULL)->source;
	for (int i = 0; i < 5; i++) {
		sched_answer(&s, sched_leased(&s, NULL), ATTEMPT_DEFERRED);
		SCHED_WAIT(&s, sched_leased(&s, NULL) != NULL);
		assert_ptr_equal(sched_leased(&s, NULL)->source, source);
	}
	/* Another message takes the next one in turn. */
	sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	sched_settle(&s);
	sched_answer(&s, sched_leased(&s, NULL), ATTEMPT_DELIVERED);
	assert_ptr_not_equal(sched_leased(&s, NULL)->source, source);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	sched_end(&s);
}

static void a_route_that_ran_out_is_asked_for_again(void **state) /* MX-24 */
{
	(void)state;
	sched_init(&s, NULL);
	s.route_lives_ns = 50 * TEST_MS_NS;
	for (uint32_t i = 1; i <= 3; i++) {
		sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
		sched_settle(&s);
		assert_int_equal(s.routes_asked, i);
		sched_answer_all(&s, ATTEMPT_DELIVERED);
		sched_pass(&s, 60);
	}
	sched_end(&s);
}

static struct route *enforced_route(struct sched *sched, const char *domain)
{
	(void)sched;
	const struct test_host hosts[] = { { "mx.a.example", 10, 0, "192.0.2.1", 0, NULL, 0 },
		{ NULL, 0, 0, NULL, 0, NULL, 0 } };
	struct route *route = test_route(domain, hosts, UINT64_MAX);
	route->sts.enforced = true;
	return route;
}

/* STS-36, STS-46: the next attempt is judged by what the domain has published by then. */
static void a_host_that_fails_an_enforced_policy_has_it_fetched_with_the_next_route(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--retry-first=50ms", "--retry-max=50ms", NULL });
	s.route_for = enforced_route;
	sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	sched_settle(&s);
	for (uint32_t i = 0; i < 2; i++) { /* greylisting is nobody's fault */
		struct attempt *attempt = sched_leased(&s, NULL);
		attempt->rcpts[0].fate = ATTEMPT_DEFERRED;
		attempt->rcpts[0].bounce_class = i == 0 ? BOUNCE_CLASS_GREYLIST : BOUNCE_CLASS_TLS;
		assert_int_equal(s.routes_asked, 1);
		sched_answer(&s, attempt, ATTEMPT_DEFERRED);
		SCHED_WAIT(&s, sched_leased(&s, NULL) != NULL);
	}
	assert_int_equal(s.routes_asked, 2);
	assert_int_equal(s.routes_doubted, 1);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	sched_settle(&s);
	assert_int_equal(s.routes_asked, 2);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	sched_end(&s);
}

static void an_answer_with_no_time_to_live_serves_all_that_wait_for_it(void **state) /* DNS-14 */
{
	(void)state;
	sched_init(&s, NULL);
	s.hold_routes = true;
	s.route_lives_ns = 1;
	for (int i = 0; i < 2; i++)
		sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	sched_settle(&s);
	assert_int_equal(s.routes_asked, 1); /* one question for both */
	s.hold_routes = false;
	s.route_lives_ns = 1000 * TEST_MS_NS;
	sched_release(&s);
	sched_settle(&s);
	assert_int_equal(s.leased_count, 2);
	assert_int_equal(s.routes_asked, 1);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	sched_end(&s);
}

static void what_was_returned_goes_out_again_as_the_same_attempt(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--workers=2", NULL });
	struct fake_file *file =
		sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example 2@a.example" });
	sched_settle(&s);
	for (int i = 0; i < 4; i++) {
		sched_return(&s, sched_leased(&s, NULL));
		sched_settle(&s);
		assert_int_equal(s.leased_count, 1);
		assert_int_equal(
			sched_leased(&s, NULL)->number, 1); /* nobody was asked: no attempt */
		assert_int_equal(sched_leased(&s, NULL)->rcpts_count, 2);
	}
	assert_int_equal(file->reads, 1);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_int_equal(file->by_fate[ATTEMPT_DELIVERED], 2);
	sched_end(&s);
}

static void credits_for_files_follow_memory(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--memory=16m", NULL });
	s.hold_routes = true;
	uint32_t max = (uint32_t)s.base.config.messages_max;
	for (uint32_t i = 0; i < max + 10; i++) {
		sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
		if (i % 100 == 0)
			sched_settle(&s);
	}
	sched_settle(&s);
	assert_true(s.credits < max);
	uint32_t before = s.credits;
	s.hold_routes = false;
	sched_release(&s);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_true(s.credits > before);
	assert_int_equal(s.credits, max + 10); /* every one came back in the end */
	sched_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_message_goes_all_the_way),
		cmocka_unit_test(recipients_of_one_domain_share_an_attempt),
		cmocka_unit_test(max_rcpts_splits_an_attempt),
		cmocka_unit_test(a_file_stays_until_the_last_of_its_recipients_is_done),
		cmocka_unit_test(a_domain_that_takes_no_mail_bounces_without_a_worker),
		cmocka_unit_test(a_failed_look_up_defers),
		cmocka_unit_test(hosts_that_cannot_prove_what_is_demanded_defer_as_tls_does),
		cmocka_unit_test(without_a_source_of_the_family_of_the_hosts_mail_waits),
		cmocka_unit_test(an_attempt_comes_back_to_the_source_it_had),
		cmocka_unit_test(a_route_that_ran_out_is_asked_for_again),
		cmocka_unit_test(a_host_that_fails_an_enforced_policy_has_it_fetched_with_the_next_route),
		cmocka_unit_test(an_answer_with_no_time_to_live_serves_all_that_wait_for_it),
		cmocka_unit_test(what_was_returned_goes_out_again_as_the_same_attempt),
		cmocka_unit_test(credits_for_files_follow_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
