#include "bench/floor_options.h"

static const struct option_row rows[] = {
#define OPTIONS_FILE   "bench/floor_options.def"
#define OPTIONS_STRUCT struct floor_options
#include "engine/base/options_rows.def"
};
#define OPTIONS_FILE "bench/floor_options.def"
#include "engine/base/options_asserts.def"

const struct option_table floor_option_table = {
	.program = "longship-floor",
	.about = "What sending cannot cost less than on this machine: the denominator of DESIGN 6.",
	.rows = rows,
	.rows_count = COUNT_OF(rows),
	.size = sizeof(struct floor_options),
};
