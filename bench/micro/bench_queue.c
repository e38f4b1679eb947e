/* What the queue on disk costs beside a million attempts that wait, and whether the journal's commits notice
 * (issue of the durable queue: 2 ms at the 99th percentile). By hand, in a folder on the disk in question:
 *
 *	bench_queue DIR [ATTEMPTS] */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "engine/io/clock.h"
#include "store/journal.h"
#include "store/queue.h"

enum {
	BATCH = 1000,         /* messages of one commit while it is filled */
	PARKS = 200,          /* of one commit beside the journal */
	COMMITS = 1000,
	RECORDS = 64,         /* of one commit of the journal: some 6,000 outcomes a second at 10 ms */
	RECORD_BYTES = 700,
	LOOKS = 100000,
	STEP = 7919,
};

static struct queue *queue;
static uint64_t attempts_max;
static uint64_t *ids, *dues;
static atomic_bool is_over;
static uint64_t parked_count;
static uint32_t pause_ms; /* between two commits of the queue */
static uint64_t step, last_due;

static void die(const char *doing, const struct fail *fail)
{
	fprintf(stderr, "bench_queue: %s: %s\n", doing, fail->text);
	exit(1);
}

static double ms_since(uint64_t start_ns) { return (double)(clock_now_ns() - start_ns) / 1e6; }

/* The file of that number waits, in place of what it had before. */
static void park(uint64_t number, uint64_t due_us)
{
	static const struct queue_rcpt rcpt = { 0, TEXT_INIT("somebody.with.a.name@mail.example.com") };
	char name[32];
	uint32_t left;
	struct fail fail = { 0 };
	snprintf(name, sizeof name, "m%012llu.eml", (unsigned long long)number);
	struct queue_attempt attempt = {
		.key.due_us = due_us,
		.expires_us = due_us + 1,
		.number = 2,
		.waits = 1,
		.domain = TEXT("mail.example.com"),
		.last = TEXT("mx1.mail.example.com: 450 4.7.1 greylisted, come back in five minutes"),
		.rcpts = &rcpt,
		.rcpts_count = 1,
	};
	const struct queue_key taken = { dues[number], ids[number] };
	const struct queue_parking parking = {
		.file = { .file = { text_of(name), number + 1, 77, 0, 0 }, .accepted_us = 1,
			.from = TEXT("bounces+somebody@list.example.net") },
		.taken = &taken,
		.taken_count = ids[number] != 0,
		.attempts = &attempt,
		.attempts_count = 1,
	};
	if (queue_park(queue, &parking, &left, &fail) != RESULT_OK)
		die("parking", &fail);
	ids[number] = attempt.key.id;
	dues[number] = due_us;
}

static void commit(void)
{
	struct fail fail = { 0 };
	if (queue_commit(queue, &fail) != RESULT_OK)
		die("committing", &fail);
}

static void fill(void)
{
	uint64_t start_ns = clock_now_ns();
	for (uint64_t i = 0; i < attempts_max; i++) {
		park(i, 1 + i);
		if (i % BATCH == BATCH - 1)
			commit();
	}
	commit();
	double ms = ms_since(start_ns);
	printf("filled          %10.1f s   %llu attempts, %.1f us each, commits of %d\n", ms / 1000,
		(unsigned long long)attempts_max, ms * 1000 / (double)attempts_max, BATCH);
}

static void reopen(const char *dir)
{
	struct fail fail = { 0 };
	char path[4096];
	struct stat st;
	queue_close(&queue);
	uint64_t start_ns = clock_now_ns();
	if (queue_open(dir, true, &queue, &fail) != RESULT_OK)
		die("opening", &fail);
	double ms = ms_since(start_ns);
	snprintf(path, sizeof path, "%s/queue/data.mdb", dir);
	if (stat(path, &st) != 0)
		st.st_size = 0;
	printf("opened          %10.1f ms  every page looked at; %.0f MB\n", ms, (double)st.st_size / 1e6);
}

static void look(void)
{
	struct fail fail = { 0 };
	struct queue_reader *reader;
	struct queue_file file;
	struct arena arena;
	char name[32];
	if (queue_reader_create(queue, &reader, &fail) != RESULT_OK)
		die("reading", &fail);
	arena_init(&arena, 65536, 1 << 20);
	uint64_t start_ns = clock_now_ns();
	for (uint64_t i = 0; i < LOOKS; i++) {
		snprintf(name, sizeof name, "m%012llu.eml", (unsigned long long)(i * STEP % attempts_max));
		arena_reset(&arena);
		if (queue_find(reader, text_of(name), &arena, &file, &fail) != RESULT_OK)
			die("reading", &fail);
	}
	printf("a file found    %10.2f us\n", ms_since(start_ns) * 1000 / LOOKS);
	arena_deinit(&arena);
	queue_reader_destroy(&reader);
}

