#include "engine/mail/header_reader.h"
#include "engine/mail/quoted_text.h"

enum fate { TAKEN, KEPT };

static const struct {
	struct text name;
	enum fate fate;
} rows[] = {
#define HEADER(kind, name_, fate_) [HEADER_##kind] = { TEXT_INIT(name_), fate_ },
#include "engine/mail/headers.def"
#undef HEADER
};
static_assert(COUNT_OF(rows) == HEADER_OTHER, "one row a kind");

const char *header_kind_name(enum header_kind kind)
{
	CHECK(kind < HEADER_OTHER);
	return rows[kind].name.data;
}

bool header_kind_is_taken(enum header_kind kind)
{
	return kind != HEADER_OTHER && rows[kind].fate == TAKEN;
}

/* Rows of one first letter: most fields of a message have another, and are none of ours. */
struct row_range {
	enum header_kind from, to; /* `to` is in it */
};

static struct row_range rows_of_letter(uint8_t first)
{
	switch (text_lower(first)) {
	case 'a': return (struct row_range){ HEADER_ARC, HEADER_ARC };
	case 'b': return (struct row_range){ HEADER_BCC, HEADER_BCC };
	case 'd': return (struct row_range){ HEADER_DATE, HEADER_DOMAINKEY };
	case 'm': return (struct row_range){ HEADER_MESSAGE_ID, HEADER_MESSAGE_ID };
	case 'r': return (struct row_range){ HEADER_RETURN_PATH, HEADER_RESENT_BCC };
	case 't': return (struct row_range){ HEADER_TLS_REQUIRED, HEADER_TLS_REQUIRED };
	case 'x': return (struct row_range){ HEADER_X_SENDER, HEADER_X_SOURCE_IP };
	default: return (struct row_range){ HEADER_OTHER, HEADER_X_SENDER }; /* none */
	}
}

static enum header_kind kind_of(struct text name)
{
	struct row_range range = rows_of_letter((uint8_t)name.data[0]);
	for (enum header_kind kind = range.from; kind <= range.to; kind++) {
		struct text known = rows[kind].name;
		if (name.len < known.len)
			continue;
		bool is_prefix = known.data[known.len - 1] == '-';
		if ((name.len == known.len || is_prefix) && text_starts_nocase(name, known))
			return kind;
	}
	return HEADER_OTHER;
}

void header_reader_init(struct header_reader *reader, struct text file)
{
	struct text mark = TEXT("\xef\xbb\xbf");
	*reader = (struct header_reader){
		.file = file,
		.at = text_starts(file, mark) ? mark.len : 0,
		.line = 1,
	};
}

/* A line without its end. Not called at the end of the file. */
static struct text peek_line(const struct header_reader *reader, size_t *out_next, bool *out_crlf)
{
	struct text rest = text_skip(reader->file, reader->at);
	size_t len = text_find(rest, '\n');
	*out_next = reader->at + (len == TEXT_NONE ? rest.len : len + 1);
	*out_crlf = len != TEXT_NONE && len > 0 && rest.data[len - 1] == '\r';
	return text_cut(rest, len == TEXT_NONE ? rest.len : len - *out_crlf);
}

static void step(struct header_reader *reader, size_t next, bool crlf)
{
	reader->at = next;
	reader->line++;
	reader->crlf_count += crlf;
}

static bool at_folded_line(const struct header_reader *reader)
{
	if (reader->at == reader->file.len)
		return false;
	char first = reader->file.data[reader->at];
	return first == ' ' || first == '\t';
}

/* RFC 5322 2.2: a name is printable ASCII without colon and space. 4.5: white space before the
 * colon is obsolete, but must be understood. Its length; 0: this line has no name. */
static size_t name_len(struct text line, size_t *out_colon)
{
	size_t len = 0;
	while (len < line.len && (uint8_t)line.data[len] > 0x20 && (uint8_t)line.data[len] < 0x7f &&
		line.data[len] != ':')
		len++;
	size_t colon = len;
	while (colon < line.len && (line.data[colon] == ' ' || line.data[colon] == '\t'))
		colon++;
	*out_colon = colon;
	return colon < line.len && line.data[colon] == ':' ? len : 0;
}

static enum result not_a_field(
	const struct header_reader *reader, struct text line, struct fail *out_fail)
{
	return fail_set(out_fail, RESULT_INVALID,
		"line %u: %s is no header line (\"Name: value\"), and no empty line came before",
		reader->line, quoted_text(line).text);
}

enum result header_reader_next(struct header_reader *reader, struct header_field *out_field,
	bool *out_more, struct fail *out_fail)
{
	*out_more = false;
	if (reader->has_end || reader->at == reader->file.len)
		return RESULT_OK;
	size_t start = reader->at, next;
	bool crlf;
	struct text line = peek_line(reader, &next, &crlf);
	if (line.len == 0) {
		reader->has_end = true;
		step(reader, next, crlf);
		return RESULT_OK;
	}
	size_t colon, named = name_len(line, &colon);
	if (named == 0)
		return not_a_field(reader, line, out_fail);
	*out_field = (struct header_field){ .name = text_cut(line, named), .line = reader->line };
	out_field->kind = kind_of(out_field->name);
	size_t value_at = start + colon + 1;
	size_t value_end = start + line.len;
	step(reader, next, crlf);
	while (at_folded_line(reader)) {
		out_field->is_folded = true;
		value_end = reader->at + peek_line(reader, &next, &crlf).len;
		step(reader, next, crlf);
	}
	out_field->value = text_cut(text_skip(reader->file, value_at), value_end - value_at);
	out_field->whole = text_cut(text_skip(reader->file, start), reader->at - start);
	*out_more = true;
	return RESULT_OK;
}

enum result header_field_unfold(const struct header_field *field, struct arena *arena,
	struct text *out_value, struct fail *out_fail)
{
	*out_value = text_trim(field->value);
	if (!field->is_folded)
		return RESULT_OK;
	char *unfolded = arena_alloc(arena, field->value.len);
	if (unfolded == NULL)
		return fail_set(out_fail, RESULT_MEMORY, "no memory left to read header fields");
	size_t len = 0;
	for (size_t i = 0; i < out_value->len; i++)
		if (out_value->data[i] != '\r' && out_value->data[i] != '\n')
			unfolded[len++] = out_value->data[i];
	*out_value = (struct text){ unfolded, len };
	return RESULT_OK;
}
