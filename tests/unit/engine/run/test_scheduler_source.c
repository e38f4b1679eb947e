/* From which of our addresses mail leaves: weights, pools, blocks, and what a warm-up allows. */
#include <string.h>
#include "engine/base/nanoseconds.h"
#include "engine/io/clock.h"
#include "tests/unit/engine/run/sched_jobs.h"

#define A "192.0.2.10"
#define B "192.0.2.11"
#define SIX "2001:db8::1"

static struct sched s;

static void fill_pool(const char *rcpts, const char *pool, int count)
{
	for (int i = 0; i < count; i++)
		sched_mail(&s, &(struct test_mail){ .rcpts = rcpts, .pool = pool });
	sched_settle(&s);
}

static void fill(const char *rcpts, int count) { fill_pool(rcpts, NULL, count); }

static bool is_from(const struct attempt *attempt, const char *source)
{
	return strcmp(attempt->source->text, source) == 0;
}

/* The oldest that a worker has, from there. */
static struct attempt *leased_from(const char *source)
{
	LIST_FOR_EACH(node, &s.leased)
	{
		struct attempt *attempt = CONTAINER_OF(node, struct attempt, node);
		if (is_from(attempt, source))
			return attempt;
	}
	return NULL;
}

/* Answers all that comes; returns how many came from there. */
static int answer_all(const char *source, enum attempt_fate fate)
{
	int count = 0;
	struct attempt *attempt;
	while ((attempt = sched_leased(&s, NULL)) != NULL) {
		count += is_from(attempt, source);
		sched_answer(&s, attempt, fate);
		if (sched_leased(&s, NULL) == NULL)
			sched_settle(&s);
	}
	return count;
}

static struct route *at_google(struct sched *sched, const char *domain)
{
	(void)sched;
	const struct test_host hosts[] = { { "smtp.google.com", 10, 0, "192.0.2.1", 0, NULL, 0 },
		{ NULL, 0, 0, NULL, 0, NULL, 0 } };
	return test_route(domain, hosts, UINT64_MAX);
}

/* Some domains of a provider have hosts without IPv6. */
static struct route *by_family(struct sched *sched, const char *domain)
{
	(void)sched;
	bool has_six = domain[0] != 'a';
	const struct test_host hosts[] = { { "smtp.google.com", 10, 0,
						   has_six ? "192.0.2.1 2001:db8::25" : "192.0.2.1", 0, NULL, 0 },
		{ NULL, 0, 0, NULL, 0, NULL, 0 } };
	return test_route(domain, hosts, UINT64_MAX);
}

/* ---- shares ---- */

static void each_source_has_its_share_of_the_mail_to_a_provider(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--source=" A " weight=3", "--source=" B, NULL });
	fill("1@a.example", 40);
	assert_int_equal(answer_all(A, ATTEMPT_DELIVERED), 30);
	sched_end(&s);
}

static void many_small_providers_have_the_shares_together(void **state)
{
	(void)state;
	char rcpts[32];
	sched_init(&s, (const char *const[]){ "--source=" A " weight=3", "--source=" B, NULL });
	for (int i = 0; i < 400; i++) {
		snprintf(rcpts, sizeof rcpts, "1@d%d.example", i);
		sched_mail(&s, &(struct test_mail){ .rcpts = rcpts });
	}
	sched_settle(&s);
	assert_in_range(answer_all(A, ATTEMPT_DELIVERED), 250, 350); /* 300; 350 is 5.8 sigma away */
	sched_end(&s);
}

/* ---- pools ---- */

static void mail_leaves_from_the_pool_that_it_names(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--source=" A, "--source=" B " pool=alerts", NULL });
	fill_pool("1@a.example", "Alerts", 8);
	assert_int_equal(answer_all(B, ATTEMPT_DELIVERED), 8);
	fill_pool("1@a.example", NULL, 8);
	assert_int_equal(answer_all(A, ATTEMPT_DELIVERED), 8);
	sched_end(&s);
}

