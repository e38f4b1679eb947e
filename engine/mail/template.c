#include "engine/mail/template.h"
#include "engine/base/limits.h"
#include "engine/mail/encoded_word.h"
#include "engine/mail/header_reader.h"
#include "engine/mail/mime_type.h"
#include "engine/mail/quoted_text.h"
#include "engine/mail/template_body.h"
#include "engine/mail/template_field.h"
#include "engine/mail/transfer_encoding.h"

struct compiling {
	struct template *template;
	struct arena *arena;
	struct fail *fail;
	bool may_join; /* the last copy belongs to no condition that has ended */
};

/* What the header of one entity says about its body. */
struct entity {
	bool is_top;
	bool has_type, has_mime_version, has_date, has_message_id;
	bool is_attachment; /* a file: what is in it is nobody's template */
	struct mime_type type;
	struct text encoding; /* Content-Transfer-Encoding; empty: none */
};

static enum result compile_entity(struct compiling *c, struct text entity, unsigned depth);

static enum result no_memory(struct compiling *c)
{
	return fail_set(c->fail, RESULT_MEMORY, "no memory left for the template");
}

/* ---- steps ---- */

static struct template_step *add_step(struct compiling *c, enum template_step_kind kind)
{
	struct template *t = c->template;
	if (t->steps_count == t->steps_size) {
		uint32_t size = t->steps_size == 0 ? 64 : 2 * t->steps_size;
		struct template_step *steps = arena_alloc_array(c->arena, size, sizeof *steps);
		if (steps == NULL)
			return NULL;
		for (uint32_t i = 0; i < t->steps_count; i++)
			steps[i] = t->steps[i];
		t->steps = steps;
		t->steps_size = size;
	}
	struct template_step *step = &t->steps[t->steps_count++];
	*step = (struct template_step){ .kind = (uint8_t)kind };
	return step;
}

/* Joined with the copy before it where they touch, but not over the end of a condition. */
static enum result add_copy(struct compiling *c, struct text text)
{
	struct template *t = c->template;
	struct template_step *last = t->steps_count > 0 ? &t->steps[t->steps_count - 1] : NULL;
	if (text.len == 0)
		return RESULT_OK;
	if (c->may_join && last != NULL && last->kind == TEMPLATE_COPY &&
		last->text.data + last->text.len == text.data) {
		last->text.len += text.len;
		return RESULT_OK;
	}
	struct template_step *step = add_step(c, TEMPLATE_COPY);
	if (step == NULL)
		return no_memory(c);
	step->text = text;
	c->may_join = true;
	return RESULT_OK;
}

/* ---- header ---- */

static enum result add_field(struct compiling *c, const struct header_field *field)
{
	struct template_step draft = { .text = field->name };
	enum template_field_form form = template_field_form_of(field->name);
	if (text_find_text(field->value, TEXT("{{")) == TEXT_NONE &&
		text_is_printable_field(field->whole))
		return add_copy(c, field->whole);
	struct text value;
	enum result result = header_field_unfold(field, c->arena, &value, c->fail);
	if (result == RESULT_OK)
		result = template_field_compile(
			value, form, &c->template->names, c->arena, &draft, c->fail);
	if (result != RESULT_OK)
		return result;
	struct template_step *step = add_step(c, TEMPLATE_COPY);
	if (step == NULL)
		return no_memory(c);
	*step = draft;
	return RESULT_OK;
}

static bool is_name(const struct header_field *field, struct text name)
{
	return text_equal_nocase(field->name, name);
}

static enum result see_type(
	struct compiling *c, struct entity *entity, const struct header_field *field)
{
	struct text value;
	enum result result = header_field_unfold(field, c->arena, &value, c->fail);
	if (result == RESULT_OK && entity->has_type)
		result = fail_set(c->fail, RESULT_INVALID, "is there a second time");
	if (result == RESULT_OK && text_find_text(value, TEXT("{{")) != TEXT_NONE)
		result = fail_set(c->fail, RESULT_INVALID, "may not depend on the recipient");
	if (result == RESULT_OK)
		result = mime_type_parse(value, c->arena, &entity->type, c->fail);
	entity->has_type = true;
	return result == RESULT_OK ? add_copy(c, field->whole) : result;
}

