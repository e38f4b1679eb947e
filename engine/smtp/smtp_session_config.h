/* What a session is told before it starts. Borrowed by its sessions until each of them is over, so
 * that all sessions to one pool of hosts may share it. */
#ifndef ENGINE_SMTP_SESSION_CONFIG_H
#define ENGINE_SMTP_SESSION_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/check.h"
#include "engine/base/result.h"
#include "engine/base/text.h"
#include "engine/smtp/smtp_step.h"

enum {
	/* RFC 5321 4.5.3.1.8: 100 recipients are always allowed (SMTP-30). */
	SMTP_RCPTS_MAX_DEFAULT = 100,
};

enum smtp_starttls {
	SMTP_STARTTLS_NEVER,
	SMTP_STARTTLS_IF_OFFERED, /* refused: go on in clear on this connection */
	SMTP_STARTTLS_REQUIRED,   /* not offered or refused: QUIT (STLS-11, STLS-17) */
};

struct smtp_session_config {
	struct text helo; /* our FQDN or address literal (SMTP-12), ASCII (EXT-U8-03) */
	enum smtp_starttls starttls;
	bool leave_on_454;  /* IF_OFFERED and STARTTLS got 4yz: leave instead of clear (STLS-10) */
	bool ahead;         /* send MAIL, RCPT and DATA of the next with the body of this one */
	bool prefer_bdat;   /* BDAT wherever CHUNKING is offered; else only where it is needed */
	unsigned avoid;     /* set of enum smtp_cap: not to be used though offered */
	uint32_t rcpts_max; /* in one transaction */
	uint32_t mails_max; /* MAIL commands in one session; 0: no limit */
	uint32_t deadline_ms[SMTP_STEP_COUNT];
};

/* The defaults: TLS if offered, ahead, DATA, 100 recipients, deadlines of RFC 5321. */
void smtp_session_config_init(struct smtp_session_config *config, struct text helo);
/* All deadlines times numerator / denominator, at least 1 ms; for tests and impatient operators. */
void smtp_session_config_scale_deadlines(
	struct smtp_session_config *config, uint32_t numerator, uint32_t denominator);
/* RESULT_INVALID: the name must not be written into a command (SMTP-24). */
MUST_USE enum result smtp_session_config_check(
	const struct smtp_session_config *config, struct fail *fail);

#endif
