/* What longship-sink received, at the end or when asked: JSON for programs, a table for people, and the
 * verdict for the exit status. */
#ifndef BENCH_SINK_REPORT_H
#define BENCH_SINK_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "bench/sink_book.h"
#include "engine/base/result.h"

struct sink_report_config {
	struct sink_book *const *books; /* of all workers */
	size_t books_count;
	const char *manifest;           /* NULL: none */
	int64_t expect;                 /* deliveries that must be there; -1: not known */
	uint32_t sessions, sessions_most;
	uint64_t began_ns, now_ns;      /* monotonic: of the run */
};

struct sink_report {
	struct sink_book sum;           /* counters and oddities of all */
	struct sink_account account;
	bool has_manifest;
	uint64_t oddities;              /* of all kinds together */
	uint64_t cpu_us;                /* user and system, of the process so far */
	uint64_t wall_ns;
	uint32_t sessions, sessions_most;
	int64_t expect;
	bool as_expected;               /* nothing missing, twice, damaged or unexpected */
};

/* RESULT_IO, RESULT_NOT_FOUND, RESULT_INVALID: the manifest; RESULT_MEMORY. */
MUST_USE enum result sink_report_make(const struct sink_report_config *config,
	struct sink_report *out_report, struct fail *fail);
void sink_report_print(const struct sink_report *report, FILE *out);
/* Over the file, whole or not at all. RESULT_IO, RESULT_NO_SPACE, RESULT_FORBIDDEN. */
MUST_USE enum result sink_report_write(
	const struct sink_report *report, const char *path, struct fail *fail);

#endif
