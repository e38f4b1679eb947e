/* Files by blocking calls: links, FIFOs, identities, writers, names. */
#include "tests/unit/engine/io/io_test.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "engine/io/file.h"
#include "engine/io/file_scan.h"
#include "engine/io/signals.h"

struct folder {
	char path[64];
	int fd;
	struct fail fail;
};

static int make_folder(void **state)
{
	struct folder *folder = calloc(1, sizeof *folder);
	assert_non_null(folder);
	snprintf(folder->path, sizeof folder->path, "/tmp/longship-file-XXXXXX");
	assert_non_null(mkdtemp(folder->path));
	assert_int_equal(
		file_open_directory(AT_FDCWD, folder->path, &folder->fd, &folder->fail), RESULT_OK);
	*state = folder;
	return 0;
}

static int remove_folder(void **state)
{
	struct folder *folder = *state;
	char command[96];
	file_close(folder->fd);
	snprintf(command, sizeof command, "rm -rf %s", folder->path);
	assert_int_equal(system(command), 0);
	free(folder);
	return 0;
}

static void put(struct folder *folder, const char *name, const char *text)
{
	int fd;
	assert_int_equal(file_create(folder->fd, name, &fd, &folder->fail), RESULT_OK);
	assert_int_equal(file_write_all(fd, text, strlen(text), &folder->fail), RESULT_OK);
	file_close(fd);
}

static void only_regular_files_below_the_directory_are_opened(void **state)
{
	struct folder *folder = *state;
	int fd;
	put(folder, "mail", "hello");
	assert_int_equal(mkdirat(folder->fd, "dir", 0700), 0);
	assert_int_equal(mkfifoat(folder->fd, "fifo", 0600), 0);
	assert_int_equal(symlinkat("mail", folder->fd, "link"), 0);
	assert_int_equal(symlinkat("dir", folder->fd, "dirlink"), 0);
	assert_int_equal(symlinkat("/etc", folder->fd, "etc"), 0);
	put(folder, "dir/inner", "x");
	static const struct { const char *name; enum result want; } rows[] = {
		{ "mail", RESULT_OK },          { "dir/inner", RESULT_OK },
		{ "link", RESULT_INVALID },     { "dirlink/inner", RESULT_INVALID },
		{ "etc/hostname", RESULT_INVALID }, { "../etc/hostname", RESULT_INVALID },
		{ "/etc/hostname", RESULT_INVALID }, { "fifo", RESULT_INVALID },
		{ "dir", RESULT_INVALID },      { "none", RESULT_NOT_FOUND },
		{ "mail/inner", RESULT_INVALID }, { "fifo/inner", RESULT_INVALID },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct file_identity identity = { 0 };
		enum result result =
			file_open_regular(folder->fd, rows[i].name, &fd, &identity, &folder->fail);
		if (result != rows[i].want)
			fail_msg("%s: %s", rows[i].name, result_name(result));
		assert_int_equal(fd >= 0, result == RESULT_OK);
		assert_int_equal(identity.inode != 0, result == RESULT_OK);
		file_close(fd);
	}
	assert_int_equal(file_open_directory(folder->fd, "dirlink", &fd, NULL), RESULT_INVALID);
	assert_int_equal(file_open_directory(folder->fd, "dir", &fd, NULL), RESULT_OK);
	file_close(fd);
	assert_int_equal(file_open_directory(folder->fd, "mail", &fd, NULL), RESULT_INVALID);
	/* The operator's own path may lead through links. */
	char path[96];
	snprintf(path, sizeof path, "%s/dirlink", folder->path);
	assert_int_equal(file_open_directory(AT_FDCWD, path, &fd, NULL), RESULT_OK);
	file_close(fd);
}

