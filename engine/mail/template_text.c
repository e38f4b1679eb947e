#include "engine/mail/template_text.h"
#include "engine/mail/quoted_text.h"

enum piece_kind {
	PIECE_LITERAL,
	PIECE_VALUE,
	PIECE_RAW,
	PIECE_SECTION,  /* shown if true */
	PIECE_INVERTED, /* shown if not */
	PIECE_END,      /* of a section */
};

struct template_piece {
	uint8_t kind;
	bool has_default;
	uint16_t name;
	uint32_t end;     /* of a section: the place of its PIECE_END */
	struct text text; /* literal, or default */
};

struct compiling {
	struct text source;
	size_t at;
	struct template_names *names;
	struct template_piece *pieces;
	uint32_t count, size;
	uint32_t open[TEMPLATE_DEPTH_MAX]; /* places of the sections that are open */
	size_t depth;
	bool has_places;
	struct fail *fail;
};

static const struct text opening = TEXT_INIT("{{"), closing = TEXT_INIT("}}");

/* ---- names ---- */

size_t template_names_find(const struct template_names *names, struct text name)
{
	for (size_t i = 0; i < names->count; i++)
		if (text_equal(names->items[i], name))
			return i;
	return TEXT_NONE;
}

bool template_name_is_valid(struct text name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.data[i];
		if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
			    c == '_' || c == '-' || c == '.'))
			return false;
	}
	return name.len > 0 && name.len <= TEMPLATE_NAME_BYTES_MAX;
}

static enum result take_name(struct compiling *c, struct text name, uint16_t *out_name)
{
	if (!template_name_is_valid(name))
		return fail_set(c->fail, RESULT_INVALID,
			"%s is no name of a value (letters, digits, _ - and dot)",
			quoted_text(name).text);
	size_t found = template_names_find(c->names, name);
	if (found == TEXT_NONE) {
		if (c->names->count == TEMPLATE_NAMES_MAX)
			return fail_set(c->fail, RESULT_LIMIT, "more than %d names of values",
				TEMPLATE_NAMES_MAX);
		found = c->names->count++;
		c->names->items[found] = name;
	}
	*out_name = (uint16_t)found;
	return RESULT_OK;
}

/* ---- compiling ---- */

static struct template_piece *add(struct compiling *c, enum piece_kind kind)
{
	CHECK(c->count < c->size);
	struct template_piece *piece = &c->pieces[c->count++];
	*piece = (struct template_piece){ .kind = (uint8_t)kind };
	return piece;
}

static void add_literal(struct compiling *c, struct text text)
{
	if (text.len > 0)
		add(c, PIECE_LITERAL)->text = text;
}

/* The blanks at the end of `before`, if nothing else stands on its last line. */
static bool begins_line(struct text before, size_t *out_blanks)
{
	size_t len = before.len;
	while (len > 0 && (before.data[len - 1] == ' ' || before.data[len - 1] == '\t'))
		len--;
	*out_blanks = before.len - len;
	return len == 0 || before.data[len - 1] == '\n';
}

/* The rest of the line with its end, if only blanks stand there. */
static bool ends_line(struct text after, size_t *out_len)
{
	size_t len = 0;
	while (len < after.len && (after.data[len] == ' ' || after.data[len] == '\t'))
		len++;
	if (len < after.len && after.data[len] == '\r')
		len++;
	*out_len = len + 1;
	return len < after.len && after.data[len] == '\n';
}

/* A tag that stands alone on its line takes the line with it. */
/* `before`: so many pieces stood before it. */
static void drop_line(struct compiling *c, size_t tag_at, uint32_t before)
{
	size_t blanks, rest;
	if (!begins_line(text_cut(c->source, tag_at), &blanks) ||
		!ends_line(text_skip(c->source, c->at), &rest))
		return;
	c->at += rest;
	if (blanks == 0)
		return;
	struct template_piece *last = &c->pieces[before - 1]; /* it ends with them */
	last->text = text_cut(last->text, last->text.len - blanks);
}

static enum result open_section(struct compiling *c, enum piece_kind kind, struct text name)
{
	uint16_t place;
	if (c->depth == TEMPLATE_DEPTH_MAX)
		return fail_set(c->fail, RESULT_LIMIT, "sections stand more than %d deep",
			TEMPLATE_DEPTH_MAX);
	enum result result = take_name(c, name, &place);
	if (result != RESULT_OK)
		return result;
	c->open[c->depth++] = c->count;
	add(c, kind)->name = place;
	return RESULT_OK;
}

