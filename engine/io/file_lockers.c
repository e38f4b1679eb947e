#include "engine/io/file_lockers.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "engine/io/file.h"

enum {
	NAME_SIZE = 32, /* the kernel's has 15 octets */
	LINE_SIZE = 256,
};

static void put_process(int pid, char *out, size_t size, size_t *len)
{
	char path[64], name[NAME_SIZE] = "";
	size_t name_len = 0;
	(void)snprintf(path, sizeof path, "/proc/%d/comm", pid);
	if (file_read_small(AT_FDCWD, path, name, sizeof name, &name_len, NULL) != RESULT_OK)
		name[0] = '\0'; /* it is gone, or not for us to see */
	name[strcspn(name, "\n")] = '\0';
	int added = snprintf(out + *len, size - *len, "%s%d%s%s%s", *len > 0 ? ", " : "", pid,
		*name != '\0' ? " (" : "", name, *name != '\0' ? ")" : "");
	*len = added > 0 && (size_t)added < size - *len ? *len + (size_t)added : size - 1;
}

/* "3: POSIX  ADVISORY  READ  1234 08:01:5678 0 0", proc(5). */
static int locker_in(const char *line, const struct stat *file)
{
	int pid;
	unsigned major_number, minor_number;
	unsigned long long inode;
	if (sscanf(line, "%*d: POSIX %*s %*s %d %x:%x:%llu", &pid, &major_number, &minor_number, &inode) != 4)
		return 0;
	bool is_it = inode == file->st_ino && major_number == major(file->st_dev) &&
		minor_number == minor(file->st_dev);
	return is_it && pid != getpid() ? pid : 0;
}

void file_lockers_put(const char *path, char *out, size_t size)
{
	struct stat st;
	char line[LINE_SIZE];
	size_t len = 0;
	int pid;
	FILE *locks = stat(path, &st) == 0 ? fopen("/proc/locks", "re") : NULL;
	while (locks != NULL && fgets(line, sizeof line, locks) != NULL)
		if ((pid = locker_in(line, &st)) > 0)
			put_process(pid, out, size, &len);
	if (locks != NULL)
		(void)fclose(locks);
	if (len == 0)
		(void)snprintf(out, size, "another process");
}
