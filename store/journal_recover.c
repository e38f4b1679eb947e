/* Reading the journal of earlier runs.
 *
 *   list names -> sort by number -> for each segment: header, records, is there more than was read?
 *
 * Segments must follow each other without a hole: the first number of each is the one after the
 * last of those before. A file without a good header is what a crash left of a segment that was
 * just begun: nothing in it was ever durable, which is checked, and it is dropped. */
#include <stdlib.h>
#include "store/disk.h"
#include "store/journal_frame.h"
#include "store/journal_internal.h"

enum {
	/* A segment of another size than ours is read too, up to this: options may change. */
	SEGMENT_BYTES_MAX = 1024 * 1024 * 1024,
};

struct names {
	struct journal *journal;
	struct journal_numbers segments; /* unsorted at first */
	struct journal_found *found;
	struct fail *fail;
};

static enum result number_add(struct journal_numbers *list, uint64_t number, struct fail *fail)
{
	if (list->count == list->size) {
		size_t size = list->size > 0 ? 2 * list->size : 64;
		uint64_t *larger = size <= 2 * JOURNAL_SEGMENTS_MAX
					   ? realloc(list->items, size * sizeof *larger)
					   : NULL;
		if (larger == NULL)
			return fail_set(fail, RESULT_MEMORY, "too many segments to remember");
		list->items = larger;
		list->size = size;
	}
	list->items[list->count++] = number;
	return RESULT_OK;
}

static enum result take_name(const char *name, void *context)
{
	struct names *names = context;
	struct journal *journal = names->journal;
	struct journal_numbers *const lists[JOURNAL_FILE_KINDS] = {
		[JOURNAL_FILE_SEGMENT] = &names->segments,
		[JOURNAL_FILE_SPARE] = &names->found->spares,
		[JOURNAL_FILE_MAKING] = &names->found->making,
	};
	enum journal_file file;
	uint64_t number;
	/* Other names are not ours to judge. */
	if (!journal_parse_name(name, &file, &number))
		return RESULT_OK;
	if (number > journal->number_max)
		journal->number_max = number;
	return number_add(lists[file], number, names->fail);
}

static int compare_numbers(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

struct recovery {
	struct journal *journal;
	journal_record_fn *on_record;
	void *context;
	struct journal_found *found;
	struct fail *fail;
	uint8_t *memory; /* a whole segment */
	size_t memory_size;
	bool started; /* a segment with a header was seen: next_seq is known */
};

static enum result read_segment(struct recovery *r, int fd, size_t *out_len)
{
	uint64_t bytes;
	enum result result = disk_size(fd, &bytes, r->fail);
	if (result != RESULT_OK)
		return result;
	if (bytes > SEGMENT_BYTES_MAX)
		return fail_set(r->fail, RESULT_DAMAGED, "too large for a segment");
	if (bytes > r->memory_size) {
		void *larger = realloc(r->memory, (size_t)bytes);
		if (larger == NULL)
			return fail_set(r->fail, RESULT_MEMORY, "no memory to read a segment");
		r->memory = larger;
		r->memory_size = (size_t)bytes;
	}
	return disk_read_at(fd, r->memory, (size_t)bytes, 0, out_len, r->fail);
}

static enum result give_records(struct recovery *r, struct journal_scan *scan)
{
	struct journal_record record;
	while (journal_scan_next(scan, &record)) {
		enum result result = r->on_record(&record, r->context);
		if (result != RESULT_OK)
			return fail_set(r->fail, result, "record %llu: %s",
				(unsigned long long)record.seq, result_text(result));
	}
	return RESULT_OK;
}

/* What stands in memory, of the segment `number`. */
static enum result take_segment(struct recovery *r, uint64_t number, size_t len)
{
	struct journal *journal = r->journal;
	struct journal_header header;
	struct journal_scan scan;
	enum journal_header_state state = journal_frame_get_header(r->memory, len, &header);
	if (state == JOURNAL_HEADER_OTHER)
		return fail_set(r->fail, RESULT_CHANGED,
			"written by another version of longship (format %u, this one has %d): let that "
			"version deliver all that waits, and remove the journal then",
			header.version, JOURNAL_VERSION);
	bool good = state == JOURNAL_HEADER_GOOD && header.number == number;
	if (good && !r->started)
		journal->next_seq = header.first_seq;
	if (good && header.first_seq != journal->next_seq)
		return fail_set(r->fail, RESULT_DAMAGED,
			"begins with record %llu where %llu should follow",
			(unsigned long long)header.first_seq,
			(unsigned long long)journal->next_seq);
	journal_scan_init(&scan, r->memory, len, number, journal->next_seq);
	if (good) {
		enum result result = give_records(r, &scan);
		if (result != RESULT_OK)
			return result;
	}
	if (journal_scan_is_damaged(&scan))
		return fail_set(r->fail, RESULT_DAMAGED,
			"record %llu was durable and cannot be read",
			(unsigned long long)scan.next_seq);
	r->started |= good;
	if (!good || scan.next_seq == header.first_seq)
		return number_add(&r->found->drop, number, r->fail);
	struct journal_segment segment = {
		.number = number, .first_seq = header.first_seq, .bytes = len
	};
	r->found->last_bytes = scan.at;
	journal->next_seq = scan.next_seq;
	return journal_list_add(journal, &segment, r->fail);
}

static enum result recover_segment(struct recovery *r, uint64_t number)
{
	char name[JOURNAL_NAME_SIZE];
	size_t len = 0;
	int fd;
	journal_name(JOURNAL_FILE_SEGMENT, number, name);
	enum result result = disk_open(r->journal->folder, name, false, &fd, r->fail);
	if (result != RESULT_OK)
		return result;
	result = read_segment(r, fd, &len);
	/* After a kill -9 the end of the journal may be in the page cache only: what is given back
	 * must not vanish with the next loss of power. Nothing to write costs nothing. */
	if (result == RESULT_OK)
		result = disk_sync(fd, r->fail);
	disk_close(fd);
	if (result == RESULT_OK)
		result = take_segment(r, number, len);
	if (result != RESULT_OK)
		(void)fail_prefix(r->fail, "%s", name);
	return result;
}

enum result journal_recover(struct journal *journal, journal_record_fn *on_record, void *context,
	struct journal_found *out_found, struct fail *fail)
{
	struct names names = { .journal = journal, .found = out_found, .fail = fail };
	struct recovery r = { .journal = journal,
		.on_record = on_record,
		.context = context,
		.found = out_found,
		.fail = fail };
	*out_found = (struct journal_found){ .last_bytes = 0 };
	journal->next_seq = 1;
	enum result result = disk_list_folder(journal->folder, take_name, &names, fail);
	if (result == RESULT_OK && names.segments.count > 0)
		qsort(names.segments.items, names.segments.count, sizeof *names.segments.items,
			compare_numbers);
	for (size_t i = 0; i < names.segments.count && result == RESULT_OK; i++)
		result = recover_segment(&r, names.segments.items[i]);
	free(names.segments.items);
	free(r.memory);
	return result;
}
