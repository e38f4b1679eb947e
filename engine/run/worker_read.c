#include <stdlib.h>
#include <string.h>
#include "engine/base/limits.h"
#include "engine/base/nanoseconds.h"
#include "engine/base/time_text.h"
#include "engine/run/worker_state.h"
#include "engine/spool/message_file.h"
#include "engine/spool/spool_format.h"

/* A body that found no room is tried again: sessions that end make room all the time. */
#define BODYLESS_NS (10 * MS_NS)

enum { SCRATCH_CHUNK_BYTES = 64 * 1024 };

/* One file being read: for its first reading, or for the body that an attempt needs. */
struct reading {
	struct file_read read;
	struct worker *worker;
	struct message *message;
	struct attempt *attempt; /* NULL: the first reading */
	uint8_t *memory;
};

enum result reads_init(struct worker *w, struct fail *fail)
{
	list_init(&w->bodyless);
	arena_init(&w->scratch, SCRATCH_CHUNK_BYTES, MESSAGE_FILE_SCRATCH_BYTES_MAX);
	w->hash_key = random_siphash_key();
	/* First readings have their credits; each session may need a body. */
	size_t count = HUB_READS_MAX + LEASE_AHEAD * (size_t)w->config->options->sessions;
	if (slab_init(&w->reads, sizeof(struct reading), count) != RESULT_OK)
		return fail_set(fail, RESULT_MEMORY, "out of memory for a worker");
	return RESULT_OK;
}

void reads_deinit(struct worker *w)
{
	arena_deinit(&w->scratch);
	slab_deinit(&w->reads);
}

static uint8_t *buffer(struct file_read *read, size_t bytes)
{
	struct reading *reading = CONTAINER_OF(read, struct reading, read);
	reading->memory = malloc(bytes > 0 ? bytes : 1);
	return reading->memory;
}

/* ---- parse ---- */

/* When the message came into being: the Date of one that has none. Files come in the order of time, so that
 * the text of the last one mostly serves the next. */
static struct text date_of(struct worker *w, const struct file_identity *identity)
{
	int64_t born_ns = identity->birth_ns != 0 ? identity->birth_ns : identity->modified_ns;
	int64_t born_s = born_ns / (int64_t)SECOND_NS;
	if (born_s != w->date_unix_s || w->date[0] == '\0') {
		struct buf buf;
		buf_init(&buf, w->date, sizeof w->date - 1);
		time_text_put_rfc5322(&buf, born_s);
		w->date[buf.len] = '\0';
		w->date_unix_s = born_s;
	}
	return text_of(w->date);
}

/* As unique as the identity of a file (DESIGN 1) and the same for as long as it lasts. The keys are no
 * secret: nobody gains by finding two files with one Message-ID. */
static void make_unique(const char *name, const struct file_identity *identity,
	uint8_t out[static MESSAGE_FILE_UNIQUE_BYTES])
{
	static const struct siphash_key keys[2] = { { 1, 0 }, { 2, 0 } };
	bool has_birth = identity->birth_ns != 0;
	const uint64_t numbers[] = {
		identity->inode,
		(uint64_t)(has_birth ? identity->birth_ns : identity->modified_ns),
		has_birth ? 0 : identity->bytes,
	};
	uint8_t all[sizeof numbers + FILE_NAME_BYTES_MAX];
	size_t name_len = strlen(name);
	CHECK(name_len <= FILE_NAME_BYTES_MAX);
	memcpy(all, numbers, sizeof numbers);
	memcpy(all + sizeof numbers, name, name_len);
	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		uint64_t hash = siphash(&keys[i], all, sizeof numbers + name_len);
		memcpy(out + i * sizeof hash, &hash, sizeof hash);
	}
}

