#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "bench/mail_token.h"

static void a_token_comes_back_as_it_was_written(void **state)
{
	(void)state;
	const struct mail_token token = { 0xc0ffee, 17, 8192, 0x44bc2cf5ad770999 };
	struct mail_token back;
	char memory[160];
	struct buf out;
	buf_init(&out, memory, sizeof memory);
	mail_token_format(&token, &out);
	struct text wanted = TEXT(
		"X-Load-Check: run=0000000000c0ffee id=17 size=0000008192 digest=44bc2cf5ad770999");
	assert_true(text_equal(buf_text(&out), wanted));
	assert_true(mail_token_parse(text_skip(buf_text(&out), strlen("X-Load-Check:")), &back));
	assert_int_equal(back.run, token.run);
	assert_int_equal(back.id, token.id);
	assert_int_equal(back.size, token.size);
	assert_int_equal(back.digest, token.digest);
}

static void what_is_no_whole_token_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		"run=0000000000c0ffee",
		"run=c0ffee id=17 size=8192 digest=44bc2cf5ad770999",
		"run=0000000000c0ffee id=17 size=8192 digest=44bc2cf5ad77099",
		"run=0000000000c0ffee id=17 size=8192 digest=44bc2cf5ad77099g",
		"run=0000000000c0ffee id= size=8192 digest=44bc2cf5ad770999",
		"run=0000000000c0ffee id=17 size=-1 digest=44bc2cf5ad770999",
		"id=17 run=0000000000c0ffee size=8192 digest=44bc2cf5ad770999",
		"run=0000000000c0ffee id=17 size=8192 digest=44bc2cf5ad770999 more",
		"run=0000000000C0FFEE id=17 size=8192 digest=44bc2cf5ad770999",
	};
	struct mail_token token;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(mail_token_parse(text_of(bad[i]), &token));
}

static void a_delivery_is_message_and_recipient(void **state)
{
	(void)state;
	uint64_t key = mail_token_delivery_key(1, 2, TEXT("Ann@d1.lab"));
	assert_int_equal(key, mail_token_delivery_key(1, 2, TEXT("Ann@D1.LAB")));
	assert_int_equal(key, mail_token_join(1, 2, mail_token_rcpt_hash(TEXT("Ann@d1.lab"))));
	assert_int_not_equal(key, mail_token_delivery_key(1, 2, TEXT("ann@d1.lab")));
	assert_int_not_equal(key, mail_token_delivery_key(1, 3, TEXT("Ann@d1.lab")));
	assert_int_not_equal(key, mail_token_delivery_key(2, 2, TEXT("Ann@d1.lab")));
	assert_int_not_equal(key, mail_token_delivery_key(2, 1, TEXT("Ann@d1.lab")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_comes_back_as_it_was_written),
		cmocka_unit_test(what_is_no_whole_token_is_refused),
		cmocka_unit_test(a_delivery_is_message_and_recipient),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
