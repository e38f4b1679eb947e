#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "engine/base/buf.h"
#include "engine/base/limits.h"
#include "engine/spool/message_file.h"

static struct body_budget budget;
static struct body_room room = { .budget = &budget };
static struct arena arena;
static struct message_file_context context = {
	.date = TEXT_INIT("Tue, 01 Sep 2026 12:34:56 +0000"),
	.unique = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 },
	.host = TEXT_INIT("mx.example"),
	.hash_key = { 1, 2 },
	.room = &room,
};

static int set_up(void **state)
{
	(void)state;
	body_budget_init(&budget, 1 << 30);
	arena_init(&arena, 4096, MESSAGE_FILE_SCRATCH_BYTES_MAX);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_deinit(&arena);
	return atomic_load(&budget.used_bytes) == 0 ? 0 : -1;
}

struct parsed {
	enum result result;
	struct envelope *envelope;
	struct body *body;
	struct fail fail;
};

/* The file and the scratch are gone when this returns, as for the worker: what is left must stand
 * on its own. */
static struct parsed parse(struct text file)
{
	struct parsed parsed;
	char *copy = malloc(file.len > 0 ? file.len : 1);
	assert_non_null(copy);
	if (file.len > 0)
		memcpy(copy, file.data, file.len);
	fail_clear(&parsed.fail);
	parsed.result = message_file_parse((struct text){ copy, file.len }, &context, &arena,
		&parsed.envelope, &parsed.body, &parsed.fail);
	free(copy);
	arena_reset(&arena);
	assert_int_equal(parsed.envelope != NULL, parsed.result == RESULT_OK);
	assert_int_equal(strlen(parsed.fail.text) > 0, parsed.result != RESULT_OK);
	if (parsed.result != RESULT_OK)
		assert_null(parsed.body);
	return parsed;
}

static struct parsed parse_good(struct text file)
{
	struct parsed parsed = parse(file);
	if (parsed.result != RESULT_OK)
		fail_msg("refused: %s", parsed.fail.text);
	assert_non_null(parsed.body);
	assert_int_equal(parsed.envelope->message_bytes, parsed.body->data_bytes);
	return parsed;
}

static void release(struct parsed *parsed)
{
	envelope_unref(parsed->envelope);
	body_unref(parsed->body);
}

