#include "engine/run/submit_options.h"
#include "engine/base/check.h"

static const struct option_row rows[] = {
#define OPTIONS_FILE   "engine/submit_options.def"
#define OPTIONS_STRUCT struct submit_options
#include "engine/base/options_rows.def"
};

#define OPTIONS_FILE "engine/submit_options.def"
#include "engine/base/options_asserts.def"

const struct option_table submit_option_table = {
	.program = "longship submit",
	.about = "Puts message files into a spool: whole and on the disk, or not at all.",
	.operands = "FILE|DIR ... (-: standard input)",
	.rows = rows,
	.rows_count = COUNT_OF(rows),
	.size = sizeof(struct submit_options),
};
