/* Target: the whole session: smtp_session_input, smtp_session_output, smtp_session_begin and all that
 * they call.
 *
 * Input: three bytes (settings, size of the peer's pieces, size of the output's), then what the peer
 * says. Whatever it says: every CR and LF that goes out is one of a pair, each recipient of a
 * transaction has exactly one verdict when the session is over, and "delivered" only after the whole
 * message went out and a 2yz came. */
#include <stdlib.h>
#include <string.h>
#include "engine/base/check.h"
#include "engine/smtp/smtp_session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum {
	SETTING_STARTTLS = 3, /* two bits: enum smtp_starttls */
	SETTING_AHEAD = 4,
	SETTING_BDAT = 8,
	SETTING_FEW_RCPTS = 16,
	SETTING_FEW_MAILS = 32,
	SETTING_QUIT_EARLY = 64,
	SETTING_AS_IS = 128,
	MAILS = 4,
	RCPTS_MAX = 4,
};

struct mail {
	struct envelope envelope;
	struct body body;
	struct smtp_transaction transaction;
	struct smtp_rcpt_result results[RCPTS_MAX];
	char texts[200];
	bool is_done;
};

#define ADDRESS(text_, at)                                                                         \
	{                                                                                          \
		.text = TEXT_INIT(text_), .domain_at = at                                          \
	}
static const struct envelope_rcpt rcpts[RCPTS_MAX] = {
	{ .address = ADDRESS("a@x.example", 2),
		.notify = { .failure = true },
		.orcpt = TEXT_INIT("rfc822;a@z") },
	{ .address = ADDRESS("\"b b\"@x.example", 6) },
	{ .address = ADDRESS("c@z.example", 2) },
	{ .address = { .text = TEXT_INIT("\xc3\xa4@x.example"),
		  .domain_at = 3,
		  .needs_smtputf8 = true } },
};
static uint8_t plain[] = "Hi\r\n", dotted[] = ".\r\na\r\n..\r\n", eightbit[] = "\xc3\xa4\r\n";
static uint32_t dots[] = { 0, 6 };

static void make_mail(struct mail *mail, unsigned i, bool as_is)
{
	memset(mail, 0, sizeof *mail);
	mail->envelope.sender = (struct envelope_address)ADDRESS("s@y.example", 2);
	mail->envelope.rcpts = rcpts;
	mail->envelope.rcpts_count = RCPTS_MAX;
	mail->body.magic = BODY_MAGIC;
	switch (i % MAILS) {
	case 0:
		mail->body.data = plain;
		mail->body.data_bytes = sizeof plain - 1;
		break;
	case 1:
		mail->body.data = dotted;
		mail->body.data_bytes = sizeof dotted - 1;
		mail->body.dot_at = dots;
		mail->body.dots_count = 2;
		mail->envelope.envid = TEXT("e1");
		mail->envelope.requiretls = true;
		break;
	case 2:
		mail->body.data = eightbit;
		mail->body.data_bytes = sizeof eightbit - 1;
		mail->body.has_8bit = true;
		mail->body.has_utf8_headers = true;
		break;
	default: mail->envelope.sender = (struct envelope_address){ .text = TEXT_EMPTY }; break;
	}
	mail->transaction = (struct smtp_transaction){
		.envelope = &mail->envelope,
		.body = &mail->body,
		.rcpts = mail->results,
		.rcpts_count = 1 + i % RCPTS_MAX,
		.texts = mail->texts,
		.texts_size = sizeof mail->texts,
		.eightbit_as_is = as_is,
		.requiretls_proven = as_is,
		.owner = mail,
	};
	for (uint32_t k = 0; k < RCPTS_MAX; k++)
		mail->results[k].rcpt = (k + i) % RCPTS_MAX;
}

