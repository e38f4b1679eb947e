/* The recorder on a real folder of $TMPDIR; the test is the scheduler, the files thread and the workers. */
#ifndef TESTS_UNIT_ENGINE_RUN_RECORDER_TEST_H
#define TESTS_UNIT_ENGINE_RUN_RECORDER_TEST_H

#include "engine/run/attempt.h"
#include "engine/run/recorder.h"
#include "tests/unit/engine/run/run_test.h"
#include "tests/unit/unit.h"

enum { REC_WAIT_MS = 10000, REC_EVENTS_MAX = 4 * 1024 * 1024 };

/* One run of it. */
struct rec {
	struct run_test base;
	struct recorder *recorder;
	pthread_t thread;
	int new_fd;
};
extern struct rec rec;
extern const char *rec_bounce; /* the flag of the next run */
extern char rec_folder[64], rec_events_path[128];

/* Before and after each test. */
int rec_make_folder(void **state);
int rec_remove_folder(void **state);

/* A run that does not begin, and its words are looked at. */
enum result rec_create(const char *events_flag, const char *interval_flag);
/* "--events=FILE" of the folder. */
const char *rec_events_flag(void);
void rec_start_with(const char *events_flag, const char *interval_flag);
void rec_start(void);
void rec_stop(void);

/* With a file in new/ or without. */
struct message *rec_make_message(const char *name, const char *rcpts, bool on_disk);
/* The recipients from `first` on have this fate. */
struct attempt *rec_settle(
	struct message *message, uint32_t first, uint32_t count, enum attempt_fate fate);
struct mailbox_message rec_hear(struct mailbox *mailbox, enum post_kind kind);
void rec_assert_recorded(struct attempt *attempt);
/* The end of a message: it was unlinked, or could not be. */
void rec_finish(struct message *message, bool stuck);
/* One message from outcome to unlink: nothing of it is left in memory. */
void rec_record_one(const char *name, enum attempt_fate fate);

/* Until the next call. */
const char *rec_read_events(const char *path);
void rec_keep(const char *text, char *out, size_t size);
size_t rec_count_of(const char *text, const char *words);
/* Segments of the journal in state/. */
size_t rec_segments(void);

#define REC_TEST(name) cmocka_unit_test_setup_teardown(name, rec_make_folder, rec_remove_folder)

#endif
