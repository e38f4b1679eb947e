/* The files thread on a real folder of $TMPDIR (DESIGN 1, the spool); the test is scheduler and recorder. */
#ifndef TESTS_UNIT_ENGINE_RUN_FILES_TEST_H
#define TESTS_UNIT_ENGINE_RUN_FILES_TEST_H

#include "engine/io/clock.h"
#include "engine/run/files.h"
#include "tests/unit/engine/run/run_test.h"
#include "tests/unit/unit.h"

enum { FEED_WAIT_MS = 20000, FEED_QUIET_MS = 200, FEED_FOUND_MAX = 8192 };

/* One run of it, and what the scheduler heard. */
struct feed {
	struct run_test base;
	struct files *files;
	pthread_t thread;
	char spool[64];
	int spool_fd;
	uint32_t minute_ms;                    /* after which what is stuck is tried again; 0: a minute */
	struct message *found[FEED_FOUND_MAX]; /* NULL: it has left */
	size_t found_count, gone_count, idle_count;
	struct message *gone; /* the last one */
	uint32_t files_open;
};
extern struct feed feed;

/* Before and after each test. */
int feed_make_spool(void **state);
int feed_remove_spool(void **state);

void feed_create(void);
void feed_start(void);
/* What was found and is not yet over goes: it is the scheduler's. */
void feed_stop(void);
/* Hears what came; true if there was something. */
bool feed_play(void);
void feed_pass(uint32_t ms);

/* The one of that name that was found last and has not left; NULL if there is none. */
struct message *feed_find(const char *name);
/* The scheduler is done with it; waits for the recorder's word, returns its number and forgets the message. */
uint32_t feed_leave(struct message *message, enum post_kind kind);

/* Paths are below the spool. */
void feed_write_file(const char *path, const char *text);
/* As a careful writer does it. */
void feed_submit(const char *name);
bool feed_exists(const char *path);

#define FEED_WAIT(condition)                                                                       \
	do {                                                                                       \
		for (int waited_ = 0; !(condition); waited_++) {                                   \
			if (waited_ > FEED_WAIT_MS)                                                \
				fail_msg("waited in vain for %s", #condition);                     \
			if (!feed_play())                                                          \
				clock_wait_ms(1);                                                  \
		}                                                                                  \
	} while (0)

#define FEED_TEST(name) cmocka_unit_test_setup_teardown(name, feed_make_spool, feed_remove_spool)

#endif
