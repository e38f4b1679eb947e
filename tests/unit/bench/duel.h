/* longship's SMTP session against the sink's, in memory: two pure conversations that exchange octets.
 *
 * The client has a few messages, opens connections until each recipient is decided, and is given
 * faults by rules of the sink. What must hold of any duel is checked in here:
 *  - "delivered" is only said of what the sink took whole and answered;
 *  - the sink has no more copies than the client sent whole messages;
 *  - a duel comes to an end. */
#ifndef TESTS_UNIT_BENCH_DUEL_H
#define TESTS_UNIT_BENCH_DUEL_H

#include <stdbool.h>
#include <stdint.h>
#include "bench/load_text.h"
#include "bench/sink_session.h"
#include "engine/smtp/smtp_session.h"

enum {
	DUEL_MAILS = 3,
	DUEL_RCPTS = 2,
	DUEL_BODY_MAX = 4096,
	/* A fault that strikes once costs a connection or two. */
	DUEL_CONNECTIONS_MAX = 8,
	DUEL_QUEUE_MAX = 2 * 1024 * 1024,
};

struct duel_config {
	const char *const *rules; /* of the sink, NULL ends them */
	bool ahead, prefer_bdat, has_8bit;
	size_t piece;             /* of what the client gets at a time */
};

struct duel_rcpt {
	bool decided, delivered;
	uint32_t whole_sent;      /* attempts in which the whole message was sent */
	struct smtp_rcpt_result last;
};

struct duel_mail {
	struct envelope envelope;
	struct envelope_rcpt rcpts[DUEL_RCPTS];
	char addresses[DUEL_RCPTS][32];
	struct body body;
	uint8_t data[DUEL_BODY_MAX];
	uint32_t dots[DUEL_BODY_MAX / 2];
	struct smtp_transaction transaction;
	struct smtp_rcpt_result results[DUEL_RCPTS];
	char texts[400];
	struct duel_rcpt state[DUEL_RCPTS];
	bool busy;
};

struct duel {
	struct duel_config config;
	struct sink_rules rules;
	struct sink_site site;
	struct sink_book book;
	struct sink_session sink;
	struct buf sink_out;
	struct smtp_session_config client_config;
	struct smtp_session client;
	struct duel_mail mails[DUEL_MAILS];
	struct buf to_client, to_sink;
	bool sink_closed;
	uint32_t connections;
	enum smtp_end ends[DUEL_CONNECTIONS_MAX];
	bool plain_only;          /* TLS has failed: the next connection does without */

	/* Kept from one duel to the next: only what stands before is cleared. */
	struct load_text text, text_8bit;
	uint8_t sink_memory[SINK_OUT_ROOM], to_client_memory[DUEL_QUEUE_MAX];
	uint8_t to_sink_memory[64 * 1024];
};

/* Sets it up (zeroed before the first duel) and runs it to the end. Much memory: not on the stack. */
void duel_run(struct duel *duel, const struct duel_config *config);
void duel_deinit(struct duel *duel);
/* After the last one. */
void duel_forget(struct duel *duel);

uint64_t duel_odd(const struct duel *duel, enum sink_oddity oddity);
/* Recipients by how they ended. */
uint32_t duel_delivered(const struct duel *duel);
/* Answered records of the sink for one recipient. */
uint32_t duel_copies(const struct duel *duel, unsigned mail, unsigned rcpt);

#endif
