/* Sessions, fairness and what a receiver's trouble does to its mail (DESIGN 2, CONFORMANCE 0.4). That no
 * limit is passed is checked by the fixture at every lease. */
#include "engine/io/clock.h"
#include "tests/unit/engine/run/sched_test.h"

static struct sched s;

static void fill(const char *rcpts, int count)
{
	for (int i = 0; i < count; i++)
		sched_mail(&s, &(struct test_mail){ .rcpts = rcpts });
	sched_settle(&s);
}

/* Answers this many, oldest first, each with its good news. */
static void deliver(int count)
{
	for (int i = 0; i < count; i++) {
		sched_answer(&s, sched_leased(&s, NULL), ATTEMPT_DELIVERED);
		sched_settle(&s);
	}
}

static void a_site_begins_with_few_sessions_and_gets_more_as_they_come_up(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--site-sessions=6", NULL });
	s.sessions_stay_down = true;
	fill("1@a.example", 60);
	assert_int_equal(s.slots, 2);
	assert_int_equal(s.leased_count, 2); /* nothing is bound ahead while it grows */
	for (uint32_t slots = 3; slots <= 6; slots++) {
		hub_post(
			s.base.hub.scheduler, POST_SESSION_UP, sched_leased(&s, NULL)->lease, 0, 0);
		sched_settle(&s);
		assert_int_equal(s.slots, slots);
		assert_int_equal(s.leased_count, slots < 6 ? slots : slots * LEASE_AHEAD);
	}
	hub_post(s.base.hub.scheduler, POST_SESSION_UP, sched_leased(&s, NULL)->lease, 0, 0);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_int_equal(s.slots_max, 6);
	sched_end(&s);
}

static void slots_that_came_back_are_given_again(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--site-sessions=3", "--workers=2", NULL });
	for (int round = 0; round < 3; round++) {
		fill("1@a.example", 12);
		assert_true(s.slots > 0);
		sched_answer_all(&s, ATTEMPT_DELIVERED);
		sched_return_slots(&s);
		sched_settle(&s);
		assert_int_equal(s.slots, 0);
	}
	assert_int_equal(hub_read(&s.base.hub.counters.delivered), 36);
	sched_end(&s);
}

static void sessions_are_spread_over_the_workers(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--workers=3", NULL });
	static const char *const domains[] = { "1@a.example", "1@b.example", "1@c.example",
		"1@d.example", "1@e.example", "1@f.example" };
	for (size_t i = 0; i < COUNT_OF(domains); i++)
		fill(domains[i], 1);
	uint32_t by_worker[3] = { 0 };
	for (size_t i = 0; i < s.leases_count; i++)
		by_worker[s.leases[i].lease->worker] += s.leases[i].slots;
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(by_worker[i], 2);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	sched_end(&s);
}

static void an_idle_session_makes_room_for_another_site(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--sessions=2", NULL });
	fill("1@a.example", 1);
	fill("1@b.example", 1);
	deliver(2);
	assert_int_equal(s.slots, 2); /* kept by the workers, for more mail */
	assert_int_equal(s.call_backs, 0);
	fill("1@c.example", 1);
	SCHED_WAIT(&s, sched_leased(&s, "c.example") != NULL);
	assert_int_equal(s.call_backs, 1);
	assert_int_equal(s.slots, 2);
	deliver(1);
	sched_end(&s);
}

static void providers_share_their_limit_over_all_their_domains(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--site-sessions=2", NULL });
	static const char *const rcpts[] = { "1@a.example", "2@a.example", "3@a.example" };
	for (size_t i = 0; i < COUNT_OF(rcpts); i++)
		fill(rcpts[i], 4);
	assert_int_equal(s.slots, 2);
	assert_int_equal(s.leased_count, 2 * LEASE_AHEAD);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	sched_end(&s);
}

