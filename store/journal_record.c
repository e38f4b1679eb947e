#include "store/journal_record.h"
#include "engine/base/limits.h"

/* The numbers of the kinds stand in files. Whoever adds a kind adds it at the end of event.def. */
static_assert(EVENT_DELIVERED == 0 && EVENT_DEFERRED == 1 && EVENT_BOUNCED == 2 &&
		      EVENT_EXPIRED == 3 && EVENT_WITHDRAWN == 4 && EVENT_SUPPRESSED == 5 &&
		      EVENT_REJECTED_INPUT == 6 && EVENT_SESSION == 7 &&
		      EVENT_POLICY_CHANGED == 8 && EVENT_SITE_CHANGED == 9,
	"the order of event.def is stored in journals");

enum {
	/* Without the name and the line. */
	FIXED_BYTES = 4 * 8 + 2 + 4 + 1 + 4 + 8 + 4,
};
static_assert(FIXED_BYTES + FILE_NAME_BYTES_MAX + EVENT_LINE_BYTES_MAX <= JOURNAL_PAYLOAD_BYTES_MAX,
	"every record fits into the journal");

static bool is_line(struct text line)
{
	return line.len > 0 && line.len <= EVENT_LINE_BYTES_MAX &&
	       text_find(line, '\n') == line.len - 1;
}

/* What must hold of every record, written or read. */
static bool is_consistent(const struct outcome_record *r)
{
	bool is_job = r->type == JOURNAL_RECORD_JOB_OUTCOME || r->type == JOURNAL_RECORD_JOB_WARNED;
	uint32_t rcpts_max = is_job ? JOURNAL_JOB_RCPTS_MAX : MESSAGE_RCPTS_MAX;
	bool has_file = r->file.name.len > 0, has_line = r->line.len > 0;
	if (r->file.name.len > FILE_NAME_BYTES_MAX || (has_line && !is_line(r->line)) ||
		r->rcpt >= rcpts_max)
		return false;
	switch (r->type) {
	case JOURNAL_RECORD_OUTCOME:
	case JOURNAL_RECORD_JOB_OUTCOME: return has_file && event_kind_is_final(r->kind);
	case JOURNAL_RECORD_EVENT: return has_line;
	case JOURNAL_RECORD_REJECTED: return has_file;
	case JOURNAL_RECORD_FILE_DONE: return has_file && !has_line;
	case JOURNAL_RECORD_SPLIT:
	case JOURNAL_RECORD_WARNED:
	case JOURNAL_RECORD_JOB_WARNED: return has_file && !has_line;
	case JOURNAL_RECORD_EVENTS_WRITTEN: return !has_file && !has_line;
	case JOURNAL_RECORD_SUPPRESS: return !has_file && has_line;
	}
	return false;
}

void journal_record_put(struct buf *buf, const struct outcome_record *record)
{
	CHECK(is_consistent(record));
	buf_put_u64(buf, record->file.inode);
	buf_put_u64(buf, (uint64_t)record->file.birth_ns);
	buf_put_u64(buf, (uint64_t)record->file.modified_ns);
	buf_put_u64(buf, record->file.bytes);
	buf_put_text16(buf, record->file.name);
	buf_put_u32(buf, record->rcpt);
	buf_put_u8(buf, (uint8_t)record->kind);
	buf_put_u32(buf, record->attempt);
	buf_put_u64(buf, record->events_seq);
	buf_put_text32(buf, record->line);
}

bool journal_record_get(const struct journal_record *record, struct outcome_record *out_record)
{
	struct buf_reader reader;
	struct outcome_record r = { .type = (enum journal_record_type)record->type };
	buf_reader_init(&reader, record->payload.data, record->payload.len);
	r.file.inode = buf_reader_u64(&reader);
	r.file.birth_ns = (int64_t)buf_reader_u64(&reader);
	r.file.modified_ns = (int64_t)buf_reader_u64(&reader);
	r.file.bytes = buf_reader_u64(&reader);
	r.file.name = buf_reader_text16(&reader);
	r.rcpt = buf_reader_u32(&reader);
	uint8_t kind = buf_reader_u8(&reader);
	r.attempt = buf_reader_u32(&reader);
	r.events_seq = buf_reader_u64(&reader);
	r.line = buf_reader_text32(&reader);
	*out_record = (struct outcome_record){ .type = r.type };
	if (!buf_reader_done(&reader) || kind >= EVENT_KIND_COUNT)
		return false;
	r.kind = (enum event_kind)kind;
	if (!is_consistent(&r))
		return false;
	*out_record = r;
	return true;
}

bool record_file_equal(const struct record_file *a, const struct record_file *b)
{
	return a->inode == b->inode && a->birth_ns == b->birth_ns &&
	       a->modified_ns == b->modified_ns && a->bytes == b->bytes &&
	       text_equal(a->name, b->name);
}
