#include <stdlib.h>
#include <string.h>
#include "engine/base/limits.h"
#include "engine/base/nanoseconds.h"
#include "engine/base/time_text.h"
#include "engine/run/job_run.h"
#include "engine/run/worker_state.h"
#include "engine/spool/batch_message.h"

/* Memory. A reading has what it needs of --memory before its file is opened: for the file and for the body
 * together, so that nobody holds the one while he waits for the other (body_budget.h).
 *
 *   for the body of an attempt   waits in the budget's queue: ROOM comes when it is its turn
 *   the first reading            does without the body if there is no room for both: the envelope is what
 *                                the scheduler needs. Without room for the file it goes beyond the
 *                                budget, one at a time, so that new mail is seen in any case
 *
 * A file's memory is needed from its read to its parse, so the one that was given back last serves the next
 * file: it is warm. From malloc it would be fresh pages, since the body made meanwhile takes the place of
 * the file before it: faults, and a copy into cold memory. */

enum {
	SCRATCH_CHUNK_BYTES = 64 * 1024,
	/* What a body may have beyond its file: lines that end in LF on disk, Date and Message-ID. A file
	 * of very short lines takes more; then it is asked for when it is known. */
	GROWTH_PART = 8,
	GROWTH_BYTES = 1024,
	/* Most files fit. */
	WARM_BYTES = 32 * 1024,
};

/* One file being read: for its first reading, or for the body that an attempt needs. */
struct reading {
	struct file_read read;
	struct worker *worker;
	struct message *message;
	struct attempt *attempt; /* NULL: the first reading */
	struct list_node node;   /* in w->unread or w->roomless, while it waits for memory */
	struct body_wait wait;   /* of an attempt */
	struct body_room room;   /* taken for its body */
	size_t file_room;        /* and for the file */
	bool wants_body;
	bool is_beyond;          /* the one first reading that may go without room */
	bool is_warm;            /* `memory`: of w->read_memory, else of malloc */
	uint8_t *memory;
};

enum result reads_init(struct worker *w, struct fail *fail)
{
	list_init(&w->bodyless);
	list_init(&w->unread);
	list_init(&w->roomless);
	arena_init(&w->scratch, SCRATCH_CHUNK_BYTES, MESSAGE_FILE_SCRATCH_BYTES_MAX);
	arena_init(&w->batch, SCRATCH_CHUNK_BYTES, BATCH_ARENA_BYTES_MAX);
	w->hash_key = random_siphash_key();
	/* First readings have their credits; each session may need a body. */
	size_t count = HUB_READS_MAX + LEASE_AHEAD_URGENT * (size_t)w->config->options->sessions;
	if (slab_init(&w->reads, sizeof(struct reading), count) != RESULT_OK ||
		slab_init(&w->read_memory, WARM_BYTES, HUB_READS_MAX) != RESULT_OK)
		return fail_set(fail, RESULT_MEMORY, "out of memory for a worker");
	return RESULT_OK;
}

void reads_deinit(struct worker *w)
{
	job_merger_end(&w->merger);
	arena_deinit(&w->scratch);
	arena_deinit(&w->batch);
	slab_deinit(&w->read_memory);
	slab_deinit(&w->reads);
}

static uint8_t *buffer(struct file_read *read, size_t bytes)
{
	struct reading *reading = CONTAINER_OF(read, struct reading, read);
	struct worker *w = reading->worker;
	size_t more = bytes > reading->file_room ? bytes - reading->file_room : 0;
	/* It grew since it was found. */
	if (more > 0 && !reading->is_beyond) {
		if (!body_budget_take(reading->room.budget, more))
			return NULL;
		reading->file_room += more;
	}
	reading->memory = bytes <= WARM_BYTES ? slab_acquire(&w->read_memory) : NULL;
	reading->is_warm = reading->memory != NULL;
	if (!reading->is_warm)
		reading->memory = malloc(bytes > 0 ? bytes : 1);
	return reading->memory;
}

static void free_memory(struct worker *w, struct reading *reading)
{
	if (reading->is_warm)
		slab_release(&w->read_memory, reading->memory);
	else
		free(reading->memory);
}

/* ---- parse ---- */

/* When the message came into being: the Date of one that has none. Files come in the order of time, so that
 * the text of the last one mostly serves the next. */
struct text read_date(struct worker *w, int64_t born_s)
{
	if (born_s != w->date_unix_s || w->date[0] == '\0') {
		struct buf buf;
		buf_init(&buf, w->date, sizeof w->date - 1);
		time_text_put_rfc5322(&buf, born_s);
		w->date[buf.len] = '\0';
		w->date_unix_s = born_s;
	}
	return text_of(w->date);
}