static void transactional_mail_goes_before_bulk(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--site-sessions=1", NULL });
	fill("bulk@a.example", 10);
	sched_mail(&s, &(struct test_mail){
			       .rcpts = "now@a.example", .class = ENVELOPE_CLASS_TRANSACTIONAL });
	sched_settle(&s);
	/* Not even those that are bound ahead keep it waiting here: the worker has it. */
	assert_int_equal(s.leased_count, LEASE_AHEAD_URGENT);
	struct attempt *last = CONTAINER_OF(list_last(&s.leased), struct attempt, node);
	assert_true(last->transactional);
	sched_mail(&s, &(struct test_mail){
			       .rcpts = "next@a.example", .class = ENVELOPE_CLASS_TRANSACTIONAL });
	sched_settle(&s);
	assert_int_equal(s.leased_count, LEASE_AHEAD_URGENT); /* nor is more bound than that */
	deliver(1);
	last = CONTAINER_OF(list_last(&s.leased), struct attempt, node);
	assert_true(last->transactional);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	sched_end(&s);
}

static void a_large_job_does_not_hold_up_a_small_one(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--site-sessions=1", NULL });
	for (int i = 0; i < 400; i++)
		sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example", .job = "large" });
	struct fake_file *small[5];
	for (size_t i = 0; i < COUNT_OF(small); i++)
		small[i] = sched_mail(
			&s, &(struct test_mail){ .rcpts = "1@a.example", .job = "small" });
	sched_settle(&s);
	deliver(100);
	for (size_t i = 0; i < COUNT_OF(small); i++)
		assert_int_equal(small[i]->by_fate[ATTEMPT_DELIVERED], 1);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	sched_end(&s);
}

/* ---- trouble ---- */

static void a_slow_down_halves_the_sessions_and_pauses(void **state) /* 0.4: 421, MAIL 4xx */
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--site-sessions=8", "--retry-first=1h", NULL });
	fill("1@a.example", 60);
	deliver(12);
	assert_int_equal(s.slots, 8);
	const struct heard slow = { .slow_down = true };
	sched_answer_heard(&s, sched_leased(&s, NULL), ATTEMPT_DEFERRED, slow);
	uint64_t start_ns = clock_now_ns();
	sched_settle(&s);
	/* Many sessions hear the same 421: it is one piece of news. */
	sched_answer_heard(&s, sched_leased(&s, NULL), ATTEMPT_DEFERRED, slow);
	sched_settle(&s);
	assert_int_equal(s.call_backs, 4);
	assert_int_equal(s.site_reports, 1);
	assert_non_null(strstr(s.site_words, "slowed down"));
	assert_non_null(strstr(s.site_words, "4 sessions"));
	while (sched_leased(&s, NULL) != NULL) {
		sched_answer_heard(
			&s, sched_leased(&s, NULL), ATTEMPT_DELIVERED, (struct heard){ 0 });
		sched_settle(&s);
	}
	assert_int_equal(s.slots, 4);
	SCHED_WAIT(&s, s.leased_count > 0);
	assert_true(clock_now_ns() - start_ns >= 4900 * TEST_MS_NS);
	assert_int_equal(s.slots, 4);
	assert_int_equal(s.site_reports, 2);
	assert_non_null(strstr(s.site_words, "resumed"));
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	sched_end(&s);
}

static void a_back_off_blocks_and_resumes(void **state) /* 0.4: connect, banner 4xx, TLS failure */
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--site-sessions=1", "--retry-first=2s", NULL });
	fill("1@a.example", 6);
	fill("1@b.example", 1);
	sched_answer_heard(&s, sched_leased(&s, "a.example"), ATTEMPT_DEFERRED,
		(struct heard){ .back_off = true });
	uint64_t start_ns = clock_now_ns();
	sched_settle(&s);
	assert_int_equal(s.site_reports, 1);
	assert_non_null(strstr(s.site_words, "backing off"));
	for (int i = 1; i < LEASE_AHEAD; i++)
		sched_answer_heard(&s, sched_leased(&s, "a.example"), ATTEMPT_DEFERRED,
			(struct heard){ .back_off = true });
	sched_settle(&s);
	assert_int_equal(sched_leased_of(&s, "a.example"), 0);
	assert_int_equal(sched_leased_of(&s, "b.example"), 1); /* others are not touched */
	SCHED_WAIT(&s, sched_leased(&s, "a.example") != NULL);
	assert_true(
		clock_now_ns() - start_ns >= 490 * TEST_MS_NS); /* a quarter of the first retry */
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	sched_end(&s);
}

