/* The queue on disk: files with attempts that wait, in the order of their time. */
#include "store/queue.h"
#include <string.h>
#include "tests/unit/damage.h"
#include "tests/unit/store/temp_folder.h"

static struct queue *queue;
static struct queue_reader *reader;
static struct arena arena;
static struct fail why;

static void open_queue(void)
{
	if (queue_open(temp_folder, true, &queue, &why) != RESULT_OK ||
		queue_reader_create(queue, &reader, &why) != RESULT_OK)
		fail_msg("%s", why.text);
}

static void close_queue(void)
{
	queue_reader_destroy(&reader);
	queue_close(&queue);
}

static void reopen(void)
{
	close_queue();
	open_queue();
}

static int set_up(void **state)
{
	if (temp_folder_make(state) != 0)
		return -1;
	arena_init(&arena, 65536, 16 * 1024 * 1024);
	open_queue();
	return 0;
}

static int tear_down(void **state)
{
	close_queue();
	arena_deinit(&arena);
	return temp_folder_remove(state);
}

static struct record_file file_of(const char *name, uint64_t inode)
{
	return (struct record_file){ text_of(name), inode, 77, 78, 1234 };
}

static const struct queue_rcpt rcpts[] = {
	{ 0, TEXT_INIT("ann@a.lab") },
	{ 7, TEXT_INIT("b\xc3\xb6" "b@a.lab") },
};

static struct queue_attempt attempt_due(uint64_t due_us, uint32_t rcpts_count)
{
	return (struct queue_attempt){
		.key.due_us = due_us,
		.expires_us = due_us + 1000,
		.number = 3,
		.waits = 2,
		.transactional = true,
		.domain = TEXT("a.lab"),
		.source = TEXT("192.0.2.9"),
		.last = TEXT("mx.a.lab: 451 come back later"),
		.rcpts = rcpts,
		.rcpts_count = rcpts_count,
	};
}

static uint32_t park(const struct record_file *file, const struct queue_key *taken, uint32_t taken_count,
	struct queue_attempt *attempts, uint32_t attempts_count)
{
	uint32_t left;
	const struct queue_parking parking = {
		.file = { .file = *file, .accepted_us = 5, .from = TEXT("me@b.lab"), .id = TEXT("id"),
			.job = TEXT("job"), .class = 1 },
		.taken = taken,
		.taken_count = taken_count,
		.attempts = attempts,
		.attempts_count = attempts_count,
	};
	if (queue_park(queue, &parking, &left, &why) != RESULT_OK ||
		queue_commit(queue, &why) != RESULT_OK)
		fail_msg("%s", why.text);
	return left;
}

/* "NAME@DUE NAME@DUE " in the order of time. */
static const char *waiting(void)
{
	static char text[4096];
	struct queue_key at = { 0 };
	struct text name;
	struct queue_attempt attempt;
	text[0] = '\0';
	arena_reset(&arena);
	while (queue_next(reader, &at, &arena, &name, &attempt, &why) == RESULT_OK) {
		size_t used = strlen(text);
		snprintf(text + used, sizeof text - used, "%.*s@%llu ", TEXT_ARG(name),
			(unsigned long long)attempt.key.due_us);
		at = attempt.key;
	}
	return text;
}

static enum result find(const char *name, struct queue_file *out_file)
{
	arena_reset(&arena);
	return queue_find(reader, text_of(name), &arena, out_file, &why);
}

