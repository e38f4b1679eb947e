/* store/disk.c on the real disk: what sim_disk.c plays in the other tests. */
#include <sys/stat.h>
#include "tests/unit/store/temp_folder.h"
#include "store/disk.h"

static int folder;
static struct fail fail;

static int setup(void **state)
{
	int failed = temp_folder_make(state);
	return failed != 0 || disk_open_folder(temp_folder, &folder, &fail) != RESULT_OK;
}

static int teardown(void **state)
{
	disk_close(folder);
	return temp_folder_remove(state);
}

static void what_is_written_is_read_at_its_place(void **state)
{
	(void)state;
	char text[16];
	int fd;
	size_t len;
	uint64_t bytes;
	assert_int_equal(disk_open(folder, "a", true, &fd, &fail), RESULT_OK);
	assert_int_equal(disk_allocate(fd, 10000, &fail), RESULT_OK);
	assert_int_equal(disk_size(fd, &bytes, &fail), RESULT_OK);
	assert_int_equal(bytes, 10000);
	assert_int_equal(disk_write_at(fd, "hello", 5, 9995, &fail), RESULT_OK);
	assert_int_equal(disk_sync(fd, &fail), RESULT_OK);
	assert_int_equal(disk_read_at(fd, text, sizeof text, 9993, &len, &fail), RESULT_OK);
	assert_int_equal(len, 7);
	assert_memory_equal(text, "\0\0hello", 7);
	assert_int_equal(disk_read_at(fd, text, sizeof text, 20000, &len, &fail), RESULT_OK);
	assert_int_equal(len, 0);
	assert_int_equal(disk_truncate(fd, 3, &fail), RESULT_OK);
	assert_int_equal(disk_size(fd, &bytes, &fail), RESULT_OK);
	assert_int_equal(bytes, 3);
	disk_close(fd);
	assert_int_equal(disk_remove(folder, "a", &fail), RESULT_OK);
}

static void errors_are_results_with_the_name(void **state)
{
	(void)state;
	int fd;
	assert_int_equal(disk_open(folder, "none", false, &fd, &fail), RESULT_NOT_FOUND);
	assert_string_equal(fail.text, "cannot open none: No such file or directory");
	assert_int_equal(disk_open(folder, "b", true, &fd, &fail), RESULT_OK);
	disk_close(fd);
	assert_int_equal(disk_open(folder, "b", true, &fd, &fail), RESULT_EXISTS);
	/* A link is nobody's journal. */
	assert_int_equal(symlink("b", temp_path("link")), 0);
	assert_int_equal(disk_open(folder, "link", false, &fd, &fail), RESULT_FORBIDDEN);
	assert_int_equal(disk_remove(folder, "link", &fail), RESULT_OK);
	assert_int_equal(disk_rename(folder, "b", "c", &fail), RESULT_OK);
	assert_int_equal(disk_rename(folder, "b", "c", &fail), RESULT_NOT_FOUND);
	assert_int_equal(disk_sync_folder(folder, &fail), RESULT_OK);
	assert_int_equal(disk_remove(folder, "c", &fail), RESULT_OK);
	assert_int_equal(disk_remove(folder, "c", &fail), RESULT_NOT_FOUND);
	disk_try_remove(folder, "c");
	int other;
	assert_int_equal(disk_open_folder("/nonexistent", &other, &fail), RESULT_NOT_FOUND);
	/* A device takes nothing: a full disk. */
	assert_int_equal(disk_open_folder("/dev", &other, &fail), RESULT_OK);
	assert_int_equal(disk_open(other, "full", false, &fd, &fail), RESULT_OK);
	assert_int_equal(disk_write_at(fd, "x", 1, 0, &fail), RESULT_NO_SPACE);
	uint64_t bytes;
	assert_int_equal(disk_size(fd, &bytes, &fail), RESULT_INVALID);
	disk_close(fd);
	disk_close(other);
}

static void space_may_be_taken_first_and_zeroed_in_pieces(void **state)
{
	(void)state;
	char text[8];
	int fd;
	size_t len;
	uint64_t bytes;
	struct stat st;
	enum { SIZE = 600000, PIECE = 300000 };
	assert_int_equal(disk_open(folder, "r", true, &fd, &fail), RESULT_OK);
	assert_int_equal(disk_reserve(fd, SIZE, &fail), RESULT_OK);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(st.st_blocks * 512 >= SIZE);
	assert_int_equal(disk_write_at(fd, "old", 3, PIECE - 2, &fail), RESULT_OK);
	assert_int_equal(disk_zero(fd, 0, PIECE, &fail), RESULT_OK); /* more than one write */
	assert_int_equal(disk_read_at(fd, text, 3, PIECE - 2, &len, &fail), RESULT_OK);
	assert_memory_equal(text, "\0\0d", 3);
	assert_int_equal(disk_zero(fd, PIECE, SIZE - PIECE, &fail), RESULT_OK);
	assert_int_equal(disk_read_at(fd, text, 3, PIECE - 2, &len, &fail), RESULT_OK);
	assert_memory_equal(text, "\0\0\0", 3);
	assert_int_equal(disk_sync(fd, &fail), RESULT_OK);
	assert_int_equal(disk_size(fd, &bytes, &fail), RESULT_OK);
	assert_int_equal(bytes, SIZE);
	disk_close(fd);
	assert_int_equal(disk_remove(folder, "r", &fail), RESULT_OK);
	/* A device has no space to take. */
	int devices;
	assert_int_equal(disk_open_folder("/dev", &devices, &fail), RESULT_OK);
	assert_int_equal(disk_open(devices, "full", false, &fd, &fail), RESULT_OK);
	assert_int_not_equal(disk_reserve(fd, SIZE, &fail), RESULT_OK);
	assert_non_null(strstr(fail.text, "cannot allocate 600000 bytes"));
	assert_int_equal(disk_zero(fd, 0, PIECE, &fail), RESULT_NO_SPACE);
	disk_close(fd);
	disk_close(devices);
}

struct seen { unsigned a, others; };

static enum result look(const char *name, void *context)
{
	struct seen *seen = context;
	if (name[0] == 'a')
		seen->a++;
	else
		seen->others++;
	return name[0] == 'z' ? RESULT_CANCELLED : RESULT_OK;
}

static void names_are_listed_twice_the_same(void **state)
{
	(void)state;
	int fd;
	for (char name[] = "a0"; name[1] < '5'; name[1]++) {
		assert_int_equal(disk_open(folder, name, true, &fd, &fail), RESULT_OK);
		disk_close(fd);
	}
	for (int turn = 0; turn < 2; turn++) {
		struct seen seen = { 0 };
		assert_int_equal(disk_list_folder(folder, look, &seen, &fail), RESULT_OK);
		assert_int_equal(seen.a, 5);
		assert_int_equal(seen.others, 0);
	}
	assert_int_equal(disk_open(folder, "z", true, &fd, &fail), RESULT_OK);
	disk_close(fd);
	struct seen seen = { 0 };
	assert_int_equal(disk_list_folder(folder, look, &seen, &fail), RESULT_CANCELLED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_at_its_place),
		cmocka_unit_test(space_may_be_taken_first_and_zeroed_in_pieces),
		cmocka_unit_test(errors_are_results_with_the_name),
		cmocka_unit_test(names_are_listed_twice_the_same),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
