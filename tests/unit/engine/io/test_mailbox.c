/* Mailboxes: nothing lost, nothing twice, one sender's messages in order, no wake-up slept over.
 * Built and run under the thread sanitizer as well (see meson.build). */
#include "tests/unit/engine/io/io_test.h"
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "engine/io/mailbox.h"

static struct mailbox *mailbox_for_test(uint32_t messages)
{
	struct mailbox *mailbox;
	struct fail fail;
	assert_int_equal(mailbox_create(messages, &mailbox, &fail), RESULT_OK);
	return mailbox;
}

static void messages_come_whole_and_in_order(void **state)
{
	(void)state;
	struct mailbox *mailbox = mailbox_for_test(5);
	struct mailbox_message message;
	assert_int_equal(mailbox_capacity(mailbox), 8);
	assert_false(mailbox_take(mailbox, &message));
	for (uint32_t lap = 0; lap < 10; lap++) {
		for (uint32_t i = 0; i < 8; i++)
			mailbox_post(mailbox, &(struct mailbox_message){ .kind = 3,
						      .from = 4,
						      .number = lap * 8 + i,
						      .object = &message,
						      .a = i,
						      .b = ~(uint64_t)i });
		assert_int_equal(mailbox_used(mailbox), 8);
		for (uint32_t i = 0; i < 8; i++) {
			assert_true(mailbox_take(mailbox, &message));
			assert_int_equal(message.kind, 3);
			assert_int_equal(message.from, 4);
			assert_int_equal(message.number, lap * 8 + i);
			assert_ptr_equal(message.object, &message);
			assert_int_equal(message.a, i);
			assert_int_equal(message.b, ~(uint64_t)i);
		}
		assert_false(mailbox_take(mailbox, &message));
		assert_int_equal(mailbox_used(mailbox), 0);
	}
	mailbox_destroy(mailbox);
}

static void overfill(void *arg)
{
	const uint32_t *count = arg;
	struct mailbox *mailbox = mailbox_for_test(8);
	for (uint32_t i = 0; i < *count; i++)
		mailbox_post(mailbox, &(struct mailbox_message){ .kind = 1 });
	mailbox_destroy(mailbox);
}

static void a_full_mailbox_is_a_mistake_of_ours(void **state)
{
	(void)state;
	uint32_t fits = 8, too_many = 9;
	assert_int_equal(run_in_child(overfill, &fits), 0);
	assert_int_equal(run_in_child(overfill, &too_many), -SIGABRT);
}

static void credits_are_counted(void **state)
{
	(void)state;
	struct mailbox_credits credits;
	mailbox_credits_init(&credits, 3);
	assert_true(mailbox_credits_take(&credits, 2));
	assert_false(mailbox_credits_take(&credits, 2));
	assert_int_equal(mailbox_credits_left(&credits), 1);
	assert_true(mailbox_credits_take(&credits, 1));
	assert_false(mailbox_credits_take(&credits, 1));
	mailbox_credits_give(&credits, 3);
	assert_int_equal(mailbox_credits_left(&credits), 3);
}

static bool is_readable(const struct mailbox *mailbox)
{
	struct pollfd pollfd = { .fd = mailbox_fd(mailbox), .events = POLLIN };
	return poll(&pollfd, 1, 0) == 1;
}

static void the_eventfd_is_written_only_for_a_sleeper(void **state)
{
	(void)state;
	struct mailbox *mailbox = mailbox_for_test(8);
	struct mailbox_message message = { .kind = 1 };
	uint64_t count;
	mailbox_post(mailbox, &message);
	assert_false(is_readable(mailbox));
	assert_false(mailbox_may_sleep(mailbox)); /* there is a message */
	assert_true(mailbox_take(mailbox, &message));
	assert_true(mailbox_may_sleep(mailbox));
	mailbox_post(mailbox, &message);
	mailbox_post(mailbox, &message);
	assert_true(is_readable(mailbox));
	assert_int_equal(read(mailbox_fd(mailbox), &count, sizeof count), sizeof count);
	assert_int_equal(count, 1); /* one wake-up for both */
	mailbox_awake(mailbox);
	mailbox_post(mailbox, &message);
	assert_false(is_readable(mailbox));
	mailbox_wake(mailbox);
	assert_true(is_readable(mailbox));
	mailbox_destroy(mailbox);
}

/* ---- several senders at once ---- */

enum {
	SENDERS = 4,
	CREDITS = 16, /* each sender's: small, so that the ring runs around thousands of times */
	MESSAGES = 50000,
};

struct sender {
	pthread_t thread;
	struct mailbox *mailbox;
	uint16_t number;
	atomic_uint_least32_t answered;
};

