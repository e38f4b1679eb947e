/* The rounds of longship-floor as a table or as JSON. */
#ifndef BENCH_FLOOR_REPORT_H
#define BENCH_FLOOR_REPORT_H

#include <stdbool.h>
#include <stdio.h>
#include "bench/floor_client.h"
#include "bench/floor_files.h"

struct floor_report {
	const char *what;                   /* "warm TLS", "handshakes", … */
	uint64_t sessions, workers, size;
	const struct floor_result *threads; /* `workers` of them; NULL: not measured */
	const struct floor_files_result *files; /* NULL: not measured */
	const char *dir;
	uint64_t sink_refused;
};

void floor_report_print(const struct floor_report *report, FILE *out);
/* One object in one line. */
void floor_report_print_json(const struct floor_report *report, FILE *out);

#endif
