/* What rules of --site allow, shared by all sites that one holds for; and what is told when the speed of a site
 * changes (SMTP-39). */
#include <stdlib.h>
#include "engine/io/clock.h"
#include "engine/run/site_rules_set.h"
#include "tests/unit/engine/run/sched_test.h"

static struct sched s;

static void fill(const char *rcpts, int count)
{
	for (int i = 0; i < count; i++)
		sched_mail(&s, &(struct test_mail){ .rcpts = rcpts });
	sched_settle(&s);
}

static struct route *route_over(const char *domain, const char *host)
{
	const struct test_host hosts[] = { { host, 10, 0, "192.0.2.1", 0, NULL, 0 },
		{ NULL, 0, 0, NULL, 0, NULL, 0 } };
	return test_route(domain, hosts, UINT64_MAX);
}

/* Each domain has a host of its own, all of one hoster. */
static struct route *at_hoster(struct sched *sched, const char *domain)
{
	char host[300];
	(void)sched;
	snprintf(host, sizeof host, "mx-%c.hoster.example", domain[0]);
	return route_over(domain, host);
}

static struct route *at_google(struct sched *sched, const char *domain)
{
	(void)sched;
	return route_over(domain, "smtp.google.com");
}

/* ---- sessions ---- */

static void sites_share_the_sessions_of_their_rule_and_each_has_its_turn(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--site=hoster.example sessions=2", NULL });
	s.route_for = at_hoster;
	fill("1@a.example", 40);
	assert_int_equal(s.slots, 2);
	fill("1@b.example", 20);
	fill("1@c.example", 20);
	assert_int_equal(sched_leased_of(&s, "b.example"), 0);
	/* Who has held its session long enough gives it to who has none. */
	bool seen_b = false, seen_c = false;
	while (!seen_b || !seen_c) {
		SCHED_WAIT(&s, s.leased_count > 0);
		seen_b |= sched_leased(&s, "b.example") != NULL;
		seen_c |= sched_leased(&s, "c.example") != NULL;
		sched_answer(&s, sched_leased(&s, NULL), ATTEMPT_DELIVERED);
		sched_pass(&s, 60);
		assert_true(s.slots <= 2);
	}
	while (sched_count(&s, &s.base.hub.counters.delivered) < 80) {
		SCHED_WAIT(&s, s.leased_count > 0);
		sched_answer(&s, sched_leased(&s, NULL), ATTEMPT_DELIVERED);
		sched_settle(&s);
		sched_return_slots(&s);
		sched_settle(&s);
	}
	assert_int_equal(s.slots_max, 2);
	sched_end(&s);
}

static void sites_without_that_rule_are_not_touched(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--site=mx-a.hoster.example sessions=1", NULL });
	s.route_for = at_hoster;
	fill("1@a.example", 20);
	fill("1@b.example", 20);
	assert_int_equal(sched_slots_of(&s, "mx:mx-a.hoster.example"), 1);
	assert_int_equal(sched_slots_of(&s, "mx:mx-b.hoster.example"), 10);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	sched_end(&s);
}

static void a_rule_may_allow_more_than_the_flag_for_all_sites(void **state)
{
	(void)state;
	sched_init(&s,
		(const char *const[]){ "--site-sessions=2", "--site=a.example sessions=5", NULL });
	s.site_sessions = 5;
	fill("1@a.example", 30);
	fill("1@b.example", 30);
	assert_int_equal(sched_slots_of(&s, "mx:mx.a.example"), 5);
	assert_int_equal(sched_slots_of(&s, "mx:mx.b.example"), 2);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	sched_end(&s);
}

static void the_rule_for_all_mail_bounds_the_sum_and_not_each_site(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--site-sessions=4", "--site=* sessions=6", NULL });
	fill("1@a.example", 30);
	fill("1@b.example", 30);
	assert_int_equal(sched_slots_of(&s, "mx:mx.a.example"), 4);
	assert_int_equal(sched_slots_of(&s, "mx:mx.b.example"), 2);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_int_equal(s.slots_max, 6);
	sched_end(&s);
}

static void a_domain_with_a_rule_is_a_site_apart_under_the_limits_of_its_provider(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--site=shop.example sessions=1",
			       "--site=google sessions=4", NULL });
	s.route_for = at_google;
	fill("1@shop.example", 30);
	fill("1@other.example", 30);
	fill("1@third.example", 30);
	assert_int_equal(sched_slots_of(&s, "domain:shop.example"), 1);
	assert_int_equal(sched_slots_of(&s, "google"), 3);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_int_equal(s.slots_max, 4);
	sched_end(&s);
}

