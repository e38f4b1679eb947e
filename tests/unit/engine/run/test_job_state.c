/* What a job keeps in state/jobs: the index over its recipients, who is done, who is dropped. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "engine/io/file.h"
#include "engine/run/job_count.h"
#include "engine/run/job_drops.h"
#include "engine/run/job_index.h"
#include "engine/run/job_progress.h"
#include "engine/run/job_source.h"
#include "tests/unit/unit.h"

static char directory[64];
static int state_fd;
static struct arena arena;
static struct fail fail;
static const uint64_t identity[2] = { 7, 9 }, other[2] = { 7, 10 };

static int set_up(void **state)
{
	(void)state;
	(void)snprintf(directory, sizeof directory, "/tmp/test_job_state.XXXXXX");
	assert_non_null(mkdtemp(directory));
	assert_int_equal(file_open_directory(AT_FDCWD, directory, &state_fd, &fail), RESULT_OK);
	arena_init(&arena, 4096, 1 << 24);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	static const char *const names[] = { "index", "index.tmp", "done", "recipients.jsonl",
		JOB_DROPS_NAME, JOB_DROPS_NEW_NAME };
	for (size_t i = 0; i < COUNT_OF(names); i++)
		(void)unlinkat(state_fd, names[i], 0);
	file_close(state_fd);
	(void)rmdir(directory);
	arena_deinit(&arena);
	return 0;
}

static void write_recipients(const char *text)
{
	int fd;
	assert_int_equal(file_create(state_fd, "recipients.jsonl", &fd, &fail), RESULT_OK);
	assert_int_equal(file_write_all(fd, text, strlen(text), &fail), RESULT_OK);
	file_close(fd);
}

static void make_index(uint64_t rcpts)
{
	int fd;
	struct job_indexing *indexing;
	enum result r;
	assert_int_equal(
		file_open_regular(state_fd, "recipients.jsonl", &fd, NULL, &fail), RESULT_OK);
	assert_int_equal(
		job_indexing_begin(state_fd, fd, identity, 42, &indexing, &fail), RESULT_OK);
	while ((r = job_indexing_step(indexing, &fail)) == RESULT_AGAIN)
		;
	assert_int_equal(r, RESULT_OK);
	assert_int_equal(job_indexing_rcpts(indexing), rcpts);
	assert_int_equal(job_indexing_finish(indexing, &fail), RESULT_OK);
	job_indexing_end(&indexing);
	file_close(fd);
}

/* Goes through a domain and puts the ordinals down. */
static void walk(const struct job_index *index, uint32_t number, char *out, size_t size)
{
	struct job_index_entry entry;
	out[0] = '\0';
	for (uint32_t i = index->domains[number].first; i != JOB_NONE; i = entry.next) {
		size_t len = strlen(out);
		assert_int_equal(job_index_read(index, i, &entry, &fail), RESULT_OK);
		assert_int_equal(entry.domain, number);
		(void)snprintf(out + len, size - len, "%u@%u ", i, (unsigned)entry.line_at);
	}
}

static void each_domain_is_gone_through_in_the_order_of_the_file(void **state)
{
	(void)state;
	struct job_index index;
	char seen[256];
	write_recipients("{\"to\":\"a@x.example\"}\n"
			 "{\"to\":\"b@y.example\"}\n"
			 "no json\n"
			 "\n"
			 "{\"to\":\"c@X.example\"}\n"
			 "{\"to\":\"d@x.example\"}");
	make_index(5);
	assert_int_equal(job_index_open(state_fd, &arena, &index, &fail), RESULT_OK);
	assert_int_equal(index.header.rcpts_count, 5);
	assert_int_equal(index.header.made_unix_s, 42);
	assert_memory_equal(index.header.identity, identity, sizeof identity);
	assert_int_equal(index.header.domains_count, 3);
	assert_int_equal(index.domains[0].name.len, 0);
	assert_text_equal(index.domains[1].name, "x.example");
	assert_text_equal(index.domains[2].name, "y.example");
	walk(&index, 0, seen, sizeof seen);
	assert_string_equal(seen, "2@42 ");
	walk(&index, 1, seen, sizeof seen);
	assert_string_equal(seen, "0@0 3@51 4@72 ");
	walk(&index, 2, seen, sizeof seen);
	assert_string_equal(seen, "1@21 ");
	job_index_close(&index);
}

