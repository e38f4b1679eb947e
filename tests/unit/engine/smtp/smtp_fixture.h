/* What the tests of the session share: a message in memory, and a session whose peer is a script.
 *
 * fixture_turn() is one turn of the conversation: the peer says something, then the owner does what
 * smtp_session.h asks of it (take what is done, begin what waits, drain the output), and what the
 * session said must be equal to what is expected. The peer's bytes are cut into pieces of in_piece,
 * the output is drained in pieces of out_piece; no outcome may depend on either. */
#ifndef TESTS_SMTP_FIXTURE_H
#define TESTS_SMTP_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "engine/smtp/smtp_session.h"

enum {
	FIXTURE_RCPTS_MAX = 128,
	FIXTURE_MAILS_MAX = 8,
	FIXTURE_PIECE_MAX = 65536,
};

struct fixture_mail {
	struct envelope envelope;
	struct envelope_rcpt rcpts[FIXTURE_RCPTS_MAX];
	struct body body;
	struct smtp_transaction transaction;
	struct smtp_rcpt_result results[FIXTURE_RCPTS_MAX];
	char texts[1024];
	bool is_done;
};

struct fixture {
	struct smtp_session_config config;
	struct smtp_session session;
	size_t in_piece, out_piece;
	struct fixture_mail *mails[FIXTURE_MAILS_MAX]; /* begun in this order, as soon as may be */
	size_t mails_count, mails_begun;
	enum result result; /* of the newest input */
	struct fail fail;
	char *out; /* what the session has said in this turn, terminated */
	size_t out_len, out_size;
};

/* A message from "s@y.example" (or another) to recipients that are separated by spaces. The
 * content is copied into memory of its exact size, so that ASan sees every octet too far. */
void fixture_mail_init(struct fixture_mail *mail, const char *sender, const char *rcpts,
	const void *content, size_t content_bytes);
void fixture_mail_simple(struct fixture_mail *mail); /* to a@x.example, "Hi\r\n" */
void fixture_mail_deinit(struct fixture_mail *mail);
/* The result of one recipient as "delivered RCPT 250"; lives until the next call. */
const char *fixture_outcome(const struct fixture_mail *mail, uint32_t at);

/* A session that waits for the greeting, in and out in one piece; the config may be changed
 * before. */
void fixture_init(struct fixture *f);
void fixture_start(struct fixture *f);
void fixture_deinit(struct fixture *f);
void fixture_add(struct fixture *f, struct fixture_mail *mail);

/* Only the input; f->result tells. */
void fixture_say(struct fixture *f, const void *bytes, size_t len);
/* Only the owner's part; appends to f->out. */
void fixture_work(struct fixture *f);
void fixture_turn(struct fixture *f, const char *peer_says, const char *expected);
/* Greeting and EHLO with these keywords, separated by spaces ("" for none), STARTTLS never. The
 * first mail, if there is one, is then under way; its commands are in f->out. */
void fixture_greet(struct fixture *f, const char *keywords);
/* As deinit, after the connection is closed by the test in whatever state. */
void fixture_close(struct fixture *f);

#define assert_outcome(mail, at, expected)                                                         \
	assert_string_equal(fixture_outcome((mail), (at)), (expected))

#endif
