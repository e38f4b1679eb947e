/* Loops of several threads, with real rings: messages, timers and completions each get their
 * turn. */
#include "tests/unit/engine/io/io_test.h"
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include "engine/base/nanoseconds.h"
#include "engine/io/loop.h"

enum { KIND_PING = 1, KIND_STOP, KIND_COUNT };

static struct mailbox *mailbox_for_test(uint32_t messages)
{
	struct mailbox *mailbox;
	struct fail fail;
	assert_int_equal(mailbox_create(messages, &mailbox, &fail), RESULT_OK);
	return mailbox;
}

/* ---- one thread ---- */

struct solo {
	struct loop loop;
	struct timer timer;
	unsigned messages, timers, turn_ends, posted;
	unsigned turns_wanted; /* turn_end asks for so many more */
	struct io_op op;
	uint64_t fired_ns;
};

static void solo_message(struct loop *loop, const struct mailbox_message *message)
{
	struct solo *solo = loop->owner;
	solo->messages++;
	if (message->kind == KIND_STOP)
		loop_stop(loop);
}

static void solo_turn_end(struct loop *loop)
{
	struct solo *solo = loop->owner;
	solo->turn_ends++;
	if (solo->turns_wanted > 0) {
		solo->turns_wanted--;
		loop_turn_again(loop);
	}
}

static const struct loop_handlers solo_handlers = { solo_message, solo_turn_end };

static void solo_timer(struct timer *timer)
{
	struct solo *solo = CONTAINER_OF(timer, struct solo, timer);
	solo->timers++;
	solo->fired_ns = clock_now_ns();
	loop_stop(&solo->loop);
}

static void init_solo(struct solo *solo, struct mailbox *mailbox)
{
	static const struct ring_options options = { .submissions = 64, .without_buffers = true };
	struct fail fail;
	memset(solo, 0, sizeof *solo);
	assert_int_equal(
		loop_init(&solo->loop, &options, mailbox, &solo_handlers, solo, &fail), RESULT_OK);
}

static void a_timer_fires_in_time_and_the_loop_sleeps_until_then(void **state)
{
	(void)state;
	struct solo solo;
	init_solo(&solo, NULL);
	uint64_t start_ns = loop_now_ns(&solo.loop);
	loop_timer_start(&solo.loop, &solo.timer, 50000000, solo_timer);
	loop_run(&solo.loop);
	assert_int_equal(solo.timers, 1);
	assert_in_range(solo.fired_ns - start_ns, 50000000, 5000000000);
	assert_in_range(ring_counters(solo.loop.ring)->turns, 1, 10); /* no spinning */
	loop_deinit(&solo.loop);
}

static void a_loop_that_was_stopped_runs_again(void **state)
{
	(void)state;
	struct solo solo;
	init_solo(&solo, NULL);
	for (unsigned i = 1; i <= 3; i++) {
		loop_timer_start(&solo.loop, &solo.timer, 2000000, solo_timer);
		loop_run(&solo.loop);
		assert_int_equal(solo.timers, i);
	}
	loop_deinit(&solo.loop);
}

static void messages_that_are_there_are_read_before_it_sleeps(void **state)
{
	(void)state;
	struct solo solo;
	struct mailbox *mailbox = mailbox_for_test(1024);
	init_solo(&solo, mailbox);
	for (int i = 0; i < 1000; i++)
		mailbox_post(mailbox, &(struct mailbox_message){ .kind = KIND_PING });
	loop_run_once(&solo.loop, RING_FOREVER);
	assert_int_equal(solo.messages, LOOP_TURN_MESSAGES_MAX);
	assert_int_equal(solo.turn_ends, 1);
	mailbox_post(mailbox, &(struct mailbox_message){ .kind = KIND_STOP });
	loop_run(&solo.loop);
	assert_int_equal(solo.messages, 1001);
	loop_deinit(&solo.loop);
	mailbox_destroy(mailbox);
}

