#include "engine/mail/address_list.h"
#include "engine/base/buf.h"
#include "engine/base/limits.h"
#include "engine/mail/quoted_text.h"

enum {
	/* A mailbox in its longest form before its limits are looked at: a local part in quotes where
	 * every octet is escaped, a domain in UTF-8. */
	MAILBOX_BYTES_MAX = 1024,
	/* Comments in comments: more is no comment but an attack on whoever recurses. */
	COMMENT_DEPTH_MAX = 32,
};

/* One element of the list while it is read. */
struct element {
	struct text from; /* where it began, for sentences */
	struct buf mailbox;
	bool is_phrase; /* two words with only white space between: a display name must follow */
	bool is_done;   /* the closing > was there */
	bool overflow;
};

void address_list_init(struct address_list *list, struct text value, struct arena *arena)
{
	*list = (struct address_list){ .rest = value, .arena = arena };
}

static enum result invalid(const struct element *element, struct fail *out_fail, const char *what)
{
	return fail_set(out_fail, RESULT_INVALID, "%s %s", quoted_text(element->from).text, what);
}

static bool is_white(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

/* Octets of the comment at the front; 0: it is not closed, or too deep. */
static size_t comment_len(struct text t)
{
	unsigned depth = 0;
	for (size_t i = 0; i < t.len; i++) {
		if (t.data[i] == '\\')
			i++;
		else if (t.data[i] == '(' && ++depth > COMMENT_DEPTH_MAX)
			return 0;
		else if (t.data[i] == ')' && --depth == 0)
			return i + 1;
	}
	return 0;
}

/* Octets up to and with `end` behind the first, quoted pairs passed over; 0: it is not there. */
static size_t quoted_len(struct text t, char end)
{
	for (size_t i = 1; i < t.len; i++) {
		if (t.data[i] == '\\')
			i++;
		else if (t.data[i] == end)
			return i + 1;
	}
	return 0;
}

/* RFC 5322 3.2.2 CFWS; false: a comment that is not closed. */
static bool skip_cfws(struct text *rest, bool *out_skipped)
{
	*out_skipped = false;
	while (rest->len > 0 && (is_white(rest->data[0]) || rest->data[0] == '(')) {
		size_t len = rest->data[0] == '(' ? comment_len(*rest) : 1;
		if (len == 0)
			return false;
		*rest = text_skip(*rest, len);
		*out_skipped = true;
	}
	return true;
}

/* Octets of the word or of the one special at the front; 0: something is not closed. */
static size_t token_len(struct text rest)
{
	if (rest.data[0] == '"')
		return quoted_len(rest, '"');
	if (rest.data[0] == '[')
		return quoted_len(rest, ']');
	size_t len = 0;
	while (len < rest.len && !is_white(rest.data[len]) &&
		text_find(TEXT("\"[]()<>,;:@."), rest.data[len]) == TEXT_NONE)
		len++;
	return len > 0 ? len : 1;
}

static void add(struct element *element, struct text token, bool after_space)
{
	struct buf *mailbox = &element->mailbox;
	char first = token.data[0];
	char last = mailbox->len > 0 ? (char)mailbox->data[mailbox->len - 1] : '@';
	/* RFC 5322 4.4: white space around dots and the @ was allowed once, and means nothing. */
	if (after_space && first != '.' && first != '@' && last != '.' && last != '@')
		element->is_phrase = true;
	buf_put_text(mailbox, token);
	element->overflow |= mailbox->overflow;
}

/* What stands between < and >, into an empty mailbox. */
static enum result read_path(struct element *element, struct text *rest, struct fail *out_fail)
{
	buf_reset(&element->mailbox);
	element->is_phrase = element->overflow = false;
	*rest = text_skip(*rest, 1);
	for (;;) {
		bool skipped;
		if (!skip_cfws(rest, &skipped) || rest->len == 0)
			return invalid(element, out_fail, "has no closing >");
		if (rest->data[0] == '>')
			break;
		size_t len = token_len(*rest);
		if (len == 0)
			return invalid(element, out_fail, "has a quote that is not closed");
		add(element, text_cut(*rest, len), skipped);
		*rest = text_skip(*rest, len);
	}
	*rest = text_skip(*rest, 1);
	element->is_done = true;
	return RESULT_OK;
}

/* A special that has a meaning for the list. *out_ends: the element is over. */
static enum result read_special(
	struct address_list *list, struct element *element, bool *out_ends, struct fail *out_fail)
{
	char c = list->rest.data[0];
	*out_ends = c == ',' || c == ';';
	if (c == '<' && !element->is_done)
		return read_path(element, &list->rest, out_fail);
	if (c == ':' && !element->is_done) { /* what came before was the name of a group */
		buf_reset(&element->mailbox);
		element->is_phrase = element->overflow = false;
		list->is_in_group = true;
	} else if (c == ';') {
		/* Outlook separates with it; at the end of a group it is due. */
		list->is_in_group = false;
	} else if (c != ',') {
		return invalid(element, out_fail, "goes on behind the closing >");
	}
	list->rest = text_skip(list->rest, 1);
	return RESULT_OK;
}

static enum result read_element(
	struct address_list *list, struct element *element, struct fail *out_fail)
{
	bool ends = false;
	while (!ends) {
		bool skipped;
		if (!skip_cfws(&list->rest, &skipped))
			return invalid(element, out_fail, "has a comment that is not closed");
		if (list->rest.len == 0)
			return RESULT_OK;
		if (text_find(TEXT(",;:<"), list->rest.data[0]) != TEXT_NONE || element->is_done) {
			enum result result = read_special(list, element, &ends, out_fail);
			if (result != RESULT_OK)
				return result;
			continue;
		}
		size_t len = token_len(list->rest);
		if (len == 0)
			return invalid(element, out_fail, "has a quote that is not closed");
		add(element, text_cut(list->rest, len), skipped);
		list->rest = text_skip(list->rest, len);
	}
	return RESULT_OK;
}

enum result address_list_next(
	struct address_list *list, struct text *out_mailbox, bool *out_more, struct fail *out_fail)
{
	char memory[MAILBOX_BYTES_MAX];
	*out_more = false;
	while (list->rest.len > 0) {
		struct element element = { .from = text_trim(list->rest) };
		buf_init(&element.mailbox, memory, sizeof memory);
		enum result result = read_element(list, &element, out_fail);
		if (result != RESULT_OK)
			return result;
		if (element.overflow)
			return invalid(&element, out_fail, "is longer than an address may be");
		if (element.is_phrase)
			return invalid(&element, out_fail,
				"has words that are no address, and no <address>");
		if (element.mailbox.len == 0 && element.is_done)
			return invalid(&element, out_fail, "has nothing between < and >");
		if (element.mailbox.len == 0)
			continue;
		*out_mailbox = arena_text_copy(list->arena, buf_text(&element.mailbox));
		if (out_mailbox->data == NULL)
			return fail_set(
				out_fail, RESULT_MEMORY, "no memory left to read addresses");
		*out_more = true;
		return RESULT_OK;
	}
	return RESULT_OK;
}
