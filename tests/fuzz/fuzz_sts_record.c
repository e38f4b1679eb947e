/* Target: sts_record_choose.
 *
 * Input: TXT records, each ended by a NUL or the end. Checked: an id is one, and stands in the only record
 * that begins with the version; a fault leaves nothing and has words that can be shown; the order of the
 * records does not matter. */
#include <stdlib.h>
#include <string.h>
#include "engine/base/check.h"
#include "engine/base/text.h"
#include "tls/sts_grammar.h"
#include "tls/sts_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { RECORDS_MAX = 16 };

/* Each in memory that ends where the record does. */
static size_t take_records(const uint8_t *data, size_t len, struct text *records)
{
	size_t count = 0;
	struct text rest = text_of_bytes(data, len), record;
	while (count < RECORDS_MAX && text_split(&rest, '\0', &record)) {
		char *copy = malloc(record.len > 0 ? record.len : 1);
		CHECK(copy != NULL);
		memcpy(copy, record.data, record.len);
		records[count++] = text_of_bytes(copy, record.len);
	}
	return count;
}

static void check_id(const struct sts_record *record, const struct text *records, size_t count)
{
	size_t candidates = 0, holders = 0;
	struct text id = text_of(record->id);
	CHECK(id.len >= 1 && id.len <= STS_ID_BYTES_MAX);
	for (size_t i = 0; i < id.len; i++)
		CHECK(sts_is_letter_or_digit(id.data[i]));
	for (size_t i = 0; i < count; i++) {
		if (text_starts(records[i], TEXT("v=STSv1;")))
			candidates++;
		if (text_starts(records[i], TEXT("v=STSv1")) &&
			memmem(records[i].data, records[i].len, id.data, id.len) != NULL)
			holders++;
	}
	CHECK(candidates == (record->is_spaced ? 0 : 1));
	CHECK(holders > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct text records[RECORDS_MAX], turned[RECORDS_MAX];
	size_t count = len > 0 ? take_records(data, len, records) : 0;
	struct sts_record record, again;
	struct fail fail, fail_again;
	enum sts_record_fault fault = sts_record_choose(records, count, &record, &fail);
	if (fault == STS_RECORD_OK) {
		check_id(&record, records, count);
	} else {
		CHECK(record.id[0] == '\0');
		CHECK(!record.is_spaced);
		CHECK(fail.text[0] != '\0');
		CHECK(text_is_printable(text_of(fail.text)));
	}
	for (size_t i = 0; i < count; i++)
		turned[i] = records[count - 1 - i];
	CHECK(sts_record_choose(turned, count, &again, &fail_again) == fault);
	CHECK(strcmp(record.id, again.id) == 0);
	for (size_t i = 0; i < count; i++)
		free((void *)(uintptr_t)records[i].data);
	return 0;
}
