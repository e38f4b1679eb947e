/* Rules of the operator in the first line and behind each "~", a reply in the rest: rules are read or refused
 * with a sentence, and with any rules a reply still has an action that the table could give. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "engine/smtp/smtp_reply_class.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void classify(struct text reply, const struct smtp_reply_rules *rules)
{
	static const enum smtp_step steps[] = { SMTP_STEP_GREETING, SMTP_STEP_EHLO, SMTP_STEP_MAIL,
		SMTP_STEP_RCPT, SMTP_STEP_BODY };
	for (size_t i = 0; i < COUNT_OF(steps); i++)
		for (unsigned code = 450; code <= 550; code += 100) {
			struct smtp_answer answer = {
				.step = steps[i],
				.reply = { .code = (uint16_t)code, .text = reply },
				.channel = { .level_is_mandatory = true, .rules = rules },
			};
			struct smtp_action action = smtp_reply_class_answer(&answer);
			/* POL-14: nothing heard on a channel that is not the demanded one is final. */
			CHECK(action.fate == SMTP_FATE_DEFER);
			CHECK(!action.may_suppress && !action.bounce_if_all);
			CHECK(action.bounce_class < BOUNCE_CLASS_COUNT);
		}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct arena arena;
	struct text input = text_of_bytes(data, size), file = TEXT_EMPTY;
	struct option_words words;
	struct smtp_reply_rules rules;
	struct fail fail;
	if (arena.max_bytes == 0)
		arena_init(&arena, 1 << 16, 1 << 24);
	(void)text_split(&input, '\n', &file);
	char *text = malloc(file.len + 1);
	CHECK(text != NULL);
	for (size_t i = 0; i < file.len; i++)
		text[i] = file.data[i] == '~' ? '\n' : file.data[i];
	text[file.len] = '\0';
	fail_clear(&fail);
	if (options_file_split(text, file.len, &arena, &words, &fail) == RESULT_OK) {
		if (smtp_reply_rules_parse(&words, &arena, &rules, &fail) == RESULT_OK)
			classify(text_cut(input, SMTP_REPLY_TEXT_BYTES_MAX), &rules);
		else
			CHECK(fail.text[0] != '\0');
	}
	free(text);
	arena_reset(&arena);
	return 0;
}
