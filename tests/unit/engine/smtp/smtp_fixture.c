#include "tests/unit/engine/smtp/smtp_fixture.h"
#include <stdio.h>

static void set_content(struct fixture_mail *mail, const void *content, size_t content_bytes)
{
	struct body *body = &mail->body;
	*body = (struct body){ .magic = BODY_MAGIC, .data_bytes = content_bytes };
	body->data = malloc(content_bytes > 0 ? content_bytes : 1);
	assert_non_null(body->data);
	if (content_bytes > 0)
		memcpy(body->data, content, content_bytes);
	for (int pass = 0; pass < 2; pass++) {
		body->dots_count = 0;
		for (size_t i = 0; i < content_bytes; i++) {
			if (body->data[i] > 127)
				body->has_8bit = true;
			if (body->data[i] != '.' || (i > 0 && body->data[i - 1] != '\n'))
				continue;
			if (pass == 1)
				body->dot_at[body->dots_count] = (uint32_t)i;
			body->dots_count++;
		}
		if (pass == 0) {
			body->dot_at = malloc((body->dots_count + 1) * sizeof *body->dot_at);
			assert_non_null(body->dot_at);
		}
	}
	mail->envelope.message_bytes = content_bytes;
}

static struct envelope_address address_of(const char *start, size_t len)
{
	struct envelope_address address = { .text = text_of_bytes(start, len) };
	size_t at = text_find_last(address.text, '@');
	address.domain_at = at == TEXT_NONE ? 0 : (uint16_t)(at + 1);
	for (size_t i = 0; i < len; i++)
		if ((uint8_t)start[i] > 127)
			address.needs_smtputf8 = true;
	return address;
}

void fixture_mail_init(struct fixture_mail *mail, const char *sender, const char *rcpts,
	const void *content, size_t content_bytes)
{
	memset(mail, 0, sizeof *mail);
	mail->envelope.sender = address_of(sender, strlen(sender));
	mail->envelope.needs_smtputf8 = mail->envelope.sender.needs_smtputf8;
	while (*rcpts != '\0') {
		size_t len = strcspn(rcpts, " ");
		assert_true(mail->envelope.rcpts_count < FIXTURE_RCPTS_MAX);
		mail->rcpts[mail->envelope.rcpts_count].address = address_of(rcpts, len);
		mail->results[mail->envelope.rcpts_count].rcpt = mail->envelope.rcpts_count;
		mail->envelope.rcpts_count++;
		rcpts += len + (rcpts[len] == ' ');
	}
	mail->envelope.rcpts = mail->rcpts;
	set_content(mail, content, content_bytes);
	mail->transaction = (struct smtp_transaction){
		.envelope = &mail->envelope,
		.body = &mail->body,
		.rcpts = mail->results,
		.rcpts_count = mail->envelope.rcpts_count,
		.texts = mail->texts,
		.texts_size = sizeof mail->texts,
		.owner = mail,
	};
}

void fixture_mail_simple(struct fixture_mail *mail)
{
	fixture_mail_init(mail, "s@y.example", "a@x.example", "Hi\r\n", 4);
}

void fixture_mail_deinit(struct fixture_mail *mail)
{
	free(mail->body.data);
	free(mail->body.dot_at);
}

const char *fixture_outcome(const struct fixture_mail *mail, uint32_t at)
{
	static char text[64];
	const struct smtp_rcpt_result *rcpt = &mail->results[at];
	(void)snprintf(text, sizeof text, "%s %s %u",
		smtp_verdict_name((enum smtp_verdict)rcpt->verdict),
		smtp_step_name((enum smtp_step)rcpt->step), rcpt->code);
	return text;
}

void fixture_init(struct fixture *f)
{
	memset(f, 0, sizeof *f);
	smtp_session_config_init(&f->config, TEXT("me.example"));
	f->in_piece = SIZE_MAX;
	f->out_piece = FIXTURE_PIECE_MAX;
	f->out_size = 4096;
	f->out = malloc(f->out_size);
	assert_non_null(f->out);
}

