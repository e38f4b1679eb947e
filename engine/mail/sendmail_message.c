#include "engine/mail/sendmail_message.h"
#include "engine/base/buf.h"
#include "engine/base/limits.h"
#include "engine/mail/address.h"
#include "engine/mail/address_list.h"
#include "engine/mail/encoded_word.h"
#include "engine/mail/header_reader.h"

struct composing {
	const struct sendmail_request *request;
	struct arena *arena;
	struct text *rcpts;
	size_t rcpts_count, rcpts_size;
	bool has_from, has_resent; /* fields of the message */
	struct fail *fail;
};

struct text sendmail_message_until_dot(struct text input)
{
	for (size_t at = 0; at < input.len;) {
		struct text rest = text_skip(input, at);
		size_t len = text_find(rest, '\n');
		struct text line = text_cut(rest, len == TEXT_NONE ? rest.len : len);
		if (line.len > 0 && line.data[0] == '.' && text_equal(text_trim(line), TEXT(".")))
			return text_cut(input, at);
		at += len == TEXT_NONE ? rest.len : len + 1;
	}
	return input;
}

/* ---- receivers ---- */

static enum result no_memory(struct composing *c)
{
	return fail_set(c->fail, RESULT_MEMORY, "no memory left for the message");
}

/* With a domain behind it where there is none. */
static enum result qualify(struct composing *c, struct text *mailbox)
{
	if (text_find_last(*mailbox, '@') != TEXT_NONE)
		return RESULT_OK;
	if (c->request->domain.len == 0)
		return fail_set(c->fail, RESULT_INVALID,
			"'%.*s' has no @domain, and this host has no mail domain: give --domain "
			"NAME",
			TEXT_ARG(text_cut(*mailbox, 100)));
	*mailbox = arena_printf(
		c->arena, "%.*s@%.*s", TEXT_ARG(*mailbox), TEXT_ARG(c->request->domain));
	return mailbox->data != NULL ? RESULT_OK : no_memory(c);
}

static enum result add_receiver(struct composing *c, struct text mailbox)
{
	struct envelope_address address;
	enum result result = qualify(c, &mailbox);
	if (result == RESULT_OK)
		result = address_parse_mailbox(mailbox, c->arena, &address, c->fail);
	if (result != RESULT_OK)
		return result;
	if (c->rcpts_count == MESSAGE_RCPTS_MAX)
		return fail_set(c->fail, RESULT_LIMIT, "more than %d receivers", MESSAGE_RCPTS_MAX);
	if (c->rcpts_count == c->rcpts_size) {
		size_t size = c->rcpts_size == 0 ? 8 : 2 * c->rcpts_size;
		struct text *rcpts = arena_alloc_array(c->arena, size, sizeof *rcpts);
		if (rcpts == NULL)
			return no_memory(c);
		for (size_t i = 0; i < c->rcpts_count; i++)
			rcpts[i] = c->rcpts[i];
		c->rcpts = rcpts;
		c->rcpts_size = size;
	}
	c->rcpts[c->rcpts_count++] = address.text;
	return RESULT_OK;
}

static enum result add_list(struct composing *c, struct text value)
{
	struct address_list list;
	struct text mailbox;
	bool more = true;
	address_list_init(&list, value, c->arena);
	while (more) {
		enum result result = address_list_next(&list, &mailbox, &more, c->fail);
		if (result == RESULT_OK && more)
			result = add_receiver(c, mailbox);
		if (result != RESULT_OK)
			return result;
	}
	return RESULT_OK;
}

static bool names_receivers(struct text name, bool resent)
{
	static const struct text plain[] = { TEXT_INIT("To"), TEXT_INIT("Cc"), TEXT_INIT("Bcc") };
	struct text prefix = TEXT("Resent-");
	if (text_starts_nocase(name, prefix) != resent)
		return false;
	name = text_skip(name, resent ? prefix.len : 0);
	for (size_t i = 0; i < COUNT_OF(plain); i++)
		if (text_equal_nocase(name, plain[i]))
			return true;
	return false;
}

/* ---- the header ---- */

/* An mbox has the sender in a line of its own before each message. */
static struct text skip_mbox_line(struct text input)
{
	if (!text_starts(input, TEXT("From ")) && !text_starts(input, TEXT(">From ")))
		return input;
	size_t end = text_find(input, '\n');
	return text_skip(input, end == TEXT_NONE ? input.len : end + 1);
}

static bool begins_with_field(struct text input)
{
	struct header_reader reader;
	struct header_field field;
	bool more;
	header_reader_init(&reader, input);
	return header_reader_next(&reader, &field, &more, NULL) == RESULT_OK;
}

typedef enum result field_fn(struct composing *c, const struct header_field *field, void *context);

/* Every field in order; *out_body_at: where the empty line is, or the end. */
static enum result for_each_field(
	struct composing *c, struct text input, field_fn *each, void *context, size_t *out_body_at)
{
	struct header_reader reader;
	header_reader_init(&reader, input);
	for (;;) {
		struct header_field field;
		bool more;
		*out_body_at = reader.at;
		enum result result = header_reader_next(&reader, &field, &more, c->fail);
		if (result == RESULT_OK && more)
			result = each(c, &field, context);
		if (result != RESULT_OK || !more)
			return result;
	}
}