/* One field of the header of an entity. */
static enum result take_field(
	struct compiling *c, struct entity *entity, const struct header_field *field)
{
	if (field->kind == HEADER_DKIM_SIGNATURE || field->kind == HEADER_DOMAINKEY ||
		field->kind == HEADER_ARC)
		return fail_set(c->fail, RESULT_INVALID,
			"a signed message cannot be merged: it would not be what was signed");
	if (header_kind_is_taken(field->kind))
		return RESULT_OK;
	if (is_name(field, TEXT("Content-Type")))
		return see_type(c, entity, field);
	if (is_name(field, TEXT("Content-Transfer-Encoding"))) {
		entity->encoding = text_trim(field->value);
		return RESULT_OK;
	}
	bool has_places = text_find_text(field->value, TEXT("{{")) != TEXT_NONE;
	entity->is_attachment |= is_name(field, TEXT("Content-Disposition")) &&
				 text_starts_nocase(text_trim(field->value), TEXT("attachment"));
	if (entity->is_top && field->kind == HEADER_MESSAGE_ID && !has_places)
		return RESULT_OK;
	entity->has_message_id |= entity->is_top && field->kind == HEADER_MESSAGE_ID;
	entity->has_date |= entity->is_top && field->kind == HEADER_DATE;
	entity->has_mime_version |= is_name(field, TEXT("MIME-Version"));
	return add_field(c, field);
}

/* What the message must have and the template has not. */
static enum result end_header(struct compiling *c, const struct entity *entity)
{
	if (!entity->is_top)
		return RESULT_OK;
	if ((!entity->has_date && add_step(c, TEMPLATE_DATE) == NULL) ||
		(!entity->has_message_id && add_step(c, TEMPLATE_MESSAGE_ID) == NULL))
		return no_memory(c);
	enum result result = RESULT_OK;
	if (!entity->has_mime_version)
		result = add_copy(c, TEXT("MIME-Version: 1.0\r\n"));
	if (result == RESULT_OK && !entity->has_type)
		result = add_copy(c, TEXT("Content-Type: text/plain; charset=utf-8\r\n"));
	return result;
}

static enum result read_header(
	struct compiling *c, struct text text, struct entity *entity, struct text *out_body)
{
	struct header_reader reader;
	header_reader_init(&reader, text);
	for (;;) {
		struct header_field field;
		bool more;
		enum result result = header_reader_next(&reader, &field, &more, c->fail);
		if (result != RESULT_OK || !more) {
			*out_body = text_skip(text, reader.at);
			return result == RESULT_OK ? end_header(c, entity) : result;
		}
		result = take_field(c, entity, &field);
		if (result != RESULT_OK) {
			(void)fail_prefix(c->fail, "%.*s", TEXT_ARG(text_cut(field.name, 40)));
			return result;
		}
	}
}

/* ---- bodies ---- */

static enum result add_encoding(struct compiling *c, struct text encoding)
{
	struct text line = arena_printf(
		c->arena, "Content-Transfer-Encoding: %.*s\r\n\r\n", TEXT_ARG(encoding));
	return line.data != NULL ? add_copy(c, line) : no_memory(c);
}

/* As it stands. */
static enum result add_opaque(struct compiling *c, const struct entity *entity, struct text body)
{
	enum result result = entity->encoding.len > 0 ? add_encoding(c, entity->encoding)
						      : add_copy(c, TEXT("\r\n"));
	return result == RESULT_OK ? add_copy(c, body) : result;
}

