#include "engine/mail/template_body.h"
#include "engine/mail/transfer_encoding.h"

/* A literal: the end of a line that another piece began, whole lines, the beginning of a line that another
 * piece ends. The first is never taken for a whole line, even if it is one. */
struct literal {
	struct text head, tail;
	struct text
		lines; /* between them, in the usual encoding; empty: none that would be worth it */
	struct octet_scan scan;        /* of `lines` */
	struct transfer_weight weight; /* of what they stand for */
};

struct template_body {
	const struct template_text *text;
	enum transfer_encoding usual;
	struct literal *
		literals; /* one for each piece of the text; NULL: the usual encoding is not made of
	                           * lines */
};

/* ---- once a job ---- */

static struct literal cut_literal(struct text text, struct text *out_lines)
{
	size_t first = text_find(text, '\n'), last = text_find_last(text, '\n');
	*out_lines = TEXT_EMPTY;
	if (first == TEXT_NONE || last - first < SCANNED_BYTES_MIN)
		return (struct literal){ .head = text };
	*out_lines = text_skip(text_cut(text, last + 1), first + 1);
	return (struct literal){
		.head = text_cut(text, first + 1),
		.tail = text_skip(text, last + 1),
	};
}

/* Borrowed where they stand there as they are to go out. */
static enum result encode_lines(struct literal *literal, enum transfer_encoding encoding,
	struct text lines, struct arena *arena, struct fail *out_fail)
{
	struct buf out;
	literal->scan = octet_scan(lines);
	literal->lines = lines;
	if (encoding == TRANSFER_ENCODING_7BIT && literal->scan.lf_count == literal->scan.cr_count)
		return RESULT_OK;
	/* Line ends, what is encoded, and soft line breaks behind 73 octets at the earliest: three times
	 * as much as there is would be too much of 32 MiB. */
	size_t bytes = lines.len + literal->scan.lf_count + 2 * literal->weight.encoded;
	bytes += 3 * (bytes / 73 + 1);
	void *memory = arena_alloc(arena, bytes);
	if (memory == NULL)
		return fail_set(out_fail, RESULT_MEMORY, "no memory left for the template");
	buf_init(&out, memory, bytes);
	transfer_encoding_put(&out, encoding, lines);
	CHECK(!out.overflow);
	literal->lines = buf_text(&out);
	literal->scan = octet_scan(literal->lines);
	return RESULT_OK;
}

/* What all lines without a place need together. */
static enum transfer_encoding usual_encoding(const struct template_text *text)
{
	struct transfer_weight all = TRANSFER_WEIGHT_NONE;
	struct text lines;
	for (uint32_t i = 0; i < text->count; i++) {
		(void)cut_literal(template_text_literal(text, i), &lines);
		transfer_weight_add(&all, lines);
	}
	return transfer_encoding_for(&all);
}

enum result template_body_compile(const struct template_text *text, struct arena *arena,
	const struct template_body **out_body, struct fail *out_fail)
{
	struct template_body *body = arena_alloc(arena, sizeof *body);
	if (body == NULL)
		return fail_set(out_fail, RESULT_MEMORY, "no memory left for the template");
	*body = (struct template_body){ .text = text, .usual = usual_encoding(text) };
	*out_body = body;
	if (body->usual == TRANSFER_ENCODING_BASE64)
		return RESULT_OK;
	body->literals = arena_alloc_array(arena, text->count, sizeof *body->literals);
	if (body->literals == NULL)
		return fail_set(out_fail, RESULT_MEMORY, "no memory left for the template");
	for (uint32_t i = 0; i < text->count; i++) {
		struct literal *literal = &body->literals[i];
		struct text lines;
		*literal = cut_literal(template_text_literal(text, i), &lines);
		if (lines.len == 0)
			continue;
		literal->weight = TRANSFER_WEIGHT_NONE;
		transfer_weight_add(&literal->weight, lines);
		enum result result = encode_lines(literal, body->usual, lines, arena, out_fail);
		if (result != RESULT_OK)
			return result;
	}
	return RESULT_OK;
}

