#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "engine/base/nanoseconds.h"
#include "engine/base/time_text.h"
#include "engine/io/clock.h"
#include "engine/run/files_leave.h"
#include "engine/run/files_prepared.h"
#include "engine/run/job_merge.h"
#include "engine/run/job_run.h"
#include "engine/run/notice.h"
#include "engine/run/prepared.h"
#include "engine/spool/batch_message.h"
#include "engine/spool/spool_format.h"

/* Writes notifications and publishes them; prepared.h tells how that comes to be once. */

enum {
	/* Files of one turn, each with its fsync: new mail is seen in between. */
	PREPARED_TURN_MAX = 8,
	/* Of the original: 10,000 X-Receiver lines and the largest header fit. Of a larger file the header
	 * is given back alone, as of any that is larger than NOTIFICATION_FULL_BYTES_MAX. */
	ORIGINAL_BYTES_MAX = 4 * 1024 * 1024,
};

/* The end of the data of a batch, behind the empty line of a header. */
#define BATCH_DOT "\r\n.\r\n"

void files_notice(struct files *f, struct attempt *attempt)
{
	CHECK_OBJ(attempt, ATTEMPT_MAGIC);
	list_push_back(&f->notices, &attempt->node);
}

/* ---- the original ---- */

static enum result read_all(int fd, void *memory, size_t size, size_t *out_len, struct fail *fail)
{
	size_t len = 0;
	while (len < size) {
		ssize_t got = read(fd, (char *)memory + len, size - len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail_set_errno(fail, errno, "reading a message");
		if (got == 0)
			break;
		len += (size_t)got;
	}
	*out_len = len;
	return RESULT_OK;
}

/* A file that is cut ends behind its header: a message without text. Returns its length; 0: it has more
 * header than that. Room for the end of a batch is behind it. */
static size_t cut_to_header(char *file, size_t len)
{
	struct text all = { file, len };
	size_t lf = text_find_text(all, TEXT("\n\n")), crlf = text_find_text(all, TEXT("\n\r\n"));
	size_t end = lf < crlf ? lf : crlf;
	if (end == TEXT_NONE)
		return 0;
	end++;
	if (spool_format_of(text_cut(all, SPOOL_FORMAT_HEAD_BYTES), false) != SPOOL_FORMAT_BATCH)
		return end;
	memcpy(file + end, BATCH_DOT, sizeof BATCH_DOT - 1);
	return end + sizeof BATCH_DOT - 1;
}

static struct body *parse_original(
	struct files *f, const struct message *message, char *file, size_t len)
{
	char date[40];
	struct buf buf;
	struct body_room room = { .budget = &f->notice_bodies };
	struct message_file_context context = {
		.host = text_of(f->config->sources[0].helo),
		.hash_key = { 0, 0 }, /* its receivers were told apart when it was read first */
		.room = &room,
	};
	buf_init(&buf, date, sizeof date);
	time_text_put_rfc5322(&buf, message_born_unix_s(&message->identity));
	context.date = buf_text(&buf);
	message_unique(message->name, &message->identity, context.unique);
	struct envelope *envelope = NULL;
	struct body *body = NULL;
	struct fail fail;
	enum result r = batch_or_message_parse(
		file, len, &context, &f->batch_arena, &f->notice_arena, &envelope, &body, &fail);
	arena_reset(&f->batch_arena);
	envelope_unref(envelope);
	return r == RESULT_OK ? body : NULL;
}

/* Of a recipient of a job it is made once more. */
static struct body *merge_original(struct files *f, const struct message *message)
{
	char date[40];
	struct buf buf;
	const struct job_run *job = message->rcpt->job;
	struct job_merger merger = {
		.arena = &f->notice_arena, /* there is nothing in it yet */
		.host = text_of(f->config->sources[0].helo),
	};
	struct body_room room = { .budget = &f->notice_bodies };
	struct envelope *envelope = NULL;
	struct body *body = NULL;
	struct fail fail;
	if (job == NULL || job->content == NULL || message->rcpt->line == NULL)
		return NULL;
	buf_init(&buf, date, sizeof date);
	time_text_put_rfc5322(&buf, job->index.header.made_unix_s);
	merger.date = buf_text(&buf);
	enum result r = job_merge(&merger, message, &room, &envelope, &body, &fail);
	job_merger_end(&merger);
	envelope_unref(envelope);
	return r == RESULT_OK ? body : NULL;
}

/* As it went out. NULL: it is not there any more, or cannot be read; then nothing is given back. */
static struct body *original_of(struct files *f, const struct message *message, bool *out_is_cut)
{
	int fd;
	struct file_identity identity;
	struct fail fail = { 0 };
	struct body *body = NULL;
	size_t len = 0;
	if (message->rcpt != NULL)
		return merge_original(f, message);
	if (file_open_regular(f->new_fd, message->name, &fd, &identity, &fail) != RESULT_OK)
		return NULL;
	*out_is_cut = identity.bytes > ORIGINAL_BYTES_MAX;
	size_t size = *out_is_cut ? ORIGINAL_BYTES_MAX : (size_t)identity.bytes;
	char *memory = malloc(size + sizeof BATCH_DOT);
	if (memory != NULL && file_identity_equal(&identity, &message->identity) &&
		read_all(fd, memory, size, &len, &fail) == RESULT_OK)
		body = parse_original(
			f, message, memory, *out_is_cut ? cut_to_header(memory, len) : len);
	free(memory);
	file_close(fd);
	return body;
}

/* ---- what is told ---- */

static struct text reply_of(
	struct files *f, const struct attempt *attempt, const struct attempt_rcpt *rcpt)
{
	if (rcpt->code == 0)
		return TEXT_EMPTY;
	struct text text =
		text_cut_utf8(attempt_reply_text(attempt, rcpt), SMTP_REPLY_TEXT_BYTES_MAX);
	return arena_printf(&f->notice_arena, "%u %.*s", rcpt->code, TEXT_ARG(text));
}

static int64_t unix_s_of(uint64_t monotonic_ns, int64_t now_s)
{
	return now_s + ((int64_t)monotonic_ns - (int64_t)clock_now_ns()) / (int64_t)SECOND_NS;
}

static struct notification_rcpt told_of(struct files *f, const struct attempt *attempt,
	const struct attempt_rcpt *rcpt, int64_t now_s)
{
	char status[SMTP_STATUS_TEXT_MAX];
	const struct attempt_work *work = attempt->work;
	if (attempt->is_warning) /* in `last` the host and its reply are one (scheduler_warn.c) */
		return (struct notification_rcpt){
			.rcpt = &attempt->message->envelope->rcpts[rcpt->rcpt],
			.status = arena_text_copy(
				&f->notice_arena, text_of(smtp_status_format(rcpt->status, status))),
			.reason = attempt_reply_text(attempt, rcpt),
			.will_retry_until_unix_s = unix_s_of(attempt->expires_ns, now_s),
		};
	bool was_heard = work != NULL && work->facts[rcpt->facts].session != 0; /* DSN-05 */
	return (struct notification_rcpt){
		.rcpt = &attempt->message->envelope->rcpts[rcpt->rcpt],
		.status = arena_text_copy(
			&f->notice_arena, text_of(smtp_status_format(rcpt->status, status))),
		.remote_mta = was_heard ? text_of(work->facts[rcpt->facts].mx) : TEXT_EMPTY,
		.reply = reply_of(f, attempt, rcpt),
		.reason = work != NULL ? buf_text(&work->reason) : TEXT_EMPTY,
		.last_attempt_unix_s = was_heard ? now_s : 0,
	};
}

/* ---- writing ---- */

static int64_t arrived_unix_s(const struct message *message)
{
	return message->rcpt != NULL ? message->rcpt->job->index.header.made_unix_s
				     : message_born_unix_s(&message->identity);
}

static enum prepared_kind kind_of(const struct attempt *attempt)
{
	return attempt->is_warning ? PREPARED_WARNING : PREPARED_NOTICE;
}

static void name_of(
	const struct attempt *attempt, uint32_t rcpt, char out[static PREPARED_NAME_SIZE])
{
	const struct message *message = attempt->message;
	const char *name = message->rcpt != NULL ? message->rcpt->job->name : message->name;
	prepared_name(kind_of(attempt), name, &message->identity, message_rcpt(message, rcpt), out);
}

static enum result write_file(
	struct files *f, const char *name, struct text text, struct fail *fail)
{
	int fd;
	enum result r = prepared_create(f->tmp_fd, name, &fd, fail);
	if (r != RESULT_OK)
		return r;
	r = file_write_all(fd, text.data, text.len, fail);
	if (r == RESULT_OK)
		r = file_sync(fd, false, fail);
	file_close(fd);
	return r;
}

static enum result write_one(struct files *f, const struct attempt *attempt, uint32_t first,
	struct notification *notification, struct fail *fail)
{
	char name[PREPARED_NAME_SIZE];
	struct buf buf;
	name_of(attempt, first, name);
	message_unique(name, &attempt->message->identity, notification->unique);
	size_t size = notification_bytes_max(notification);
	void *memory = malloc(size);
	if (memory == NULL || arena_is_exhausted(&f->notice_arena)) {
		free(memory);
		return fail_set(fail, RESULT_MEMORY, "out of memory for a notification");
	}
	buf_init(&buf, memory, size);
	notification_put(&buf, notification);
	CHECK(!buf.overflow);
	enum result r = write_file(f, name, buf_text(&buf), fail);
	free(memory);
	return r;
}

/* Those of the attempt with this action, up to NOTIFICATION_RCPTS_MAX in one. */
static enum result write_action(struct files *f, const struct attempt *attempt,
	struct notification *notification, struct fail *fail)
{
	struct notification_rcpt *told = malloc(NOTIFICATION_RCPTS_MAX * sizeof *told);
	enum result r = told != NULL ? RESULT_OK : fail_set(fail, RESULT_MEMORY, "out of memory");
	uint32_t first = 0;
	notification->rcpts = told;
	notification->rcpts_count = 0;
	for (uint32_t i = 0; i < attempt->rcpts_count && r == RESULT_OK; i++) {
		const struct attempt_rcpt *rcpt = &attempt->rcpts[i];
		enum notification_action action;
		if (!rcpt->has_notice || !notice_is_due(f->config, attempt, rcpt, &action) ||
			action != notification->action)
			continue;
		if (notification->rcpts_count == 0)
			first = rcpt->rcpt;
		told[notification->rcpts_count++] =
			told_of(f, attempt, rcpt, notification->now_unix_s);
		if (notification->rcpts_count < NOTIFICATION_RCPTS_MAX)
			continue;
		r = write_one(f, attempt, first, notification, fail);
		notification->rcpts_count = 0;
	}
	if (r == RESULT_OK && notification->rcpts_count > 0)
		r = write_one(f, attempt, first, notification, fail);
	free(told);
	return r;
}

static enum result prepare(struct files *f, const struct attempt *attempt, struct fail *fail)
{
	static const enum notification_action actions[] = { NOTIFICATION_FAILED, NOTIFICATION_DELAYED,
		NOTIFICATION_RELAYED };
	const struct message *message = attempt->message;
	bool is_cut = false;
	struct body *body = original_of(f, message, &is_cut);
	enum result r = RESULT_OK;
	for (size_t i = 0; i < COUNT_OF(actions) && r == RESULT_OK; i++) {
		struct notification notification = {
			.action = actions[i],
			.envelope = message->envelope,
			.body = body,
			.body_is_cut = is_cut,
			.reporting_mta = text_of(f->config->sources[0].helo),
			.now_unix_s = clock_wall_us() / (int64_t)(SECOND_NS / 1000),
			.arrived_unix_s = arrived_unix_s(message),
		};
		r = write_action(f, attempt, &notification, fail);
	}
	body_unref(body);
	arena_reset(&f->notice_arena);
	return r;
}

/* Some may be there, though not all: what is not published goes, and is made again with its outcome. */
static void drop(struct files *f, const struct attempt *attempt)
{
	char name[PREPARED_NAME_SIZE];
	for (uint32_t i = 0; i < attempt->rcpts_count; i++) {
		if (!attempt->rcpts[i].has_notice)
			continue;
		name_of(attempt, attempt->rcpts[i].rcpt, name);
		enum result r = file_unlink(f->tmp_fd, name, NULL);
		(void)r; /* the next run looks for it as well */
	}
}

static void prepared(struct files *f, struct attempt *attempt, enum result r)
{
	if (r != RESULT_OK)
		drop(f, attempt);
	hub_post(f->hub->recorder, POST_NOTICED, attempt, r, 0);
}

/* The notifications of several attempts, then the directory that they are in. */
void files_notices_turn(struct files *f)
{
	struct fail fail = { 0 };
	struct list done;
	struct list_node *node;
	enum result r = RESULT_OK;
	list_init(&done);
	if (list_is_empty(&f->notices))
		return;
	for (int i = 0; i < PREPARED_TURN_MAX && (node = list_first(&f->notices)) != NULL; i++) {
		r = prepare(f, CONTAINER_OF(node, struct attempt, node), &fail);
		if (r != RESULT_OK)
			break;
		list_remove(node);
		list_push_back(&done, node);
	}
	enum result synced = list_is_empty(&done) ? RESULT_OK : file_sync(f->tmp_fd, false, &fail);
	while ((node = list_pop_front(&done)) != NULL)
		prepared(f, CONTAINER_OF(node, struct attempt, node), synced);
	if (r != RESULT_OK)
		prepared(f, CONTAINER_OF(list_pop_front(&f->notices), struct attempt, node), r);
	if (r != RESULT_OK || synced != RESULT_OK)
		log_write(&f->log, LOG_FAILED,
			LOG_FIELDS(log_cstr("what", "writing a notification into tmp/"),
				log_fail("why", &fail)));
}

/* ---- publishing ---- */

static enum result publish_one(
	struct files *f, const struct attempt *attempt, uint32_t rcpt, struct fail *fail)
{
	char name[PREPARED_NAME_SIZE];
	name_of(attempt, rcpt, name);
	enum result r = prepared_publish(kind_of(attempt), name, attempt->message->name, rcpt, f->tmp_fd,
		f->new_fd, f->bad_fd, fail);
	if (r == RESULT_OK) {
		hub_count(&f->hub->counters.notices, 1);
		files_consider(f, name, true);
	}
	return r == RESULT_NOT_FOUND ? RESULT_OK : r; /* another recipient is the first one of it */
}

/* What cannot be moved now is moved by the next run, which needs for it what the journal says. */
void files_publish(struct files *f, struct attempt *attempt)
{
	CHECK_OBJ(attempt, ATTEMPT_MAGIC);
	struct fail fail = { 0 };
	enum result r = RESULT_OK;
	for (uint32_t i = 0; i < attempt->rcpts_count && r == RESULT_OK; i++)
		if (attempt->rcpts[i].has_notice)
			r = publish_one(f, attempt, attempt->rcpts[i].rcpt, &fail);
	if (r != RESULT_OK) {
		attempt->message->keeps_records = true;
		log_write(&f->log, LOG_FAILED,
			LOG_FIELDS(log_cstr("what", "moving a notification to new/"),
				log_fail("why", &fail)));
	}
	if (!attempt->is_noticed && list_is_empty(&f->published)) {
		hub_post(f->hub->scheduler, POST_RECORDED, attempt, 0, 0);
		return;
	}
	list_push_back(&f->published, &attempt->node);
	files_sync_soon(f);
}

void files_notices_synced(struct files *f)
{
	struct list_node *node;
	while ((node = list_pop_front(&f->published)) != NULL) {
		struct attempt *attempt = CONTAINER_OF(node, struct attempt, node);
		f->told_idle &= !attempt->is_noticed;
		hub_post(f->hub->scheduler, POST_RECORDED, attempt, attempt->is_noticed, 0);
	}
}