/* Text for everybody: encoded now, if it needs that at all. */
static enum result add_same_for_all(struct compiling *c, struct text body)
{
	enum transfer_encoding encoding = transfer_encoding_of(body);
	struct buf out;
	size_t bytes = transfer_encoding_bytes_max(encoding, body) + 1;
	void *memory = arena_alloc(c->arena, bytes);
	if (memory == NULL)
		return no_memory(c);
	buf_init(&out, memory, bytes);
	transfer_encoding_put(&out, encoding, body);
	enum result result = add_encoding(c, text_of(transfer_encoding_name(encoding)));
	return result == RESULT_OK ? add_copy(c, buf_text(&out)) : result;
}

/* *out_identity: it stands there as it is. */
static enum result decode(struct compiling *c, const struct entity *entity, struct text body,
	struct text *out_decoded, bool *out_identity)
{
	enum transfer_encoding encoding = TRANSFER_ENCODING_7BIT;
	if (text_equal_nocase(entity->encoding, TEXT("quoted-printable")))
		encoding = TRANSFER_ENCODING_QUOTED_PRINTABLE;
	else if (text_equal_nocase(entity->encoding, TEXT("base64")))
		encoding = TRANSFER_ENCODING_BASE64;
	*out_identity = encoding == TRANSFER_ENCODING_7BIT;
	*out_decoded = body;
	if (*out_identity)
		return RESULT_OK;
	struct buf out;
	void *memory = arena_alloc(c->arena, body.len + 1);
	if (memory == NULL)
		return no_memory(c);
	buf_init(&out, memory, body.len + 1);
	if (!transfer_encoding_decode(&out, encoding, body))
		return fail_set(c->fail, RESULT_INVALID, "a part is not %.*s as it says",
			TEXT_ARG(entity->encoding));
	*out_decoded = buf_text(&out);
	return RESULT_OK;
}

static enum result add_text(struct compiling *c, const struct entity *entity, struct text body)
{
	struct template_text *text = arena_alloc(c->arena, sizeof *text);
	struct text decoded;
	bool is_identity;
	if (text == NULL)
		return no_memory(c);
	enum result result = decode(c, entity, body, &decoded, &is_identity);
	if (result == RESULT_OK)
		result = template_text_compile(
			decoded, &c->template->names, c->arena, text, c->fail);
	if (result != RESULT_OK)
		return result;
	if (!text->has_places && text_find_text(decoded, TEXT("{{")) == TEXT_NONE)
		return is_identity ? add_same_for_all(c, body) : add_opaque(c, entity, body);
	if (entity->has_type && !text_equal_nocase(entity->type.charset, TEXT("utf-8")))
		return fail_set(c->fail, RESULT_INVALID,
			"a text part with places for values needs charset=utf-8 in its "
			"Content-Type");
	if (!text_is_utf8(decoded))
		return fail_set(
			c->fail, RESULT_INVALID, "a text part with places for values is not UTF-8");
	struct template_step *step = add_step(c, TEMPLATE_BODY);
	if (step == NULL)
		return no_memory(c);
	step->is_html = entity->has_type && text_equal_nocase(entity->type.subtype, TEXT("html"));
	return template_body_compile(text, c->arena, &step->body, c->fail);
}

/* ---- multipart (RFC 2046 5.1) ---- */

/* The next line that is "--boundary" or "--boundary--": where it begins and ends. */
static bool find_delimiter(struct text body, size_t from, struct text boundary, size_t *out_at,
	size_t *out_end, bool *out_is_last)
{
	for (size_t at = from; at < body.len;) {
		struct text rest = text_skip(body, at);
		size_t len = text_find(rest, '\n');
		size_t next = len == TEXT_NONE ? body.len : at + len + 1;
		struct text line = text_cut(rest, len);
		while (line.len > 0 &&
			text_find(TEXT(" \t\r"), line.data[line.len - 1]) != TEXT_NONE)
			line.len--; /* RFC 2046 5.1.1: transport padding */
		if (text_starts(line, TEXT("--")) && text_starts(text_skip(line, 2), boundary)) {
			struct text behind = text_skip(line, 2 + boundary.len);
			*out_is_last = text_equal(behind, TEXT("--"));
			*out_at = at;
			*out_end = next;
			if (behind.len == 0 || *out_is_last)
				return true;
		}
		at = next;
	}
	return false;
}

