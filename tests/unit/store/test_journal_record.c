#include "tests/unit/engine/base/dies.h"
#include "engine/base/limits.h"
#include "store/journal_record.h"

#define A_FILE \
	{ .name = TEXT_INIT("news-1.eml"), .inode = 4711, .birth_ns = 1788266096123456789, \
		.modified_ns = -5, .bytes = UINT64_MAX }
static const struct record_file a_file = A_FILE;

static struct journal_record framed(const struct buf *buf, enum journal_record_type type)
{
	return (struct journal_record){ .seq = 3, .type = (uint8_t)type, .payload = buf_text(buf) };
}

static const struct outcome_record examples[] = {
	{ .type = JOURNAL_RECORD_OUTCOME, .file = A_FILE, .rcpt = 9999, .kind = EVENT_BOUNCED,
		.attempt = 3, .line = TEXT_INIT("{\"event\":\"bounced\"}\n") },
	{ .type = JOURNAL_RECORD_OUTCOME, .file = A_FILE, .kind = EVENT_DELIVERED }, /* carried */
	{ .type = JOURNAL_RECORD_EVENT, .file = A_FILE, .kind = EVENT_DEFERRED, .attempt = 1,
		.line = TEXT_INIT("x\n") },
	{ .type = JOURNAL_RECORD_EVENT, .kind = EVENT_SESSION, .line = TEXT_INIT("x\n") },
	{ .type = JOURNAL_RECORD_JOB_OUTCOME, .file = A_FILE, .rcpt = JOURNAL_JOB_RCPTS_MAX - 1,
		.kind = EVENT_DELIVERED, .line = TEXT_INIT("x\n") },
	{ .type = JOURNAL_RECORD_REJECTED, .file = A_FILE, .line = TEXT_INIT("x\n") },
	{ .type = JOURNAL_RECORD_FILE_DONE, .file = A_FILE },
	{ .type = JOURNAL_RECORD_SPLIT, .file = A_FILE },
	{ .type = JOURNAL_RECORD_EVENTS_WRITTEN, .events_seq = 123456789012 },
	{ .type = JOURNAL_RECORD_WARNED, .file = A_FILE, .rcpt = 9999 },
	{ .type = JOURNAL_RECORD_JOB_WARNED, .file = A_FILE, .rcpt = JOURNAL_JOB_RCPTS_MAX - 1 },
	{ .type = JOURNAL_RECORD_SUPPRESS, .line = TEXT_INIT("ann@a.example\t\tno such user\n") },
};

static void every_type_comes_back_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(examples); i++) {
		uint8_t memory[512];
		struct buf buf;
		struct outcome_record back;
		const struct outcome_record *want = &examples[i];
		buf_init(&buf, memory, sizeof memory);
		journal_record_put(&buf, want);
		const struct journal_record record = framed(&buf, want->type);
		assert_true(journal_record_get(&record, &back));
		assert_int_equal(back.type, want->type);
		assert_true(record_file_equal(&back.file, &want->file));
		assert_int_equal(back.rcpt, want->rcpt);
		assert_int_equal(back.kind, want->kind);
		assert_int_equal(back.attempt, want->attempt);
		assert_true(back.events_seq == want->events_seq);
		assert_true(text_equal(back.line, want->line));
		/* Every prefix, and one byte more, is none. */
		for (size_t len = 0; len < buf.len; len++) {
			struct journal_record cut = record;
			cut.payload.len = len;
			assert_false(journal_record_get(&cut, &back));
		}
		buf_put_u8(&buf, 0);
		const struct journal_record longer = framed(&buf, want->type);
		assert_false(journal_record_get(&longer, &back));
	}
}

