/* What it costs to ask whether somebody is on the suppression list (at most 2 us, since the scheduler asks
 * for each recipient), among a million addresses, in an order that no cache of the processor foresees. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "bench/micro/micro.h"
#include "engine/mail/address_key.h"
#include "store/suppress.h"

enum {
	ADDRESSES = 1000000,
	STEP = 7919, /* prime to ADDRESSES: all of them, neighbours far apart */
};

struct suppress_bench {
	char path[32];
	struct suppress *suppress;
	uint64_t at;
};

/* As the scheduler has it: in the spelling of the envelope. */
static struct envelope_address address_of(uint64_t number, bool listed, char memory[static 64])
{
	int len = snprintf(memory, 64, "Some.Name%llu@%s%llu.example", (unsigned long long)number,
		listed ? "domain" : "other", (unsigned long long)(number % 1000));
	struct text text = { memory, (size_t)len };
	return (struct envelope_address){ .text = text,
		.domain_at = (uint16_t)(text_find(text, '@') + 1) };
}

static struct text key_of(uint64_t number, bool listed, uint8_t memory[static ADDRESS_BYTES_MAX])
{
	char text[64];
	struct buf buf;
	const struct envelope_address address = address_of(number, listed, text);
	buf_init(&buf, memory, ADDRESS_BYTES_MAX);
	address_key_put(&buf, &address);
	return buf_text(&buf);
}

static void *set_up(void)
{
	struct suppress_bench *bench = calloc(1, sizeof *bench);
	CHECK(bench != NULL);
	(void)snprintf(bench->path, sizeof bench->path, "/tmp/longship_micro.%ld", (long)getpid());
	CHECK(mkdir(bench->path, 0700) == 0);
	CHECK(suppress_open(bench->path, true, &bench->suppress, NULL) == RESULT_OK);
	for (uint64_t i = 0; i < ADDRESSES; i++) {
		uint8_t memory[ADDRESS_BYTES_MAX];
		bool is_new;
		const struct suppress_entry entry = { key_of(i, true, memory), TEXT("hard bounce"),
			1 };
		CHECK(suppress_put(bench->suppress, &entry, &is_new, NULL) == RESULT_OK);
	}
	CHECK(suppress_commit(bench->suppress, NULL) == RESULT_OK);
	return bench;
}

static void tear_down(void *state)
{
	static const char *const files[] = { "data.mdb", "lock.mdb" };
	struct suppress_bench *bench = state;
	char path[64];
	suppress_close(&bench->suppress);
	for (size_t i = 0; i < COUNT_OF(files); i++) {
		(void)snprintf(path, sizeof path, "%s/suppress/%s", bench->path, files[i]);
		CHECK(unlink(path) == 0);
	}
	(void)snprintf(path, sizeof path, "%s/suppress", bench->path);
	CHECK(rmdir(path) == 0 && rmdir(bench->path) == 0);
	free(bench);
}

static void look_up(struct suppress_bench *bench, bool listed, uint64_t times)
{
	for (uint64_t i = 0; i < times; i++) {
		uint8_t memory[ADDRESS_BYTES_MAX];
		struct suppress_entry entry;
		bench->at = (bench->at + STEP) % ADDRESSES;
		enum result r = suppress_find(
			bench->suppress, key_of(bench->at, listed, memory), &entry, NULL);
		CHECK(r == (listed ? RESULT_OK : RESULT_NOT_FOUND));
		micro_use(&entry);
	}
}

static void run_listed(void *state, uint64_t times) { look_up(state, true, times); }
static void run_other(void *state, uint64_t times) { look_up(state, false, times); }

static void run_key(void *state, uint64_t times)
{
	struct suppress_bench *bench = state;
	for (uint64_t i = 0; i < times; i++) {
		uint8_t memory[ADDRESS_BYTES_MAX];
		bench->at = (bench->at + STEP) % ADDRESSES;
		struct text key = key_of(bench->at, true, memory);
		micro_use(&key);
	}
}

static const struct micro_case cases[] = {
	{ .name = "suppress: make a key, the address printed first",
		.setup = set_up,
		.run = run_key,
		.teardown = tear_down },
	{ .name = "suppress: look up somebody who is on the list, with his key",
		.bound_ns = 2000,
		.setup = set_up,
		.run = run_listed,
		.teardown = tear_down },
	{ .name = "suppress: look up somebody who is not, with his key",
		.bound_ns = 2000,
		.setup = set_up,
		.run = run_other,
		.teardown = tear_down },
};

int main(int argc, char **argv) { return micro_main(cases, COUNT_OF(cases), argc, argv); }
