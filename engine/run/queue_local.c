#include "engine/run/queue_local.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "engine/io/clock.h"
#include "engine/io/file.h"
#include "engine/io/random.h"
#include "engine/run/control_entry.h"
#include "engine/run/control_queue.h"
#include "engine/run/control_task.h"
#include "engine/run/holds.h"
#include "engine/run/queue_local_jobs.h"
#include "engine/run/revival.h"
#include "engine/run/spool_put.h"
#include "engine/spool/message_file.h"
#include "engine/spool/spool_format.h"
#include "store/state_lock.h"

enum { CHUNK_BYTES = 64 * 1024, ARENA_BYTES_MAX = 4 * QUEUE_VALUE_BYTES_MAX };

struct local {
	struct control_task *task;
	queue_line_fn *line;
	void *context;
	const char *state; /* SPOOL/state */
	int new_fd;
	struct holds holds;
	struct state_lock *lock;
	struct queue *queue;
	struct queue_reader *reader;
	struct arena arena, scratch;
	bool has_unlinked;
};

static bool changes(const struct control_task *task)
{
	return !control_act_tells(task->request.act);
}

/* What was written so far, line by line. */
static void give_lines(struct local *l)
{
	struct text out = buf_text(&l->task->out), line;
	while (out.len > 0 && text_split(&out, '\n', &line))
		if (line.len > 0)
			l->line(line, l->context);
	buf_reset(&l->task->out);
}

/* ---- the queue ---- */

static enum result open_queue(struct local *l)
{
	struct fail *fail = &l->task->fail;
	/* One that is not there is not made. */
	enum result r = queue_open(l->state, false, &l->queue, fail);
	if (r == RESULT_NOT_FOUND) {
		fail_clear(fail);
		return RESULT_OK;
	}
	if (r == RESULT_OK && changes(l->task)) {
		queue_close(&l->queue);
		r = queue_open(l->state, true, &l->queue, fail);
	}
	return r == RESULT_OK ? queue_reader_create(l->queue, &l->reader, fail) : r;
}

static enum result work_on_queue(struct local *l)
{
	struct control_task *task = l->task;
	int64_t wall_us = clock_wall_us();
	int64_t last_us = l->queue != NULL ? (int64_t)queue_time_us(l->queue) : 0;
	int64_t now_us = wall_us > last_us ? wall_us : last_us;
	struct control_queue on = {
		.queue = l->queue,
		.reader = l->reader,
		.arena = &l->arena,
		.holds = &l->holds,
		.now_us = (uint64_t)now_us,
		.ahead_us = now_us - wall_us,
	};
	while (l->queue != NULL && !task->is_phase_over) {
		bool changed;
		control_queue_step(&on, task, &changed);
		give_lines(l);
	}
	if (l->queue == NULL || task->fail.result != RESULT_OK || !changes(task))
		return task->fail.result;
	return queue_commit(l->queue, &task->fail);
}

/* ---- files that no sender has taken, or told of ---- */

struct part { /* recipients of one domain */
	const struct envelope *envelope;
	const uint32_t *indices;
};

static struct text rcpt_of(const void *context, uint32_t index)
{
	const struct part *part = context;
	return part->envelope->rcpts[part->indices[index]].address.text;
}

static int compare_domains(const void *a, const void *b, void *context)
{
	const struct envelope *envelope = context;
	return text_compare(envelope_domain(&envelope->rcpts[*(const uint32_t *)a].address),
		envelope_domain(&envelope->rcpts[*(const uint32_t *)b].address));
}

static void tell_part(struct local *l, const char *name, const struct part *part, uint32_t count)
{
	const struct envelope *envelope = part->envelope;
	struct text domain = envelope_domain(&envelope->rcpts[part->indices[0]].address);
	char words[CONTROL_WHY_MAX];
	const char *hold = holds_match(&l->holds, domain, envelope->job, text_of(name));
	(void)snprintf(words, sizeof words, "%s%s",
		hold != NULL ? "held by the operator: " : "no sender runs that would take it",
		hold != NULL ? hold : "");
	const struct control_entry entry = {
		.file = text_of(name),
		.id = envelope->id,
		.job = envelope->job,
		.from = envelope->sender.text,
		.domain = domain,
		.transactional = envelope->class == ENVELOPE_CLASS_TRANSACTIONAL,
		.state = hold != NULL ? "held" : "new",
		.rcpts_count = count,
		.attempt = 1,
		.why = text_of(words),
		.rcpt = rcpt_of,
		.context = part,
	};
	control_task_put(l->task, &entry);
}

