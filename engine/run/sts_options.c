#include "engine/run/sts_options.h"
#include "engine/base/check.h"

static const struct option_row rows[] = {
#define OPTIONS_FILE   "engine/sts_options.def"
#define OPTIONS_STRUCT struct sts_options
#include "engine/base/options_rows.def"
};

#define OPTIONS_FILE "engine/sts_options.def"
#include "engine/base/options_asserts.def"

const struct option_table sts_option_table = {
	.program = "longship sts",
	.about = "Checks a policy file or the TXT records of MTA-STS, as a delivery does, offline.",
	.rows = rows,
	.rows_count = COUNT_OF(rows),
	.size = sizeof(struct sts_options),
};
