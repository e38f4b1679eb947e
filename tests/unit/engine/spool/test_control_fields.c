#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "engine/base/buf.h"
#include "engine/base/limits.h"
#include "engine/spool/control_fields.h"

static struct arena arena;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 16, 64 << 20);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_deinit(&arena);
	return 0;
}

static enum result read_header(struct text header, struct envelope *draft, struct fail *fail)
{
	static struct control_fields fields;
	control_fields_init(&fields, &arena);
	struct header_reader reader;
	header_reader_init(&reader, header);
	fail_clear(fail);
	for (;;) {
		struct header_field field;
		bool more;
		enum result result = header_reader_next(&reader, &field, &more, fail);
		assert_int_equal(result, RESULT_OK);
		if (!more)
			return control_fields_finish(&fields, draft, fail);
		result = control_fields_add(&fields, &field, fail);
		if (result != RESULT_OK)
			return result;
	}
}

static struct envelope draft_of(const char *header)
{
	struct envelope draft;
	struct fail fail;
	enum result result = read_header(text_of(header), &draft, &fail);
	assert_string_equal(fail.text, "");
	assert_int_equal(result, RESULT_OK);
	return draft;
}

static void assert_refused(const char *header, const char *says)
{
	struct envelope draft;
	struct fail fail;
	assert_int_equal(read_header(text_of(header), &draft, &fail), RESULT_INVALID);
	if (strstr(fail.text, says) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", fail.text, says);
}

static void assert_text(struct text have, const char *want)
{
	if (!text_equal(have, text_of(want)))
		fail_msg("have \"%.*s\", want \"%s\"", TEXT_ARG(have), want);
}

#define PAIR "X-Sender: <s@a.example>\nX-Receiver: <r@b.example>\n"

static void sender_and_receivers_are_found_anywhere_in_the_header(void **state)
{
	(void)state;
	static const char *const headers[] = {
		"X-Sender: <s@a.example>\nX-Receiver: <r@b.example>\nX-Receiver: q@c.example\n",
		"Subject: x\nx-receiver: r@B.EXAMPLE\nX-RECEIVER:<q@c.example>\nTo: z\n"
		"X-SENDER:\n s@a.example\n",
		"X-Receiver: \"Arr\" <r@b.example>\nX-Receiver:\n\t<q@c.example>\nX-Sender: "
		"=?utf-8?B?U2VuZGVy?=\n <s@a.example>\n",
	};
	for (size_t i = 0; i < COUNT_OF(headers); i++) {
		struct envelope draft = draft_of(headers[i]);
		assert_text(draft.sender.text, "s@a.example");
		assert_int_equal(draft.rcpts_count, 2);
		assert_text(draft.rcpts[0].address.text, "r@b.example");
		assert_text(draft.rcpts[1].address.text, "q@c.example");
		assert_false(draft.needs_smtputf8);
	}
}

static void the_null_sender_is_a_sender_but_no_receiver(void **state)
{
	(void)state;
	struct envelope draft = draft_of("X-Sender: <>\nX-Receiver: r@b.example\n");
	assert_int_equal(draft.sender.text.len, 0);
	assert_int_equal(envelope_domain(&draft.sender).len, 0);
	assert_int_equal(envelope_local_part(&draft.sender).len, 0);
	assert_refused("X-Sender: <>\nX-Receiver: <>\n", "line 2: X-Receiver: <> cannot receive");
}

static void what_is_missing_or_twice_is_refused(void **state)
{
	(void)state;
	assert_refused("X-Receiver: r@b.example\n", "no sender");
	assert_refused("X-Sender: s@a.example\nTo: r@b.example\n", "no receiver");
	assert_refused("From: s@a.example\nTo: r@b.example\n", "no sender");
	assert_refused(
		PAIR "X-Sender: <s@a.example>\n", "line 3: X-Sender: is there a second time");
	assert_refused("X-Sender:\n" PAIR, "line 1: X-Sender: there is no address");
	assert_refused(PAIR "X-Receiver: \n", "line 3: X-Receiver: there is no address");
	assert_refused(PAIR "X-Job: a\nx-job: a\n", "line 4: X-Job: is there a second time");
	assert_refused(PAIR "X-Longship-Pool: a\nX-Longship-Pool: b\n", "is there a second time");
	assert_refused(
		PAIR "X-Receiver: 'a@@b'\n", "line 3: X-Receiver: ''a@@b'' is not an address");
	assert_refused("X-Sender: s@a.example SIZE=x\n", "line 1: X-Sender: SIZE='x'");
	assert_refused("A: b\n c\nX-Receiver: <r@b.example> RET=FULL\n",
		"line 3: X-Receiver: RET belongs behind a sender");
}

/* As PowerMTA has it: the override wins, whichever line comes first. */
static void the_override_replaces_address_and_the_parameters_it_has(void **state)
{
	(void)state;
	struct envelope draft =
		draft_of("X-Sender-Override: <o@o.example> RET=FULL\n"
			 "X-Sender: s@a.example RET=HDRS ENVID=e BODY=7BIT REQUIRETLS\n"
			 "X-Receiver: r@b.example\n");
	assert_text(draft.sender.text, "o@o.example");
	assert_int_equal(draft.ret, ENVELOPE_RET_FULL);
	assert_int_equal(draft.body_type, ENVELOPE_BODY_7BIT);
	assert_text(draft.envid, "e");
	assert_true(draft.requiretls);
	draft = draft_of(PAIR "X-Sender-Override: <>\n");
	assert_int_equal(draft.sender.text.len, 0);
	draft = draft_of("X-Sender-Override: o@o.example\nX-Receiver: r@b.example\n");
	assert_text(draft.sender.text, "o@o.example");
}

static void parameters_go_into_the_envelope(void **state)
{
	(void)state;
	struct envelope draft = draft_of(
		"X-Sender: <s@a.example> BODY=8bitmime RET=HDRS ENVID=Q+2B1 SMTPUTF8\n"
		"X-Receiver: <r@b.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;o@b.example\n"
		"X-Receiver: q@b.example\n");
	assert_int_equal(draft.body_type, ENVELOPE_BODY_8BITMIME);
	assert_int_equal(draft.ret, ENVELOPE_RET_HDRS);
	assert_text(draft.envid, "Q+2B1");
	assert_true(draft.wants_smtputf8);
	assert_false(draft.needs_smtputf8);
	assert_false(draft.requiretls);
	assert_true(draft.rcpts[0].notify.success && draft.rcpts[0].notify.failure);
	assert_false(draft.rcpts[0].notify.never || draft.rcpts[0].notify.delay);
	assert_text(draft.rcpts[0].orcpt, "rfc822;o@b.example");
	assert_false(envelope_notify_given(draft.rcpts[1].notify));
	assert_int_equal(draft.rcpts[1].orcpt.len, 0);
}

/* EXT-U8-02: needed by what is not ASCII in a local part, not by a domain, not by a wish. */
static void smtputf8_is_needed_by_local_parts_only(void **state)
{
	(void)state;
	static const struct {
		const char *header;
		bool needed;
	} rows[] = {
		{ PAIR, false },
		{ "X-Sender: s@\xc3\xb6.example\nX-Receiver: r@\xc3\xb6.example\n", false },
		{ "X-Sender: s\xc3\xb6@a.example\nX-Receiver: r@b.example\n", true },
		{ PAIR "X-Receiver: r\xc3\xb6@b.example\n", true },
		{ PAIR "X-Receiver: \"r\xc3\xb6\"@b.example\nX-Receiver: q@b.example\n", true },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_int_equal(draft_of(rows[i].header).needs_smtputf8, rows[i].needed);
}

static void labels_come_from_longship_or_from_powermta(void **state)
{
	(void)state;
	struct envelope draft = draft_of(PAIR "x-job: pj\nx-virtual-mta: pv\nx-envid: a b+c\n");
	assert_text(draft.job, "pj");
	assert_text(draft.pool, "pv");
	assert_text(draft.envid, "a+20b+2Bc");
	assert_int_equal(draft.class, ENVELOPE_CLASS_NONE);
	draft = draft_of("X-Longship-Job: lj\nX-Longship-Pool:  lp \nX-Longship-Id:\n li\n"
			 "X-Longship-Class: Transactional\nx-job: pj\nx-virtual-mta: pv\n"
			 "x-envid: x\nX-Sender: s@a.example ENVID=e\nX-Receiver: r@b.example\n");
	assert_text(draft.job, "lj");
	assert_text(draft.pool, "lp");
	assert_text(draft.id, "li");
	assert_text(draft.envid, "e");
	assert_int_equal(draft.class, ENVELOPE_CLASS_TRANSACTIONAL);
	draft = draft_of(PAIR "X-Longship-Job:\nx-job: pj\nx-longship-class: BULK\n");
	assert_text(draft.job, "pj");
	assert_int_equal(draft.class, ENVELOPE_CLASS_BULK);
	draft = draft_of(PAIR "X-Job: K\xc3\xb6ln 7\nX-Longship-Whatever: not ours to know\n");
	assert_text(draft.job, "K\xc3\xb6ln 7");
}

static void wrong_values_name_line_and_field(void **state)
{
	(void)state;
	assert_refused(PAIR "X-Longship-Class: urgent\n",
		"line 3: X-Longship-Class: 'urgent' is neither transactional nor bulk");
	assert_refused(PAIR "X-Longship-Job: a\tb\n", "X-Longship-Job: 'a\\x09b' is not a name");
	assert_refused(PAIR "X-Job: \x7f\n", "X-Job: '\\x7f' is not a name");
	assert_refused(PAIR "X-Job: \xff\n", "X-Job: '\\xff' is not a name");
	assert_refused(PAIR "X-Longship-Not-Before: tomorrow\n", "is not a time like");
	assert_refused(PAIR "X-Longship-Expiry: 2026-02-30T00:00:00Z\n", "is not a time like");
}

static void times_are_rfc3339(void **state)
{
	(void)state;
	struct envelope draft = draft_of(PAIR "X-Longship-Not-Before: 2026-09-01T12:34:56Z\n"
					      "X-Longship-Expiry: 2026-09-01T14:34:56.5+01:00\n");
	assert_int_equal(draft.not_before_unix_s, 1788266096);
	assert_int_equal(draft.expiry_unix_s, 1788266096 + 3600);
	draft = draft_of(PAIR);
	assert_int_equal(draft.not_before_unix_s, 0);
	assert_int_equal(draft.expiry_unix_s, 0);
	/* 0 means "not given": a time long ago must not become "never". */
	draft = draft_of(PAIR "X-Longship-Expiry: 1970-01-01T00:00:00Z\n");
	assert_int_equal(draft.expiry_unix_s, 1);
	draft = draft_of(PAIR "X-Longship-Expiry: 1960-01-01T00:00:00Z\n");
	assert_int_equal(draft.expiry_unix_s, 1);
}

/* RTLS-09: one value, any case, once; anything else relaxes nothing. */
static void tls_required_no_counts_only_when_it_stands_there_once(void **state)
{
	(void)state;
	static const struct {
		const char *header;
		bool no;
	} rows[] = {
		{ PAIR, false },
		{ PAIR "TLS-Required: No\n", true },
		{ PAIR "tls-required:NO  \n", true },
		{ PAIR "TLS-Required:\n no\n", true },
		{ PAIR "TLS-Required: Yes\n", false },
		{ PAIR "TLS-Required: Maybe\n", false },
		{ PAIR "TLS-Required: No, really\n", false },
		{ PAIR "TLS-Required:\n", false },
		{ PAIR "TLS-Required: No\nTLS-Required: No\n", false },
		{ PAIR "TLS-Required: Yes\nTLS-Required: No\n", false },
		{ PAIR "X-TLS-Required: No\n", false },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_int_equal(draft_of(rows[i].header).tls_required_no, rows[i].no);
}

static void lengths_at_their_limits(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		size_t max;
	} rows[] = {
		{ "X-Job: ", ENVELOPE_LABEL_MAX },
		{ "X-Virtual-MTA: ", ENVELOPE_LABEL_MAX },
		{ "X-Longship-Id: ", ENVELOPE_LABEL_MAX },
		{ "X-Envid: ", ENVELOPE_ENVID_MAX },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		for (size_t len = rows[i].max - 1; len <= rows[i].max + 1; len++) {
			char header[512];
			struct buf buf;
			buf_init(&buf, header, sizeof header);
			buf_put_cstr(&buf, PAIR);
			buf_put_cstr(&buf, rows[i].name);
			for (size_t n = 0; n < len; n++)
				buf_put_u8(&buf, 'x');
			struct envelope draft;
			struct fail fail;
			assert_int_equal(read_header(buf_text(&buf), &draft, &fail),
				len <= rows[i].max ? RESULT_OK : RESULT_INVALID);
		}
	}
}

static void one_field_at_its_limit(void **state)
{
	(void)state;
	for (size_t size = CONTROL_FIELD_BYTES_MAX - 1; size <= CONTROL_FIELD_BYTES_MAX + 1;
		size++) {
		char header[CONTROL_FIELD_BYTES_MAX + 256];
		struct buf buf;
		buf_init(&buf, header, sizeof header);
		buf_put_cstr(&buf, PAIR);
		size_t start = buf.len;
		buf_put_cstr(&buf, "X-Receiver:\n <q@b.example>\n");
		while (buf.len - start < size - 1)
			buf_put_cstr(&buf, (buf.len - start) % 64 == 0 ? "\n" : " ");
		buf_put_u8(&buf, '\n');
		/* a line of nothing would end the header */
		for (size_t i = start + 1; i < buf.len; i++)
			if (header[i] == '\n' && header[i - 1] == '\n')
				header[i] = ' ';
		struct envelope draft;
		struct fail fail;
		enum result result = read_header(buf_text(&buf), &draft, &fail);
		assert_int_equal(
			result, size <= CONTROL_FIELD_BYTES_MAX ? RESULT_OK : RESULT_INVALID);
		if (result == RESULT_INVALID)
			assert_non_null(strstr(fail.text, "line 3: X-Receiver: is longer than"));
	}
}

static void an_exhausted_arena_is_no_fault_of_the_file(void **state)
{
	(void)state;
	/* Every amount of memory until it is enough: each way out is walked. */
	struct text header = TEXT("X-Sender: \"Ess\"\n <s@a.example>\nX-Envid: e\n"
				  "X-Receiver: r@b.example ORCPT=utf-8;\xc3\xb6@b.example\n"
				  "X-Receiver: 2@b.example\nX-Receiver: 3@b.example\n"
				  "X-Receiver: 4@b.example\nX-Receiver: 5@b.example\n");
	static uint8_t memory[8192];
	unsigned failed = 0;
	for (size_t size = 128; size < sizeof memory; size += 16) {
		struct arena small;
		arena_init_fixed(&small, memory, size);
		struct control_fields fields;
		control_fields_init(&fields, &small);
		struct header_reader reader;
		header_reader_init(&reader, header);
		struct header_field field;
		struct fail fail;
		bool more = true;
		enum result result = RESULT_OK;
		while (result == RESULT_OK && more) {
			assert_int_equal(
				header_reader_next(&reader, &field, &more, &fail), RESULT_OK);
			if (more)
				result = control_fields_add(&fields, &field, &fail);
		}
		if (result == RESULT_OK)
			break;
		assert_int_equal(result, RESULT_MEMORY);
		failed++;
	}
	assert_true(failed > 10);
	assert_true(failed < 400);
}

static void labels_say_what_fields_would(void **state)
{
	(void)state;
	static struct control_fields fields;
	const struct control_sender sender = { .address = { .text = TEXT("s@b") } };
	struct envelope_rcpt rcpt = { .address = { .text = TEXT("r@b") } };
	const struct control_labels labels = {
		.class = ENVELOPE_CLASS_TRANSACTIONAL,
		.job = TEXT("j"),
		.pool = TEXT("p"),
		.id = TEXT("i"),
		.not_before_unix_s = 1,
		.expiry_unix_s = 2,
	};
	struct envelope draft;
	struct fail fail;
	control_fields_init_enveloped(&fields, &arena, &sender, &rcpt, 1);
	control_fields_label(&fields, &labels);
	assert_int_equal(control_fields_finish(&fields, &draft, &fail), RESULT_OK);
	assert_int_equal(draft.class, ENVELOPE_CLASS_TRANSACTIONAL);
	assert_text(draft.job, "j");
	assert_text(draft.pool, "p");
	assert_text(draft.id, "i");
	assert_int_equal(draft.not_before_unix_s, 1);
	assert_int_equal(draft.expiry_unix_s, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sender_and_receivers_are_found_anywhere_in_the_header),
		cmocka_unit_test(the_null_sender_is_a_sender_but_no_receiver),
		cmocka_unit_test(what_is_missing_or_twice_is_refused),
		cmocka_unit_test(the_override_replaces_address_and_the_parameters_it_has),
		cmocka_unit_test(parameters_go_into_the_envelope),
		cmocka_unit_test(smtputf8_is_needed_by_local_parts_only),
		cmocka_unit_test(labels_come_from_longship_or_from_powermta),
		cmocka_unit_test(wrong_values_name_line_and_field),
		cmocka_unit_test(times_are_rfc3339),
		cmocka_unit_test(tls_required_no_counts_only_when_it_stands_there_once),
		cmocka_unit_test(lengths_at_their_limits),
		cmocka_unit_test(one_field_at_its_limit),
		cmocka_unit_test(an_exhausted_arena_is_no_fault_of_the_file),
		cmocka_unit_test(labels_say_what_fields_would),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
