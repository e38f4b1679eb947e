#include "tests/unit/bench/duel.h"
#include <stdio.h>
#include <string.h>
#include "bench/load_message.h"

enum {
	/* Exchanges of one connection: three messages take under a hundred, octet by octet some
	 * thousands; an endless reply is stopped by the client before. */
	EXCHANGES_MAX = 100000,
	RUN = 77,
};

/* ---- set-up ---- */

static void find_dots(struct duel_mail *mail)
{
	for (uint32_t at = 0; at < mail->body.data_bytes; at++)
		if (mail->data[at] == '.' && (at == 0 || mail->data[at - 1] == '\n'))
			mail->dots[mail->body.dots_count++] = at;
}

static void make_mail(struct duel_mail *mail, unsigned id, const struct load_text *text, bool has_8bit)
{
	struct random_state random;
	struct buf out;
	uint64_t body_bytes;
	memset(mail, 0, sizeof *mail);
	mail->envelope.sender.text = TEXT("s@y.lab");
	mail->envelope.sender.domain_at = 2;
	mail->envelope.rcpts = mail->rcpts;
	mail->envelope.rcpts_count = DUEL_RCPTS;
	for (unsigned i = 0; i < DUEL_RCPTS; i++) {
		int len = snprintf(mail->addresses[i], sizeof mail->addresses[i], "r%u.%u@d%u.lab", id,
			i, i);
		mail->rcpts[i].address.text = text_of_bytes(mail->addresses[i], (size_t)len);
		mail->rcpts[i].address.domain_at =
			(uint16_t)(text_find(mail->rcpts[i].address.text, '@') + 1);
	}
	const struct load_message message = { .run = RUN, .id = id, .bytes = 1500 + id * 700,
		.sender = mail->envelope.sender.text, .first_rcpt = mail->rcpts[0].address.text,
		.eight_bit = has_8bit };
	random_init_seed(&random, id);
	buf_init(&out, mail->data, sizeof mail->data);
	load_message_put(&message, text, &random, &out, &body_bytes);
	CHECK(!out.overflow);
	mail->body = (struct body){ .magic = BODY_MAGIC, .data = mail->data, .data_bytes = out.len,
		.header_bytes = out.len - body_bytes - 2, .dot_at = mail->dots, .has_8bit = has_8bit };
	find_dots(mail);
}

static void init(struct duel *duel, const struct duel_config *config)
{
	struct ip_address address = { .family = IP_FAMILY_4, .bytes = { 127, 0, 0, 1 } };
	struct fail fail;
	memset(duel, 0, offsetof(struct duel, text));
	duel->config = *config;
	const struct sink_site_config site = { .name = "sink.lab", .has_tls = true,
		.size_max = 100000, .rcpts_max = 100 };
	sink_rules_init(&duel->rules);
	for (size_t i = 0; config->rules[i] != NULL; i++)
		CHECK(sink_rules_add(&duel->rules, config->rules[i], &fail) == RESULT_OK);
	CHECK(sink_site_init(&duel->site, &address, 25, &site, &duel->rules, &fail) == RESULT_OK);
	sink_book_init(&duel->book);
	buf_init(&duel->sink_out, duel->sink_memory, sizeof duel->sink_memory);
	buf_init(&duel->to_client, duel->to_client_memory, sizeof duel->to_client_memory);
	buf_init(&duel->to_sink, duel->to_sink_memory, sizeof duel->to_sink_memory);
	smtp_session_config_init(&duel->client_config, TEXT("me.lab"));
	duel->client_config.ahead = config->ahead;
	duel->client_config.prefer_bdat = config->prefer_bdat;
	if (duel->text.stock == NULL) {
		CHECK(load_text_init(&duel->text, 3, false, &fail) == RESULT_OK);
		CHECK(load_text_init(&duel->text_8bit, 3, true, &fail) == RESULT_OK);
	}
	for (unsigned i = 0; i < DUEL_MAILS; i++)
		make_mail(&duel->mails[i], i, config->has_8bit ? &duel->text_8bit : &duel->text,
			config->has_8bit);
}

void duel_deinit(struct duel *duel) { sink_book_deinit(&duel->book); }

void duel_forget(struct duel *duel)
{
	load_text_deinit(&duel->text);
	load_text_deinit(&duel->text_8bit);
}

/* ---- what must hold ---- */

uint64_t duel_odd(const struct duel *duel, enum sink_oddity oddity)
{
	return sink_counted(&duel->book.oddities[oddity]);
}

