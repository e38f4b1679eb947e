/* A piece of input shown to people: in quotes, control and non-UTF-8 octets as \xNN, cut when long.
 *
 * What stands in a spool file may hold anything, and the reason for its refusal goes into a file,
 * a log line and an event; so no octet gets there raw that could end a line or move a cursor. */
#ifndef ENGINE_MAIL_QUOTED_TEXT_H
#define ENGINE_MAIL_QUOTED_TEXT_H

#include "engine/base/text.h"

enum {
	/* Enough to recognise an address or a header line, and short enough that the sentence
	 * around it fits into struct fail. */
	QUOTED_TEXT_SHOWN_MAX = 72,
	QUOTED_TEXT_SIZE = QUOTED_TEXT_SHOWN_MAX + sizeof("''...") + 3,
};

struct quoted_text {
	char text[QUOTED_TEXT_SIZE]; /* terminated */
};

/* For one printf argument: quoted_text(input).text */
struct quoted_text quoted_text(struct text input);

#endif
