/* Messages between threads, and the object that a file of the spool is. */
#include "tests/unit/unit.h"
#include "engine/run/attempt.h"
#include "engine/run/hub.h"
#include "engine/run/message.h"
#include "tests/unit/engine/base/dies.h"
#include "tests/unit/engine/run/run_test.h"

static void every_post_has_a_name_of_its_own(void **state)
{
	(void)state;
	assert_string_equal(post_name(POST_PING), "PING");
	assert_string_equal(post_name(POST_FILE_FOUND), "FILE_FOUND");
	assert_string_equal(post_name(POST_STOP), "STOP");
	for (int i = 0; i < POST_COUNT; i++) {
		assert_non_null(post_name((enum post_kind)i));
		for (int j = 0; j < i; j++)
			assert_string_not_equal(
				post_name((enum post_kind)i), post_name((enum post_kind)j));
	}
}

static void a_post_arrives_with_all_it_carries_and_in_order(void **state)
{
	(void)state;
	struct mailbox *mailbox;
	struct fail fail;
	struct mailbox_message message;
	int object;
	assert_int_equal(mailbox_create(8, &mailbox, &fail), RESULT_OK);
	hub_post(mailbox, POST_SLOTS, &object, 7, UINT64_MAX);
	hub_post(mailbox, POST_STOP, NULL, 0, 0);
	assert_true(mailbox_take(mailbox, &message));
	assert_int_equal(message.kind, POST_SLOTS);
	assert_ptr_equal(message.object, &object);
	assert_int_equal(message.number, 7);
	assert_int_equal(message.a, UINT64_MAX);
	assert_true(mailbox_take(mailbox, &message));
	assert_int_equal(message.kind, POST_STOP);
	assert_false(mailbox_take(mailbox, &message));
	mailbox_destroy(mailbox);
}

static void counters_count_both_ways(void **state)
{
	(void)state;
	_Atomic uint64_t counter = 0;
	hub_count(&counter, 5);
	hub_uncount(&counter, 2);
	assert_int_equal(hub_read(&counter), 3);
}

static void a_message_keeps_name_and_identity_and_nothing_else_yet(void **state)
{
	(void)state;
	const struct file_identity identity = {
		.inode = 3, .birth_ns = 4, .modified_ns = 5, .bytes = 6
	};
	struct message *message = message_create("a name with spaces.eml", &identity);
	assert_non_null(message);
	assert_string_equal(message->name, "a name with spaces.eml");
	assert_memory_equal(&message->identity, &identity, sizeof identity);
	assert_int_equal(message->state, MESSAGE_FOUND);
	assert_int_equal(message->read_result, RESULT_OK);
	assert_true(list_is_empty(&message->attempts));
	assert_false(message->withdrawn || message->recovered || message->leaving || message->gone);
	message_destroy(message);
}

static void a_message_gives_back_its_envelope_and_body(void **state)
{
	(void)state;
	struct body_budget budget;
	const struct test_mail mail = { 0 };
	body_budget_init(&budget, 1 << 20);
	struct message *message = test_message(&mail);
	message->envelope = test_envelope(&mail);
	message->body = test_body(&budget, "Subject: x\r\n\r\n.dot\r\n");
	assert_non_null(message->body);
	assert_int_equal(message->body->dots_count, 1);
	struct envelope *envelope = envelope_ref(message->envelope);
	message_destroy(message);
	assert_int_equal(budget.used_bytes, 0);
	assert_int_equal(refcount_get(&envelope->refs), 1);
	envelope_unref(envelope);
}

static void destroy_with_an_attempt(void)
{
	struct message *message = test_message(&(struct test_mail){ 0 });
	if (attempt_create(message, 1) != NULL)
		message_destroy(message);
}

static void a_message_is_not_destroyed_while_an_attempt_is_left(void **state)
{
	(void)state;
	assert_dies(destroy_with_an_attempt, "list_is_empty(&message->attempts)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_post_has_a_name_of_its_own),
		cmocka_unit_test(a_post_arrives_with_all_it_carries_and_in_order),
		cmocka_unit_test(counters_count_both_ways),
		cmocka_unit_test(a_message_keeps_name_and_identity_and_nothing_else_yet),
		cmocka_unit_test(a_message_gives_back_its_envelope_and_body),
		cmocka_unit_test(a_message_is_not_destroyed_while_an_attempt_is_left),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
