#include "engine/run/send_options.h"
#include "engine/base/check.h"

static const struct option_row rows[] = {
#define OPTIONS_FILE "engine/options.def"
#define OPTIONS_STRUCT struct send_options
#include "engine/base/options_rows.def"
};

#define OPTIONS_FILE "engine/options.def"
#include "engine/base/options_asserts.def"

const struct option_table send_option_table = {
	.program = "longship send",
	.about = "Delivers the mail of a spool until it is stopped.",
	.rows = rows,
	.rows_count = COUNT_OF(rows),
	.size = sizeof(struct send_options),
};