static void what_is_known_of_a_large_provider_holds_without_a_rule(void **state)
{
	(void)state;
	sched_init(&s, NULL);
	s.route_for = at_google;
	fill("1@a.example", 60);
	assert_int_equal(s.slots, 5);
	assert_int_equal(s.leases[0].lease->site->per_session, 50);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	sched_end(&s);
	sched_init(&s, (const char *const[]){ "--site=google sessions=8 per-session=7", NULL });
	s.route_for = at_google;
	fill("1@a.example", 60);
	assert_int_equal(s.slots, 8);
	assert_int_equal(s.leases[0].lease->site->per_session, 7);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	sched_end(&s);
}

static void the_most_specific_rule_that_says_so_chooses_single_flight(void **state) /* EXT-CHUNK-05 */
{
	(void)state;
	static const struct {
		const char *flags[3];
		bool flies;
	} table[] = {
		{ { "--site=* sessions=8", NULL }, false },
		{ { "--site=* single-flight=on", "--site=google sessions=8", NULL }, true },
		{ { "--site=* single-flight=on", "--site=google single-flight=off", NULL }, false },
	};
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		sched_init(&s, table[i].flags);
		s.route_for = at_google;
		fill("1@a.example", 60);
		assert_int_equal(s.leases[0].lease->site->single_flight, table[i].flies);
		sched_answer_all(&s, ATTEMPT_DELIVERED);
		sched_end(&s);
	}
}

static void with_per_source_each_address_has_the_limit_for_itself(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--source=192.0.2.10", "--source=192.0.2.11",
			       "--site=* sessions=2 per-source", NULL });
	fill("1@a.example", 40);
	assert_int_equal(s.slots, 4);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	sched_end(&s);
}

/* ---- rates ---- */

static void no_more_is_handed_out_than_the_rate_and_all_sites_get_some(void **state)
{
	(void)state;
	/* With as many sessions for each: where answers come more slowly than tokens these decide. */
	sched_init(&s, (const char *const[]){ "--site=hoster.example rate=50/s", "--site-sessions=2",
			       NULL });
	s.route_for = at_hoster;
	uint64_t start_ns = clock_now_ns();
	fill("1@a.example", 40);
	fill("1@b.example", 20);
	uint32_t last = 0, turns[2] = { 0 };
	while (sched_count(&s, &s.base.hub.counters.delivered) < 60) {
		SCHED_WAIT(&s, s.leased_count > 0);
		struct attempt *attempt = sched_leased(&s, NULL);
		bool is_b = attempt->route->domain[0] == 'b';
		turns[is_b]++;
		if (turns[1] < 20) /* while both have mail they take turns */
			assert_true(turns[0] <= turns[1] + 8);
		sched_answer(&s, attempt, ATTEMPT_DELIVERED);
		sched_settle(&s);
		uint64_t passed_ms = (clock_now_ns() - start_ns) / TEST_MS_NS;
		assert_true(s.leased_total <= 50 * passed_ms / 1000 + 6);
		last++;
	}
	assert_int_equal(last, 60);
	sched_end(&s);
}

static void a_message_that_comes_back_untried_has_its_token_back(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--site=* rate=1/h", NULL });
	fill("1@a.example", 3);
	assert_int_equal(s.leased_total, 1);
	for (int i = 0; i < 3; i++) {
		sched_return(&s, sched_leased(&s, NULL));
		SCHED_WAIT(&s, s.leased_count > 0);
	}
	assert_int_equal(s.leased_count, 1);
	sched_answer(&s, sched_leased(&s, NULL), ATTEMPT_DELIVERED);
	sched_pass(&s, 100);
	assert_int_equal(s.leased_count, 0);
	sched_end(&s);
	assert_int_equal(s.end.pending, 2);
}

static void who_waits_for_a_token_holds_nobody_up_who_needs_none(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--site=mx-a.hoster.example rate=1/h",
			       "--site=hoster.example sessions=3", NULL });
	s.route_for = at_hoster;
	fill("1@a.example", 10);
	fill("1@b.example", 10);
	assert_int_equal(sched_leased_of(&s, "a.example"), 1);
	while (sched_count(&s, &s.base.hub.counters.delivered) < 11) {
		SCHED_WAIT(&s, s.leased_count > 0);
		sched_answer(&s, sched_leased(&s, NULL), ATTEMPT_DELIVERED);
		sched_settle(&s);
	}
	sched_end(&s);
	assert_int_equal(s.end.pending, 9);
}

/* ---- other rules ---- */

