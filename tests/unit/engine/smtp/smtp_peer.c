#include "tests/unit/engine/smtp/smtp_peer.h"
#include <stdio.h>
#include <string.h>
#include "engine/base/check.h"
#include "engine/smtp/smtp_caps.h"

uint32_t smtp_peer_random(struct smtp_peer *peer, uint32_t below)
{
	peer->random = peer->random * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(peer->random >> 33) % below;
}

static void say(struct smtp_peer *peer, const char *text)
{
	size_t len = strlen(text);
	CHECK(len < PEER_OUT_MAX - peer->out_len);
	memcpy(peer->out + peer->out_len, text, len);
	peer->out_len += len;
}

static void hang_up(struct smtp_peer *peer) { peer->is_closed = true; }

/* The code is said, in one of the forms that a reply may have. */
static void say_code(struct smtp_peer *peer, unsigned code)
{
	static const struct {
		const char *before,
			*after; /* the code stands between, and in front of `before` again */
	} forms[] = { { "", "\r\n" }, { "", " ok\r\n" }, { "-one\r\n", " two\r\n" }, { "", " \n" },
		{ "", " 2.0.0 x\r\n" }, { "-\n", " 5.1.1 x\r\n" } };
	char text[64];
	size_t form = smtp_peer_random(peer, sizeof forms / sizeof *forms);
	int n = forms[form].before[0] != '\0'
			? snprintf(text, sizeof text, "%u%s%u%s", code, forms[form].before, code,
				  forms[form].after)
			: snprintf(text, sizeof text, "%u%s", code, forms[form].after);
	CHECK(n > 0 && (size_t)n < sizeof text);
	say(peer, text);
}

/* The nice answer, or trouble; returns what was said, 0 if the connection is gone. */
static unsigned answer(struct smtp_peer *peer, unsigned nice)
{
	static const unsigned codes[] = { 450, 451, 452, 455, 459, 500, 501, 502, 503, 550, 552,
		554, 555, 556, 599, 250, 251, 299, 354 };
	unsigned code = nice;
	if (smtp_peer_random(peer, 256) < peer->trouble) {
		uint32_t mood = smtp_peer_random(peer, 24);
		if (mood == 0) {
			hang_up(peer);
			return 0;
		}
		if (mood == 1) {
			say(peer, "garbage\r\n");
			hang_up(peer);
			return 0;
		}
		code = mood == 2 ? 421
				 : codes[smtp_peer_random(peer, sizeof codes / sizeof *codes)];
	}
	say_code(peer, code);
	if (code == 421)
		hang_up(peer);
	return code;
}

void smtp_peer_init(struct smtp_peer *peer, uint64_t seed, unsigned caps, unsigned trouble)
{
	memset(peer, 0, sizeof *peer);
	peer->random = seed;
	peer->caps = caps;
	say(peer, "220 peer.example\r\n");
	/* From the greeting on; the opening has tests of its own. */
	peer->trouble = trouble;
	peer->is_busy = true;
}

static void reset(struct smtp_peer *peer)
{
	peer->in_mail = false;
	peer->rcpts_count = 0;
	peer->body_len = 0;
}

static void on_ehlo(struct smtp_peer *peer)
{
	say(peer, "250-peer.example\r\n");
	for (unsigned bit = 0; bit <= 10; bit++) {
		if ((peer->caps & (1u << bit)) == 0)
			continue;
		char line[64];
		(void)snprintf(
			line, sizeof line, "250-%s\r\n", smtp_cap_name((enum smtp_cap)(1u << bit)));
		say(peer, line);
	}
	say(peer, "250 HELP\r\n");
	peer->is_busy = true;
	reset(peer);
}

/* "MAIL FROM:<s3@y> ..." */
static void on_mail(struct smtp_peer *peer, const char *line)
{
	CHECK(!peer->in_mail && !peer->chunk_failed);
	unsigned message = 0;
	CHECK(sscanf(line, "MAIL FROM:<s%u@", &message) == 1 && message < PEER_MESSAGES_MAX);
	CHECK((peer->caps & SMTP_CAP_SIZE) != 0 || strstr(line, "SIZE=") == NULL);
	reset(peer);
	peer->message = message;
	peer->in_mail = answer(peer, 250) / 100 == 2;
}

/* "RCPT TO:<r3.1@x>": of message 3 the recipient 1 */
static void on_rcpt(struct smtp_peer *peer, const char *line)
{
	unsigned message = 0, rcpt = 0;
	CHECK(sscanf(line, "RCPT TO:<r%u.%u@", &message, &rcpt) == 2 && rcpt < PEER_RCPTS_MAX);
	if (!peer->in_mail) {
		say_code(peer, 503);
		return;
	}
	CHECK(message == peer->message);
	if (answer(peer, 250) / 100 == 2) {
		CHECK(peer->rcpts_count < PEER_RCPTS_MAX);
		peer->rcpts[peer->rcpts_count++] = rcpt;
	}
}

static void on_data(struct smtp_peer *peer)
{
	peer->is_busy = true;
	unsigned code;
	if (!peer->in_mail || peer->rcpts_count == 0)
		say_code(peer, code = smtp_peer_random(peer, 4) == 0 ? 354 : 503);
	else
		code = answer(peer, 354);
	if (code == 354) {
		peer->mode = PEER_DATA;
		peer->previous = '\n';
		peer->body_len = 0;
	}
}

/* The message is whole: `nice` is what the server would like to say. */
static void on_message(struct smtp_peer *peer)
{
	bool is_real = peer->in_mail && peer->rcpts_count > 0;
	if (is_real) {
		struct text expected = peer->bodies[peer->message];
		CHECK(peer->body_len == expected.len);
		CHECK(memcmp(peer->body, expected.data, expected.len) == 0);
	} else {
		CHECK(peer->body_len == 0); /* EXT-PIPE-04: nothing leaks */
	}
	unsigned code = answer(peer, 250);
	if (is_real && code / 100 == 2)
		for (unsigned i = 0; i < peer->rcpts_count; i++)
			peer->accepted[peer->message][peer->rcpts[i]]++;
	reset(peer);
}