static void many_recipients_cross_the_blocks(void **state)
{
	(void)state;
	enum { COUNT = 40000 };
	struct job_index index;
	struct job_index_entry entry;
	char *text = malloc(COUNT * 40), *end = text;
	for (int i = 0; i < COUNT; i++)
		end += snprintf(end, 40, "{\"to\":\"r%d@d%d.example\"}\n", i, i % 3);
	write_recipients(text);
	free(text);
	make_index(COUNT);
	assert_int_equal(job_index_open(state_fd, &arena, &index, &fail), RESULT_OK);
	for (uint32_t domain = 1; domain <= 3; domain++) {
		uint32_t count = 0;
		for (uint32_t i = index.domains[domain].first; i != JOB_NONE; i = entry.next) {
			assert_int_equal(i, count * 3 + domain - 1);
			assert_int_equal(job_index_read(&index, i, &entry, &fail), RESULT_OK);
			count++;
		}
		assert_int_equal(count, index.domains[domain].count);
	}
	job_index_close(&index);
}

static void an_index_that_is_cut_short_is_damaged(void **state)
{
	(void)state;
	struct job_index index;
	write_recipients("{\"to\":\"a@x.example\"}\n");
	make_index(1);
	char path[96];
	(void)snprintf(path, sizeof path, "%s/index", directory);
	for (long size = 0; size < JOB_INDEX_HEADER_BYTES + JOB_INDEX_ENTRY_BYTES + 20; size += 7) {
		make_index(1);
		assert_int_equal(truncate(path, size), 0);
		assert_int_equal(job_index_open(state_fd, &arena, &index, &fail), RESULT_DAMAGED);
	}
}

static void overwrite(const char *name, long at, const char *bytes, size_t len)
{
	char path[96];
	(void)snprintf(path, sizeof path, "%s/%s", directory, name);
	int fd = open(path, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, at), (ssize_t)len);
	(void)close(fd);
}

/* Whoever goes through a domain must come to its end. */
static void an_entry_that_leads_back_is_damaged(void **state)
{
	(void)state;
	struct job_index index;
	struct job_index_entry entry;
	write_recipients("{\"to\":\"a@x.example\"}\n{\"to\":\"b@x.example\"}\n");
	make_index(2);
	enum { NEXT_AT = JOB_INDEX_HEADER_BYTES + JOB_INDEX_ENTRY_BYTES + 12 };
	static const char *const nexts[] = { "\0\0\0\0", "\0\0\0\1", "\0\0\0\2" };
	for (size_t i = 0; i < COUNT_OF(nexts); i++) {
		overwrite("index", NEXT_AT, nexts[i], 4);
		assert_int_equal(job_index_open(state_fd, &arena, &index, &fail), RESULT_OK);
		assert_int_equal(job_index_read(&index, 0, &entry, &fail), RESULT_OK);
		assert_int_equal(job_index_read(&index, 1, &entry, &fail), RESULT_DAMAGED);
		job_index_close(&index);
	}
}

static void counts_that_do_not_agree_are_damage_and_no_want_of_memory(void **state)
{
	(void)state;
	enum { RCPTS_AT = 8 + 4 + 16 + 8 + 8, DOMAINS_AT = RCPTS_AT + 4 };
	struct job_index index;
	write_recipients("{\"to\":\"a@x.example\"}\n");
	make_index(1);
	overwrite("index", DOMAINS_AT, "\x7f\xff\xff\xff", 4);
	assert_int_equal(job_index_open(state_fd, &arena, &index, &fail), RESULT_DAMAGED);
	make_index(1);
	overwrite("index", JOB_INDEX_HEADER_BYTES + JOB_INDEX_ENTRY_BYTES + 10 + 4, "\0\0\0\2", 4);
	assert_int_equal(job_index_open(state_fd, &arena, &index, &fail), RESULT_DAMAGED);
}

static void an_index_that_was_not_finished_leaves_nothing_behind(void **state)
{
	(void)state;
	int fd;
	struct job_indexing *indexing;
	write_recipients("{\"to\":\"a@x.example\"}\n");
	assert_int_equal(
		file_open_regular(state_fd, "recipients.jsonl", &fd, NULL, &fail), RESULT_OK);
	assert_int_equal(
		job_indexing_begin(state_fd, fd, identity, 42, &indexing, &fail), RESULT_OK);
	assert_int_equal(faccessat(state_fd, "index.tmp", F_OK, 0), 0);
	job_indexing_end(&indexing);
	assert_int_equal(faccessat(state_fd, "index.tmp", F_OK, 0), -1);
	file_close(fd);
}

