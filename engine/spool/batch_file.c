#include "engine/spool/batch_file.h"
#include <inttypes.h>
#include <string.h>
#include "engine/mail/address.h"
#include "engine/mail/quoted_text.h"

enum state {
	STATE_IDLE, /* between transactions */
	STATE_MAIL, /* MAIL was there */
	STATE_RCPT, /* and a RCPT, good or bad */
	STATE_DATA, /* inside of a message */
	STATE_QUIT, /* nothing but blank lines may follow */
	STATE_BAD,
};

/* Inside of a message: what of the line has been seen. */
enum in_line {
	IN_LINE_START,
	IN_LINE_DOT,    /* "." at its start */
	IN_LINE_DOT_CR, /* ".\r" */
	IN_LINE_TEXT,
};

void batch_file_init(struct batch_file *file, struct arena *arena)
{
	*file = (struct batch_file){ .arena = arena, .line = 1 };
}

/* ---- the end ---- */

static bool in_transaction(const struct batch_file *file)
{
	return file->state == STATE_MAIL || file->state == STATE_RCPT || file->state == STATE_DATA;
}

static enum batch_event end_here(struct batch_file *file, enum result result, const char *what)
{
	struct text line = text_trim((struct text){ file->text, file->len });
	(void)fail_set(&file->fail, result, "line %" PRIu64 ", at offset %" PRIu64 ": %s%s%s",
		file->line, file->line_at, line.len > 0 ? quoted_text(line).text : "",
		line.len > 0 ? " " : "", what);
	file->bad_at = in_transaction(file) ? file->transaction.at : file->line_at;
	file->state = STATE_BAD;
	return BATCH_BAD;
}

static enum batch_event bad_syntax(struct batch_file *file, const char *what)
{
	return end_here(file, RESULT_INVALID, what);
}

static enum batch_event no_memory(struct batch_file *file)
{
	return end_here(file, RESULT_MEMORY, "takes more memory than there is");
}

/* ---- MAIL and RCPT ---- */

static enum batch_event read_mail(struct batch_file *file, struct text value)
{
	struct text params;
	if (file->state != STATE_IDLE)
		return bad_syntax(file, "is a second MAIL in one transaction");
	arena_reset(file->arena);
	file->transaction = (struct batch_transaction){ .at = file->line_at, .line = file->line };
	fail_clear(&file->sender_fault);
	value = arena_text_copy(file->arena, value);
	if (value.data == NULL)
		return no_memory(file);
	struct control_sender *sender = &file->transaction.sender;
	enum result result = address_parse_field(
		value, file->arena, &sender->address, &params, &file->sender_fault);
	if (result == RESULT_OK)
		result = esmtp_params_parse_mail(params, &sender->params, &file->sender_fault);
	if (result == RESULT_MEMORY)
		return no_memory(file);
	file->sender_is_bad = result != RESULT_OK;
	file->state = STATE_MAIL;
	return BATCH_MORE;
}

/* An array in the arena, twice as large; the old one stays there: together they are less than twice. */
static void *grow(
	struct arena *arena, const void *items, uint32_t count, uint32_t *size, size_t item_bytes)
{
	if (count < *size)
		return (void *)(uintptr_t)items;
	uint32_t larger = *size == 0 ? 4 : 2 * *size;
	void *grown = arena_alloc_array(arena, larger, item_bytes);
	if (grown != NULL && count > 0)
		memcpy(grown, items, count * item_bytes);
	*size = larger;
	return grown;
}

static enum batch_event add_bad(struct batch_file *file, struct text value, const char *reason)
{
	struct batch_transaction *t = &file->transaction;
	t->bad = grow(file->arena, t->bad, t->bad_count, &t->bad_size, sizeof *t->bad);
	struct text kept = arena_text_copy(file->arena, text_of(reason));
	if (t->bad == NULL || kept.data == NULL)
		return no_memory(file);
	t->bad[t->bad_count++] =
		(struct batch_bad_rcpt){ .text = value, .reason = kept, .line = file->line };
	return BATCH_MORE;
}

