/* The files that a worker reads, and the memory for their bodies. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include "engine/base/time_text.h"
#include "engine/io/clock.h"
#include "engine/io/file.h"
#include "tests/unit/engine/run/work_test.h"

#define MAIL                                                                                       \
	"X-Sender: <news@list.example>\r\nX-Receiver: <ann@a.example>\r\n"                         \
	"X-Receiver: <bob@b.example>\r\nSubject: hello\r\n\r\nhello\r\n"

static struct work w;
static struct peer peers[2];

static void set_up(void)
{
	const char *const flags[] = { "--idle-timeout=1m", "--retry-first=4ms", NULL };
	work_init(&w, flags);
	peer_init(&peers[0], "127.0.0.1");
	peer_init(&peers[1], "127.0.0.2");
}

static void tear_down(void)
{
	work_end(&w);
	peer_deinit(&peers[0]);
	peer_deinit(&peers[1]);
}

static void read_it(struct message *message)
{
	w.read = NULL;
	hub_post(w.base.hub.workers[0], POST_READ, message, 0, 0);
	WORK_WAIT(&w, w.read != NULL);
	assert_ptr_equal(w.read, message);
}

/* A message that has its envelope and gave its body away. */
static struct message *read_bodyless(const char *name, const char *text)
{
	struct message *message = work_file(&w, name, text);
	read_it(message);
	body_unref(message->body);
	message->body = NULL;
	return message;
}

/* ---- reading ---- */

static void a_file_is_read_into_envelope_and_body(void **state)
{
	(void)state;
	set_up();
	struct message *message = work_file(&w, "m1", MAIL);
	read_it(message);
	assert_int_equal(message->read_result, RESULT_OK);
	assert_int_equal(message->envelope->rcpts_count, 2);
	assert_text_equal(message->envelope->sender.text, "news@list.example");
	assert_text_equal(message->envelope->rcpts[1].address.text, "bob@b.example");
	assert_non_null(message->body);
	assert_int_equal(message->envelope->message_bytes, message->body->data_bytes);
	message_destroy(message);
	tear_down();
}

/* Those who get the message at a retry, or after a restart, get the one that the others got. */
static void what_is_added_to_a_message_is_the_same_at_each_reading(void **state)
{
	(void)state;
	char first[512], date[64];
	size_t first_len = 0;
	set_up();
	struct message *message = work_file(&w, "m1", MAIL);
	for (int i = 0; i < 2; i++) {
		read_it(message);
		struct body *body = message->body;
		assert_in_range(body->data_bytes, 1, sizeof first);
		if (i == 0) {
			first_len = body->data_bytes;
			memcpy(first, body->data, first_len);
		}
		assert_int_equal(body->data_bytes, first_len);
		assert_memory_equal(body->data, first, first_len);
		envelope_unref(message->envelope);
		body_unref(body);
		message->envelope = NULL;
		message->body = NULL;
	}
	struct buf buf;
	buf_init(&buf, date, sizeof date);
	buf_put_cstr(&buf, "Date: ");
	int64_t born_ns = message->identity.birth_ns != 0 ? message->identity.birth_ns
							 : message->identity.modified_ns;
	time_text_put_rfc5322(&buf, born_ns / 1000000000);
	assert_int_not_equal(
		text_find_text(text_of_bytes(first, first_len), buf_text(&buf)), TEXT_NONE);
	struct message *other = work_file(&w, "m2", MAIL);
	read_it(other);
	assert_int_equal(other->body->data_bytes, first_len);
	assert_memory_not_equal(other->body->data, first, first_len); /* its Message-ID */
	message_destroy(other);
	message_destroy(message);
	tear_down();
}

#define BATCH_MAIL "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n"

static void a_batch_of_one_transaction_is_read_as_the_message_in_it(void **state)
{
	(void)state;
	set_up();
	struct message *message = work_file(&w, "m1",
		"EHLO x\r\n" BATCH_MAIL
		"DATA\r\nSubject: s\r\n\r\n..\r\n..a\r\nb.\r\n.\r\nQUIT\r\n");
	read_it(message);
	assert_int_equal(message->read_result, RESULT_OK);
	assert_true(text_equal(message->envelope->sender.text, TEXT("a@b.example")));
	assert_int_equal(message->envelope->rcpts_count, 1);
	struct text body = text_of_bytes(message->body->data, message->body->data_bytes);
	assert_true(text_equal(text_skip(body, message->body->header_bytes),
		TEXT("\r\n.\r\n.a\r\nb.\r\n")));
	message_destroy(message);
	tear_down();
}

