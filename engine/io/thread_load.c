#include "engine/io/thread_load.h"
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "engine/io/clock.h"

enum { LINE_BYTES = 96 };

void thread_load_open(struct thread_load *load)
{
	load->fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
}

void thread_load_close(struct thread_load *load)
{
	if (load->fd >= 0)
		(void)close(load->fd);
	load->fd = -1;
}

/* Three numbers: ran, waited, how often. The first is only brought up to date now and then. */
static uint64_t waited_ns(int fd)
{
	char line[LINE_BYTES], *end;
	ssize_t len = fd >= 0 ? pread(fd, line, sizeof line - 1, 0) : -1;
	if (len <= 0)
		return 0;
	line[len] = '\0';
	(void)strtoull(line, &end, 10);
	return strtoull(end, NULL, 10);
}

void thread_load_read(const struct thread_load *load, uint64_t *out_ran_ns, uint64_t *out_waited_ns)
{
	*out_ran_ns = clock_thread_cpu_ns();
	*out_waited_ns = waited_ns(load->fd);
}
