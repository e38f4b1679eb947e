#include <stdio.h>
#include <stdlib.h>
#include "engine/base/check.h"
#include "engine/io/mailbox.h"
#include "engine/run/config.h"
#include "engine/run/forgotten.h"
#include "engine/run/hub.h"
#include "engine/run/keeper.h"
#include "engine/run/keeper_state.h"
#include "engine/run/recovery.h"
#include "engine/run/revival.h"
#include "engine/run/warmup_file.h"

#define KEEPER_MAGIC 0x6ee9e401u

enum { ARENA_BYTES_MAX = 4 * QUEUE_VALUE_BYTES_MAX };

/* ---- what the journal says of parked files ---- */

struct settling {
	struct keeper *keeper;
	struct recovery *recovery;
	enum result result;
	struct fail *fail;
};

static uint32_t open_rcpts(const struct queue_attempt *attempt, const struct recovered_file *recovered,
	struct queue_rcpt *out_rcpts)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < attempt->rcpts_count; i++)
		if (!recovered_is_done(recovered, attempt->rcpts[i].rcpt))
			out_rcpts[count++] = attempt->rcpts[i];
	return count;
}

/* They are told of together. */
static bool is_warned(const struct queue_attempt *attempt, const struct recovered_file *recovered)
{
	for (uint32_t i = 0; i < attempt->rcpts_count; i++)
		if (recovered_is_warned(recovered, attempt->rcpts[i].rcpt))
			return true;
	return attempt->is_warned;
}

/* The attempts of the file without those recipients that are done. One that cannot be read stays as it is. */
static enum result read_open(struct keeper *k, const struct queue_file *file,
	const struct recovered_file *recovered, struct queue_parking *out_parking, struct fail *fail)
{
	struct queue_key *taken = arena_alloc_array(&k->arena, file->keys_count, sizeof *taken);
	*out_parking = (struct queue_parking){
		.file = *file,
		.taken = taken,
		.attempts = arena_alloc_array(
			&k->arena, file->keys_count, sizeof *out_parking->attempts),
	};
	if (arena_is_exhausted(&k->arena))
		return fail_set(fail, RESULT_MEMORY, "no memory for the queue");
	for (uint32_t i = 0; i < file->keys_count; i++) {
		struct queue_attempt attempt;
		enum result r = queue_get(k->reader, &file->keys[i], &k->arena, &attempt, fail);
		if (queue_attempt_is_damaged(r, &attempt))
			continue;
		if (r != RESULT_OK)
			return r;
		taken[out_parking->taken_count++] = file->keys[i];
		struct queue_rcpt *rcpts =
			arena_alloc_array(&k->arena, attempt.rcpts_count, sizeof *rcpts);
		if (arena_is_exhausted(&k->arena))
			return fail_set(fail, RESULT_MEMORY, "no memory for the queue");
		attempt.is_warned = is_warned(&attempt, recovered);
		attempt.rcpts_count = open_rcpts(&attempt, recovered, rcpts);
		attempt.rcpts = rcpts;
		if (attempt.rcpts_count > 0)
			out_parking->attempts[out_parking->attempts_count++] = attempt;
	}
	return RESULT_OK;
}

/* *out_settled: the journal is needed no more. A file that is done and still there is to be unlinked before
 * it leaves the queue: what else was done of it nobody knows but the queue, by its absence. */
static enum result settle_file(struct keeper *k, const struct queue_file *file,
	const struct recovered_file *recovered, bool *out_settled, struct fail *fail)
{
	struct queue_parking parking;
	struct file_identity identity;
	enum file_type type;
	uint32_t left;
	*out_settled = false;
	enum result r = read_open(k, file, recovered, &parking, fail);
	if (r != RESULT_OK)
		return r;
	r = file_look(k->new_fd, recovered->name, &type, &identity, NULL);
	bool is_there = r == RESULT_OK ? file_identity_equal(&identity, &recovered->identity)
				       : r != RESULT_NOT_FOUND; /* what cannot be looked at may be there */
	bool has_damage = parking.taken_count < file->keys_count;
	if (parking.attempts_count == 0 && !has_damage && is_there)
		return RESULT_OK;
	*out_settled = true;
	return queue_park(k->hub->queue, &parking, &left, fail);
}

