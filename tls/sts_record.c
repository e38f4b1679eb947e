#include "tls/sts_record.h"
#include <string.h>
#include "tls/sts_grammar.h"

/* ---- choosing ---- */

static const struct text version = TEXT_INIT("v=STSv1");

/* `rest` begins with *WSP ";". */
static bool begins_with_delimiter(struct text rest)
{
	return text_starts(sts_skip_space(rest), TEXT(";"));
}

enum candidate { CANDIDATE_NO, CANDIDATE_SPACED, CANDIDATE_YES, CANDIDATES };

static enum candidate candidate_of(struct text record)
{
	if (!text_starts(record, version))
		return CANDIDATE_NO;
	struct text rest = text_skip(record, version.len);
	if (!begins_with_delimiter(rest))
		return CANDIDATE_NO;
	return rest.data[0] == ';' ? CANDIDATE_YES : CANDIDATE_SPACED;
}

/* ---- reading ---- */

struct parse {
	struct text rest;
	struct sts_record *record;
	size_t fields_count;
	bool has_id;
	struct fail *fail;
};

static enum sts_record_fault broken(struct parse *p, struct text field, const char *why)
{
	char shown[STS_SHOWN_SIZE];
	fail_set(p->fail, RESULT_INVALID, "field %zu of the TXT record, \"%s\", %s",
		p->fields_count, sts_show(field, shown), why);
	return STS_RECORD_BROKEN;
}

/* sts-ext-value: printable, without "=" and ";"; those and white space have ended the field. */
static bool is_value(struct text value)
{
	for (size_t i = 0; i < value.len; i++)
		if (value.data[i] <= ' ' || value.data[i] >= 0x7f || value.data[i] == '=')
			return false;
	return value.len > 0;
}

static bool is_id(struct text value)
{
	for (size_t i = 0; i < value.len; i++)
		if (!sts_is_letter_or_digit(value.data[i]))
			return false;
	return value.len > 0 && value.len <= STS_ID_BYTES_MAX;
}

static struct text take_field(struct parse *p)
{
	size_t len = 0;
	while (len < p->rest.len && p->rest.data[len] != ';' && !sts_is_space(p->rest.data[len]))
		len++;
	struct text field = text_cut(p->rest, len);
	p->rest = text_skip(p->rest, len);
	p->fields_count++;
	return field;
}

static enum sts_record_fault read_field(struct parse *p)
{
	struct text field = take_field(p);
	if (field.len == 0)
		return broken(p, field, "is empty");
	size_t equals = text_find(field, '=');
	if (equals == TEXT_NONE)
		return broken(p, field, "has no \"=\"");
	struct text name = text_cut(field, equals), value = text_skip(field, equals + 1);
	bool is_first_id = !p->has_id && text_equal(name, TEXT("id"));
	if (is_first_id && !is_id(value))
		return broken(p, field, "is no id, which has 1 to 32 letters and digits");
	if (!sts_is_field_name(name))
		return broken(p, field,
			"has no good name, which is 1 to 32 letters, digits, \"_\", \"-\" and "
			"\".\"");
	if (!is_value(value))
		return broken(
			p, field, "has no good value, which is printable ASCII without \"=\"");
	if (p->rest.len > 0 && !begins_with_delimiter(p->rest))
		return broken(p, field, "is followed by white space and no semicolon");
	if (is_first_id) {
		memcpy(p->record->id, value.data, value.len);
		p->record->id[value.len] = '\0';
		p->has_id = true;
	}
	return STS_RECORD_OK;
}

/* sts-text-record behind the version, where a delimiter stands: fields, each behind one, and perhaps a last
 * one. */
static enum sts_record_fault read_fields(struct parse *p)
{
	while (p->rest.len > 0) {
		p->rest = sts_skip_space(text_skip(sts_skip_space(p->rest), 1));
		if (p->rest.len == 0)
			break;
		enum sts_record_fault fault = read_field(p);
		if (fault != STS_RECORD_OK)
			return fault;
	}
	if (!p->has_id) {
		fail_set(p->fail, RESULT_INVALID, "the TXT record has no field id");
		return STS_RECORD_BROKEN;
	}
	return STS_RECORD_OK;
}

enum sts_record_fault sts_record_choose(const struct text *records, size_t records_count,
	struct sts_record *out_record, struct fail *fail)
{
	size_t counts[CANDIDATES] = { 0 };
	struct text last[CANDIDATES];
	*out_record = (struct sts_record){ .is_spaced = false };
	for (size_t i = 0; i < records_count; i++) {
		enum candidate candidate = candidate_of(records[i]);
		counts[candidate]++;
		last[candidate] = records[i];
	}
	enum candidate chosen = counts[CANDIDATE_YES] > 0 ? CANDIDATE_YES : CANDIDATE_SPACED;
	if (counts[chosen] == 0) {
		fail_set(fail, RESULT_NOT_FOUND,
			"there is no TXT record that begins with \"v=STSv1;\"");
		return STS_RECORD_NONE;
	}
	if (counts[chosen] > 1) {
		fail_set(fail, RESULT_INVALID,
			"there are %zu TXT records that begin with \"v=STSv1;\", and only one may",
			counts[chosen]);
		return STS_RECORD_SEVERAL;
	}
	struct parse parse = {
		.rest = text_skip(last[chosen], version.len),
		.record = out_record,
		.fail = fail,
	};
	enum sts_record_fault fault = read_fields(&parse);
	if (fault != STS_RECORD_OK)
		*out_record = (struct sts_record){ .is_spaced = false };
	else
		out_record->is_spaced = chosen == CANDIDATE_SPACED;
	return fault;
}

const char *sts_record_fault_text(enum sts_record_fault fault)
{
	switch (fault) {
	case STS_RECORD_OK: return "ok";
	case STS_RECORD_NONE: return "none";
	case STS_RECORD_SEVERAL: return "several";
	case STS_RECORD_BROKEN: return "broken";
	case STS_RECORD_FAULTS: break;
	}
	UNREACHABLE("a fault that is not in the enum");
}
