#include "engine/run/suppressor.h"
#include <stdlib.h>
#include <string.h>
#include "engine/base/check.h"
#include "engine/base/nanoseconds.h"
#include "engine/io/loop.h"
#include "engine/run/config.h"
#include "engine/run/hub.h"
#include "store/suppress.h"

#define SUPPRESSOR_MAGIC 0x5c994e55u

/* A list that cannot be written is tried again after this. */
#define AGAIN_NS (5 * SECOND_NS)

struct suppressor {
	uint32_t magic;
	struct hub *hub;
	struct loop loop;
	struct logger log;
	struct fail fail;
	struct list batches; /* to be written, oldest first */
	struct timer again_timer;
	bool failing; /* and it was said */
};

/* ---- items ---- */

struct suppress_item *suppress_item_create(
	struct text address, struct text reason, int64_t time_unix_s, uint64_t seq)
{
	reason = text_cut_utf8(reason, SUPPRESS_REASON_MAX);
	CHECK(address.len <= SUPPRESS_ADDRESS_MAX);
	struct suppress_item *item = calloc(1, sizeof *item + address.len + reason.len);
	if (item == NULL)
		return NULL;
	item->seq = seq;
	item->time_unix_s = time_unix_s;
	item->address_len = (uint16_t)address.len;
	item->reason_len = (uint16_t)reason.len;
	memcpy(item->text, address.data, address.len);
	if (reason.len > 0)
		memcpy(item->text + address.len, reason.data, reason.len);
	return item;
}

void suppress_items_free(struct list *items)
{
	struct list_node *node;
	while ((node = list_pop_front(items)) != NULL)
		free(CONTAINER_OF(node, struct suppress_item, node));
}

void suppress_batch_destroy(struct suppress_batch *batch)
{
	if (batch == NULL)
		return;
	suppress_items_free(&batch->items);
	free(batch);
}

enum result suppress_items_apply(const struct list *items, struct suppress *list, struct fail *fail)
{
	uint64_t seq = 0;
	bool is_new;
	LIST_FOR_EACH(node, items)
	{
		const struct suppress_item *item = CONTAINER_OF(node, struct suppress_item, node);
		const struct suppress_entry entry = {
			.address = { item->text, item->address_len },
			.reason = { item->text + item->address_len, item->reason_len },
			.time_unix_s = item->time_unix_s,
		};
		enum result r = suppress_put(list, &entry, &is_new, fail);
		if (r != RESULT_OK)
			return r;
		seq = item->seq;
	}
	enum result r = suppress_set_applied_seq(list, seq, fail);
	return r == RESULT_OK ? suppress_commit(list, fail) : r;
}

/* ---- writing ---- */

/* Said when it begins and when it ends. */
static void note_result(struct suppressor *s, enum result result, const struct fail *fail)
{
	if (result == RESULT_OK && s->failing)
		log_write(&s->log, LOG_SUPPRESS_WRITTEN, LOG_NO_FIELDS);
	if (result != RESULT_OK && !s->failing)
		log_write(&s->log, LOG_SUPPRESS_NOT_WRITTEN, LOG_FIELDS(log_fail("why", fail)));
	s->failing = result != RESULT_OK;
}

static enum result write_first(struct suppressor *s)
{
	struct suppress_batch *batch =
		CONTAINER_OF(list_first(&s->batches), struct suppress_batch, node);
	struct fail fail = { 0 };
	enum result r = suppress_items_apply(&batch->items, s->hub->suppress, &fail);
	note_result(s, r, &fail);
	if (r != RESULT_OK)
		return r;
	list_remove(&batch->node);
	suppress_items_free(&batch->items);
	hub_post(s->hub->recorder, POST_SUPPRESSED, batch, 0, 0);
	return RESULT_OK;
}

static void write_all(struct suppressor *s);

static void again_due(struct timer *timer)
{
	write_all(CONTAINER_OF(timer, struct suppressor, again_timer));
}

static void write_all(struct suppressor *s)
{
	while (!list_is_empty(&s->batches))
		if (write_first(s) != RESULT_OK) {
			loop_timer_start(&s->loop, &s->again_timer, AGAIN_NS, again_due);
			return;
		}
}

/* ---- the thread ---- */

static void hear(struct loop *loop, const struct mailbox_message *message)
{
	struct suppressor *s = loop->owner;
	struct suppress_batch *batch = message->object;
	switch (message->kind) {
	case POST_SUPPRESS:
		list_push_back(&s->batches, &batch->node);
		write_all(s);
		break;
	case POST_STOP:
		write_all(s);
		loop_timer_stop(loop, &s->again_timer);
		loop_stop(loop);
		break;
	default: UNREACHABLE("a message that is not for the suppressor");
	}
}

void *suppressor_run(void *suppressor)
{
	static const struct loop_handlers handlers = { .message = hear };
	const struct ring_options options = { .submissions = 16, .without_buffers = true };
	struct suppressor *s = suppressor;
	check_install_signal_stack();
	if (loop_init(&s->loop, &options, s->hub->suppressor, &handlers, s, &s->fail) != RESULT_OK)
		return s;
	loop_run(&s->loop);
	loop_deinit(&s->loop);
	return NULL;
}

/* ---- life ---- */

enum result suppressor_create(
	struct hub *hub, struct suppressor **out_suppressor, struct fail *fail)
{
	struct suppressor *s = calloc(1, sizeof *s);
	*out_suppressor = s;
	if (s == NULL)
		return fail_set(fail, RESULT_MEMORY, "out of memory for the suppression list");
	s->magic = SUPPRESSOR_MAGIC;
	s->hub = hub;
	s->log = run_config_logger(hub->config, "suppressor");
	list_init(&s->batches);
	return RESULT_OK;
}

const struct fail *suppressor_fail(const struct suppressor *suppressor)
{
	return &suppressor->fail;
}

void suppressor_destroy(struct suppressor *s)
{
	struct list_node *node;
	if (s == NULL)
		return;
	CHECK_OBJ(s, SUPPRESSOR_MAGIC);
	while ((node = list_pop_front(&s->batches)) != NULL)
		suppress_batch_destroy(CONTAINER_OF(node, struct suppress_batch, node));
	struct mailbox_message message;
	while (mailbox_take(s->hub->suppressor, &message))
		if (message.kind == POST_SUPPRESS)
			suppress_batch_destroy(message.object);
	s->magic = 0;
	free(s);
}
