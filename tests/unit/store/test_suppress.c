#include "tests/unit/store/temp_folder.h"
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include "store/suppress.h"

static struct suppress *list;
static struct fail fail;

static void open_list(bool for_writing)
{
	if (suppress_open(temp_folder, for_writing, &list, &fail) != RESULT_OK)
		fail_msg("%s", fail.text);
}

static bool put(const char *address, const char *reason, int64_t time_unix_s)
{
	const struct suppress_entry entry = { text_of(address), text_of(reason), time_unix_s };
	bool is_new;
	if (suppress_put(list, &entry, &is_new, &fail) != RESULT_OK)
		fail_msg("%s", fail.text);
	return is_new;
}

static bool delete (const char *address)
{
	bool was_there;
	assert_int_equal(suppress_delete(list, text_of(address), &was_there, &fail), RESULT_OK);
	return was_there;
}

static void commit(void)
{
	if (suppress_commit(list, &fail) != RESULT_OK)
		fail_msg("%s", fail.text);
}

static enum result find(const char *address)
{
	struct suppress_entry entry;
	return suppress_find(list, text_of(address), &entry, &fail);
}

static int tear_down(void **state)
{
	suppress_close(&list);
	return temp_folder_remove(state);
}

static void what_was_committed_is_found_also_after_a_restart(void **state)
{
	(void)state;
	struct suppress_entry entry;
	open_list(true);
	assert_int_equal(suppress_count(list), 0);
	assert_int_equal(find("ann@a.example"), RESULT_NOT_FOUND);
	assert_true(put("ann@a.example", "asked by phone", 1788266096));
	assert_true(put("bob@b.example", "", 1));
	assert_int_equal(find("ann@a.example"), RESULT_NOT_FOUND); /* not yet */
	commit();
	for (int round = 0; round < 3; round++) {
		assert_int_equal(
			suppress_find(list, TEXT("ann@a.example"), &entry, &fail), RESULT_OK);
		assert_text_equal(entry.address, "ann@a.example");
		assert_text_equal(entry.reason, "asked by phone");
		assert_int_equal(entry.time_unix_s, 1788266096);
		assert_int_equal(
			suppress_find(list, TEXT("bob@b.example"), &entry, &fail), RESULT_OK);
		assert_text_equal(entry.reason, "");
		assert_int_equal(find("ann@a.exampl"), RESULT_NOT_FOUND);
		assert_int_equal(find("ann@a.example2"), RESULT_NOT_FOUND);
		assert_int_equal(find(""), RESULT_NOT_FOUND);
		assert_int_equal(suppress_count(list), 2);
		suppress_close(&list);
		assert_null(list);
		open_list(round == 0);
	}
}

static void the_first_reason_stays(void **state)
{
	(void)state;
	struct suppress_entry entry;
	open_list(true);
	assert_true(put("a@b", "first", 1));
	assert_false(put("a@b", "second", 2));
	commit();
	assert_false(put("a@b", "third", 3));
	commit();
	assert_int_equal(suppress_find(list, TEXT("a@b"), &entry, &fail), RESULT_OK);
	assert_text_equal(entry.reason, "first");
	assert_int_equal(entry.time_unix_s, 1);
	assert_true(delete ("a@b"));
	assert_false(delete ("a@b"));
	assert_false(delete (""));
	commit();
	assert_int_equal(find("a@b"), RESULT_NOT_FOUND);
	assert_true(put("a@b", "again", 4));
	commit();
	assert_int_equal(find("a@b"), RESULT_OK);
}

static void the_longest_address_and_reason_have_room(void **state)
{
	(void)state;
	char address[SUPPRESS_ADDRESS_MAX + 2], reason[SUPPRESS_REASON_MAX + 3];
	struct suppress_entry entry;
	memset(address, 'a', sizeof address);
	address[SUPPRESS_ADDRESS_MAX] = '\0';
	/* A character that does not fit is left out whole. */
	memset(reason, 'r', sizeof reason);
	memcpy(reason + SUPPRESS_REASON_MAX - 1, "\xc3\xbc", 3);
	open_list(true);
	assert_true(put(address, reason, INT64_MAX));
	commit();
	assert_int_equal(suppress_find(list, text_of(address), &entry, &fail), RESULT_OK);
	assert_int_equal(entry.reason.len, SUPPRESS_REASON_MAX - 1);
	assert_int_equal(entry.time_unix_s, INT64_MAX);
	address[SUPPRESS_ADDRESS_MAX] = 'a';
	address[SUPPRESS_ADDRESS_MAX + 1] = '\0';
	assert_int_equal(find(address), RESULT_NOT_FOUND);
}

struct seen {
	uint64_t count, stop_at;
	char last[64];
};

