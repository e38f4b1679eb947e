#include "engine/io/watch.h"
#include <errno.h>
#include <stdio.h>
#include <sys/inotify.h>
#include "engine/base/check.h"
#include "engine/io/ring.h"

enum {
	WATCH_NAME_READY = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE,
	WATCH_NAME_GONE = IN_DELETE | IN_MOVED_FROM,
	WATCH_SELF_GONE = IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT,
};
static_assert(WATCH_BUFFER_BYTES >= 16 * (sizeof(struct inotify_event) + 256),
	"a burst of names of the greatest length");

static void read_next(struct watch *watch);

static void tell(struct watch *watch, const struct inotify_event *event)
{
	const char *name = event->len > 0 ? event->name : NULL;
	if (event->mask & IN_Q_OVERFLOW)
		watch->fn(watch, WATCH_OVERFLOW, -1, NULL);
	else if (event->mask & (unsigned)WATCH_SELF_GONE)
		watch->fn(watch, WATCH_ENDED, event->wd, NULL);
	else if (event->mask & (unsigned)WATCH_NAME_READY && name != NULL)
		watch->fn(watch, WATCH_READY, event->wd, name);
	else if (event->mask & (unsigned)WATCH_NAME_GONE && name != NULL)
		watch->fn(watch, WATCH_GONE, event->wd, name);
}

static void read_done(struct io_op *op, const struct io_result *result)
{
	struct watch *watch = CONTAINER_OF(op, struct watch, op);
	size_t len = result->value > 0 ? (size_t)result->value : 0;
	size_t at = 0;
	while (watch->fd >= 0 && len - at >= sizeof(struct inotify_event)) {
		const struct inotify_event *event =
			(const struct inotify_event *)(const void *)(watch->buffer + at);
		CHECK(event->len <= len - at - sizeof *event);
		at += sizeof *event + event->len;
		tell(watch, event);
	}
	if (watch->fd >= 0)
		read_next(watch);
}

static void read_next(struct watch *watch)
{
	ring_read(watch->ring, &watch->op, watch->fd, watch->buffer, sizeof watch->buffer,
		RING_AT_CURSOR, read_done);
}

enum result watch_open(struct watch *watch, struct ring *ring, watch_fn *fn, void *owner,
	struct fail *fail)
{
	CHECK(!watch->op.in_flight);
	watch->ring = ring;
	watch->fn = fn;
	watch->owner = owner;
	watch->fd = inotify_init1(IN_CLOEXEC);
	if (watch->fd < 0 && errno == EMFILE)
		return fail_set(fail, RESULT_LIMIT,
			"no inotify instance left: raise fs.inotify.max_user_instances, or `ulimit "
			"-n`");
	if (watch->fd < 0)
		return fail_set_errno(fail, errno, "cannot watch directories");
	read_next(watch);
	return RESULT_OK;
}

enum result watch_add(struct watch *watch, int dir_fd, int *out_directory, struct fail *fail)
{
	CHECK(watch->fd >= 0);
	char path[32]; /* inotify takes paths only; this one leads to the open directory */
	snprintf(path, sizeof path, "/proc/self/fd/%d", dir_fd);
	uint32_t mask = WATCH_NAME_READY | WATCH_NAME_GONE | WATCH_SELF_GONE | IN_ONLYDIR |
		IN_EXCL_UNLINK;
	*out_directory = inotify_add_watch(watch->fd, path, mask);
	if (*out_directory >= 0)
		return RESULT_OK;
	if (errno == ENOSPC)
		return fail_set(fail, RESULT_LIMIT,
			"no inotify watch left: raise fs.inotify.max_user_watches");
	return fail_set_errno(fail, errno, "cannot watch a directory");
}

void watch_remove(struct watch *watch, int directory)
{
	if (watch->fd >= 0)
		(void)inotify_rm_watch(watch->fd, directory);
}

void watch_close(struct watch *watch)
{
	if (watch->fd < 0)
		return;
	int fd = watch->fd;
	watch->fd = -1;
	ring_cancel(watch->ring, &watch->op);
	ring_close_and_forget(watch->ring, fd);
}
