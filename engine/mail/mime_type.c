#include "engine/mail/mime_type.h"
#include "engine/base/buf.h"
#include "engine/mail/quoted_text.h"

/* RFC 2045 5.1 token. */
static size_t token_len(struct text t)
{
	size_t len = 0;
	while (len < t.len && (uint8_t)t.data[len] > 0x20 && (uint8_t)t.data[len] < 0x7f &&
		text_find(TEXT("()<>@,;:\\\"/[]?="), t.data[len]) == TEXT_NONE)
		len++;
	return len;
}

/* White space and comments; these are not nested here: nobody writes such. */
static struct text skip_blanks(struct text t)
{
	for (;;) {
		t = text_trim(t);
		size_t end = t.len > 0 && t.data[0] == '(' ? text_find(t, ')') : TEXT_NONE;
		if (end == TEXT_NONE)
			return t;
		t = text_skip(t, end + 1);
	}
}

static bool take_token(struct text *rest, struct text *out_token)
{
	*rest = skip_blanks(*rest);
	size_t len = token_len(*rest);
	*out_token = text_cut(*rest, len);
	*rest = skip_blanks(text_skip(*rest, len));
	return len > 0;
}

static bool take_char(struct text *rest, char c)
{
	if (rest->len == 0 || rest->data[0] != c)
		return false;
	*rest = skip_blanks(text_skip(*rest, 1));
	return true;
}

/* A quoted string without its quotes and backslashes. */
static bool take_quoted(struct text *rest, struct arena *arena, struct text *out_value)
{
	char *memory = arena_alloc(arena, rest->len);
	size_t len = 0, i = 1;
	if (memory == NULL)
		return false;
	for (; i < rest->len && rest->data[i] != '"'; i++) {
		if (rest->data[i] == '\\' && i + 1 < rest->len)
			i++;
		memory[len++] = rest->data[i];
	}
	if (i >= rest->len)
		return false;
	*out_value = (struct text){ memory, len };
	*rest = skip_blanks(text_skip(*rest, i + 1));
	return true;
}

static bool take_value(struct text *rest, struct arena *arena, struct text *out_value)
{
	*rest = skip_blanks(*rest);
	if (rest->len > 0 && rest->data[0] == '"')
		return take_quoted(rest, arena, out_value);
	return take_token(rest, out_value);
}

static enum result invalid(struct text value, struct arena *arena, struct fail *out_fail)
{
	if (arena_is_exhausted(arena))
		return fail_set(out_fail, RESULT_MEMORY, "no memory left for the template");
	return fail_set(out_fail, RESULT_INVALID, "%s is no Content-Type", quoted_text(value).text);
}

enum result mime_type_parse(
	struct text value, struct arena *arena, struct mime_type *out_type, struct fail *out_fail)
{
	struct text rest = value, name, parameter;
	*out_type = (struct mime_type){ .charset = TEXT_EMPTY };
	if (!take_token(&rest, &out_type->type) || !take_char(&rest, '/') ||
		!take_token(&rest, &out_type->subtype))
		return invalid(value, arena, out_fail);
	while (take_char(&rest, ';')) {
		if (rest.len == 0)
			break; /* one semicolon too many is common */
		if (!take_token(&rest, &name) || !take_char(&rest, '=') ||
			!take_value(&rest, arena, &parameter))
			return invalid(value, arena, out_fail);
		if (text_equal_nocase(name, TEXT("charset")))
			out_type->charset = parameter;
		else if (text_equal_nocase(name, TEXT("boundary")))
			out_type->boundary = parameter;
	}
	return rest.len == 0 ? RESULT_OK : invalid(value, arena, out_fail);
}

bool mime_type_is(const struct mime_type *type, struct text main_type, struct text subtype)
{
	return text_equal_nocase(type->type, main_type) &&
	       (subtype.len == 0 || text_equal_nocase(type->subtype, subtype));
}
