#include "bench/sink_options.h"

static const struct option_row rows[] = {
#define OPTIONS_FILE   "bench/sink_options.def"
#define OPTIONS_STRUCT struct sink_options
#include "engine/base/options_rows.def"
};
#define OPTIONS_FILE "bench/sink_options.def"
#include "engine/base/options_asserts.def"

const struct option_table sink_option_table = {
	.program = "longship-sink",
	.about = "An SMTP receiver for tests and benchmarks: takes all mail, checks it, misbehaves by name.",
	.rows = rows,
	.rows_count = COUNT_OF(rows),
	.size = sizeof(struct sink_options),
};