static void a_name_that_returns_has_another_identity(void **state)
{
	struct folder *folder = *state;
	struct file_identity first, second, third;
	enum file_type type;
	put(folder, "mail", "hello");
	assert_int_equal(file_look(folder->fd, "mail", &type, &first, &folder->fail), RESULT_OK);
	assert_int_equal(type, FILE_TYPE_REGULAR);
	assert_int_equal(first.bytes, 5);
	assert_int_equal(
		file_rename(folder->fd, "mail", folder->fd, "other", &folder->fail), RESULT_OK);
	assert_int_equal(file_look(folder->fd, "other", &type, &second, &folder->fail), RESULT_OK);
	assert_true(file_identity_equal(&first, &second)); /* a rename keeps it */
	clock_wait_ms(20); /* file systems may reuse the inode at once; the birth differs */
	assert_int_equal(file_unlink(folder->fd, "other", &folder->fail), RESULT_OK);
	put(folder, "mail", "hello");
	assert_int_equal(file_look(folder->fd, "mail", &type, &third, &folder->fail), RESULT_OK);
	assert_false(file_identity_equal(&first, &third));
	assert_int_equal(file_look(folder->fd, "other", &type, &third, NULL), RESULT_NOT_FOUND);
}

static void without_a_birth_time_the_change_and_the_size_count(void **state)
{
	(void)state;
	struct file_identity a = { .inode = 7, .modified_ns = 100, .bytes = 5 }, b = a;
	assert_true(file_identity_equal(&a, &b));
	b.bytes = 6;
	assert_false(file_identity_equal(&a, &b));
	b = a;
	b.modified_ns = 101;
	assert_false(file_identity_equal(&a, &b));
	a.birth_ns = b.birth_ns = 50;
	assert_true(file_identity_equal(&a, &b)); /* with one, they do not */
	b.birth_ns = 51;
	assert_false(file_identity_equal(&a, &b));
	b.birth_ns = 0;
	assert_false(file_identity_equal(&a, &b));
	b = a;
	b.inode = 8;
	assert_false(file_identity_equal(&a, &b));
}

/* ---- writers ---- */

static enum file_writers writers_of_mail(struct folder *folder)
{
	int fd;
	assert_int_equal(
		file_open_regular(folder->fd, "mail", &fd, NULL, &folder->fail), RESULT_OK);
	enum file_writers writers = file_close_asking_writers(fd);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(errno, EBADF);
	return writers;
}