uint32_t duel_copies(const struct duel *duel, unsigned mail, unsigned rcpt)
{
	uint64_t key = mail_token_delivery_key(RUN, mail, duel->mails[mail].rcpts[rcpt].address.text);
	uint32_t copies = 0;
	for (size_t i = 0; i < sink_ledger_count(&duel->book.ledger); i++) {
		const struct sink_record *record = sink_ledger_at(&duel->book.ledger, i);
		CHECK(!record->damaged);
		copies += record->key == key && record->answered;
	}
	return copies;
}

uint32_t duel_delivered(const struct duel *duel)
{
	uint32_t delivered = 0;
	for (unsigned i = 0; i < DUEL_MAILS; i++)
		for (unsigned k = 0; k < DUEL_RCPTS; k++)
			delivered += duel->mails[i].state[k].delivered;
	return delivered;
}

static void settle(struct duel *duel, struct smtp_transaction *transaction)
{
	struct duel_mail *mail = transaction->owner;
	unsigned id = (unsigned)(mail - duel->mails);
	CHECK(mail->busy);
	mail->busy = false;
	for (uint32_t i = 0; i < transaction->rcpts_count; i++) {
		const struct smtp_rcpt_result *result = &transaction->rcpts[i];
		struct duel_rcpt *state = &mail->state[result->rcpt];
		CHECK(!state->decided);
		CHECK(result->verdict != SMTP_VERDICT_NONE);
		state->last = *result;
		state->whole_sent += transaction->body_sent && result->accepted;
		state->delivered = result->verdict == SMTP_VERDICT_DELIVERED;
		state->decided = state->delivered || result->verdict == SMTP_VERDICT_PERMANENT;
		if (state->delivered)
			CHECK(duel_copies(duel, id, result->rcpt) > 0);
		CHECK(duel_copies(duel, id, result->rcpt) <= state->whole_sent);
	}
}

/* ---- the client's turn ---- */

static bool begin_one(struct duel *duel)
{
	for (unsigned i = 0; i < DUEL_MAILS; i++) {
		struct duel_mail *mail = &duel->mails[i];
		uint32_t open = 0;
		for (uint32_t k = 0; k < DUEL_RCPTS && !mail->busy; k++)
			if (!mail->state[k].decided)
				mail->results[open++] = (struct smtp_rcpt_result){ .rcpt = k };
		if (open == 0)
			continue;
		mail->transaction = (struct smtp_transaction){ .envelope = &mail->envelope,
			.body = &mail->body, .rcpts = mail->results, .rcpts_count = open,
			.texts = mail->texts, .texts_size = sizeof mail->texts,
			.eightbit_as_is = true, .owner = mail };
		mail->busy = true;
		smtp_session_begin(&duel->client, &mail->transaction);
		return true;
	}
	return false;
}

static void take_done(struct duel *duel)
{
	struct smtp_transaction *done;
	while ((done = smtp_session_take_done(&duel->client)) != NULL)
		settle(duel, done);
}

/* A message that failed waits for the next connection: only those that were not tried here. */
static void client_works(struct duel *duel, uint32_t *begun)
{
	uint8_t out[1024];
	size_t len;
	take_done(duel);
	while (*begun < 2 * DUEL_MAILS && smtp_session_can_begin(&duel->client) && begin_one(duel))
		(*begun)++;
	if (smtp_session_want(&duel->client) == SMTP_WANT_MAIL)
		smtp_session_quit(&duel->client);
	while ((len = smtp_session_output(&duel->client, out, sizeof out)) > 0)
		buf_put(&duel->to_sink, out, len);
	CHECK(!duel->to_sink.overflow);
}

static void client_reads(struct duel *duel)
{
	size_t n = duel->to_client.len < duel->config.piece ? duel->to_client.len : duel->config.piece;
	uint8_t piece[4096];
	struct fail fail;
	n = n < sizeof piece ? n : sizeof piece;
	memcpy(piece, duel->to_client.data, n);
	buf_discard(&duel->to_client, n);
	if (smtp_session_input(&duel->client, piece, n, &fail) != RESULT_OK)
		CHECK(smtp_session_want(&duel->client) == SMTP_WANT_CLOSE);
}

/* ---- the sink's turn ---- */

static void keep_output(struct duel *duel)
{
	buf_put(&duel->to_client, duel->sink_out.data, duel->sink_out.len);
	CHECK(!duel->to_client.overflow);
	buf_reset(&duel->sink_out);
}

