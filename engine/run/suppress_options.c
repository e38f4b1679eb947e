#include "engine/run/suppress_options.h"
#include "engine/base/check.h"

static const struct option_row rows[] = {
#define OPTIONS_FILE   "engine/suppress_options.def"
#define OPTIONS_STRUCT struct suppress_options
#include "engine/base/options_rows.def"
};

#define OPTIONS_FILE "engine/suppress_options.def"
#include "engine/base/options_asserts.def"

const struct option_table suppress_option_table = {
	.program = "longship suppress",
	.about = "Keeps the list of those who get no mail, also while a sender runs.",
	.operands = "add ADDRESS ... | del ADDRESS ... | import FILE ... (-: standard input) | "
		    "list [ADDRESS ...]",
	.rows = rows,
	.rows_count = COUNT_OF(rows),
	.size = sizeof(struct suppress_options),
};