static void a_pool_that_nobody_has_defers_its_mail_with_words(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--source=" A, "--source=" B " pool=alerts",
			       "--retry-first=1h", NULL });
	struct fake_file *file =
		sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example", .pool = "allerts" });
	sched_settle(&s);
	assert_int_equal(file->by_fate[ATTEMPT_DEFERRED], 1);
	assert_string_equal(file->status, "4.3.5");
	assert_non_null(strstr(file->reason, "no --source has the pool 'allerts' that the message names"));
	assert_true(run_test_logged(&s.base, "pool_unknown"));
	assert_int_equal(s.leased_total, 0);
	sched_end(&s);
}

/* The name of the domain says it. */
static struct route *of_one_family(struct sched *sched, const char *domain)
{
	(void)sched;
	const struct test_host hosts[] = { { "mx.example", 10, 0,
						   strncmp(domain, "six", 3) == 0 ? "2001:db8::25" : "192.0.2.1",
						   0, NULL, 0 },
		{ NULL, 0, 0, NULL, 0, NULL, 0 } };
	return test_route(domain, hosts, UINT64_MAX);
}

static void mail_that_no_source_can_bring_to_its_hosts_says_which_are_meant(void **state) /* MX-17 */
{
	(void)state;
	static const struct {
		const char *sources[2], *pool, *rcpt, *words;
	} table[] = {
		{ { "--source=" A }, NULL, "1@six.example",
			"no --source has an IPv6 address, and the hosts of the domain have no other" },
		{ { "--source=" A " pool=alerts", "--source=" B }, "alerts", "1@six.example",
			"no --source has an IPv6 address" },
		{ { "--source=" SIX, "--source=2001:db8::2 pool=alerts" }, NULL, "1@four.example",
			"no --source has an IPv4 address" },
		{ { "--source=" A " pool=alerts", "--source=" SIX }, "Alerts", "1@six.example",
			"no --source of the pool 'alerts' has an IPv6 address, and the hosts" },
		{ { "--source=" A " pool=alerts", "--source=" SIX }, NULL, "1@four.example",
			"no --source of the pool 'default' has an IPv4 address, and the hosts" },
	};
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		sched_init(&s, (const char *const[]){ "--retry-first=1h", table[i].sources[0],
				       table[i].sources[1], NULL });
		s.route_for = of_one_family;
		struct fake_file *file =
			sched_mail(&s, &(struct test_mail){ .rcpts = table[i].rcpt, .pool = table[i].pool });
		sched_settle(&s);
		assert_int_equal(file->by_fate[ATTEMPT_DEFERRED], 1);
		assert_string_equal(file->status, "4.4.4");
		if (strstr(file->reason, table[i].words) == NULL)
			fail_msg("row %zu: %s", i, file->reason);
		assert_int_equal(s.leased_total, 0);
		sched_end(&s);
	}
}

/* ---- blocks ---- */

static void what_waits_at_a_blocked_source_goes_from_another(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--source=" A, "--source=" B, "--site-sessions=2", NULL });
	fill("1@a.example", 100);
	struct attempt *attempt = leased_from(A);
	assert_non_null(attempt);
	sched_answer_heard(&s, attempt, ATTEMPT_DELIVERED, (struct heard){ .suspend = true });
	sched_settle(&s);
	while ((attempt = leased_from(A)) != NULL) { /* a worker had these */
		sched_answer(&s, attempt, ATTEMPT_DELIVERED);
		sched_settle(&s);
	}
	assert_true(answer_all(B, ATTEMPT_DELIVERED) >= 88);
	assert_int_equal(sched_count(&s, &s.base.hub.counters.delivered), 100);
	fill("1@a.example", 10);
	assert_int_equal(answer_all(B, ATTEMPT_DELIVERED), 10);
	sched_end(&s);
}

