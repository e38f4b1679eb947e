#include "bench/sink_body.h"
#include <string.h>
#include "engine/base/check.h"

/* Where in a line the next octet stands. Dots matter in DATA only; a doubled dot is dropped when the
 * octet behind it is seen, a lone one with its CR is held back until the LF decides.
 *
 *   LINE_START ──'.'──▶ DOT ──CR──▶ DOT_CR ──LF──▶ the end
 *       │ ▲              └─other─▶ IN_LINE ◀─other─┘
 *       ▼ └──CRLF──┐
 *     IN_LINE ─────┘                                                        (RFC 5321 4.5.2) */
enum body_place { LINE_START, DOT, DOT_CR, IN_LINE };

typedef uint8_t octets_16 __attribute__((vector_size(16)));

void sink_body_init(struct sink_body *body, bool dotted, bool tolerant, sink_body_fn *store,
	void *store_context)
{
	memset(body, 0, offsetof(struct sink_body, digest));
	body->place = LINE_START;
	body->dotted = dotted;
	body->tolerant = tolerant;
	body->in_header = true;
	body->last = '\n';
	body->store = store;
	body->store_context = store_context;
}

static void odd(struct sink_body *body, enum sink_oddity oddity)
{
	body->oddities |= UINT64_C(1) << oddity;
}

/* ---- all octets: how many CR, is there a NUL or an octet over 127 ---- */

struct census {
	uint64_t crs;
	uint8_t ored; /* all octets or-ed */
	bool has_nul;
};

static void census_add(struct census *census, const uint8_t *at, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		census->crs += at[i] == '\r';
		census->has_nul |= at[i] == 0;
		census->ored |= at[i];
	}
}

/* At most 255 blocks, so that no lane of the counts runs over. */
static void census_add_blocks(struct census *census, const uint8_t *at, size_t blocks)
{
	octets_16 crs = { 0 }, nuls = { 0 }, ored = { 0 };
	for (size_t i = 0; i < blocks; i++) {
		octets_16 block;
		memcpy(&block, at + i * sizeof block, sizeof block);
		crs -= (octets_16)(block == '\r');
		nuls |= (octets_16)(block == 0);
		ored |= block;
	}
	for (size_t i = 0; i < sizeof crs; i++) {
		census->crs += crs[i];
		census->has_nul |= nuls[i] != 0;
		census->ored |= ored[i];
	}
}

static struct census census_of(const char *data, size_t len)
{
	struct census census = { 0 };
	const uint8_t *at = (const uint8_t *)data;
	while (len >= sizeof(octets_16)) {
		size_t blocks = len / sizeof(octets_16);
		blocks = blocks < 255 ? blocks : 255;
		census_add_blocks(&census, at, blocks);
		at += blocks * sizeof(octets_16);
		len -= blocks * sizeof(octets_16);
	}
	census_add(&census, at, len);
	return census;
}

/* ---- header ---- */

static bool is_leaked_field(struct text line)
{
	switch (text_lower((uint8_t)line.data[0])) {
	case 'x':
		return text_starts_nocase(line, TEXT("X-Sender:")) ||
			text_starts_nocase(line, TEXT("X-Receiver:")) ||
			text_starts_nocase(line, TEXT("X-Longship-"));
	case 'b':
		return text_starts_nocase(line, TEXT("Bcc:"));
	case 'r':
		return text_starts_nocase(line, TEXT("Resent-Bcc:")) ||
			text_starts_nocase(line, TEXT("Return-Path:"));
	default:
		return false;
	}
}

static void header_line(struct sink_body *body)
{
	struct text line = text_trim(text_of_bytes(body->header, body->header_len));
	body->header_len = 0;
	if (text_is_empty(line)) {
		body->in_header = false;
		return;
	}
	if (is_leaked_field(line))
		odd(body, SINK_ODDITY_LEAKED_HEADER);
	struct text name = TEXT(MAIL_TOKEN_FIELD ":");
	if (!body->token_found && text_starts_nocase(line, name))
		body->token_found = mail_token_parse(text_skip(line, name.len), &body->token);
}

/* Eats header lines off the front; returns how much of `data` belonged to the header. */
static size_t header_take(struct sink_body *body, const char *data, size_t len)
{
	size_t at = 0;
	while (at < len && body->in_header) {
		const char *lf = memchr(data + at, '\n', len - at);
		size_t end = lf != NULL ? (size_t)(lf - data) + 1 : len;
		size_t room = sizeof body->header - body->header_len, n = end - at;
		n = n < room ? n : room;
		memcpy(body->header + body->header_len, data + at, n);
		body->header_len = (uint8_t)(body->header_len + n);
		at = end;
		if (lf != NULL)
			header_line(body);
	}
	if (!body->in_header && body->token_found)
		body_digest_init(&body->digest);
	return at;
}

/* ---- content: what the message is made of ---- */

static void content(struct sink_body *body, const char *data, size_t len)
{
	if (len == 0)
		return;
	struct census census = census_of(data, len);
	body->crs += census.crs;
	body->octets += len;
	if (census.has_nul)
		odd(body, SINK_ODDITY_NUL);
	body->has_8bit |= census.ored > 127;
	if (body->store != NULL)
		body->store(body->store_context, data, len);
	size_t header = body->in_header ? header_take(body, data, len) : 0;
	if (census.ored > 127 && header > 0)
		body->header_has_8bit |= census_of(data, header).ored > 127;
	body->body_octets += len - header;
	if (body->token_found && len > header)
		body_digest_add(&body->digest, data + header, len - header);
}

