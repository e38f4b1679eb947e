#include "engine/mail/scanned.h"
#include "tests/unit/unit.h"

static char memory[4096], lines_memory[1024];
static struct buf buf;
static struct scanned scanned;

static struct text lines_of(const char *line, size_t bytes)
{
	struct buf lines;
	buf_init(&lines, lines_memory, sizeof lines_memory);
	while (lines.len < bytes)
		buf_put_cstr(&lines, line);
	return buf_text(&lines);
}

static void what_was_looked_at_before_is_not_looked_at_again(void **state)
{
	(void)state;
	static const struct octet_scan a_lie = { .has_nul = true };
	struct text lines = lines_of("known\r\n", SCANNED_BYTES_MIN);
	buf_init(&buf, memory, sizeof memory);
	scanned_init(&scanned, &buf);
	scanned_put_lines(&scanned, lines, &a_lie);
	assert_true(scanned_end(&scanned).has_nul);
	/* Few lines are looked at like what stands beside them. */
	buf_reset(&buf);
	scanned_init(&scanned, &buf);
	scanned_put_lines(&scanned, TEXT("known\r\n"), &a_lie);
	assert_false(scanned_end(&scanned).has_nul);
	assert_int_equal(scanned_end(&scanned).lf_count, 1);
}

static void known_and_unknown_lines_add_up(void **state)
{
	(void)state;
	struct text lines = lines_of(".known\r\n", SCANNED_BYTES_MIN);
	struct octet_scan known = octet_scan(lines);
	buf_init(&buf, memory, sizeof memory);
	buf_put_cstr(&buf, "what was there\r\n");
	scanned_init(&scanned, &buf);
	for (unsigned i = 0; i < 3; i++) {
		scanned_put_lines(&scanned, lines, &known);
		buf_put_cstr(&buf, i == 1 ? "\xff\r\n" : "x\n");
	}
	struct octet_scan all = scanned_end(&scanned);
	assert_true(octet_scan_is_of(&all, buf_text(&buf)));
	assert_true(all.has_8bit);
}

static void what_did_not_fit_is_not_told_of(void **state)
{
	(void)state;
	struct text lines = lines_of("known\r\n", SCANNED_BYTES_MIN);
	struct octet_scan known = octet_scan(lines);
	buf_init(&buf, memory, lines.len + 5);
	buf_put_cstr(&buf, "fits\r\n");
	scanned_init(&scanned, &buf);
	scanned_put_lines(&scanned, lines, &known);
	assert_true(buf.overflow);
	assert_int_equal(scanned_end(&scanned).lf_count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_looked_at_before_is_not_looked_at_again),
		cmocka_unit_test(known_and_unknown_lines_add_up),
		cmocka_unit_test(what_did_not_fit_is_not_told_of),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
