/* When a recipient is tried again, and when no more (SMTP-36, DESIGN 1). */
#include "engine/io/clock.h"
#include "tests/unit/engine/run/sched_test.h"

#define S_NS 1000000000ll /* signed, as differences are */

static struct sched s;

static uint64_t now_ms(void) { return clock_now_ns() / TEST_MS_NS; }

/* Answers what is leased and tells how long it took until it was there. */
static uint64_t next_try(struct sched *sched, uint64_t since_ms)
{
	SCHED_WAIT(sched, sched_leased(sched, NULL) != NULL);
	return now_ms() - since_ms;
}

static void a_deferred_recipient_comes_back_after_the_first_wait(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--retry-first=400ms", NULL });
	struct fake_file *file = sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	sched_settle(&s);
	uint64_t start_ms = now_ms();
	sched_answer(&s, sched_leased(&s, NULL), ATTEMPT_DEFERRED);
	sched_settle(&s);
	assert_int_equal(hub_read(&s.base.hub.counters.waiting), 1);
	assert_int_equal(hub_read(&s.base.hub.counters.deferrals), 1);
	assert_true(next_try(&s, start_ms) >= 349); /* an eighth less than said, at most */
	assert_int_equal(hub_read(&s.base.hub.counters.waiting), 0);
	assert_int_equal(sched_leased(&s, NULL)->number, 2);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_int_equal(file->attempt_number, 2);
	assert_int_equal(file->unlinked, 1);
	sched_end(&s);
}

static void what_a_worker_gave_back_is_tried_at_once_and_was_no_attempt(void **state)
{
	(void)state;
	sched_init(&s, NULL); /* the first wait is 15 minutes */
	sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example 2@a.example" });
	sched_settle(&s);
	struct attempt *attempt = sched_leased(&s, NULL);
	attempt->rcpts[0].fate = ATTEMPT_DELIVERED;
	attempt->rcpts[1].counts_as_attempt = true;
	attempt->given_back = true;
	sched_answer(&s, attempt, ATTEMPT_DEFERRED);
	SCHED_WAIT(&s, sched_leased(&s, NULL) != NULL);
	attempt = sched_leased(&s, NULL);
	assert_int_equal(attempt->rcpts_count, 1);
	assert_int_equal(attempt->rcpts[0].rcpt, 1);
	assert_int_equal(attempt->number, 1);
	assert_int_equal(attempt->waits, 0);
	assert_false(attempt->given_back);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_int_equal(hub_read(&s.base.hub.counters.delivered), 2);
	sched_end(&s);
}

static void waits_double_up_to_the_longest(void **state)
{
	(void)state;
	static const uint64_t least_ms[] = { 69, 139, 209, 209 };
	sched_init(&s, (const char *const[]){ "--retry-first=80ms", "--retry-max=240ms", NULL });
	sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	sched_settle(&s);
	for (size_t i = 0; i < COUNT_OF(least_ms); i++) {
		uint64_t start_ms = now_ms();
		sched_answer(&s, sched_leased(&s, NULL), ATTEMPT_DEFERRED);
		sched_settle(&s);
		uint64_t took_ms = next_try(&s, start_ms);
		assert_true(took_ms >= least_ms[i]);
		assert_int_equal(sched_leased(&s, NULL)->number, i + 2);
	}
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	sched_end(&s);
}

static void what_was_no_attempt_is_not_counted_but_waits_longer_all_the_same(void **state) /* 0.4 */
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--retry-first=20ms", NULL });
	struct fake_file *file = sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	for (int i = 0; i < 4; i++) {
		SCHED_WAIT(&s, sched_leased(&s, NULL) != NULL);
		struct attempt *attempt = sched_leased(&s, NULL);
		assert_int_equal(attempt->number, 1);
		assert_int_equal(attempt->waits, i);
		list_remove(&attempt->node); /* as sched_answer(), but nobody was asked */
		s.leased_count--;
		attempt_settle(attempt, ATTEMPT_DEFERRED, BOUNCE_CLASS_NETWORK, "4.4.1");
		struct lease *lease = attempt->lease;
		body_unref(attempt->body);
		attempt->body = NULL;
		file->by_fate[ATTEMPT_DEFERRED]++;
		for (size_t j = 0; j < s.leases_count; j++)
			s.leases[j].outstanding -= s.leases[j].lease == lease;
		hub_post(s.base.hub.scheduler, POST_RECORDED, attempt, 0, 0);
		hub_post(s.base.hub.scheduler, POST_HEARD, lease, 0, 0);
		sched_settle(&s);
	}
	SCHED_WAIT(&s, sched_leased(&s, NULL) != NULL);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_int_equal(file->attempt_number, 1);
	sched_end(&s);
}

