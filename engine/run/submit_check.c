#include "engine/run/submit_check.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>
#include "engine/io/file.h"
#include "engine/run/spool_put.h"
#include "engine/spool/batch_file.h"
#include "engine/spool/job_message.h"
#include "engine/spool/spool_format.h"

enum {
	CHUNK_BYTES = 64 * 1024,
	READ_BYTES = 64 * 1024,
	/* A template, in growing pieces of memory. */
	FILE_ARENA_BYTES_MAX = 4 * MESSAGE_BYTES_MAX,
};

static void refuse(struct submit_found *found, uint64_t line, struct text why)
{
	if (found->refused++ == 0)
		(void)fail_set(&found->first_refused, RESULT_INVALID, "line %" PRIu64 ": %.*s",
			line, TEXT_ARG(why));
}

/* ---- batch SMTP ---- */

static enum result check_transaction(const struct batch_transaction *t, struct text file,
	struct arena *scratch, struct submit_found *found, struct fail *fail)
{
	for (uint32_t i = 0; i < t->bad_count; i++)
		refuse(found, t->bad[i].line, t->bad[i].reason);
	if (t->rcpts_count == 0)
		return RESULT_OK;
	struct buf message;
	void *memory = malloc(t->data_bytes + 1);
	if (memory == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory left for a message");
	buf_init(&message, memory, t->data_bytes + 1);
	batch_file_unstuff(&message, text_cut(text_skip(file, t->data_at), t->data_bytes));
	const struct message_file_context context = { .date = TEXT("x"),
		.host = TEXT("host.invalid") };
	struct envelope *envelope;
	struct body *body;
	enum result r = message_file_parse_enveloped(buf_text(&message), &t->sender, t->rcpts,
		t->rcpts_count, &context, scratch, &envelope, &body, fail);
	if (r == RESULT_OK) {
		found->messages++;
		found->recipients += envelope->rcpts_count;
	} else {
		(void)fail_prefix(fail, "the message of the transaction in line %" PRIu64, t->line);
	}
	envelope_unref(envelope);
	arena_reset(scratch);
	free(memory);
	return r;
}

static enum result read_batch(struct batch_file *batch, struct text file, struct arena *scratch,
	struct submit_found *found, struct fail *fail)
{
	struct text rest = file;
	for (;;) {
		enum batch_event event =
			rest.len > 0 ? batch_file_input(batch, &rest) : batch_file_end(batch);
		if (event == BATCH_END)
			return RESULT_OK;
		if (event == BATCH_BAD) {
			*fail = batch->fail;
			return batch->fail.result;
		}
		if (event != BATCH_TRANSACTION)
			continue;
		enum result r = check_transaction(&batch->transaction, file, scratch, found, fail);
		if (r != RESULT_OK)
			return r;
	}
}

static enum result check_batch(struct text file, struct submit_found *found, struct fail *fail)
{
	struct batch_file *batch = malloc(sizeof *batch);
	struct arena arena, scratch;
	if (batch == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory left for the file");
	arena_init(&arena, CHUNK_BYTES, BATCH_ARENA_BYTES_MAX);
	arena_init(&scratch, CHUNK_BYTES, MESSAGE_FILE_SCRATCH_BYTES_MAX);
	batch_file_init(batch, &arena);
	enum result r = read_batch(batch, file, &scratch, found, fail);
	arena_deinit(&scratch);
	arena_deinit(&arena);
	free(batch);
	return r;
}

enum result submit_check_file(struct text file, struct submit_found *out_found, struct fail *fail)
{
	*out_found = (struct submit_found){ .kind = SUBMIT_MESSAGE, .messages = 1 };
	if (spool_format_of(text_cut(file, SPOOL_FORMAT_HEAD_BYTES), false) != SPOOL_FORMAT_BATCH)
		return spool_put_check(file, fail);
	*out_found = (struct submit_found){ .kind = SUBMIT_BATCH };
	return check_batch(file, out_found, fail);
}

/* ---- jobs ---- */

static enum result read_whole(int dir, const char *name, struct arena *arena, struct text *out_text,
	uint64_t *out_bytes, struct fail *fail)
{
	int fd;
	enum result r = file_open_regular(dir, name, &fd, NULL, fail);
	if (r != RESULT_OK)
		return r == RESULT_NOT_FOUND
			       ? fail_set(fail, RESULT_INVALID, "a job without %s", name)
			       : r;
	r = spool_put_read(fd, arena, out_text, fail);
	file_close(fd);
	*out_bytes = r == RESULT_OK ? out_text->len : 0;
	if (r != RESULT_OK)
		(void)fail_prefix(fail, "%s", name);
	return r;
}

struct recipients {
	struct job_lines lines;
	struct arena arena;
	struct submit_found *found;
	uint64_t bytes, count;
	char data[READ_BYTES];
};

static void take_line(struct recipients *r, enum job_lines_event event)
{
	struct job_recipient recipient;
	struct fail why;
	if (event == JOB_LINES_MORE)
		return;
	r->count++;
	arena_reset(&r->arena);
	if (event == JOB_LINES_TOO_LONG)
		refuse(r->found, r->lines.number, TEXT("longer than a recipient may be"));
	else if (job_recipient_parse(r->lines.line, &r->arena, &recipient, &why) != RESULT_OK)
		refuse(r->found, r->lines.number, text_of(why.text));
	else
		r->found->recipients++;
}

static enum result stream(struct recipients *r, int fd, struct fail *fail)
{
	enum job_lines_event event;
	ssize_t got;
	job_lines_init(&r->lines, 0, 1);
	while ((got = read(fd, r->data, sizeof r->data)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail_set_errno(fail, errno, "cannot read recipients.jsonl");
		struct text input = { r->data, (size_t)got };
		r->bytes += input.len;
		while (input.len > 0)
			take_line(r, job_lines_input(&r->lines, &input));
	}
	while ((event = job_lines_end(&r->lines)) != JOB_LINES_END)
		take_line(r, event);
	return RESULT_OK;
}

static enum result read_recipients(int dir, struct submit_found *found, uint64_t *out_bytes,
	uint64_t *out_count, struct fail *fail)
{
	int fd;
	enum result r = file_open_regular(dir, "recipients.jsonl", &fd, NULL, fail);
	if (r != RESULT_OK)
		return r == RESULT_NOT_FOUND
			       ? fail_set(fail, RESULT_INVALID, "a job without recipients.jsonl")
			       : r;
	struct recipients *recipients = malloc(sizeof *recipients);
	if (recipients == NULL) {
		file_close(fd);
		return fail_set(fail, RESULT_MEMORY, "no memory left for the recipients");
	}
	recipients->found = found;
	recipients->bytes = recipients->count = 0;
	arena_init(&recipients->arena, CHUNK_BYTES, JOB_LINE_ARENA_BYTES_MAX);
	r = stream(recipients, fd, fail);
	*out_bytes = recipients->bytes;
	*out_count = recipients->count;
	arena_deinit(&recipients->arena);
	free(recipients);
	file_close(fd);
	return r;
}

static enum result check_job(
	int dir, struct arena *arena, struct submit_found *found, struct fail *fail)
{
	struct text json, template_file;
	struct job_manifest manifest;
	uint64_t ignored, template_bytes = 0, recipients_bytes = 0, recipients_count = 0;
	enum result r = read_whole(dir, "manifest.json", arena, &json, &ignored, fail);
	if (r == RESULT_OK)
		r = job_manifest_parse(json, arena, &manifest, fail);
	if (r == RESULT_OK)
		r = read_whole(dir, "template.eml", arena, &template_file, &template_bytes, fail);
	if (r != RESULT_OK)
		return r;
	struct job *job = malloc(sizeof *job);
	if (job == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory left for the job");
	r = job_prepare(job, &manifest, template_file, arena, fail);
	free(job);
	if (r == RESULT_OK)
		r = read_recipients(dir, found, &recipients_bytes, &recipients_count, fail);
	if (r == RESULT_OK)
		r = job_manifest_check(
			&manifest, template_bytes, recipients_bytes, recipients_count, fail);
	return r;
}

enum result submit_check_job(const char *path, struct submit_found *out_found, struct fail *fail)
{
	int dir;
	struct arena arena;
	*out_found = (struct submit_found){ .kind = SUBMIT_JOB };
	enum result r = file_open_directory(AT_FDCWD, path, &dir, fail);
	if (r != RESULT_OK)
		return r;
	arena_init(&arena, CHUNK_BYTES, FILE_ARENA_BYTES_MAX);
	r = check_job(dir, &arena, out_found, fail);
	out_found->messages = out_found->recipients;
	arena_deinit(&arena);
	file_close(dir);
	return r == RESULT_LIMIT || r == RESULT_TOO_LONG
		       ? fail_set(fail, RESULT_INVALID, "%s", fail->text)
		       : r;
}