/* Transactional mail is before all other in every line. */
static void what_cannot_leave_a_blocked_source_is_in_nobodys_way(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--source=" A " pool=default,only", "--source=" B, NULL });
	fill("1@a.example", 1);
	fill_pool("1@a.example", "only", 1);
	while (leased_from(B) != NULL)
		sched_answer(&s, leased_from(B), ATTEMPT_DELIVERED);
	for (int i = 0; i < 1000; i++) {
		sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example",
				       .pool = "only",
				       .class = ENVELOPE_CLASS_TRANSACTIONAL });
		sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example" });
	}
	sched_settle(&s);
	while (leased_from(B) != NULL)
		sched_answer(&s, leased_from(B), ATTEMPT_DELIVERED);
	sched_answer_heard(&s, leased_from(A), ATTEMPT_DELIVERED, (struct heard){ .suspend = true });
	sched_settle(&s);
	struct attempt *attempt;
	while ((attempt = leased_from(A)) != NULL) { /* a worker had these */
		sched_answer(&s, attempt, ATTEMPT_DELIVERED);
		sched_settle(&s);
	}
	answer_all(B, ATTEMPT_DELIVERED);
	assert_in_range(sched_count(&s, &s.base.hub.counters.rcpts_pending), 900, 1000);
	for (size_t i = 0; i < s.files_count; i++)
		assert_true(s.files[i]->message == NULL || s.files[i]->mail.pool != NULL);
	sched_end(&s);
}

static void a_source_whose_block_ends_takes_what_waits_at_one_that_stays_blocked(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--source=" A, "--source=" B, "--site-sessions=2",
			       "--retry-first=20ms", NULL });
	fill("1@a.example", 40);
	sched_answer_heard(&s, leased_from(B), ATTEMPT_DELIVERED, (struct heard){ .back_off = true });
	sched_answer_heard(&s, leased_from(A), ATTEMPT_DELIVERED, (struct heard){ .suspend = true });
	int from_a = 0; /* a worker had these */
	SCHED_WAIT(&s, (from_a += answer_all(A, ATTEMPT_DELIVERED),
			       sched_count(&s, &s.base.hub.counters.delivered) == 40));
	assert_in_range(from_a, 0, 6);
	sched_end(&s);
}

static void where_all_are_blocked_mail_waits_for_them(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--source=" A, "--source=" B, NULL });
	fill("1@a.example", 2);
	for (int i = 0; i < 2; i++)
		sched_answer_heard(&s, sched_leased(&s, NULL), ATTEMPT_DELIVERED,
			(struct heard){ .suspend = true });
	sched_settle(&s);
	fill("1@a.example", 10);
	assert_int_equal(s.leased_count, 0);
	assert_int_equal(sched_count(&s, &s.base.hub.counters.rcpts_pending), 10);
	sched_end(&s);
}

static void a_retry_comes_from_the_same_source(void **state) /* greylisting */
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--source=" A, "--source=" B, "--retry-first=20ms", NULL });
	fill("1@a.example", 10);
	int from_a = 0;
	for (int i = 0; i < 10; i++) {
		struct attempt *attempt = sched_leased(&s, NULL);
		from_a += is_from(attempt, A);
		sched_answer(&s, attempt, ATTEMPT_DEFERRED);
		sched_settle(&s);
		SCHED_WAIT(&s, s.leased_total > 10 + (uint64_t)i);
	}
	assert_int_equal(from_a, 5);
	assert_int_equal(answer_all(A, ATTEMPT_DELIVERED), 5);
	sched_end(&s);
}

/* ---- warm-up ---- */

static void what_a_warm_up_does_not_allow_goes_from_warm_sources(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--source=" A " warmup=5,10", "--source=" B, NULL });
	fill("1@a.example", 40);
	assert_int_equal(answer_all(A, ATTEMPT_DELIVERED), 5);
	fill("1@a.example", 10);
	assert_int_equal(answer_all(A, ATTEMPT_DELIVERED), 0);
	fill("1@b.example", 40); /* each provider for itself */
	assert_int_equal(answer_all(A, ATTEMPT_DELIVERED), 5);
	sched_end(&s);
}

/* The provider sees one new address, whatever the operator says of some of its domains. */
static void parts_of_a_provider_that_rules_set_apart_have_one_warm_up(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--source=" A " warmup=5", "--site=shop.example sessions=3",
			       "--site=news.example single-flight=on", "--retry-first=1h", NULL });
	s.route_for = at_google;
	fill("1@shop.example", 10);
	fill("1@other.example", 10);
	fill("1@news.example", 10);
	assert_int_equal(answer_all(A, ATTEMPT_DELIVERED), 5);
	sched_end(&s);
}

static void each_recipient_counts(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--source=" A " warmup=5", "--source=" B, NULL });
	for (int i = 0; i < 10; i++)
		fill("1@a.example 2@a.example", 1);
	/* There is room for one when the third is sent, and it has two. */
	assert_int_equal(answer_all(A, ATTEMPT_DELIVERED), 3);
	sched_end(&s);
}