/* ---- for one recipient ---- */

static void put_encoding(struct buf *out, enum transfer_encoding encoding)
{
	buf_put_cstr(out, "Content-Transfer-Encoding: ");
	buf_put_cstr(out, transfer_encoding_name(encoding));
	buf_put_cstr(out, "\r\n\r\n");
}

/* As a whole. The line end before the next boundary belongs to that, not to the part (RFC 2046 5.1.1): in
 * base64 it is left out, in the others it cannot be told from it. */
static enum result put_whole(const struct template_body *body, const struct template_names *names,
	const struct template_values *values, enum template_context context, struct buf *scratch,
	struct buf *out, struct fail *out_fail)
{
	buf_reset(scratch);
	enum result result =
		template_text_expand(body->text, names, values, context, scratch, out_fail);
	if (result != RESULT_OK)
		return result;
	struct text text = buf_text(scratch);
	enum transfer_encoding encoding = transfer_encoding_of(text);
	if (encoding == TRANSFER_ENCODING_BASE64 && text_ends(text, TEXT("\r\n")))
		text = text_cut(text, text.len - 2);
	put_encoding(out, encoding);
	transfer_encoding_put(out, encoding, text);
	return RESULT_OK;
}

/* Lines between those that are the same for all, or the last ones. False: they need another encoding. */
static bool put_varied(const struct template_body *body, struct text lines,
	struct transfer_weight *weight, struct buf *out)
{
	if (body->usual == TRANSFER_ENCODING_7BIT) {
		if (transfer_encoding_of(lines) != TRANSFER_ENCODING_7BIT)
			return false;
	} else {
		transfer_weight_add(weight, lines);
	}
	transfer_encoding_put(out, body->usual, lines);
	return true;
}

/* *out_fits: in the usual encoding; false: it needs another, and what was put means nothing. */
static enum result put_usual(const struct template_body *body, const struct template_names *names,
	const struct template_values *values, enum template_context context, struct buf *scratch,
	struct scanned *out, bool *out_fits, struct fail *out_fail)
{
	struct transfer_weight weight = TRANSFER_WEIGHT_NONE;
	enum result result = RESULT_OK;
	*out_fits = true;
	buf_reset(scratch);
	put_encoding(out->buf, body->usual);
	for (uint32_t at = 0; at < body->text->count && *out_fits && result == RESULT_OK;) {
		const struct literal *literal = &body->literals[at];
		if (literal->lines.len == 0) {
			result = template_text_expand_piece(
				body->text, &at, names, values, context, scratch, out_fail);
			continue;
		}
		buf_put_text(scratch, literal->head);
		*out_fits = put_varied(body, buf_text(scratch), &weight, out->buf);
		transfer_weight_sum(&weight, &literal->weight);
		scanned_put_lines(out, literal->lines, &literal->scan);
		if (scratch->overflow)
			return RESULT_OK;
		buf_reset(scratch);
		buf_put_text(scratch, literal->tail);
		at++;
	}
	if (result != RESULT_OK || !*out_fits)
		return result;
	*out_fits = put_varied(body, buf_text(scratch), &weight, out->buf) &&
		    (body->usual == TRANSFER_ENCODING_7BIT ||
			    transfer_encoding_for(&weight) == body->usual);
	return RESULT_OK;
}

enum result template_body_put(const struct template_body *body, const struct template_names *names,
	const struct template_values *values, enum template_context context, struct buf *scratch,
	struct scanned *out, struct fail *out_fail)
{
	struct scanned before = *out;
	size_t len = out->buf->len;
	bool fits = false;
	if (body->literals != NULL) {
		enum result result =
			put_usual(body, names, values, context, scratch, out, &fits, out_fail);
		if (result != RESULT_OK || (fits && !out->buf->overflow))
			return result;
	}
	*out = before;
	buf_truncate(out->buf, len);
	return put_whole(body, names, values, context, scratch, out->buf, out_fail);
}
