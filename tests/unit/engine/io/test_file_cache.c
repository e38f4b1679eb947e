/* What is read through the cache is what stands in the file, and mostly without a call. */
#include "tests/unit/engine/io/io_test.h"
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "engine/io/file_at.h"
#include "engine/io/file_cache.h"

enum { BLOCK = 16, SLOTS = 4, FILE_BYTES = 1000 };

static struct file_cache cache;
static struct fail failed;

static int set_up(void **state)
{
	(void)state;
	assert_int_equal(file_cache_init(&cache, SLOTS, BLOCK), RESULT_OK);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	file_cache_deinit(&cache);
	return 0;
}

static int make_file(size_t bytes, char first)
{
	int fd = memfd_create("file_cache", 0);
	char text[FILE_BYTES];
	assert_true(fd >= 0);
	for (size_t i = 0; i < bytes; i++)
		text[i] = (char)(first + (char)(i % 61));
	assert_int_equal(file_write_at(fd, 0, text, bytes, &failed), RESULT_OK);
	return fd;
}

static void is_same(int fd, uint64_t at, size_t size)
{
	char cached[FILE_BYTES], plain[FILE_BYTES];
	size_t cached_len, plain_len;
	assert_int_equal(
		file_cache_read_at(&cache, fd, at, cached, size, &cached_len, &failed), RESULT_OK);
	assert_int_equal(file_read_at(fd, at, plain, size, &plain_len, &failed), RESULT_OK);
	assert_int_equal(cached_len, plain_len);
	assert_memory_equal(cached, plain, plain_len);
}

static char octet_at(int fd, uint64_t at)
{
	char octet = '\0';
	size_t len;
	assert_int_equal(file_cache_read_at(&cache, fd, at, &octet, 1, &len, &failed), RESULT_OK);
	assert_int_equal(len, 1);
	return octet;
}

static void every_place_of_several_files_gives_what_stands_there(void **state)
{
	(void)state;
	const size_t sizes[] = { 0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK, 900 };
	int fds[COUNT_OF(sizes)];
	for (size_t i = 0; i < COUNT_OF(sizes); i++)
		fds[i] = make_file(sizes[i], (char)('A' + i));
	srandom(3);
	for (unsigned round = 0; round < 20000; round++) {
		size_t which = (size_t)random() % COUNT_OF(sizes);
		is_same(fds[which], (uint64_t)random() % (sizes[which] + 2 * BLOCK),
			(size_t)random() % (4 * BLOCK));
	}
	for (size_t i = 0; i < COUNT_OF(sizes); i++)
		file_close(fds[i]);
}

static void a_whole_block_is_read_once_and_the_last_one_each_time(void **state)
{
	(void)state;
	int fd = make_file(2 * BLOCK + 3, 'a');
	assert_int_equal(octet_at(fd, 1), 'b');
	assert_int_equal(octet_at(fd, 2 * BLOCK), (char)('a' + 2 * BLOCK));
	assert_int_equal(file_write_at(fd, 1, "B", 1, &failed), RESULT_OK);
	assert_int_equal(file_write_at(fd, 2 * BLOCK, "C", 1, &failed), RESULT_OK);
	assert_int_equal(octet_at(fd, 1), 'b');
	assert_int_equal(octet_at(fd, 2 * BLOCK), 'C');
	/* Another block of the same slot takes its place. */
	file_close(fd);
	fd = make_file((SLOTS + 1) * BLOCK, 'a');
	file_cache_forget(&cache, fd);
	assert_int_equal(octet_at(fd, 0), 'a');
	assert_int_equal(octet_at(fd, SLOTS * BLOCK), (char)('a' + SLOTS * BLOCK % 61));
	assert_int_equal(file_write_at(fd, 0, "X", 1, &failed), RESULT_OK);
	assert_int_equal(octet_at(fd, 0), 'X');
	file_close(fd);
}

static void a_number_that_comes_back_for_another_file_brings_that_one(void **state)
{
	(void)state;
	int fd = make_file(BLOCK, 'a');
	assert_int_equal(octet_at(fd, 0), 'a');
	int other = make_file(BLOCK, 'A');
	file_cache_forget(&cache, fd);
	assert_int_equal(dup2(other, fd), fd);
	assert_int_equal(octet_at(fd, 0), 'A');
	file_close(other);
	file_close(fd);
}

static void what_cannot_be_read_is_an_error_and_not_kept(void **state)
{
	(void)state;
	char octet;
	size_t len;
	for (unsigned i = 0; i < 2; i++)
		assert_int_not_equal(
			file_cache_read_at(&cache, -1, 0, &octet, 1, &len, &failed), RESULT_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_place_of_several_files_gives_what_stands_there),
		TEST(a_whole_block_is_read_once_and_the_last_one_each_time),
		TEST(a_number_that_comes_back_for_another_file_brings_that_one),
		TEST(what_cannot_be_read_is_an_error_and_not_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
