#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "bench/mail_token.h"
#include "bench/manifest.h"

static char path[64];

static void write_file(const char *text)
{
	memcpy(path, "/tmp/longship-manifest-XXXXXX", 30);
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void a_line_comes_back_as_it_was_written(void **state)
{
	(void)state;
	char memory[256];
	struct buf out;
	const struct manifest_line line = { 0xabc, 7, 8000, TEXT("x.eml"), TEXT("a@b.lab\tc@d.lab") };
	struct manifest_line back;
	buf_init(&out, memory, sizeof memory);
	manifest_put(&out, &line);
	assert_true(text_equal(buf_text(&out),
		TEXT("0000000000000abc\t7\tx.eml\t8000\ta@b.lab\tc@d.lab\n")));
	assert_true(manifest_parse(text_cut(buf_text(&out), out.len - 1), &back));
	assert_int_equal(back.run, line.run);
	assert_int_equal(back.id, line.id);
	assert_int_equal(back.size, line.size);
	assert_true(text_equal(back.file, line.file));
	assert_true(text_equal(back.rcpts, line.rcpts));
}

static void all_deliveries_of_a_file_are_read(void **state)
{
	(void)state;
	struct sink_expected *expected;
	size_t count;
	struct fail fail;
	write_file("# a comment\n0000000000000abc\t7\tx.eml\t8000\ta@b.lab\tc@d.lab\n"
		   "\n0000000000000abc\t8\ty.eml\t8000\ta@b.lab\n");
	assert_int_equal(manifest_read(path, &expected, &count, &fail), RESULT_OK);
	assert_int_equal(count, 3);
	assert_int_equal(expected[1].key, mail_token_delivery_key(0xabc, 7, TEXT("c@d.lab")));
	assert_int_equal(expected[2].id, 8);
	free(expected);
	unlink(path);
}

static void an_empty_manifest_expects_nothing(void **state)
{
	(void)state;
	struct sink_expected *expected;
	size_t count;
	struct fail fail;
	write_file("");
	assert_int_equal(manifest_read(path, &expected, &count, &fail), RESULT_OK);
	assert_int_equal(count, 0);
	assert_non_null(expected);
	free(expected);
	unlink(path);
}

static void a_bad_line_is_named(void **state)
{
	(void)state;
	struct sink_expected *expected;
	size_t count;
	struct fail fail;
	static const char *const bad[] = { "abc\n", "0000000000000abc\t7\tx.eml\t8000\n",
		"0000000000000abc\tx\tx.eml\t8000\ta@b.lab\n",
		"0000000000000abg\t7\tx.eml\t8000\ta@b.lab\n" };
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		write_file(bad[i]);
		assert_int_equal(manifest_read(path, &expected, &count, &fail), RESULT_INVALID);
		assert_non_null(strstr(fail.text, "line 1"));
		unlink(path);
	}
	assert_int_equal(manifest_read("/nonexistent", &expected, &count, &fail), RESULT_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_comes_back_as_it_was_written),
		cmocka_unit_test(all_deliveries_of_a_file_are_read),
		cmocka_unit_test(an_empty_manifest_expects_nothing),
		cmocka_unit_test(a_bad_line_is_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
