#include "engine/run/patience.h"
#include <pthread.h>
#include <time.h>
#include "engine/base/check.h"
#include "engine/base/nanoseconds.h"
#include "engine/io/clock.h"
#include "engine/io/file_lockers.h"

#define PATIENCE_NS (1 * SECOND_NS)

enum { WHO_SIZE = 200 };

struct task {
	void (*work)(void *context);
	void *context;
};

static void *do_work(void *task_memory)
{
	const struct task *task = task_memory;
	task->work(task->context);
	return NULL;
}

void patience_run(void (*work)(void *context), void *context, struct logger *log, enum log_row row,
	const char *locked_file)
{
	struct task task = { work, context };
	pthread_t thread;
	char who[WHO_SIZE];
	if (pthread_create(&thread, NULL, do_work, &task) != 0) {
		work(context);
		return;
	}
	uint64_t until_ns = clock_now_ns() + PATIENCE_NS;
	const struct timespec until = {
		.tv_sec = (time_t)(until_ns / SECOND_NS),
		.tv_nsec = (long)(until_ns % SECOND_NS),
	};
	if (pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &until) == 0)
		return;
	file_lockers_put(locked_file, who, sizeof who);
	log_write(log, row, LOG_FIELDS(log_cstr("file", locked_file), log_cstr("who", who)));
	CHECK(pthread_join(thread, NULL) == 0);
}