static void sink_works(struct duel *duel)
{
	bool waits = duel->sink.want == SINK_WANT_WAIT || duel->sink.want == SINK_WANT_DRIP;
	/* What is endless comes as long as the client reads. */
	if (waits && duel->to_client.len == 0)
		sink_session_resume(&duel->sink, 1, &duel->sink_out);
	size_t taken = sink_session_input(&duel->sink, (const char *)duel->to_sink.data,
		duel->to_sink.len, 1, &duel->sink_out);
	buf_discard(&duel->to_sink, taken);
	keep_output(duel);
	switch ((enum sink_want)duel->sink.want) {
	case SINK_WANT_CLOSE:
	case SINK_WANT_HALF_CLOSE:
		duel->sink_closed = true;
		break;
	case SINK_WANT_RESET:
		duel->sink_closed = true;
		buf_reset(&duel->to_client);
		break;
	case SINK_WANT_INPUT:
	case SINK_WANT_TLS:
	case SINK_WANT_WAIT:
	case SINK_WANT_DRIP:
	case SINK_WANT_DEAF:
		break;
	}
}

/* The client has read 220 and nothing may be left behind it (STLS-04). */
static void handshake(struct duel *duel)
{
	bool waits = duel->sink.want == SINK_WANT_WAIT;
	if (waits) {
		sink_session_resume(&duel->sink, 1, &duel->sink_out);
		keep_output(duel);
	}
	if (duel->to_client.len > 0) {
		smtp_session_lost(&duel->client, SMTP_END_INJECTION);
		return;
	}
	bool fails = duel->sink.tls_bug != SINK_DEED_NONE && duel->sink.tls_bug != SINK_BUG_TLS_DROP;
	if (duel->sink.want != SINK_WANT_TLS || fails) {
		duel->plain_only = true;
		smtp_session_lost(&duel->client, SMTP_END_TLS_FAILED);
		return;
	}
	smtp_session_tls_started(&duel->client);
	sink_session_tls_up(&duel->sink, 1, &duel->sink_out);
	keep_output(duel);
}

/* ---- one connection, all connections ---- */

static bool is_stuck(const struct duel *duel)
{
	bool waits = duel->sink.want == SINK_WANT_WAIT || duel->sink.want == SINK_WANT_DRIP;
	bool reads = duel->sink.want == SINK_WANT_INPUT && duel->to_sink.len > 0;
	return duel->to_client.len == 0 && !waits && !reads;
}

static void exchange(struct duel *duel, uint32_t *begun)
{
	if (duel->to_client.len > 0)
		client_reads(duel);
	client_works(duel, begun);
	if (smtp_session_want(&duel->client) == SMTP_WANT_STARTTLS) {
		handshake(duel);
		client_works(duel, begun);
	}
	if (!duel->sink_closed)
		sink_works(duel);
	if (smtp_session_want(&duel->client) == SMTP_WANT_READ && is_stuck(duel))
		smtp_session_lost(
			&duel->client, duel->sink_closed ? SMTP_END_LOST : SMTP_END_TIMEOUT);
}

static void connect_once(struct duel *duel)
{
	uint32_t begun = 0;
	const struct sink_session_config config = { .site = &duel->site, .book = &duel->book,
		.serial = duel->connections + 1, .dice = 7 };
	duel->sink_closed = false;
	buf_reset(&duel->to_client);
	buf_reset(&duel->to_sink);
	duel->client_config.starttls = duel->plain_only ? SMTP_STARTTLS_NEVER : SMTP_STARTTLS_IF_OFFERED;
	smtp_session_init(&duel->client, &duel->client_config);
	sink_session_open(&duel->sink, &config, 1, &duel->sink_out);
	keep_output(duel);
	duel->sink_closed = duel->sink.want == SINK_WANT_CLOSE || duel->sink.want == SINK_WANT_RESET;
	for (unsigned i = 0; smtp_session_want(&duel->client) != SMTP_WANT_CLOSE; i++) {
		CHECK(i < EXCHANGES_MAX);
		exchange(duel, &begun);
	}
	take_done(duel);
	duel->client_config.avoid |= smtp_session_learned(&duel->client);
	duel->ends[duel->connections++] = (enum smtp_end)duel->client.end;
	if (!duel->sink_closed)
		sink_session_gone(&duel->sink, true);
	smtp_session_deinit(&duel->client);
}

static bool all_decided(const struct duel *duel)
{
	bool all = true;
	for (unsigned i = 0; i < DUEL_MAILS; i++)
		for (unsigned k = 0; k < DUEL_RCPTS; k++)
			all = all && duel->mails[i].state[k].decided;
	return all;
}

void duel_run(struct duel *duel, const struct duel_config *config)
{
	init(duel, config);
	while (!all_decided(duel) && duel->connections < DUEL_CONNECTIONS_MAX)
		connect_once(duel);
}
