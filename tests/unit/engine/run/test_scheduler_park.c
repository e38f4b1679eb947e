/* What waits on disk and comes back. The test is the keeper and the files thread as well (keeper.h). */
#include <stdio.h>
#include <stdlib.h>
#include "engine/io/clock.h"
#include "engine/run/revival.h"
#include "tests/unit/engine/run/sched_test.h"

static struct sched s;
static struct mailbox *keeper;
static uint32_t due_taken;
static struct revival *back;
static uint32_t minute_ms; /* of the watchdog; 0: a minute */
static int stands_for_a_queue; /* nobody looks into it here */

static void begin(const char *const *flags)
{
	struct fail fail;
	sched_prepare(&s, flags);
	if (minute_ms > 0)
		s.base.config.watch_minute_ns = minute_ms * TEST_MS_NS;
	assert_int_equal(mailbox_create(1024, &keeper, &fail), RESULT_OK);
	s.base.hub.keeper = keeper;
	s.base.hub.queue = (struct queue *)(void *)&stands_for_a_queue;
	due_taken = 0;
	back = NULL;
	sched_start(&s);
	hub_post(s.base.hub.scheduler, POST_RESOLVER_READY, NULL, 0, 0);
}

static void end(void)
{
	sched_end(&s);
	mailbox_destroy(keeper);
}

/* As the keeper does; what is parked has `left` recipients in the queue. */
static void settle(uint32_t left)
{
	struct mailbox_message message;
	bool any = true;
	while (any) {
		sched_settle(&s);
		for (any = false; mailbox_take(keeper, &message); any = true) {
			if (message.kind == POST_PARK) {
				((struct message *)message.object)->park_left = left;
				hub_post(s.base.hub.scheduler, POST_PARKED, message.object, RESULT_OK, 0);
			} else if (message.kind == POST_DUE_TAKEN) {
				due_taken += message.number;
			} else if (message.kind == POST_DUE_BACK) {
				assert_null(back);
				back = message.object;
			} else {
				assert_int_equal(message.kind, POST_STOP);
			}
		}
	}
}

/* As the files thread passes it on: for a message that it does not know any more. */
static void pass_on(struct fake_file *file, struct revival *revival)
{
	assert_null(file->message);
	file->message = test_message(&file->mail);
	revival->message = file->message;
	revival->is_first = true;
	file->message->was_gone = revival->is_withdrawn;
	hub_post(s.base.hub.scheduler, POST_REVIVED, revival, 0, 0);
}

static struct revival *revive(struct fake_file *file, uint64_t id, uint32_t rcpt, const char *address)
{
	const struct queue_rcpt rcpts[] = { { rcpt, text_of(address) } };
	const struct file_identity identity = { .inode = 1, .birth_ns = file->mail.birth_ns };
	const struct queue_file queued = { .file = record_file_of(file->name, &identity),
		.accepted_us = (uint64_t)clock_wall_us(), .from = text_of("news@list.example"), .rcpts_left = 1 };
	const struct queue_attempt attempt = { .key = { 1, id }, .next_us = 1, .number = 2, .waits = 1,
		.expires_us = (uint64_t)clock_wall_us() + 3600000000u, .domain = text_of("a.example"),
		.rcpts = rcpts, .rcpts_count = 1 };
	struct revival *revival = revival_create(&queued, &attempt);
	assert_non_null(revival);
	return revival;
}

static struct fake_file *park(const char *rcpts, uint32_t left)
{
	struct fake_file *file =
		sched_mail(&s, &(struct test_mail){ .rcpts = rcpts, .birth_ns = clock_wall_us() * 1000 });
	sched_settle(&s);
	sched_answer_all(&s, ATTEMPT_DEFERRED);
	settle(left);
	assert_int_equal(file->evicted, 1);
	return file;
}

static void what_is_given_back_is_acknowledged_once_and_once_waits_for_it(void **state)
{
	(void)state;
	begin((const char *const[]){ "--once", "--retry-first=1h", "--park-after=0s", NULL });
	struct fake_file *file = park("1@a.example", 1);
	struct revival *revival = revive(file, 1, 0, "1@a.example");
	file->read_result = RESULT_NOT_FOUND; /* for a moment only: the worker saw it gone */
	pass_on(file, revival);
	settle(1);
	assert_ptr_equal(back, revival);
	assert_int_equal(due_taken, 1);
	hub_post(s.base.hub.scheduler, POST_KEEPER_IDLE, NULL, 0, 1);
	sched_files_idle(&s, 0);
	settle(1);
	assert_int_equal(s.drains, 0); /* it is due, and not here */
	file->read_result = RESULT_OK;
	pass_on(file, back);
	settle(0);
	assert_int_equal(due_taken, 1);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	sched_files_idle(&s, 0);
	settle(0);
	assert_int_equal(file->by_fate[ATTEMPT_DELIVERED], 1);
	assert_false(s.running);
	end();
}