static enum result see_field(struct composing *c, const struct header_field *field, void *context)
{
	(void)context;
	c->has_from |= text_equal_nocase(field->name, TEXT("From"));
	c->has_resent |= names_receivers(field->name, true);
	return RESULT_OK;
}

static enum result read_field(struct composing *c, const struct header_field *field, void *context)
{
	(void)context;
	struct text value;
	if (!names_receivers(field->name, c->has_resent))
		return RESULT_OK;
	enum result result = header_field_unfold(field, c->arena, &value, c->fail);
	if (result == RESULT_OK)
		result = add_list(c, value);
	if (result != RESULT_OK)
		(void)fail_prefix(
			c->fail, "line %u: %.*s", field->line, TEXT_ARG(text_cut(field->name, 20)));
	return result;
}

static bool is_left_out(enum header_kind kind)
{
	return kind == HEADER_X_SENDER || kind == HEADER_X_SENDER_OVERRIDE ||
	       kind == HEADER_X_RECEIVER || kind == HEADER_BCC || kind == HEADER_RESENT_BCC;
}

static enum result copy_field(struct composing *c, const struct header_field *field, void *context)
{
	(void)c;
	struct buf *out = context;
	if (is_left_out(field->kind))
		return RESULT_OK;
	buf_put_text(out, field->whole);
	if (field->whole.data[field->whole.len - 1] != '\n')
		buf_put_u8(out, '\n'); /* the input ends in the header */
	return RESULT_OK;
}

/* ---- the file ---- */

static enum result put_from(struct composing *c, struct buf *out)
{
	const struct sendmail_request *request = c->request;
	struct text name = text_trim(request->full_name);
	if (request->from.len == 0)
		return fail_set(c->fail, RESULT_INVALID,
			"the message has no From, and the caller no address: this host has no mail "
			"domain");
	buf_put_cstr(out, "From: ");
	if (name.len > 0 && !encoded_word_put_phrase(out, name, sizeof("From: ") - 1))
		return fail_set(c->fail, RESULT_INVALID,
			"-F: the name is not UTF-8, or has control characters");
	buf_printf(out, "%s<%.*s>\n", name.len > 0 ? " " : "", TEXT_ARG(request->from));
	return RESULT_OK;
}

static enum result put_all(struct composing *c, struct text input, struct buf *out)
{
	const struct sendmail_request *request = c->request;
	buf_printf(out, "X-Sender: <%.*s>%.*s\n", TEXT_ARG(request->sender),
		TEXT_ARG(request->sender_params));
	for (size_t i = 0; i < c->rcpts_count; i++)
		buf_printf(out, "X-Receiver: <%.*s>%.*s\n", TEXT_ARG(c->rcpts[i]),
			TEXT_ARG(request->rcpt_params));
	size_t body_at;
	enum result result = c->has_from ? RESULT_OK : put_from(c, out);
	if (result == RESULT_OK)
		result = for_each_field(c, input, copy_field, out, &body_at);
	if (result != RESULT_OK)
		return result;
	struct text body = text_skip(input, body_at);
	if (body.len == 0)
		body = TEXT("\n");
	buf_put_text(out, body);
	CHECK(!out->overflow);
	return RESULT_OK;
}

/* A name of the most octets in encoded words takes three times as many, and their frames. */
static size_t file_bytes_max(const struct composing *c, struct text input)
{
	const struct sendmail_request *request = c->request;
	size_t bytes = input.len + 64 + SENDMAIL_ROW_BYTES_MAX + request->from.len +
		       4 * request->full_name.len + request->sender.len +
		       request->sender_params.len;
	for (size_t i = 0; i < c->rcpts_count; i++)
		bytes += sizeof("X-Receiver: <>\n") + c->rcpts[i].len + request->rcpt_params.len;
	return bytes;
}

enum result sendmail_message_compose(struct text input, const struct sendmail_request *request,
	struct arena *arena, struct text *out_file, struct fail *out_fail)
{
	struct composing c = { .request = request, .arena = arena, .fail = out_fail };
	size_t body_at;
	input = skip_mbox_line(input);
	if (!begins_with_field(input)) {
		/* No header at all: everything is the body. */
		char *with_line = arena_alloc(arena, input.len + 1);
		if (with_line == NULL)
			return no_memory(&c);
		with_line[0] = '\n';
		memcpy(with_line + 1, input.data, input.len);
		input = (struct text){ with_line, input.len + 1 };
	}
	enum result result = for_each_field(&c, input, see_field, NULL, &body_at);
	if (result == RESULT_OK && request->reads_receivers)
		result = for_each_field(&c, input, read_field, NULL, &body_at);
	for (size_t i = 0; i < request->operands_count && result == RESULT_OK; i++)
		result = add_list(&c, request->operands[i]);
	if (result != RESULT_OK)
		return result;
	if (c.rcpts_count == 0)
		return fail_set(out_fail, RESULT_NOT_FOUND,
			request->reads_receivers ? "no receiver in To, Cc or Bcc"
						 : "no receiver is named");
	size_t size = file_bytes_max(&c, input);
	struct buf out;
	void *memory = arena_alloc(arena, size);
	if (memory == NULL)
		return no_memory(&c);
	buf_init(&out, memory, size);
	result = put_all(&c, input, &out);
	*out_file = buf_text(&out);
	return result;
}
