#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "engine/spool/spool_format.h"

static void the_first_octets_tell_the_format(void **state)
{
	(void)state;
	static const struct {
		struct text head;
		enum spool_format format;
	} rows[] = {
		{ TEXT_INIT("X-Sender"), SPOOL_FORMAT_MESSAGE },
		{ TEXT_INIT("x-sender"), SPOOL_FORMAT_MESSAGE },
		{ TEXT_INIT("From: a"), SPOOL_FORMAT_MESSAGE },
		{ TEXT_INIT(""), SPOOL_FORMAT_MESSAGE },
		{ TEXT_INIT("M"), SPOOL_FORMAT_MESSAGE },
		{ TEXT_INIT("MAIL"), SPOOL_FORMAT_MESSAGE },
		{ TEXT_INIT("MAIL FRO"), SPOOL_FORMAT_BATCH },
		{ TEXT_INIT("mail fro"), SPOOL_FORMAT_BATCH },
		{ TEXT_INIT("HELO me\n"), SPOOL_FORMAT_BATCH },
		{ TEXT_INIT("EHLO [19"), SPOOL_FORMAT_BATCH },
		{ TEXT_INIT("EHLO\r\nMA"), SPOOL_FORMAT_BATCH },
		{ TEXT_INIT("HELO\nMAI"), SPOOL_FORMAT_BATCH },
		{ TEXT_INIT("XMRG FRO"), SPOOL_FORMAT_BATCH },
		{ TEXT_INIT("XACK OFF"), SPOOL_FORMAT_BATCH },
		/* header fields with such names */
		{ TEXT_INIT("Mail: x\n"), SPOOL_FORMAT_MESSAGE },
		{ TEXT_INIT("Mail : x"), SPOOL_FORMAT_MESSAGE },
		{ TEXT_INIT("Mail  : "), SPOOL_FORMAT_MESSAGE },
		{ TEXT_INIT("Mail\t: x"), SPOOL_FORMAT_MESSAGE },
		{ TEXT_INIT("Mailer: "), SPOOL_FORMAT_MESSAGE },
		{ TEXT_INIT("Mail-Fol"), SPOOL_FORMAT_MESSAGE },
		/* not the first command of anything */
		{ TEXT_INIT("RCPT TO:"), SPOOL_FORMAT_MESSAGE },
		{ TEXT_INIT("DATA\r\nx"), SPOOL_FORMAT_MESSAGE },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_true(rows[i].head.len <= SPOOL_FORMAT_HEAD_BYTES);
		assert_int_equal(spool_format_of(rows[i].head, false), rows[i].format);
	}
}

static void a_directory_is_a_job(void **state)
{
	(void)state;
	assert_int_equal(spool_format_of(TEXT_EMPTY, true), SPOOL_FORMAT_JOB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_octets_tell_the_format),
		cmocka_unit_test(a_directory_is_a_job),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