/* ---- lines ---- */

/* From `at`, inside a line, to behind its LF, or to the end of what is there. */
static size_t to_line_end(struct sink_body *body, const char *data, size_t at, size_t len)
{
	const char *lf = memchr(data + at, '\n', len - at);
	size_t end = lf != NULL ? (size_t)(lf - data) : len;
	char before = end > at ? data[end - 1] : body->last;
	body->line_octets += end - at;
	if (lf == NULL) {
		body->last = before;
		return len;
	}
	body->last = '\n';
	if (before == '\r') {
		body->crlfs++;
		if (body->line_octets > SINK_LINE_MAX + 1)
			odd(body, SINK_ODDITY_LONG_LINE);
		body->place = LINE_START;
		body->line_octets = 0;
	} else {
		odd(body, SINK_ODDITY_BARE_LF);
		body->line_octets++;
	}
	return end + 1;
}

/* The common case in one loop: whole lines that are as they should be. From the start of a line to the
 * start of the first that is not, is cut, or begins with a dot. */
static size_t skip_good_lines(struct sink_body *body, const char *data, size_t at, size_t len)
{
	size_t first = at;
	uint64_t crlfs = 0;
	do {
		const char *start = data + at, *lf = memchr(start, '\n', len - at);
		if (lf == NULL || lf == start || lf[-1] != '\r' || lf - start > SINK_LINE_MAX + 1)
			break;
		crlfs++;
		at = (size_t)(lf - data) + 1;
	} while (at < len && (data[at] != '.' || !body->dotted));
	body->crlfs += crlfs;
	if (at > first)
		body->last = '\n';
	return at;
}

static size_t input_strict(struct sink_body *body, const char *data, size_t len)
{
	size_t at = 0, from = 0; /* data[from..at) is content that was not handed on yet */
	while (at < len) {
		switch ((enum body_place)body->place) {
		case LINE_START:
			if (body->dotted && data[at] == '.') {
				content(body, data + from, at - from);
				body->place = DOT;
				body->last = '.';
				from = ++at;
				break;
			}
			at = skip_good_lines(body, data, at, len);
			if (at < len && (data[at] != '.' || !body->dotted))
				body->place = IN_LINE;
			break;
		case DOT:
			if (data[at] == '\r') {
				body->place = DOT_CR;
				from = ++at;
				break;
			}
			if (data[at] != '.')
				odd(body, SINK_ODDITY_DOT_UNSTUFFED);
			body->place = IN_LINE;
			break;
		case DOT_CR:
			if (data[at] == '\n') {
				body->ended = true;
				return at + 1;
			}
			odd(body, SINK_ODDITY_DOT_UNSTUFFED);
			content(body, "\r", 1);
			body->line_octets++;
			body->last = '\r';
			body->place = IN_LINE;
			break;
		case IN_LINE:
			at = to_line_end(body, data, at, len);
			break;
		}
	}
	content(body, data + from, len - from);
	return len;
}

/* The victim of smuggling (DATA-05): CR, LF and CRLF all end a line, and a line of one dot ends the
 * message. Octet by octet, since it serves tests only. Content is handed on as it comes, so that
 * a held back CR is the only thing to remember. */
static size_t input_tolerant(struct sink_body *body, const char *data, size_t len)
{
	for (size_t at = 0; at < len; at++) {
		char octet = data[at];
		bool ends = octet == '\r' || octet == '\n';
		if (body->place == LINE_START && octet == '.') {
			body->place = DOT;
		} else if (body->place == DOT && ends) {
			/* Behind .CR comes the LF that belongs to it, or the next command. */
			body->place = DOT_CR;
			if (octet == '\n') {
				body->ended = true;
				return at + 1;
			}
		} else if (body->place == DOT_CR) {
			body->ended = true;
			return octet == '\n' ? at + 1 : at;
		} else {
			if (body->place == DOT && octet != '.')
				odd(body, SINK_ODDITY_DOT_UNSTUFFED);
			content(body, &octet, 1);
			if (octet == '\n' && body->last != '\r')
				odd(body, SINK_ODDITY_BARE_LF);
			body->crlfs += octet == '\n' && body->last == '\r';
			body->place = ends ? LINE_START : IN_LINE;
		}
		body->last = octet;
	}
	return len;
}

size_t sink_body_input(struct sink_body *body, const char *data, size_t len)
{
	CHECK(!body->ended);
	size_t taken = body->tolerant && body->dotted ? input_tolerant(body, data, len) :
							input_strict(body, data, len);
	body->wire_octets += taken;
	return taken;
}

void sink_body_finish(struct sink_body *body)
{
	if (body->crs != body->crlfs)
		odd(body, SINK_ODDITY_BARE_CR);
	if (body->octets > 0 && body->place == IN_LINE)
		odd(body, SINK_ODDITY_NO_FINAL_CRLF);
	/* A message of a header only, whose last line is not the empty one. */
	if (body->in_header && body->header_len > 0)
		header_line(body);
	if (body->in_header && body->token_found)
		body_digest_init(&body->digest);
}

bool sink_body_is_intact(const struct sink_body *body)
{
	CHECK(body->token_found);
	return body->token.size == body->body_octets &&
		body->token.digest == body_digest_finish(&body->digest);
}