static enum result parse_rcpt(
	struct batch_file *file, struct text value, struct envelope_rcpt *rcpt, struct fail *fail)
{
	struct text params;
	struct esmtp_rcpt_params parsed;
	*rcpt = (struct envelope_rcpt){ .orcpt = TEXT_EMPTY };
	if (file->sender_is_bad) {
		*fail = file->sender_fault;
		(void)fail_prefix(fail, "its sender");
		return RESULT_INVALID;
	}
	if (file->transaction.rcpts_count == MESSAGE_RCPTS_MAX)
		return fail_set(fail, RESULT_INVALID, "more than %d recipients in one transaction",
			MESSAGE_RCPTS_MAX);
	enum result result = address_parse_field(value, file->arena, &rcpt->address, &params, fail);
	if (result == RESULT_OK && rcpt->address.text.len == 0)
		result = fail_set(fail, RESULT_INVALID, "<> cannot receive mail");
	if (result == RESULT_OK)
		result = esmtp_params_parse_rcpt(params, file->arena, &parsed, fail);
	if (result != RESULT_OK)
		return result;
	rcpt->notify = parsed.notify;
	rcpt->orcpt = parsed.orcpt;
	return RESULT_OK;
}

static enum batch_event read_rcpt(struct batch_file *file, struct text value)
{
	struct batch_transaction *t = &file->transaction;
	struct envelope_rcpt rcpt;
	struct fail fail;
	if (file->state != STATE_MAIL && file->state != STATE_RCPT)
		return bad_syntax(file, "is a RCPT without MAIL before it");
	if (t->rcpts_count + t->bad_count == BATCH_RCPTS_MAX)
		return bad_syntax(file, "is one RCPT more than a transaction may have");
	file->state = STATE_RCPT;
	value = arena_text_copy(file->arena, value);
	if (value.data == NULL)
		return no_memory(file);
	enum result result = parse_rcpt(file, value, &rcpt, &fail);
	if (result == RESULT_MEMORY)
		return no_memory(file);
	if (result != RESULT_OK)
		return add_bad(file, value, fail.text);
	t->rcpts = grow(file->arena, t->rcpts, t->rcpts_count, &t->rcpts_size, sizeof *t->rcpts);
	if (t->rcpts == NULL)
		return no_memory(file);
	t->rcpts[t->rcpts_count++] = rcpt;
	return BATCH_MORE;
}

/* ---- the other commands ---- */

static enum batch_event read_data(struct batch_file *file)
{
	if (file->state != STATE_RCPT)
		return bad_syntax(file, "is a DATA without MAIL and RCPT before it");
	file->state = STATE_DATA;
	file->in_line = IN_LINE_START;
	file->transaction.data_at = file->at;
	return BATCH_MORE;
}

/* RSET takes a transaction back that has not come to its DATA; HELO and EHLO do the same
 * (RFC 5321 4.1.4). */
static enum batch_event read_reset(struct batch_file *file)
{
	file->state = STATE_IDLE;
	return BATCH_MORE;
}

static enum batch_event read_quit(struct batch_file *file)
{
	if (in_transaction(file))
		return bad_syntax(file, "is a QUIT inside of a transaction");
	file->state = STATE_QUIT;
	return BATCH_MORE;
}

/* True if the line begins with this word; *out_rest is what stands behind it. */
static bool is_command(struct text line, struct text word, struct text *out_rest)
{
	if (!text_starts_nocase(line, word))
		return false;
	struct text rest = text_skip(line, word.len);
	*out_rest = text_trim(rest);
	return rest.len == 0 || rest.len > out_rest->len;
}

/* "MAIL FROM:", "RCPT TO:"; behind the colon blanks are common, though RFC 5321 3.3 forbids them. */
static bool is_path_command(
	struct text line, struct text word, struct text second, struct text *out_rest)
{
	if (!is_command(line, word, out_rest) || !text_starts_nocase(*out_rest, second))
		return false;
	*out_rest = text_trim(text_skip(*out_rest, second.len));
	return true;
}

static bool is_bare_command(struct text line, struct text word)
{
	return text_equal_nocase(line, word);
}

static enum batch_event read_command(struct batch_file *file)
{
	struct text line = text_trim((struct text){ file->text, file->len }), rest;
	if (file->state == STATE_QUIT)
		return line.len == 0 ? BATCH_MORE : bad_syntax(file, "stands behind QUIT");
	if (is_path_command(line, TEXT("MAIL"), TEXT("FROM:"), &rest))
		return read_mail(file, rest);
	if (is_path_command(line, TEXT("RCPT"), TEXT("TO:"), &rest))
		return read_rcpt(file, rest);
	if (is_bare_command(line, TEXT("DATA")))
		return read_data(file);
	if (is_bare_command(line, TEXT("QUIT")))
		return read_quit(file);
	if (is_bare_command(line, TEXT("RSET")) || is_command(line, TEXT("HELO"), &rest) ||
		is_command(line, TEXT("EHLO"), &rest))
		return read_reset(file);
	/* PowerMTA: whether bad recipients are answered; they always are, by an event. */
	if (is_command(line, TEXT("NOOP"), &rest) || is_command(line, TEXT("XACK"), &rest))
		return BATCH_MORE;
	if (is_command(line, TEXT("XMRG"), &rest))
		return bad_syntax(
			file, "begins a merge of PowerMTA, which is not read: use a job directory");
	return bad_syntax(file, line.len > 0 ? "is no command of batch SMTP"
					     : "an empty line where a command should stand");
}

