/* What the two files of the fixture offer each other: sched_test.c plays files thread, resolver, recorder
 * and main, sched_worker.c the workers. */
#ifndef TESTS_UNIT_ENGINE_RUN_SCHED_PARTS_H
#define TESTS_UNIT_ENGINE_RUN_SCHED_PARTS_H

#include "tests/unit/engine/run/sched_test.h"

/* ---- sched_test.c ---- */
struct fake_file *sched_file_of(struct sched *s, const struct message *message);
/* The recorder has got it. */
void sched_take_outcome(struct sched *s, struct attempt *attempt);

/* ---- sched_worker.c ---- */
void sched_hear_as_worker(struct sched *s, uint32_t worker, const struct mailbox_message *message);
/* The worker has read the file. */
void sched_read_done(struct sched *s, struct message *message, uint32_t worker);

#endif
