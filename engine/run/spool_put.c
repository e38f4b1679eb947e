#include "engine/run/spool_put.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>
#include "engine/base/buf.h"
#include "engine/io/file.h"
#include "engine/io/random.h"
#include "engine/mail/quoted_text.h"
#include "engine/spool/message_file.h"

enum {
	/* A dash and 16 hex digits. */
	NUMBER_BYTES = 17,
	READ_BYTES_FIRST = 64 * 1024, /* most mail fits, and nothing is copied */
	SCRATCH_CHUNK_BYTES = 64 * 1024,
};

/* ---- the directories ---- */

enum result spool_put_open(struct spool_put *put, const char *spool, struct fail *fail)
{
	*put = (struct spool_put){ -1, -1, -1 };
	enum result r = file_open_directory(AT_FDCWD, spool, &put->spool_fd, fail);
	if (r == RESULT_OK)
		r = file_open_directory(put->spool_fd, "tmp", &put->tmp_fd, fail);
	if (r == RESULT_OK)
		r = file_open_directory(put->spool_fd, "new", &put->new_fd, fail);
	if (r == RESULT_OK)
		return r;
	spool_put_close(put);
	if (r == RESULT_NOT_FOUND)
		return fail_set(fail, r, "%s is no spool: longship send --spool makes one", spool);
	(void)fail_prefix(fail, "%s", spool);
	return r;
}

void spool_put_close(struct spool_put *put)
{
	file_close(put->new_fd);
	file_close(put->tmp_fd);
	file_close(put->spool_fd);
	*put = (struct spool_put){ -1, -1, -1 };
}

/* ---- names ---- */

static bool may_be_name(struct text name)
{
	return name.len > 0 && name.len <= FILE_NAME_BYTES_MAX && name.data[0] != '.' &&
	       text_find(name, '/') == TEXT_NONE && text_find(name, '\0') == TEXT_NONE;
}

static void put_name(struct buf *out, struct text name, bool with_number)
{
	while (name.len > 0 && name.data[0] == '.')
		name = text_skip(name, 1);
	buf_put_text(
		out, text_cut_utf8(name, FILE_NAME_BYTES_MAX - (with_number ? NUMBER_BYTES : 0)));
	if (with_number) {
		uint64_t number;
		random_secret(&number, sizeof number);
		buf_printf(out, "%s%016" PRIx64, out->len > 0 ? "-" : "", number);
	}
	CHECK(buf_cstr(out) != NULL);
}

/* Into new/ under `name`, or with a number behind it. */
static enum result move_in(struct spool_put *put, const char *temporary, struct text name,
	char out_name[static FILE_NAME_BYTES_MAX + 1], struct fail *fail)
{
	struct buf buf;
	enum result r = RESULT_EXISTS;
	/* A second name is taken only if two random numbers are equal: then so is a third. */
	for (int tries = 0; tries < 3 && r == RESULT_EXISTS; tries++) {
		buf_init(&buf, out_name, FILE_NAME_BYTES_MAX + 1);
		put_name(&buf, name, tries > 0 || !may_be_name(name));
		r = file_rename(put->tmp_fd, temporary, put->new_fd, out_name, fail);
	}
	return r;
}

/* ---- one file ---- */

/* One that cannot be removed is left in tmp/, where nothing is sent from. */
static void remove_temporary(struct spool_put *put, const char *name)
{
	enum result r = file_unlink(put->tmp_fd, name, NULL);
	(void)r;
}

static enum result write_temporary(
	struct spool_put *put, const char *name, struct text file, struct fail *fail)
{
	int fd;
	enum result r = file_create(put->tmp_fd, name, &fd, fail);
	if (r != RESULT_OK)
		return r;
	r = file_write_all(fd, file.data, file.len, fail);
	if (r == RESULT_OK)
		r = file_sync(fd, false, fail);
	file_close(fd);
	if (r != RESULT_OK)
		remove_temporary(put, name);
	return r;
}

enum result spool_put_file(struct spool_put *put, struct text name, struct text file,
	char out_name[static FILE_NAME_BYTES_MAX + 1], struct fail *fail)
{
	char temporary[FILE_NAME_BYTES_MAX + 1];
	struct buf buf;
	buf_init(&buf, temporary, sizeof temporary);
	put_name(&buf, TEXT("put"), true);
	enum result r = write_temporary(put, temporary, file, fail);
	if (r != RESULT_OK) {
		(void)fail_prefix(fail, "tmp/");
		return r;
	}
	r = move_in(put, temporary, name, out_name, fail);
	if (r != RESULT_OK) {
		remove_temporary(put, temporary);
		return r;
	}
	r = file_sync(put->new_fd, false, fail);
	if (r == RESULT_OK)
		return r;
	(void)fail_prefix(fail, "new/%s is there, but may not survive a power failure", out_name);
	return RESULT_CHANGED;
}

/* ---- reading and checking ---- */

static enum result no_memory(struct fail *fail)
{
	return fail_set(fail, RESULT_MEMORY, "no memory left for the message");
}

enum result spool_put_read(int fd, struct arena *arena, struct text *out_file, struct fail *fail)
{
	size_t size = READ_BYTES_FIRST, len = 0;
	char *memory = arena_alloc(arena, size);
	if (memory == NULL)
		return no_memory(fail);
	for (;;) {
		ssize_t got = read(fd, memory + len, size - len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail_set_errno(fail, errno, "cannot read the message");
		if (got == 0)
			break;
		len += (size_t)got;
		if (len > MESSAGE_BYTES_MAX)
			return fail_set(fail, RESULT_TOO_LONG,
				"larger than %d MiB, which no receiver takes",
				MESSAGE_BYTES_MAX >> 20);
		if (len < size)
			continue;
		char *more = arena_alloc(arena, 2 * size);
		if (more == NULL)
			return no_memory(fail);
		memcpy(more, memory, len);
		memory = more;
		size *= 2;
	}
	*out_file = (struct text){ memory, len };
	return RESULT_OK;
}

enum result spool_put_check(struct text file, struct fail *fail)
{
	/* Without room for a body everything is checked, and nothing is made. */
	const struct message_file_context context = {
		.date = TEXT("Thu, 01 Jan 1970 00:00:00 +0000"),
		.host = TEXT("host.invalid"),
		.hash_key = random_siphash_key(),
	};
	struct arena scratch;
	struct envelope *envelope;
	struct body *body;
	arena_init(&scratch, SCRATCH_CHUNK_BYTES, MESSAGE_FILE_SCRATCH_BYTES_MAX);
	enum result r = message_file_parse(file, &context, &scratch, &envelope, &body, fail);
	envelope_unref(envelope);
	arena_deinit(&scratch);
	return r;
}