static void pass_with_the_keeper(uint32_t ms)
{
	uint64_t end_ns = clock_now_ns() + ms * TEST_MS_NS;
	while (clock_now_ns() < end_ns) {
		sched_pass(&s, 1);
		settle(1);
	}
}

/* Else it would stay for as long as the site is blocked, which may be days. */
static void what_the_journal_is_kept_for_waits_on_disk_while_its_site_is_blocked(void **state)
{
	(void)state;
	minute_ms = 40;
	begin((const char *const[]){ "--retry-first=1h", NULL });
	minute_ms = 0;
	sched_mail(&s, &(struct test_mail){ .rcpts = "0@a.example" });
	sched_settle(&s);
	sched_answer_heard(
		&s, sched_leased(&s, "a.example"), ATTEMPT_DEFERRED, (struct heard){ .suspend = true });
	const int64_t birth_ns = clock_wall_us() * 1000;
	struct fake_file *half =
		sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example 1@b.example", .birth_ns = birth_ns });
	struct fake_file *untried =
		sched_mail(&s, &(struct test_mail){ .rcpts = "2@a.example", .birth_ns = birth_ns });
	sched_settle(&s);
	sched_answer(&s, sched_leased(&s, "b.example"), ATTEMPT_DELIVERED);
	sched_settle(&s);
	assert_null(sched_leased(&s, NULL));
	atomic_store(&s.base.hub.counters.segments, 3);
	pass_with_the_keeper(400);
	assert_int_equal(half->evicted, 0); /* a few segments are no matter */
	atomic_store(&s.base.hub.counters.segments, 4);
	for (int waited = 0; half->evicted == 0 && waited < SCHED_WAIT_MS; waited++)
		pass_with_the_keeper(1);
	assert_int_equal(half->evicted, 1);
	assert_int_equal(untried->evicted, 0); /* the journal has nothing of it */
	/* It comes back, and is sent when the site opens; until then nothing of the journal is for it. */
	struct revival *revival = revive(half, 1, 0, "1@a.example");
	pass_on(half, revival);
	settle(0);
	pass_with_the_keeper(400);
	assert_int_equal(half->evicted, 1);
	hub_post(s.base.hub.scheduler, POST_DRAIN, NULL, 0, 0);
	settle(1);
	end();
}

/* Whatever time its submitter gave: it is over. */
static void once_waits_for_what_was_put_on_disk_untried_until_it_has_come_back(void **state)
{
	(void)state;
	minute_ms = 40;
	begin((const char *const[]){ "--once", "--retry-first=1h", "--park-after=1d", NULL });
	minute_ms = 0;
	sched_mail(&s, &(struct test_mail){ .rcpts = "1@c.example" }); /* a worker has it meanwhile */
	sched_mail(&s, &(struct test_mail){ .rcpts = "0@a.example" });
	sched_settle(&s);
	sched_answer_heard(
		&s, sched_leased(&s, "a.example"), ATTEMPT_DEFERRED, (struct heard){ .suspend = true });
	struct fake_file *half = sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example 1@b.example",
							.birth_ns = clock_wall_us() * 1000,
							.not_before_unix_s = clock_wall_us() / 1000000 - 60 });
	sched_settle(&s);
	sched_answer(&s, sched_leased(&s, "b.example"), ATTEMPT_DELIVERED);
	sched_settle(&s);
	atomic_store(&s.base.hub.counters.segments, 4);
	for (int waited = 0; half->evicted == 0 && waited < SCHED_WAIT_MS; waited++)
		pass_with_the_keeper(1);
	assert_int_equal(half->evicted, 1);
	hub_post(s.base.hub.scheduler, POST_KEEPER_IDLE, NULL, 0, 0);
	sched_files_idle(&s, 0);
	sched_answer(&s, sched_leased(&s, "c.example"), ATTEMPT_DELIVERED);
	settle(1);
	sched_files_idle(&s, 0);
	settle(1);
	assert_int_equal(s.drains, 0);
	atomic_store(&s.base.hub.counters.segments, 1);
	struct revival *revival = revive(half, 1, 0, "1@a.example");
	revival->attempt.waits = 0;
	revival->attempt.is_away = true;
	hub_post(s.base.hub.scheduler, POST_KEEPER_IDLE, NULL, 0, 1);
	pass_on(half, revival);
	settle(1);
	sched_files_idle(&s, 0);
	for (int waited = 0; s.running && waited < SCHED_WAIT_MS; waited++)
		pass_with_the_keeper(1);
	assert_false(s.running); /* the site is blocked: nothing is left to try now */
	end();
}