static void read_again(const char *file)
{
	struct option_words words;
	struct fail fail;
	struct site_rules_set *set = calloc(1, sizeof *set);
	assert_non_null(set);
	arena_init(&set->arena, 4096, 65536);
	char *text = arena_alloc(&set->arena, strlen(file) + 1);
	assert_non_null(text);
	memcpy(text, file, strlen(file) + 1);
	assert_int_equal(
		options_file_split(text, strlen(file), &set->arena, &words, &fail), RESULT_OK);
	assert_int_equal(site_rules_add(&set->rules, &words, false, &set->arena, &fail), RESULT_OK);
	hub_post(s.base.hub.scheduler, POST_SITE_RULES, set, 0, 0);
	sched_settle(&s);
}

static void other_rules_hold_for_what_is_under_way(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--site-sessions=6", NULL });
	s.route_for = at_hoster;
	fill("1@a.example", 200);
	assert_int_equal(s.slots, 6);
	read_again("hoster.example sessions=2");
	assert_int_equal(s.site_reports, 1);
	assert_string_equal(s.site_words, "limited, 6 to 2 sessions: other rules, which allow 2");
	assert_int_equal(s.call_backs, 4);
	for (int i = 0; i < 12; i++) {
		sched_answer(&s, sched_leased(&s, NULL), ATTEMPT_DELIVERED);
		sched_settle(&s);
	}
	assert_int_equal(s.slots, 2);
	read_again("");
	assert_string_equal(s.site_words, "limited, 2 to 3 sessions: other rules, which allow 6");
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_int_equal(s.site_reports, 2);
	sched_end(&s);
}

static void sites_that_share_less_than_they_have_give_it_back(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--site-sessions=4", NULL });
	s.route_for = at_hoster;
	fill("1@a.example", 60);
	fill("1@b.example", 60);
	assert_int_equal(s.slots, 8);
	read_again("hoster.example sessions=3");
	assert_true(s.call_backs >= 5);
	while (s.slots > 3) {
		sched_answer(&s, sched_leased(&s, NULL), ATTEMPT_DELIVERED);
		sched_settle(&s);
	}
	s.slots_max = 0;
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_true(s.slots_max <= 3);
	sched_end(&s);
}

static void mail_that_waits_goes_by_the_rule_that_its_domain_has_now(void **state)
{
	(void)state;
	sched_init(&s, NULL);
	s.route_for = at_google;
	fill("1@shop.example", 40);
	assert_int_equal(sched_slots_of(&s, "google"), 5);
	read_again("shop.example rate=1/h");
	while (sched_leased(&s, NULL) != NULL) {
		sched_answer(&s, sched_leased(&s, NULL), ATTEMPT_DELIVERED);
		sched_settle(&s);
	}
	/* What had been handed out, and one of the site that it is now. */
	assert_int_equal(sched_count(&s, &s.base.hub.counters.delivered), 5 * LEASE_AHEAD + 1);
	assert_int_equal(sched_slots_of(&s, "domain:shop.example"), 1);
	read_again("");
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_int_equal(sched_count(&s, &s.base.hub.counters.delivered), 40);
	sched_end(&s);
}

static void a_rate_that_is_the_same_after_reading_again_does_not_start_anew(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--site=* rate=2/h", NULL });
	fill("1@a.example", 10);
	assert_int_equal(s.leased_total, 1);
	read_again("x.example sessions=1\n* rate=2/h");
	assert_int_equal(s.leased_total, 1);
	read_again("* rate=3/h");
	SCHED_WAIT(&s, s.leased_total == 2);
	sched_end(&s);
}

/* Random rules, read again in the middle of everything: no limit is passed for long, nothing is left over. */
static void whatever_is_read_again_all_mail_is_delivered(void **state)
{
	(void)state;
	static const char *const files[] = { "", "* sessions=2",
		"hoster.example sessions=1\n* rate=2000/s",
		"a.example rate=900/s\nb.example sessions=1",
		"mx-a.hoster.example sessions=3 per-session=2",
		"* sessions=3 rate=500/s per-source\nc.example sessions=2" };
	for (uint64_t seed = 1; seed <= 4; seed++) {
		uint64_t random = seed;
		sched_init(&s, (const char *const[]){ "--site-sessions=4", NULL });
		s.route_for = seed % 2 == 0 ? at_hoster : at_google;
		static const char *const rcpts[] = { "1@a.example", "1@b.example", "1@c.example" };
		for (int i = 0; i < 3; i++)
			fill(rcpts[i], 100);
		while (sched_count(&s, &s.base.hub.counters.delivered) < 300) {
			if (seeded_below(&random, 20) == 0)
				read_again(files[seeded_below(&random, COUNT_OF(files))]);
			if (s.leased_count > 0 && seeded_below(&random, 10) == 0)
				sched_return(&s, sched_leased(&s, NULL));
			else if (s.leased_count > 0)
				sched_answer(&s, sched_leased(&s, NULL), ATTEMPT_DELIVERED);
			if (seeded_below(&random, 10) == 0)
				sched_return_slots(&s);
			sched_pass(&s, s.leased_count > 0 ? 0 : 1);
		}
		sched_end(&s);
	}
}