static enum result see(const struct suppress_entry *entry, void *context)
{
	struct seen *seen = context;
	char address[64];
	assert_true(entry->address.len < sizeof address);
	memcpy(address, entry->address.data, entry->address.len);
	address[entry->address.len] = '\0';
	assert_true(strcmp(seen->last, address) < 0);
	memcpy(seen->last, address, sizeof address);
	return ++seen->count == seen->stop_at ? RESULT_CANCELLED : RESULT_OK;
}

/* More than a chunk, more than a batch: and every number of entries around a chunk's border. */
static void a_walk_sees_each_entry_once_and_in_order(void **state)
{
	(void)state;
	char address[64];
	open_list(true);
	for (uint64_t n = 0; n < SUPPRESS_BATCH_MAX + 600; n++) {
		if (n < 3 || (n >= 254 && n < 260) || (n >= 510 && n < 516)) {
			struct seen seen = { 0 };
			commit();
			assert_int_equal(suppress_walk(list, see, &seen, &fail), RESULT_OK);
			assert_int_equal(seen.count, n);
		}
		(void)snprintf(address, sizeof address, "%llu@a.example",
			(unsigned long long)(n * 7919 % 100003));
		assert_true(put(address, "r", 1));
	}
	/* Without a commit of ours: that of the full batch. */
	assert_int_equal(find("0@a.example"), RESULT_OK);
	struct seen seen = { 0 };
	assert_int_equal(suppress_walk(list, see, &seen, &fail), RESULT_OK);
	assert_int_equal(seen.count, 515 + SUPPRESS_BATCH_MAX);
	commit();
	assert_int_equal(suppress_count(list), SUPPRESS_BATCH_MAX + 600);
	seen = (struct seen){ .stop_at = 300 };
	assert_int_equal(suppress_walk(list, see, &seen, &fail), RESULT_CANCELLED);
	assert_int_equal(seen.count, 300);
}

/* The mark is no entry, and comes and goes with the commit that it belongs to. */
static void up_to_where_the_journal_is_on_it_is_kept_with_the_entries(void **state)
{
	(void)state;
	uint64_t seq;
	open_list(true);
	assert_int_equal(suppress_applied_seq(list, &seq, &fail), RESULT_OK);
	assert_int_equal(seq, 0);
	assert_true(put("ann@a.example", SUPPRESS_AUTOMATIC "550 no", 1));
	assert_int_equal(suppress_set_applied_seq(list, 1ull << 40, &fail), RESULT_OK);
	suppress_close(&list); /* without a commit */
	open_list(true);
	assert_int_equal(suppress_applied_seq(list, &seq, &fail), RESULT_OK);
	assert_int_equal(seq, 0);
	assert_int_equal(find("ann@a.example"), RESULT_NOT_FOUND);
	for (uint64_t n = 1; n <= 2; n++) {
		(void)put("ann@a.example", SUPPRESS_AUTOMATIC "550 no", 1);
		assert_int_equal(suppress_set_applied_seq(list, n << 40, &fail), RESULT_OK);
		commit();
		assert_int_equal(suppress_applied_seq(list, &seq, &fail), RESULT_OK);
		assert_true(seq == n << 40);
		assert_int_equal(suppress_count(list), 1);
		struct seen seen = { 0 };
		assert_int_equal(suppress_walk(list, see, &seen, &fail), RESULT_OK);
		assert_int_equal(seen.count, 1);
	}
}

static void without_a_list_there_is_none_and_reading_makes_none(void **state)
{
	(void)state;
	assert_int_equal(suppress_open(temp_folder, false, &list, &fail), RESULT_NOT_FOUND);
	assert_null(list);
	assert_int_not_equal(access(temp_path("suppress"), F_OK), 0);
	/* A tool that died before it wrote anything. */
	assert_int_equal(mkdir(temp_path("suppress"), 0700), 0);
	assert_int_equal(suppress_open(temp_folder, false, &list, &fail), RESULT_NOT_FOUND);
	open_list(true);
	assert_int_equal(suppress_count(list), 0);
	suppress_close(&list);
	assert_int_equal(suppress_open("/nonexistent/state", true, &list, &fail), RESULT_NOT_FOUND);
	assert_non_null(strstr(fail.text, "/nonexistent/state/suppress"));
}