/* (SEC-32) A reply with a newline cannot make two lines of one: such a record is none. */
static void what_cannot_be_is_refused(void **state)
{
	(void)state;
	uint8_t memory[512];
	struct outcome_record back;
	struct buf buf;
	buf_init(&buf, memory, sizeof memory);
	journal_record_put(&buf, &examples[0]);
	struct journal_record record = framed(&buf, JOURNAL_RECORD_OUTCOME);
	static const uint8_t types[] = { 0, 8, 200, JOURNAL_RECORD_FILE_DONE, JOURNAL_RECORD_SPLIT,
		JOURNAL_RECORD_EVENTS_WRITTEN };
	for (size_t i = 0; i < COUNT_OF(types); i++) {
		record.type = types[i];
		assert_false(journal_record_get(&record, &back));
	}
	record.type = JOURNAL_RECORD_OUTCOME;
	assert_true(journal_record_get(&record, &back));
	uint8_t *line = memory + (back.line.data - (char *)memory);
	size_t line_len = back.line.len;
	line[3] = '\n';
	assert_false(journal_record_get(&record, &back));
	line[3] = 'v';
	line[line_len - 1] = 'x';
	assert_false(journal_record_get(&record, &back));
	line[line_len - 1] = '\n';
	/* The kind stands behind 4 numbers, the name with its length, and the recipient. */
	uint8_t *kind = memory + 4 * 8 + 2 + a_file.name.len + 4;
	static const uint8_t kinds[] = { EVENT_DEFERRED, EVENT_SESSION, EVENT_KIND_COUNT, 255 };
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		*kind = kinds[i];
		assert_false(journal_record_get(&record, &back));
	}
	*kind = EVENT_DELIVERED;
	assert_true(journal_record_get(&record, &back));
	kind[-1] = kind[-2] = kind[-3] = 0xff; /* far more recipients than a message can have */
	assert_false(journal_record_get(&record, &back));
}

static void the_largest_record_fits(void **state)
{
	(void)state;
	static char line[EVENT_LINE_BYTES_MAX], name[FILE_NAME_BYTES_MAX];
	static uint8_t memory[JOURNAL_PAYLOAD_BYTES_MAX];
	struct buf buf;
	memset(line, 'x', sizeof line);
	line[sizeof line - 1] = '\n';
	memset(name, 'n', sizeof name);
	struct outcome_record record = examples[0];
	record.file.name = text_of_bytes(name, sizeof name);
	record.line = text_of_bytes(line, sizeof line);
	buf_init(&buf, memory, sizeof memory);
	journal_record_put(&buf, &record);
	assert_false(buf.overflow);
}

static void put_bad(const struct outcome_record *record)
{
	uint8_t memory[512];
	struct buf buf;
	buf_init(&buf, memory, sizeof memory);
	journal_record_put(&buf, record);
}

static void put_deferred_outcome(void)
{
	struct outcome_record record = examples[0];
	record.kind = EVENT_DEFERRED;
	put_bad(&record);
}

static void put_two_lines(void)
{
	struct outcome_record record = examples[0];
	record.line = TEXT("a\nb\n");
	put_bad(&record);
}

static void put_without_file(void)
{
	struct outcome_record record = examples[0];
	record.file = (struct record_file){ .inode = 0 };
	put_bad(&record);
}

static void what_we_must_not_write_stops_the_program(void **state)
{
	(void)state;
	assert_dies(put_deferred_outcome, "is_consistent(record)");
	assert_dies(put_two_lines, "is_consistent(record)");
	assert_dies(put_without_file, "is_consistent(record)");
}

static void every_part_of_the_identity_counts(void **state)
{
	(void)state;
	struct record_file changed[5] = { a_file, a_file, a_file, a_file, a_file };
	changed[0].inode++;
	changed[1].birth_ns++;
	changed[2].modified_ns++;
	changed[3].bytes--;
	changed[4].name = TEXT("news-2.eml");
	assert_true(record_file_equal(&a_file, &a_file));
	for (size_t i = 0; i < COUNT_OF(changed); i++)
		assert_false(record_file_equal(&a_file, &changed[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_comes_back_the_same),
		cmocka_unit_test(what_cannot_be_is_refused),
		cmocka_unit_test(the_largest_record_fits),
		cmocka_unit_test(what_we_must_not_write_stops_the_program),
		cmocka_unit_test(every_part_of_the_identity_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