/* It was deferred before the end and recorded behind it: its place in time is not lost. */
static void what_is_deferred_last_is_parked_as_well_at_the_end(void **state)
{
	(void)state;
	begin((const char *const[]){ "--retry-first=1h", "--park-after=1d", NULL });
	struct fake_file *file =
		sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example", .birth_ns = clock_wall_us() * 1000 });
	sched_settle(&s);
	s.hold_records = true;
	sched_answer_all(&s, ATTEMPT_DEFERRED);
	hub_post(s.base.hub.scheduler, POST_DRAIN, NULL, 0, 0);
	settle(1);
	assert_int_equal(file->evicted, 0);
	sched_release(&s);
	settle(1);
	assert_int_equal(file->evicted, 1);
	end();
}

static void records_of_an_earlier_run_are_counted_out_once_however_often_it_is_parked(void **state)
{
	(void)state;
	begin((const char *const[]){ "--retry-first=1h", "--park-after=0s", NULL });
	const int64_t birth_ns = clock_wall_us() * 1000;
	const struct file_identity identity = { .inode = 1, .birth_ns = birth_ns };
	assert_int_equal(recovery_add_done(&s.base.recovery, text_of("m0"), &identity, 0, 1), RESULT_OK);
	struct fake_file *file =
		sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example 2@a.example", .birth_ns = birth_ns });
	for (uint32_t id = 1; id < 4; id++) {
		sched_settle(&s);
		sched_answer_all(&s, ATTEMPT_DEFERRED);
		settle(1);
		assert_int_equal(file->evicted, id);
		assert_int_equal(file->evicted_recovered, 1);
		pass_on(file, revive(file, id, 1, "2@a.example"));
		settle(0);
	}
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	settle(0);
	assert_int_equal(file->by_fate[ATTEMPT_DELIVERED], 1);
	assert_int_equal(file->unlinked, 1);
	end();
}

static void recipients_of_a_file_that_is_gone_keep_their_numbers(void **state)
{
	(void)state;
	begin((const char *const[]){ "--retry-first=1h", "--park-after=0s", NULL });
	struct fake_file *file = park("1@a.example 2@a.example 3@a.example", 3);
	for (uint32_t rcpt = 3; rcpt-- > 0;) {
		struct revival *revival = revive(file, rcpt + 1, rcpt, "x@a.example");
		revival->is_withdrawn = true;
		pass_on(file, revival);
			settle(0);
		assert_int_equal(file->finals[rcpt], 1);
	}
	assert_int_equal(file->by_fate[ATTEMPT_WITHDRAWN], 3);
	end();
}

static void a_parked_file_that_was_written_over_in_place_is_not_read_for_ever(void **state)
{
	(void)state;
	begin((const char *const[]){ "--retry-first=1h", "--park-after=0s", NULL });
	struct fake_file *file = park("1@a.example 2@a.example", 2);
	file->read_result = RESULT_TOO_LONG;
	pass_on(file, revive(file, 1, 0, "1@a.example"));
	settle(2);
	assert_non_null(back);
	assert_true(back->is_changed);
	revival_destroy(back);
	back = NULL;
	file->read_result = RESULT_OK; /* mail again, but to others */
	pass_on(file, revive(file, 2, 1, "other@a.example"));
	settle(2);
	assert_non_null(back);
	assert_true(back->is_changed);
	assert_null(sched_leased(&s, NULL));
	back->is_withdrawn = true;
	pass_on(file, back);
	settle(1);
	assert_int_equal(file->by_fate[ATTEMPT_WITHDRAWN], 1);
	end();
}