static enum result parse(struct worker *w, struct reading *reading, struct envelope **out_envelope,
	struct body **out_body, struct fail *out_fail)
{
	if (reading->message->rcpt != NULL)
		return job_merge_here(w, reading->message, &reading->room, out_envelope, out_body, out_fail);
	struct message_file_context context = {
		.date = read_date(w, message_born_unix_s(&reading->read.identity)),
		.host = text_of(w->config->sources[0].helo),
		.hash_key = w->hash_key,
		.room = reading->wants_body ? &reading->room : NULL,
	};
	message_unique(reading->message->name, &reading->read.identity, context.unique);
	enum result r = batch_or_message_parse((char *)reading->read.data, reading->read.len, &context,
		&w->batch, &w->scratch, out_envelope, out_body, out_fail);
	arena_reset(&w->batch);
	arena_reset(&w->scratch);
	return r;
}

/* ---- the first reading ---- */

static enum result result_of_first(struct worker *w, struct reading *reading, enum result r)
{
	struct message *message = reading->message;
	struct fail fail = reading->read.fail;
	if (r == RESULT_OK && !file_identity_equal(&reading->read.identity, &message->identity))
		return RESULT_CHANGED;
	if (r == RESULT_TOO_LONG)
		fail_set(&fail, r, "larger than %d MiB, which no receiver takes", MESSAGE_BYTES_MAX >> 20);
	struct body *body = NULL;
	if (r == RESULT_OK) {
		r = parse(w, reading, &message->envelope, &body, &fail);
		message->body = body;
	}
	if (r != RESULT_OK)
		snprintf(message->reason, sizeof message->reason, "%s", fail.text);
	return r;
}

/* ---- the body of an attempt ---- */

static void without_body(struct worker *w, struct attempt *attempt, enum attempt_fate fate,
	const char *status, const char *why)
{
	attempt_add_reason(attempt, "", NULL, why);
	attempt_settle(attempt, fate, BOUNCE_CLASS_INPUT, status);
	worker_finish(w, attempt);
}

/* The wait for the body is over: its lease need not keep a slot for it any more. */
static struct attempt *body_settled(struct worker *w, struct attempt *attempt)
{
	CHECK(attempt->lease->bodies_awaited > 0);
	attempt->lease->bodies_awaited--;
	lease_touch(w, attempt->lease);
	return attempt;
}

static void body_read(struct worker *w, struct reading *reading, enum result r)
{
	struct attempt *attempt = body_settled(w, reading->attempt);
	struct fail fail = reading->read.fail;
	if (r == RESULT_NOT_FOUND ||
		(r == RESULT_OK &&
			!file_identity_equal(&reading->read.identity, &attempt->message->identity))) {
		without_body(w, attempt, ATTEMPT_WITHDRAWN, "", "the file was removed or replaced");
		return;
	}
	struct envelope *envelope = NULL;
	struct body *body = NULL;
	if (r == RESULT_OK)
		r = parse(w, reading, &envelope, &body, &fail);
	const struct envelope *first = attempt->message->envelope;
	bool same = r == RESULT_OK && envelope->rcpts_count == first->rcpts_count &&
		envelope->message_bytes == first->message_bytes && envelope->body_bytes == first->body_bytes;
	envelope_unref(envelope);
	if (r == RESULT_OK && !same) {
		body_unref(body);
		without_body(w, attempt, ATTEMPT_WITHDRAWN, "", "the file was changed after it was read");
	} else if (r == RESULT_OK && body == NULL) { /* its room was there: malloc refused */
		without_body(w, attempt, ATTEMPT_DEFERRED, "4.3.0", "no memory left for the message");
	} else if (r == RESULT_OK) {
		attempt->body = body;
		lease_add(w, attempt);
	} else if (r == RESULT_INVALID) {
		without_body(w, attempt, ATTEMPT_WITHDRAWN, "", "the file was changed after it was read");
	} else {
		without_body(w, attempt, ATTEMPT_DEFERRED, "4.3.0", fail.text);
	}
}

/* ---- the way of a reading ---- */

static struct reading *new_reading(struct worker *w, struct message *message, struct attempt *attempt)
{
	struct reading *reading = slab_acquire(&w->reads);
	CHECK(reading != NULL); /* as many as there are credits and sessions */
	*reading = (struct reading){
		.worker = w,
		.message = message,
		.attempt = attempt,
		.room = { .budget = &w->hub->bodies },
	};
	return reading;
}

static void end_reading(struct worker *w, struct reading *reading)
{
	free_memory(w, reading);
	body_budget_give_back(&w->hub->bodies, reading->file_room + reading->room.bytes);
	w->reads_beyond -= reading->is_beyond;
	slab_release(&w->reads, reading);
}

static void read_waiting(struct worker *w);

static void read_done(struct file_read *read, enum result r)
{
	struct reading *reading = CONTAINER_OF(read, struct reading, read);
	struct worker *w = reading->worker;
	struct message *message = reading->message;
	bool is_rcpt = message->rcpt != NULL; /* it may be gone in a moment */
	if (reading->attempt != NULL) {
		w->body_reads--;
		body_read(w, reading, r);
	} else {
		message->read_result = result_of_first(w, reading, r);
		hub_post(w->hub->scheduler, POST_READ_DONE, message, w->index, 0);
	}
	end_reading(w, reading);
	if (!is_rcpt) /* who has no file keeps nobody waiting */
		read_waiting(w);
}