static void what_is_no_mail_is_told_with_its_line(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum result result;
	} table[] = {
		{ "", RESULT_INVALID }, { "Subject: no sender\r\n\r\nhello\r\n", RESULT_INVALID },
		{ "X-Sender: <a@b.example>\r\n\r\nno receiver\r\n", RESULT_INVALID },
		{ "X-Sender: <a@b.example>\r\nX-Receiver: <no at>\r\n\r\nx\r\n", RESULT_INVALID },
		{ BATCH_MAIL "DATA\r\nx\ry\r\n.\r\n", RESULT_INVALID },
		/* Batches that are to be split. */
		{ BATCH_MAIL "RCPT TO:<no at>\r\nDATA\r\n\r\nx\r\n.\r\n",
			RESULT_UNAVAILABLE },
		{ BATCH_MAIL "DATA\r\n\r\nx\r\n.\r\nHELP\r\n", RESULT_UNAVAILABLE },
	};
	char name[8];
	set_up();
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		snprintf(name, sizeof name, "m%zu", i);
		struct message *message = work_file(&w, name, table[i].text);
		read_it(message);
		assert_int_equal(message->read_result, table[i].result);
		assert_int_not_equal(message->reason[0], '\0');
		assert_null(message->envelope);
		assert_null(message->body);
		message_destroy(message);
	}
	tear_down();
}

static void a_file_that_is_gone_or_another_is_not_read_as_the_one_that_was_found(void **state)
{
	(void)state; /* DESIGN 1: identity */
	set_up();
	struct message *gone = work_file(&w, "gone", MAIL);
	struct message *other = work_file(&w, "other", MAIL);
	assert_int_equal(unlinkat(w.new_fd, "gone", 0), 0);
	assert_int_equal(renameat(w.new_fd, "other", w.new_fd, "kept"), 0);
	struct message *second = work_file(&w, "other", MAIL);
	read_it(gone);
	assert_int_equal(gone->read_result, RESULT_NOT_FOUND);
	read_it(other);
	assert_int_equal(other->read_result, RESULT_CHANGED);
	assert_null(other->envelope);
	message_destroy(gone);
	message_destroy(other);
	message_destroy(second);
	tear_down();
}

static void when_memory_is_used_up_only_the_envelope_is_kept(void **state)
{
	(void)state;
	set_up();
	struct body *large = test_body(&w.base.hub.bodies, "x");
	w.base.hub.bodies.max_bytes = 1; /* the worker sleeps */
	struct message *message = work_file(&w, "m1", MAIL);
	read_it(message);
	assert_int_equal(message->read_result, RESULT_OK);
	assert_non_null(message->envelope);
	assert_null(message->body);
	body_unref(large);
	message_destroy(message);
	tear_down();
}

/* ---- bodies that are read again ---- */

static void a_body_that_is_not_there_is_read_again(void **state)
{
	(void)state;
	set_up();
	struct message *message = read_bodyless("m1", MAIL);
	struct attempt *attempt = work_send_bodyless(&w, work_route_to(&peers[0]), message);
	assert_ptr_equal(work_outcome(&w), attempt);
	assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DELIVERED);
	assert_true(peer_said(&peers[0], 0, "Subject: hello\r\n"));
	assert_true(peer_said(&peers[0], 0, "\r\n\r\nhello\r\n.\r\n"));
	assert_false(peer_said(&peers[0], 0, "X-Sender"));
	work_done(&w, attempt);
	tear_down();
}

static void a_file_that_changed_since_is_withdrawn(void **state) /* DESIGN 1 */
{
	(void)state;
	static const char *const texts[] = { NULL, /* removed */
		"X-Sender: <news@list.example>\r\nX-Receiver: <eve@c.example>\r\n\r\nanother\r\n",
		"no mail" };
	char name[8];
	set_up();
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		snprintf(name, sizeof name, "m%zu", i);
		struct message *message = read_bodyless(name, MAIL);
		if (texts[i] == NULL) {
			assert_int_equal(unlinkat(w.new_fd, name, 0), 0);
		} else { /* written over in place: the same inode, birth time and name */
			int fd = openat(w.new_fd, name, O_WRONLY | O_TRUNC);
			assert_int_equal(
				file_write_all(fd, texts[i], strlen(texts[i]), NULL), RESULT_OK);
			file_close(fd);
		}
		struct attempt *attempt = work_send_bodyless(&w, work_route_to(&peers[0]), message);
		assert_ptr_equal(work_outcome(&w), attempt);
		for (int j = 0; j < 2; j++)
			assert_int_equal(attempt->rcpts[j].fate, ATTEMPT_WITHDRAWN);
		assert_int_not_equal(work_reason(attempt)[0], '\0');
		work_done(&w, attempt);
	}
	assert_int_equal(peers[0].conns_count, 0);
	tear_down();
}

