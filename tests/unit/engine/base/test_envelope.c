#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "engine/base/envelope.h"

static void a_copy_lives_without_its_draft(void **state)
{
	(void)state;
	char texts[] = "s@a.example r@b.example rfc822;o envid job pool id";
	struct envelope_rcpt rcpts[] = {
		{ .address = { .text = { texts + 12, 11 }, .domain_at = 2, .is_literal = false } },
		{ .address = { .text = { texts + 0, 11 }, .domain_at = 2, .needs_smtputf8 = true },
			.orcpt = { texts + 24, 8 },
			.notify = { .success = true } },
	};
	struct envelope draft = {
		.sender = { .text = { texts, 11 }, .domain_at = 2 },
		.rcpts = rcpts,
		.rcpts_count = COUNT_OF(rcpts),
		.envid = { texts + 33, 5 },
		.job = { texts + 39, 3 },
		.pool = { texts + 43, 4 },
		.id = { texts + 48, 2 },
		.ret = ENVELOPE_RET_HDRS,
		.expiry_unix_s = 7,
		.message_bytes = 8,
	};
	struct envelope *envelope = envelope_create(&draft);
	assert_non_null(envelope);
	memset(texts, '!', sizeof texts);
	memset(rcpts, '!', sizeof rcpts);
	assert_true(text_equal(envelope->sender.text, TEXT("s@a.example")));
	assert_true(text_equal(envelope_domain(&envelope->sender), TEXT("a.example")));
	assert_true(text_equal(envelope_local_part(&envelope->sender), TEXT("s")));
	assert_int_equal(envelope->rcpts_count, 2);
	assert_true(text_equal(envelope->rcpts[0].address.text, TEXT("r@b.example")));
	assert_true(text_is_empty(envelope->rcpts[0].orcpt));
	assert_false(envelope_notify_given(envelope->rcpts[0].notify));
	assert_true(text_equal(envelope->rcpts[1].address.text, TEXT("s@a.example")));
	assert_true(text_equal(envelope->rcpts[1].orcpt, TEXT("rfc822;o")));
	assert_true(envelope->rcpts[1].address.needs_smtputf8);
	assert_true(envelope->rcpts[1].notify.success);
	assert_true(envelope_notify_given(envelope->rcpts[1].notify));
	assert_true(text_equal(envelope->envid, TEXT("envid")));
	assert_true(text_equal(envelope->job, TEXT("job")));
	assert_true(text_equal(envelope->pool, TEXT("pool")));
	assert_true(text_equal(envelope->id, TEXT("id")));
	assert_int_equal(envelope->ret, ENVELOPE_RET_HDRS);
	assert_int_equal(envelope->expiry_unix_s, 7);
	assert_int_equal(envelope->message_bytes, 8);
	assert_int_equal(envelope->memory_bytes,
		sizeof *envelope + sizeof rcpts + 11 + 11 + 11 + 8 + 5 + 3 + 4 + 2);
	struct envelope *second = envelope_ref(envelope);
	assert_ptr_equal(second, envelope);
	envelope_unref(envelope);
	assert_true(text_equal(second->id, TEXT("id")));
	envelope_unref(second);
	envelope_unref(NULL);
}

static void the_null_sender_has_neither_domain_nor_local_part(void **state)
{
	(void)state;
	struct envelope_rcpt rcpt = {
		.address = { .text = TEXT_INIT("r@b.example"), .domain_at = 2 },
	};
	struct envelope draft = { .rcpts = &rcpt, .rcpts_count = 1 };
	struct envelope *envelope = envelope_create(&draft);
	assert_non_null(envelope);
	assert_true(text_is_empty(envelope->sender.text));
	assert_true(text_is_empty(envelope_domain(&envelope->sender)));
	assert_true(text_is_empty(envelope_local_part(&envelope->sender)));
	envelope_unref(envelope);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_copy_lives_without_its_draft),
		cmocka_unit_test(the_null_sender_has_neither_domain_nor_local_part),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