/* ---- the journal, alone and beside one who parks all the time ---- */

static void *park_on(void *unused)
{
	uint64_t at = 0, most_ns = 0;
	while (!atomic_load(&is_over)) {
		uint64_t start_ns = clock_now_ns();
		/* As they come due, or any: what had its time waits behind all others. */
		for (int i = 0; i < PARKS; i++, at++)
			park(at * step % attempts_max, ++last_due);
		commit();
		uint64_t took_ns = clock_now_ns() - start_ns;
		most_ns = took_ns > most_ns ? took_ns : most_ns;
		parked_count += PARKS;
		clock_wait_ms(pause_ms);
	}
	printf("  meanwhile     %10llu     parked, commits of %d, the longest %.1f ms\n",
		(unsigned long long)parked_count, PARKS, (double)most_ns / 1e6);
	parked_count = 0;
	return unused;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *left = a, *right = b;
	return *left < *right ? -1 : *left > *right;
}

static enum result no_record(const struct journal_record *record, void *context)
{
	(void)record, (void)context;
	return RESULT_OK;
}

static void time_journal(const char *dir, const char *what)
{
	static uint64_t took_ns[COMMITS];
	static char record[RECORD_BYTES];
	struct fail fail = { 0 };
	struct journal *journal;
	const struct journal_config config = { dir, JOURNAL_SEGMENT_BYTES, JOURNAL_BATCH_BYTES };
	memset(record, 'x', sizeof record);
	if (journal_open(&config, no_record, NULL, &journal, &fail) != RESULT_OK)
		die("opening the journal", &fail);
	for (int i = 0; i < COMMITS; i++) {
		for (int j = 0; j < RECORDS; j++)
			if (journal_append(journal, 1, text_of_bytes(record, sizeof record)) != RESULT_OK)
				die("appending", &fail);
		uint64_t start_ns = clock_now_ns();
		if (journal_commit(journal, &fail) != RESULT_OK)
			die("committing the journal", &fail);
		took_ns[i] = clock_now_ns() - start_ns;
		clock_wait_ms(10); /* --commit-interval */
	}
	qsort(took_ns, COMMITS, sizeof took_ns[0], compare);
	printf("%s  %7.2f ms  at the median, %.2f at p99, %.2f at most; %d commits of %d records\n", what,
		(double)took_ns[COMMITS / 2] / 1e6, (double)took_ns[COMMITS * 99 / 100] / 1e6,
		(double)took_ns[COMMITS - 1] / 1e6, COMMITS, RECORDS);
	journal_close(&journal);
}

int main(int argc, char **argv)
{
	struct fail fail = { 0 };
	pthread_t thread;
	if (argc < 2) {
		fprintf(stderr, "usage: bench_queue DIR [ATTEMPTS]; DIR is empty and ours\n");
		return 2;
	}
	attempts_max = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000;
	ids = calloc(attempts_max, sizeof *ids);
	dues = calloc(attempts_max, sizeof *dues);
	if (ids == NULL || dues == NULL || queue_open(argv[1], true, &queue, &fail) != RESULT_OK)
		die("opening", &fail);
	fill();
	reopen(argv[1]);
	look();
	time_journal(argv[1], "journal alone    ");
	static const struct {
		const char *what;
		uint32_t pause_ms;
		uint64_t step;
	} rounds[] = { { "beside 1,000 / s ", 200, 1 }, { "beside 4,000 / s ", 50, 1 },
		{ "without a pause  ", 0, 1 }, { "any, 1,000 / s   ", 200, STEP } };
	last_due = attempts_max;
	for (size_t i = 0; i < COUNT_OF(rounds); i++) {
		pause_ms = rounds[i].pause_ms;
		step = rounds[i].step;
		atomic_store(&is_over, false);
		if (pthread_create(&thread, NULL, park_on, NULL) != 0)
			return 1;
		time_journal(argv[1], rounds[i].what);
		atomic_store(&is_over, true);
		(void)pthread_join(thread, NULL);
	}
	queue_close(&queue);
	free(ids);
	free(dues);
	return 0;
}
