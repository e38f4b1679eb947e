#include "engine/spool/spool_format.h"

/* Those of Exim's -bS, RFC 2442 and PowerMTA (the last two are its own). */
static const struct text first_commands[] = {
	TEXT_INIT("HELO"),
	TEXT_INIT("EHLO"),
	TEXT_INIT("MAIL"),
	TEXT_INIT("XMRG"),
	TEXT_INIT("XACK"),
};

enum spool_format spool_format_of(struct text head, bool is_directory)
{
	if (is_directory)
		return SPOOL_FORMAT_JOB;
	for (size_t i = 0; i < COUNT_OF(first_commands); i++) {
		struct text command = first_commands[i];
		if (!text_starts_nocase(head, command) || head.len < command.len + 2)
			continue;
		char behind = head.data[command.len], second = head.data[command.len + 1];
		if (behind == '\r' || behind == '\n')
			return SPOOL_FORMAT_BATCH;
		/* One space and then a word, as SMTP has it. "MAIL :" is an old way to write a
		 * header field (RFC 5322 4.5). */
		if (behind == ' ' && second != ':' && second != ' ')
			return SPOOL_FORMAT_BATCH;
	}
	return SPOOL_FORMAT_MESSAGE;
}