static void on_bdat(struct smtp_peer *peer, const char *line)
{
	CHECK((peer->caps & SMTP_CAP_CHUNKING) != 0);
	/* RFC 3030 2: not before the replies to RCPT were read, and not for nobody; but for what may fly. */
	peer->flies = peer->out_len > 0 || !peer->in_mail || peer->rcpts_count == 0;
	CHECK(!peer->flies || peer->may_fly[peer->message]);
	unsigned long size = 0;
	CHECK(sscanf(line, "BDAT %lu", &size) == 1);
	peer->chunk_is_last = strstr(line, " LAST") != NULL;
	peer->chunk_left = size;
	peer->mode = PEER_CHUNK;
}

static void end_chunk(struct smtp_peer *peer)
{
	peer->mode = PEER_COMMAND;
	CHECK(peer->chunk_is_last); /* bodies here are smaller than a chunk */
	if (peer->flies && (!peer->in_mail || peer->rcpts_count == 0)) {
		/* RFC 3030 2: the octets are read, and there is nobody to take them. */
		say_code(peer, smtp_peer_random(peer, 8) == 0 ? 250 : 503);
		reset(peer);
		peer->chunk_failed = true;
		return;
	}
	bool was_real = peer->in_mail;
	size_t before = peer->out_len;
	on_message(peer);
	/* RFC 3030 2: after a refusal RSET comes before all else. */
	if (was_real && peer->out_len > before && peer->out[before] != '2')
		peer->chunk_failed = true;
}

static void on_command(struct smtp_peer *peer)
{
	const char *line = peer->line;
	CHECK(!peer->is_busy);
	/* EXT-PIPE-01: one at a time where it was not offered. */
	CHECK((peer->caps & SMTP_CAP_PIPELINING) != 0 || peer->out_len == 0);
	if (peer->is_closed)
		return;
	if (strncmp(line, "EHLO ", 5) == 0) {
		on_ehlo(peer);
	} else if (strncmp(line, "MAIL FROM:<", 11) == 0) {
		on_mail(peer, line);
	} else if (strncmp(line, "RCPT TO:<", 9) == 0) {
		on_rcpt(peer, line);
	} else if (strcmp(line, "DATA") == 0) {
		on_data(peer);
	} else if (strncmp(line, "BDAT ", 5) == 0) {
		on_bdat(peer, line);
		if (peer->chunk_left == 0)
			end_chunk(peer);
	} else if (strcmp(line, "RSET") == 0) {
		reset(peer);
		peer->chunk_failed = false;
		(void)answer(peer, 250);
	} else if (strcmp(line, "QUIT") == 0) {
		/* EXT-PIPE-06: alone, when everything has been answered. */
		CHECK(peer->out_len == 0);
		peer->is_busy = true;
		say(peer, "221 bye\r\n");
		hang_up(peer);
	} else {
		UNREACHABLE("a command that the session never sends");
	}
}

static void take_command(struct smtp_peer *peer, uint8_t c)
{
	CHECK(c != '\0' && c < 127);
	CHECK((c == '\n') == (peer->previous == '\r' && peer->line_len > 0));
	peer->previous = c;
	if (c == '\r')
		return;
	if (c != '\n') {
		CHECK(peer->line_len < PEER_LINE_MAX - 1);
		peer->line[peer->line_len++] = (char)c;
		return;
	}
	peer->line[peer->line_len] = '\0';
	peer->line_len = 0;
	peer->previous = '\0';
	on_command(peer);
}

/* RFC 5321 4.5.2, one octet at a time: the line is kept until its end. */
static void take_data(struct smtp_peer *peer, uint8_t c)
{
	CHECK((c == '\n') == (peer->line_len > 0 && peer->line[peer->line_len - 1] == '\r'));
	CHECK(peer->line_len < PEER_LINE_MAX);
	peer->line[peer->line_len++] = (char)c;
	if (c != '\n')
		return;
	size_t skip = peer->line[0] == '.';
	bool is_end = peer->line_len == 3 && skip == 1;
	if (is_end) {
		peer->mode = PEER_COMMAND;
		peer->previous = '\0';
		peer->line_len = 0;
		on_message(peer);
		return;
	}
	CHECK(peer->line_len - skip <= PEER_BODY_MAX - peer->body_len);
	memcpy(peer->body + peer->body_len, peer->line + skip, peer->line_len - skip);
	peer->body_len += peer->line_len - skip;
	peer->line_len = 0;
}

void smtp_peer_take(struct smtp_peer *peer, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len && !peer->is_closed; i++) {
		switch (peer->mode) {
		case PEER_COMMAND: take_command(peer, data[i]); break;
		case PEER_DATA:
			/* SMTP-32: not before 354 was read. */
			CHECK(!peer->is_busy);
			take_data(peer, data[i]);
			break;
		case PEER_CHUNK:
			CHECK(peer->body_len < PEER_BODY_MAX);
			peer->body[peer->body_len++] = data[i];
			if (--peer->chunk_left == 0)
				end_chunk(peer);
			break;
		}
	}
}

size_t smtp_peer_give(struct smtp_peer *peer, uint8_t *out, size_t max)
{
	size_t len = peer->out_len < max ? peer->out_len : max;
	memcpy(out, peer->out, len);
	memmove(peer->out, peer->out + len, peer->out_len - len);
	peer->out_len -= len;
	if (peer->out_len == 0)
		peer->is_busy = false;
	return len;
}