static void only_the_deferred_recipients_come_back(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--retry-first=20ms", NULL });
	struct fake_file *file = sched_mail(
		&s, &(struct test_mail){ .rcpts = "1@a.example 2@a.example 3@a.example" });
	sched_settle(&s);
	struct attempt *attempt = sched_leased(&s, NULL);
	attempt->rcpts[0].fate = ATTEMPT_DELIVERED;
	attempt->rcpts[2].fate = ATTEMPT_BOUNCED;
	sched_answer(&s, attempt, ATTEMPT_DEFERRED);
	SCHED_WAIT(&s, sched_leased(&s, NULL) != NULL);
	attempt = sched_leased(&s, NULL);
	assert_int_equal(attempt->rcpts_count, 1);
	assert_int_equal(attempt->rcpts[0].rcpt, 1);
	assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_OPEN);
	assert_int_equal(file->unlinked, 0);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_int_equal(file->by_fate[ATTEMPT_DELIVERED], 2);
	assert_int_equal(file->by_fate[ATTEMPT_BOUNCED], 1);
	assert_int_equal(file->unlinked, 1);
	sched_end(&s);
}

static void a_recipient_expires_at_the_end_of_its_lifetime_with_its_last_trouble(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--retry-first=30ms", "--retry-max=60ms",
			       "--lifetime=600ms", NULL });
	uint64_t start_ms = now_ms();
	struct fake_file *file = sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	for (int i = 0; i < 1000 && file->by_fate[ATTEMPT_EXPIRED] == 0; i++) {
		sched_pass(&s, 2);
		if (sched_leased(&s, NULL) != NULL)
			sched_answer(&s, sched_leased(&s, NULL), ATTEMPT_DEFERRED);
	}
	assert_int_equal(file->by_fate[ATTEMPT_EXPIRED], 1);
	assert_true(now_ms() - start_ms >= 590);
	assert_true(file->by_fate[ATTEMPT_DEFERRED] >= 4);
	assert_string_equal(file->status, "4.4.7");
	assert_string_equal(
		file->reason, "its lifetime ended; last: mx.a.example: come back later");
	sched_settle(&s);
	assert_int_equal(file->unlinked, 1);
	sched_end(&s);
	assert_false(s.end.mail_waits);
}

static void mail_that_waits_for_a_route_expires_too(
	void **state) /* DESIGN 5: nothing waits unseen */
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--lifetime=50ms", NULL });
	s.hold_routes = true;
	struct fake_file *file = sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	SCHED_WAIT(&s, file->by_fate[ATTEMPT_EXPIRED] == 1);
	assert_string_equal(file->reason, "its lifetime ended untried");
	sched_settle(&s);
	assert_int_equal(file->unlinked, 1);
	/* The answer comes when nobody wants it any more. */
	sched_release(&s);
	sched_settle(&s);
	assert_int_equal(s.leased_max, 0);
	sched_end(&s);
}

static void mail_that_waits_for_a_slot_expires_too(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--lifetime=100ms", "--site-sessions=1", NULL });
	struct fake_file *files[6];
	for (size_t i = 0; i < COUNT_OF(files); i++)
		files[i] = sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	sched_settle(&s);
	assert_int_equal(s.leased_count, LEASE_AHEAD);
	for (size_t i = LEASE_AHEAD; i < COUNT_OF(files); i++) {
		SCHED_WAIT(&s, files[i]->by_fate[ATTEMPT_EXPIRED] == 1);
		sched_settle(&s);
		assert_int_equal(files[i]->unlinked, 1);
	}
	/* A worker that delivers after the end has delivered. */
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_int_equal(hub_read(&s.base.hub.counters.delivered), LEASE_AHEAD);
	sched_end(&s);
}