static enum result close_section(struct compiling *c, struct text name)
{
	if (c->depth == 0)
		return fail_set(c->fail, RESULT_INVALID, "%s is closed, but was not opened",
			quoted_text(name).text);
	struct template_piece *section = &c->pieces[c->open[--c->depth]];
	struct text opened = c->names->items[section->name];
	if (!text_equal(opened, name))
		return fail_set(c->fail, RESULT_INVALID, "%s is closed where %s is open",
			quoted_text(name).text, quoted_text(opened).text);
	section->end = c->count;
	add(c, PIECE_END);
	return RESULT_OK;
}

static enum result add_value(struct compiling *c, struct text inner, bool raw)
{
	size_t bar = text_find(inner, '|');
	struct text name = text_trim(text_cut(inner, bar));
	uint16_t place;
	enum result result = take_name(c, name, &place);
	if (result != RESULT_OK)
		return result;
	struct template_piece *piece = add(c, raw ? PIECE_RAW : PIECE_VALUE);
	piece->name = place;
	piece->has_default = bar != TEXT_NONE;
	if (piece->has_default)
		piece->text = text_skip(inner, bar + 1);
	return RESULT_OK;
}

/* What stands between the braces. */
static enum result add_tag(struct compiling *c, struct text inner, bool raw, size_t tag_at)
{
	struct text trimmed = text_trim(inner);
	char first = trimmed.len > 0 ? trimmed.data[0] : '\0';
	struct text rest = text_trim(text_skip(trimmed, 1));
	uint32_t before = c->count;
	enum result result = RESULT_OK;
	c->has_places |= first != '!' && first != '"';
	switch (first) {
	case '#': result = open_section(c, PIECE_SECTION, rest); break;
	case '^': result = open_section(c, PIECE_INVERTED, rest); break;
	case '/': result = close_section(c, rest); break;
	case '!': break;
	case '"':
		if (trimmed.len < 2 || trimmed.data[trimmed.len - 1] != '"')
			return fail_set(c->fail, RESULT_INVALID, "%s has no closing quote",
				quoted_text(trimmed).text);
		add_literal(c, text_skip(text_cut(trimmed, trimmed.len - 1), 1));
		return RESULT_OK;
	default: return add_value(c, trimmed, raw);
	}
	if (result == RESULT_OK)
		drop_line(c, tag_at, before);
	return result;
}

/* The tag at c->at, which begins with two braces. In quotes braces close nothing. */
static enum result read_tag(struct compiling *c)
{
	size_t tag_at = c->at;
	struct text rest = text_skip(c->source, tag_at + opening.len);
	bool raw = rest.len > 0 && rest.data[0] == '{';
	rest = text_skip(rest, raw);
	struct text quoted = text_trim(rest);
	size_t from = 0;
	if (!raw && quoted.len > 0 && quoted.data[0] == '"') {
		size_t quote = (size_t)(quoted.data - rest.data);
		size_t end = text_find(text_skip(rest, quote + 1), '"');
		from = end == TEXT_NONE ? rest.len : quote + 1 + end;
	}
	size_t len = text_find_text(text_skip(rest, from), raw ? TEXT("}}}") : closing);
	if (len == TEXT_NONE)
		return fail_set(c->fail, RESULT_INVALID, "%s is not closed",
			quoted_text(text_cut(text_skip(c->source, tag_at), 40)).text);
	len += from;
	c->at = tag_at + opening.len + raw + len + closing.len + raw;
	return add_tag(c, text_cut(rest, len), raw, tag_at);
}

static enum result compile(struct compiling *c)
{
	while (c->at < c->source.len) {
		struct text rest = text_skip(c->source, c->at);
		size_t len = text_find_text(rest, opening);
		add_literal(c, text_cut(rest, len));
		if (len == TEXT_NONE)
			break;
		c->at += len;
		enum result result = read_tag(c);
		if (result != RESULT_OK)
			return result;
	}
	if (c->depth == 0)
		return RESULT_OK;
	struct text name = c->names->items[c->pieces[c->open[c->depth - 1]].name];
	return fail_set(
		c->fail, RESULT_INVALID, "the section %s is not closed", quoted_text(name).text);
}

