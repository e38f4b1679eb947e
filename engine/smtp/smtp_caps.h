/* What a server offers: the keywords of its answer to EHLO (RFC 5321 4.1.1.1).
 *
 * The first line is the server's name and never comes here (EXT-GEN-01, SEC-36). Keywords compare
 * without case; unknown ones and bad parameters are ignored. Only the newest EHLO counts: reset
 * before each (STLS-05, EXT-LIM-02). */
#ifndef ENGINE_SMTP_CAPS_H
#define ENGINE_SMTP_CAPS_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/text.h"

/* A set of these is an `unsigned`: what is offered, what to avoid, what was learnt to fail. */
enum smtp_cap {
	SMTP_CAP_PIPELINING = 1u << 0,          /* RFC 2920 */
	SMTP_CAP_SIZE = 1u << 1,                /* RFC 1870 */
	SMTP_CAP_8BITMIME = 1u << 2,            /* RFC 6152 */
	SMTP_CAP_SMTPUTF8 = 1u << 3,            /* RFC 6531 */
	SMTP_CAP_STARTTLS = 1u << 4,            /* RFC 3207 */
	SMTP_CAP_CHUNKING = 1u << 5,            /* RFC 3030 */
	SMTP_CAP_BINARYMIME = 1u << 6,          /* RFC 3030 */
	SMTP_CAP_DSN = 1u << 7,                 /* RFC 3461 */
	SMTP_CAP_ENHANCEDSTATUSCODES = 1u << 8, /* RFC 2034 */
	SMTP_CAP_REQUIRETLS = 1u << 9,          /* RFC 8689 */
	SMTP_CAP_LIMITS = 1u << 10,             /* RFC 9422 */
	/* No host offers it by name: to take MAIL, RCPT, BDAT and the octets of the message in one flight. It
	 * goes with PIPELINING and CHUNKING until it turns out not to work. */
	SMTP_CAP_SINGLE_FLIGHT = 1u << 11,
};

struct smtp_caps {
	unsigned offered;  /* set of enum smtp_cap */
	uint64_t size_max; /* octets of a message; 0: not told (EXT-SIZE-02) */
	/* RFC 9422 4; 0: no limit. */
	uint32_t mails_max;        /* MAIL commands in this session */
	uint32_t rcpts_max;        /* RCPT commands in a transaction */
	uint32_t rcpt_domains_max; /* domains of recipients in this session */
};

void smtp_caps_reset(struct smtp_caps *caps);
/* One line of the answer after the first, without its code. `cut`: the line was longer than what is
 * here, so that a list in it cannot be trusted to be whole. */
void smtp_caps_add_line(struct smtp_caps *caps, struct text line, bool cut);
/* "8BITMIME"; for events and logs. */
const char *smtp_cap_name(enum smtp_cap cap);

#endif