static void without_a_warm_source_mail_waits_for_the_next_day_and_says_so(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--source=" A " warmup=5", "--retry-first=1h", NULL });
	fill("1@a.example", 12);
	assert_int_equal(answer_all(A, ATTEMPT_DELIVERED), 5);
	assert_int_equal(sched_count(&s, &s.base.hub.counters.waiting), 7);
	struct fake_file *last = s.files[s.files_count - 1];
	const struct attempt *attempt =
		CONTAINER_OF(list_first(&last->message->attempts), struct attempt, message_node);
	assert_true(attempt->waits_for_room);
	assert_int_equal(attempt->waits, 0); /* nobody was asked */
	assert_non_null(strstr(attempt->last, "allows to mx:mx.a.example is used up"));
	assert_true(attempt->due_ns <= clock_now_ns() + 24 * 3600 * 1000000000ull);
	sched_end(&s);
}

static struct route *at_google_in_one_family(struct sched *sched, const char *domain)
{
	(void)sched;
	const struct test_host hosts[] = { { "smtp.google.com", 10, 0,
						   strncmp(domain, "six", 3) == 0 ? "2001:db8::25" : "192.0.2.1",
						   0, NULL, 0 },
		{ NULL, 0, 0, NULL, 0, NULL, 0 } };
	return test_route(domain, hosts, UINT64_MAX);
}

/* Else it would look every second at a source that can never carry it. */
static void room_at_a_source_that_does_not_reach_the_hosts_is_not_waited_for(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--source=" A " warmup=5",
			       "--source=" SIX " helo=six.sender.example warmup=5", "--retry-first=1s", NULL });
	s.route_for = at_google_in_one_family;
	fill("1@six.example", 1);
	assert_int_equal(answer_all(SIX, ATTEMPT_DELIVERED), 1); /* it has room for four */
	fill("1@four.example", 6);
	assert_int_equal(answer_all(A, ATTEMPT_DELIVERED), 5);
	assert_int_equal(sched_count(&s, &s.base.hub.counters.waiting), 1);
	fill("1@four.example", 1);
	struct fake_file *last = s.files[s.files_count - 1];
	const struct attempt *attempt =
		CONTAINER_OF(list_first(&last->message->attempts), struct attempt, message_node);
	assert_true(attempt->waits_for_room);
	assert_true(attempt->due_ns > clock_now_ns() + 2 * SECOND_NS);
	sched_end(&s);
}

static void what_was_not_taken_leaves_its_room_to_others(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--source=" A " warmup=2", "--retry-first=20ms", NULL });
	fill("1@a.example", 3);
	assert_int_equal(s.leased_count, 2);
	sched_answer(&s, sched_leased(&s, NULL), ATTEMPT_BOUNCED);
	sched_settle(&s);
	SCHED_WAIT(&s, s.leased_total == 3);
	assert_int_equal(answer_all(A, ATTEMPT_DELIVERED), 2);
	fill("1@a.example", 1);
	assert_int_equal(s.leased_count, 0);
	sched_end(&s);
}

static void before_its_first_day_nothing_leaves_from_a_source(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--source=" A " warmup=5 since=9000-01-01", "--source=" B, NULL });
	fill("1@a.example", 10);
	assert_int_equal(answer_all(B, ATTEMPT_DELIVERED), 10);
	sched_end(&s);
}

static void a_ramp_that_is_over_is_no_limit(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--source=" A " warmup=5 since=2020-01-01", NULL });
	fill("1@a.example", 10);
	assert_int_equal(answer_all(A, ATTEMPT_DELIVERED), 10);
	sched_end(&s);
}

/* ---- job directories ---- */

static struct fake_job *put_job(const char *pool, uint32_t rcpts)
{
	const struct fake_group groups[] = { { "a", 1, rcpts }, { NULL, 0, 0 } };
	struct fake_job *job = sched_job(&s, &(struct test_job){ .pool = pool, .groups = groups });
	sched_settle(&s);
	return job;
}

