#include "store/journal_record.h"
#include "engine/base/limits.h"

/* The numbers of the kinds stand in files. Whoever adds a kind adds it at the end of event.def. */
static_assert(EVENT_DELIVERED == 0 && EVENT_DEFERRED == 1 && EVENT_BOUNCED == 2 &&
	EVENT_EXPIRED == 3 && EVENT_WITHDRAWN == 4 && EVENT_SUPPRESSED == 5 &&
	EVENT_REJECTED_INPUT == 6, "the order of event.def is stored in journals");

enum {
	/* Of a file and of an outcome, without the name and the line. */
	FILE_FIXED_BYTES = 4 * 8 + 2,
	OUTCOME_FIXED_BYTES = FILE_FIXED_BYTES + 4 + 1 + 4 + 4,
};
static_assert(OUTCOME_FIXED_BYTES + FILE_NAME_BYTES_MAX + EVENT_LINE_BYTES_MAX <=
	JOURNAL_PAYLOAD_BYTES_MAX, "every outcome fits into a record");

static void put_file(struct buf *buf, const struct journal_file *file)
{
	CHECK(file->name.len > 0 && file->name.len <= FILE_NAME_BYTES_MAX);
	buf_put_u64(buf, file->inode);
	buf_put_u64(buf, (uint64_t)file->birth_ns);
	buf_put_u64(buf, (uint64_t)file->modified_ns);
	buf_put_u64(buf, file->bytes);
	buf_put_text16(buf, file->name);
}

static struct journal_file get_file(struct buf_reader *reader)
{
	struct journal_file file = { .inode = buf_reader_u64(reader) };
	file.birth_ns = (int64_t)buf_reader_u64(reader);
	file.modified_ns = (int64_t)buf_reader_u64(reader);
	file.bytes = buf_reader_u64(reader);
	file.name = buf_reader_text16(reader);
	if (file.name.len == 0 || file.name.len > FILE_NAME_BYTES_MAX)
		buf_reader_set_error(reader);
	return file;
}

static bool is_outcome(enum event_kind kind)
{
	return kind == EVENT_DEFERRED || event_kind_is_final(kind);
}

void journal_record_put_outcome(struct buf *buf, const struct journal_outcome *outcome)
{
	CHECK(is_outcome(outcome->kind));
	CHECK(outcome->line.len <= EVENT_LINE_BYTES_MAX);
	put_file(buf, &outcome->file);
	buf_put_u32(buf, outcome->rcpt);
	buf_put_u8(buf, (uint8_t)outcome->kind);
	buf_put_u32(buf, outcome->attempt);
	buf_put_text32(buf, outcome->line);
}

static struct journal_outcome get_outcome(struct buf_reader *reader)
{
	struct journal_outcome outcome = { .file = get_file(reader) };
	outcome.rcpt = buf_reader_u32(reader);
	uint8_t kind = buf_reader_u8(reader);
	outcome.attempt = buf_reader_u32(reader);
	outcome.line = buf_reader_text32(reader);
	if (kind >= EVENT_KIND_COUNT || !is_outcome((enum event_kind)kind))
		buf_reader_set_error(reader);
	else
		outcome.kind = (enum event_kind)kind;
	if (outcome.rcpt >= MESSAGE_RCPTS_MAX && outcome.rcpt != JOURNAL_RCPT_ALL)
		buf_reader_set_error(reader);
	return outcome;
}

void journal_record_put_event(struct buf *buf, struct text line)
{
	CHECK(line.len > 0 && line.len <= EVENT_LINE_BYTES_MAX);
	buf_put_text32(buf, line);
}

void journal_record_put_file_done(struct buf *buf, const struct journal_file *file)
{
	put_file(buf, file);
}

void journal_record_put_events_written(struct buf *buf, uint64_t seq) { buf_put_u64(buf, seq); }

/* The members of the union are filled by type; false for a type that there is not. */
static bool get_entry(struct buf_reader *reader, uint8_t type, struct journal_entry *entry)
{
	switch (type) {
	case JOURNAL_OUTCOME:
		entry->outcome = get_outcome(reader);
		break;
	case JOURNAL_EVENT:
		entry->event_line = buf_reader_text32(reader);
		break;
	case JOURNAL_FILE_DONE:
		entry->file = get_file(reader);
		break;
	case JOURNAL_EVENTS_WRITTEN:
		entry->events_seq = buf_reader_u64(reader);
		break;
	default:
		return false;
	}
	entry->type = (enum journal_type)type;
	return true;
}

enum result journal_record_decode(
	const struct journal_record *record, struct journal_entry *out_entry)
{
	struct buf_reader reader;
	*out_entry = (struct journal_entry){ .seq = record->seq };
	buf_reader_init(&reader, record->payload.data, record->payload.len);
	if (!get_entry(&reader, record->type, out_entry) || !buf_reader_done(&reader))
		return RESULT_DAMAGED;
	struct text line = journal_entry_line(out_entry);
	/* A line is one line. */
	if (line.len > EVENT_LINE_BYTES_MAX ||
		(line.len > 0 && text_find(line, '\n') != line.len - 1) ||
		(out_entry->type == JOURNAL_EVENT && line.len == 0))
		return RESULT_DAMAGED;
	return RESULT_OK;
}

struct text journal_entry_line(const struct journal_entry *entry)
{
	switch (entry->type) {
	case JOURNAL_OUTCOME:
		return entry->outcome.line;
	case JOURNAL_EVENT:
		return entry->event_line;
	case JOURNAL_FILE_DONE:
	case JOURNAL_EVENTS_WRITTEN:
		break;
	}
	return TEXT_EMPTY;
}

bool journal_file_equal(const struct journal_file *a, const struct journal_file *b)
{
	return a->inode == b->inode && a->birth_ns == b->birth_ns &&
		a->modified_ns == b->modified_ns && a->bytes == b->bytes && text_equal(a->name, b->name);
}