static void *send_all(void *arg)
{
	struct sender *sender = arg;
	uint64_t *values = calloc(MESSAGES, sizeof *values);
	if (values == NULL)
		return NULL;
	for (uint32_t i = 0; i < MESSAGES; i++) {
		while (i - atomic_load_explicit(&sender->answered, memory_order_acquire) >= CREDITS)
			sched_yield();
		values[i] = i * 3u; /* plain memory that the message hands over */
		mailbox_post(sender->mailbox, &(struct mailbox_message){ .kind = 1,
			.from = sender->number, .number = i, .object = &values[i] });
	}
	while (atomic_load_explicit(&sender->answered, memory_order_acquire) < MESSAGES)
		sched_yield();
	free(values);
	return NULL;
}

/* Waits as a loop does: only when the mailbox allows it, and only for the eventfd. */
static bool sleep_for_mail(struct mailbox *mailbox)
{
	if (!mailbox_may_sleep(mailbox))
		return true;
	struct pollfd pollfd = { .fd = mailbox_fd(mailbox), .events = POLLIN };
	int ready = poll(&pollfd, 1, 60000);
	mailbox_awake(mailbox);
	uint64_t count;
	return ready == 1 && read(mailbox_fd(mailbox), &count, sizeof count) == sizeof count;
}

static void several_senders_lose_nothing_and_wake_the_receiver(void **state)
{
	(void)state;
	struct mailbox *mailbox = mailbox_for_test(SENDERS * CREDITS);
	struct sender senders[SENDERS];
	uint32_t next[SENDERS] = { 0 };
	for (uint16_t i = 0; i < SENDERS; i++) {
		senders[i] = (struct sender){ .mailbox = mailbox, .number = i };
		assert_int_equal(
			pthread_create(&senders[i].thread, NULL, send_all, &senders[i]), 0);
	}
	struct mailbox_message message;
	for (uint32_t taken = 0; taken < SENDERS * MESSAGES;) {
		if (!mailbox_take(mailbox, &message)) {
			assert_true(sleep_for_mail(mailbox)); /* false: slept over a message */
			continue;
		}
		taken++;
		assert_in_range(message.from, 0, SENDERS - 1);
		assert_int_equal(message.number, next[message.from]++);
		assert_int_equal(*(const uint64_t *)message.object, message.number * 3u);
		atomic_fetch_add_explicit(
			&senders[message.from].answered, 1, memory_order_release);
	}
	for (int i = 0; i < SENDERS; i++) {
		assert_int_equal(pthread_join(senders[i].thread, NULL), 0);
		assert_int_equal(next[i], MESSAGES);
	}
	assert_false(mailbox_take(mailbox, &message));
	mailbox_destroy(mailbox);
}

/* ---- the test that every mailbox is put to at start ---- */

static void nobody_at_home_fails_the_test_in_time(void **state)
{
	(void)state;
	struct mailbox *mailbox = mailbox_for_test(8);
	struct fail fail;
	assert_int_equal(mailbox_test(mailbox, 20, &fail), RESULT_TIMEOUT);
	/* Asleep, but deaf. */
	assert_true(mailbox_may_sleep(mailbox));
	assert_int_equal(mailbox_test(mailbox, 20, &fail), RESULT_TIMEOUT);
	assert_non_null(strstr(fail.text, "eventfd"));
	mailbox_destroy(mailbox);
}

static atomic_bool stop;

static void *receive_until_stopped(void *arg)
{
	struct mailbox *mailbox = arg;
	struct mailbox_message message;
	while (!atomic_load(&stop)) {
		while (mailbox_take(mailbox, &message))
			;
		if (!sleep_for_mail(mailbox))
			break;
	}
	return NULL;
}

static void a_receiver_that_can_be_woken_passes_the_test(void **state)
{
	(void)state;
	struct mailbox *mailbox = mailbox_for_test(8);
	struct fail fail;
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, receive_until_stopped, mailbox), 0);
	for (int i = 0; i < 20; i++)
		assert_int_equal(mailbox_test(mailbox, 30000, &fail), RESULT_OK);
	atomic_store(&stop, true);
	mailbox_wake(mailbox);
	assert_int_equal(pthread_join(thread, NULL), 0);
	mailbox_destroy(mailbox);
}

static void a_ping_is_answered_by_whoever_takes_mail_and_is_no_mail(void **state)
{
	(void)state;
	struct mailbox *mailbox = mailbox_for_test(8);
	struct mailbox_message message;
	mailbox_ping(mailbox);
	mailbox_ping(mailbox);
	assert_int_equal(mailbox_pongs(mailbox), 0);
	assert_false(mailbox_take(mailbox, &message));
	assert_int_equal(mailbox_pongs(mailbox), 2);
	mailbox_destroy(mailbox);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_come_whole_and_in_order),
		cmocka_unit_test(a_full_mailbox_is_a_mistake_of_ours),
		cmocka_unit_test(credits_are_counted),
		cmocka_unit_test(the_eventfd_is_written_only_for_a_sleeper),
		cmocka_unit_test(several_senders_lose_nothing_and_wake_the_receiver),
		cmocka_unit_test(a_ping_is_answered_by_whoever_takes_mail_and_is_no_mail),
		cmocka_unit_test(nobody_at_home_fails_the_test_in_time),
		cmocka_unit_test(a_receiver_that_can_be_woken_passes_the_test),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