static void a_job_is_shared_out_by_the_weights_too(void **state)
{
	(void)state;
	sched_jobs_init(&s, (const char *const[]){ "--source=" A " weight=3", "--source=" B, NULL });
	struct fake_job *job = put_job(NULL, 1200);
	/* No more than what one of them may be ahead: 10 sessions, twice three for each, and 16. */
	assert_in_range(answer_all(A, ATTEMPT_DELIVERED), 900 - 76, 900 + 76);
	assert_int_equal(job->tally[0].by_fate[ATTEMPT_DELIVERED], 1200);
	sched_jobs_end(&s);
}

static void a_source_of_a_job_that_nobody_can_reach_anything_from_is_not_waited_for(void **state)
{
	(void)state;
	sched_jobs_init(&s, (const char *const[]){ "--source=" A, "--source=" B, "--retry-first=1h", NULL });
	struct fake_job *job = put_job(NULL, 1000);
	struct attempt *attempt;
	while ((attempt = sched_leased(&s, NULL)) != NULL) {
		bool fails = is_from(attempt, A);
		sched_answer_heard(&s, attempt, fails ? ATTEMPT_DEFERRED : ATTEMPT_DELIVERED,
			(struct heard){ .back_off = fails, .good = !fails });
		if (sched_leased(&s, NULL) == NULL)
			sched_settle(&s);
	}
	/* Its sessions had three each before the first failed. */
	assert_in_range(job->tally[0].by_fate[ATTEMPT_DEFERRED], 1, 30);
	assert_int_equal(
		job->tally[0].by_fate[ATTEMPT_DELIVERED] + job->tally[0].by_fate[ATTEMPT_DEFERRED], 1000);
	sched_jobs_end(&s);
}

/* What a source of the other family is owed of other domains is nothing that it could have of this one. */
static void a_job_does_not_wait_for_the_share_of_a_source_that_does_not_reach_its_hosts(void **state)
{
	(void)state;
	sched_jobs_init(&s, (const char *const[]){ "--source=" A, "--source=" SIX " helo=six.sender.example",
				    "--retry-first=1h", NULL });
	s.route_for = by_family;
	const struct fake_group groups[] = { { "both", 1, 1000 }, { NULL, 0, 0 } };
	struct fake_job *both = sched_job(&s, &(struct test_job){ .groups = groups });
	sched_settle(&s);
	for (int i = 0; i < 4; i++) {
		sched_answer(&s, leased_from(SIX), ATTEMPT_DELIVERED);
		sched_settle(&s);
	}
	uint32_t from_a = 0;
	for (struct attempt *attempt; (attempt = leased_from(A)) != NULL; from_a++) {
		sched_answer(&s, attempt, ATTEMPT_DELIVERED);
		sched_settle(&s);
	}
	assert_in_range(from_a, 20, 200); /* so far it may be ahead */
	sched_job_gone(&s, both);
	sched_settle(&s);
	answer_all(SIX, ATTEMPT_DELIVERED);
	sched_return_slots(&s);
	sched_settle(&s);
	put_job(NULL, 20);
	assert_int_equal(answer_all(A, ATTEMPT_DELIVERED), 20);
	sched_jobs_end(&s);
}

static void a_job_leaves_from_the_pool_that_it_names(void **state)
{
	(void)state;
	sched_jobs_init(&s, (const char *const[]){ "--source=" A, "--source=" B " pool=news", NULL });
	struct fake_job *job = put_job("news", 300), *other = put_job(NULL, 200);
	assert_int_equal(answer_all(B, ATTEMPT_DELIVERED), 300);
	assert_int_equal(job->tally[0].by_fate[ATTEMPT_DELIVERED], 300);
	assert_int_equal(other->tally[0].by_fate[ATTEMPT_DELIVERED], 200);
	sched_jobs_end(&s);
}

static void a_job_that_names_a_pool_that_nobody_has_is_not_made_into_mail(void **state)
{
	(void)state;
	sched_jobs_init(&s, (const char *const[]){ "--source=" A, "--source=" B " pool=news", NULL });
	struct fake_job *job = put_job("nwes", 300);
	assert_int_equal(job->tally[0].made, 0);
	assert_true(run_test_logged(&s.base, "job_pool_unknown"));
	sched_jobs_end(&s);
}