/* Returns how many recipients are meant, and tells of them. */
static uint32_t look_at_parts(struct local *l, const char *name, const struct envelope *envelope)
{
	uint32_t meant = 0, count = envelope->rcpts_count;
	uint32_t *indices = arena_alloc_array(&l->arena, count, sizeof *indices);
	if (indices == NULL) {
		(void)fail_set(&l->task->fail, RESULT_MEMORY, "out of memory");
		return 0;
	}
	for (uint32_t i = 0; i < count; i++)
		indices[i] = i;
	qsort_r(indices, count, sizeof *indices, compare_domains, (void *)(uintptr_t)envelope);
	for (uint32_t at = 0, n; at < count; at += n) {
		const struct part part = { envelope, indices + at };
		struct text domain = envelope_domain(&envelope->rcpts[indices[at]].address);
		for (n = 1; at + n < count; n++)
			if (!text_equal(domain,
				    envelope_domain(&envelope->rcpts[indices[at + n]].address)))
				break;
		if (!control_request_means(&l->task->request, domain, envelope->job, text_of(name)))
			continue;
		meant += n;
		tell_part(l, name, &part, n);
	}
	return meant;
}

static void look_at_envelope(struct local *l, const char *name, const struct envelope *envelope)
{
	struct control_task *task = l->task;
	uint64_t attempts = task->attempts, rcpts = task->rcpts;
	enum control_act act = task->request.act;
	uint32_t meant = look_at_parts(l, name, envelope);
	bool is_whole = meant == envelope->rcpts_count;
	if (control_act_tells(act) || act == CONTROL_HOLD || meant == 0)
		return;
	if (act == CONTROL_DROP && is_whole && task->fail.result == RESULT_OK) {
		l->has_unlinked |= file_unlink(l->new_fd, name, &task->fail) == RESULT_OK;
		return;
	}
	/* It is due in any case when a sender takes it; or it has other recipients as well. */
	task->attempts = attempts;
	task->rcpts = rcpts;
	if (act == CONTROL_DROP)
		task->busy += meant;
}

/* Of one whose entry is damaged no sender takes anything either. */
static bool is_queued(struct local *l, const char *name, const struct file_identity *identity)
{
	struct queue_file file;
	struct fail fail = { 0 };
	if (l->reader == NULL)
		return false;
	enum result r = queue_find(l->reader, text_of(name), &l->arena, &file, &fail);
	if (queue_file_is_damaged(r, &file))
		return true;
	if (r != RESULT_OK)
		return false;
	struct file_identity parked = identity_of_record(&file.file);
	return file_identity_equal(&parked, identity);
}

static void tell_batch(struct local *l, const char *name)
{
	struct control_task *task = l->task;
	const struct control_entry entry = {
		.file = text_of(name),
		.state = "new",
		.attempt = 1,
		.why = TEXT("a batch file: no sender runs that would make mail of it"),
	};
	if (control_act_tells(task->request.act) &&
		control_request_means(&task->request, TEXT_EMPTY, TEXT_EMPTY, text_of(name)))
		control_task_put(task, &entry);
}

static void look_at_mail(struct local *l, const char *name, int fd)
{
	struct text file;
	struct fail fail = { 0 };
	const struct message_file_context context = {
		.date = TEXT("x"),
		.host = TEXT("host.invalid"),
		.hash_key = random_siphash_key(),
	};
	struct envelope *envelope = NULL;
	struct body *body = NULL;
	arena_reset(&l->scratch);
	enum result r = spool_put_read(fd, &l->arena, &file, &fail);
	if (r == RESULT_TOO_LONG || /* no message is */
		(r == RESULT_OK && spool_format_of(text_cut(file, SPOOL_FORMAT_HEAD_BYTES),
					   false) == SPOOL_FORMAT_BATCH))
		tell_batch(l, name);
	else if (r == RESULT_OK && message_file_parse(file, &context, &l->scratch, &envelope, &body,
					   &fail) == RESULT_OK)
		look_at_envelope(l, name, envelope);
	envelope_unref(envelope);
	body_unref(body);
}

/* What is no mail is the sender's to judge, and what goes away while we look is nobody's any more. */
static void look_at_file(struct local *l, const char *name)
{
	int fd;
	struct file_identity identity;
	enum file_type type;
	const char *wanted = l->task->request.file;
	if (*name == '.' || (*wanted != '\0' && strcmp(name, wanted) != 0) ||
		file_look(l->new_fd, name, &type, &identity, NULL) != RESULT_OK ||
		type != FILE_TYPE_REGULAR)
		return;
	arena_reset(&l->arena);
	if (is_queued(l, name, &identity) ||
		file_open_regular(l->new_fd, name, &fd, NULL, NULL) != RESULT_OK)
		return;
	look_at_mail(l, name, fd);
	file_close(fd);
	give_lines(l);
}