/* ---- what is told ---- */

static void the_words_of_a_421_are_told(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--site-sessions=8", "--retry-first=1h", NULL });
	fill("1@a.example", 60);
	sched_answer(&s, sched_leased(&s, NULL), ATTEMPT_DELIVERED);
	sched_settle(&s);
	struct attempt *attempt = sched_leased(&s, NULL);
	atomic_store(&attempt->lease->why, strdup("421 4.7.0 too many of you"));
	sched_answer_heard(&s, attempt, ATTEMPT_DEFERRED, (struct heard){ .slow_down = true });
	sched_settle(&s);
	assert_int_equal(
		strncmp(s.site_words, "slowed down, 8 to 4 sessions: it answered 421", 45), 0);
	assert_non_null(strstr(s.site_words, "; 421 4.7.0 too many of you"));
	while (sched_leased(&s, NULL) != NULL) {
		sched_answer(&s, sched_leased(&s, NULL), ATTEMPT_DELIVERED);
		sched_settle(&s);
	}
	SCHED_WAIT(&s, s.leased_count > 0);
	assert_string_equal(s.site_words, "resumed, 4 to 4 sessions: the wait is over");
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_int_equal(s.site_reports, 2);
	sched_end(&s);
}

static void rising_latency_is_told_and_takes_sessions(void **state)
{
	(void)state;
	sched_init(&s, (const char *const[]){ "--site-sessions=8", NULL });
	fill("1@a.example", 400);
	for (int i = 0; i < 30; i++) {
		sched_answer_heard(&s, sched_leased(&s, NULL), ATTEMPT_DELIVERED,
			(struct heard){ .good = 1, .latency_ms = 20 });
		sched_settle(&s);
	}
	assert_int_equal(s.slots, 8);
	for (int i = 0; i < 200 && s.site_reports == 0; i++) {
		sched_answer_heard(&s, sched_leased(&s, NULL), ATTEMPT_DELIVERED,
			(struct heard){ .good = 1, .latency_ms = 3000 });
		sched_pass(&s, 100);
	}
	assert_int_equal(strncmp(s.site_words,
				 "slowed down, 8 to 6 sessions: its replies take 3.0 s, 0.0 s", 56),
		0);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	assert_int_equal(s.slots, 6);
	sched_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sites_share_the_sessions_of_their_rule_and_each_has_its_turn),
		cmocka_unit_test(sites_without_that_rule_are_not_touched),
		cmocka_unit_test(a_rule_may_allow_more_than_the_flag_for_all_sites),
		cmocka_unit_test(the_rule_for_all_mail_bounds_the_sum_and_not_each_site),
		cmocka_unit_test(
			a_domain_with_a_rule_is_a_site_apart_under_the_limits_of_its_provider),
		cmocka_unit_test(what_is_known_of_a_large_provider_holds_without_a_rule),
		cmocka_unit_test(the_most_specific_rule_that_says_so_chooses_single_flight),
		cmocka_unit_test(with_per_source_each_address_has_the_limit_for_itself),
		cmocka_unit_test(no_more_is_handed_out_than_the_rate_and_all_sites_get_some),
		cmocka_unit_test(a_message_that_comes_back_untried_has_its_token_back),
		cmocka_unit_test(who_waits_for_a_token_holds_nobody_up_who_needs_none),
		cmocka_unit_test(other_rules_hold_for_what_is_under_way),
		cmocka_unit_test(sites_that_share_less_than_they_have_give_it_back),
		cmocka_unit_test(mail_that_waits_goes_by_the_rule_that_its_domain_has_now),
		cmocka_unit_test(a_rate_that_is_the_same_after_reading_again_does_not_start_anew),
		cmocka_unit_test(whatever_is_read_again_all_mail_is_delivered),
		cmocka_unit_test(the_words_of_a_421_are_told),
		cmocka_unit_test(rising_latency_is_told_and_takes_sessions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
