/* Job directories for tests of the scheduler: the test plays the jobs thread and the keeper as well
 * (jobs.h, keeper.h), on top of sched_test.h.
 *
 *   sched_jobs_init(&s, flags);
 *   struct fake_job *job = sched_job(&s, &(struct test_job){ .groups = (const struct fake_group[]){
 *           { "a", 1, 20 }, { "dead", 3000, 4 }, { NULL, 0, 0 } } });
 *   sched_settle(&s);
 *   sched_jobs_end(&s);            drains, joins, checks the sums
 *
 * Recipients have numbers in the order of their groups, and of the domains in these. */
#ifndef TESTS_UNIT_ENGINE_RUN_SCHED_JOBS_H
#define TESTS_UNIT_ENGINE_RUN_SCHED_JOBS_H

#include "engine/run/job_run.h"
#include "tests/unit/engine/run/sched_test.h"

enum {
	FAKE_JOBS_MAX = 8,
	FAKE_GROUPS_MAX = 4,
};

/* Domains of a job with as many recipients each: a.example, or a0.example, a1.example and so on. */
struct fake_group {
	const char *name; /* "": lines that nobody can read; NULL ends them */
	uint32_t domains, each;
};

struct test_job {
	const char *label, *pool;
	enum envelope_class class;
	int64_t not_before_unix_s, expiry_unix_s;
	int64_t made_ns;     /* when its directory was made, wall clock; 0: now */
	int64_t answered_us; /* of an earlier run: somebody had an answer then */
	int64_t rcpts_not_before_unix_s; /* of each recipient */
	uint32_t done,
		waiting;    /* of an earlier run: the first ones; those behind them, in the queue */
	uint32_t leftovers; /* of those done, the first ones: a crash left them in the queue */
	const struct fake_group *groups;
};

/* What has become of the recipients of a group. */
struct fake_tally {
	uint32_t made;           /* into messages; who was given back counts again */
	uint32_t held, held_max; /* messages in memory: now, and the most there ever were */
	uint32_t parked;         /* in the queue */
	uint32_t by_fate[FAKE_FINALS_COUNT];
};

struct fake_job {
	struct test_job job;
	char name[16];
	struct message *message; /* of its directory; NULL: it is over */
	struct job_run *run;     /* NULL: not opened, or closed */
	struct fake_group groups[FAKE_GROUPS_MAX];
	size_t groups_count;
	struct fake_tally tally[FAKE_GROUPS_MAX];
	uint32_t rcpts_count, done_count, unlinked;
	uint32_t held, held_max;
	uint8_t *taken;  /* by ordinal: in memory, in the queue or done */
	uint8_t *parked; /* by ordinal: in the queue */
	uint8_t *finals; /* by ordinal: final outcomes */
};

struct sched_jobs {
	struct fake_job jobs[FAKE_JOBS_MAX];
	size_t count;
	uint32_t backs;  /* recipients that were given back to their job */
	uint32_t looks;  /* the keeper was told to look for what waits */
	bool hold_parks; /* the keeper takes its time */
	bool hold_ends;  /* the jobs thread takes its time to say that a domain has no more */
	struct fake_end {
		struct job_domain *domain;
		uint32_t missing;
		bool is_over;
	} ends[64];
	size_t ends_count;
	struct message *parking[4096];
	size_t parking_count;
	uint64_t revived_id;
};

/* Everybody is there and the resolver is ready. */
void sched_jobs_init(struct sched *s, const char *const *flags);
/* The same in two steps, for what the hub is to have before the start. */
void sched_jobs_prepare(struct sched *s, const char *const *flags);
void sched_jobs_start(struct sched *s);
void sched_jobs_end(struct sched *s);
/* The directory of a job is found. */
struct fake_job *sched_job(struct sched *s, const struct test_job *job);
/* It is gone from new/. */
void sched_job_gone(struct sched *s, struct fake_job *job);
/* What hold_parks kept back is in the queue. */
void sched_release_parks(struct sched *s);
/* What hold_ends kept back is said, as it was when it was held. */
void sched_release_ends(struct sched *s);
/* The time of one who was parked has come. */
void sched_revive(struct sched *s, struct fake_job *job, uint32_t ordinal);

/* ---- for sched_test.c: what comes to the two threads, and what comes of recipients ---- */
bool sched_jobs_play(struct sched *s);
void sched_jobs_note(struct sched *s, const struct attempt *attempt);
void sched_jobs_merge(struct sched *s, struct message *message, uint32_t worker);
void sched_jobs_unlinked(struct sched *s, struct message *message);
void sched_jobs_add_fates(const struct sched *s, uint64_t by_fate[FAKE_FINALS_COUNT]);

#endif