void fixture_start(struct fixture *f)
{
	smtp_session_init(&f->session, &f->config);
	assert_int_equal(smtp_session_want(&f->session), SMTP_WANT_READ);
}

void fixture_deinit(struct fixture *f)
{
	smtp_session_deinit(&f->session);
	free(f->out);
}

void fixture_close(struct fixture *f)
{
	smtp_session_lost(&f->session, SMTP_END_STOPPED);
	while (smtp_session_take_done(&f->session) != NULL)
		;
	fixture_deinit(f);
}

void fixture_add(struct fixture *f, struct fixture_mail *mail)
{
	assert_true(f->mails_count < FIXTURE_MAILS_MAX);
	f->mails[f->mails_count++] = mail;
}

static void append(struct fixture *f, const uint8_t *octets, size_t len)
{
	while (f->out_len + len + 1 > f->out_size) {
		f->out_size *= 2;
		f->out = realloc(f->out, f->out_size);
		assert_non_null(f->out);
	}
	memcpy(f->out + f->out_len, octets, len);
	f->out_len += len;
	f->out[f->out_len] = '\0';
}

void fixture_work(struct fixture *f)
{
	struct smtp_transaction *done;
	while ((done = smtp_session_take_done(&f->session)) != NULL) {
		struct fixture_mail *mail = done->owner;
		assert_false(mail->is_done);
		mail->is_done = true;
		for (uint32_t i = 0; i < done->rcpts_count; i++)
			assert_int_not_equal(done->rcpts[i].verdict, SMTP_VERDICT_NONE);
	}
	while (f->mails_begun < f->mails_count && smtp_session_can_begin(&f->session))
		smtp_session_begin(&f->session, &f->mails[f->mails_begun++]->transaction);
	for (;;) {
		/* Into memory of exactly that size, so that ASan sees an octet too many. */
		size_t max = f->out_piece;
		enum smtp_want want = smtp_session_want(&f->session);
		uint8_t *piece = malloc(max);
		assert_non_null(piece);
		size_t len = smtp_session_output(&f->session, piece, max);
		assert_true(len <= max);
		assert_true(len == 0 || want == SMTP_WANT_SEND);
		append(f, piece, len);
		free(piece);
		if (len == 0)
			break;
	}
	assert_int_not_equal(smtp_session_want(&f->session), SMTP_WANT_SEND);
}

void fixture_say(struct fixture *f, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;
	f->result = RESULT_OK;
	while (len > 0 && f->result == RESULT_OK) {
		size_t piece = len < f->in_piece ? len : f->in_piece;
		uint8_t *copy = malloc(piece);
		assert_non_null(copy);
		memcpy(copy, at, piece);
		f->result = smtp_session_input(&f->session, copy, piece, &f->fail);
		free(copy);
		at += piece;
		len -= piece;
		if (f->in_piece != SIZE_MAX && len > 0)
			fixture_work(f);
	}
}

void fixture_turn(struct fixture *f, const char *peer_says, const char *expected)
{
	f->out_len = 0;
	f->out[0] = '\0';
	fixture_say(f, peer_says, strlen(peer_says));
	assert_int_equal(f->result, RESULT_OK);
	fixture_work(f);
	assert_string_equal(f->out, expected);
}

void fixture_greet(struct fixture *f, const char *keywords)
{
	char ehlo[512] = "250-x.example\r\n";
	size_t len = strlen(ehlo);
	while (*keywords != '\0') {
		size_t word = strcspn(keywords, " ");
		int n = snprintf(
			ehlo + len, sizeof ehlo - len, "250-%.*s\r\n", (int)word, keywords);
		assert_true(n > 0 && (size_t)n < sizeof ehlo - len);
		len += (size_t)n;
		keywords += word + (keywords[word] == ' ');
	}
	(void)snprintf(ehlo + len, sizeof ehlo - len, "250 HELP\r\n");
	f->config.starttls = SMTP_STARTTLS_NEVER;
	fixture_turn(f, "220 x.example\r\n", "EHLO me.example\r\n");
	f->out_len = 0;
	fixture_say(f, ehlo, strlen(ehlo));
	assert_int_equal(f->result, RESULT_OK);
	fixture_work(f);
}
