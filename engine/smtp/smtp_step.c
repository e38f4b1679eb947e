#include "engine/smtp/smtp_step.h"
#include <assert.h>
#include "engine/base/check.h"

#define TO(name) (1u << SMTP_STEP_##name)
static const struct {
	const char *name;
	enum smtp_group group;
	uint32_t deadline_ms;
	uint32_t to; /* set of enum smtp_step */
} rows[SMTP_STEP_COUNT] = {
#define STEP(name_, group_, deadline_ms_, to_)                                                     \
	[SMTP_STEP_##name_] = { #name_, SMTP_GROUP_##group_, deadline_ms_, to_ },
#include "engine/smtp/smtp_steps.def"
#undef STEP
};
#undef TO

static_assert(SMTP_STEP_COUNT <= 32, "`to` is a set of 32 bits");

const char *smtp_step_name(enum smtp_step step)
{
	CHECK((unsigned)step < SMTP_STEP_COUNT);
	return rows[step].name;
}

enum smtp_group smtp_step_group(enum smtp_step step)
{
	CHECK((unsigned)step < SMTP_STEP_COUNT);
	return rows[step].group;
}

uint32_t smtp_step_deadline_ms(enum smtp_step step)
{
	CHECK((unsigned)step < SMTP_STEP_COUNT);
	return rows[step].deadline_ms;
}

bool smtp_step_may_go(enum smtp_step from, enum smtp_step to)
{
	CHECK((unsigned)from < SMTP_STEP_COUNT && (unsigned)to < SMTP_STEP_COUNT);
	/* From everywhere the session can end: see the picture in smtp_steps.def. */
	return to == SMTP_STEP_OVER || (rows[from].to & (1u << to)) != 0;
}
