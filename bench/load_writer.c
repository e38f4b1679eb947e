#include "bench/load_writer.h"
#include <stdio.h>
#include <stdlib.h>
#include "bench/load_message.h"
#include "bench/manifest.h"
#include "engine/io/clock.h"
#include "engine/io/file.h"

enum {
	/* Lines of the manifest are written when so much has gathered. */
	MANIFEST_GATHERED = 64 * 1024,
	/* r0.123456789@ and the name. */
	ADDRESS_BYTES_MAX_HERE = 64 + LOAD_NAME_MAX,
	FILE_NAME_BYTES = 64,
};

/* Different streams of chance for what must not follow from one another. */
enum { STREAM_MESSAGE = 1 };

static void seed_message(const struct load_plan *plan, uint64_t id, struct random_state *random)
{
	random_init_seed(random, (plan->seed * 0x9E3779B97F4A7C15ull) ^ (id + STREAM_MESSAGE));
}

static bool is_one_of(struct random_state *random, uint32_t percent)
{
	return random_below(random, 100) < percent;
}

/* "r17.0@d00003.lab": the message and the place make every address different. */
static void put_rcpts(struct load_writer *writer, uint64_t id, struct random_state *random)
{
	const struct load_plan *plan = writer->plan;
	struct buf *out = &writer->rcpts;
	size_t domain = load_domains_pick(&plan->domains, random);
	buf_reset(out);
	for (uint32_t i = 0; i < plan->rcpts; i++) {
		if (i > 0)
			buf_put_u8(out, '\t');
		if (i > 0 && plan->mixed)
			domain = load_domains_pick(&plan->domains, random);
		buf_put_u8(out, 'r');
		buf_put_number(out, id);
		buf_put_u8(out, '.');
		buf_put_number(out, i);
		buf_put_u8(out, '@');
		load_domains_put(&plan->domains, domain, out);
	}
	CHECK(!out->overflow);
}

static enum result flush_manifest(struct load_writer *writer)
{
	struct load_plan *plan = writer->plan;
	if (writer->lines.len == 0)
		return RESULT_OK;
	CHECK(pthread_mutex_lock(&plan->manifest_lock) == 0);
	enum result result = file_write_all(
		plan->manifest, writer->lines.data, writer->lines.len, &writer->fail);
	CHECK(pthread_mutex_unlock(&plan->manifest_lock) == 0);
	buf_reset(&writer->lines);
	return result;
}

/* In front of the file itself: a message that is there is in the manifest. */
static enum result note(struct load_writer *writer, uint64_t id, const char *name, uint64_t body_bytes)
{
	const struct manifest_line line = {
		.run = writer->plan->run,
		.id = id,
		.size = body_bytes,
		.file = text_of(name),
		.rcpts = buf_text(&writer->rcpts),
	};
	if (writer->plan->manifest < 0)
		return RESULT_OK;
	manifest_put(&writer->lines, &line);
	CHECK(!writer->lines.overflow);
	return writer->lines.len >= MANIFEST_GATHERED ? flush_manifest(writer) : RESULT_OK;
}

static enum result write_message(struct load_writer *writer, uint64_t id)
{
	const struct load_plan *plan = writer->plan;
	struct random_state random;
	char name[FILE_NAME_BYTES];
	uint64_t body_bytes;
	seed_message(plan, id, &random);
	put_rcpts(writer, id, &random);
	struct text rcpts = buf_text(&writer->rcpts);
	const struct load_message message = {
		.run = plan->run,
		.id = id,
		.bytes = load_sizes_pick(&plan->sizes, &random),
		.sender = plan->sender,
		.first_rcpt = text_cut(rcpts, text_find(rcpts, '\t')),
		.date_s = plan->date_s,
		.transactional = is_one_of(&random, plan->transactional_percent),
		.eight_bit = is_one_of(&random, plan->eight_bit_percent),
	};
	buf_reset(&writer->message);
	load_control_put(&message, rcpts, &writer->message);
	load_message_put(&message, message.eight_bit ? &plan->text_8bit : &plan->text, &random,
		&writer->message, &body_bytes);
	CHECK(!writer->message.overflow);
	size_t len = writer->message.len;
	if (plan->line_feed_only)
		len = load_strip_cr((char *)writer->message.data, len);
	snprintf(name, sizeof name, "%016llx-%09llu.eml", (unsigned long long)plan->run,
		(unsigned long long)id);
	enum result result = note(writer, id, name, body_bytes);
	if (result == RESULT_OK)
		result = load_spool_put(&plan->spool, name, writer->message.data, len, &writer->fail);
	writer->files += result == RESULT_OK;
	writer->bytes += result == RESULT_OK ? len : 0;
	return result;
}

/* Waits until message `id` may be written; the messages of all threads share the rate. */
static void pace(const struct load_plan *plan, uint64_t id)
{
	if (plan->rate == 0)
		return;
	uint64_t due_ns = plan->began_ns + (uint64_t)((double)id * 1e9 / (double)plan->rate);
	for (uint64_t now_ns = clock_now_ns(); now_ns < due_ns; now_ns = clock_now_ns()) {
		uint64_t left_ms = (due_ns - now_ns) / 1000000;
		clock_wait_ms(left_ms > 100 ? 100 : (uint32_t)left_ms + 1);
	}
}

static void *run(void *argument)
{
	struct load_writer *writer = argument;
	struct load_plan *plan = writer->plan;
	enum result result = RESULT_OK;
	for (uint64_t id = writer->number; id < plan->count && result == RESULT_OK; id += plan->writers) {
		pace(plan, id);
		if (atomic_load_explicit(&plan->stop, memory_order_relaxed))
			break;
		result = write_message(writer, id);
	}
	if (result == RESULT_OK)
		result = flush_manifest(writer);
	if (result != RESULT_OK)
		atomic_store_explicit(&plan->stop, true, memory_order_relaxed);
	writer->result = result;
	return NULL;
}

static bool buf_create(struct buf *buf, size_t size)
{
	void *memory = malloc(size);
	buf_init(buf, memory, memory != NULL ? size : 0);
	return memory != NULL;
}

enum result load_writer_start(struct load_writer *writer, struct load_plan *plan, uint32_t number,
	struct fail *fail)
{
	size_t rcpts = (size_t)plan->rcpts * ADDRESS_BYTES_MAX_HERE;
	size_t control = 1024 + (size_t)plan->rcpts * LOAD_CONTROL_BYTES_PER_RCPT;
	*writer = (struct load_writer){ .plan = plan, .number = number };
	bool made = buf_create(&writer->rcpts, rcpts);
	made = buf_create(&writer->message, control + plan->size_max + 2048) && made;
	made = buf_create(&writer->lines, 2 * MANIFEST_GATHERED + rcpts) && made;
	if (!made)
		return fail_set(fail, RESULT_MEMORY, "no memory for a message");
	int error = pthread_create(&writer->thread, NULL, run, writer);
	return error == 0 ? RESULT_OK : fail_set_errno(fail, error, "cannot start a thread");
}

enum result load_writer_join(struct load_writer *writer, struct fail *fail)
{
	CHECK(pthread_join(writer->thread, NULL) == 0);
	free(writer->rcpts.data);
	free(writer->message.data);
	free(writer->lines.data);
	if (writer->result != RESULT_OK)
		*fail = writer->fail;
	return writer->result;
}
