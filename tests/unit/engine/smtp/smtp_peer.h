/* A server in memory for tests and fuzzing: strict in what it takes, moody in what it answers.
 *
 * It reads what the session says, octet by octet, and fails a CHECK when a rule of the protocol
 * is broken: a command out of order or not alone where it must be, MAIL on top of an open
 * transaction, octets of a message without 354, a bare CR or LF, a body that is not the one of
 * its sender. Its answers come from a stream of random numbers, so that a seed repeats a run. It
 * always answers exactly once and in order; what a dishonest server does is for the tests with
 * scripts and for the fuzzer. */
#ifndef TESTS_SMTP_PEER_H
#define TESTS_SMTP_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/text.h"

enum {
	PEER_MESSAGES_MAX = 8,
	PEER_RCPTS_MAX = 8,
	PEER_LINE_MAX = 2048,
	PEER_BODY_MAX = 16384,
	PEER_OUT_MAX = 65536,
};

enum peer_mode { PEER_COMMAND, PEER_DATA, PEER_CHUNK };

struct smtp_peer {
	uint64_t random;
	unsigned trouble;                      /* of 256 answers, how many are not the nice one */
	unsigned caps;                         /* set of enum smtp_cap */
	struct text bodies[PEER_MESSAGES_MAX]; /* of the message whose sender is sN@... */
	bool may_fly[PEER_MESSAGES_MAX];       /* its octets may come before its RCPT is answered */

	enum peer_mode mode;
	bool is_busy;      /* a command that must be the last of its group has no reply yet */
	bool is_closed;    /* hangs up once `out` has been read */
	bool in_mail;      /* a transaction is open */
	bool chunk_failed; /* RFC 3030: until RSET */
	bool chunk_is_last;
	bool flies;        /* this chunk came so */
	unsigned message;     /* of the open transaction */
	unsigned rcpts_count; /* accepted in it */
	unsigned rcpts[PEER_RCPTS_MAX];
	uint8_t previous; /* octet of the line or body before this one */
	char line[PEER_LINE_MAX];
	size_t line_len;
	uint8_t body[PEER_BODY_MAX];
	size_t body_len, chunk_left;
	char out[PEER_OUT_MAX]; /* replies that the session has not read */
	size_t out_len;

	/* How often recipient rcptR of message N was taken responsibility for. */
	unsigned accepted[PEER_MESSAGES_MAX][PEER_RCPTS_MAX];
};

void smtp_peer_init(struct smtp_peer *peer, uint64_t seed, unsigned caps, unsigned trouble);
uint32_t smtp_peer_random(struct smtp_peer *peer, uint32_t below);
/* What the session has sent. */
void smtp_peer_take(struct smtp_peer *peer, const uint8_t *data, size_t len);
/* What it answers, at most `max`. */
size_t smtp_peer_give(struct smtp_peer *peer, uint8_t *out, size_t max);

#endif
