/* What an answer means: for the recipient, for the throttle (provider × source), for the next MX.
 *
 * The table of CONFORMANCE 0.4 as one pure function, and the patterns of smtp_reply_rules.def that
 * tell a missing mailbox from a full one, a block from a rate limit. The three decisions are apart
 * on purpose: a 5yz banner is about us and not about any address. */
#ifndef ENGINE_SMTP_REPLY_CLASS_H
#define ENGINE_SMTP_REPLY_CLASS_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/event.h"
#include "engine/smtp/smtp_reply.h"
#include "engine/smtp/smtp_reply_rules.h"
#include "engine/smtp/smtp_end.h"
#include "engine/smtp/smtp_step.h"
#include "engine/smtp/smtp_transaction.h"

enum smtp_fate {
	SMTP_FATE_DELIVERED,
	SMTP_FATE_DEFER,
	SMTP_FATE_BOUNCE,
	SMTP_FATE_AGAIN, /* at once, not an attempt: the next transaction or another session */
};

enum smtp_throttle {
	SMTP_THROTTLE_NOTHING,
	SMTP_THROTTLE_SLOW_DOWN, /* fewer sessions, slower */
	SMTP_THROTTLE_BACK_OFF,  /* no new session for a while */
	SMTP_THROTTLE_SUSPEND,   /* none until somebody or a long time helps; say so */
};

/* What to do now. `fate` is what becomes of the recipient when no other host is left to try. */
struct smtp_action {
	enum smtp_fate fate;
	enum smtp_throttle throttle;
	enum bounce_class bounce_class;
	bool next_mx; /* try the next host now, at most 2 sessions in all */
	bool counts_as_attempt;
	bool same_host;       /* come back to the same host from the same source (greylisting) */
	bool may_suppress;    /* the address itself is bad, and the channel was good enough */
	bool counts_as_block; /* over a tenth of the last 200 of these: suspend and requeue */
	bool bounce_if_all;   /* 521: permanent if every host says so */
};

/* How the channel stood when an answer was heard, and who else has a say in what it means. */
struct smtp_channel {
	bool is_demanded;        /* it was as good as the level demands (POL-14, SEC-20) */
	bool level_is_mandatory; /* some level above opportunistic is demanded */
	const struct smtp_reply_rules *rules; /* of the operator; NULL: none */
};

/* An answer to be classed. */
struct smtp_answer {
	enum smtp_step step;     /* GREETING, EHLO, HELO, STARTTLS, MAIL, RCPT, DATA, BODY, BDAT */
	struct smtp_reply reply; /* 4yz or 5yz, or 2yz to BODY and BDAT */
	bool rcpt_accepted_before; /* RCPT: one of this transaction was accepted before */
	bool about_one_rcpt;       /* nobody else can be meant */
	struct smtp_channel channel;
};

struct smtp_action smtp_reply_class_answer(const struct smtp_answer *answer);
/* A session that ended, and what that means for the mail that was waiting for it. `step` and
 * `reply` are end_step and smtp_session_end_reply(); LOST or TIMEOUT at GREETING also stand for
 * a connection that was never made. Recipients of transactions have results of their own. */
struct smtp_action smtp_reply_class_end(enum smtp_end end, enum smtp_step step,
	const struct smtp_reply *reply, const struct smtp_channel *channel);
/* One recipient of a finished transaction. */
struct smtp_action smtp_reply_class_rcpt(const struct smtp_transaction *transaction,
	const struct smtp_rcpt_result *rcpt, const struct smtp_channel *channel);

/* Only the class of a reply, without rules of the operator: by its words, its status and its code, in
 * this order. */
enum bounce_class smtp_reply_class_find(enum smtp_step step, const struct smtp_reply *reply);

#endif
