/* The steps of a session by name, and where their commands may stand; the facts are
 * smtp_steps.def. */
#ifndef ENGINE_SMTP_STEP_H
#define ENGINE_SMTP_STEP_H

#include <stdbool.h>
#include <stdint.h>

enum smtp_step {
#define STEP(name, group, deadline_ms, to) SMTP_STEP_##name,
#include "engine/smtp/smtp_steps.def"
#undef STEP
	SMTP_STEP_COUNT
};

/* RFC 2920 3.1; explained in smtp_steps.def. */
enum smtp_group {
	SMTP_GROUP_SILENT,
	SMTP_GROUP_ALONE,
	SMTP_GROUP_FIRST,
	SMTP_GROUP_ANYWHERE,
	SMTP_GROUP_LAST,
};

/* "RCPT"; for events, logs and crash reports. */
const char *smtp_step_name(enum smtp_step step);
enum smtp_group smtp_step_group(enum smtp_step step);
uint32_t smtp_step_deadline_ms(enum smtp_step step);
bool smtp_step_may_go(enum smtp_step from, enum smtp_step to);

#endif
