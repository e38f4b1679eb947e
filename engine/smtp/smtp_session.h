/* One SMTP client session, without any I/O: bytes in, bytes out.
 *
 * The owner (engine/run/delivery) reads the socket and calls smtp_session_input(); asks
 * smtp_session_output() for what to send; does what smtp_session_want() says. The session never
 * blocks, allocates or logs and knows no clock, so that a unit test, a fuzzer and a simulator drive
 * it in the same way as the network does. After each input, in this order:
 *
 *   1. take every finished transaction: smtp_session_take_done()
 *   2. while smtp_session_can_begin(): begin the next, if there is mail
 *   3. smtp_session_output() until it gives 0 (or the socket is full), and send it
 *   4. smtp_session_want(), smtp_session_deadline()
 *
 * With that order the end of one body and MAIL, RCPT and DATA of the next leave in one write.
 * To add a step: a row in smtp_steps.def, a send_ and an on_ function in its file, a line in the
 * table of smtp_session.c. */
#ifndef ENGINE_SMTP_SESSION_H
#define ENGINE_SMTP_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/check.h"
#include "engine/base/result.h"
#include "engine/smtp/smtp_caps.h"
#include "engine/smtp/smtp_dot.h"
#include "engine/smtp/smtp_end.h"
#include "engine/smtp/smtp_reply.h"
#include "engine/smtp/smtp_session_config.h"
#include "engine/smtp/smtp_step.h"
#include "engine/smtp/smtp_transaction.h"

#define SMTP_SESSION_MAGIC 0x5e551011u

enum {
	/* Runs of awaited replies: BODY, RSET, MAIL, RCPT, DATA; RCPTs of one group are one run. */
	SMTP_AWAITED_MAX = 6,
	/* Domains remembered for RCPTDOMAINMAX. A host with a higher limit gets this one. */
	SMTP_RCPT_DOMAINS_MAX = 16,
};

enum smtp_want {
	SMTP_WANT_READ,     /* a reply is awaited, nothing to send */
	SMTP_WANT_SEND,     /* smtp_session_output() has something */
	SMTP_WANT_STARTTLS, /* check that the receive buffer is empty, then do the handshake */
	SMTP_WANT_MAIL,     /* idle: begin a transaction, or quit; keep reading (SMTP-42) */
	SMTP_WANT_CLOSE,    /* over: close the connection */
};

struct smtp_deadline {
	enum smtp_step step; /* what is waited for */
	uint32_t wait_ms;    /* from the moment at which `progress` last changed */
	uint64_t progress;   /* changes with each whole reply and each block handed out, never
	                      * with single octets of a reply (SMTP-03) */
};

struct smtp_awaited {
	uint8_t step;   /* enum smtp_step */
	uint32_t count; /* replies of it */
};

struct smtp_session {
	uint32_t magic;
	uint8_t step;       /* enum smtp_step: what is sent next; written by go() only */
	uint8_t end;        /* enum smtp_end */
	uint8_t end_step;   /* enum smtp_step: where it ended */
	bool end_has_reply; /* a reply ended it, the parser keeps its text */
	bool tls_active;
	bool heard_in_tls; /* something was read since the handshake (STLS-19) */
	bool hello_seen;   /* the first line of EHLO's answer has been read */
	bool quit_wanted;
	bool needs_rset; /* the server may hold a failed transaction (SMTP-19) */
	bool queued;     /* MAIL of `sending` waits for the end of the body before it */
	bool body_begun; /* octets of the body, or of this chunk, go out */
	uint8_t awaited_first, awaited_count;
	struct smtp_awaited awaited[SMTP_AWAITED_MAX]; /* sent, reply not yet here: FIFO */
	uint32_t command_at; /* octets of the command at `step` that were handed out */
	const struct smtp_session_config *config;
	struct smtp_transaction *answered; /* whose replies come next, whose body goes out */
	struct smtp_transaction *sending;  /* whose commands go out: the same, or the next */
	struct smtp_transaction *done_first, *done_last;
	struct smtp_dot body; /* DATA: where the body is */
	size_t chunk_at;      /* BDAT: octets of the body that have gone */
	size_t chunk_left;    /* BDAT: octets of this chunk that have not */
	struct smtp_caps caps;
	unsigned learned;           /* set of enum smtp_cap that turned out not to work */
	uint32_t learned_rcpts_max; /* 0: none; set by a 452 after some were accepted */
	uint32_t mails_count;       /* MAIL commands sent */
	uint32_t delivered_count;   /* messages taken */
	uint32_t flights_count;     /* messages that went out in one flight */
	uint64_t progress;
	uint8_t rcpt_domains_count;
	uint64_t rcpt_domains[SMTP_RCPT_DOMAINS_MAX]; /* hashes, while RCPTDOMAINMAX is set */
	struct smtp_reply_parser parser;
};

/* The connection is there, the greeting is awaited. */
void smtp_session_init(struct smtp_session *session, const struct smtp_session_config *config);
/* Clears the magic. No transaction may be left inside. */
void smtp_session_deinit(struct smtp_session *session);

/* Bytes from the peer, any number, cut anywhere. An error ends the session (want is CLOSE) and
 * decides its transactions: RESULT_PROTOCOL, RESULT_TOO_LONG; `fail` may be NULL. */
MUST_USE enum result smtp_session_input(
	struct smtp_session *session, const uint8_t *data, size_t len, struct fail *fail);
/* The next bytes to send, at most `max`; 0: nothing to send now. They count as sent. */
size_t smtp_session_output(struct smtp_session *session, uint8_t *out, size_t max);
enum smtp_want smtp_session_want(const struct smtp_session *session);
struct smtp_deadline smtp_session_deadline(const struct smtp_session *session);

/* The handshake is done: all that was learnt before is forgotten, EHLO comes next (STLS-05). If
 * what it achieved is not enough, call smtp_session_quit() at once (STLS-09). */
void smtp_session_tls_started(struct smtp_session *session);
/* No more transactions; QUIT as soon as no reply is awaited. */
void smtp_session_quit(struct smtp_session *session);
/* The connection is gone or given up: LOST, TIMEOUT, TLS_FAILED, INJECTION (octets were left behind
 * the 220 of STARTTLS), STOPPED. Decides every transaction; want is CLOSE. */
void smtp_session_lost(struct smtp_session *session, enum smtp_end end);

/* True when a transaction may begin now: idle, or one ahead while a body is under way. */
bool smtp_session_can_begin(const struct smtp_session *session);
/* Takes a transaction over; needs can_begin. What cannot go to this host is decided at once, and a
 * transaction with nothing left to send is done at once. */
void smtp_session_begin(struct smtp_session *session, struct smtp_transaction *transaction);
/* A finished transaction, in the order in which they were finished, or NULL. */
struct smtp_transaction *smtp_session_take_done(struct smtp_session *session);
/* Recipients that one transaction may have here, after EHLO. More than that come back as AGAIN. */
uint32_t smtp_session_rcpts_max(const struct smtp_session *session);

/* The reply that ended it; code 0 when none did. Lives as long as the session. */
struct smtp_reply smtp_session_end_reply(const struct smtp_session *session);
/* For a crash report (check.h): where it stands and what it waits for, on one line. */
void smtp_session_report(const struct smtp_session *session);
/* Set of enum smtp_cap that this host offers and that failed: `avoid` of the next sessions. */
static inline unsigned smtp_session_learned(const struct smtp_session *session)
{
	return session->learned;
}

#endif