/* ---- lines ---- */

static enum batch_event input_command(struct batch_file *file, struct text *input)
{
	if (file->len == 0)
		file->line_at = file->at;
	size_t end = text_find(*input, '\n');
	size_t taken = end == TEXT_NONE ? input->len : end + 1;
	size_t text_len = end == TEXT_NONE ? input->len : end;
	if (file->len + text_len > BATCH_LINE_BYTES_MAX + 1)
		return bad_syntax(file, "is longer than a command may be");
	if (text_len > 0)
		memcpy(file->text + file->len, input->data, text_len);
	file->len += text_len;
	file->at += taken;
	*input = text_skip(*input, taken);
	if (end == TEXT_NONE)
		return BATCH_MORE;
	enum batch_event event = read_command(file);
	file->len = 0;
	file->line++;
	return event;
}

static enum batch_event message_over(struct batch_file *file)
{
	file->transaction.end_at = file->at;
	file->state = STATE_IDLE;
	return BATCH_TRANSACTION;
}

/* One octet of a line that may be the last one. */
static enum batch_event input_dot(struct batch_file *file, char c)
{
	file->at++;
	if (file->in_line == IN_LINE_START && c == '.') {
		file->transaction.data_bytes = file->at - 1 - file->transaction.data_at;
		file->in_line = IN_LINE_DOT;
		return BATCH_MORE;
	}
	file->line += c == '\n';
	if (c == '\n' && file->in_line != IN_LINE_START)
		return message_over(file);
	if (c == '\n')
		return BATCH_MORE;
	file->in_line = file->in_line == IN_LINE_DOT && c == '\r' ? IN_LINE_DOT_CR : IN_LINE_TEXT;
	return BATCH_MORE;
}

static enum batch_event input_data(struct batch_file *file, struct text *input)
{
	while (input->len > 0) {
		if (file->in_line != IN_LINE_TEXT) {
			char c = input->data[0];
			*input = text_skip(*input, 1);
			if (input_dot(file, c) == BATCH_TRANSACTION)
				return BATCH_TRANSACTION;
			continue;
		}
		size_t end = text_find(*input, '\n');
		size_t taken = end == TEXT_NONE ? input->len : end + 1;
		file->at += taken;
		*input = text_skip(*input, taken);
		if (end == TEXT_NONE)
			break;
		file->line++;
		file->in_line = IN_LINE_START;
	}
	return BATCH_MORE;
}

enum batch_event batch_file_input(struct batch_file *file, struct text *input)
{
	enum batch_event event = file->state == STATE_BAD ? BATCH_BAD : BATCH_MORE;
	while (event == BATCH_MORE && input->len > 0)
		event = file->state == STATE_DATA ? input_data(file, input)
						  : input_command(file, input);
	return event;
}

enum batch_event batch_file_end(struct batch_file *file)
{
	if (file->state == STATE_BAD)
		return BATCH_BAD;
	/* A last line without an end is a line. */
	if (file->state != STATE_DATA && file->len > 0) {
		enum batch_event event = read_command(file);
		if (event == BATCH_BAD)
			return event;
		file->len = 0;
	}
	if (file->state == STATE_DATA && file->in_line != IN_LINE_START &&
		file->in_line != IN_LINE_TEXT) {
		(void)message_over(file);
		return BATCH_TRANSACTION;
	}
	if (in_transaction(file))
		return bad_syntax(file, "the file ends inside of a transaction");
	return BATCH_END;
}

void batch_file_unstuff(struct buf *out, struct text stuffed)
{
	while (stuffed.len > 0) {
		size_t end = text_find(stuffed, '\n');
		size_t len = end == TEXT_NONE ? stuffed.len : end + 1;
		struct text line = text_cut(stuffed, len);
		buf_put_text(out, line.data[0] == '.' ? text_skip(line, 1) : line);
		stuffed = text_skip(stuffed, len);
	}
	CHECK(!out->overflow);
}