static void a_turn_that_is_asked_for_comes_without_a_sleep(void **state)
{
	(void)state;
	struct solo solo;
	struct mailbox *mailbox = mailbox_for_test(1024);
	init_solo(&solo, mailbox);
	solo.loop.nap_ns = 60 * SECOND_NS;
	solo.turns_wanted = 3;
	for (int i = 0; i < LOOP_NAP_MESSAGES_MIN; i++)
		mailbox_post(mailbox, &(struct mailbox_message){ .kind = KIND_PING });
	for (unsigned i = 1; i <= 3; i++) { /* the first instead of a nap, the others instead of a sleep */
		loop_run_once(&solo.loop, RING_FOREVER);
		assert_int_equal(solo.turn_ends, i);
	}
	loop_timer_start(&solo.loop, &solo.timer, 50000000, solo_timer);
	uint64_t start_ns = clock_now_ns();
	loop_run(&solo.loop);
	assert_in_range(solo.fired_ns - start_ns, 40000000, 5000000000);
	assert_in_range(solo.turn_ends, 4, 10); /* it sleeps again */
	loop_deinit(&solo.loop);
	mailbox_destroy(mailbox);
}

/* What is asked for before turn_end is there when that looks. */
static void asking_before_the_end_of_a_turn_brings_no_other(void **state)
{
	(void)state;
	struct solo solo;
	init_solo(&solo, NULL);
	loop_turn_again(&solo.loop);
	loop_timer_start(&solo.loop, &solo.timer, 20000000, solo_timer);
	loop_run(&solo.loop);
	assert_in_range(solo.turn_ends, 1, 4);
	loop_deinit(&solo.loop);
}

/* Who posts beside a thread that naps does not wake it, and is heard when the nap is over. */
static void a_loop_with_much_mail_naps_and_looks_again(void **state)
{
	(void)state;
	enum { NAP_NS = 20000000 };
	struct solo solo;
	struct mailbox *mailbox = mailbox_for_test(1024);
	init_solo(&solo, mailbox);
	solo.loop.nap_ns = NAP_NS;
	for (int i = 0; i < LOOP_NAP_MESSAGES_MIN; i++)
		mailbox_post(mailbox, &(struct mailbox_message){ .kind = KIND_PING });
	uint64_t start_ns = clock_now_ns();
	loop_run_once(&solo.loop, RING_FOREVER); /* returns without a wake-up, timer or completion */
	assert_in_range(clock_now_ns() - start_ns, NAP_NS, 5000000000);
	assert_int_equal(solo.messages, LOOP_NAP_MESSAGES_MIN);
	for (int i = 0; i < LOOP_NAP_MESSAGES_MIN; i++)
		mailbox_post(mailbox, &(struct mailbox_message){ .kind = KIND_PING });
	/* A timer does not wait for the end of a nap. */
	solo.loop.nap_ns = 60 * SECOND_NS;
	loop_timer_start(&solo.loop, &solo.timer, 1000000, solo_timer);
	loop_run(&solo.loop);
	assert_int_equal(solo.timers, 1);
	assert_int_equal(solo.messages, 2 * LOOP_NAP_MESSAGES_MIN);
	loop_deinit(&solo.loop);
	mailbox_destroy(mailbox);
}

static void *post_when_it_sleeps(void *arg)
{
	struct solo *solo = arg;
	struct fail fail;
	if (mailbox_test(solo->loop.mailbox, 60000, &fail) == RESULT_OK) /* true of one that sleeps only */
		mailbox_post(solo->loop.mailbox, &(struct mailbox_message){ .kind = KIND_STOP });
	return NULL;
}

static void a_loop_with_little_mail_is_woken_by_the_next(void **state)
{
	(void)state;
	struct solo solo;
	struct mailbox *mailbox = mailbox_for_test(1024);
	init_solo(&solo, mailbox);
	solo.loop.nap_ns = 60 * SECOND_NS;
	for (int i = 0; i < LOOP_NAP_MESSAGES_MIN - 1; i++)
		mailbox_post(mailbox, &(struct mailbox_message){ .kind = KIND_PING });
	pthread_t sender;
	assert_int_equal(pthread_create(&sender, NULL, post_when_it_sleeps, &solo), 0);
	loop_run(&solo.loop);
	assert_int_equal(pthread_join(sender, NULL), 0);
	assert_int_equal(solo.messages, LOOP_NAP_MESSAGES_MIN);
	loop_deinit(&solo.loop);
	mailbox_destroy(mailbox);
}

static void solo_posted(struct io_op *op, const struct io_result *result)
{
	struct solo *solo = CONTAINER_OF(op, struct solo, op);
	(void)result;
	solo->posted++;
}