static void of_a_job_no_more_is_made_than_the_warm_up_allows(void **state)
{
	(void)state;
	sched_jobs_init(&s, (const char *const[]){ "--source=" A " warmup=50", NULL });
	struct fake_job *job = put_job(NULL, 300);
	assert_int_equal(answer_all(A, ATTEMPT_DELIVERED), 50);
	assert_int_equal(job->tally[0].made, 50);
	assert_int_equal(job->held, 0);
	/* Another job goes on with nobody: he who goes ahead to learn the way goes back. */
	struct fake_job *other = put_job(NULL, 100);
	assert_int_equal(other->held, 0);
	assert_int_equal(s.leased_count, 0);
	sched_jobs_end(&s);
}

static void put_into_one_run(const char *pool, uint32_t rcpts)
{
	put_job(pool, rcpts);
	hub_post(s.base.hub.scheduler, POST_KEEPER_IDLE, NULL, 0, 0);
	sched_files_idle(&s, 0);
}

static void once_ends_when_a_job_has_had_what_the_warm_up_allows(void **state)
{
	(void)state;
	sched_jobs_init(&s, (const char *const[]){ "--source=" A " warmup=50", "--once", NULL });
	put_into_one_run(NULL, 300);
	assert_int_equal(answer_all(A, ATTEMPT_DELIVERED), 50);
	SCHED_WAIT(&s, !s.running);
	sched_jobs_end(&s);
	assert_true(s.end.mail_waits);
}

static void once_ends_when_the_sources_of_a_job_are_blocked_and_others_are_not(void **state)
{
	(void)state;
	sched_jobs_init(&s, (const char *const[]){ "--source=" A " pool=news", "--source=" B, "--once", NULL });
	fill("1@a.example", 1);
	put_into_one_run("news", 300);
	sched_answer_heard(&s, leased_from(A), ATTEMPT_DELIVERED, (struct heard){ .suspend = true });
	answer_all(B, ATTEMPT_DELIVERED);
	SCHED_WAIT(&s, !s.running);
	sched_jobs_end(&s);
	assert_true(s.end.mail_waits);
}

/* Recipients went to and fro between their job and a source that can do nothing for them. */
static void a_job_that_is_blocked_is_not_asked_for_by_a_source_that_does_not_reach_its_hosts(void **state)
{
	(void)state;
	sched_jobs_init(&s, (const char *const[]){ "--source=" A, "--source=" SIX " helo=six.sender.example",
				    "--once", NULL });
	s.route_for = by_family;
	fill("1@both.example", 2);
	sched_answer_heard(&s, leased_from(A), ATTEMPT_DELIVERED, (struct heard){ .suspend = true });
	const struct fake_group groups[] = { { "a", 3, 20 }, { "both", 1, 10 }, { NULL, 0, 0 } };
	struct fake_job *job = sched_job(&s, &(struct test_job){ .groups = groups });
	sched_pass(&s, 50);
	assert_in_range(job->tally[0].made, 0, 6);
	hub_post(s.base.hub.scheduler, POST_KEEPER_IDLE, NULL, 0, 0);
	sched_files_idle(&s, 0);
	answer_all(SIX, ATTEMPT_DELIVERED);
	SCHED_WAIT(&s, !s.running);
	assert_int_equal(job->tally[1].by_fate[ATTEMPT_DELIVERED], 10); /* they are behind the others */
	sched_jobs_end(&s);
	assert_true(s.end.mail_waits);
}

static void what_is_more_of_a_job_goes_from_warm_sources(void **state)
{
	(void)state;
	sched_jobs_init(&s, (const char *const[]){ "--source=" A " warmup=50", "--source=" B, NULL });
	struct fake_job *job = put_job(NULL, 300);
	assert_int_equal(answer_all(A, ATTEMPT_DELIVERED), 50);
	assert_int_equal(job->tally[0].by_fate[ATTEMPT_DELIVERED], 300);
	sched_jobs_end(&s);
}

static void who_of_a_job_was_not_taken_leaves_his_room_to_others(void **state)
{
	(void)state;
	sched_jobs_init(&s, (const char *const[]){ "--source=" A " warmup=10", NULL });
	struct fake_job *job = put_job(NULL, 100);
	int bounced = 0;
	for (; bounced < 5; bounced++) {
		sched_answer(&s, sched_leased(&s, NULL), ATTEMPT_BOUNCED);
		sched_settle(&s);
	}
	assert_int_equal(answer_all(A, ATTEMPT_DELIVERED), 10);
	assert_int_equal(job->tally[0].by_fate[ATTEMPT_BOUNCED], 5);
	sched_jobs_end(&s);
}