enum result template_text_compile(struct text source, struct template_names *names,
	struct arena *arena, struct template_text *out_text, struct fail *out_fail)
{
	struct compiling c = { .source = source, .names = names, .size = 1, .fail = out_fail };
	for (struct text rest = source; rest.len > 0;) {
		size_t len = text_find_text(rest, opening);
		if (len == TEXT_NONE)
			break;
		c.size += 2; /* the tag, and a literal behind it */
		rest = text_skip(rest, len + opening.len);
	}
	*out_text = (struct template_text){ .count = 0 };
	c.pieces = arena_alloc_array(arena, c.size, sizeof *c.pieces);
	if (c.pieces == NULL)
		return fail_set(out_fail, RESULT_MEMORY, "no memory left for the template");
	enum result result = compile(&c);
	*out_text = (struct template_text){ c.pieces, c.count, c.has_places };
	return result;
}

/* ---- expanding ---- */

bool template_value_is_true(const struct template_values *values, size_t name)
{
	return values->has[name] && values->items[name].len > 0 &&
	       !text_equal(values->items[name], TEXT("false"));
}

static bool may_stand(struct text value, enum template_context context)
{
	for (size_t i = 0; i < value.len; i++) {
		uint8_t octet = (uint8_t)value.data[i];
		if (context == TEMPLATE_TOKEN) {
			if (octet <= 0x20 || octet >= 0x7f ||
				text_find(TEXT("<>\"\\(),;"), (char)octet) != TEXT_NONE)
				return false;
		} else if ((octet < 0x20 && octet != '\n' && octet != '\r' && octet != '\t') ||
			   octet == 0x7f) {
			return false;
		}
	}
	return context == TEMPLATE_TOKEN || text_is_utf8(value);
}

static void put_html(struct buf *out, struct text value)
{
	for (size_t i = 0; i < value.len; i++) {
		switch (value.data[i]) {
		case '&': buf_put_cstr(out, "&amp;"); break;
		case '<': buf_put_cstr(out, "&lt;"); break;
		case '>': buf_put_cstr(out, "&gt;"); break;
		case '"': buf_put_cstr(out, "&quot;"); break;
		case '\'': buf_put_cstr(out, "&#39;"); break;
		default: buf_put_u8(out, (uint8_t)value.data[i]);
		}
	}
}

static enum result put_value(const struct template_piece *piece, struct text name,
	const struct template_values *values, enum template_context context, struct buf *out,
	struct fail *out_fail)
{
	if (!values->has[piece->name]) {
		if (piece->has_default)
			buf_put_text(out, piece->text); /* the writer's own words */
		else if (!values->missing_is_empty)
			return fail_set(out_fail, RESULT_INVALID, "there is no value for %s",
				quoted_text(name).text);
		return RESULT_OK;
	}
	struct text value = values->items[piece->name];
	if (!may_stand(value, context))
		return fail_set(out_fail, RESULT_INVALID,
			"the value of %s, %s, may not stand where it is used",
			quoted_text(name).text, quoted_text(text_cut(value, 60)).text);
	if (context == TEMPLATE_HTML && piece->kind == PIECE_VALUE)
		put_html(out, value);
	else
		buf_put_text(out, value);
	return RESULT_OK;
}

struct text template_text_literal(const struct template_text *text, uint32_t at)
{
	const struct template_piece *piece = &text->pieces[at];
	return piece->kind == PIECE_LITERAL ? piece->text : TEXT_EMPTY;
}

enum result template_text_expand_piece(const struct template_text *text, uint32_t *at,
	const struct template_names *names, const struct template_values *values,
	enum template_context context, struct buf *out, struct fail *out_fail)
{
	const struct template_piece *piece = &text->pieces[(*at)++];
	switch ((enum piece_kind)piece->kind) {
	case PIECE_LITERAL: buf_put_text(out, piece->text); return RESULT_OK;
	case PIECE_VALUE:
	case PIECE_RAW:
		return put_value(piece, names->items[piece->name], values, context, out, out_fail);
	case PIECE_SECTION:
	case PIECE_INVERTED:
		if (template_value_is_true(values, piece->name) != (piece->kind == PIECE_SECTION))
			*at = piece->end + 1;
		return RESULT_OK;
	case PIECE_END: return RESULT_OK;
	}
	UNREACHABLE("every kind is listed");
}

enum result template_text_expand(const struct template_text *text,
	const struct template_names *names, const struct template_values *values,
	enum template_context context, struct buf *out, struct fail *out_fail)
{
	enum result result = RESULT_OK;
	for (uint32_t at = 0; at < text->count && result == RESULT_OK;)
		result = template_text_expand_piece(
			text, &at, names, values, context, out, out_fail);
	return result;
}