/* ---- recipients.jsonl, while the job is in work ---- */

#define LINES "{\"to\":\"a@x.example\"}\n{\"to\":\"b@x.example\"}\n"

static struct job_source source;

static void write_in_place(const char *text, size_t at)
{
	char path[96];
	(void)snprintf(path, sizeof path, "%s/recipients.jsonl", directory);
	FILE *file = fopen(path, "r+");
	assert_non_null(file);
	assert_int_equal(fseek(file, (long)at, SEEK_SET), 0);
	assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
	assert_int_equal(fclose(file), 0);
}

/* So long ago that what is written now has another time. */
static void make_source(void)
{
	struct job_index index;
	const struct timespec long_ago[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	write_recipients(LINES);
	assert_int_equal(utimensat(state_fd, "recipients.jsonl", long_ago, 0), 0);
	make_index(2);
	assert_int_equal(job_index_open(state_fd, &arena, &index, &fail), RESULT_OK);
	source = (struct job_source){ 0 };
	job_source_expect(&source, &index.header);
	job_index_close(&index);
	assert_int_equal(
		file_open_regular(state_fd, "recipients.jsonl", &source.fd, NULL, &fail), RESULT_OK);
	assert_int_equal(job_source_check(&source, &fail), RESULT_OK);
}

static void recipients_that_were_touched_or_added_to_are_the_same(void **state)
{
	(void)state;
	make_source();
	assert_int_equal(utimensat(state_fd, "recipients.jsonl", NULL, 0), 0);
	assert_int_equal(job_source_check(&source, &fail), RESULT_OK);
	assert_false(source.has_grown);
	write_in_place("{\"to\":\"c@x.example\"}\n", strlen(LINES));
	assert_int_equal(job_source_check(&source, &fail), RESULT_OK);
	assert_true(source.has_grown);
	file_close(source.fd);
}

static void recipients_that_were_changed_or_cut_are_others_for_good(void **state)
{
	(void)state;
	make_source();
	write_in_place("z", 7);
	assert_int_equal(job_source_check(&source, &fail), RESULT_INVALID);
	assert_non_null(strstr(fail.text, "changed after the job was accepted"));
	write_in_place("a", 7);
	assert_int_equal(job_source_check(&source, &fail), RESULT_INVALID);
	file_close(source.fd);
	assert_int_equal(unlinkat(state_fd, "recipients.jsonl", 0), 0);
	make_source();
	char path[96];
	(void)snprintf(path, sizeof path, "%s/recipients.jsonl", directory);
	assert_int_equal(truncate(path, 5), 0);
	assert_int_equal(job_source_check(&source, &fail), RESULT_INVALID);
	file_close(source.fd);
}

static void recipients_that_are_written_to_while_they_are_read_are_read_later(void **state)
{
	(void)state;
	int fd;
	enum result r;
	struct job_indexing *indexing;
	write_recipients(LINES);
	assert_int_equal(
		file_open_regular(state_fd, "recipients.jsonl", &fd, NULL, &fail), RESULT_OK);
	assert_int_equal(
		job_indexing_begin(state_fd, fd, identity, 42, &indexing, &fail), RESULT_OK);
	while ((r = job_indexing_step(indexing, &fail)) == RESULT_AGAIN)
		;
	write_in_place("{\"to\":\"c@x.example\"}\n", strlen(LINES));
	assert_int_equal(job_indexing_finish(indexing, &fail), RESULT_BUSY);
	job_indexing_end(&indexing);
	file_close(fd);
}

static void what_is_done_is_known_after_it_was_saved(void **state)
{
	(void)state;
	enum { COUNT = 100001 };
	struct job_progress progress;
	assert_int_equal(job_progress_open(state_fd, identity, COUNT, &progress, &fail), RESULT_OK);
	for (uint32_t i = 0; i < COUNT; i += 1000)
		job_progress_set(&progress, i, i % 3000 == 0 ? EVENT_BOUNCED : EVENT_DELIVERED);
	job_progress_set(&progress, 0, EVENT_EXPIRED); /* the first one counts */
	assert_int_equal(progress.done_count, 101);
	assert_int_equal(job_progress_save(&progress, &fail), RESULT_OK);
	job_progress_set(&progress, 1, EVENT_SUPPRESSED); /* and not saved */
	job_progress_close(&progress);
	assert_int_equal(job_progress_open(state_fd, identity, COUNT, &progress, &fail), RESULT_OK);
	assert_int_equal(progress.done_count, 101);
	for (uint32_t i = 0; i < COUNT; i++)
		assert_int_equal(job_progress_is_done(&progress, i), i % 1000 == 0);
	assert_int_equal(job_progress_count(&progress, EVENT_BOUNCED), 34);
	assert_int_equal(job_progress_count(&progress, EVENT_DELIVERED), 67);
	assert_int_equal(job_progress_code(&progress, 3000), 1 + EVENT_BOUNCED);
	job_progress_close(&progress);
	assert_int_equal(
		job_progress_open(state_fd, other, COUNT, &progress, &fail), RESULT_CHANGED);
}

static void when_somebody_had_an_answer_last_is_known_after_it_was_saved(void **state)
{
	(void)state;
	enum { COUNT = 10 };
	struct job_progress progress;
	assert_int_equal(job_progress_open(state_fd, identity, COUNT, &progress, &fail), RESULT_OK);
	assert_int_equal(progress.answered_us, 0);
	job_progress_answered(&progress, 5000000000000000);
	assert_int_equal(job_progress_save(&progress, &fail), RESULT_OK);
	job_progress_answered(&progress, 4000000000000000); /* a clock that was set back */
	job_progress_set(&progress, 3, EVENT_EXPIRED);
	assert_int_equal(job_progress_save(&progress, &fail), RESULT_OK);
	job_progress_answered(&progress, 6000000000000000); /* and not saved */
	job_progress_close(&progress);
	assert_int_equal(job_progress_open(state_fd, identity, COUNT, &progress, &fail), RESULT_OK);
	assert_int_equal(progress.answered_us, 5000000000000000);
	assert_int_equal(progress.done_count, 1);
	job_progress_close(&progress);
	assert_true(job_kind_is_answer(EVENT_DELIVERED) && job_kind_is_answer(EVENT_BOUNCED));
	assert_false(job_kind_is_answer(EVENT_EXPIRED) || job_kind_is_answer(EVENT_SUPPRESSED));
}

static void who_only_looks_at_what_is_done_makes_no_file(void **state)
{
	(void)state;
	enum { COUNT = 10 };
	struct job_progress progress;
	int fd;
	assert_int_equal(job_progress_look(state_fd, identity, COUNT, &progress, &fail), RESULT_OK);
	assert_int_equal(progress.done_count, 0);
	job_progress_close(&progress);
	assert_int_equal(file_open_regular(state_fd, "done", &fd, NULL, NULL), RESULT_NOT_FOUND);
	assert_int_equal(job_progress_open(state_fd, identity, COUNT, &progress, &fail), RESULT_OK);
	job_progress_set(&progress, 9, EVENT_WITHDRAWN);
	assert_int_equal(job_progress_save(&progress, &fail), RESULT_OK);
	job_progress_close(&progress);
	assert_int_equal(job_progress_look(state_fd, identity, COUNT, &progress, &fail), RESULT_OK);
	assert_int_equal(job_progress_count(&progress, EVENT_WITHDRAWN), 1);
	job_progress_close(&progress);
}

static void progress_of_another_version_is_not_taken_for_none(void **state)
{
	(void)state;
	int fd;
	struct job_progress progress;
	char page[4096] = "LSJOBDN\n";
	assert_int_equal(file_create(state_fd, "done", &fd, &fail), RESULT_OK);
	assert_int_equal(file_write_all(fd, page, sizeof page, &fail), RESULT_OK);
	file_close(fd);
	assert_int_equal(
		job_progress_open(state_fd, identity, 10, &progress, &fail), RESULT_DAMAGED);
}

static void a_job_is_counted_by_domain_and_the_one_with_most_to_do_comes_first(void **state)
{
	(void)state;
	enum { COUNT = 70000 };
	struct job_index index;
	struct job_progress progress;
	struct job_count count;
	struct control_job_domain largest[2];
	enum result r;
	char *text = malloc(COUNT * 40), *end = text;
	for (int i = 0; i < COUNT; i++)
		end += snprintf(end, 40, "{\"to\":\"r%d@d%d.example\"}\n", i, i % 7);
	write_recipients(text);
	free(text);
	make_index(COUNT);
	assert_int_equal(job_index_open(state_fd, &arena, &index, &fail), RESULT_OK);
	assert_int_equal(job_progress_open(state_fd, identity, COUNT, &progress, &fail), RESULT_OK);
	for (uint32_t i = 0; i < COUNT; i++)
		if (i % 7 != 3 && (i % 7 != 5 || i < 35000))
			job_progress_set(
				&progress, i, i % 14 == 5 ? EVENT_BOUNCED : EVENT_DELIVERED);
	assert_int_equal(job_count_begin(&count, &index, &fail), RESULT_OK);
	while ((r = job_count_step(&count, &index, &progress, &fail)) == RESULT_AGAIN)
		;
	assert_int_equal(r, RESULT_OK);
	assert_int_equal(job_count_largest(&count, &index, largest, 2), 2);
	assert_text_equal(largest[0].name, "d3.example");
	assert_int_equal(largest[0].pending, 10000);
	assert_text_equal(largest[1].name, "d5.example");
	assert_int_equal(largest[1].pending, 5000);
	assert_int_equal(largest[1].delivered, 2500);
	assert_int_equal(largest[1].failed, 2500);
	assert_int_equal(largest[1].rcpts_count, 10000);
	job_count_end(&count);
	job_progress_close(&progress);
	job_index_close(&index);
}

static void read_drops(const uint64_t of[2], struct job_drops *drops)
{
	assert_int_equal(job_drops_read(state_fd, of, drops, &fail), RESULT_OK);
}

static void what_was_dropped_of_a_job_is_known_to_the_next_run_and_to_no_other_job(void **state)
{
	(void)state;
	struct job_drops drops;
	read_drops(identity, &drops);
	assert_false(job_drops_have(&drops, TEXT("a.example")));
	assert_int_equal(
		job_drops_add(&drops, state_fd, identity, TEXT("a.example"), &fail), RESULT_OK);
	assert_int_equal(
		job_drops_add(&drops, state_fd, identity, TEXT("b.example"), &fail), RESULT_OK);
	job_drops_end(&drops);
	read_drops(identity, &drops);
	assert_true(job_drops_have(&drops, TEXT("a.example")));
	assert_true(job_drops_have(&drops, TEXT("b.example")));
	assert_false(job_drops_have(&drops, TEXT("c.example")));
	assert_false(job_drops_have(&drops, TEXT_EMPTY)); /* lines that cannot be read */
	assert_false(drops.is_all);
	assert_int_equal(job_drops_add(&drops, state_fd, identity, TEXT_EMPTY, &fail), RESULT_OK);
	job_drops_end(&drops);
	read_drops(identity, &drops);
	assert_true(drops.is_all);
	assert_true(job_drops_have(&drops, TEXT_EMPTY));
	job_drops_end(&drops);
	read_drops(other, &drops);
	assert_false(job_drops_have(&drops, TEXT("a.example")));
	job_drops_end(&drops);
}

static void drops_that_cannot_be_read_stop_the_job(void **state)
{
	(void)state;
	static const char *const texts[] = { "", "job 12", "nonsense\n",
		"job 00000000000000070000000000000009\nnobody\n",
		"job 00000000000000070000000000000009\nall" };
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		int fd;
		struct job_drops drops;
		(void)unlinkat(state_fd, JOB_DROPS_NAME, 0);
		assert_int_equal(file_create(state_fd, JOB_DROPS_NAME, &fd, &fail), RESULT_OK);
		assert_int_equal(file_write_all(fd, texts[i], strlen(texts[i]), &fail), RESULT_OK);
		file_close(fd);
		assert_int_equal(job_drops_read(state_fd, identity, &drops, &fail), RESULT_DAMAGED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			each_domain_is_gone_through_in_the_order_of_the_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			many_recipients_cross_the_blocks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			an_index_that_is_cut_short_is_damaged, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			an_entry_that_leads_back_is_damaged, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			counts_that_do_not_agree_are_damage_and_no_want_of_memory, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(
			an_index_that_was_not_finished_leaves_nothing_behind, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			recipients_that_were_touched_or_added_to_are_the_same, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			recipients_that_were_changed_or_cut_are_others_for_good, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			recipients_that_are_written_to_while_they_are_read_are_read_later, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(
			what_is_done_is_known_after_it_was_saved, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			when_somebody_had_an_answer_last_is_known_after_it_was_saved, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			who_only_looks_at_what_is_done_makes_no_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			progress_of_another_version_is_not_taken_for_none, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_job_is_counted_by_domain_and_the_one_with_most_to_do_comes_first, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(
			what_was_dropped_of_a_job_is_known_to_the_next_run_and_to_no_other_job,
			set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			drops_that_cannot_be_read_stop_the_job, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