static void a_site_that_refuses_us_is_suspended_and_said_so(void **state) /* 0.4: banner 5xx */
{
	(void)state;
	sched_init(&s, (const char *const[]){
			       "--site-sessions=1", "--retry-first=1h", "--log-level=warn", NULL });
	fill("1@a.example", 6);
	sched_answer_heard(
		&s, sched_leased(&s, NULL), ATTEMPT_DEFERRED, (struct heard){ .suspend = true });
	sched_settle(&s);
	assert_non_null(strstr(s.site_words, "suspended"));
	assert_true(run_test_logged(&s.base, "event=site_suspended"));
	assert_true(run_test_logged(&s.base, "provider=mx:mx.a.example"));
	for (int i = 1; i < LEASE_AHEAD; i++)
		sched_answer(&s, sched_leased(&s, NULL), ATTEMPT_DELIVERED);
	sched_pass(&s, 300);
	assert_int_equal(s.leased_count, 0);
	sched_end(&s);
	assert_true(s.end.mail_waits);
	assert_int_equal(s.end.pending, 6 - (LEASE_AHEAD - 1));
}

static void too_many_block_replies_suspend_and_good_ones_between_do_not(void **state) /* 0.4 */
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--site-sessions=1", NULL });
	fill("1@a.example", 300);
	for (int i = 0; i < 100; i++) { /* one in a hundred: a receiver's whim */
		sched_answer_heard(&s, sched_leased(&s, NULL), ATTEMPT_BOUNCED,
			i == 50 ? (struct heard){ .blocks = 1 } : (struct heard){ .good = 1 });
		sched_settle(&s);
	}
	assert_int_equal(s.site_reports, 0);
	sched_answer_heard(
		&s, sched_leased(&s, NULL), ATTEMPT_BOUNCED, (struct heard){ .blocks = 20 });
	sched_settle(&s);
	assert_non_null(strstr(s.site_words, "suspended"));
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	sched_end(&s);
	assert_true(s.end.mail_waits);
}

/* A site that a domain no longer leads to is freed when nothing of it is at work; an attempt on its way
 * to a worker that has just given its last slot back is at work. */
static struct route *moves_on(struct sched *sched, const char *domain)
{
	const char *name = sched->routes_asked == 1 ? "mx.old.example" : "mx.new.example";
	const struct test_host hosts[] = { { name, 10, 0, "192.0.2.1", 0, NULL, 0 },
		{ NULL, 0, 0, NULL, 0, NULL, 0 } };
	return test_route(domain, hosts, clock_now_ns() + 30 * TEST_MS_NS);
}

static void a_site_stays_while_an_attempt_of_it_is_on_its_way_back(void **state)
{
	(void)state;
	sched_init(&s, NULL);
	s.route_for = moves_on;
	fill("1@a.example", 1);
	struct attempt *first = sched_leased(&s, NULL);
	struct fake_lease *lease = &s.leases[0];
	hub_post(s.base.hub.scheduler, POST_SLOTS, lease->lease, 1,
		0); /* its message has not come yet */
	s.slots -= lease->slots;
	lease->slots = 0;
	sched_pass(&s, 40); /* the route has run out */
	fill("2@a.example", 1);
	assert_int_equal(s.routes_asked, 2);
	assert_int_equal(sched_slots_of(&s, "mx:mx.new.example"), 1);
	sched_return(&s, first);
	*lease = s.leases[--s.leases_count]; /* the scheduler frees it now */
	sched_settle(&s);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_int_equal(hub_read(&s.base.hub.counters.delivered), 2);
	sched_end(&s);
}

/* ---- memory ---- */