static enum result parse(struct worker *w, const struct reading *reading, struct envelope **out_envelope,
	struct body **out_body, struct fail *out_fail)
{
	struct text file = text_of_bytes(reading->read.data, reading->read.len);
	if (spool_format_of(text_cut(file, SPOOL_FORMAT_HEAD_BYTES), false) == SPOOL_FORMAT_BATCH)
		return fail_set(out_fail, RESULT_UNAVAILABLE,
			"a batch SMTP file; this version delivers files with X-Sender and X-Receiver");
	struct message_file_context context = {
		.date = date_of(w, &reading->read.identity),
		.host = text_of(w->config->sources[0].helo),
		.hash_key = w->hash_key,
		.budget = &w->hub->bodies,
	};
	make_unique(reading->message->name, &reading->read.identity, context.unique);
	enum result r = message_file_parse(file, &context, &w->scratch, out_envelope, out_body, out_fail);
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

static void wait_for_room(struct worker *w, struct attempt *attempt);

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
	bool same = r == RESULT_OK && envelope->rcpts_count == attempt->message->envelope->rcpts_count &&
		envelope->message_bytes == attempt->message->envelope->message_bytes;
	envelope_unref(envelope);
	if (r == RESULT_OK && !same) {
		body_unref(body);
		without_body(w, attempt, ATTEMPT_WITHDRAWN, "", "the file was changed after it was read");
	} else if (r == RESULT_OK && body == NULL) {
		wait_for_room(w, attempt);
	} else if (r == RESULT_OK) {
		attempt->body = body;
		lease_add(w, attempt);
	} else if (r == RESULT_INVALID) {
		without_body(w, attempt, ATTEMPT_WITHDRAWN, "", "the file was changed after it was read");
	} else {
		without_body(w, attempt, ATTEMPT_DEFERRED, "4.3.0", fail.text);
	}
}

static void read_done(struct file_read *read, enum result r)
{
	struct reading *reading = CONTAINER_OF(read, struct reading, read);
	struct worker *w = reading->worker;
	struct message *message = reading->message;
	if (reading->attempt != NULL) {
		w->body_reads--;
		body_read(w, reading, r);
	} else {
		message->read_result = result_of_first(w, reading, r);
		hub_post(w->hub->scheduler, POST_READ_DONE, message, w->index, 0);
	}
	free(reading->memory);
	slab_release(&w->reads, reading);
}

static void start(struct worker *w, struct message *message, struct attempt *attempt)
{
	struct reading *reading = slab_acquire(&w->reads);
	CHECK(reading != NULL); /* as many as there are credits and sessions */
	*reading = (struct reading){
		.read = { .owner = w, .max_bytes = MESSAGE_BYTES_MAX, .buffer = buffer, .done = read_done },
		.worker = w,
		.message = message,
		.attempt = attempt,
	};
	file_read_start(&reading->read, w->loop.ring, w->new_fd, message->name);
}

void read_message(struct worker *w, struct message *message)
{
	CHECK_OBJ(message, MESSAGE_MAGIC);
	start(w, message, NULL);
}

void read_body(struct worker *w, struct attempt *attempt)
{
	if (w->body_reads >= LEASE_AHEAD * (uint32_t)w->config->options->sessions) {
		wait_for_room(w, attempt); /* the disk stands still: not more than there is memory for */
		return;
	}
	w->body_reads++;
	attempt->lease->bodies_awaited++;
	start(w, attempt->message, attempt);
}

/* ---- no room in the budget ---- */

static void bodyless_due(struct timer *timer)
{
	struct worker *w = CONTAINER_OF(timer, struct worker, bodyless_timer);
	struct list again;
	list_init(&again);
	list_splice_back(&again, &w->bodyless);
	struct list_node *node;
	while ((node = list_pop_front(&again)) != NULL)
		read_body(w, body_settled(w, CONTAINER_OF(node, struct attempt, node)));
}

static void wait_for_room(struct worker *w, struct attempt *attempt)
{
	if (w->draining) {
		lease_return(w, attempt);
		return;
	}
	attempt->lease->bodies_awaited++;
	list_push_back(&w->bodyless, &attempt->node);
	if (timer_is_running(&w->bodyless_timer))
		return;
	hub_post(w->hub->scheduler, POST_BODIES_WANTED, NULL, 0, 0);
	loop_timer_start(&w->loop, &w->bodyless_timer, BODYLESS_NS, bodyless_due);
}

void reads_drain(struct worker *w)
{
	struct list_node *node;
	while ((node = list_pop_front(&w->bodyless)) != NULL)
		lease_return(w, body_settled(w, CONTAINER_OF(node, struct attempt, node)));
}