/* Nobody may read the file any more. Its recipients are known all the same, and each has an end. */
static void mail_that_cannot_be_read_until_its_lifetime_ends_expires(void **state)
{
	(void)state;
	begin((const char *const[]){ "--retry-first=1h", "--park-after=0s", NULL });
	struct fake_file *file = park("1@a.example 2@a.example 3@b.example", 3);
	file->read_result = RESULT_FORBIDDEN;
	struct revival *revival = revive(file, 1, 1, "2@a.example");
	revival->attempt.expires_us = (uint64_t)clock_wall_us() - 1;
	revival->attempt.key.due_us = revival->attempt.next_us = revival->attempt.expires_us;
	revival->file.rcpts_left = 3;
	pass_on(file, revival);
	settle(2);
	assert_int_equal(file->by_fate[ATTEMPT_EXPIRED], 1);
	assert_int_equal(file->finals[1], 1); /* as the file counts them */
	assert_string_equal(file->status, "4.4.7");
	assert_int_equal(file->evicted, 2);
	assert_int_equal(file->unlinked, 0); /* two wait still */
	/* Of another domain, and not expired: it waits for its file, and comes when that can be read. */
	pass_on(file, revive(file, 2, 2, "3@b.example"));
	settle(1);
	assert_int_equal(file->by_fate[ATTEMPT_EXPIRED], 1);
	assert_int_equal(file->reads, 3);
	end();
}

/* One attempt for each of them. */
static char *many_domains(uint32_t count)
{
	char *text = malloc(count * 24u), *end = text;
	assert_non_null(text);
	for (uint32_t i = 0; i < count; i++)
		end += sprintf(end, "r@d%u.example ", i);
	end[-1] = '\0';
	return text;
}

static struct route *at_one_provider(struct sched *sched, const char *domain)
{
	(void)sched;
	const struct test_host hosts[] = { { "mx.hoster.example", 10, 0, "192.0.2.1", 0, NULL, 0 },
		{ NULL, 0, 0, NULL, 0, NULL, 0 } };
	return test_route(domain, hosts, UINT64_MAX);
}

static void a_file_with_thousands_of_domains_is_parked_when_the_last_of_them_waits(void **state)
{
	(void)state;
	enum { DOMAINS = 3000 };
	char *rcpts = many_domains(DOMAINS);
	begin((const char *const[]){ "--retry-first=1h", "--park-after=1m", "--site-sessions=100", NULL });
	s.route_for = at_one_provider;
	struct fake_file *file = sched_mail(&s, &(struct test_mail){ .rcpts = rcpts });
	sched_settle(&s);
	for (uint32_t i = 1; i < DOMAINS; i++) {
		sched_answer(&s, sched_leased(&s, NULL), ATTEMPT_DEFERRED);
		if (sched_leased(&s, NULL) == NULL)
			sched_settle(&s);
	}
	settle(0);
	assert_int_equal(file->evicted, 0);
	sched_answer(&s, sched_leased(&s, NULL), ATTEMPT_DEFERRED);
	settle(DOMAINS);
	assert_int_equal(file->by_fate[ATTEMPT_DEFERRED], DOMAINS);
	assert_int_equal(file->evicted, 1);
	end();
	free(rcpts);
}

static void one_attempt_that_is_due_soon_keeps_all_of_the_message_in_memory(void **state)
{
	(void)state;
	begin((const char *const[]){ "--retry-first=1h", "--park-after=2m", NULL });
	struct fake_file *file = sched_mail(&s,
		&(struct test_mail){ .rcpts = "1@a.example 2@b.example 3@c.example",
			.not_before_unix_s = clock_wall_us() / 1000000 + 60 });
	settle(0);
	assert_int_equal(file->evicted, 0);
	sched_file_gone(&s, file);
	settle(0);
	assert_int_equal(file->by_fate[ATTEMPT_WITHDRAWN], 3);
	end();
}

/* To read such a file for each of them alone, and to write what waits of it, costs by all of them. */
static void a_file_of_which_many_more_may_follow_stays_for_a_moment(void **state)
{
	(void)state;
	enum { DOMAINS = 200 };
	char *rcpts = many_domains(DOMAINS);
	begin((const char *const[]){ "--retry-first=1h", "--park-after=0s", NULL });
	s.route_for = at_one_provider;
	struct fake_file *file = park(rcpts, DOMAINS);
	uint32_t reads = file->reads;
	for (uint32_t i = 0; i < 20; i++) {
		char address[32];
		snprintf(address, sizeof address, "r@d%u.example", i);
		struct revival *revival = revive(file, i + 1, i, address);
		revival->file.rcpts_left = DOMAINS;
		if (i == 0) {
			pass_on(file, revival);
		} else {
			revival->message = file->message;
			hub_post(s.base.hub.scheduler, POST_REVIVED, revival, 0, 0);
		}
		settle(DOMAINS);
		sched_answer(&s, sched_leased(&s, NULL), ATTEMPT_DEFERRED);
		settle(DOMAINS);
		assert_int_equal(file->evicted, 1);
	}
	assert_int_equal(file->reads, reads + 1);
	for (int waited = 0; file->evicted == 1 && waited < SCHED_WAIT_MS; waited++) {
		sched_pass(&s, 1);
		settle(DOMAINS);
	}
	assert_int_equal(file->evicted, 2);
	end();
	free(rcpts);
}

