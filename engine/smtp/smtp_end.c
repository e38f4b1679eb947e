#include "engine/smtp/smtp_end.h"
#include "engine/base/check.h"

static const struct {
	const char *name, *text;
} rows[SMTP_END_COUNT] = {
#define END(name_, text_) [SMTP_END_##name_] = { #name_, text_ },
#include "engine/smtp/smtp_ends.def"
#undef END
};

const char *smtp_end_name(enum smtp_end end)
{
	CHECK((unsigned)end < SMTP_END_COUNT);
	return rows[end].name;
}

const char *smtp_end_text(enum smtp_end end)
{
	CHECK((unsigned)end < SMTP_END_COUNT);
	return rows[end].text;
}