static void check_done(const struct smtp_transaction *transaction)
{
	uint32_t delivered = 0;
	for (uint32_t k = 0; k < transaction->rcpts_count; k++) {
		const struct smtp_rcpt_result *rcpt = &transaction->rcpts[k];
		CHECK(rcpt->verdict != SMTP_VERDICT_NONE && rcpt->cause != SMTP_CAUSE_NONE);
		CHECK(rcpt->text_at + rcpt->text_len <= transaction->texts_len);
		CHECK(!rcpt->accepted || rcpt->sent);
		if (rcpt->verdict != SMTP_VERDICT_DELIVERED)
			continue;
		delivered++;
		CHECK(rcpt->accepted && transaction->body_sent && !transaction->in_doubt);
		CHECK(rcpt->code / 100 == 2);
	}
	CHECK(delivered == transaction->delivered_count);
	CHECK(!transaction->in_doubt || transaction->body_sent);
}

struct world {
	struct smtp_session session;
	struct mail mails[MAILS];
	unsigned begun_count, done_count;
	uint8_t last_out;
	size_t out_piece;
};

static void check_output(struct world *w, const uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		CHECK((out[i] == '\n') == (w->last_out == '\r'));
		w->last_out = out[i];
	}
}

static void work(struct world *w)
{
	struct smtp_transaction *done;
	while ((done = smtp_session_take_done(&w->session)) != NULL) {
		struct mail *mail = done->owner;
		CHECK(!mail->is_done);
		mail->is_done = true;
		w->done_count++;
		check_done(done);
	}
	while (w->begun_count < MAILS && smtp_session_can_begin(&w->session))
		smtp_session_begin(&w->session, &w->mails[w->begun_count++].transaction);
	uint8_t out[256];
	size_t len;
	while ((len = smtp_session_output(&w->session, out, w->out_piece)) > 0)
		check_output(w, out, len);
	if (smtp_session_want(&w->session) == SMTP_WANT_STARTTLS) {
		smtp_session_tls_started(&w->session);
		w->last_out = '\0';
	}
	CHECK(smtp_session_deadline(&w->session).wait_ms > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len < 3)
		return 0;
	uint8_t settings = data[0];
	size_t in_piece = (size_t)data[1] + 1;
	struct smtp_session_config config;
	smtp_session_config_init(&config, TEXT("me.example"));
	config.starttls = (enum smtp_starttls)((settings & SETTING_STARTTLS) % 3);
	config.ahead = (settings & SETTING_AHEAD) != 0;
	config.prefer_bdat = (settings & SETTING_BDAT) != 0;
	config.rcpts_max = (settings & SETTING_FEW_RCPTS) != 0 ? 2 : 100;
	config.mails_max = (settings & SETTING_FEW_MAILS) != 0 ? 3 : 0;
	struct world w = { .out_piece = (size_t)data[2] % 255 + 1 };
	for (unsigned i = 0; i < MAILS; i++)
		make_mail(&w.mails[i], i, (settings & SETTING_AS_IS) != 0);
	smtp_session_init(&w.session, &config);
	data += 3;
	len -= 3;
	while (len > 0 && smtp_session_want(&w.session) != SMTP_WANT_CLOSE) {
		size_t piece = len < in_piece ? len : in_piece;
		uint8_t *copy = malloc(piece);
		CHECK(copy != NULL);
		memcpy(copy, data, piece);
		struct fail fail;
		enum result result = smtp_session_input(&w.session, copy, piece, &fail);
		free(copy);
		CHECK(result == RESULT_OK || smtp_session_want(&w.session) == SMTP_WANT_CLOSE);
		CHECK(result == RESULT_OK || fail.text[0] != '\0');
		work(&w);
		if (w.done_count >= 2 && (settings & SETTING_QUIT_EARLY) != 0)
			smtp_session_quit(&w.session);
		data += piece;
		len -= piece;
	}
	smtp_session_lost(&w.session, SMTP_END_LOST);
	CHECK(smtp_session_want(&w.session) == SMTP_WANT_CLOSE);
	work(&w);
	CHECK(w.done_count == w.begun_count);
	smtp_session_deinit(&w.session);
	return 0;
}