/* A wall clock that is ahead for a while, or that was set back: neither is what its lifetime goes by. */
static void the_lifetime_of_what_cannot_be_read_goes_by_the_time_of_the_queue(void **state)
{
	(void)state;
	begin((const char *const[]){ "--retry-first=1h", "--park-after=0s", NULL });
	const int64_t wall_us = clock_wall_us(), hour_us = 3600000000;
	struct fake_file *file = park("1@a.example 2@a.example", 2);
	file->read_result = RESULT_FORBIDDEN;
	queue_clock_start(&s.base.hub.clock, clock_now_ns(), wall_us + 2 * hour_us, 0);
	struct revival *revival = revive(file, 1, 1, "2@a.example");
	revival->attempt.expires_us = (uint64_t)(wall_us + hour_us);
	revival->attempt.key.due_us = revival->attempt.next_us = revival->attempt.expires_us;
	pass_on(file, revival);
	settle(1);
	assert_int_equal(file->by_fate[ATTEMPT_EXPIRED], 1);
	queue_clock_start(&s.base.hub.clock, clock_now_ns(), wall_us - 2 * hour_us, 0);
	revival = revive(file, 2, 0, "1@a.example");
	revival->attempt.expires_us = (uint64_t)(wall_us - hour_us);
	revival->attempt.key.due_us = revival->attempt.next_us = revival->attempt.expires_us;
	pass_on(file, revival);
	settle(1);
	assert_int_equal(file->by_fate[ATTEMPT_EXPIRED], 1);
	end();
}

static struct revival *revive_late(struct fake_file *file)
{
	struct revival *revival = revive(file, 1, 0, "1@a.example");
	revival->attempt.expires_us = (uint64_t)clock_wall_us() - 3600000000u;
	revival->attempt.key.due_us = revival->attempt.next_us = revival->attempt.expires_us - 1000000;
	return revival;
}

static void what_missed_its_end_and_cannot_be_read_has_a_while_for_that(void **state)
{
	(void)state;
	begin((const char *const[]){ "--retry-first=1h", "--park-after=0s", NULL });
	struct fake_file *file = park("1@a.example", 1);
	file->read_result = RESULT_FORBIDDEN;
	pass_on(file, revive_late(file));
	settle(1);
	assert_int_equal(file->reads, 2);
	assert_int_equal(file->by_fate[ATTEMPT_EXPIRED], 0);
	end();
}

/* Without its mail there is nothing that could be tried. */
static void what_missed_its_end_and_is_not_readable_in_time_expires(void **state)
{
	(void)state;
	begin((const char *const[]){ "--retry-first=1h", "--park-after=0s", NULL });
	struct fake_file *file = park("1@a.example", 1);
	file->read_result = RESULT_FORBIDDEN;
	struct revival *revival = revive_late(file);
	revival->arrived_ns = clock_now_ns() - 301 * 1000 * TEST_MS_NS;
	pass_on(file, revival);
	settle(0);
	assert_int_equal(file->by_fate[ATTEMPT_EXPIRED], 1);
	assert_null(sched_leased(&s, NULL));
	end();
}

static void what_missed_both_its_time_and_its_end_is_tried_once(void **state)
{
	(void)state;
	begin((const char *const[]){ "--retry-first=1h", "--park-after=0s", NULL });
	struct fake_file *file = park("1@a.example", 1);
	struct revival *revival = revive(file, 1, 0, "1@a.example");
	revival->attempt.expires_us = (uint64_t)clock_wall_us() - 3600000000u;
	revival->attempt.key.due_us = revival->attempt.next_us = revival->attempt.expires_us - 1000000;
	pass_on(file, revival);
	settle(0);
	assert_int_equal(file->by_fate[ATTEMPT_EXPIRED], 0);
	sched_answer_all(&s, ATTEMPT_DELIVERED);
	settle(0);
	assert_int_equal(file->by_fate[ATTEMPT_DELIVERED], 1);
	end();
}