static void settle(struct hash_node *node, void *context)
{
	struct settling *s = context;
	struct keeper *k = s->keeper;
	struct recovered_file *recovered = CONTAINER_OF(node, struct recovered_file, node);
	struct file_identity identity = recovered->identity;
	struct queue_file file;
	bool is_settled = false;
	if (s->result != RESULT_OK)
		return;
	arena_reset(&k->arena);
	enum result r = queue_find(k->reader, text_of(recovered->name), &k->arena, &file, s->fail);
	if (r == RESULT_NOT_FOUND || queue_file_is_damaged(r, &file))
		return; /* of what cannot be read the journal says more than we */
	if (r == RESULT_OK) {
		struct file_identity parked = identity_of_record(&file.file);
		if (!file_identity_equal(&parked, &identity))
			return; /* that one is to be withdrawn */
		r = settle_file(k, &file, recovered, &is_settled, s->fail);
	}
	s->result = r;
	if (r == RESULT_OK && is_settled)
		recovery_forget(s->recovery, text_of(recovered->name), &identity);
}

static enum result settle_all(struct keeper *k, struct recovery *recovery, struct fail *fail)
{
	struct settling s = { .keeper = k, .recovery = recovery, .fail = fail };
	hash_map_for_each(&recovery->files, settle, &s);
	return s.result == RESULT_OK ? queue_commit(k->hub->queue, fail) : s.result;
}

/* ---- life ---- */

static enum result open_queue(struct keeper *k, struct fail *fail)
{
	char state[4096];
	const char *spool = k->hub->config->options->spool;
	if (snprintf(state, sizeof state, "%s/state", spool) >= (int)sizeof state)
		return fail_set(fail, RESULT_TOO_LONG, "--spool: the path is too long");
	enum result r = queue_open(state, true, &k->hub->queue, fail);
	if (r == RESULT_OK)
		r = holds_load(&k->holds, state, fail);
	return r == RESULT_OK ? queue_reader_create(k->hub->queue, &k->reader, fail) : r;
}

enum result keeper_create(struct hub *hub, struct recovery *recovery, int new_fd,
	struct keeper **out_keeper, struct fail *fail)
{
	struct keeper *k = calloc(1, sizeof *k);
	*out_keeper = NULL;
	if (k == NULL)
		return fail_set(fail, RESULT_MEMORY, "out of memory for the queue");
	k->magic = KEEPER_MAGIC;
	k->hub = hub;
	k->new_fd = new_fd;
	k->log = run_config_logger(hub->config, "keeper");
	list_init(&k->parked);
	list_init(&k->back);
	list_init(&k->unlinked);
	list_init(&k->to_forget);
	list_init(&k->forgetting);
	arena_init(&k->arena, 65536, ARENA_BYTES_MAX);
	enum result r = open_queue(k, fail);
	if (r == RESULT_OK)
		queue_clock_start(
			&hub->clock, clock_now_ns(), clock_wall_us(), queue_time_us(hub->queue));
	if (r == RESULT_OK)
		r = settle_all(k, recovery, fail);
	if (r != RESULT_OK)
		keeper_destroy(k);
	else
		*out_keeper = k;
	return r;
}

/* What was on its way when the threads ended. */
static void drop_unheard(struct keeper *k)
{
	struct mailbox_message message;
	struct list_node *node;
	while ((node = list_pop_front(&k->back)) != NULL)
		revival_destroy(CONTAINER_OF(node, struct revival, node));
	while (k->hub->keeper != NULL && mailbox_take(k->hub->keeper, &message)) {
		if (message.kind == POST_PARKED_GONE)
			free(message.object);
		if (message.kind == POST_FORGET_LATE)
			forgotten_free_chain(message.object);
		if (message.kind == POST_DUE_BACK)
			revival_destroy(message.object);
		if (message.kind == POST_WARMUP)
			warmup_text_destroy(message.object);
	}
	keeper_drop_forgotten(k);
	while ((node = list_pop_front(&k->parked)) != NULL)
		;
	while ((node = list_pop_front(&k->unlinked)) != NULL)
		;
}

void keeper_destroy(struct keeper *k)
{
	if (k == NULL)
		return;
	CHECK_OBJ(k, KEEPER_MAGIC);
	drop_unheard(k);
	queue_reader_destroy(&k->reader);
	queue_close(&k->hub->queue);
	holds_deinit(&k->holds);
	arena_deinit(&k->arena);
	k->magic = 0;
	free(k);
}
