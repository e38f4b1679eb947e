/* open ─▶ (look, in place: the inode of an open file is in memory) ─▶ read ─▶ close.
 *
 * One byte more than the size is asked for: a file that is read whole comes back short by that
 * byte, which shows its end without a second read; one that grew meanwhile is caught by it. */
#include "engine/io/file_read.h"
#include <errno.h>
#include <fcntl.h>
#include "engine/base/check.h"
#include "engine/io/ring.h"

static void read_on(struct file_read *read);

static void finish(struct file_read *read, enum result result)
{
	if (read->fd >= 0)
		ring_close_and_forget(read->ring, read->fd);
	read->fd = -1;
	read->done(read, result);
}

static void finish_errno(struct file_read *read, int error)
{
	if (read->cancelled)
		finish(read,
			fail_set(&read->fail, RESULT_CANCELLED, "reading a file was cancelled"));
	else if (error == ELOOP || error == EXDEV || error == ENOTDIR)
		finish(read, fail_set(&read->fail, RESULT_INVALID, "a link, or no directory"));
	else
		finish(read, fail_set_errno(&read->fail, error, "cannot read a file"));
}

static void read_done(struct io_op *op, const struct io_result *result)
{
	struct file_read *read = CONTAINER_OF(op, struct file_read, op);
	if (result->value == -EINTR || result->value == -EAGAIN) {
		read_on(read);
		return;
	}
	if (result->value < 0) {
		finish_errno(read, -result->value);
		return;
	}
	read->len += (size_t)result->value;
	bool at_end = result->value == 0 || read->len == read->identity.bytes;
	if (read->len > read->identity.bytes || (at_end && read->len != read->identity.bytes))
		finish(read,
			fail_set(&read->fail, RESULT_CHANGED, "a file changed while it was read"));
	else if (at_end)
		finish(read, RESULT_OK);
	else
		read_on(read);
}

static void read_on(struct file_read *read)
{
	if (read->cancelled) {
		finish_errno(read, ECANCELED);
		return;
	}
	ring_read(read->ring, &read->op, read->fd, read->data + read->len,
		(size_t)read->identity.bytes + 1 - read->len, read->len, read_done);
}

/* Judges the open file and gets memory for it. */
static enum result prepare(struct file_read *read)
{
	enum file_type type;
	enum result result = file_describe(read->fd, &type, &read->identity, &read->fail);
	if (result != RESULT_OK)
		return result;
	if (type != FILE_TYPE_REGULAR)
		return fail_set(&read->fail, RESULT_INVALID, "not a regular file");
	if (read->identity.bytes > read->max_bytes)
		return fail_set(&read->fail, RESULT_TOO_LONG, "%llu bytes, at most %zu",
			(unsigned long long)read->identity.bytes, read->max_bytes);
	/* The flag was for the open; on some file systems a read would fail with it instead of
	 * waiting for the disk. In its place comes one that saves a write to the inode; only who owns the
	 * file may ask for it. */
	if (fcntl(read->fd, F_SETFL, O_NOATIME) != 0 && fcntl(read->fd, F_SETFL, 0) != 0)
		return fail_set_errno(&read->fail, errno, "cannot read a file");
	read->data = read->buffer(read, (size_t)read->identity.bytes + 1);
	if (read->data == NULL)
		return fail_set(&read->fail, RESULT_MEMORY, "no memory for a file of %llu bytes",
			(unsigned long long)read->identity.bytes);
	return RESULT_OK;
}

static void open_done(struct io_op *op, const struct io_result *result)
{
	struct file_read *read = CONTAINER_OF(op, struct file_read, op);
	if (result->value < 0) {
		finish_errno(read, -result->value);
		return;
	}
	read->fd = result->value;
	enum result prepared = read->cancelled ? RESULT_OK : prepare(read);
	if (prepared != RESULT_OK)
		finish(read, prepared);
	else
		read_on(read);
}

void file_read_start(struct file_read *read, struct ring *ring, int dir_fd, const char *path)
{
	CHECK(!read->op.in_flight);
	CHECK(read->buffer != NULL && read->done != NULL);
	CHECK(read->max_bytes < INT32_MAX); /* what one read can ask for */
	read->ring = ring;
	read->fd = -1;
	read->data = NULL;
	read->len = 0;
	read->cancelled = false;
	read->identity = (struct file_identity){ 0 };
	fail_clear(&read->fail);
	ring_open_beneath(ring, &read->op, dir_fd, path, open_done);
}

void file_read_cancel(struct file_read *read)
{
	if (!read->op.in_flight)
		return;
	read->cancelled = true;
	ring_cancel(read->ring, &read->op);
}
