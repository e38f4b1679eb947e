/* The bare loop that is the denominator of the goals (DESIGN 6): prebuilt messages over warm TLS
 * sessions on the ring code of the engine, replies counted and nothing else done.
 *
 * A floor_thread has its sessions, each with one message in flight. On a warm session the body of one
 * message and MAIL, RCPT, DATA of the next leave in one write, and four replies come back: one round
 * trip a message. In the mode for handshakes each session opens a connection, sends one message, says
 * QUIT and opens the next. */
#ifndef BENCH_FLOOR_CLIENT_H
#define BENCH_FLOOR_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/ip_address.h"
#include "engine/base/result.h"
#include "engine/base/text.h"

enum { FLOOR_ROUNDS_MAX = 100 };

struct floor_config {
	struct ip_address address;
	uint16_t port;
	bool plain;            /* no TLS */
	bool reconnect;        /* one message a connection */
	uint32_t sessions;     /* of this thread */
	uint32_t rounds;
	uint64_t messages;     /* of one round, of this thread */
	struct text envelope;  /* MAIL, RCPT, DATA */
	struct text body;      /* dotted, with the final dot */
	struct text cycle;     /* body and envelope, the group of a warm session */
};

struct floor_round {
	uint64_t messages, wall_ns;
	uint64_t cpu_ns;             /* of the thread, user and system */
	uint64_t user_us, system_us; /* how they are shared, as the kernel tells it */
	uint64_t enters, sends, receives;
};

struct floor_result {
	struct floor_round rounds[FLOOR_ROUNDS_MAX];
	uint32_t rounds_count;
	uint64_t refused;            /* replies that were not 2xx or 3xx */
	uint64_t setup_ns;           /* until all sessions were warm */
};

/* Runs to the end on the calling thread. RESULT_UNAVAILABLE: io_uring; RESULT_REFUSED, RESULT_CLOSED and
 * others: the receiver. A floor without a sound run is no floor, so the first broken session ends it. */
MUST_USE enum result floor_run(
	const struct floor_config *config, struct floor_result *out_result, struct fail *fail);

#endif
