#include "engine/run/threads.h"
#include <stdlib.h>
#include <time.h>
#include "engine/base/check.h"
#include "engine/base/nanoseconds.h"
#include "engine/io/clock.h"
#include "engine/run/hub.h"

enum {
	/* For the last batch: a sync, and the writers of other processes. */
	HANG_S = 5,
	TEST_MS = 2000, /* a thread that does not wake up in this time never will */
};

enum result threads_init(struct threads *threads, size_t max, struct fail *fail)
{
	*threads = (struct threads){ .items = calloc(max, sizeof(struct thread)), .max = max };
	return threads->items != NULL ? RESULT_OK : fail_set(fail, RESULT_MEMORY, "out of memory");
}

void threads_deinit(struct threads *threads)
{
	free(threads->items);
	*threads = (struct threads){ .count = 0 };
}

void threads_add(struct threads *threads, const struct thread *thread)
{
	CHECK(threads->count < threads->max);
	threads->items[threads->count++] = *thread;
}

enum result threads_start(struct threads *threads, struct fail *fail)
{
	for (size_t i = 0; i < threads->count; i++) {
		struct thread *thread = &threads->items[i];
		int error = pthread_create(&thread->id, NULL, thread->function, thread->argument);
		if (error != 0)
			return fail_set_errno(fail, error, "starting the %s thread", thread->name);
		thread->is_started = true;
		pthread_setname_np(thread->id, thread->name);
		/* Wake-ups that do not arrive would show much later, as mail that stands still. */
		enum result r = mailbox_test(thread->mailbox, TEST_MS, fail);
		if (r != RESULT_OK)
			return r;
	}
	return RESULT_OK;
}

void threads_stop(struct threads *threads)
{
	for (size_t i = 0; i < threads->count; i++)
		if (threads->items[i].is_started && !threads->items[i].is_last)
			hub_post(threads->items[i].mailbox, POST_STOP, NULL, 0, 0);
}

/* False: it is held by another process. */
static bool join(const struct thread *thread)
{
	if (!thread->may_hang)
		return pthread_join(thread->id, NULL) == 0;
	uint64_t until_ns = clock_now_ns() + HANG_S * SECOND_NS;
	const struct timespec until = {
		.tv_sec = (time_t)(until_ns / SECOND_NS),
		.tv_nsec = (long)(until_ns % SECOND_NS),
	};
	return pthread_clockjoin_np(thread->id, NULL, CLOCK_MONOTONIC, &until) == 0;
}

bool threads_join(struct threads *threads, enum log_row *out_blocked)
{
	bool all_ended = true;
	for (size_t i = 0; i < threads->count; i++) {
		const struct thread *thread = &threads->items[i];
		if (thread->is_started && thread->is_last)
			hub_post(thread->mailbox, POST_STOP, NULL, 0, 0);
		if (!thread->is_started || join(thread))
			continue;
		all_ended = false;
		*out_blocked = thread->blocked;
	}
	return all_ended;
}
