#include "bench/load_options.h"

static const struct option_row rows[] = {
#define OPTIONS_FILE   "bench/load_options.def"
#define OPTIONS_STRUCT struct load_options
#include "engine/base/options_rows.def"
};
#define OPTIONS_FILE "bench/load_options.def"
#include "engine/base/options_asserts.def"

const struct option_table load_option_table = {
	.program = "longship-load",
	.about = "Fills a spool with messages that longship-sink can check.",
	.rows = rows,
	.rows_count = COUNT_OF(rows),
	.size = sizeof(struct load_options),
};