static void what_waits_comes_back_as_it_was_also_after_a_restart(void **state)
{
	(void)state;
	struct record_file file = file_of("one", 1);
	struct queue_attempt attempts[] = { attempt_due(500, 2), attempt_due(300, 1) };
	assert_int_equal(park(&file, NULL, 0, attempts, 2), 3);
	for (int i = 0; i < 2; i++) {
		struct queue_file found;
		assert_int_equal(find("one", &found), RESULT_OK);
		assert_true(record_file_equal(&found.file, &file));
		assert_int_equal(found.accepted_us, 5);
		assert_text_equal(found.from, "me@b.lab");
		assert_text_equal(found.id, "id");
		assert_text_equal(found.job, "job");
		assert_int_equal(found.class, 1);
		assert_int_equal(found.rcpts_left, 3);
		assert_int_equal(found.keys_count, 2);
		struct text name;
		struct queue_attempt attempt;
		const struct queue_key first = { 0 };
		assert_int_equal(queue_next(reader, &first, &arena, &name, &attempt, &why), RESULT_OK);
		assert_text_equal(name, "one");
		assert_int_equal(attempt.key.due_us, 300);
		assert_int_equal(attempt.expires_us, 1300);
		assert_int_equal(attempt.number, 3);
		assert_int_equal(attempt.waits, 2);
		assert_true(attempt.transactional);
		assert_text_equal(attempt.domain, "a.lab");
		assert_text_equal(attempt.source, "192.0.2.9");
		assert_text_equal(attempt.last, "mx.a.lab: 451 come back later");
		assert_int_equal(attempt.rcpts_count, 1);
		assert_int_equal(queue_next(reader, &attempt.key, &arena, &name, &attempt, &why), RESULT_OK);
		assert_int_equal(attempt.rcpts_count, 2);
		assert_int_equal(attempt.rcpts[1].rcpt, 7);
		assert_text_equal(attempt.rcpts[1].address, "b\xc3\xb6" "b@a.lab");
		assert_int_equal(queue_next(reader, &attempt.key, &arena, &name, &attempt, &why),
			RESULT_NOT_FOUND);
		assert_int_equal(queue_count(queue), 2);
		assert_int_equal(queue_files_count(queue), 1);
		assert_int_equal(queue_rcpts_count(queue), 3);
		reopen();
	}
}

static void attempts_come_in_the_order_of_their_time(void **state)
{
	(void)state;
	struct record_file one = file_of("one", 1), two = file_of("two", 2);
	struct queue_attempt first[] = { attempt_due(900, 1), attempt_due(100, 1) };
	struct queue_attempt second[] = { attempt_due(500, 1), attempt_due(100, 1) };
	park(&one, NULL, 0, first, 2);
	park(&two, NULL, 0, second, 2);
	assert_string_equal(waiting(), "one@100 two@100 two@500 one@900 ");
}

static void what_was_taken_is_replaced_by_what_waits_now(void **state)
{
	(void)state;
	struct record_file file = file_of("one", 1);
	struct queue_attempt attempts[] = { attempt_due(100, 1), attempt_due(200, 2) };
	park(&file, NULL, 0, attempts, 2);
	struct queue_attempt again[] = { attempt_due(400, 1) };
	assert_int_equal(park(&file, &attempts[0].key, 1, again, 1), 3);
	assert_string_equal(waiting(), "one@200 one@400 ");
	assert_int_equal(park(&file, &again[0].key, 1, NULL, 0), 2); /* it is done */
	assert_string_equal(waiting(), "one@200 ");
	struct queue_file found;
	assert_int_equal(find("one", &found), RESULT_OK);
	assert_int_equal(found.rcpts_left, 2);
	assert_int_equal(park(&file, &attempts[1].key, 1, NULL, 0), 0);
	assert_int_equal(queue_count(queue) + queue_files_count(queue) + queue_rcpts_count(queue), 0);
	assert_string_equal(waiting(), "");
	assert_int_equal(find("one", &found), RESULT_NOT_FOUND);
}

static void of_thousands_those_that_were_taken_are_replaced_alone(void **state)
{
	(void)state;
	enum { COUNT = 6000 };
	static struct queue_attempt attempts[COUNT], again[COUNT / 2];
	static struct queue_key taken[COUNT / 2];
	struct record_file file = file_of("one", 1);
	for (uint32_t i = 0; i < COUNT; i++)
		attempts[i] = attempt_due(1000 + i, 1);
	assert_int_equal(park(&file, NULL, 0, attempts, COUNT), COUNT);
	/* Every other one, the last first. */
	for (uint32_t i = 0; i < COUNT / 2; i++) {
		taken[i] = attempts[COUNT - 1 - 2 * i].key;
		again[i] = attempt_due(100000 + i, 2);
	}
	assert_int_equal(park(&file, taken, COUNT / 2, again, COUNT / 2), COUNT / 2 + COUNT);
	assert_int_equal(queue_count(queue), COUNT);
	struct queue_key at = { 0 };
	struct text name;
	struct queue_attempt attempt;
	for (uint32_t i = 0; i < COUNT; i++) {
		arena_reset(&arena);
		assert_int_equal(
			queue_next(reader, &at, &arena, &name, &attempt, &why), RESULT_OK);
		at = attempt.key;
		assert_int_equal(at.due_us,
			i < COUNT / 2 ? 1000 + 2 * i : 100000 + i - COUNT / 2);
	}
	assert_int_equal(queue_next(reader, &at, &arena, &name, &attempt, &why), RESULT_NOT_FOUND);
	/* None is taken that is another file's by now, or was taken before. */
	assert_int_equal(park(&file, taken, COUNT / 2, NULL, 0), COUNT / 2 + COUNT);
}

