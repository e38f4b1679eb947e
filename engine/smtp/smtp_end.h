/* How a session ended, by name; the facts are smtp_ends.def. */
#ifndef ENGINE_SMTP_END_H
#define ENGINE_SMTP_END_H

enum smtp_end {
#define END(name, text) SMTP_END_##name,
#include "engine/smtp/smtp_ends.def"
#undef END
	SMTP_END_COUNT
};

/* "GREETING_REFUSED", and "the greeting was a refusal". */
const char *smtp_end_name(enum smtp_end end);
const char *smtp_end_text(enum smtp_end end);

#endif
