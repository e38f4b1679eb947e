/* A thread of longship-sink: a loop, its own listening sockets on all addresses, its connections, its
 * book. Workers share nothing but the rules, the sites and the greylist. */
#ifndef BENCH_SINK_WORKER_H
#define BENCH_SINK_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "bench/sink_book.h"
#include "bench/sink_conn.h"
#include "bench/sink_site.h"
#include "engine/base/slab.h"
#include "engine/io/conn_pool.h"
#include "engine/io/loop.h"
#include "engine/io/random.h"
#include "tls/tls_context.h"

struct sink_trace_files;

/* The same for all workers; borrowed, read-only but for the atomics. */
struct sink_shared {
	struct sink_site *sites;
	size_t sites_count;
	struct sink_greylist *greylist;      /* NULL: no such bug */
	struct sink_trace_files *trace;      /* NULL: nothing is written */
	struct tls_pool *tls_pool;
	const struct tls_identity *identities; /* NULL: no certificate, no STARTTLS */
	size_t identities_count;
	uint8_t ticket_secret[TLS_TICKET_SECRET_LEN]; /* a client may meet any worker when it comes again */
	uint32_t sessions_max;               /* of one worker */
	uint64_t delay_ns;                   /* of every reply */
	uint64_t patience_ns;                /* with a silent client */
	_Atomic uint32_t sessions, sessions_most;
};

/* One address of one worker. */
struct sink_listener {
	struct sink_worker *worker;
	struct sink_site *site;
	struct tls_context *tls;             /* NULL: no TLS here */
	bool own_tls;                        /* not the one that most addresses share */
	int fd;
	struct io_op accept_op;
	struct timer retry;                  /* out of descriptors: again later */
};

struct sink_worker {
	struct sink_shared *shared;
	uint32_t number;                     /* from 0 */
	pthread_t thread;
	struct mailbox *mailbox;
	struct loop loop;
	struct conn_pool pool;
	struct slab conns;
	struct tls_context *tls;             /* of the addresses without TLS settings */
	struct sink_listener *listeners;
	size_t listeners_count;
	struct sink_book book;
	struct random_state random;
	uint64_t serial;                     /* of the last session */
	bool stopping;
	struct buf out;                      /* replies of the call that is under way */
	_Atomic int start;                   /* enum result, or -1 until it is known */
	struct fail fail;
};

/* Starts the thread and waits until it listens. RESULT_UNAVAILABLE: io_uring, see ring.h. */
MUST_USE enum result sink_worker_start(
	struct sink_worker *worker, struct sink_shared *shared, uint32_t number, struct fail *fail);
/* Ends all its connections and joins the thread; the book stays. */
void sink_worker_stop(struct sink_worker *worker);
/* Frees the book. */
void sink_worker_deinit(struct sink_worker *worker);

/* A connection is closed: its memory goes back. */
void sink_worker_release(struct sink_worker *worker, struct sink_conn *conn);

#endif