static void a_file_of_the_same_name_takes_the_place_of_the_old_one(void **state)
{
	(void)state;
	struct record_file old = file_of("one", 1), new = file_of("one", 2);
	struct queue_attempt attempts[] = { attempt_due(100, 1), attempt_due(200, 1) };
	struct queue_attempt other[] = { attempt_due(300, 1) };
	park(&old, NULL, 0, attempts, 2);
	assert_int_equal(park(&new, NULL, 0, other, 1), 1);
	assert_string_equal(waiting(), "one@300 ");
	assert_int_equal(park(&old, &attempts[0].key, 1, NULL, 0), 0); /* its end comes late */
	assert_string_equal(waiting(), "one@300 ");
	assert_int_equal(queue_remove(queue, &old, &why), RESULT_OK); /* not that one */
	assert_int_equal(queue_commit(queue, &why), RESULT_OK);
	assert_string_equal(waiting(), "one@300 ");
	assert_int_equal(queue_remove(queue, &new, &why), RESULT_OK);
	assert_int_equal(queue_commit(queue, &why), RESULT_OK);
	assert_string_equal(waiting(), "");
	assert_int_equal(queue_remove(queue, &new, &why), RESULT_OK);
	assert_int_equal(queue_commit(queue, &why), RESULT_OK);
}

static void files_come_in_the_order_of_their_names(void **state)
{
	(void)state;
	const char *const names[] = { "b", "a", "\xff", "ab" };
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct record_file file = file_of(names[i], i);
		struct queue_attempt attempts[] = { attempt_due(100, 1) };
		park(&file, NULL, 0, attempts, 1);
	}
	struct queue_file file;
	struct text at = TEXT_EMPTY;
	const char *const sorted[] = { "a", "ab", "b", "\xff" };
	arena_reset(&arena);
	for (size_t i = 0; i < COUNT_OF(sorted); i++) {
		assert_int_equal(queue_next_file(reader, at, &arena, &file, &why), RESULT_OK);
		assert_text_equal(file.file.name, sorted[i]);
		at = file.file.name;
	}
	assert_int_equal(queue_next_file(reader, at, &arena, &file, &why), RESULT_NOT_FOUND);
}

static void what_is_not_committed_is_not_there(void **state)
{
	(void)state;
	struct record_file file = file_of("one", 1);
	struct queue_attempt attempts[] = { attempt_due(100, 1) };
	const struct queue_parking parking = { .file.file = file, .attempts = attempts, .attempts_count = 1 };
	uint32_t left;
	assert_int_equal(queue_park(queue, &parking, &left, &why), RESULT_OK);
	assert_string_equal(waiting(), "");
	reopen();
	assert_string_equal(waiting(), "");
	assert_int_equal(queue_commit(queue, &why), RESULT_OK);
}

static void ten_thousand_recipients_fit_into_one_entry(void **state)
{
	(void)state;
	static struct queue_rcpt many[MESSAGE_RCPTS_MAX];
	static char address[ADDRESS_BYTES_MAX];
	memset(address, 'x', sizeof address);
	for (uint32_t i = 0; i < MESSAGE_RCPTS_MAX; i++)
		many[i] = (struct queue_rcpt){ i, text_of_bytes(address, sizeof address) };
	struct queue_attempt attempts[] = { attempt_due(100, 1) };
	attempts[0].rcpts = many;
	attempts[0].rcpts_count = MESSAGE_RCPTS_MAX;
	struct record_file file = file_of("one", 1);
	assert_int_equal(park(&file, NULL, 0, attempts, 1), MESSAGE_RCPTS_MAX);
	assert_string_equal(waiting(), "one@100 ");
}