static void a_file_that_is_open_for_writing_is_noticed(void **state)
{
	struct folder *folder = *state;
	put(folder, "mail", "half");
	int writer = openat(folder->fd, "mail", O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_true(writer >= 0);
	if (writers_of_mail(folder) == FILE_WRITERS_UNKNOWN)
		skip(); /* a file system without leases; FILE_QUIET_NS stands in for them */
	assert_int_equal(writers_of_mail(folder), FILE_WRITERS_SOME);
	close(writer);
	assert_int_equal(writers_of_mail(folder), FILE_WRITERS_NONE);
	/* Other readers do not matter, nor do we ourselves. */
	int other = openat(folder->fd, "mail", O_RDONLY | O_CLOEXEC);
	assert_int_equal(writers_of_mail(folder), FILE_WRITERS_NONE);
	close(other);
	/* The lease was given back: who writes now is not held up. */
	uint64_t start_ns = clock_now_ns();
	writer = openat(folder->fd, "mail", O_WRONLY | O_CLOEXEC);
	assert_true(writer >= 0);
	assert_in_range(clock_now_ns() - start_ns, 0, 5000000000);
	close(writer);
}

static atomic_bool stop_writing;

static void *open_for_writing_again_and_again(void *arg)
{
	struct folder *folder = arg;
	while (!atomic_load(&stop_writing)) {
		int fd = openat(folder->fd, "mail", O_WRONLY | O_CLOEXEC);
		if (fd >= 0)
			close(fd);
	}
	return NULL;
}

/* The kernel signals who holds a lease when somebody opens the file for writing; the signal must do
 * nothing. */
static void asking_survives_writers_that_come_in_between(void **state)
{
	struct folder *folder = *state;
	pthread_t thread;
	put(folder, "mail", "x");
	if (writers_of_mail(folder) == FILE_WRITERS_UNKNOWN)
		skip();
	signals_block();
	assert_int_equal(
		pthread_create(&thread, NULL, open_for_writing_again_and_again, folder), 0);
	unsigned seen[3] = { 0 };
	for (int i = 0; i < 20000; i++) {
		int fd = openat(folder->fd, "mail", O_RDONLY | O_CLOEXEC);
		assert_true(fd >= 0);
		seen[file_close_asking_writers(fd)]++;
	}
	atomic_store(&stop_writing, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	signals_unblock();
	assert_int_equal(seen[FILE_WRITERS_UNKNOWN], 0);
	assert_true(seen[FILE_WRITERS_NONE] > 0 && seen[FILE_WRITERS_SOME] > 0);
}

static void what_cannot_be_asked_is_unknown(void **state)
{
	(void)state;
	int fds[2];
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(file_close_asking_writers(fds[0]), FILE_WRITERS_UNKNOWN);
	close(fds[1]);
}

/* ---- names ---- */

static void renaming_replaces_only_when_asked_to(void **state)
{
	struct folder *folder = *state;
	put(folder, "a", "a");
	put(folder, "b", "b");
	assert_int_equal(
		file_rename(folder->fd, "a", folder->fd, "b", &folder->fail), RESULT_EXISTS);
	assert_int_equal(
		file_rename(folder->fd, "none", folder->fd, "c", &folder->fail), RESULT_NOT_FOUND);
	assert_int_equal(
		file_rename_replacing(folder->fd, "a", folder->fd, "b", &folder->fail), RESULT_OK);
	char text[8];
	size_t len;
	assert_int_equal(file_read_small(folder->fd, "b", text, sizeof text, &len, &folder->fail),
		RESULT_OK);
	assert_string_equal(text, "a");
}

static void directories_are_made_with_all_on_the_way(void **state)
{
	struct folder *folder = *state;
	char path[128];
	snprintf(path, sizeof path, "%s/x/y//z/", folder->path);
	assert_int_equal(file_make_directories(path, 0700, &folder->fail), RESULT_OK);
	assert_int_equal(file_make_directories(path, 0700, &folder->fail), RESULT_OK);
	int fd;
	assert_int_equal(file_open_directory(folder->fd, "x/y/z", &fd, &folder->fail), RESULT_OK);
	assert_int_equal(file_sync(fd, false, &folder->fail), RESULT_OK);
	file_close(fd);
	put(folder, "file", "");
	snprintf(path, sizeof path, "%s/file", folder->path);
	assert_int_not_equal(file_make_directories(path, 0700, &folder->fail), RESULT_OK);
	snprintf(path, sizeof path, "%s/file/below", folder->path);
	assert_int_not_equal(file_make_directories(path, 0700, &folder->fail), RESULT_OK);
	assert_int_equal(file_remove_directory(folder->fd, "x/y/z", &folder->fail), RESULT_OK);
	assert_int_not_equal(file_remove_directory(folder->fd, "x", &folder->fail), RESULT_OK);
	assert_int_not_equal(file_unlink(folder->fd, "x", &folder->fail), RESULT_OK);
}

static void small_files_are_read_whole_or_not_at_all(void **state)
{
	struct folder *folder = *state;
	char text[6];
	size_t len;
	put(folder, "five", "12345");
	put(folder, "six", "123456");
	put(folder, "none", "");
	assert_int_equal(
		file_read_small(folder->fd, "five", text, sizeof text, &len, &folder->fail),
		RESULT_OK);
	assert_int_equal(len, 5);
	assert_string_equal(text, "12345");
	assert_int_equal(file_read_small(folder->fd, "six", text, sizeof text, &len, &folder->fail),
		RESULT_TOO_LONG);
	assert_int_equal(
		file_read_small(folder->fd, "none", text, sizeof text, &len, &folder->fail),
		RESULT_OK);
	assert_string_equal(text, "");
}

static void appending_goes_on_where_it_ended(void **state)
{
	struct folder *folder = *state;
	char text[16];
	size_t len;
	for (int i = 0; i < 2; i++) {
		int fd;
		assert_int_equal(
			file_open_append(folder->fd, "log", &fd, &folder->fail), RESULT_OK);
		assert_int_equal(file_write_all(fd, "line\n", 5, &folder->fail), RESULT_OK);
		assert_int_equal(file_sync(fd, true, &folder->fail), RESULT_OK);
		file_close(fd);
	}
	assert_int_equal(file_read_small(folder->fd, "log", text, sizeof text, &len, &folder->fail),
		RESULT_OK);
	assert_string_equal(text, "line\nline\n");
	int fd;
	assert_int_equal(file_create(folder->fd, "log", &fd, &folder->fail), RESULT_EXISTS);
	uint64_t bytes;
	assert_int_equal(file_free_bytes(folder->fd, &bytes, &folder->fail), RESULT_OK);
	assert_true(bytes > 0);
}

static void a_full_disk_is_said(void **state)
{
	struct folder *folder = *state;
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		skip();
	assert_int_equal(file_write_all(fd, "x", 1, &folder->fail), RESULT_NO_SPACE);
	close(fd);
}

static void lock_in_child(void *arg)
{
	struct folder *folder = arg;
	int fd = openat(folder->fd, ".", O_RDONLY | O_CLOEXEC);
	struct fail fail;
	_exit(file_lock(fd, &fail) == RESULT_BUSY ? 0 : 1);
}

static void one_process_at_a_time_holds_a_lock(void **state)
{
	struct folder *folder = *state;
	assert_int_equal(file_lock(folder->fd, &folder->fail), RESULT_OK);
	assert_int_equal(run_in_child(lock_in_child, folder), 0);
}

/* ---- scans ---- */

static void a_scan_sees_each_name_once_in_slices(void **state)
{
	enum { NAMES = 3000 };
	struct folder *folder = *state;
	static bool seen[NAMES];
	char name[64];
	for (int i = 0; i < NAMES; i++) {
		snprintf(name, sizeof name, "message-with-a-name-of-some-length-%d", i);
		put(folder, name, "");
	}
	assert_int_equal(mkdirat(folder->fd, "job", 0700), 0);
	struct file_scan scan;
	struct file_scan_entry entry;
	unsigned slices = 1, names = 0, directories = 0;
	assert_int_equal(file_scan_open(&scan, folder->fd, ".", &folder->fail), RESULT_OK);
	for (;;) {
		enum result result = file_scan_next(&scan, &entry, &folder->fail);
		if (result == RESULT_NOT_FOUND)
			break;
		if (result == RESULT_AGAIN) {
			slices++;
			continue;
		}
		assert_int_equal(result, RESULT_OK);
		assert_true(entry.inode != 0);
		int number;
		if (sscanf(entry.name, "message-with-a-name-of-some-length-%d", &number) == 1) {
			assert_false(seen[number]);
			seen[number] = true;
			names++;
			assert_true(!entry.type_known || entry.type == FILE_TYPE_REGULAR);
		} else {
			assert_string_equal(entry.name, "job");
			directories++;
		}
	}
	assert_int_equal(file_scan_next(&scan, &entry, &folder->fail), RESULT_NOT_FOUND);
	assert_int_equal(names, NAMES);
	assert_int_equal(directories, 1);
	assert_true(slices > 2);
	file_scan_close(&scan);
	file_scan_close(&scan);
	assert_int_equal(
		file_scan_open(&scan, folder->fd, "none", &folder->fail), RESULT_NOT_FOUND);
	file_scan_close(&scan);
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
	const struct CMUnitTest tests[] = {
		IN_FOLDER(only_regular_files_below_the_directory_are_opened),
		IN_FOLDER(a_name_that_returns_has_another_identity),
		cmocka_unit_test(without_a_birth_time_the_change_and_the_size_count),
		IN_FOLDER(a_file_that_is_open_for_writing_is_noticed),
		IN_FOLDER(asking_survives_writers_that_come_in_between),
		cmocka_unit_test(what_cannot_be_asked_is_unknown),
		IN_FOLDER(renaming_replaces_only_when_asked_to),
		IN_FOLDER(directories_are_made_with_all_on_the_way),
		IN_FOLDER(small_files_are_read_whole_or_not_at_all),
		IN_FOLDER(appending_goes_on_where_it_ended),
		IN_FOLDER(a_full_disk_is_said),
		IN_FOLDER(one_process_at_a_time_holds_a_lock),
		IN_FOLDER(a_scan_sees_each_name_once_in_slices),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
