/* Text with places for values, the language of templates:
 *
 *   {{name}}            the value; in HTML with & < > " ' escaped
 *   {{{name}}}          the value as it is, for HTML that is the writer's own
 *   {{name|there}}      "there" for whom has no value
 *   {{#name}}..{{/name}} only for whom has one that is neither empty nor "false"
 *   {{^name}}..{{/name}} only for whom has none such
 *   {{! a note }}       nothing
 *   {{"{{"}}            two braces
 *
 * A line on which a section begins or ends, or a note stands, and nothing else, leaves no empty line.
 * Pure; compiled once a job, expanded for each recipient without memory of its own. */
#ifndef ENGINE_MAIL_TEMPLATE_TEXT_H
#define ENGINE_MAIL_TEMPLATE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/arena.h"
#include "engine/base/buf.h"
#include "engine/base/result.h"
#include "engine/base/text.h"

enum {
	/* Names in one job: a table with more columns is no address list. */
	TEMPLATE_NAMES_MAX = 256,
	TEMPLATE_NAME_BYTES_MAX = 64,
	/* Sections in sections: deeper is a mistake, and every reader of it would lose his way. */
	TEMPLATE_DEPTH_MAX = 16,
};

/* The names that a template asks for, in the order of their first use. */
struct template_names {
	struct text items[TEMPLATE_NAMES_MAX];
	size_t count;
};

/* The place of the name, or TEXT_NONE: nothing asks for it. */
size_t template_names_find(const struct template_names *names, struct text name);
/* Letters, digits, _ - and dot, not empty, not longer than allowed. */
bool template_name_is_valid(struct text name);

/* The values of one recipient, by the place of their names. */
struct template_values {
	struct text items[TEMPLATE_NAMES_MAX];
	bool has[TEMPLATE_NAMES_MAX];
	bool missing_is_empty; /* else who lacks a value is refused */
};

struct template_piece;

struct template_text {
	const struct template_piece *pieces; /* in the arena */
	uint32_t count;
	bool has_places; /* something in it depends on the recipient */
};

/* `source` is borrowed by the outcome; pieces go into the arena, new names into `names`. RESULT_INVALID: a
 * place that is not closed or has no name, a section that does not match; the sentence is in out_fail.
 * RESULT_LIMIT: too many names, too deep. RESULT_MEMORY. */
MUST_USE enum result template_text_compile(struct text source, struct template_names *names,
	struct arena *arena, struct template_text *out_text, struct fail *out_fail);

enum template_context {
	TEMPLATE_PLAIN, /* text: values may have line ends and tabs, but no other control character */
	TEMPLATE_HTML, /* the same, escaped */
	TEMPLATE_TOKEN, /* inside of a structured field, an address or a URL: printable ASCII without what
	                 * ends such a thing there: blanks < > " \ ( ) , ; */
};

/* RESULT_INVALID: this recipient has no value, or one that may not stand there; the sentence names it. That
 * it did not fit is the overflow of `out`. */
MUST_USE enum result template_text_expand(const struct template_text *text,
	const struct template_names *names, const struct template_values *values,
	enum template_context context, struct buf *out, struct fail *out_fail);

/* Piece by piece, for who treats some of them himself: *at, below text->count, is moved to the next that is
 * for this recipient. */
MUST_USE enum result template_text_expand_piece(const struct template_text *text, uint32_t *at,
	const struct template_names *names, const struct template_values *values,
	enum template_context context, struct buf *out, struct fail *out_fail);
/* What a piece is for all whom it is for; empty: it is no literal. */
struct text template_text_literal(const struct template_text *text, uint32_t at);

/* Whether a section of that name is shown. */
bool template_value_is_true(const struct template_values *values, size_t name);

#endif
