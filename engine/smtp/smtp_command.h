/* Writes SMTP commands. The last place before the wire, so everything is checked here once more,
 * whoever made it: no CR, LF, NUL, space or control inside an argument, no octet over 127 unless
 * SMTPUTF8 was negotiated (SMTP-24, SEC-19). Each function writes one whole command with its CRLF,
 * or nothing and RESULT_INVALID (forbidden octet) or RESULT_TOO_LONG. Room for any command is
 * SMTP_COMMAND_BYTES_MAX. */
#ifndef ENGINE_SMTP_COMMAND_H
#define ENGINE_SMTP_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/buf.h"
#include "engine/base/check.h"
#include "engine/base/envelope.h"
#include "engine/base/limits.h"
#include "engine/base/result.h"
#include "engine/base/text.h"

enum {
	/* RFC 5321 4.5.3.1.3: a path has 256 octets with its punctuation (SMTP-25). */
	SMTP_PATH_BYTES_MAX = ADDRESS_BYTES_MAX + 2,
};

enum smtp_body_type {
	SMTP_BODY_UNSAID, /* no BODY parameter */
	SMTP_BODY_8BITMIME,
	SMTP_BODY_BINARYMIME,
};

/* Parameters of MAIL, only those that the server offers (SMTP-20). */
struct smtp_mail_params {
	bool size; /* SIZE=size_bytes */
	uint64_t size_bytes;
	enum smtp_body_type body_type;
	bool smtputf8;
	bool dsn; /* RET and ENVID of the envelope */
	bool requiretls;
};

/* Parameters of RCPT. */
struct smtp_rcpt_params {
	bool smtputf8; /* was given on MAIL */
	bool dsn;      /* NOTIFY and ORCPT */
};

/* `verb` is "EHLO" or "HELO". */
MUST_USE enum result smtp_command_hello(struct buf *buf, const char *verb, struct text helo);
MUST_USE enum result smtp_command_mail(
	struct buf *buf, const struct envelope *envelope, const struct smtp_mail_params *params);
MUST_USE enum result smtp_command_rcpt(
	struct buf *buf, const struct envelope_rcpt *rcpt, const struct smtp_rcpt_params *params);
/* "BDAT 123 LAST", RFC 3030 2. */
MUST_USE enum result smtp_command_bdat(struct buf *buf, uint64_t chunk_bytes, bool last);
/* A verb without arguments: "DATA", "RSET", "QUIT", "STARTTLS". */
MUST_USE enum result smtp_command_verb(struct buf *buf, const char *verb);

#endif