static enum result work_on_files(struct local *l)
{
	struct control_task *task = l->task;
	int fd = dup(l->new_fd);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (dir == NULL) {
		if (fd >= 0)
			file_close(fd);
		return fail_set(&task->fail, RESULT_IO, "cannot read the folder new/ of the spool");
	}
	const struct dirent *entry;
	while (task->fail.result == RESULT_OK && (entry = readdir(dir)) != NULL)
		look_at_file(l, entry->d_name);
	(void)closedir(dir);
	if (l->has_unlinked && task->fail.result == RESULT_OK)
		return file_sync(l->new_fd, false, &task->fail);
	return task->fail.result;
}

static void give_lines_of(void *context) { give_lines(context); }

static enum result work_on_jobs(struct local *l)
{
	struct local_jobs jobs = {
		.state = l->state,
		.new_fd = l->new_fd,
		.reader = l->reader,
		.holds = &l->holds,
		.task = l->task,
		.give = give_lines_of,
		.context = l,
	};
	return queue_local_jobs(&jobs);
}

/* ---- the rules ---- */

static void put_rule(struct hash_node *node, void *context)
{
	control_task_put_hold(context, CONTAINER_OF(node, struct hold, node)->text);
}

static enum result change_rules(struct local *l)
{
	struct text name;
	struct control_task *task = l->task;
	enum hold_kind kind = control_request_rule(&task->request, &name);
	if (task->request.act == CONTROL_HOLD) {
		task->has_rule = true;
		enum result r = holds_add(&l->holds, kind, name, &task->fail);
		return r == RESULT_OK ? holds_save(&l->holds, &task->fail) : r;
	}
	task->has_rule = holds_remove(&l->holds, kind, name);
	return task->has_rule ? holds_save(&l->holds, &task->fail) : RESULT_OK;
}

/* ---- the whole ---- */

static enum result work(struct local *l)
{
	struct control_task *task = l->task;
	enum control_act act = task->request.act;
	enum result r =
		changes(task) ? state_lock_acquire(l->state, &l->lock, &task->fail) : RESULT_OK;
	if (r == RESULT_OK)
		r = holds_load(&l->holds, l->state, &task->fail);
	if (r == RESULT_OK && act == CONTROL_HOLD)
		r = change_rules(l);
	if (r == RESULT_OK && control_request_wants_rules(&task->request))
		hash_map_for_each(&l->holds.rules, put_rule, task);
	give_lines(l);
	if (r == RESULT_OK)
		r = open_queue(l);
	if (r == RESULT_OK)
		r = work_on_queue(l);
	if (r == RESULT_OK)
		r = work_on_files(l);
	if (r == RESULT_OK)
		r = work_on_jobs(l);
	/* At the end: what it held is due before nothing holds it. */
	if (r == RESULT_OK && act == CONTROL_RELEASE)
		r = change_rules(l);
	return r;
}

enum result queue_local(
	const char *spool, struct control_task *task, queue_line_fn *line, void *context)
{
	struct local l = { .task = task, .line = line, .context = context, .new_fd = -1 };
	arena_init(&l.arena, CHUNK_BYTES, ARENA_BYTES_MAX + MESSAGE_FILE_SCRATCH_BYTES_MAX);
	arena_init(&l.scratch, CHUNK_BYTES, MESSAGE_FILE_SCRATCH_BYTES_MAX);
	struct arena paths;
	arena_init(&paths, 1024, CHUNK_BYTES);
	struct text state = arena_printf(&paths, "%s/state", spool);
	struct text new_path = arena_printf(&paths, "%s/new", spool);
	enum result r =
		arena_is_exhausted(&paths)
			? fail_set(&task->fail, RESULT_TOO_LONG, "--spool: the path is too long")
			: file_open_directory(AT_FDCWD, new_path.data, &l.new_fd, &task->fail);
	l.state = state.data;
	if (r == RESULT_OK)
		r = work(&l);
	queue_reader_destroy(&l.reader);
	queue_close(&l.queue);
	holds_deinit(&l.holds);
	state_lock_release(&l.lock);
	if (l.new_fd >= 0)
		file_close(l.new_fd);
	arena_deinit(&paths);
	arena_deinit(&l.scratch);
	arena_deinit(&l.arena);
	return r;
}