static void assert_refused(struct text file, const char *says)
{
	struct parsed parsed = parse(file);
	assert_int_equal(parsed.result, RESULT_INVALID);
	if (strstr(parsed.fail.text, says) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", parsed.fail.text, says);
}

static void assert_text(struct text have, const char *want)
{
	if (!text_equal(have, text_of(want)))
		fail_msg("have \"%.*s\", want \"%s\"", TEXT_ARG(have), want);
}

static struct text read_sample(const char *name, char *memory, size_t size)
{
	char path[4096];
	const char *folder = getenv("SAMPLES");
	assert_non_null(folder);
	assert_true(snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path);
	FILE *file = fopen(path, "rb");
	if (file == NULL)
		fail_msg("cannot open %s", path);
	size_t len = fread(memory, 1, size, file);
	fclose(file);
	assert_true(len > 0);
	assert_true(len < size);
	return (struct text){ memory, len };
}

/* Parses samples/NAME.eml and compares the body with samples/NAME.wire. */
static struct envelope *parse_sample(const char *file_name, const char *wire_name)
{
	char memory[4096], wire[4096];
	struct parsed parsed = parse_good(read_sample(file_name, memory, sizeof memory));
	struct text want = read_sample(wire_name, wire, sizeof wire);
	struct text have = text_of_bytes(parsed.body->data, parsed.body->data_bytes);
	if (!text_equal(have, want))
		fail_msg("have \"%.*s\"", TEXT_ARG(have));
	body_unref(parsed.body);
	return parsed.envelope;
}

static void a_file_of_net_smtpclient_is_read(void **state)
{
	(void)state;
	struct envelope *envelope = parse_sample("net_smtpclient.eml", "net_smtpclient.wire");
	assert_text(envelope->sender.text, "anna@shop.example");
	/* To, Cc and Bcc may name the same mailbox; a local part in other case is another. */
	assert_int_equal(envelope->rcpts_count, 3);
	assert_text(envelope->rcpts[0].address.text, "Bob@customer.example");
	assert_text(envelope->rcpts[1].address.text, "carl@customer.example");
	assert_text(envelope->rcpts[2].address.text, "bob@customer.example");
	assert_false(envelope->needs_smtputf8);
	envelope_unref(envelope);
}

static void a_file_of_exchange_replay_is_read(void **state)
{
	(void)state;
	struct envelope *envelope = parse_sample("exchange_replay.eml", "exchange_replay.wire");
	assert_text(envelope->sender.text, "postmaster@a.example");
	assert_int_equal(envelope->body_type, ENVELOPE_BODY_7BIT);
	assert_int_equal(envelope->ret, ENVELOPE_RET_HDRS);
	assert_text(envelope->envid, "Q2+3D7");
	assert_int_equal(envelope->rcpts_count, 2);
	assert_text(envelope->rcpts[0].address.text, "Ann@b.example");
	assert_true(envelope->rcpts[0].notify.never);
	assert_text(envelope->rcpts[0].orcpt, "rfc822;Ann+2BX@b.example");
	assert_true(envelope->rcpts[1].notify.success && envelope->rcpts[1].notify.failure);
	envelope_unref(envelope);
}

static void a_file_of_powermta_pickup_is_read(void **state)
{
	(void)state;
	struct envelope *envelope = parse_sample("powermta_pickup.eml", "powermta_pickup.wire");
	assert_text(envelope->sender.text, "bounce@news.example");
	assert_int_equal(envelope->rcpts_count, 2);
	assert_text(envelope->job, "autumn");
	assert_text(envelope->pool, "pool-3");
	assert_text(envelope->envid, "issue+207+2Ba");
	envelope_unref(envelope);
}

static void every_text_of_the_envelope_stands_on_its_own(void **state)
{
	(void)state;
	struct parsed parsed = parse_good(TEXT(
		"X-Sender: <s\xc3\xb6@B\xc3\xbc"
		"cher.example> RET=FULL ENVID=env REQUIRETLS SMTPUTF8\n"
		"X-Receiver: <a@[192.0.2.1]>\nX-Receiver: <b@y.example> ORCPT=utf-8;\xc3\xb6@y\n"
		"X-Longship-Class: bulk\nX-Longship-Job: job\nX-Longship-Pool: pool\n"
		"X-Longship-Id: id\nX-Longship-Not-Before: 2026-09-01T12:34:56Z\n"
		"X-Longship-Expiry: 2026-09-02T12:34:56Z\nTLS-Required: No\n\nbody\n"));
	struct envelope *envelope = envelope_ref(parsed.envelope);
	release(&parsed);
	assert_text(envelope->sender.text, "s\xc3\xb6@xn--bcher-kva.example");
	assert_text(envelope_local_part(&envelope->sender), "s\xc3\xb6");
	assert_text(envelope_domain(&envelope->sender), "xn--bcher-kva.example");
	assert_int_equal(envelope->ret, ENVELOPE_RET_FULL);
	assert_text(envelope->envid, "env");
	assert_true(envelope->requiretls);
	assert_true(envelope->wants_smtputf8);
	assert_true(envelope->needs_smtputf8);
	assert_true(envelope->rcpts[0].address.is_literal);
	assert_text(envelope_domain(&envelope->rcpts[0].address), "[192.0.2.1]");
	assert_text(envelope->rcpts[1].orcpt, "utf-8;\\x{F6}@y");
	assert_int_equal(envelope->class, ENVELOPE_CLASS_BULK);
	assert_text(envelope->job, "job");
	assert_text(envelope->pool, "pool");
	assert_text(envelope->id, "id");
	assert_int_equal(envelope->not_before_unix_s, 1788266096);
	assert_int_equal(envelope->expiry_unix_s, 1788266096 + 86400);
	assert_true(envelope->tls_required_no);
	assert_true(envelope->memory_bytes > sizeof *envelope);
	envelope_unref(envelope);
}

/* What goes to bad/, and the sentence beside it. */
static void what_is_no_mail_is_refused_with_a_sentence(void **state)
{
	(void)state;
	static const struct {
		struct text file;
		const char *says;
	} rows[] = {
		{ TEXT_INIT(""), "the file is empty" },
		{ TEXT_INIT("\n"), "no sender: there is no X-Sender line" },
		{ TEXT_INIT("From: a@b\nTo: c@d\n\nbody\n"), "no sender" },
		{ TEXT_INIT("X-Sender: a@b\nTo: c@d\n\nX-Receiver: c@d\n"), "no receiver" },
		{ TEXT_INIT("X-Sender: a@b\nX-Other: x\nX-Receiver: a@@b\n\nbody\n"),
			"line 3: X-Receiver: 'a@@b' is not an address: " },
		{ TEXT_INIT("X-Sender: a@b\nX-Receiver: u@xn--\xff.example\n\nbody\n"),
			"line 2: X-Receiver: " },
		{ TEXT_INIT("X-Sender: a@b\nX-Receiver: c@d\n\nbo\0dy\n"), "line 4: a NUL octet" },
		{ TEXT_INIT("X-Sender: a@b\r\nX-Receiver: c@d\r\n\r\nbo\rdy\r\n"), "line 4: a CR" },
		{ TEXT_INIT("X-Sender: a@b\rX-Receiver: c@d\n\nbody\n"), "line 1: a CR" },
		{ TEXT_INIT("PK\x03\x04 some archive\n"), "line 1: 'PK\\x03\\x04 some archive'" },
		{ TEXT_INIT("{\n\"to\": \"a@b\"\n}\n"), "line 1: '{' is no header line" },
		{ TEXT_INIT("X-Sender: <a@b> BODY=BINARYMIME\nX-Receiver: c@d\n\n"), "BODY=" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_refused(rows[i].file, rows[i].says);
}

/* SMTP-24, SEC-19: injection by addresses and parameters ends in bad/. */
static void nothing_can_be_injected_into_commands(void **state)
{
	(void)state;
	static const struct text lines[] = {
		TEXT_INIT("X-Receiver: a@x>\n RCPT TO:<b@y"),
		TEXT_INIT("X-Receiver: <a@x>\n RCPT TO:<b@y>"),
		TEXT_INIT("X-Receiver: <a@x> NOTIFY=NEVER\n RSET"),
		TEXT_INIT("X-Receiver: <a@x> ORCPT=rfc822;a@x\r\n DATA"),
		TEXT_INIT("X-Receiver: <\"a\n b\"@x>\n DATA"),
		TEXT_INIT("X-Receiver: <a@x>\x0b"),
		TEXT_INIT("X-Receiver: <a\x01@x>"),
		TEXT_INIT("X-Receiver: <\"a\x01\"@x>"),
		TEXT_INIT("X-Receiver: <a@x> ORCPT=rfc822;a\x01"),
		TEXT_INIT("X-Sender: <c@d>\r\n RCPT TO:<b@y>"),
		TEXT_INIT("X-Sender-Override: <c@d>\n ENVID=a\x7f"),
	};
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		char memory[256];
		struct buf buf;
		buf_init(&buf, memory, sizeof memory);
		bool is_sender = text_starts(lines[i], TEXT("X-Sender:"));
		buf_put_cstr(&buf, is_sender ? "X-Receiver: <r@s>\n" : "X-Sender: <r@s>\n");
		buf_put_cstr(&buf, "X-Receiver: <t@u>\n");
		buf_put_text(&buf, lines[i]);
		buf_put_cstr(&buf, "\n\nbody\n");
		assert_int_equal(parse(buf_text(&buf)).result, RESULT_INVALID);
	}
}

static void put_receivers(struct buf *buf, unsigned count, unsigned distinct)
{
	for (unsigned i = 0; i < count; i++) {
		buf_put_cstr(buf, "X-Receiver: <rcpt-");
		buf_put_number(buf, i % distinct);
		buf_put_cstr(buf, "@b.example>\n");
	}
}

/* DESIGN 1: 1 to 10,000 X-Receiver lines. */
static void receivers_at_the_limit(void **state)
{
	(void)state;
	static char file[MESSAGE_RCPTS_MAX * 64];
	for (unsigned count = MESSAGE_RCPTS_MAX - 1; count <= MESSAGE_RCPTS_MAX + 1; count++) {
		struct buf buf;
		buf_init(&buf, file, sizeof file);
		buf_put_cstr(&buf, "X-Sender: <s@a.example>\n");
		put_receivers(&buf, count, count);
		buf_put_cstr(&buf, "\nbody\n");
		assert_false(buf.overflow);
		struct parsed parsed = parse(buf_text(&buf));
		if (count > MESSAGE_RCPTS_MAX) {
			assert_int_equal(parsed.result, RESULT_INVALID);
			assert_non_null(strstr(parsed.fail.text,
				"line 10002: X-Receiver: more than 10000 receivers"));
			continue;
		}
		assert_int_equal(parsed.result, RESULT_OK);
		assert_int_equal(parsed.envelope->rcpts_count, count);
		for (unsigned i = 0; i < count; i++) {
			char want[64];
			assert_true(snprintf(want, sizeof want, "rcpt-%u@b.example", i) > 0);
			assert_text(parsed.envelope->rcpts[i].address.text, want);
		}
		release(&parsed);
	}
}

static void ten_thousand_lines_of_few_receivers_are_merged(void **state)
{
	(void)state;
	static char file[MESSAGE_RCPTS_MAX * 64];
	struct buf buf;
	buf_init(&buf, file, sizeof file);
	buf_put_cstr(&buf, "X-Sender: <s@a.example>\n");
	put_receivers(&buf, MESSAGE_RCPTS_MAX, 77);
	buf_put_cstr(&buf, "\nbody\n");
	struct parsed parsed = parse_good(buf_text(&buf));
	assert_int_equal(parsed.envelope->rcpts_count, 77);
	release(&parsed);
}

/* The scratch that the header promises is enough, for the file that needs the most of it. */
static void the_worst_file_fits_into_the_scratch(void **state)
{
	(void)state;
	size_t size = MESSAGE_HEADER_BYTES_MAX;
	char *file = malloc(size);
	assert_non_null(file);
	struct buf buf;
	buf_init(&buf, file, size);
	buf_put_cstr(&buf, "X-Sender: <>\n");
	for (unsigned i = 0; i < MESSAGE_RCPTS_MAX && buf_room(&buf) > 600; i++) {
		/* folded, an IDN, and an ORCPT that grows to 500 octets: 82 umlauts */
		buf_put_cstr(&buf, "X-Receiver:\n ");
		buf_put_number(&buf, i);
		buf_put_cstr(&buf, "@\xc3\xb6\xc3\xbc\xc3\xa4.example\n ORCPT=utf-8;");
		for (int u = 0; u < 82; u++)
			buf_put_cstr(&buf, "\xc3\xb6");
		buf_put_u8(&buf, '\n');
	}
	buf_put_cstr(&buf, "\nbody\n");
	assert_false(buf.overflow);
	struct parsed parsed = parse_good(buf_text(&buf));
	assert_int_equal(parsed.envelope->rcpts_count, MESSAGE_RCPTS_MAX);
	release(&parsed);
	free(file);
}

static void a_small_scratch_is_a_matter_of_memory_not_of_mail(void **state)
{
	(void)state;
	static char file[MESSAGE_RCPTS_MAX * 64];
	struct buf buf;
	buf_init(&buf, file, sizeof file);
	buf_put_cstr(&buf, "X-Sender: <s@a.example>\n");
	put_receivers(&buf, MESSAGE_RCPTS_MAX, MESSAGE_RCPTS_MAX);
	unsigned failed = 0;
	enum result result = RESULT_MEMORY;
	for (size_t max = 1024; result == RESULT_MEMORY; max *= 2, failed++) {
		struct arena small;
		arena_init(&small, 512, max);
		struct envelope *envelope;
		struct body *body;
		struct fail fail;
		result = message_file_parse(
			buf_text(&buf), &context, &small, &envelope, &body, &fail);
		envelope_unref(envelope);
		body_unref(body);
		arena_deinit(&small);
	}
	assert_int_equal(result, RESULT_OK);
	assert_true(failed > 5);
}

static void without_budget_there_is_an_envelope_but_no_body(void **state)
{
	(void)state;
	struct text file = TEXT("X-Sender: <>\nX-Receiver: a@b\nDate: d\nMessage-ID: m\n\nbody");
	struct body_budget none;
	struct body_room nothing = { .budget = &none };
	body_budget_init(&none, 50);
	struct parsed first = parse_good(file); /* of the large budget */
	context.room = &nothing;
	/* The first is given although it is larger than the budget: it could never be sent else. */
	struct parsed only = parse_good(file);
	struct parsed second = parse(file);
	assert_int_equal(second.result, RESULT_OK);
	assert_null(second.body);
	assert_int_equal(second.envelope->message_bytes, first.envelope->message_bytes);
	release(&only);
	assert_int_equal(atomic_load(&none.used_bytes), 0);
	context.room = NULL;
	struct parsed checked = parse(file);
	assert_int_equal(checked.result, RESULT_OK);
	assert_null(checked.body);
	/* The file is looked at whole all the same. */
	assert_refused(TEXT("X-Sender: <>\nX-Receiver: a@b\n\nbody\r"), "a CR");
	context.room = &room;
	release(&first);
	release(&second);
	release(&checked);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_of_net_smtpclient_is_read),
		cmocka_unit_test(a_file_of_exchange_replay_is_read),
		cmocka_unit_test(a_file_of_powermta_pickup_is_read),
		cmocka_unit_test(every_text_of_the_envelope_stands_on_its_own),
		cmocka_unit_test(what_is_no_mail_is_refused_with_a_sentence),
		cmocka_unit_test(nothing_can_be_injected_into_commands),
		cmocka_unit_test(receivers_at_the_limit),
		cmocka_unit_test(ten_thousand_lines_of_few_receivers_are_merged),
		cmocka_unit_test(the_worst_file_fits_into_the_scratch),
		cmocka_unit_test(a_small_scratch_is_a_matter_of_memory_not_of_mail),
		cmocka_unit_test(without_budget_there_is_an_envelope_but_no_body),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