static void completions_have_their_go_beside_a_full_mailbox(void **state)
{
	(void)state;
	struct solo solo;
	struct mailbox *mailbox = mailbox_for_test(1024);
	init_solo(&solo, mailbox);
	for (int i = 0; i < 1000; i++)
		mailbox_post(mailbox, &(struct mailbox_message){ .kind = KIND_PING });
	ring_post(solo.loop.ring, &solo.op, solo_posted);
	loop_run_once(&solo.loop, RING_FOREVER);
	assert_int_equal(solo.posted, 1);
	assert_in_range(solo.messages, 1, 999);
	while (solo.messages < 1000)
		loop_run_once(&solo.loop, RING_NO_WAIT);
	loop_deinit(&solo.loop);
	mailbox_destroy(mailbox);
}

static void whether_a_turn_came_after_a_sleep_is_known(void **state)
{
	(void)state;
	struct solo solo;
	init_solo(&solo, NULL);
	loop_timer_start(&solo.loop, &solo.timer, 20000000, solo_timer);
	loop_run_once(&solo.loop, RING_FOREVER);
	assert_true(solo.loop.slept);
	ring_post(solo.loop.ring, &solo.op, solo_posted);
	loop_run_once(&solo.loop, RING_FOREVER);
	assert_int_equal(solo.posted, 1);
	assert_false(solo.loop.slept);
	loop_deinit(&solo.loop);
}

/* ---- two threads that play ping-pong, each asleep while the other plays ---- */

struct player {
	struct mailbox *own, *other;
	struct loop loop;
	unsigned hits;
	bool failed, waits_by_poll;
};

enum { HITS = 20000 };

static void player_message(struct loop *loop, const struct mailbox_message *message)
{
	struct player *player = loop->owner;
	player->hits++;
	if (message->number < HITS)
		mailbox_post(player->other, &(struct mailbox_message){ .kind = KIND_COUNT,
			.number = message->number + 1 });
	if (message->number >= HITS - 1)
		loop_stop(loop);
}

static const struct loop_handlers player_handlers = { player_message, NULL };

static void *play(void *arg)
{
	struct player *player = arg;
	const struct ring_options options = { .submissions = 64, .without_buffers = true,
		.waits_by_poll = player->waits_by_poll };
	struct fail fail;
	if (loop_init(&player->loop, &options, player->own, &player_handlers, player, &fail) !=
		RESULT_OK) {
		player->failed = true;
		return NULL;
	}
	loop_run(&player->loop);
	loop_deinit(&player->loop);
	return NULL;
}

static void play_a_game(bool waits_by_poll)
{
	struct mailbox *a = mailbox_for_test(8), *b = mailbox_for_test(8);
	struct player players[2] = {
		{ .own = a, .other = b, .waits_by_poll = waits_by_poll },
		{ .own = b, .other = a, .waits_by_poll = waits_by_poll },
	};
	pthread_t threads[2];
	struct fail fail;
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, play, &players[i]), 0);
	/* As run/ does it at start. */
	assert_int_equal(mailbox_test(a, 60000, &fail), RESULT_OK);
	assert_int_equal(mailbox_test(b, 60000, &fail), RESULT_OK);
	mailbox_post(a, &(struct mailbox_message){ .kind = KIND_COUNT, .number = 1 });
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_false(players[i].failed);
	}
	assert_int_equal(players[0].hits + players[1].hits, HITS);
	mailbox_destroy(a);
	mailbox_destroy(b);
}

static void two_loops_wake_each_other_every_time(void **state)
{
	(void)state;
	play_a_game(false);
}

static void two_loops_that_wait_by_poll_do_so_too(void **state)
{
	(void)state;
	play_a_game(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_timer_fires_in_time_and_the_loop_sleeps_until_then),
		cmocka_unit_test(a_loop_that_was_stopped_runs_again),
		cmocka_unit_test(messages_that_are_there_are_read_before_it_sleeps),
		cmocka_unit_test(a_turn_that_is_asked_for_comes_without_a_sleep),
		cmocka_unit_test(asking_before_the_end_of_a_turn_brings_no_other),
		cmocka_unit_test(a_loop_with_much_mail_naps_and_looks_again),
		cmocka_unit_test(a_loop_with_little_mail_is_woken_by_the_next),
		cmocka_unit_test(completions_have_their_go_beside_a_full_mailbox),
		cmocka_unit_test(whether_a_turn_came_after_a_sleep_is_known),
		cmocka_unit_test(two_loops_wake_each_other_every_time),
		cmocka_unit_test(two_loops_that_wait_by_poll_do_so_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