static void one_transaction_may_park_any_number_of_files(void **state)
{
	(void)state;
	enum { FILES = 300000 }; /* with 32 octets of memory each it would be over */
	struct queue_attempt attempts[] = { attempt_due(100, 1) };
	uint32_t left;
	for (uint32_t i = 0; i < FILES; i++) {
		char name[16];
		snprintf(name, sizeof name, "f%u", i);
		const struct queue_parking parking = {
			.file.file = file_of(name, i), .attempts = attempts, .attempts_count = 1 };
		if (queue_park(queue, &parking, &left, &why) != RESULT_OK)
			fail_msg("file %u: %s", i, why.text);
	}
	assert_int_equal(queue_commit(queue, &why), RESULT_OK);
	assert_int_equal(queue_files_count(queue), FILES);
}

/* A tool looks while a sender writes. */
static void without_a_queue_a_reader_is_told_so(void **state)
{
	(void)state;
	struct queue *other;
	assert_int_equal(queue_open("/nowhere", false, &other, &why), RESULT_NOT_FOUND);
	assert_non_null(strstr(why.text, "there is no queue /nowhere/queue"));
	assert_null(other);
}

/* A damaged queue is never an empty one. */
static void damage_is_an_error_that_names_the_folder(void **state)
{
	(void)state;
	struct record_file file = file_of("one", 1);
	struct queue_attempt attempts[] = { attempt_due(100, 1) };
	park(&file, NULL, 0, attempts, 1);
	close_queue();
	damage_file(temp_path("queue/data.mdb"), "me@b.lab");
	open_queue();
	struct queue_file found;
	assert_int_equal(find("one", &found), RESULT_DAMAGED);
	assert_non_null(strstr(why.text, "/queue is damaged"));
	close_queue();
	temp_write("queue/data.mdb", "w", "this is no database", 19);
	assert_int_equal(queue_open(temp_folder, true, &queue, &why), RESULT_DAMAGED);
	assert_null(queue);
}

static void damage_queue(const char *words)
{
	close_queue();
	damage_file(temp_path("queue/data.mdb"), words);
	open_queue();
}

/* "NAME@DUE " for each, as far as they can be read; what cannot stands in brackets. */
static const char *waiting_with_damage(void)
{
	static char text[4096];
	struct queue_key at = { 0 };
	struct text name;
	struct queue_attempt attempt;
	text[0] = '\0';
	for (;;) {
		arena_reset(&arena);
		enum result r = queue_next(reader, &at, &arena, &name, &attempt, &why);
		bool is_damaged = queue_attempt_is_damaged(r, &attempt);
		if (r != RESULT_OK && !is_damaged)
			return text;
		size_t used = strlen(text);
		snprintf(text + used, sizeof text - used,
			is_damaged ? "[%.*s@%llu] " : "%.*s@%llu ", TEXT_ARG(name),
			(unsigned long long)attempt.key.due_us);
		at = attempt.key;
	}
}

static void a_damaged_attempt_costs_nothing_but_itself(void **state)
{
	(void)state;
	struct record_file one = file_of("one", 1), two = file_of("two", 2);
	struct queue_attempt attempts[] = { attempt_due(100, 2), attempt_due(300, 1) };
	struct queue_attempt others[] = { attempt_due(200, 1) }, next[] = { attempt_due(400, 1) };
	attempts[0].last = TEXT("damaged here");
	park(&one, NULL, 0, attempts, 2);
	park(&two, NULL, 0, others, 1);
	damage_queue("damaged here");
	assert_string_equal(waiting_with_damage(), "[one@100] two@200 one@300 ");
	/* What else there is of the file goes on. */
	assert_int_equal(park(&one, &attempts[1].key, 1, next, 1), 3);
	struct queue_key none = { 0 };
	struct queue_file file = { .file = one };
	assert_int_equal(queue_hasten(queue, &file, &none, 150, NULL, NULL, &why), RESULT_OK);
	assert_int_equal(queue_commit(queue, &why), RESULT_OK);
	assert_string_equal(waiting_with_damage(), "[one@100] one@150 two@200 ");
	assert_int_equal(queue_rcpts_count(queue), 4);
	assert_int_equal(find("one", &file), RESULT_OK);
	assert_int_equal(file.rcpts_left, 3);
	assert_int_equal(queue_remove(queue, &two, &why), RESULT_OK);
	assert_int_equal(queue_remove(queue, &one, &why), RESULT_OK);
	assert_int_equal(queue_commit(queue, &why), RESULT_OK);
	assert_int_equal(
		queue_rcpts_count(queue) + queue_count(queue) + queue_files_count(queue), 0);
	assert_string_equal(waiting_with_damage(), "");
}

