#include "engine/run/cache_options.h"
#include "engine/base/check.h"

static const struct option_row rows[] = {
#define OPTIONS_FILE   "engine/cache_options.def"
#define OPTIONS_STRUCT struct cache_options
#include "engine/base/options_rows.def"
};

#define OPTIONS_FILE "engine/cache_options.def"
#include "engine/base/options_asserts.def"

const struct option_table cache_option_table = {
	.program = "longship cache",
	.about = "Shows what is known of domains at this moment, or forgets it, also while senders "
		 "run.",
	.operands = "list | show DOMAIN | forget DOMAIN",
	.rows = rows,
	.rows_count = COUNT_OF(rows),
	.size = sizeof(struct cache_options),
};