static void a_body_that_finds_no_room_waits_until_there_is_some(void **state)
{
	(void)state;
	set_up();
	struct message *message = read_bodyless("m1", MAIL);
	struct body *large = test_body(&w.base.hub.bodies, "x");
	w.base.hub.bodies.max_bytes = 1;
	struct attempt *attempt = work_send_bodyless(&w, work_route_to(&peers[0]), message);
	WORK_WAIT(&w, w.bodies_wanted > 0); /* the scheduler is asked to let go of some */
	assert_int_equal(w.slots, 1);       /* and the slot is kept meanwhile */
	assert_true(list_is_empty(&w.outcomes));
	body_unref(large);
	assert_ptr_equal(work_outcome(&w), attempt);
	assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DELIVERED);
	work_done(&w, attempt);
	tear_down();
}

/* ---- --memory ---- */

static size_t used_bytes(void) { return atomic_load(&w.base.hub.bodies.used_bytes); }

static uint32_t waiting_count(void) { return atomic_load(&w.base.hub.bodies.waiting_count); }

/* The file and the body made of it are there at the same time. */
static void a_body_is_read_only_when_there_is_room_for_its_file_too(void **state)
{
	(void)state;
	set_up();
	struct message *message = work_file(&w, "m1", MAIL);
	read_it(message);
	assert_int_equal(used_bytes(), message->body->charged_bytes); /* what the file took is back */
	assert_int_equal(message->envelope->body_bytes, message->body->charged_bytes);
	body_unref(message->body);
	message->body = NULL;
	assert_int_equal(used_bytes(), 0);
	struct body *other = test_body(&w.base.hub.bodies, "x");
	size_t needed = message->envelope->body_bytes + strlen(MAIL) + 1;
	w.base.hub.bodies.max_bytes = used_bytes() + needed - 1;
	struct attempt *attempt = work_send_bodyless(&w, work_route_to(&peers[0]), message);
	WORK_WAIT(&w, w.bodies_wanted > 0);
	assert_int_equal(waiting_count(), 1);
	body_unref(other);
	assert_ptr_equal(work_outcome(&w), attempt);
	assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DELIVERED);
	work_done(&w, attempt);
	tear_down();
	assert_int_equal(used_bytes(), 0);
}

static struct message *without_its_body(const char *name, const char *text)
{
	struct message *message = read_bodyless(name, text);
	return message;
}

static void a_large_body_does_not_starve_behind_small_ones(void **state)
{
	(void)state;
	static char large_text[20000];
	set_up();
	size_t head = (size_t)snprintf(large_text, sizeof large_text, "%s", MAIL);
	for (size_t at = head; at + 3 < sizeof large_text; at += 2)
		snprintf(large_text + at, 3, "\r\n");
	struct message *small = without_its_body("small", MAIL);
	struct message *large = without_its_body("large", large_text);
	struct body *held = test_body(&w.base.hub.bodies, "x");
	/* Enough for the small one at any time, for the large one when nothing else is held. */
	w.base.hub.bodies.max_bytes = large->envelope->body_bytes + strlen(large_text) + 1;
	struct attempt *first = work_send_bodyless(&w, work_route_to(&peers[0]), large);
	WORK_WAIT(&w, waiting_count() == 1);
	struct attempt *second = work_send_bodyless(&w, work_route_to(&peers[1]), small);
	WORK_WAIT(&w, waiting_count() == 2);
	assert_true(list_is_empty(&w.outcomes));
	body_unref(held);
	struct attempt *outcomes[2] = { work_outcome(&w), work_outcome(&w) };
	assert_true((outcomes[0] == first && outcomes[1] == second) ||
		    (outcomes[0] == second && outcomes[1] == first));
	assert_int_equal(first->rcpts[0].fate, ATTEMPT_DELIVERED);
	assert_int_equal(second->rcpts[0].fate, ATTEMPT_DELIVERED);
	work_done(&w, first);
	work_done(&w, second);
	tear_down();
}

