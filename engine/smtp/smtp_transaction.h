/* One mail transaction on a session: what to send, and what became of each recipient.
 *
 * The owner fills the part `in`, hands it over with smtp_session_begin() and gets it back, with
 * every recipient decided, from smtp_session_take_done(). Until then envelope, body, rcpts and
 * texts belong to the session and must stay where they are. The verdict is what SMTP says; what it
 * means for queue, throttle and address is smtp_reply_class.h. */
#ifndef ENGINE_SMTP_TRANSACTION_H
#define ENGINE_SMTP_TRANSACTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/body.h"
#include "engine/base/envelope.h"
#include "engine/smtp/smtp_command.h"
#include "engine/smtp/smtp_reply.h"
#include "engine/smtp/smtp_step.h"

enum smtp_verdict {
	SMTP_VERDICT_NONE,       /* still open; never after smtp_session_take_done() */
	SMTP_VERDICT_DELIVERED,  /* the server has taken responsibility */
	SMTP_VERDICT_TEMPORARY,  /* failed for now (4yz, or the session broke) */
	SMTP_VERDICT_PERMANENT,  /* refused (5yz), or we cannot write it */
	SMTP_VERDICT_AGAIN,      /* another transaction with this host, at once: it was only too
	                          * many recipients (SMTP-29), or parameters the host chokes on
	                          * (EXT-GEN-02; smtp_session_learned() has them) */
	SMTP_VERDICT_NOT_TRIED,  /* this session came to nothing before its turn: another session,
	                          * no attempt (SMTP-41) */
	SMTP_VERDICT_OTHER_HOST, /* this host lacks what the message needs; `cause` says what */
};

/* What decided. Each but REPLY has a text (smtp_cause_text) and a status of ours (DSN-12). */
enum smtp_cause {
#define CAUSE(name, class, subject, detail, text) SMTP_CAUSE_##name,
#include "engine/smtp/smtp_causes.def"
#undef CAUSE
	SMTP_CAUSE_COUNT
};

struct smtp_rcpt_result {
	uint32_t rcpt;     /* in: index in envelope->rcpts */
	uint8_t verdict;   /* out, all that follows: enum smtp_verdict */
	uint8_t cause;     /* enum smtp_cause */
	uint8_t step;      /* enum smtp_step: what it was decided on; BODY or BDAT: the end */
	bool sent : 1;     /* RCPT TO was sent: the recipient was offered to the host */
	bool accepted : 1; /* RCPT TO was answered 2yz */
	uint16_t code;     /* of the reply; 0 without one */
	struct smtp_status status; /* of the reply, else of the cause */
	uint16_t text_len;         /* of the reply, in `texts`; cut when they are full */
	uint32_t text_at;
};

struct smtp_transaction {
	/* in */
	const struct envelope *envelope;
	const struct body *body;
	struct smtp_rcpt_result *rcpts; /* 1..rcpts_count, each with `rcpt` set */
	uint32_t rcpts_count;
	char *texts; /* for the texts of replies; equal ones are kept once */
	uint32_t texts_size;
	bool eightbit_as_is;    /* no host offers 8BITMIME, SMTPUTF8: send as it is (0.4) */
	bool requiretls_proven; /* this host and channel have what RTLS-01 asks of them */
	bool wants_bdat;        /* BDAT where CHUNKING is offered */
	bool may_fly;           /* MAIL, RCPT and BDAT with the message in one flight (smtp_flight.c) */
	void *owner;            /* the session never looks at it */

	/* out */
	uint32_t texts_len;
	bool body_sent; /* every octet, the end of the data too, was handed out */
	bool in_doubt;  /* and no reply came: it may have been taken (SMTP-17) */
	uint32_t delivered_count;

	/* The session's own. */
	struct smtp_mail_params mail_params;
	bool rcpt_dsn; /* NOTIFY and ORCPT are given */
	bool use_bdat;
	bool flies;       /* in one flight */
	bool chunk_taken; /* a BDAT chunk before the last was answered 2yz */
	bool mail_sent, mail_answered, mail_refused;
	bool failed;             /* no data may go: MAIL, all RCPT or DATA were refused */
	uint32_t rcpts_sent;     /* the next to send, in `rcpts` */
	uint32_t rcpts_answered; /* the next to be answered, in `rcpts` */
	uint32_t rcpts_accepted;
	uint32_t last_text_at;         /* the newest text in `texts` */
	struct smtp_transaction *next; /* in the list of those that are done */
};

/* The text of the reply that decided; empty when no reply did. Lives as long as `texts`. */
static inline struct text smtp_rcpt_text(
	const struct smtp_transaction *transaction, const struct smtp_rcpt_result *rcpt)
{
	return rcpt->text_len == 0
		       ? TEXT_EMPTY
		       : text_of_bytes(transaction->texts + rcpt->text_at, rcpt->text_len);
}

const char *smtp_verdict_name(enum smtp_verdict verdict);
const char *smtp_cause_text(enum smtp_cause cause);
struct smtp_status smtp_cause_status(enum smtp_cause cause);

/* For the files of the session only. Decides one recipient, or every one that is still open.
 * `reply` is NULL when none came; with another cause than REPLY it is shown, and the status is
 * ours. */
void smtp_transaction_decide_rcpt(struct smtp_transaction *transaction,
	struct smtp_rcpt_result *rcpt, enum smtp_verdict verdict, enum smtp_cause cause,
	enum smtp_step step, const struct smtp_reply *reply);
void smtp_transaction_decide(struct smtp_transaction *transaction, enum smtp_verdict verdict,
	enum smtp_cause cause, enum smtp_step step, const struct smtp_reply *reply);

#endif
