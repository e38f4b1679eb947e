#include "store/state_lock.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "engine/base/text.h"

struct state_lock {
	int fd; /* the lock is on it */
};

static const char lock_name[] = "lock";

enum { PID_TEXT_SIZE = 32 };

/* The number in the file, if there is one: it was written by the owner of the lock. */
static enum result tell_owner(int fd, const char *path, struct fail *fail)
{
	char text[PID_TEXT_SIZE];
	uint64_t pid;
	ssize_t len = pread(fd, text, sizeof text, 0);
	if (len > 0 && text_to_u64(text_trim((struct text){ text, (size_t)len }), &pid))
		return fail_set(fail, RESULT_BUSY, "%s is in use by process %llu", path,
			(unsigned long long)pid);
	return fail_set(fail, RESULT_BUSY, "%s is in use by another process", path);
}

static enum result lock_and_sign(int fd, const char *path, struct fail *fail)
{
	char text[PID_TEXT_SIZE];
	int locked;
	do {
		locked = flock(fd, LOCK_EX | LOCK_NB);
	} while (locked != 0 && errno == EINTR);
	if (locked != 0 && errno == EWOULDBLOCK)
		return tell_owner(fd, path, fail);
	if (locked != 0)
		return fail_set_errno(fail, errno, "cannot lock %s/%s", path, lock_name);
	int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
	/* Only words for people: a full disk must not keep the lock from being taken. */
	if (ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)len, 0) != len)
		(void)ftruncate(fd, 0);
	return RESULT_OK;
}

enum result state_lock_acquire(const char *path, struct state_lock **out_lock, struct fail *fail)
{
	*out_lock = NULL;
	int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return fail_set_errno(fail, errno, "cannot open the directory %s", path);
	int fd = openat(folder, lock_name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int sys_errno = errno;
	(void)close(folder);
	if (fd < 0)
		return fail_set_errno(fail, sys_errno, "cannot open %s/%s", path, lock_name);
	struct state_lock *lock = malloc(sizeof *lock);
	enum result result = lock != NULL ? lock_and_sign(fd, path, fail)
					  : fail_set(fail, RESULT_MEMORY, "no memory for the lock");
	if (result != RESULT_OK) {
		(void)close(fd);
		free(lock);
		return result;
	}
	lock->fd = fd;
	*out_lock = lock;
	return RESULT_OK;
}

void state_lock_release(struct state_lock **lock)
{
	if (*lock != NULL)
		(void)close((*lock)->fd);
	free(*lock);
	*lock = NULL;
}