/* New mail is seen in any case: its envelopes do not wait for bodies to go. */
static void files_are_read_one_by_one_while_memory_is_used_up(void **state)
{
	(void)state;
	enum { COUNT = 7 };
	struct message *messages[COUNT];
	char name[8];
	set_up();
	struct body *held = test_body(&w.base.hub.bodies, "x");
	w.base.hub.bodies.max_bytes = 1;
	for (int i = 0; i < COUNT; i++) {
		snprintf(name, sizeof name, "m%d", i);
		messages[i] = work_file(&w, name, MAIL);
	}
	for (int i = 0; i < COUNT; i++)
		hub_post(w.base.hub.workers[0], POST_READ, messages[i], 0, 0);
	WORK_WAIT(&w, w.reads_done == COUNT);
	assert_int_equal(used_bytes(), held->charged_bytes);
	for (int i = 0; i < COUNT; i++) {
		assert_int_equal(messages[i]->read_result, RESULT_OK);
		assert_null(messages[i]->body);
		message_destroy(messages[i]);
	}
	body_unref(held);
	tear_down();
}

static void what_waits_in_the_queue_for_memory_is_returned_by_a_drain(void **state)
{
	(void)state;
	set_up();
	struct message *messages[] = { without_its_body("m1", MAIL), without_its_body("m2", MAIL) };
	struct attempt *attempts[2];
	struct body *held = test_body(&w.base.hub.bodies, "x");
	w.base.hub.bodies.max_bytes = 1;
	for (int i = 0; i < 2; i++)
		attempts[i] = work_send_bodyless(&w, work_route_to(&peers[0]), messages[i]);
	WORK_WAIT(&w, waiting_count() == 2);
	hub_post(w.base.hub.workers[0], POST_WORKER_DRAIN, NULL, 0, 0);
	for (int i = 0; i < 2; i++)
		assert_ptr_equal(work_returned(&w), attempts[i]);
	WORK_WAIT(&w, w.drained == 1);
	assert_int_equal(waiting_count(), 0);
	assert_int_equal(used_bytes(), held->charged_bytes);
	body_unref(held);
	for (int i = 0; i < 2; i++)
		work_done(&w, attempts[i]);
	tear_down();
}

static void what_was_waiting_for_memory_is_returned_by_a_drain(void **state)
{
	(void)state;
	set_up();
	struct message *message = read_bodyless("m1", MAIL);
	struct body *large = test_body(&w.base.hub.bodies, "x");
	w.base.hub.bodies.max_bytes = 1;
	struct attempt *attempt = work_send_bodyless(&w, work_route_to(&peers[0]), message);
	WORK_WAIT(&w, w.bodies_wanted > 0);
	hub_post(w.base.hub.workers[0], POST_WORKER_DRAIN, NULL, 0, 0);
	assert_ptr_equal(work_returned(&w), attempt);
	WORK_WAIT(&w, w.drained == 1);
	assert_int_equal(w.slots, 0);
	work_done(&w, attempt);
	body_unref(large);
	tear_down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_read_into_envelope_and_body),
		cmocka_unit_test(what_is_added_to_a_message_is_the_same_at_each_reading),
		cmocka_unit_test(a_batch_of_one_transaction_is_read_as_the_message_in_it),
		cmocka_unit_test(what_is_no_mail_is_told_with_its_line),
		cmocka_unit_test(
			a_file_that_is_gone_or_another_is_not_read_as_the_one_that_was_found),
		cmocka_unit_test(when_memory_is_used_up_only_the_envelope_is_kept),
		cmocka_unit_test(a_body_that_is_not_there_is_read_again),
		cmocka_unit_test(a_file_that_changed_since_is_withdrawn),
		cmocka_unit_test(a_body_that_finds_no_room_waits_until_there_is_some),
		cmocka_unit_test(a_body_is_read_only_when_there_is_room_for_its_file_too),
		cmocka_unit_test(a_large_body_does_not_starve_behind_small_ones),
		cmocka_unit_test(files_are_read_one_by_one_while_memory_is_used_up),
		cmocka_unit_test(what_waits_in_the_queue_for_memory_is_returned_by_a_drain),
		cmocka_unit_test(what_was_waiting_for_memory_is_returned_by_a_drain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
