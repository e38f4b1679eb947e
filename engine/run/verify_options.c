#include "engine/run/verify_options.h"
#include "engine/base/check.h"

static const struct option_row rows[] = {
#define OPTIONS_FILE "engine/verify_options.def"
#define OPTIONS_STRUCT struct verify_options
#include "engine/base/options_rows.def"
};

#define OPTIONS_FILE "engine/verify_options.def"
#include "engine/base/options_asserts.def"

const struct option_table verify_option_table = {
	.program = "longship verify",
	.about = "Checks a chain of certificates against TLSA records, as a delivery does, offline.",
	.rows = rows,
	.rows_count = COUNT_OF(rows),
	.size = sizeof(struct verify_options),
};
