#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "engine/run/files_leave.h"
#include "engine/run/files_prepared.h"
#include "engine/run/prepared.h"
#include "engine/run/report.h"
#include "engine/spool/batch_file.h"
#include "engine/spool/spool_format.h"

/* A batch file with more than one transaction, or with bad recipients: each transaction becomes a file of its
 * own, as it stands but for its bad recipients, and these get an event. What follows an error of syntax goes
 * to bad/. prepared.h tells how that comes to be once. One file at a time, in slices: a transaction of it,
 * with its fsync, or some of its bytes; then others have their turn. */

enum {
	CHUNK_BYTES = 256 * 1024,
	/* Renames of one turn, at 10 to 20 us. */
	PUBLISHED_TURN_MAX = 64,
	/* Bad recipients of one file that are told of one by one: who has more has one kind of mistake. They
	 * are in memory until they are recorded. */
	REFUSED_MAX = 100000,
	REFUSED_BYTES_MAX = 256 * 1024 * 1024,
};

enum split_state {
	SPLIT_PREPARING,
	SPLIT_RECORDING, /* the recorder has the report */
	SPLIT_PUBLISHING,
	SPLIT_SYNCING, /* all are moved, and that is to become durable */
};

struct split {
	struct message *message;
	struct split_report *report;
	enum split_state state;
	int fd;
	bool is_stopped;
	uint64_t at, bytes; /* read so far; of the file */
	struct text input;  /* of `chunk`, not looked at yet */
	uint64_t parts, published;
	uint64_t refused_count;
	bool has_rest;
	uint64_t rest_at;
	struct arena arena; /* of `batch` */
	struct batch_file batch;
	char chunk[CHUNK_BYTES];
	char copy[CHUNK_BYTES];
};

/* ---- begin and end ---- */

static void drop_report(struct split_report *report)
{
	if (report == NULL)
		return;
	arena_deinit(&report->arena);
	free(report);
}

void files_split_end(struct files *f)
{
	struct split *split = f->split;
	if (split == NULL)
		return;
	drop_report(split->report);
	file_close(split->fd);
	arena_deinit(&split->arena);
	free(split);
	f->split = NULL;
}

static void name_of(const struct split *split, enum prepared_kind kind, uint64_t number,
	char out[static PREPARED_NAME_SIZE])
{
	prepared_name(kind, split->message->name, &split->message->identity, number, out);
}

static void drop(
	struct files *f, const struct split *split, enum prepared_kind kind, uint64_t number)
{
	char name[PREPARED_NAME_SIZE];
	name_of(split, kind, number, name);
	enum result r = file_unlink(f->tmp_fd, name, NULL);
	(void)r; /* the next run looks for it as well */
}

static void over(struct files *f, enum result r)
{
	struct message *message = f->split->message;
	message->read_result = r;
	files_split_end(f);
	f->told_idle = false;
	hub_post(f->hub->scheduler, POST_SPLIT_OVER, message, 0, 0);
}

/* Nothing was told to anybody: all is done anew, or never. */
static void give_up(struct files *f, enum result r, const struct fail *fail)
{
	struct split *split = f->split;
	for (uint64_t i = 0; i < split->parts; i++)
		drop(f, split, PREPARED_PART, i);
	if (split->has_rest) {
		drop(f, split, PREPARED_REST, split->rest_at);
		drop(f, split, PREPARED_REASON, split->rest_at);
	}
	if (r != RESULT_TOO_LONG) /* else its reason is there since it was read */
		snprintf(split->message->reason, sizeof split->message->reason, "%s", fail->text);
	over(f, r);
}