static void a_job_takes_the_room_that_another_part_of_its_provider_leaves(void **state)
{
	(void)state;
	sched_jobs_init(&s, (const char *const[]){ "--source=" A " warmup=5", "--site=a.example sessions=3",
				    "--retry-first=1h", NULL });
	s.route_for = at_google;
	struct fake_job *first = put_job(NULL, 3);
	assert_int_equal(answer_all(A, ATTEMPT_DELIVERED), 3);
	assert_int_equal(first->unlinked, 1);
	fill("1@b.example", 2);
	struct fake_job *job = put_job(NULL, 10);
	assert_int_equal(sched_leased_of(&s, "a.example"), 0);
	for (int i = 0; i < 2; i++)
		sched_answer(&s, sched_leased(&s, "b.example"), ATTEMPT_BOUNCED);
	sched_settle(&s);
	assert_int_equal(answer_all(A, ATTEMPT_DELIVERED), 2);
	assert_int_equal(job->tally[0].by_fate[ATTEMPT_DELIVERED], 2);
	sched_jobs_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_source_has_its_share_of_the_mail_to_a_provider),
		cmocka_unit_test(many_small_providers_have_the_shares_together),
		cmocka_unit_test(mail_leaves_from_the_pool_that_it_names),
		cmocka_unit_test(a_pool_that_nobody_has_defers_its_mail_with_words),
		cmocka_unit_test(mail_that_no_source_can_bring_to_its_hosts_says_which_are_meant),
		cmocka_unit_test(what_waits_at_a_blocked_source_goes_from_another),
		cmocka_unit_test(what_cannot_leave_a_blocked_source_is_in_nobodys_way),
		cmocka_unit_test(a_source_whose_block_ends_takes_what_waits_at_one_that_stays_blocked),
		cmocka_unit_test(where_all_are_blocked_mail_waits_for_them),
		cmocka_unit_test(a_retry_comes_from_the_same_source),
		cmocka_unit_test(what_a_warm_up_does_not_allow_goes_from_warm_sources),
		cmocka_unit_test(parts_of_a_provider_that_rules_set_apart_have_one_warm_up),
		cmocka_unit_test(each_recipient_counts),
		cmocka_unit_test(without_a_warm_source_mail_waits_for_the_next_day_and_says_so),
		cmocka_unit_test(room_at_a_source_that_does_not_reach_the_hosts_is_not_waited_for),
		cmocka_unit_test(what_was_not_taken_leaves_its_room_to_others),
		cmocka_unit_test(before_its_first_day_nothing_leaves_from_a_source),
		cmocka_unit_test(a_ramp_that_is_over_is_no_limit),
		cmocka_unit_test(a_job_is_shared_out_by_the_weights_too),
		cmocka_unit_test(a_source_of_a_job_that_nobody_can_reach_anything_from_is_not_waited_for),
		cmocka_unit_test(a_job_does_not_wait_for_the_share_of_a_source_that_does_not_reach_its_hosts),
		cmocka_unit_test(a_job_leaves_from_the_pool_that_it_names),
		cmocka_unit_test(a_job_that_names_a_pool_that_nobody_has_is_not_made_into_mail),
		cmocka_unit_test(of_a_job_no_more_is_made_than_the_warm_up_allows),
		cmocka_unit_test(once_ends_when_a_job_has_had_what_the_warm_up_allows),
		cmocka_unit_test(once_ends_when_the_sources_of_a_job_are_blocked_and_others_are_not),
		cmocka_unit_test(
			a_job_that_is_blocked_is_not_asked_for_by_a_source_that_does_not_reach_its_hosts),
		cmocka_unit_test(what_is_more_of_a_job_goes_from_warm_sources),
		cmocka_unit_test(who_of_a_job_was_not_taken_leaves_his_room_to_others),
		cmocka_unit_test(a_job_takes_the_room_that_another_part_of_its_provider_leaves),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