static void what_was_to_end_when_it_comes_is_not_tried_again(void **state)
{
	(void)state;
	begin((const char *const[]){ "--retry-first=1h", "--park-after=0s", NULL });
	struct fake_file *file = park("1@a.example", 1);
	struct revival *revival = revive(file, 1, 0, "1@a.example");
	revival->attempt.expires_us = (uint64_t)clock_wall_us() - 3600000000u;
	revival->attempt.key.due_us = revival->attempt.next_us = revival->attempt.expires_us;
	pass_on(file, revival);
	settle(0);
	assert_int_equal(file->by_fate[ATTEMPT_EXPIRED], 1);
	end();
}

/* Its key was that of a warning. */
static void what_was_to_be_told_of_before_its_end_is_not_tried_again_for_that(void **state)
{
	(void)state;
	begin((const char *const[]){ "--retry-first=1h", "--park-after=0s", NULL });
	struct fake_file *file = park("1@a.example", 1);
	struct revival *revival = revive(file, 1, 0, "1@a.example");
	revival->attempt.expires_us = (uint64_t)clock_wall_us() - 3600000000u;
	revival->attempt.next_us = revival->attempt.expires_us;
	revival->attempt.key.due_us = revival->attempt.expires_us - 1000000;
	pass_on(file, revival);
	settle(0);
	assert_int_equal(file->by_fate[ATTEMPT_EXPIRED], 1);
	end();
}

static void what_missed_the_end_that_its_submitter_gave_is_not_tried_again(void **state)
{
	(void)state;
	begin((const char *const[]){ "--retry-first=1h", "--park-after=0s", NULL });
	struct fake_file *file =
		sched_mail(&s, &(struct test_mail){ .rcpts = "1@a.example",
				       .birth_ns = clock_wall_us() * 1000,
				       .expiry_unix_s = clock_wall_us() / 1000000 + 3600 });
	sched_settle(&s);
	sched_answer_all(&s, ATTEMPT_DEFERRED);
	settle(1);
	file->mail.expiry_unix_s = clock_wall_us() / 1000000 - 60;
	struct revival *revival = revive(file, 1, 0, "1@a.example");
	revival->attempt.expires_us = (uint64_t)file->mail.expiry_unix_s * 1000000;
	pass_on(file, revival);
	settle(0);
	assert_int_equal(file->by_fate[ATTEMPT_EXPIRED], 1);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mail_that_cannot_be_read_until_its_lifetime_ends_expires),
		cmocka_unit_test(the_lifetime_of_what_cannot_be_read_goes_by_the_time_of_the_queue),
		cmocka_unit_test(what_missed_its_end_and_cannot_be_read_has_a_while_for_that),
		cmocka_unit_test(what_missed_its_end_and_is_not_readable_in_time_expires),
		cmocka_unit_test(what_is_given_back_is_acknowledged_once_and_once_waits_for_it),
		cmocka_unit_test(what_the_journal_is_kept_for_waits_on_disk_while_its_site_is_blocked),
		cmocka_unit_test(once_waits_for_what_was_put_on_disk_untried_until_it_has_come_back),
		cmocka_unit_test(what_is_deferred_last_is_parked_as_well_at_the_end),
		cmocka_unit_test(
			records_of_an_earlier_run_are_counted_out_once_however_often_it_is_parked),
		cmocka_unit_test(recipients_of_a_file_that_is_gone_keep_their_numbers),
		cmocka_unit_test(what_missed_both_its_time_and_its_end_is_tried_once),
		cmocka_unit_test(what_was_to_end_when_it_comes_is_not_tried_again),
		cmocka_unit_test(what_was_to_be_told_of_before_its_end_is_not_tried_again_for_that),
		cmocka_unit_test(what_missed_the_end_that_its_submitter_gave_is_not_tried_again),
		cmocka_unit_test(a_parked_file_that_was_written_over_in_place_is_not_read_for_ever),
		cmocka_unit_test(
			a_file_with_thousands_of_domains_is_parked_when_the_last_of_them_waits),
		cmocka_unit_test(one_attempt_that_is_due_soon_keeps_all_of_the_message_in_memory),
		cmocka_unit_test(a_file_of_which_many_more_may_follow_stays_for_a_moment),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
