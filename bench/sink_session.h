/* One SMTP conversation of longship-sink, without any I/O: octets in, octets out.
 *
 * The owner (sink_conn.c) reads the socket and gives what came to sink_session_input(); each call
 * appends replies to `out`, which the owner sends. After every call `want` says what comes next. The
 * session knows no clock, no descriptor and no thread, so that a unit test, a fuzzer or a simulated
 * world drives it as the network does.
 *
 * It accepts everything unless a rule (sink_rules.h) says otherwise, checks what its client does
 * (sink_oddities.def), and writes what it received into its book. Embedded in its owner; the fields
 * that most sessions never touch stand last, so that they cost no memory. */
#ifndef BENCH_SINK_SESSION_H
#define BENCH_SINK_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "bench/sink_body.h"
#include "bench/sink_book.h"
#include "bench/sink_greylist.h"
#include "bench/sink_site.h"
#include "engine/base/buf.h"
#include "engine/base/limits.h"

enum sink_want {
	SINK_WANT_INPUT,      /* more octets from the client */
	SINK_WANT_TLS,        /* `out` leaves, TLS starts (see tls_bug), then sink_session_tls_up() */
	SINK_WANT_WAIT,       /* `out` leaves; wait_ms after that sink_session_resume() */
	SINK_WANT_DRIP,       /* `out` leaves octet by octet, one each wait_ms; then resume */
	SINK_WANT_CLOSE,      /* `out` leaves, then the connection is closed */
	SINK_WANT_RESET,      /* RST at once */
	SINK_WANT_HALF_CLOSE, /* `out` leaves, then FIN; input is read on and ignored */
	SINK_WANT_DEAF,       /* nothing is read any more */
};

enum {
	/* Room that `out` should have: the replies to a full buffer of short commands. */
	SINK_OUT_ROOM = 256 * 1024,
	SINK_RCPT_RULES_MAX = 8,  /* different rules for the recipients of one transaction */
	SINK_DOMAINS_MAX = 64,    /* as many of a session as LIMITS RCPTDOMAINMAX is counted for */
};

struct sink_session;

/* Who wants to see what is said and what arrived; every field may be NULL. Texts are borrowed. */
struct sink_tap {
	void (*line)(void *context, bool by_client, struct text line); /* without CRLF */
	void (*mail)(void *context, struct text sender, struct text parameters);
	void (*rcpt)(void *context, struct text rcpt, struct text parameters, unsigned code);
	void (*content)(void *context, const char *data, size_t len);
	/* The end of a message, before its transaction is forgotten; `code` 0: no reply was given. */
	void (*message)(void *context, const struct sink_session *session, unsigned code);
	void (*oddity)(void *context, enum sink_oddity oddity);
};

struct sink_transaction {
	bool open, smtputf8, eight_bit, size_declared, non_ascii, bdat, bdat_failed;
	uint32_t rcpts, rcpts_offered; /* accepted; all */
	uint64_t declared_octets;
	struct sink_rule *rules[SINK_RCPT_RULES_MAX]; /* brought in by its recipients */
	uint32_t rules_count;
};

#define SINK_SESSION_MAGIC 0x51e55101u

struct sink_session {
	uint32_t magic;
	uint8_t phase;            /* enum sink_phase, sink_session_internal.h */
	uint8_t want, want_next;  /* enum sink_want; the second follows a wait */
	bool in_tls, greeted, said_421, quitting, at_fault, early_counted;
	bool last_must_wait;      /* nothing may follow the last command until its reply */
	bool mail_tried;          /* a MAIL came since the last transaction ended, refused or not */
	uint32_t wait_ms;
	uint8_t tls_bug;          /* enum sink_deed, valid with SINK_WANT_TLS; 0: none */
	uint64_t tls_number;      /* its argument */
	struct sink_site *site;
	struct sink_book *book;
	struct sink_greylist *greylist;
	const struct sink_tap *tap;
	void *tap_context;
	uint64_t serial, dice;
	uint64_t now_ns;          /* of this call */
	struct buf *out;          /* of this call */
	size_t behind;            /* octets behind the command that is being handled */
	uint64_t bdat_left, body_trip; /* of the chunk; DATA octets after which a bug strikes, 0: none */
	uint8_t body_bug;
	bool bdat_last, line_too_long;
	uint32_t mails, messages; /* MAIL accepted, messages accepted */
	uint32_t line_len, held_len;
	uint8_t filler;           /* enum sink_fault: ENDLESS or LONGLINE under way */
	char filler_code[4];
	uint64_t filler_left;
	struct sink_transaction mail;
	struct sink_rule *rcpt_rules[SINK_RCPT_RULES_MAX]; /* of the RCPT that is being handled */
	uint32_t rcpt_rules_count, domains_count;
	struct sink_body body;
	uint64_t rcpts[SINK_RCPTS_MAX];       /* mail_token_rcpt_hash() of the accepted ones */
	uint64_t domains[SINK_DOMAINS_MAX];
	char line[SMTP_COMMAND_BYTES_MAX];    /* a command that came in pieces */
	char held[SINK_EHLO_MAX + SINK_RULE_TEXT_MAX]; /* a reply that waits */
	struct sink_rule own_rule;            /* of a recipient bug.NAME@ */
};

struct sink_session_config {
	struct sink_site *site;         /* all borrowed for the life of the session */
	struct sink_book *book;
	struct sink_greylist *greylist; /* NULL: the bug passes everybody */
	const struct sink_tap *tap;     /* NULL: nobody looks */
	void *tap_context;
	uint64_t serial;                /* names the session in logs and records */
	uint64_t dice;                  /* seed of its chances */
};

/* Writes the greeting. */
void sink_session_open(struct sink_session *session, const struct sink_session_config *config,
	uint64_t now_ns, struct buf *out);

/* Takes octets from the client and returns how many; the rest must be given again once `want` is
 * SINK_WANT_INPUT again (none is taken while it is not). A call with no room in `out` ends the
 * session. */
size_t sink_session_input(struct sink_session *session, const char *data, size_t len, uint64_t now_ns,
	struct buf *out);

/* After a wait. */
void sink_session_resume(struct sink_session *session, uint64_t now_ns, struct buf *out);
void sink_session_tls_up(struct sink_session *session, uint64_t now_ns, struct buf *out);
/* Nothing came for site->idle_ms (or the server's own limit: `patience_over`). */
void sink_session_idle(struct sink_session *session, bool patience_over, struct buf *out);
/* The client is gone; `clean` is false for resets and cut TLS. For the counters only. */
void sink_session_gone(struct sink_session *session, bool clean);

/* Between two commands, with no transaction open: where idle rules strike. */
bool sink_session_is_idle(const struct sink_session *session);

/* It is the sink that has something to say, or keeps silent on purpose. */
bool sink_session_is_silent(const struct sink_session *session);

static inline const struct sink_offer *sink_session_offer(const struct sink_session *session)
{
	return session->in_tls ? &session->site->tls : &session->site->plain;
}

#endif