static void a_file_from_before_its_lifetime_expires_without_a_try(void **state)
{
	(void)state;
	const int64_t old_ns = clock_wall_us() * 1000 - 3 * 24 * 3600 * S_NS;
	sched_init(&s, NULL);
	for (int known = 0; known < 2; known++) {
		struct fake_file *file = sched_mail(
			&s, &(struct test_mail){ .rcpts = "1@a.example", .birth_ns = old_ns });
		SCHED_WAIT(&s, file->by_fate[ATTEMPT_EXPIRED] == 1);
		assert_int_equal(s.leased_max, known);
		/* And the same when the route is known already. */
		sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
		sched_answer_all(&s, ATTEMPT_DELIVERED);
		assert_int_equal(s.leased_max, 1);
	}
	/* Transactional mail lives five days. */
	struct fake_file *file = sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example",
							.birth_ns = old_ns,
							.class = ENVELOPE_CLASS_TRANSACTIONAL });
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_int_equal(file->by_fate[ATTEMPT_DELIVERED], 1);
	sched_end(&s);
}

static void a_file_from_the_future_counts_from_now(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--lifetime=100ms", NULL });
	s.hold_routes = true;
	struct fake_file *file =
		sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example",
				       .birth_ns = clock_wall_us() * 1000 + 3600 * S_NS });
	SCHED_WAIT(&s, file->by_fate[ATTEMPT_EXPIRED] == 1);
	sched_end(&s);
}

static void an_expiry_of_the_submitter_shortens_the_lifetime(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--retry-first=50ms", "--retry-max=50ms", NULL });
	int64_t now_s = clock_wall_us() / 1000000;
	struct fake_file *past = sched_mail(
		&s, &(struct test_mail){ .rcpts = "1@a.example", .expiry_unix_s = now_s - 5 });
	SCHED_WAIT(&s, past->by_fate[ATTEMPT_EXPIRED] == 1);
	assert_int_equal(s.leased_max, 0);
	struct fake_file *soon = sched_mail(
		&s, &(struct test_mail){ .rcpts = "1@a.example", .expiry_unix_s = now_s + 2 });
	for (int i = 0; i < 2000 && soon->by_fate[ATTEMPT_EXPIRED] == 0; i++) {
		sched_pass(&s, 2);
		if (sched_leased(&s, NULL) != NULL)
			sched_answer(&s, sched_leased(&s, NULL), ATTEMPT_DEFERRED);
	}
	assert_true(clock_wall_us() / 1000000 >= now_s + 2);
	assert_true(soon->by_fate[ATTEMPT_DEFERRED] > 0);
	assert_int_equal(soon->by_fate[ATTEMPT_EXPIRED], 1);
	sched_end(&s);
}

static void mail_is_not_sent_before_the_time_that_its_submitter_wants(void **state)
{
	(void)state;
	sched_init(&s, NULL);
	int64_t at_s = clock_wall_us() / 1000000 + 2;
	sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example", .not_before_unix_s = at_s });
	sched_mail(
		&s, &(struct test_mail){ .rcpts = "2@b.example", .not_before_unix_s = at_s - 100 });
	sched_settle(&s);
	assert_int_equal(s.leased_count, 1);
	assert_non_null(sched_leased(&s, "b.example"));
	assert_int_equal(hub_read(&s.base.hub.counters.waiting), 1);
	SCHED_WAIT(&s, sched_leased(&s, "a.example") != NULL);
	assert_true(clock_wall_us() >= at_s * 1000000 - 1000);
	assert_int_equal(sched_leased(&s, "a.example")->number, 1);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	sched_end(&s);
}