static void what_is_damaged_of_a_file_that_is_gone_may_be_dropped_alone(void **state)
{
	(void)state;
	struct record_file one = file_of("one", 1);
	struct queue_attempt attempts[] = { attempt_due(100, 2), attempt_due(300, 1) };
	struct queue_file file;
	uint32_t dropped;
	attempts[0].last = TEXT("damaged here");
	park(&one, NULL, 0, attempts, 2);
	damage_queue("damaged here");
	assert_int_equal(queue_drop_damaged(queue, text_of("one"), &dropped, &why), RESULT_OK);
	assert_int_equal(dropped, 1);
	assert_int_equal(queue_commit(queue, &why), RESULT_OK);
	assert_string_equal(waiting_with_damage(), "one@300 ");
	assert_int_equal(queue_rcpts_count(queue), 1);
	assert_int_equal(find("one", &file), RESULT_OK);
	assert_int_equal(file.rcpts_left, 1);
	assert_int_equal(queue_drop_damaged(queue, text_of("one"), &dropped, &why), RESULT_OK);
	assert_int_equal(dropped, 0);
	assert_int_equal(
		queue_drop_damaged(queue, text_of("no such file"), &dropped, &why), RESULT_OK);
	assert_int_equal(dropped, 0);
}

static void a_damaged_file_is_passed_by_and_its_attempts_are_found_when_it_goes(void **state)
{
	(void)state;
	struct record_file one = file_of("one", 1), two = file_of("two", 2);
	struct queue_attempt attempts[] = { attempt_due(100, 2) },
			     others[] = { attempt_due(200, 1) };
	struct queue_file file;
	uint32_t dropped;
	park(&two, NULL, 0, others, 1);
	const struct queue_parking parking = {
		.file = { .file = one, .from = TEXT("damaged@here") },
		.attempts = attempts,
		.attempts_count = 1,
	};
	assert_int_equal(queue_park(queue, &parking, &dropped, &why), RESULT_OK);
	assert_int_equal(queue_commit(queue, &why), RESULT_OK);
	damage_queue("damaged@here");
	arena_reset(&arena);
	enum result r = queue_next_file(reader, TEXT_EMPTY, &arena, &file, &why);
	assert_true(queue_file_is_damaged(r, &file));
	assert_true(text_equal(file.file.name, text_of("one")));
	assert_int_equal(queue_next_file(reader, text_of("one"), &arena, &file, &why), RESULT_OK);
	assert_true(text_equal(file.file.name, text_of("two")));
	assert_int_equal(queue_drop_damaged(queue, text_of("one"), &dropped, &why), RESULT_OK);
	assert_int_equal(queue_commit(queue, &why), RESULT_OK);
	assert_int_equal(dropped, 1);
	/* Its attempts know it. */
	assert_int_equal(find("one", &file), RESULT_OK);
	assert_int_equal(file.keys_count, 1);
	assert_int_equal(file.rcpts_left, 2);
	assert_int_equal(file.file.inode, 0);
	assert_int_equal(queue_files_count(queue), 2);
	assert_string_equal(waiting(), "one@100 two@200 ");
	struct record_file none = { .name = one.name };
	park(&none, &attempts[0].key, 1, NULL, 0);
	assert_string_equal(waiting(), "two@200 ");
	assert_int_equal(queue_rcpts_count(queue), 1);
	assert_int_equal(queue_files_count(queue), 1);
}