/* The condition of a part; *out_name TEXT_EMPTY: it is for all. */
static enum result find_condition(
	struct compiling *c, struct text part, struct text *out_name, bool *out_unless)
{
	struct header_reader reader;
	header_reader_init(&reader, part);
	*out_name = TEXT_EMPTY;
	for (;;) {
		struct header_field field;
		bool more;
		enum result result = header_reader_next(&reader, &field, &more, c->fail);
		if (result != RESULT_OK || !more)
			return result;
		bool unless = is_name(&field, TEXT("X-Longship-Unless"));
		if (!unless && !is_name(&field, TEXT("X-Longship-If")))
			continue;
		if (out_name->len > 0)
			return fail_set(c->fail, RESULT_INVALID, "a part has two conditions");
		*out_name = text_trim(field.value);
		*out_unless = unless;
		if (!template_name_is_valid(*out_name))
			return fail_set(c->fail, RESULT_INVALID,
				"X-Longship-%s: %s is no name of a value", unless ? "Unless" : "If",
				quoted_text(*out_name).text);
	}
}

static enum result add_condition(struct compiling *c, struct text name, bool unless)
{
	struct template_names *names = &c->template->names;
	size_t place = template_names_find(names, name);
	if (place == TEXT_NONE && names->count == TEMPLATE_NAMES_MAX)
		return fail_set(
			c->fail, RESULT_LIMIT, "more than %d names of values", TEMPLATE_NAMES_MAX);
	struct template_step *step = add_step(c, unless ? TEMPLATE_UNLESS : TEMPLATE_IF);
	if (step == NULL)
		return no_memory(c);
	if (place == TEXT_NONE) {
		place = names->count++;
		names->items[place] = name;
	}
	step->name = (uint16_t)place;
	return RESULT_OK;
}

static enum result compile_part(
	struct compiling *c, struct text delimiter, struct text part, unsigned depth)
{
	struct text name;
	bool unless = false;
	enum result result = find_condition(c, part, &name, &unless);
	uint32_t condition = c->template->steps_count;
	if (result == RESULT_OK && name.len > 0)
		result = add_condition(c, name, unless);
	if (result == RESULT_OK)
		result = add_copy(c, delimiter);
	if (result == RESULT_OK)
		result = compile_entity(c, part, depth);
	if (result == RESULT_OK && name.len > 0) {
		c->template->steps[condition].next = c->template->steps_count;
		c->may_join = false;
	}
	return result;
}

static enum result compile_multipart(
	struct compiling *c, const struct entity *entity, struct text body, unsigned depth)
{
	struct text boundary = entity->type.boundary;
	size_t at, end;
	bool is_last;
	if (depth == TEMPLATE_PARTS_DEPTH_MAX)
		return fail_set(c->fail, RESULT_LIMIT, "parts stand more than %d deep",
			TEMPLATE_PARTS_DEPTH_MAX);
	if (boundary.len == 0 || boundary.len > MIME_BOUNDARY_BYTES_MAX ||
		!text_is_printable(boundary))
		return fail_set(
			c->fail, RESULT_INVALID, "a multipart has no boundary that can be used");
	if (!find_delimiter(body, 0, boundary, &at, &end, &is_last) || is_last)
		return fail_set(c->fail, RESULT_INVALID,
			"a multipart without parts: no line --%.*s", TEXT_ARG(boundary));
	/* RFC 2045 6.4: what may be in a part may be in the whole. */
	bool is_8bit = text_equal_nocase(entity->encoding, TEXT("8bit"));
	enum result result =
		is_8bit ? add_encoding(c, entity->encoding) : add_copy(c, TEXT("\r\n"));
	if (result == RESULT_OK)
		result = add_copy(c, text_cut(body, at));
	while (result == RESULT_OK && !is_last) {
		size_t next_at, next_end;
		if (!find_delimiter(body, end, boundary, &next_at, &next_end, &is_last))
			return fail_set(c->fail, RESULT_INVALID,
				"a multipart is not closed: no line --%.*s--", TEXT_ARG(boundary));
		result = compile_part(c, text_cut(text_skip(body, at), end - at),
			text_cut(text_skip(body, end), next_at - end), depth + 1);
		at = next_at;
		end = next_end;
	}
	return result == RESULT_OK ? add_copy(c, text_skip(body, at)) : result;
}

