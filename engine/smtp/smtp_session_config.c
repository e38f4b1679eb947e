#include "engine/smtp/smtp_session_config.h"
#include "engine/base/limits.h"
#include "engine/smtp/smtp_command.h"

void smtp_session_config_init(struct smtp_session_config *config, struct text helo)
{
	*config = (struct smtp_session_config){
		.helo = helo,
		.starttls = SMTP_STARTTLS_IF_OFFERED,
		.ahead = true,
		.rcpts_max = SMTP_RCPTS_MAX_DEFAULT,
	};
	for (unsigned step = 0; step < SMTP_STEP_COUNT; step++)
		config->deadline_ms[step] = smtp_step_deadline_ms((enum smtp_step)step);
}

void smtp_session_config_scale_deadlines(
	struct smtp_session_config *config, uint32_t numerator, uint32_t denominator)
{
	CHECK(denominator > 0);
	for (unsigned step = 0; step < SMTP_STEP_COUNT; step++) {
		uint64_t scaled = (uint64_t)config->deadline_ms[step] * numerator / denominator;
		if (scaled == 0)
			scaled = 1;
		config->deadline_ms[step] = scaled < UINT32_MAX ? (uint32_t)scaled : UINT32_MAX;
	}
}

enum result smtp_session_config_check(const struct smtp_session_config *config, struct fail *fail)
{
	char memory[SMTP_COMMAND_BYTES_MAX];
	struct buf buf;
	buf_init(&buf, memory, sizeof memory);
	if (smtp_command_hello(&buf, "EHLO", config->helo) != RESULT_OK)
		return fail_set(fail, RESULT_INVALID, "\"%.*s\" cannot be the name in EHLO",
			TEXT_ARG(text_cut(config->helo, DOMAIN_BYTES_MAX)));
	if (config->rcpts_max == 0)
		return fail_set(fail, RESULT_INVALID, "a transaction needs at least one recipient");
	return RESULT_OK;
}
