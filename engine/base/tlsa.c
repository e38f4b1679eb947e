#include "engine/base/tlsa.h"
#include "engine/base/limits.h"

struct tlsa_record tlsa_record_of_rdata(const struct dns_rdata *rdata)
{
	struct tlsa_record record = { 0 };
	record.too_large = rdata->len > TLSA_HEADER_BYTES + TLSA_DATA_BYTES_MAX;
	record.malformed = rdata->len <= TLSA_HEADER_BYTES || record.too_large;
	if (rdata->len >= 1)
		record.usage = rdata->data[0];
	if (rdata->len >= 2)
		record.selector = rdata->data[1];
	if (rdata->len >= 3)
		record.matching = rdata->data[2];
	if (!record.malformed)
		record.data = text_skip(text_of_bytes(rdata->data, rdata->len), TLSA_HEADER_BYTES);
	return record;
}

int tlsa_record_compare(const struct tlsa_record *a, const struct tlsa_record *b)
{
	if (a->usage != b->usage)
		return a->usage < b->usage ? -1 : 1;
	if (a->selector != b->selector)
		return a->selector < b->selector ? -1 : 1;
	if (a->matching != b->matching)
		return a->matching < b->matching ? -1 : 1;
	if (a->malformed != b->malformed)
		return a->malformed ? 1 : -1;
	return text_compare(a->data, b->data);
}

/* Puts a copy of `record` in its place among the sorted ones; a double is left out. */
static bool insert_sorted(struct tlsa_record *records, size_t *count,
	const struct tlsa_record *record, struct arena *arena)
{
	size_t at = *count;
	while (at > 0 && tlsa_record_compare(&records[at - 1], record) > 0)
		at--;
	if (at > 0 && tlsa_record_compare(&records[at - 1], record) == 0)
		return true;
	struct tlsa_record copy = *record;
	copy.data = arena_text_copy(arena, record->data);
	if (copy.data.data == NULL)
		return false;
	memmove(&records[at + 1], &records[at], (*count - at) * sizeof *records);
	records[at] = copy;
	++*count;
	return true;
}

bool tlsa_set_copy(struct tlsa_set *out_set, const struct tlsa_set *from, struct arena *arena)
{
	CHECK(from->count <= TLSA_RECORDS_MAX);
	*out_set = (struct tlsa_set){ .class = from->class, .truncated = from->truncated };
	out_set->base_domain = arena_text_copy(arena, from->base_domain);
	struct tlsa_record *records = arena_alloc_array(arena, from->count, sizeof *records);
	if (records == NULL || out_set->base_domain.data == NULL)
		return false;
	for (size_t i = 0; i < from->count; i++) {
		if (!insert_sorted(records, &out_set->count, &from->records[i], arena))
			return false;
	}
	out_set->records = records;
	return true;
}