static void a_queue_of_another_version_is_refused_and_left_as_it_is(void **state)
{
	(void)state;
	struct record_file file = file_of("one", 1);
	struct queue_attempt attempts[] = { attempt_due(100, 1) };
	park(&file, NULL, 0, attempts, 1);
	close_queue();
	damage_octets(temp_path("queue/data.mdb"), "LSQU\0\0\0\1", 8);
	assert_int_equal(queue_open(temp_folder, true, &queue, &why), RESULT_CHANGED);
	assert_non_null(strstr(why.text, "/queue was written by another version of longship (format 0"));
	assert_non_null(strstr(why.text, "let that version deliver"));
	damage_octets(temp_path("queue/data.mdb"), "LSQU\0\0\0\0", 8);
	open_queue();
	assert_string_equal(waiting(), "one@100 ");
}

static void ids_are_never_given_twice(void **state)
{
	(void)state;
	struct record_file file = file_of("one", 1);
	struct queue_attempt attempts[] = { attempt_due(100, 1) };
	park(&file, NULL, 0, attempts, 1);
	uint64_t id = attempts[0].key.id;
	park(&file, &attempts[0].key, 1, NULL, 0);
	reopen();
	park(&file, NULL, 0, attempts, 1);
	assert_true(attempts[0].key.id > id);
}

/* ---- bytes ---- */