static void mail_that_is_to_be_sent_after_its_lifetime_lives_from_then_on(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){
			       "--lifetime=1s", "--retry-first=10ms", "--retry-max=50ms", NULL });
	int64_t at_s = clock_wall_us() / 1000000 + 3;
	struct fake_file *file = sched_mail(
		&s, &(struct test_mail){ .rcpts = "1@a.example", .not_before_unix_s = at_s });
	SCHED_WAIT(&s, sched_leased(&s, "a.example") != NULL);
	assert_true(clock_wall_us() >= at_s * 1000000 - 1000);
	for (int i = 0; i < 2000 && file->by_fate[ATTEMPT_EXPIRED] == 0; i++) {
		if (sched_leased(&s, NULL) != NULL)
			sched_answer(&s, sched_leased(&s, NULL), ATTEMPT_DEFERRED);
		sched_pass(&s, 2);
	}
	assert_int_equal(file->by_fate[ATTEMPT_EXPIRED], 1);
	assert_true(clock_wall_us() >= at_s * 1000000 + 990000);
	sched_end(&s);
}

static void times_of_the_submitter_far_away_neither_wrap_nor_expire(void **state)
{
	(void)state;
	/* 2610 to 2612 is where 64 bits of nanoseconds wrap; the last is the largest RFC 3339 date. */
	static const int64_t far_s[] = { 20200000000, 20224000000, 20240000000, 253402300799 };
	sched_init(&s, NULL);
	for (size_t i = 0; i < COUNT_OF(far_s); i++) {
		sched_mail(&s, &(struct test_mail){
				       .rcpts = "1@a.example", .not_before_unix_s = far_s[i] });
		sched_mail(&s,
			&(struct test_mail){ .rcpts = "1@b.example", .expiry_unix_s = far_s[i] });
	}
	sched_settle(&s);
	assert_int_equal(sched_leased_of(&s, "a.example"), 0);
	assert_int_equal(hub_read(&s.base.hub.counters.waiting), COUNT_OF(far_s));
	assert_int_equal(hub_read(&s.base.hub.counters.expired), 0);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_int_equal(hub_read(&s.base.hub.counters.delivered), COUNT_OF(far_s));
	sched_end(&s);
	assert_true(s.end.mail_waits);
}

static void thousands_that_wait_come_back_in_their_order(void **state)
{
	(void)state;
	enum { COUNT = 2000 };
	sched_init(&s, (const char *const[]){ "--retry-first=300ms", "--site-sessions=5000",
			       "--sessions=5000", NULL });
	for (int i = 0; i < COUNT; i++)
		sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	while (hub_read(&s.base.hub.counters.deferrals) < COUNT) {
		sched_settle(&s);
		struct attempt *attempt = sched_leased(&s, NULL);
		if (attempt != NULL && attempt->number == 1)
			sched_answer_heard(
				&s, attempt, ATTEMPT_DEFERRED, (struct heard){ .good = 1 });
	}
	SCHED_WAIT(&s, hub_read(&s.base.hub.counters.waiting) == 0);
	for (uint64_t done = 0; done < COUNT; done = hub_read(&s.base.hub.counters.delivered)) {
		if (sched_leased(&s, NULL) != NULL)
			sched_answer(&s, sched_leased(&s, NULL), ATTEMPT_DELIVERED);
		else
			sched_settle(&s);
	}
	sched_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_deferred_recipient_comes_back_after_the_first_wait),
		cmocka_unit_test(what_a_worker_gave_back_is_tried_at_once_and_was_no_attempt),
		cmocka_unit_test(waits_double_up_to_the_longest),
		cmocka_unit_test(what_was_no_attempt_is_not_counted_but_waits_longer_all_the_same),
		cmocka_unit_test(only_the_deferred_recipients_come_back),
		cmocka_unit_test(
			a_recipient_expires_at_the_end_of_its_lifetime_with_its_last_trouble),
		cmocka_unit_test(mail_that_waits_for_a_route_expires_too),
		cmocka_unit_test(mail_that_waits_for_a_slot_expires_too),
		cmocka_unit_test(a_file_from_before_its_lifetime_expires_without_a_try),
		cmocka_unit_test(a_file_from_the_future_counts_from_now),
		cmocka_unit_test(an_expiry_of_the_submitter_shortens_the_lifetime),
		cmocka_unit_test(mail_is_not_sent_before_the_time_that_its_submitter_wants),
		cmocka_unit_test(mail_that_is_to_be_sent_after_its_lifetime_lives_from_then_on),
		cmocka_unit_test(times_of_the_submitter_far_away_neither_wrap_nor_expire),
		cmocka_unit_test(thousands_that_wait_come_back_in_their_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
