/* Rules of the operator for replies, before those of smtp_reply_rules.def: a receiver's own words, or what
 * one sender wants to do about them (--reply-rules FILE).
 *
 *   # class  code  actions         phrases that must all occur
 *   block    5     suspend         "our own list" "postmaster@"
 *   rate     any   slow            "come slower"
 *   mailbox  4     bounce          "has left the company"
 *   -        5     slow,defer      "internal error"
 *
 * One rule a line, four or five words, as in any @FILE; the first that matches decides. class: a bounce class
 * of the events, or - for what the reply would have been. code: 4, 5 or any. actions: - for none, or slow,
 * suspend (the throttle), bounce, defer (the recipient), joined by commas. Phrases are compared as in
 * smtp_reply_rules.def: without case, every run of blanks and punctuation as one space, one in front the
 * start of a word. Pure. */
#ifndef ENGINE_SMTP_REPLY_RULES_H
#define ENGINE_SMTP_REPLY_RULES_H

#include <stdbool.h>
#include "engine/base/arena.h"
#include "engine/base/event.h"
#include "engine/base/options_file.h"
#include "engine/base/result.h"
#include "engine/base/text.h"

enum {
	/* Each is looked for in every refusal; more are a filter, and belong elsewhere. */
	SMTP_REPLY_RULES_MAX = 1000,
	SMTP_REPLY_PHRASE_MAX = 200,
};

struct smtp_reply_rule {
	enum bounce_class bounce_class; /* if has_class */
	bool has_class;
	bool slow, suspend, bounce, defer;
	unsigned first_digit;           /* 0: any */
	struct text phrase, and_phrase; /* in normal form; the second may be empty */
};

struct smtp_reply_rules {
	const struct smtp_reply_rule *items; /* in the arena */
	size_t count;
};

/* RESULT_INVALID: a line that is no rule; the sentence has its number. RESULT_LIMIT, RESULT_MEMORY. */
MUST_USE enum result smtp_reply_rules_parse(const struct option_words *words, struct arena *arena,
	struct smtp_reply_rules *out_rules, struct fail *out_fail);

/* The text of a reply in normal form, with a space at both ends, cut where `out` ends (at least 2). */
struct text smtp_reply_words(struct text text, char *out, size_t out_size);
/* The first rule for such words; NULL: none. `rules` may be NULL. */
const struct smtp_reply_rule *smtp_reply_rules_find(
	const struct smtp_reply_rules *rules, unsigned first_digit, struct text words);

#endif