static enum result read_at(const struct split *split, uint64_t at, char *memory, size_t size,
	size_t *out_len, struct fail *fail)
{
	ssize_t got;
	*out_len = 0;
	do {
		got = pread(split->fd, memory, size, (off_t)at);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return fail_set_errno(fail, errno, "reading a batch file");
	*out_len = (size_t)got;
	return RESULT_OK;
}

static enum result read_chunk(struct split *split, struct fail *fail)
{
	size_t len;
	enum result r = read_at(split, split->at, split->chunk, sizeof split->chunk, &len, fail);
	if (r != RESULT_OK)
		return r;
	split->at += len;
	split->input = (struct text){ split->chunk, len };
	return RESULT_OK;
}

static enum result begin(struct files *f, struct split *split, struct fail *fail)
{
	struct file_identity identity;
	split->report = calloc(1, sizeof *split->report);
	if (split->report == NULL)
		return fail_set(fail, RESULT_MEMORY, "out of memory for a batch file");
	split->report->message = split->message;
	split->report->last = &split->report->first;
	arena_init(&split->report->arena, 4096, REFUSED_BYTES_MAX);
	enum result r =
		file_open_regular(f->new_fd, split->message->name, &split->fd, &identity, fail);
	if (r == RESULT_OK && !file_identity_equal(&identity, &split->message->identity))
		r = fail_set(fail, RESULT_CHANGED, "the file was replaced");
	if (r == RESULT_OK)
		r = read_chunk(split, fail);
	if (r != RESULT_OK)
		return r;
	if (spool_format_of(text_cut(split->input, SPOOL_FORMAT_HEAD_BYTES), false) !=
		SPOOL_FORMAT_BATCH)
		return RESULT_TOO_LONG; /* why else would we be asked */
	split->bytes = identity.bytes;
	batch_file_init(&split->batch, &split->arena);
	return RESULT_OK;
}

void files_split(struct files *f, struct message *message)
{
	CHECK_OBJ(message, MESSAGE_MAGIC);
	CHECK(f->split == NULL);
	struct fail fail = { 0 };
	struct split *split = malloc(sizeof *split);
	if (split == NULL) {
		message->read_result = RESULT_MEMORY;
		snprintf(message->reason, sizeof message->reason, "out of memory for a batch file");
		hub_post(f->hub->scheduler, POST_SPLIT_OVER, message, 0, 0);
		return;
	}
	memset(split, 0, offsetof(struct split, chunk));
	split->message = message;
	split->fd = -1;
	arena_init(&split->arena, 64 * 1024, BATCH_ARENA_BYTES_MAX);
	f->split = split;
	enum result r = begin(f, split, &fail);
	if (r != RESULT_OK)
		give_up(f, r, &fail);
}

void files_split_stop(struct files *f)
{
	if (f->split != NULL)
		f->split->is_stopped = true;
}

/* ---- who is refused ---- */

static enum result refuse(struct split *split, struct text from, struct text rcpt,
	struct text reason, struct fail *fail)
{
	struct split_report *report = split->report;
	struct arena *arena = &report->arena;
	if (split->refused_count++ > REFUSED_MAX)
		return RESULT_OK;
	struct split_refused *refused = arena_alloc(arena, sizeof *refused);
	if (refused == NULL)
		return fail_set(fail, RESULT_MEMORY,
			"out of memory for the bad recipients of a batch file");
	*refused = (struct split_refused){
		.from = arena_text_copy(arena, from),
		.rcpt = arena_text_copy(arena, text_cut_utf8(rcpt, SMTP_COMMAND_BYTES_MAX)),
		.reason = split->refused_count <= REFUSED_MAX
				  ? arena_text_copy(arena, reason)
				  : TEXT("and more bad recipients in this file than are told of "
					 "one by one"),
	};
	if (arena_is_exhausted(arena))
		return fail_set(fail, RESULT_MEMORY,
			"out of memory for the bad recipients of a batch file");
	*report->last = refused;
	report->last = &refused->next;
	report->refused_count++;
	return RESULT_OK;
}

static enum result refuse_bad(
	struct split *split, const struct batch_transaction *t, struct fail *fail)
{
	enum result r = RESULT_OK;
	for (uint32_t i = 0; i < t->bad_count && r == RESULT_OK; i++)
		r = refuse(split, t->sender.address.text, t->bad[i].text, t->bad[i].reason, fail);
	return r;
}

static enum result refuse_all(
	struct split *split, const struct batch_transaction *t, const char *why, struct fail *fail)
{
	enum result r = RESULT_OK;
	for (uint32_t i = 0; i < t->rcpts_count && r == RESULT_OK; i++)
		r = refuse(split, t->sender.address.text, t->rcpts[i].address.text, text_of(why),
			fail);
	return r;
}

/* ---- one transaction ---- */

/* What is copied: the commands without the lines of bad recipients, then the message. */
struct copying {
	const struct batch_transaction *t;
	uint64_t line;
	uint32_t bad; /* the next one */
	int fd;
};

static enum result copy_lines(struct copying *copying, struct text commands, struct fail *fail)
{
	const struct batch_transaction *t = copying->t;
	enum result r = RESULT_OK;
	while (commands.len > 0 && r == RESULT_OK) {
		size_t end = text_find(commands, '\n');
		size_t len = end == TEXT_NONE ? commands.len : end + 1;
		bool is_bad =
			copying->bad < t->bad_count && t->bad[copying->bad].line == copying->line;
		if (!is_bad)
			r = file_write_all(copying->fd, commands.data, len, fail);
		copying->line += end != TEXT_NONE;
		copying->bad += is_bad && end != TEXT_NONE;
		commands = text_skip(commands, len);
	}
	return r;
}

static enum result copy(
	struct split *split, struct copying *copying, uint64_t from, uint64_t to, struct fail *fail)
{
	const struct batch_transaction *t = copying->t;
	while (from < to) {
		bool in_commands = t != NULL && t->bad_count > 0 && from < t->data_at;
		uint64_t until = in_commands ? t->data_at : to;
		size_t size = until - from < CHUNK_BYTES ? (size_t)(until - from) : CHUNK_BYTES,
		       len;
		enum result r = read_at(split, from, split->copy, size, &len, fail);
		if (r == RESULT_OK && len == 0)
			return fail_set(
				fail, RESULT_CHANGED, "the file became shorter while it was read");
		if (r == RESULT_OK && in_commands)
			r = copy_lines(copying, (struct text){ split->copy, len }, fail);
		else if (r == RESULT_OK)
			r = file_write_all(copying->fd, split->copy, len, fail);
		if (r != RESULT_OK)
			return r;
		from += len;
	}
	return RESULT_OK;
}

/* A file in tmp/ with these bytes of ours, on the disk. */
static enum result prepare(struct files *f, const char *name, const struct batch_transaction *t,
	uint64_t from, uint64_t to, struct fail *fail)
{
	struct copying copying = { .t = t, .line = t != NULL ? t->line : 0 };
	enum result r = prepared_create(f->tmp_fd, name, &copying.fd, fail);
	if (r != RESULT_OK)
		return r;
	r = copy(f->split, &copying, from, to, fail);
	if (r == RESULT_OK)
		r = file_sync(copying.fd, false, fail);
	file_close(copying.fd);
	return r;
}

static enum result take_transaction(struct files *f, struct fail *fail)
{
	struct split *split = f->split;
	const struct batch_transaction *t = &split->batch.transaction;
	enum result r = refuse_bad(split, t, fail);
	if (r == RESULT_OK && t->data_bytes > MESSAGE_BYTES_MAX)
		return refuse_all(split, t, "the message is larger than any receiver takes", fail);
	if (r != RESULT_OK || t->rcpts_count == 0)
		return r;
	char name[PREPARED_NAME_SIZE];
	name_of(split, PREPARED_PART, split->parts++, name);
	return prepare(f, name, t, t->at, t->end_at, fail);
}

/* ---- the rest, which is not understood ---- */

static enum result take_rest(struct files *f, struct fail *fail)
{
	struct split *split = f->split;
	const struct fail *why = &split->batch.fail;
	char name[PREPARED_NAME_SIZE];
	int fd;
	if (why->result == RESULT_MEMORY) {
		*fail = *why;
		return RESULT_MEMORY;
	}
	split->has_rest = true;
	split->rest_at = split->batch.bad_at;
	name_of(split, PREPARED_REST, split->rest_at, name);
	enum result r = prepare(f, name, NULL, split->rest_at, split->bytes, fail);
	if (r != RESULT_OK)
		return r;
	name_of(split, PREPARED_REASON, split->rest_at, name);
	r = prepared_create(f->tmp_fd, name, &fd, fail);
	if (r != RESULT_OK)
		return r;
	r = file_write_all(fd, why->text, strlen(why->text), fail);
	if (r == RESULT_OK)
		r = file_write_all(fd, "\n", 1, fail);
	if (r == RESULT_OK)
		r = file_sync(fd, false, fail);
	file_close(fd);
	return r == RESULT_OK ? refuse(split, TEXT_EMPTY, TEXT_EMPTY, text_of(why->text), fail) : r;
}

/* ---- preparing ---- */

static enum result all_prepared(struct files *f, struct fail *fail)
{
	struct split *split = f->split;
	enum result r = file_sync(f->tmp_fd, false, fail);
	if (r != RESULT_OK)
		return r;
	split->state = SPLIT_RECORDING;
	hub_post(f->hub->recorder, POST_SPLIT_READY, split->report, 0, 0);
	split->report = NULL;
	return RESULT_OK;
}

static enum result prepare_slice(struct files *f, struct fail *fail)
{
	struct split *split = f->split;
	if (split->is_stopped)
		return fail_set(fail, RESULT_CANCELLED, "longship stops");
	if (split->input.len == 0 && split->at < split->bytes) {
		enum result r = read_chunk(split, fail);
		if (r != RESULT_OK)
			return r;
		if (split->input.len == 0)
			return fail_set(
				fail, RESULT_CHANGED, "the file became shorter while it was read");
	}
	enum batch_event event = split->input.len > 0
					 ? batch_file_input(&split->batch, &split->input)
					 : batch_file_end(&split->batch);
	switch (event) {
	case BATCH_MORE: return RESULT_OK;
	case BATCH_TRANSACTION: return take_transaction(f, fail);
	case BATCH_BAD: {
		enum result r = take_rest(f, fail);
		return r == RESULT_OK ? all_prepared(f, fail) : r;
	}
	case BATCH_END: return all_prepared(f, fail);
	}
	UNREACHABLE("a fifth event");
}

/* ---- publishing ---- */

void files_split_recorded(struct files *f, struct message *message)
{
	CHECK(f->split != NULL && f->split->message == message &&
		f->split->state == SPLIT_RECORDING);
	f->split->state = SPLIT_PUBLISHING;
}

static enum result publish_one(
	struct files *f, enum prepared_kind kind, uint64_t number, struct fail *fail)
{
	const struct split *split = f->split;
	char name[PREPARED_NAME_SIZE];
	name_of(split, kind, number, name);
	enum result r = prepared_publish(
		kind, name, split->message->name, number, f->tmp_fd, f->new_fd, f->bad_fd, fail);
	if (r == RESULT_OK && kind == PREPARED_PART)
		files_consider(f, name, true);
	return r;
}

static enum result publish_rest(struct files *f, struct fail *fail)
{
	struct split *split = f->split;
	if (!split->has_rest)
		return RESULT_OK;
	f->bad_touched = true;
	enum result r = publish_one(f, PREPARED_REST, split->rest_at, fail);
	if (r != RESULT_OK)
		return r;
	log_write(&f->log, LOG_SPOOL_FILE_BAD,
		LOG_FIELDS(log_cstr("file", split->message->name),
			log_fail("why", &split->batch.fail)));
	return publish_one(f, PREPARED_REASON, split->rest_at, fail);
}

/* What cannot be moved now is moved by the next run, which needs for it what the journal says. */
static void publish_slice(struct files *f)
{
	struct split *split = f->split;
	struct fail fail = { 0 };
	enum result r = RESULT_OK;
	for (int i = 0; i < PUBLISHED_TURN_MAX && split->published < split->parts && r == RESULT_OK;
		i++)
		r = publish_one(f, PREPARED_PART, split->published++, &fail);
	if (r == RESULT_OK && split->published < split->parts)
		return;
	if (r == RESULT_OK)
		r = publish_rest(f, &fail);
	if (r != RESULT_OK) {
		split->message->keeps_records = true;
		log_write(&f->log, LOG_FAILED,
			LOG_FIELDS(log_cstr("what", "moving what was in a batch file out of tmp/"),
				log_cstr("file", split->message->name), log_fail("why", &fail)));
	}
	log_write(&f->log, LOG_SPOOL_FILE_SPLIT,
		LOG_FIELDS(log_cstr("file", split->message->name),
			log_number("messages", split->published),
			log_number("refused", split->refused_count)));
	split->state = SPLIT_SYNCING;
	files_sync_soon(f);
}

void files_split_synced(struct files *f)
{
	if (f->split != NULL && f->split->state == SPLIT_SYNCING)
		over(f, RESULT_OK);
}

bool files_split_is_ready(const struct files *f)
{
	return f->split != NULL &&
	       (f->split->state == SPLIT_PREPARING || f->split->state == SPLIT_PUBLISHING);
}

void files_split_turn(struct files *f)
{
	if (!files_split_is_ready(f))
		return;
	struct fail fail = { 0 };
	if (f->split->state == SPLIT_PUBLISHING) {
		publish_slice(f);
		return;
	}
	enum result r = prepare_slice(f, &fail);
	if (r != RESULT_OK)
		give_up(f, r, &fail);
}
