/* The threads of a run: started one after the other, each with a test that its mailbox wakes it up; told to
 * stop; waited for. For the main thread alone. */
#ifndef ENGINE_RUN_THREADS_H
#define ENGINE_RUN_THREADS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include "engine/base/log.h"
#include "engine/base/result.h"

struct mailbox;

struct thread {
	const char *name; /* at most 15 octets, for ps */
	void *(*function)(void *);
	void *argument;
	struct mailbox *mailbox;
	bool may_hang;        /* other processes can hold it: nobody waits long for its end */
	enum log_row blocked; /* what is to be said then */
	bool is_last;         /* told to stop by threads_join(), when all before it have ended */

	/* its own */
	pthread_t id;
	bool is_started;
};

struct threads {
	struct thread *items;
	size_t count, max;
};

/* Room for `max`. RESULT_MEMORY. */
MUST_USE enum result threads_init(struct threads *threads, size_t max, struct fail *fail);
void threads_deinit(struct threads *threads);
void threads_add(struct threads *threads, const struct thread *thread);
/* In the order in which they were added. After an error those that run are to be stopped and joined. What
 * pthread_create() says, or mailbox_test(). */
MUST_USE enum result threads_start(struct threads *threads, struct fail *fail);
/* POST_STOP to all that were started, but for those that are last. */
void threads_stop(struct threads *threads);
/* Waits for all of them. False: one hangs, and *out_blocked is what is to be said of it. */
MUST_USE bool threads_join(struct threads *threads, enum log_row *out_blocked);

#endif
