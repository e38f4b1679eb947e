/* A worker on its own thread; the test is its scheduler, recorder and verifier, receivers are peers
 * (peer_test.h). Routes lead to loopback.
 *
 *   work_init(&w, flags);
 *   struct attempt *attempt = work_send(&w, route, &(struct test_mail){ .rcpts = "ann@a.example" });
 *   assert_ptr_equal(work_outcome(&w), attempt);
 *   assert_int_equal(attempt->rcpts[0].fate, ATTEMPT_DELIVERED);
 *   work_done(&w, attempt);                     message, attempt and all
 *   work_end(&w);                               drains; every slot has come back, nothing leaks */
#ifndef TESTS_UNIT_ENGINE_RUN_WORK_TEST_H
#define TESTS_UNIT_ENGINE_RUN_WORK_TEST_H

#include "engine/run/attempt.h"
#include "engine/run/report.h"
#include "engine/run/site.h"
#include "engine/run/worker.h"
#include "tests/unit/engine/run/peer_test.h"
#include "tests/unit/engine/run/run_test.h"
#include "tests/unit/unit.h"

enum {
	WORK_WAIT_MS = 15000, /* far more than anything takes */
	WORK_REPORTS_MAX = 32,
	WORK_BODY_SIZE = 512,
};

#define WORK_BODY "Subject: hello\r\n\r\n.dot at the front\r\nend\r\n"

struct work {
	struct run_test base;
	char spool[64];
	int new_fd;
	struct worker *worker;
	pthread_t thread;
	struct provider *provider;
	uint64_t expires_ns; /* of what is sent; for ever unless a test says so */
	uint32_t source;     /* of what is sent; the first one unless a test says so */
	struct site *site;
	struct lease *lease; /* of what is sent; the first of two unless a test says so */
	struct lease *leases[2];

	uint32_t slots; /* that the worker has */
	uint32_t call_backs_answered;
	uint32_t slots_given, sessions_up, bodies_wanted, drained;
	struct list outcomes, returned;
	uint32_t outcomes_count, returned_count;
	struct heard heard; /* of all attempts together */
	uint32_t heard_count;
	uint32_t chains;                                 /* that the verifier thread was given */
	struct message *read;                            /* the last READ_DONE */
	uint32_t reads_done;
	struct session_report reports[WORK_REPORTS_MAX]; /* in the order in which sessions ended */
	char report_mx[WORK_REPORTS_MAX][64];
	size_t reports_count;
};

void work_init(struct work *w, const char *const *flags);
void work_end(struct work *w);

/* A file in new/; its identity is that of the message. */
struct message *work_file(struct work *w, const char *name, const char *text);
/* Leases an attempt with this many new slots; takes the reference to the route. */
struct attempt *work_send_slots(
	struct work *w, struct route *route, const struct test_mail *mail, uint32_t slots);
struct attempt *work_send(struct work *w, struct route *route, const struct test_mail *mail);
/* The same for a message that has its envelope, without a body. */
struct attempt *work_send_bodyless(struct work *w, struct route *route, struct message *message);
/* Handles what came; true if there was something. */
bool work_play(struct work *w);
/* The next attempt that is settled; fails the test if none comes. */
struct attempt *work_outcome(struct work *w);
struct attempt *work_returned(struct work *w);
/* The end of a test's attempt and its message. */
void work_done(struct work *w, struct attempt *attempt);
/* Its first reply, and its reason; until work_done(). */
const char *work_reply(const struct attempt *attempt);
const char *work_reason(const struct attempt *attempt);
const char *work_status(const struct attempt *attempt);

#define WORK_WAIT(w, condition)                                                                    \
	do {                                                                                       \
		for (int waited_ = 0; !(condition); waited_++) {                                   \
			if (waited_ > WORK_WAIT_MS)                                                \
				fail_msg("waited in vain for %s", #condition);                     \
			if (!work_play(w))                                                         \
				clock_wait_ms(1);                                                  \
		}                                                                                  \
	} while (0)

/* A route to one host for each peer, best first. */
struct route *work_route(struct peer *const *peers, size_t count, enum security_need need);
static inline struct route *work_route_to(struct peer *peer)
{
	return work_route(&peer, 1, SECURITY_NEED_MAY);
}

#endif