/* What another process adds is found at once, and what a killed one had not committed is not. */
static void another_process_adds_while_this_one_reads(void **state)
{
	(void)state;
	int told[2];
	char byte;
	open_list(true);
	suppress_close(&list);
	assert_int_equal(pipe(told), 0);
	pid_t child = fork(); /* before LMDB is open here: it must not be carried over */
	assert_true(child >= 0);
	if (child == 0) {
		open_list(true);
		(void)put("a@b", "x", 1);
		commit();
		(void)put("c@d", "x", 1);
		(void)!write(told[1], "y", 1);
		for (;;)
			(void)pause();
	}
	open_list(false);
	assert_int_equal(read(told[0], &byte, 1), 1);
	assert_int_equal(find("a@b"), RESULT_OK);
	assert_int_equal(find("c@d"), RESULT_NOT_FOUND);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	suppress_close(&list);
	open_list(true); /* its lock is not in the way */
	assert_true(put("c@d", "y", 2));
	commit();
	assert_int_equal(find("c@d"), RESULT_OK);
	(void)close(told[0]);
	(void)close(told[1]);
}

/* Wherever in the file `text` stands, in pages of today and of yesterday, `data` is put `at` octets behind. */
static void overwrite(const char *text, size_t at, const char *data, size_t len)
{
	struct stat st;
	size_t found = 0;
	const char *name = "suppress/data.mdb";
	assert_int_equal(stat(temp_path(name), &st), 0);
	char *file = temp_read(name), *end = file + st.st_size;
	for (char *next = file;
		(next = memmem(next, (size_t)(end - next), text, strlen(text))) != NULL;
		next += len, found++)
		memcpy(next + at, data, len);
	assert_true(found > 0);
	temp_write(name, "r+", file, (size_t)st.st_size);
	free(file);
}

/* "Not found" would be a mail to somebody who wants none. */
static void damage_is_an_error_and_never_an_empty_list(void **state)
{
	(void)state;
	open_list(true);
	assert_true(put("ann@a.example", "asked by phone", 5));
	commit();
	suppress_close(&list);
	overwrite("asked by phone", 0, "A", 1);
	open_list(false);
	assert_int_equal(find("ann@a.example"), RESULT_DAMAGED);
	assert_non_null(strstr(fail.text, "/suppress is damaged"));
	struct seen seen = { 0 };
	assert_int_equal(suppress_walk(list, see, &seen, &fail), RESULT_DAMAGED);
	suppress_close(&list);
	/* The head of another version, and of another program. */
	overwrite("LSSU", 4, "\0\0\0\2", 4);
	assert_int_equal(suppress_open(temp_folder, true, &list, &fail), RESULT_CHANGED);
	assert_non_null(strstr(fail.text, "version 2 instead of 1"));
	overwrite("LSSU", 0, "XXXX", 4);
	assert_int_equal(suppress_open(temp_folder, true, &list, &fail), RESULT_DAMAGED);
	/* A file that was cut short, and one that was never ours. */
	assert_int_equal(truncate(temp_path("suppress/data.mdb"), 8192), 0);
	assert_int_equal(suppress_open(temp_folder, false, &list, &fail), RESULT_DAMAGED);
	char page[8192];
	memset(page, 'x', sizeof page);
	temp_write("suppress/data.mdb", "w", page, sizeof page);
	assert_int_equal(suppress_open(temp_folder, true, &list, &fail), RESULT_DAMAGED);
	assert_null(list);
}

static void a_full_disk_is_an_error_and_the_list_stays_as_it_was(void **state)
{
	(void)state;
	struct rlimit before, small = { 0 };
	char address[64];
	open_list(true);
	assert_true(put("a@b", "x", 1));
	commit();
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = (struct rlimit){ 32768, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	void (*old)(int) = signal(SIGXFSZ, SIG_IGN);
	enum result r = RESULT_OK;
	for (unsigned i = 0; i < 2000 && r == RESULT_OK; i++) {
		bool is_new;
		(void)snprintf(address, sizeof address, "%u@a.example", i);
		const struct suppress_entry entry = { text_of(address), TEXT("r"), 1 };
		r = suppress_put(list, &entry, &is_new, &fail);
	}
	if (r == RESULT_OK)
		r = suppress_commit(list, &fail);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	(void)signal(SIGXFSZ, old);
	assert_int_not_equal(r, RESULT_OK);
	assert_non_null(strstr(fail.text, "cannot write the suppression list"));
	assert_int_equal(find("a@b"), RESULT_OK);
	assert_int_equal(find("1@a.example"), RESULT_NOT_FOUND);
	assert_true(put("c@d", "x", 1));
	commit();
	assert_int_equal(find("c@d"), RESULT_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, temp_folder_make, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_committed_is_found_also_after_a_restart),
		TEST(the_first_reason_stays),
		TEST(the_longest_address_and_reason_have_room),
		TEST(a_walk_sees_each_entry_once_and_in_order),
		TEST(up_to_where_the_journal_is_on_it_is_kept_with_the_entries),
		TEST(without_a_list_there_is_none_and_reading_makes_none),
		TEST(another_process_adds_while_this_one_reads),
		TEST(damage_is_an_error_and_never_an_empty_list),
		TEST(a_full_disk_is_an_error_and_the_list_stays_as_it_was),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
