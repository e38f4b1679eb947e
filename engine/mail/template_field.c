#include "engine/mail/template_field.h"
#include "engine/base/limits.h"
#include "engine/mail/address.h"
#include "engine/mail/encoded_word.h"
#include "engine/mail/quoted_text.h"

enum {
	/* Mailboxes in one field of a template. */
	MAILBOXES_MAX = 64,
	ADDRESS_SCRATCH_BYTES = 2048,
};

enum template_field_form template_field_form_of(struct text name)
{
	static const struct {
		struct text name;
		enum template_field_form form;
	} rows[] = {
#define TEMPLATE_HEADER(name, form) { TEXT_INIT(name), TEMPLATE_FIELD_##form },
#include "engine/mail/template_headers.def"
#undef TEMPLATE_HEADER
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (text_equal_nocase(rows[i].name, name))
			return rows[i].form;
	return TEMPLATE_FIELD_UNSTRUCTURED;
}

bool text_is_printable_field(struct text whole)
{
	for (size_t i = 0; i < whole.len; i++) {
		uint8_t octet = (uint8_t)whole.data[i];
		if ((octet < 0x20 && octet != '\r' && octet != '\n' && octet != '\t') ||
			octet >= 0x7f)
			return false;
	}
	return true;
}

/* ---- compiling ---- */

static enum result one_text(struct text value, struct template_names *names, struct arena *arena,
	struct template_step *out_step, struct fail *out_fail)
{
	struct template_text *text = arena_alloc(arena, sizeof *text);
	if (text == NULL)
		return fail_set(out_fail, RESULT_MEMORY, "no memory left for the template");
	out_step->texts = text;
	out_step->texts_count = 1;
	return template_text_compile(value, names, arena, text, out_fail);
}

/* The end of what may hold the character: quotes, and places in their braces, are passed over. */
static size_t find_outside(struct text t, const char *ends)
{
	bool is_quoted = false;
	for (size_t i = 0; i < t.len; i++) {
		struct text rest = text_skip(t, i);
		size_t close = text_starts(rest, TEXT("{{")) ? text_find_text(rest, TEXT("}}"))
							     : TEXT_NONE;
		if (close != TEXT_NONE) {
			i += close + 1;
			continue;
		}
		if (t.data[i] == '\\' && is_quoted)
			i++;
		else if (t.data[i] == '"')
			is_quoted = !is_quoted;
		else if (!is_quoted && text_find(text_of(ends), t.data[i]) != TEXT_NONE)
			return i;
	}
	return TEXT_NONE;
}

/* A display name as it is meant: without the quotes of a quoted string. */
static enum result phrase_of(struct text phrase, struct arena *arena, struct text *out_phrase)
{
	*out_phrase = text_trim(phrase);
	if (out_phrase->len < 2 || out_phrase->data[0] != '"' ||
		out_phrase->data[out_phrase->len - 1] != '"')
		return RESULT_OK;
	char *memory = arena_alloc(arena, out_phrase->len);
	size_t len = 0;
	if (memory == NULL)
		return RESULT_MEMORY;
	for (size_t i = 1; i + 1 < out_phrase->len; i++) {
		if (out_phrase->data[i] == '\\' && i + 2 < out_phrase->len)
			i++;
		memory[len++] = out_phrase->data[i];
	}
	*out_phrase = (struct text){ memory, len };
	return RESULT_OK;
}

static enum result compile_mailbox(struct text mailbox, struct template_names *names,
	struct arena *arena, struct template_text texts[static 2], struct fail *out_fail)
{
	size_t open = find_outside(mailbox, "<");
	struct text phrase = open == TEXT_NONE ? TEXT_EMPTY : text_cut(mailbox, open);
	struct text address = text_trim(open == TEXT_NONE ? mailbox : text_skip(mailbox, open + 1));
	if (open != TEXT_NONE) {
		if (address.len == 0 || address.data[address.len - 1] != '>')
			return fail_set(out_fail, RESULT_INVALID, "%s has no closing >",
				quoted_text(mailbox).text);
		address = text_trim(text_cut(address, address.len - 1));
	}
	if (find_outside(mailbox, "():;") != TEXT_NONE)
		return fail_set(out_fail, RESULT_INVALID,
			"%s: groups and comments are not read where values stand",
			quoted_text(mailbox).text);
	if (phrase_of(phrase, arena, &phrase) != RESULT_OK)
		return fail_set(out_fail, RESULT_MEMORY, "no memory left for the template");
	enum result result = template_text_compile(phrase, names, arena, &texts[0], out_fail);
	if (result == RESULT_OK)
		result = template_text_compile(address, names, arena, &texts[1], out_fail);
	if (result != RESULT_OK || texts[1].has_places)
		return result;
	struct envelope_address parsed; /* the same for all: now or never */
	return address_parse_mailbox(address, arena, &parsed, out_fail);
}

static enum result compile_addresses(struct text value, struct template_names *names,
	struct arena *arena, struct template_step *out_step, struct fail *out_fail)
{
	struct template_text *texts =
		arena_alloc_array(arena, (size_t)2 * MAILBOXES_MAX, sizeof *texts);
	if (texts == NULL)
		return fail_set(out_fail, RESULT_MEMORY, "no memory left for the template");
	out_step->texts = texts;
	while (value.len > 0) {
		size_t comma = find_outside(value, ",");
		struct text mailbox = text_trim(text_cut(value, comma));
		value = comma == TEXT_NONE ? TEXT_EMPTY : text_skip(value, comma + 1);
		if (mailbox.len == 0)
			continue;
		if (out_step->texts_count == 2 * MAILBOXES_MAX)
			return fail_set(out_fail, RESULT_LIMIT,
				"more than %d addresses in one field", MAILBOXES_MAX);
		enum result result = compile_mailbox(
			mailbox, names, arena, texts + out_step->texts_count, out_fail);
		if (result != RESULT_OK)
			return result;
		out_step->texts_count += 2;
	}
	return out_step->texts_count > 0
		       ? RESULT_OK
		       : fail_set(out_fail, RESULT_INVALID, "there is no address");
}

enum result template_field_compile(struct text value, enum template_field_form form,
	struct template_names *names, struct arena *arena, struct template_step *out_step,
	struct fail *out_fail)
{
	if (form != TEMPLATE_FIELD_TOKENS && text_find_text(value, TEXT("=?")) != TEXT_NONE)
		return fail_set(out_fail, RESULT_INVALID,
			"has encoded words beside places for values or UTF-8: write it in UTF-8, "
			"it is "
			"encoded when it is sent");
	if (!encoded_word_may_hold(value) && form != TEMPLATE_FIELD_TOKENS)
		return fail_set(
			out_fail, RESULT_INVALID, "is not UTF-8, or has control characters");
	switch (form) {
	case TEMPLATE_FIELD_UNSTRUCTURED:
		out_step->kind = TEMPLATE_UNSTRUCTURED;
		return one_text(value, names, arena, out_step, out_fail);
	case TEMPLATE_FIELD_TOKENS:
		if (!text_is_printable(value))
			return fail_set(out_fail, RESULT_INVALID, "may only have ASCII in it");
		out_step->kind = TEMPLATE_TOKENS;
		return one_text(value, names, arena, out_step, out_fail);
	case TEMPLATE_FIELD_ADDRESSES:
		out_step->kind = TEMPLATE_ADDRESSES;
		return compile_addresses(value, names, arena, out_step, out_fail);
	}
	UNREACHABLE("a fourth form");
}

/* ---- for one recipient ---- */

static enum result refuse(struct fail *out_fail, const struct template_step *step, const char *what)
{
	return fail_set(
		out_fail, RESULT_INVALID, "%.*s: %s", TEXT_ARG(text_cut(step->text, 40)), what);
}

static enum result expand(const struct template_text *text, const struct template *t,
	const struct template_values *values, enum template_context context, struct buf *scratch,
	struct text *out_text, struct fail *out_fail)
{
	size_t at = scratch->len;
	enum result result =
		template_text_expand(text, &t->names, values, context, scratch, out_fail);
	if (result == RESULT_OK && scratch->overflow)
		return fail_set(out_fail, RESULT_TOO_LONG, "its values make the message too large");
	*out_text = text_skip(buf_text(scratch), at);
	return result;
}

static enum result put_mailbox(const struct template_step *step, struct text phrase,
	struct text mailbox, struct buf *out, struct fail *out_fail)
{
	_Alignas(16) char memory[ADDRESS_SCRATCH_BYTES];
	struct arena arena;
	struct envelope_address address;
	phrase = text_trim(phrase);
	if (phrase.len > 0 && !encoded_word_put_phrase(out, phrase, step->text.len + 2))
		return refuse(out_fail, step,
			"a display name has a line end or another control character");
	arena_init_fixed(&arena, memory, sizeof memory);
	enum result result = address_parse_mailbox(text_trim(mailbox), &arena, &address, out_fail);
	if (result == RESULT_OK) {
		buf_put_cstr(out, phrase.len > 0 ? " <" : "<");
		buf_put_text(out, address.text);
		buf_put_cstr(out, ">");
	}
	arena_deinit(&arena);
	return result;
}

static enum result put_addresses(const struct template_step *step, const struct template *t,
	const struct template_values *values, struct buf *scratch, struct buf *out,
	struct fail *out_fail)
{
	for (uint32_t i = 0; i < step->texts_count; i += 2) {
		struct text phrase, mailbox;
		enum result result = expand(
			&step->texts[i], t, values, TEMPLATE_PLAIN, scratch, &phrase, out_fail);
		if (result == RESULT_OK)
			result = expand(&step->texts[i + 1], t, values, TEMPLATE_PLAIN, scratch,
				&mailbox, out_fail);
		if (result == RESULT_OK)
			result = put_mailbox(step, phrase, mailbox, out, out_fail);
		if (result != RESULT_OK)
			return result;
		if (i + 2 < step->texts_count)
			buf_put_cstr(out, ",\r\n ");
	}
	return RESULT_OK;
}

enum result template_field_put(const struct template_step *step, const struct template *t,
	const struct template_values *values, struct buf *scratch, struct buf *out,
	struct fail *out_fail)
{
	struct text value;
	enum result result = RESULT_OK;
	size_t before = out->len;
	buf_reset(scratch);
	buf_put_text(out, step->text);
	buf_put_cstr(out, ": ");
	if (step->kind == TEMPLATE_ADDRESSES) {
		result = put_addresses(step, t, values, scratch, out, out_fail);
	} else {
		bool is_token = step->kind == TEMPLATE_TOKENS;
		result = expand(step->texts, t, values, is_token ? TEMPLATE_TOKEN : TEMPLATE_PLAIN,
			scratch, &value, out_fail);
		if (result == RESULT_OK && is_token &&
			out->len - before + value.len > MESSAGE_LINE_BYTES_MAX)
			result = refuse(out_fail, step, "becomes longer than a line may be");
		else if (result == RESULT_OK && is_token)
			buf_put_text(out, value);
		else if (result == RESULT_OK &&
			 !encoded_word_put_unstructured(out, value, out->len - before))
			result = refuse(
				out_fail, step, "has a line end or another control character");
	}
	buf_put_cstr(out, "\r\n");
	return result;
}
