/* What tests of engine/run share: a configuration out of flags, a hub with real mailboxes, and envelopes,
 * messages and routes made by hand. */
#ifndef TESTS_UNIT_ENGINE_RUN_RUN_TEST_H
#define TESTS_UNIT_ENGINE_RUN_RUN_TEST_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/arena.h"
#include "engine/base/body.h"
#include "engine/base/envelope.h"
#include "engine/route/route.h"
#include "engine/run/config.h"
#include "engine/run/hub.h"
#include "engine/run/message.h"
#include "engine/run/recovery.h"

enum {
	TEST_FLAGS_MAX = 32,
	TEST_WORKERS_MAX = 4,
	TEST_MAILBOX_MESSAGES = 65536,
	TEST_LOG_BYTES = 16384,
};

#define TEST_MS_NS 1000000ull

/* The parts that run.c makes before the threads. */
struct run_test {
	struct arena arena;
	struct send_options options;
	struct run_config config;
	struct hub hub;
	struct mailbox *worker_mailboxes[TEST_WORKERS_MAX];
	struct recovery recovery;
	pthread_mutex_t log_lock;
	char log[TEST_LOG_BYTES]; /* what was logged, the first lines of it */
	size_t log_len;
};

/* `flags` ends with NULL and stands behind "--helo mail.sender.example --spool DIR". */
void run_test_init(struct run_test *t, const char *spool, const char *const *flags);
void run_test_deinit(struct run_test *t);
/* True if a line of the log has this in it. */
bool run_test_logged(struct run_test *t, const char *words);

/* ---- things in work ---- */

/* Recipients "a@x.example b@y.example", split at spaces. */
struct test_mail {
	const char *name;   /* of the file; NULL: "m1" */
	const char *sender; /* NULL: "news@list.example" */
	const char *rcpts;  /* NULL: "ann@a.example" */
	const char *job, *pool, *id;
	enum envelope_class class;
	int64_t not_before_unix_s, expiry_unix_s;
	size_t message_bytes; /* 0: 100 */
	uint64_t inode;       /* 0: 1 */
	int64_t birth_ns;     /* of the file; 0: now */
};
struct envelope *test_envelope(const struct test_mail *mail);
struct message *test_message(const struct test_mail *mail);
/* "Subject: hello" and a line, in CRLF. */
struct body *test_body(struct body_budget *budget, const char *text);

/* ---- routes ---- */

struct test_host {
	const char *name;
	uint16_t preference, port; /* port 0: 25 */
	const char *addresses;     /* "192.0.2.1 2001:db8::1"; NULL: none */
	enum route_host_state state;
	const char *reason;
	enum security_need need; /* 0: may */
};
/* `hosts` ends with a name of NULL and stands in the order of preference. */
struct route *test_route(const char *domain, const struct test_host *hosts, uint64_t expires_ns);
struct route *test_route_without_hosts(
	const char *domain, enum route_cause cause, uint64_t expires_ns);
/* Puts another demand on all hosts of a route; what it points to is borrowed. */
void test_route_demand(
	struct route *route, const struct security_demand *demand, enum security_level success);
/* Puts all hosts of it under --tls audit; what it points to is borrowed. */
void test_route_audit(struct route *route, const struct security_demand *audited);
struct ip_address test_ip(const char *text);

/* Waits for a message; false when none came in this time. */
bool test_mailbox_wait(
	struct mailbox *mailbox, struct mailbox_message *out_message, int timeout_ms);

#endif
