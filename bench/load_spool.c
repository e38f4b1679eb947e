#include "bench/load_spool.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include "engine/base/check.h"
#include "engine/io/file.h"

static const char *const folders[] = { "tmp", "new", "bad", "state" };

static enum result create_folders(int dir, struct fail *fail)
{
	for (size_t i = 0; i < COUNT_OF(folders); i++)
		if (mkdirat(dir, folders[i], 0755) != 0 && errno != EEXIST)
			return fail_set_errno(fail, errno, "cannot make %s", folders[i]);
	return RESULT_OK;
}

enum result load_spool_open(
	struct load_spool *spool, const char *path, bool create, struct fail *fail)
{
	*spool = (struct load_spool){ .dir = -1, .tmp = -1, .new = -1 };
	enum result result = create ? file_make_directories(path, 0755, fail) : RESULT_OK;
	if (result == RESULT_OK)
		result = file_open_directory(AT_FDCWD, path, &spool->dir, fail);
	if (result == RESULT_OK && create)
		result = create_folders(spool->dir, fail);
	if (result == RESULT_OK)
		result = file_open_directory(spool->dir, "tmp", &spool->tmp, fail);
	if (result == RESULT_OK)
		result = file_open_directory(spool->dir, "new", &spool->new, fail);
	if (result == RESULT_OK)
		return RESULT_OK;
	load_spool_close(spool);
	if (result == RESULT_NOT_FOUND)
		return fail_set(fail, result,
			"%s is no spool: it has not both tmp/ and new/ (--create makes them)", path);
	return result;
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		file_close(*fd);
	*fd = -1;
}

void load_spool_close(struct load_spool *spool)
{
	close_one(&spool->tmp);
	close_one(&spool->new);
	close_one(&spool->dir);
}

enum result load_spool_put(const struct load_spool *spool, const char *name, const void *data,
	size_t len, struct fail *fail)
{
	int fd, folder = spool->in_place ? spool->new : spool->tmp;
	struct fail ignored;
	enum result result = file_create(folder, name, &fd, fail);
	if (result != RESULT_OK)
		return result;
	result = file_write_all(fd, data, len, fail);
	if (result == RESULT_OK && spool->sync_files)
		result = file_sync(fd, false, fail);
	file_close(fd);
	if (result == RESULT_OK && !spool->in_place)
		result = file_rename(spool->tmp, name, spool->new, name, fail);
	if (result != RESULT_OK && file_unlink(folder, name, &ignored) != RESULT_OK)
		(void)fail_prefix(fail, "%s is left behind", name);
	return result;
}

enum result load_spool_sync(const struct load_spool *spool, struct fail *fail)
{
	return file_sync(spool->new, false, fail);
}