static enum result compile_entity(struct compiling *c, struct text text, unsigned depth)
{
	struct entity entity = { .is_top = depth == 0 };
	struct text body;
	enum result result = read_header(c, text, &entity, &body);
	if (result != RESULT_OK)
		return result;
	if (entity.has_type && mime_type_is(&entity.type, TEXT("multipart"), TEXT_EMPTY))
		return compile_multipart(c, &entity, body, depth);
	if (entity.is_attachment)
		return add_opaque(c, &entity, body);
	if (!entity.has_type || mime_type_is(&entity.type, TEXT("text"), TEXT_EMPTY))
		return add_text(c, &entity, body);
	return add_opaque(c, &entity, body);
}

/* ---- the file ---- */

/* In CRLF, the last line too. */
static enum result canonical(struct compiling *c, struct text file, struct text *out_text)
{
	struct text mark = TEXT("\xef\xbb\xbf");
	file = text_starts(file, mark) ? text_skip(file, mark.len) : file;
	size_t lines = 1;
	for (size_t i = 0; i < file.len; i++) {
		lines += file.data[i] == '\n';
		if (file.data[i] == '\0' ||
			(file.data[i] == '\r' && (i + 1 == file.len || file.data[i + 1] != '\n')))
			return fail_set(c->fail, RESULT_INVALID, "line %zu: %s", lines,
				file.data[i] == '\0' ? "a NUL octet"
						     : "a CR without a LF behind it");
	}
	struct buf out;
	size_t bytes = file.len + lines + 2;
	void *memory = arena_alloc(c->arena, bytes);
	if (memory == NULL)
		return no_memory(c);
	buf_init(&out, memory, bytes);
	while (file.len > 0) {
		size_t len = text_find(file, '\n');
		struct text line = text_cut(file, len);
		line.len -= line.len > 0 && line.data[line.len - 1] == '\r';
		buf_put_text(&out, line);
		buf_put_cstr(&out, "\r\n");
		file = len == TEXT_NONE ? TEXT_EMPTY : text_skip(file, len + 1);
	}
	CHECK(!out.overflow);
	*out_text = buf_text(&out);
	return RESULT_OK;
}

/* Once and for all, so that nobody looks at it in each message. */
static void scan_copies(struct template *t)
{
	for (uint32_t i = 0; i < t->steps_count; i++) {
		struct template_step *step = &t->steps[i];
		if (step->kind != TEMPLATE_COPY)
			continue;
		CHECK(text_ends(step->text, TEXT("\r\n")));
		step->scan = octet_scan(step->text);
	}
}

enum result template_compile(
	struct text file, struct arena *arena, struct template *out_template, struct fail *out_fail)
{
	struct compiling c = { .template = out_template, .arena = arena, .fail = out_fail };
	struct text text;
	*out_template = (struct template){ .steps_count = 0 };
	if (file.len > TEMPLATE_BYTES_MAX)
		return fail_set(
			out_fail, RESULT_TOO_LONG, "larger than %d MiB", TEMPLATE_BYTES_MAX >> 20);
	enum result result = canonical(&c, file, &text);
	if (result == RESULT_OK)
		result = compile_entity(&c, text, 0);
	scan_copies(out_template);
	return result;
}
