/* A thread of longship-load: makes its part of the messages and puts them into the spool.
 *
 * What message number n looks like follows from the seed and n alone, not from the thread that makes
 * it, so that the same command makes the same spool on every machine. */
#ifndef BENCH_LOAD_WRITER_H
#define BENCH_LOAD_WRITER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "bench/load_spool.h"
#include "bench/load_spread.h"
#include "bench/load_text.h"
#include "engine/base/buf.h"
#include "engine/base/result.h"
#include "engine/base/text.h"

/* The same for all threads; read-only but for what is marked. */
struct load_plan {
	struct load_spool spool;
	struct load_domains domains;
	struct load_sizes sizes;
	struct load_text text, text_8bit;
	struct text sender;
	uint64_t run, seed, count;
	uint64_t size_max;
	uint32_t rcpts, writers;
	uint32_t transactional_percent, eight_bit_percent;
	uint64_t rate;               /* files a second of all threads; 0: no limit */
	bool mixed, line_feed_only;
	int64_t date_s;
	uint64_t began_ns;
	int manifest;                /* descriptor for whole lines; -1: none */
	pthread_mutex_t manifest_lock;
	_Atomic bool stop;           /* a thread has failed */
};

struct load_writer {
	struct load_plan *plan;
	uint32_t number;             /* makes messages number, number + writers, … */
	pthread_t thread;
	struct buf rcpts, message, lines; /* of one message; of the manifest */
	uint64_t files, bytes;       /* written */
	enum result result;
	struct fail fail;
};

/* RESULT_MEMORY. */
MUST_USE enum result load_writer_start(struct load_writer *writer, struct load_plan *plan,
	uint32_t number, struct fail *fail);
/* Waits for its end and returns how it went. */
MUST_USE enum result load_writer_join(struct load_writer *writer, struct fail *fail);

#endif