static void bodies_of_what_waits_are_dropped_when_workers_want_room(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--site-sessions=1", NULL });
	fill("1@a.example", 100);
	size_t used = atomic_load(&s.base.hub.bodies.used_bytes);
	assert_true(used > 0);
	s.base.hub.bodies.max_bytes = used; /* the scheduler sleeps */
	hub_post(s.base.hub.scheduler, POST_BODIES_WANTED, NULL, 0, 0);
	sched_settle(&s);
	assert_true(atomic_load(&s.base.hub.bodies.used_bytes) <= used / 2);
	assert_true(atomic_load(&s.base.hub.bodies.used_bytes) > 0);
	/* Those go out without a body: their worker reads the file again. */
	int without = 0;
	while (sched_leased(&s, NULL) != NULL) {
		without += sched_leased(&s, NULL)->body == NULL;
		deliver(1);
	}
	assert_in_range(without, 40, 60);
	sched_end(&s);
}

static void on_granted(struct body_wait *wait) { wait->granted = NULL; }

/* Half the budget is not enough for who waits for more; and what comes later is in the way too. */
static void bodies_are_dropped_for_as_long_as_somebody_waits_for_room(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--site-sessions=1", NULL });
	fill("1@a.example", 50);
	struct body_budget *budget = &s.base.hub.bodies;
	size_t used = atomic_load(&budget->used_bytes);
	budget->max_bytes = 8 * used; /* the scheduler sleeps */
	struct body_wait wait = { .bytes = 8 * used, .granted = on_granted };
	body_budget_wait(budget, &wait);
	s.base.hub.bodies_wanted = true;
	hub_post(s.base.hub.scheduler, POST_BODIES_WANTED, NULL, 0, 0);
	sched_settle(&s);
	assert_false(s.base.hub.bodies_wanted); /* who waits from now on says so again */
	/* What workers hold is all that is left, and it comes back. */
	assert_true(atomic_load(&budget->used_bytes) <= LEASE_AHEAD * used / 50);
	assert_non_null(wait.granted);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_null(wait.granted);
	assert_int_equal(hub_read(&s.base.hub.counters.delivered), 50);
	body_budget_give_back(budget, wait.bytes);
	sched_end(&s);
}

static void a_body_is_let_go_with_the_last_attempt_that_needs_it(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--retry-first=30ms", NULL });
	fill("1@a.example 2@b.example", 1);
	assert_int_equal(s.leased_count, 2);
	assert_true(atomic_load(&s.base.hub.bodies.used_bytes) > 0);
	sched_answer(&s, sched_leased(&s, "a.example"), ATTEMPT_DEFERRED);
	sched_settle(&s);
	sched_answer(&s, sched_leased(&s, "b.example"), ATTEMPT_DELIVERED);
	sched_settle(&s);
	/* What waits for a retry holds no body. */
	assert_int_equal(atomic_load(&s.base.hub.bodies.used_bytes), 0);
	SCHED_WAIT(&s, sched_leased(&s, "a.example") != NULL);
	assert_null(sched_leased(&s, "a.example")->body);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	sched_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_site_begins_with_few_sessions_and_gets_more_as_they_come_up),
		cmocka_unit_test(slots_that_came_back_are_given_again),
		cmocka_unit_test(sessions_are_spread_over_the_workers),
		cmocka_unit_test(an_idle_session_makes_room_for_another_site),
		cmocka_unit_test(providers_share_their_limit_over_all_their_domains),
		cmocka_unit_test(transactional_mail_goes_before_bulk),
		cmocka_unit_test(a_large_job_does_not_hold_up_a_small_one),
		cmocka_unit_test(a_slow_down_halves_the_sessions_and_pauses),
		cmocka_unit_test(a_back_off_blocks_and_resumes),
		cmocka_unit_test(a_site_that_refuses_us_is_suspended_and_said_so),
		cmocka_unit_test(too_many_block_replies_suspend_and_good_ones_between_do_not),
		cmocka_unit_test(a_site_stays_while_an_attempt_of_it_is_on_its_way_back),
		cmocka_unit_test(bodies_are_dropped_for_as_long_as_somebody_waits_for_room),
		cmocka_unit_test(bodies_of_what_waits_are_dropped_when_workers_want_room),
		cmocka_unit_test(a_body_is_let_go_with_the_last_attempt_that_needs_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