static void start(struct worker *w, struct reading *reading)
{
	if (reading->message->rcpt != NULL) { /* his line is there already */
		reading->read.identity = reading->message->identity;
		read_done(&reading->read, RESULT_OK);
		return;
	}
	reading->read = (struct file_read){
		.owner = w, .max_bytes = MESSAGE_BYTES_MAX, .buffer = buffer, .done = read_done
	};
	file_read_start(&reading->read, w->loop.ring, w->new_fd, reading->message->name);
}

/* One more than the file has: see file_read.h. What is too large is not read. */
static size_t file_bytes(const struct message *message)
{
	uint64_t bytes = message->identity.bytes;
	return bytes <= MESSAGE_BYTES_MAX ? (size_t)bytes + 1 : 0;
}

/* ---- first readings ---- */

static bool take_room(struct worker *w, struct reading *reading)
{
	struct body_budget *budget = &w->hub->bodies;
	size_t file = file_bytes(reading->message);
	size_t body = body_bytes(file + file / GROWTH_PART + GROWTH_BYTES, 0);
	if (body_budget_take(budget, file + body)) {
		reading->file_room = file;
		reading->room.bytes = body;
		reading->wants_body = true;
		return true;
	}
	if (body_budget_take(budget, file)) {
		reading->file_room = file;
		return true;
	}
	if (w->reads_beyond > 0)
		return false;
	w->reads_beyond++;
	reading->is_beyond = true;
	return true;
}

void read_message(struct worker *w, struct message *message)
{
	CHECK_OBJ(message, MESSAGE_MAGIC);
	if (message->rcpt != NULL) {
		job_read(w, message);
		return;
	}
	struct reading *reading = new_reading(w, message, NULL);
	if (take_room(w, reading))
		start(w, reading);
	else /* one goes beyond the budget, and its end is the next one's turn */
		list_push_back(&w->unread, &reading->node);
}

/* ---- bodies of attempts ---- */

static void granted(struct body_wait *wait)
{
	struct reading *reading = CONTAINER_OF(wait, struct reading, wait);
	hub_post(worker_mailbox(reading->worker), POST_ROOM, reading, 0, 0);
}

/* What it has waited for, or found at once. */
static void read_in_room(struct worker *w, struct reading *reading)
{
	reading->file_room = file_bytes(reading->message);
	reading->room.bytes = reading->wait.bytes - reading->file_room;
	start(w, reading);
}

static void give_attempt_back(struct worker *w, struct reading *reading)
{
	struct attempt *attempt = body_settled(w, reading->attempt);
	w->body_reads--;
	end_reading(w, reading);
	lease_return(w, attempt);
}

void read_room_there(struct worker *w, struct reading *reading)
{
	list_remove(&reading->node);
	if (!w->draining) {
		read_in_room(w, reading);
		return;
	}
	reading->room.bytes = reading->wait.bytes;
	give_attempt_back(w, reading);
}

static void begin_body(struct worker *w, struct attempt *attempt)
{
	struct message *message = attempt->message;
	struct reading *reading = new_reading(w, message, attempt);
	w->body_reads++;
	reading->wants_body = true;
	reading->wait.bytes = file_bytes(message) + message->envelope->body_bytes;
	reading->wait.granted = granted;
	if (body_budget_take(&w->hub->bodies, reading->wait.bytes)) {
		read_in_room(w, reading);
		return;
	}
	list_push_back(&w->roomless, &reading->node);
	body_budget_wait(&w->hub->bodies, &reading->wait);
	if (!atomic_exchange(&w->hub->bodies_wanted, true))
		hub_post(w->hub->scheduler, POST_BODIES_WANTED, NULL, 0, 0);
}

static bool may_begin_body(const struct worker *w)
{
	return w->body_reads < LEASE_AHEAD_URGENT * (uint32_t)w->config->options->sessions;
}

void read_body(struct worker *w, struct attempt *attempt)
{
	attempt->lease->bodies_awaited++;
	if (may_begin_body(w))
		begin_body(w, attempt);
	else
		list_push_back(&w->bodyless, &attempt->node); /* the disk stands still */
}

/* A reading has ended: the turn of those that it kept waiting. */
static void read_waiting(struct worker *w)
{
	struct list_node *node;
	while ((node = list_first(&w->unread)) != NULL) {
		struct reading *reading = CONTAINER_OF(node, struct reading, node);
		if (!take_room(w, reading))
			break;
		list_remove(node);
		start(w, reading);
	}
	while (may_begin_body(w) && (node = list_pop_front(&w->bodyless)) != NULL)
		begin_body(w, CONTAINER_OF(node, struct attempt, node));
}

void reads_drain(struct worker *w)
{
	struct list_node *node;
	while ((node = list_pop_front(&w->bodyless)) != NULL)
		lease_return(w, body_settled(w, CONTAINER_OF(node, struct attempt, node)));
	LIST_FOR_EACH_SAFE (waiting, &w->roomless) {
		struct reading *reading = CONTAINER_OF(waiting, struct reading, node);
		if (!body_budget_cancel(&w->hub->bodies, &reading->wait))
			continue; /* ROOM is on its way */
		list_remove(&reading->node);
		give_attempt_back(w, reading);
	}
}