static void no_bit_may_be_another_one(void **state)
{
	(void)state;
	static uint8_t memory[512];
	struct buf buf;
	struct queue_attempt attempt = attempt_due(100, 2), got;
	struct text name;
	attempt.key.id = 9;
	uint8_t key_memory[QUEUE_KEY_BYTES];
	struct buf key;
	buf_init(&key, key_memory, sizeof key_memory);
	queue_schema_put_key(&key, &attempt.key);
	buf_init(&buf, memory, sizeof memory);
	assert_true(queue_schema_put_attempt(&buf, TEXT("one"), &attempt));
	arena_reset(&arena);
	assert_true(queue_schema_get_attempt(buf_text(&key), buf_text(&buf), &arena, &name, &got));
	for (size_t i = 0; i < buf.len * 8; i++) {
		memory[i / 8] ^= (uint8_t)(1u << i % 8);
		assert_false(queue_schema_get_attempt(buf_text(&key), buf_text(&buf), &arena, &name, &got));
		memory[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	for (size_t len = 0; len < buf.len; len++)
		assert_false(queue_schema_get_attempt(
			buf_text(&key), text_cut(buf_text(&buf), len), &arena, &name, &got));
	key_memory[3] ^= 1; /* under another key it is damage too */
	assert_false(queue_schema_get_attempt(buf_text(&key), buf_text(&buf), &arena, &name, &got));
}

static void what_has_no_room_is_not_put_in_part(void **state)
{
	(void)state;
	uint8_t memory[64];
	struct buf buf;
	struct queue_attempt attempt = attempt_due(100, 2);
	buf_init(&buf, memory, sizeof memory);
	buf_put_u8(&buf, 1);
	assert_false(queue_schema_put_attempt(&buf, TEXT("one"), &attempt));
	assert_int_equal(buf.len, 1);
}

static bool wants_first(struct queue_attempt *attempt, void *context)
{
	(void)context;
	if (attempt->rcpts[0].rcpt != 0)
		return false;
	attempt->is_held = false;
	attempt->is_dropped = true;
	return true;
}

static void the_marks_of_an_attempt_come_back_and_some_of_a_file_may_be_hastened(void **state)
{
	(void)state;
	struct record_file file = file_of("one", 1);
	struct queue_file found;
	struct queue_attempt attempts[] = { attempt_due(500, 1), attempt_due(600, 1) }, attempt;
	attempts[0].is_held = true;
	attempts[0].transactional = false;
	attempts[1].rcpts = rcpts + 1;
	const struct queue_key none = { 0 };
	struct text name;
	park(&file, NULL, 0, attempts, 2);
	reopen();
	assert_int_equal(queue_next(reader, &none, &arena, &name, &attempt, &why), RESULT_OK);
	assert_true(attempt.is_held);
	assert_false(attempt.is_dropped);
	assert_false(attempt.transactional);
	assert_int_equal(find("one", &found), RESULT_OK);
	assert_int_equal(queue_hasten(queue, &found, &none, 7, wants_first, NULL, &why), RESULT_OK);
	assert_int_equal(queue_commit(queue, &why), RESULT_OK);
	assert_string_equal(waiting(), "one@7 one@600 ");
	assert_int_equal(queue_next(reader, &none, &arena, &name, &attempt, &why), RESULT_OK);
	assert_false(attempt.is_held);
	assert_true(attempt.is_dropped);
	assert_int_equal(queue_rcpts_count(queue), 2);
}

/* Its key is earlier than its next attempt, so that its sender is told; hastened it is tried at once. */
static void an_attempt_may_come_before_it_is_tried_next(void **state)
{
	(void)state;
	struct record_file file = file_of("one", 1);
	struct queue_file found;
	struct queue_attempt attempts[] = { attempt_due(500, 1), attempt_due(600, 1) }, attempt;
	attempts[0].next_us = 900;
	attempts[1].is_warned = attempts[1].is_away = true;
	const struct queue_key none = { 0 };
	struct text name;
	park(&file, NULL, 0, attempts, 2);
	reopen();
	assert_string_equal(waiting(), "one@500 one@600 ");
	assert_int_equal(queue_next(reader, &none, &arena, &name, &attempt, &why), RESULT_OK);
	assert_int_equal(attempt.next_us, 900);
	assert_false(attempt.is_warned || attempt.is_away);
	const struct queue_key first = attempt.key;
	assert_int_equal(queue_next(reader, &first, &arena, &name, &attempt, &why), RESULT_OK);
	assert_int_equal(attempt.next_us, 600);
	assert_true(attempt.is_warned && attempt.is_away);
	assert_int_equal(find("one", &found), RESULT_OK);
	assert_int_equal(queue_hasten(queue, &found, &none, 7, NULL, NULL, &why), RESULT_OK);
	assert_int_equal(queue_commit(queue, &why), RESULT_OK);
	assert_int_equal(queue_next(reader, &none, &arena, &name, &attempt, &why), RESULT_OK);
	assert_int_equal(attempt.key.due_us, 7);
	assert_int_equal(attempt.next_us, 7);
}

static void what_is_hastened_comes_behind_what_has_had_its_time(void **state)
{
	(void)state;
	struct record_file file = file_of("one", 1);
	struct queue_file found;
	struct queue_attempt attempts[] = { attempt_due(500, 1), attempt_due(600, 1) };
	park(&file, NULL, 0, attempts, 2);
	const struct queue_key taken = attempts[0].key;
	assert_int_equal(find("one", &found), RESULT_OK);
	assert_int_equal(queue_hasten(queue, &found, &taken, 7, NULL, NULL, &why), RESULT_OK);
	assert_int_equal(queue_commit(queue, &why), RESULT_OK);
	assert_string_equal(waiting(), "one@500 one@501 ");
}

int main(void)
{
#define TEST_OF(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST_OF(what_waits_comes_back_as_it_was_also_after_a_restart),
		TEST_OF(attempts_come_in_the_order_of_their_time),
		TEST_OF(what_was_taken_is_replaced_by_what_waits_now),
		TEST_OF(of_thousands_those_that_were_taken_are_replaced_alone),
		TEST_OF(a_file_of_the_same_name_takes_the_place_of_the_old_one),
		TEST_OF(files_come_in_the_order_of_their_names),
		TEST_OF(the_marks_of_an_attempt_come_back_and_some_of_a_file_may_be_hastened),
		TEST_OF(an_attempt_may_come_before_it_is_tried_next),
		TEST_OF(what_is_hastened_comes_behind_what_has_had_its_time),
		TEST_OF(what_is_not_committed_is_not_there),
		TEST_OF(ten_thousand_recipients_fit_into_one_entry),
		TEST_OF(one_transaction_may_park_any_number_of_files),
		TEST_OF(without_a_queue_a_reader_is_told_so),
		TEST_OF(damage_is_an_error_that_names_the_folder),
		TEST_OF(a_damaged_attempt_costs_nothing_but_itself),
		TEST_OF(what_is_damaged_of_a_file_that_is_gone_may_be_dropped_alone),
		TEST_OF(a_damaged_file_is_passed_by_and_its_attempts_are_found_when_it_goes),
		TEST_OF(a_queue_of_another_version_is_refused_and_left_as_it_is),
		TEST_OF(ids_are_never_given_twice),
		TEST_OF(no_bit_may_be_another_one),
		TEST_OF(what_has_no_room_is_not_put_in_part),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
